"""The base of every typed section of params.yaml."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from nofreelunch.base.errors import unknown


class Spec(BaseModel):
    """A frozen section with exact types; an unknown key is refused with the nearest legal one."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, value: Any) -> Any:
        if isinstance(value, dict):
            for key in value:
                if key not in cls.model_fields:
                    raise ValueError(unknown("key", str(key), cls.model_fields))
        return value
