"""Device kinds by name: the built-in ones, those of installed packages (entry points `cosim.devices`), and
`module:Class`."""

from __future__ import annotations

from typing import cast

from cosim.core.config import Config
from cosim.core.registry import Registry
from cosim.devices.base import Device

DEVICES = Registry(
    "device",
    "cosim.devices",
    {
        "load": "cosim.devices.load:Load",
        "pv": "cosim.devices.pv:Pv",
        "battery": "cosim.devices.battery:Battery",
        "ev": "cosim.devices.ev:Ev",
    },
)


def names() -> list[str]:
    """All device kinds that can be named in a scenario."""
    return DEVICES.names()


def load(name: str) -> type[Device]:
    """The device kind of that name.

    Raises:
        UnknownNameError: if there is none.
    """
    return cast(type[Device], DEVICES.load(name))


def config_of(name: str) -> type[Config]:
    """The settings that a scenario gives for a device of that name.

    Raises:
        UnknownNameError: if there is none.
    """
    return load(name).Config
