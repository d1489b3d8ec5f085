"""The head's section of params.yaml, of any kind."""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError

from nofreelunch.heads.kinds import KINDS
from nofreelunch.heads.section import Section

_SECTIONS = {name: kind.section for name, kind in KINDS.items()}


def _own_options(value: Any) -> Any:
    """``value`` as a logistic head where it names no kind, and without options that only heads of another kind take.

    So ``dvc exp run -S head.kind=knn`` works where options of another kind stand; what no head takes stays, and is
    refused.
    """
    if not isinstance(value, dict):
        return value
    said = {"kind": "logistic", **value}
    own = str(said["kind"])
    if own not in _SECTIONS:
        return said
    return {
        key: option
        for key, option in said.items()
        if key == "kind" or _takes(own, key, option) or not any(_takes(kind, key, option) for kind in _SECTIONS)
    }


def _takes(kind: str, key: Any, option: Any) -> bool:
    try:
        _SECTIONS[kind].model_validate({"kind": kind, key: option})
    except ValidationError:
        return False
    return True


if TYPE_CHECKING:
    HeadSpec = Section
else:
    HeadSpec = Annotated[
        Annotated[reduce(or_, _SECTIONS.values()), Field(discriminator="kind")],
        BeforeValidator(_own_options),
    ]
