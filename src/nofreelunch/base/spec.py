"""The base of every typed section of params.yaml."""

import re
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, model_validator

from nofreelunch.base.errors import unknown

# Numbers to people, to YAML 1.2 and to DVC, but text to YAML 1.1, which wants a point and a signed exponent.
NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+")


class Spec(BaseModel):
    """A frozen section with exact types; an unknown key is refused with the nearest legal one."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        fields = {one.alias or name: one for name, one in cls.model_fields.items()}
        for key in value:
            if key not in fields:
                raise ValueError(unknown("key", str(key), fields))
        return {key: numbers(part, fields[key].annotation) for key, part in value.items()}


def numbers(value: Any, annotation: Any) -> Any:
    """``value`` with text such as ``1e-3`` as the number it means, where ``annotation`` takes a float and no text."""
    if isinstance(value, list):
        inner = [part for kind in _kinds(annotation) if get_origin(kind) is list for part in get_args(kind)]
        return [numbers(part, inner[0]) for part in value] if len(inner) == 1 else value
    kinds = _kinds(annotation)
    meant = isinstance(value, str) and float in kinds and str not in kinds and NUMBER.fullmatch(value)
    return float(value) if meant else value


def _kinds(annotation: Any) -> list[Any]:
    """The types that a union is of, without what is annotated to them."""
    if get_origin(annotation) is Annotated:
        return _kinds(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [kind for part in get_args(annotation) for kind in _kinds(part)]
    return [annotation]
