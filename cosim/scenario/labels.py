"""What has to fit together across sections of a scenario: policies, tariffs, devices and prosumers that are
referred to by name, and the steps of settlement and power flow. It works on the plain document, so that these
mistakes show together with all others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cosim.core.registry import nearest
from cosim.devices import registry
from cosim.network.config import NetworkConfig, check_step
from cosim.scenario.horizon import Horizon
from cosim.scenario.nested import error

Errors = list[dict[str, Any]]


def misfits(data: Mapping[str, Any]) -> Errors:
    """An error for each name that refers to nothing, and for steps that do not fit; what has the wrong form
    is left to the schema."""
    errors = _steps(data)
    for index, group in _groups(data):
        at = ("groups", index)
        _labels(errors, data, group, at)
        if "policy" not in group:
            _label(errors, data, (*at, "policy"), "default")
        devices = _mapping(group, "devices")
        for kind, device in devices.items():
            _weather(errors, data, kind, (*at, "devices", kind))
            other = device.get("of") if isinstance(device, Mapping) else None
            if isinstance(other, str) and _circles(kind, devices):
                text = f"{kind!r} is a share of {other!r}, which in the end is a share of {kind!r} itself"
                errors.append(error((*at, "devices", kind, "of"), "unknown_name", text, other))
            elif isinstance(other, str) and other not in devices and _all_known(devices):
                others = [name for name in devices if name != kind]
                text = f"the group has no other device {other!r} ({nearest(other, others)})"
                errors.append(error((*at, "devices", kind, "of"), "unknown_name", text, other))
    ranges = list(_ranges(data))
    for name, single in _mapping(data, "prosumers").items():
        if ranges and not any(_is_in(name, *span) for span in ranges):
            valid = [span for span in ranges if span[0] == name.rpartition("-")[0]] or ranges
            spans = ", ".join(
                f"{_name(stem, 0, count)} to {_name(stem, count - 1, count)}" for stem, count in valid
            )
            text = f"there is no prosumer {name!r} (valid: {spans})"
            errors.append(error(("prosumers", name), "unknown_name", text, name))
        if isinstance(single, Mapping):
            _labels(errors, data, single, ("prosumers", name))
            for kind in _mapping(single, "devices"):
                _weather(errors, data, kind, ("prosumers", name, "devices", kind))
    _loop(errors, data)
    return errors


def _steps(data: Mapping[str, Any]) -> Errors:
    """An error if power flows and settlement periods do not fit into each other."""
    step = _mapping(data, "network").get("step")
    period = _mapping(data, "horizon").get("step_minutes", Horizon.model_fields["step_minutes"].default)
    if any(not isinstance(minutes, int) or minutes <= 0 for minutes in (step, period)):
        return []
    return [
        error(("network", problem.path), "value_error", f"{problem.message} ({problem.remedy})", step)
        for problem in check_step(NetworkConfig(step=step), period)
    ]


def _weather(errors: Errors, data: Mapping[str, Any], kind: str, at: tuple[str | int, ...]) -> None:
    """Add an error for a device that needs a weather where there is none."""
    if data.get("weather") is not None or kind not in registry.names():
        return
    if registry.load(kind).needs_weather:
        text = f"{kind!r} needs a weather (add `weather: {{source: demandlib, region: 4}}` to the scenario)"
        errors.append(error(at, "value_error", text, kind))


def _loop(errors: Errors, data: Mapping[str, Any]) -> None:
    """Add an error for each group of a heat loop that does not exist."""
    groups = _mapping(_mapping(data, "heat"), "loop").get("groups")
    known = [str(group.get("name")) for _, group in _groups(data)]
    for index, name in enumerate(groups if isinstance(groups, list | tuple) else ()):
        if name not in known:
            text = f"there is no group {name!r} ({nearest(str(name), known)})"
            errors.append(error(("heat", "loop", "groups", index), "unknown_name", text, name))


def _all_known(devices: Mapping[str, Any]) -> bool:
    """Whether no kind is misspelt: one that is, is reported, and may be the one that is missed."""
    return all(":" in kind or kind in registry.names() for kind in devices)


def _circles(kind: str, devices: Mapping[str, Any]) -> bool:
    """Whether following `of` from a device kind leads back to it."""
    here: Any = kind
    for _ in devices:
        device = devices.get(here)
        here = device.get("of") if isinstance(device, Mapping) else None
        if here == kind:
            return True
    return False


def prosumer_names(stem: str, count: int) -> list[str]:
    """Names of a group's prosumers: `households-000`, `households-001` ..."""
    return [_name(stem, index, count) for index in range(count)]


def _name(stem: str, index: int, count: int) -> str:
    return f"{stem}-{index:0{max(3, len(str(count - 1)))}d}"


def _is_in(name: str, stem: str, count: int) -> bool:
    head, _, digits = name.rpartition("-")
    return (
        head == stem
        and digits.isdecimal()
        and int(digits) < count
        and _name(stem, int(digits), count) == name
    )


def _groups(data: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    groups = data.get("groups")
    for index, group in enumerate(groups if isinstance(groups, list | tuple) else ()):
        if isinstance(group, Mapping):
            yield index, group


def _ranges(data: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for _, group in _groups(data):
        name, count = group.get("name"), group.get("count")
        if isinstance(name, str) and isinstance(count, int) and count > 0:
            yield name, count


def _mapping(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = data.get(key)
    return value if isinstance(value, Mapping) else {}


def _labels(
    errors: Errors, data: Mapping[str, Any], holder: Mapping[str, Any], at: tuple[str | int, ...]
) -> None:
    for key in ("policy", "tariff"):
        if isinstance(holder.get(key), str):
            _label(errors, data, (*at, key), holder[key])


def _label(errors: Errors, data: Mapping[str, Any], at: tuple[str | int, ...], label: str) -> None:
    """Add an error where a label is not in the section that its last key points to."""
    section = {"policy": "policies", "tariff": "tariffs"}[str(at[-1])]
    labels = [name for name in _mapping(data, section) if name not in ("wholesale", "carbon")]
    if labels and label not in labels:
        text = f"{section!r} has no {label!r} ({nearest(label, labels)})"
        errors.append(error(at, "unknown_name", text, label))
