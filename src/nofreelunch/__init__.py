"""No Free Lunch: a benchmark of active learning on frozen LLM text embeddings.

As a library: ``nofreelunch.query`` and ``nofreelunch.QueryStrategy`` (docs/library.md), and ``nofreelunch.LabelLoop``
with its ``nofreelunch.Options`` (docs/label.md).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nofreelunch.labelling.loop import LabelLoop, Options
    from nofreelunch.selection.library import QueryStrategy, query

__version__ = "0.1.0"
__all__ = ["LabelLoop", "Options", "QueryStrategy", "__version__", "query"]
_HOMES = {
    "LabelLoop": "labelling.loop",
    "Options": "labelling.loop",
    "QueryStrategy": "selection.library",
    "query": "selection.library",
}


def __getattr__(name: str) -> Any:
    """What a notebook asks for, loaded when it is first asked for: all else starts faster without it."""
    if name in _HOMES:
        return getattr(import_module(f"nofreelunch.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
