"""Options of functions: their keyword-only parameters, and ranges for those of strategies and pool selections."""

import inspect
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, Field, create_model

from nofreelunch.base.spec import Spec

Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
Size = Annotated[int, Field(ge=0, le=1_000_000_000)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, lt=1)]

Common = tuple[tuple[str, Any], ...]
"""Options of all entries of a section: name, and type with default."""


@cache
def options_model(method: Callable[..., Any], common: Common = ()) -> type[BaseModel]:
    """A model of the keyword-only parameters of ``method`` and the ``common`` ones: names, types and defaults."""
    fields: dict[str, Any] = {
        parameter.name: (
            Any if parameter.annotation is parameter.empty else parameter.annotation,
            ... if parameter.default is parameter.empty else parameter.default,
        )
        for parameter in inspect.signature(method, eval_str=True).parameters.values()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }
    return create_model(getattr(method, "__name__", "options"), __base__=Spec, **dict(common), **fields)
