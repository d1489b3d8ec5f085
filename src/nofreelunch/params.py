"""The typed, validated view of params.yaml. Every error names the bad key, the legal values and the nearest match."""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)

from nofreelunch.base.errors import UserError, unknown
from nofreelunch.base.options import Count
from nofreelunch.base.registry import Known
from nofreelunch.base.spec import Spec
from nofreelunch.base.yaml_core import read_yaml
from nofreelunch.embedders.facts import facts_of, seen_by
from nofreelunch.embedders.spec import EmbedderSpec, Transformer
from nofreelunch.heads.spec import HeadSpec
from nofreelunch.selection.pools import POOLS
from nofreelunch.selection.strategies import STRATEGIES
from nofreelunch.tasks.annotator import AnnotatorSpec, Exact
from nofreelunch.tasks.budget import Budget, Rounds
from nofreelunch.tasks.spec import TaskSpec

NAME = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
LONGEST_NAME = 64
# The keys that say which kind of task, embedder, head or annotator an entry is.
KINDS = ("source", "kind", "noise")


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
        embedders = {name: self.embedders[name] for name in self.grid.embedders}
        marks = {
            (name, dataset): seen_by(spec, self.datasets[dataset].identity)
            for name, spec in embedders.items()
            for dataset in self.grid.datasets
        }
        facts = {name: facts_of(spec) for name, spec in embedders.items()}
        return Known(marks, {name: found.mteb for name, found in facts.items() if found and found.mteb is not None})

    def rounds(self, dataset: str, classes: int) -> Rounds:
        """The budget in labels of a task of ``classes`` classes."""
        return self.budget.resolve(self.datasets[dataset].budget, classes)

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
        return _check_options("strategy", "query strategy", registry, known, query_subset=(Count | None, None))

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for key in ("datasets", "embedders", "pools", "strategies"):
            registry = getattr(self, key)
            for name in getattr(self.grid, key):
                if name not in registry:
                    raise ValueError(f"grid.{key}: {unknown(f'entry of {key}', name, registry)}")
        for name, spec in self.embedders.items():
            for dataset in spec.instructions if isinstance(spec, Transformer) else ():
                if dataset not in self.datasets:
                    raise ValueError(
                        f"embedders.{name}.instructions: {unknown('entry of datasets', dataset, self.datasets)}"
                    )
        if self.focus.embedder not in self.grid.embedders:
            raise ValueError(
                f"focus.embedder: {unknown('embedder of the grid', self.focus.embedder, self.grid.embedders)}"
            )
        for name in self.grid.strategies:
            if STRATEGIES[self.strategies[name]["strategy"]].needs_linear_head and not self.head.linear:
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
    **common: Any,
) -> dict[str, dict[str, Any]]:
    """Each entry with the name of its function, by default its own, under ``key`` and all options, or what is wrong.

    Options are the keyword-only parameters of the function and those that are ``common`` to all (type and default).
    """
    checked = {}
    for name, options in registry.items():
        given = dict(options or {})
        function = given.pop(key, name)
        if function not in known:
            near = get_close_matches(name, known, n=1, cutoff=0.5)
            named = f" An entry with a name of its own says '{key}: {near[0] if near else 'random'}'."
            raise ValueError(unknown(kind, str(function), known) + (named if function == name else ""))
        if name in known and function != name:
            raise ValueError(f"{name}.{key}: '{name}' is itself a {kind}; for one with {function} call it otherwise")
        try:
            model = options_model(known[function], tuple(common.items()))
            checked[name] = {key: function} | model(**given).model_dump()
        except ValidationError as error:
            raise ValueError("; ".join(f"{name}.{line}" for line in explain(error, given))) from error
    return checked


@cache
def options_model(method: Callable[..., Any], common: tuple[tuple[str, Any], ...] = ()) -> type[BaseModel]:
    """A model of the keyword-only parameters of ``method`` and the ``common`` ones: names, types and defaults."""
    fields: dict[str, Any] = {
        parameter.name: (parameter.annotation, parameter.default)
        for parameter in inspect.signature(method).parameters.values()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }
    return create_model(method.__name__, __base__=Spec, **dict(common), **fields)


def explain(error: ValidationError, content: Any) -> list[str]:
    """One line per problem in ``content``: the dotted key, then what is wrong with it."""
    lines = []
    for problem in error.errors():
        key = ".".join(_path(problem["loc"], content, problem["type"] == "missing"))
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "union_tag_invalid":
            context = problem["ctx"]
            legal = [tag.strip(" '") for tag in context["expected_tags"].split(",")]
            discriminator = context["discriminator"].strip("'")
            key, message = f"{key}.{discriminator}", unknown(discriminator, str(context["tag"]), legal)
        elif problem["type"] == "literal_error":
            message = f"{message}, not {problem['input']!r}"
        elif problem["type"] != "value_error" and not isinstance(problem["input"], Mapping):
            message = f"{message} (it is {problem['input']!r})"
        lines.append(f"{key}: {message}" if key else message)
    return lines


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
