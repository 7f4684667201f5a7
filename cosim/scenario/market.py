"""The market as a scenario names it: the mechanism and its parameters, checked by the mechanism's own Config,
and what holds for any mechanism. The mechanism itself is made by the community."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, SerializeAsAny
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from cosim.core.config import Config, setting
from cosim.errors import UnknownNameError
from cosim.market.mechanism import NoParameters
from cosim.market.registry import DEFAULT, load, names
from cosim.scenario.nested import error, raise_inside, validated


class MarketUse(Config):
    """How energy is traded between the prosumers of a community."""

    mechanism: str = setting(
        DEFAULT,
        about="Name of the mechanism (`cosim list mechanisms`), or `module:Class` for one of your own.",
    )
    parameters: SerializeAsAny[Config] = setting(
        lambda: load(DEFAULT).Config(), about="Parameters of that mechanism."
    )
    bidding: Literal["reservation", "setpoint"] = setting(
        "reservation",
        about="What policies decide: the value of stored energy, which makes flexible devices conditional "
        "orders, or set-points of the devices, from which the quantity follows.",
    )
    gate_closure: int = setting(
        0,
        about="Settlement periods between the session and the delivery that it is about.",
        ge=0,
        le=96,
    )

    def values(self) -> dict[str, Any]:
        """The parameters as keyword arguments of `cosim.market.registry.create`."""
        return {name: getattr(self.parameters, name) for name in type(self.parameters).model_fields}


class _Checked:
    """Makes pydantic check `parameters` by the Config of `mechanism`."""

    def _check(self, value: Any) -> MarketUse:
        if isinstance(value, MarketUse):
            return value
        if isinstance(value, str):  # `market: call-auction` is short for {mechanism: call-auction}
            value = {"mechanism": value}
        if not isinstance(value, Mapping):
            raise_inside([error((), "dict_type", "Input should be a valid dictionary", value)])
        errors: list[dict[str, Any]] = []
        name = value.get("mechanism", DEFAULT)
        config = _config(name, errors)
        settings = {key: item for key, item in value.items() if key != "parameters"}
        if config is not None:
            parameters = value.get("parameters")
            given = validated(config, {} if parameters is None else parameters, errors, "parameters")
            settings["parameters"] = given or NoParameters()
            for key in [key for key in settings if key in config.model_fields]:
                text = f"{key!r} is a parameter of the mechanism {name} (write it below `parameters`)"
                errors.append(error((key,), "value_error", text, settings.pop(key)))
        found = validated(MarketUse, settings, errors)
        raise_inside(errors)
        assert isinstance(found, MarketUse)  # without errors it is one
        return found

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        return core_schema.no_info_plain_validator_function(
            self._check,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda use: use.model_dump(mode="json")
            ),
        )

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        own = {"type": "string", "pattern": "^[^:]+:[^:]+$"}
        forms = []
        for name in names():
            parameters = handler(load(name).Config.__pydantic_core_schema__)
            forms.append(_form(name, load(name).summary, {"const": name, "default": DEFAULT}, parameters))
            if name != DEFAULT:
                forms[-1]["required"] = ["mechanism"]
        anything = {"type": "object", "description": "Parameters of the class's Config."}
        forms.append({**_form("module:Class", "", own, anything), "required": ["mechanism"]})
        forms.append({"type": "string", "title": "name alone", "anyOf": [{"enum": names()}, own]})
        return {"anyOf": forms}


def _config(name: Any, errors: list[dict[str, Any]]) -> type[Config] | None:
    """The Config of a mechanism; None if there is none, which is then among the errors."""
    if not isinstance(name, str):
        return None  # MarketUse says so
    try:
        return load(name).Config
    except UnknownNameError as unknown:
        problem = unknown.problems[0]
        text = f"{problem.message} ({problem.remedy})" if problem.remedy else problem.message
        errors.append(error(("mechanism",), "unknown_name", text, name))
        return None


def _form(title: str, about: str, mechanism: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    """One alternative of the section: a mechanism with its parameters and what all have."""
    own = MarketUse.model_json_schema()["properties"]
    described = {"description": own["mechanism"]["description"]}
    common = {key: own[key] for key in ("bidding", "gate_closure")}
    return {
        "type": "object",
        "title": title,
        **({"description": about} if about else {}),
        "properties": {"mechanism": {**mechanism, **described}, "parameters": parameters, **common},
        "additionalProperties": False,
    }


AnyMarket = Annotated[MarketUse, _Checked()]
