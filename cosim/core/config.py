"""The base of all configuration: frozen, unknown keys forbidden, a unit and an explanation on every field.
Each room declares its own Config from this; the scenario's schema is assembled from them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo


class Config(BaseModel):
    """Frozen settings of one thing; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


def setting(default: Any = ..., *, unit: str = "", about: str, **constraints: Any) -> Any:
    """A field of a Config: its default (none: required), unit, explanation and pydantic constraints (`ge=0`).

    The unit goes into the JSON Schema and the generated reference; `""` is for what has none.
    """
    extra: dict[str, Any] = {"unit": unit} if unit else {}
    field: FieldInfo = (
        Field(default_factory=default, description=about, json_schema_extra=extra, **constraints)
        if callable(default)
        else Field(default, description=about, json_schema_extra=extra, **constraints)
    )
    return field
