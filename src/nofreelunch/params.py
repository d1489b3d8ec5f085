"""The typed, validated view of params.yaml. Every error names the bad key, the legal values and the nearest match."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Self, TypeVar

import yaml
from pydantic import (
    Field,
    PydanticUserError,
    TypeAdapter,
    ValidationError,
    field_serializer,
    field_validator,
    model_validator,
)

from nofreelunch.base.errors import UserError, unknown
from nofreelunch.base.options import Common, Count, options_model
from nofreelunch.base.outside import Outside, find, installed, offered_names
from nofreelunch.base.registry import Known
from nofreelunch.base.spec import Spec
from nofreelunch.base.yaml_core import read_yaml
from nofreelunch.embedders.facts import facts_of, seen_by
from nofreelunch.embedders.spec import EmbedderSpec
from nofreelunch.heads.spec import HeadSpec
from nofreelunch.selection import foreign, strategies
from nofreelunch.selection.pools import POOLS
from nofreelunch.selection.strategies import STRATEGIES
from nofreelunch.tasks.annotator import AnnotatorSpec, Exact
from nofreelunch.tasks.budget import Budget, Rounds
from nofreelunch.tasks.spec import TaskSpec

NAME = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
LONGEST_NAME = 64
# The keys that say which kind of task, embedder, head or annotator an entry is.
KINDS = ("source", "kind", "noise")
# What such an entry must name, a head apart, which is logistic where it does not.
NAMED: dict[str, Any] = {"source": TaskSpec, "kind": EmbedderSpec, "noise": AnnotatorSpec}
# The key of a file or package.module:name that an entry's code is in.
FROM = "from"


QUERY_SUBSET: Common = (("query_subset", (Count | None, None)),)
# Under which installed packages offer theirs.
GROUPS = {"pool": "nofreelunch.pools", "strategy": "nofreelunch.strategies"}
Loaded = TypeVar("Loaded")


def _name(value: str) -> str:
    if not NAME.fullmatch(value) or len(value) > LONGEST_NAME:
        raise ValueError(
            f"'{value}' is no legal name: use up to {LONGEST_NAME} lower-case letters and digits in groups joined "
            f"by single '_' (it becomes a folder and a DVC stage), e.g. 'my_task_2'"
        )
    return value


class Grid(Spec):
    """The factors whose product is the benchmark: names from the registries below, and the number of seeds."""

    datasets: list[str] = Field(min_length=1)
    embedders: list[str] = Field(min_length=1)
    pools: list[str] = Field(min_length=1)
    strategies: list[str] = Field(min_length=1)
    seeds: int = Field(ge=1, le=10_000)

    @property
    def runs_per_cell(self) -> int:
        """How many AL runs each (task, embedder) has."""
        return len(self.pools) * len(self.strategies) * self.seeds

    @field_validator("datasets", "embedders", "pools", "strategies")
    @classmethod
    def _distinct(cls, names: list[str]) -> list[str]:
        for name in names:
            _name(name)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} stands in the list more than once; remove the repetition")
        return names

    @field_validator("strategies")
    @classmethod
    def _has_baseline(cls, names: list[str]) -> list[str]:
        if "random" not in names:
            raise ValueError("'random' is missing; add it: every gain is measured against random querying")
        return names


class Focus(Spec):
    """The embedder that metrics/focus.json and the DVC plots show."""

    embedder: str


class Params(Spec):
    """params.yaml, whole."""

    grid: Grid
    focus: Focus
    budget: Budget
    head: HeadSpec
    annotator: AnnotatorSpec = Exact()
    datasets: dict[str, TaskSpec]
    embedders: dict[str, EmbedderSpec]
    pools: dict[str, dict[str, Any]]
    strategies: dict[str, dict[str, Any]]

    def known(self) -> Known:
        """What the registry knows of the grid's entries: by what they load, not by their names."""
        embedders = self.grid_embedders
        marks = {
            (name, dataset): seen_by(spec, self.datasets[dataset].identity)
            for name, spec in embedders.items()
            for dataset in self.grid.datasets
        }
        facts = {name: found for name, spec in embedders.items() if (found := facts_of(spec))}
        mteb = {name: found.mteb for name, found in facts.items() if found.mteb is not None}
        return Known(marks, mteb, {name: found.active / 1e6 for name, found in facts.items()})

    @property
    def grid_embedders(self) -> dict[str, EmbedderSpec]:
        """The grid's embedders by name."""
        return {name: self.embedders[name] for name in self.grid.embedders}

    def rounds(self, dataset: str, classes: int) -> Rounds:
        """The budget in labels of a task of ``classes`` classes."""
        return self.budget.resolve(self.datasets[dataset].budget, classes)

    @property
    def foreign(self) -> dict[str, dict[str, Outside]]:
        """The grid's embedders, pools and strategies that are code from outside this package, and its head where it
        is."""
        own = self.head.outside()
        head = {self.head.kind: own} if own else {}
        embedders = {name: code for name, spec in self.grid_embedders.items() if (code := spec.outside()) is not None}
        return {"head": head, "embedders": embedders} | {
            key: {
                name: getattr(self, key)[name][FROM]
                for name in getattr(self.grid, key)
                if FROM in getattr(self, key)[name]
            }
            for key in ("pools", "strategies")
        }

    @property
    def foreign_names(self) -> list[str]:
        """Names of the grid's embedders, pools and strategies that are no part of the benchmark."""
        return [name for key, named in self.foreign.items() if key != "head" for name in named]

    @field_serializer("pools", "strategies")
    def _as_named(self, registry: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        return {
            name: {key: value.where if isinstance(value, Outside) else value for key, value in entry.items()}
            for name, entry in registry.items()
        }

    @field_validator("datasets", "embedders", "pools", "strategies", mode="before")
    @classmethod
    def _names(cls, registry: Any) -> Any:
        for name in registry if isinstance(registry, dict) else ():
            _name(str(name))
        return registry

    @field_validator("pools")
    @classmethod
    def _pool_options(cls, registry: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        return _check_options("pool", "pool selection", registry, POOLS)

    @field_validator("strategies")
    @classmethod
    def _strategy_options(cls, registry: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        known = {name: entry.select for name, entry in STRATEGIES.items()}
        return _check_options("strategy", "query strategy", registry, known, QUERY_SUBSET)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for key in ("datasets", "embedders", "pools", "strategies"):
            registry = getattr(self, key)
            for name in getattr(self.grid, key):
                if name not in registry:
                    raise ValueError(f"grid.{key}: {unknown(f'entry of {key}', name, registry)}")
        for name, spec in self.embedders.items():
            for dataset in spec.about().instructions:
                if dataset not in self.datasets:
                    raise ValueError(
                        f"embedders.{name}.instructions: {unknown('entry of datasets', dataset, self.datasets)}"
                    )
        if self.focus.embedder not in self.grid.embedders:
            raise ValueError(
                f"focus.embedder: {unknown('embedder of the grid', self.focus.embedder, self.grid.embedders)}"
            )
        for name in self.grid.embedders:
            _loaded("embedders", name, type(self.embedders[name]).check, self.embedders[name])
        _load_foreign("pools", self.pools, self.grid.pools)
        _load_foreign("strategies", self.strategies, self.grid.strategies, QUERY_SUBSET)
        for name in self.grid.strategies:
            if _loaded("strategies", name, strategies.parts, self.strategies[name])[0].needs_linear_head and (
                not self.head.linear
            ):
                raise ValueError(
                    f"grid.strategies: {name} needs a linear head, and head.kind is '{self.head.kind}'; choose "
                    f"logistic, lda or ridge, or take {name} out of the grid"
                )
        for name in self.grid.datasets:
            task = self.datasets[name]
            if task.train is None or (task.budget is None and self.budget.track == "low"):
                continue
            initial = self.rounds(name, 2).initial
            if initial > task.train:
                key = f"budget.{self.budget.track}" if task.budget is None else f"datasets.{name}.budget"
                raise ValueError(
                    f"{key}.initial: k₀ = {initial} is larger than the pool of {name} (datasets.{name}.train = "
                    f"{task.train}); lower k₀ or raise the cap"
                )
        return self


def _check_options(
    key: str,
    kind: str,
    registry: Mapping[str, dict[str, Any]],
    known: Mapping[str, Callable[..., Any]],
    common: Common = (),
) -> dict[str, dict[str, Any]]:
    """Each entry with the name of its function, by default its own, under ``key`` and all options, or what is wrong.

    Options are the keyword-only parameters of the function and those that are ``common`` to all (type and default).
    Code from outside is named under ``from``; it is loaded later, and only where the grid has the entry.
    """
    checked = {}
    for name, options in registry.items():
        given = dict(options or {})
        if FROM in given:
            checked[name] = _foreign_entry(key, kind, name, given, known)
            continue
        function = given.pop(key, name)
        offered = None if function in known else _offered(key, str(function))
        if offered is not None:
            checked[name] = {FROM: offered} | given
            continue
        if function not in known:
            near = get_close_matches(name, known, n=1, cutoff=0.5)
            named = f" An entry with a name of its own says '{key}: {near[0] if near else 'random'}'."
            legal = [*known, *offered_names(GROUPS[key])]
            raise ValueError(unknown(kind, str(function), legal) + (named if function == name else ""))
        if name in known and function != name:
            raise ValueError(f"{name}.{key}: '{name}' is itself a {kind}; for one with {function} call it otherwise")
        try:
            model = options_model(known[function], common)
            checked[name] = {key: function} | model(**given).model_dump()
        except ValidationError as error:
            raise ValueError(_explained(name, error, given)) from error
    return checked


def _foreign_entry(
    key: str, kind: str, name: str, given: dict[str, Any], known: Mapping[str, Callable[..., Any]]
) -> dict[str, Any]:
    """``given``, if it may name code from outside.

    Raises:
        ValueError: it has the name of a built-in function, names one as well, or ``from`` is no text.
    """
    if name in known:
        raise ValueError(f"{name}.{FROM}: '{name}' is a built-in {kind}; call yours otherwise")
    if key in given:
        raise ValueError(f"{name}: it says both '{key}' and '{FROM}'; remove one of them")
    if not isinstance(given[FROM], str | Outside):
        raise ValueError(f"{name}.{FROM}: must be a Python file or 'package.module:name', not {given[FROM]!r}")
    return given


def _offered(key: str, function: str) -> str | None:
    try:
        return installed(GROUPS[key], function)
    except UserError as error:
        raise ValueError(str(error)) from error


def _load_foreign(section: str, registry: dict[str, dict[str, Any]], grid: Sequence[str], common: Common = ()) -> None:
    """Load the code from outside that entries of the ``grid`` name, and check their options, in place."""
    for name in grid:
        if FROM not in registry[name]:
            continue
        given = dict(registry[name])
        where = given.pop(FROM)
        outside = where if isinstance(where, Outside) else _loaded(section, name, find, where)
        method = _loaded(section, name, foreign.function, outside)
        try:
            registry[name] = {FROM: outside} | options_model(method, common)(**given).model_dump()
            json.dumps({key: value for key, value in registry[name].items() if key != FROM}, allow_nan=False)
        except ValidationError as error:
            raise ValueError(_explained(f"{section}.{name}", error, given)) from error
        except (NameError, TypeError, ValueError, PydanticUserError) as error:
            raise ValueError(
                f"{section}.{name}: an option of '{outside.where}' is neither a number, a text, true, false nor a list "
                f"of those, with its type and default written beside it ({error})"
            ) from error


def _loaded(section: str, name: str, load: Callable[[Any], Loaded], where: Any) -> Loaded:
    try:
        return load(where)
    except UserError as error:
        raise ValueError(f"{section}.{name}: {error}") from error


def _explained(entry: str, error: ValidationError, given: Any) -> str:
    """What is wrong with the options ``given`` of an ``entry``, in one line."""
    lines = zip(explain(error, given), error.errors(), strict=True)
    return "; ".join(f"{entry}.{line}" if problem["loc"] else f"{entry}: {line}" for line, problem in lines)


def explain(error: ValidationError, content: Any) -> list[str]:
    """One line per problem in ``content``: the dotted key, then what is wrong with it."""
    lines = []
    for problem in error.errors():
        key = ".".join(_path(problem["loc"], content, problem["type"] == "missing"))
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "union_tag_invalid":
            which, legal = _which(problem["ctx"])
            key, message = f"{key}.{which}", unknown(which, str(problem["ctx"]["tag"]), legal)
        elif problem["type"] == "union_tag_not_found":
            which, _ = _which(problem["ctx"])
            key, message = f"{key}.{which}", f"is missing. Legal values: {', '.join(_legal(which))}."
        elif problem["type"] == "literal_error":
            message = f"{message}, not {problem['input']!r}"
        elif problem["type"] != "value_error" and not isinstance(problem["input"], Mapping):
            message = f"{message} (it is {problem['input']!r})"
        lines.append(f"{key}: {message}" if key else message)
    return lines


def _which(context: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The key that says of which kind an entry is, and its legal values where pydantic knows of them."""
    tags = context.get("expected_tags", "").split(",")
    return context["discriminator"].strip("'"), [tag.strip(" '") for tag in tags]


def _legal(which: str) -> list[str]:
    try:
        TypeAdapter(NAMED[which]).validate_python({which: ""})
    except ValidationError as error:
        return sorted(_which(error.errors()[0]["ctx"])[1])
    return []


def _path(places: Sequence[Any], content: Any, missing: bool) -> list[str]:
    """``places`` without the names of the kinds that pydantic puts between the keys of a union."""
    path = []
    kind_is_due = True
    for number, place in enumerate(places):
        if isinstance(content, dict) and kind_is_due and any(content.get(key) == place for key in KINDS):
            kind_is_due = False
            continue
        if (isinstance(content, dict) and place in content) or (isinstance(content, list) and isinstance(place, int)):
            content, kind_is_due = content[place], True
        elif not (missing and number == len(places) - 1):
            continue
        path.append(str(place))
    return path


def load(path: Path = Path("params.yaml")) -> Params:
    """Read and check params.yaml.

    Raises:
        UserError: the file is absent, is no YAML, or any value in it is wrong.
    """
    try:
        content = read_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing. Run from the folder that holds dvc.yaml.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is no valid YAML: {error}") from error
    return checked(content, path)


def checked(content: Any, path: Path) -> Params:
    """The ``content`` of params.yaml as it was read from ``path``, checked.

    Raises:
        UserError: any value in it is wrong.
    """
    if not isinstance(content, dict):
        raise UserError(f"{path} must be a mapping with the sections {', '.join(Params.model_fields)}.")
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{path}:\n" + "\n".join(f"  {line}" for line in explain(error, content))) from error
