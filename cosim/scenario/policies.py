"""Policies as a scenario names them: a label, the kind and its parameters, checked by the policy's own
Config. The policies themselves are made by the community."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, SerializeAsAny
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from cosim.core.config import Config, setting
from cosim.errors import UnknownNameError
from cosim.policies.registry import load, names
from cosim.scenario.nested import error, raise_inside, validated


class PolicyUse(Config):
    """A policy and its parameters."""

    kind: str = setting(
        about="Name of the policy (`cosim list policies`), or `module:Class` for one of your own."
    )
    parameters: SerializeAsAny[Config] = setting(about="Parameters of that policy.")

    def values(self, base: Path = Path()) -> dict[str, Any]:
        """The parameters as keyword arguments of `cosim.policies.create`; paths start at `base`."""
        own = {name: getattr(self.parameters, name) for name in type(self.parameters).model_fields}
        return own | self.files(base)

    def files(self, base: Path = Path()) -> dict[str, Path]:
        """The parameters that name a file; paths start at `base`."""
        own = {name: getattr(self.parameters, name) for name in type(self.parameters).model_fields}
        return {name: base / value for name, value in own.items() if isinstance(value, Path)}


def _stray(key: Any, item: Any, kind: Any, config: type[Config] | None) -> dict[str, Any]:
    """The error for a key that a policy does not have: often it is one of its parameters."""
    if config is not None and key in config.model_fields:
        text = f"{key!r} is a parameter of the policy {kind} (write it below `parameters`)"
        return error((key,), "value_error", text, item)
    return error((key,), "extra_forbidden", "Extra inputs are not permitted", item)


class _Checked:
    """Makes pydantic check `parameters` by the Config of `kind`."""

    def _check(self, value: Any) -> PolicyUse:
        if isinstance(value, PolicyUse):
            return value
        errors: list[dict[str, Any]] = []
        if isinstance(value, str):  # `default: zero-intelligence` is short for {kind: zero-intelligence}
            value = {"kind": value}
        if not isinstance(value, Mapping):
            raise_inside([error((), "dict_type", "Input should be a valid dictionary", value)])
        kind = value.get("kind")
        config: type[Config] | None = None
        if kind is None:
            errors.append(error(("kind",), "missing", "Field required", value))
        elif not isinstance(kind, str):
            errors.append(error(("kind",), "string_type", "Input should be a valid string", kind))
        else:
            try:
                config = load(kind).Config
            except UnknownNameError as unknown:
                problem = unknown.problems[0]
                text = f"{problem.message} ({problem.remedy})" if problem.remedy else problem.message
                errors.append(error(("kind",), "unknown_name", text, kind))
        strays = [key for key in value if key not in PolicyUse.model_fields]
        errors += [_stray(key, value[key], kind, config) for key in strays]
        parameters = config and validated(config, value.get("parameters") or {}, errors, "parameters")
        raise_inside(errors)
        return PolicyUse(kind=cast(str, kind), parameters=cast(Config, parameters))

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        return core_schema.no_info_plain_validator_function(
            self._check,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda use: {"kind": use.kind, "parameters": use.parameters.model_dump(mode="json")}
            ),
        )

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        forms: list[dict[str, Any]] = []
        for name in names():
            forms.append(
                {
                    "type": "object",
                    "title": name,
                    "description": load(name).summary,
                    "properties": {
                        "kind": {"const": name, "description": PolicyUse.model_fields["kind"].description},
                        "parameters": handler(load(name).Config.__pydantic_core_schema__),
                    },
                    "required": ["kind"],
                    "additionalProperties": False,
                }
            )
        own = {"type": "string", "pattern": "^[^:]+:[^:]+$"}
        forms.append(
            {
                "type": "object",
                "title": "module:Class",
                "properties": {
                    "kind": {**own, "description": PolicyUse.model_fields["kind"].description},
                    "parameters": {"type": "object", "description": "Parameters of the class's Config."},
                },
                "required": ["kind"],
                "additionalProperties": False,
            }
        )
        forms.append({"type": "string", "title": "name alone", "anyOf": [{"enum": names()}, own]})
        return {"anyOf": forms}


AnyPolicy = Annotated[PolicyUse, _Checked()]
