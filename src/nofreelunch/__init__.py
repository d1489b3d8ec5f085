"""No Free Lunch: a benchmark of active learning on frozen LLM text embeddings.

As a library: ``nofreelunch.query`` and ``nofreelunch.QueryStrategy`` (docs/library.md).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nofreelunch.selection.library import QueryStrategy, query

__version__ = "0.1.0"
__all__ = ["QueryStrategy", "__version__", "query"]


def __getattr__(name: str) -> Any:
    """`query` and `QueryStrategy`, loaded when they are first asked for: all else starts faster without them."""
    if name in ("QueryStrategy", "query"):
        return getattr(import_module("nofreelunch.selection.library"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
