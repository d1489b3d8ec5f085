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
    own = _SECTIONS.get(str(said["kind"]))
    others = [section for section in _SECTIONS.values() if section is not own]
    if own is None:
        return said
    return {
        key: option
        for key, option in said.items()
        if key == "kind" or _takes(own, key, option) or not any(_takes(section, key, option) for section in others)
    }


def _takes(section: type[Section], key: Any, option: Any) -> bool:
    kind = next(kind for kind, known in _SECTIONS.items() if known is section)
    try:
        section.model_validate({"kind": kind, key: option})
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
