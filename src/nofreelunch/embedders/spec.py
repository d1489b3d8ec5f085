"""An embedder's entry in params.yaml, of any kind."""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from nofreelunch.base.errors import UserError
from nofreelunch.base.outside import installed
from nofreelunch.embedders.kinds import KINDS
from nofreelunch.embedders.section import Section

# Under which installed packages offer kinds of their own.
GROUP = "nofreelunch.embedders"


def _from_outside(value: Any) -> Any:
    """An entry with ``from`` alone, or of a kind that an installed package offers, as one of kind ``outside``."""
    if not isinstance(value, dict):
        return value
    kind = value.get("kind")
    if kind is None and "from" in value:
        return {"kind": "outside", **value}
    if not isinstance(kind, str) or "from" in value or kind in KINDS:
        return value
    try:
        offered = installed(GROUP, kind)
    except UserError as error:
        raise ValueError(str(error)) from error
    return value if offered is None else {**value, "kind": "outside", "from": offered}


if TYPE_CHECKING:
    EmbedderSpec = Section
else:
    EmbedderSpec = Annotated[
        Annotated[reduce(or_, KINDS.values()), Field(discriminator="kind")],
        BeforeValidator(_from_outside),
    ]
