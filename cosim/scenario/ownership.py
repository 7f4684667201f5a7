"""Devices as a scenario gives them to a group or to one prosumer: the device's own Config plus who has one.
The devices themselves are built by the community."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, cast

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, create_model
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from cosim.core.config import Config, setting
from cosim.devices import registry
from cosim.devices.base import Follows
from cosim.errors import Problem, UnknownNameError
from cosim.profiles.config import (
    DemandlibHeat,
    HeatProfileConfig,
    LoadProfileConfig,
    PowerCurveWind,
    PvProfileConfig,
    SimBenchLoad,
    SimBenchPv,
    WindProfileConfig,
)
from cosim.scenario.nested import by_name, raise_inside


class Owned(Config):
    """Who of a group has a device."""

    share: float = setting(1.0, unit="1", ge=0, le=1, about="Share of the group's prosumers that have one.")
    of: str | None = setting(
        None, about="Take the share only of those that have this other device, for example `of: pv`."
    )


PROFILES: dict[Follows, tuple[Any, type[Config], str]] = {
    "load": (LoadProfileConfig, SimBenchLoad, "Where its course over time comes from."),
    "pv": (PvProfileConfig, SimBenchPv, "Where its production comes from."),
    "wind": (WindProfileConfig, PowerCurveWind, "Where its production comes from."),
    "heat": (HeatProfileConfig, DemandlibHeat, "Where its course over time comes from."),
}
"""What a device follows -> the forms of its `profile`, the default, what it is for."""


@cache
def _with(kind: str, owned: bool) -> type[Config]:
    """The Config of a device kind with what the scenario adds to it."""
    device = registry.load(kind)
    lacking = [name for name in ("kind", "summary", "Config", "role") if not hasattr(device, name)]
    if lacking:
        text = f"device {kind!r} does not say its {', '.join(lacking)}"
        raise UnknownNameError(Problem(text, "docs/devices.md lists what a device says of itself"))
    config = device.Config
    fields: dict[str, Any] = {}
    if device.follows is not None:
        form, default, about = PROFILES[device.follows]
        fields["profile"] = (form, setting(default, about=about))
    name = kind.rpartition(":")[2].capitalize() + ("OfGroup" if owned else "OfProsumer")
    bases = (config, Owned) if owned else (config,)
    return cast(
        type[Config],
        create_model(name, __base__=bases, __doc__=config.__doc__, __module__=__name__, **fields),
    )


def group_config(kind: str) -> type[Config]:
    """Settings of a device of a group.

    Raises:
        UnknownNameError: if there is no such kind, or it is written elsewhere.
    """
    if kind == "load":
        raise UnknownNameError(
            Problem("the load is not listed among the devices", "write `load:` next to `devices:`")
        )
    return _with(kind, owned=True)


def single_config(kind: str) -> type[Config]:
    """Settings of a device of one prosumer; otherwise as `group_config`."""
    if kind == "load":
        return group_config(kind)
    return _with(kind, owned=False)


class _ByKind:
    """Makes pydantic check a mapping of device kinds to settings.

    Args:
        owned: Settings of a group (with `share`), else of one prosumer (None: it has none).
    """

    def __init__(self, owned: bool) -> None:
        self.owned = owned

    def _check(self, value: Any) -> dict[str, Config | None]:
        errors: list[dict[str, Any]] = []
        find = group_config if self.owned else single_config
        checked = by_name(value, find, errors, optional=not self.owned)
        raise_inside(errors)
        return checked

    @staticmethod
    def _dump(value: Mapping[str, Config | None]) -> dict[str, Any]:
        return {kind: None if item is None else item.model_dump(mode="json") for kind, item in value.items()}

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        return core_schema.no_info_plain_validator_function(
            self._check, serialization=core_schema.plain_serializer_function_ser_schema(self._dump)
        )

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        properties: dict[str, Any] = {}
        for kind in registry.names():
            if kind != "load":
                described = handler(_with(kind, self.owned).__pydantic_core_schema__)
                properties[kind] = described if self.owned else {"anyOf": [described, {"type": "null"}]}
        return {
            "type": "object",
            "properties": properties,
            "patternProperties": {"^[^:]+:[^:]+$": {"type": ["object", "null"]}},
            "additionalProperties": False,
        }


GroupDevices = Annotated[dict[str, Config], _ByKind(owned=True)]
"""Device kind -> settings with `share` and `of`."""
SingleDevices = Annotated[dict[str, Config | None], _ByKind(owned=False)]
"""Device kind -> settings, or None where the prosumer has none."""
