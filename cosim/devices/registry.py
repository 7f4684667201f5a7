"""Device kinds by name: the built-in ones, those of installed packages (entry points `cosim.devices`), and
`module:Class`."""

from __future__ import annotations

from cosim.core.config import Config
from cosim.core.registry import Registry
from cosim.devices.base import Device
from cosim.errors import Problem, UnknownNameError

DEVICES = Registry(
    "device",
    "cosim.devices",
    {
        "load": "cosim.devices.load:Load",
        "pv": "cosim.devices.pv:Pv",
        "battery": "cosim.devices.battery:Battery",
        "ev": "cosim.devices.ev:Ev",
        "wind": "cosim.devices.wind:Wind",
        "deferrable": "cosim.devices.deferrable:Deferrable",
        "hydrogen": "cosim.devices.hydrogen:Hydrogen",
        "heat_demand": "cosim.devices.heat_demand:HeatDemand",
        "building": "cosim.devices.building:Building",
        "heat_store": "cosim.devices.heat_store:HeatStore",
        "heat_pump": "cosim.devices.heat_pump:HeatPump",
        "chp": "cosim.devices.chp:Chp",
        "boiler": "cosim.devices.boiler:Boiler",
        "electric_heater": "cosim.devices.electric_heater:ElectricHeater",
    },
)


def names() -> list[str]:
    """All device kinds that can be named in a scenario."""
    return DEVICES.names()


def load(name: str) -> type[Device]:
    """The device kind of that name.

    Raises:
        UnknownNameError: if there is none, or what is there is no Device.
    """
    found = DEVICES.load(name)
    if not (isinstance(found, type) and issubclass(found, Device)):
        raise UnknownNameError(
            Problem(f"device {name!r} is {found!r}", "it has to be a subclass of cosim.devices.base.Device")
        )
    return found


def config_of(name: str) -> type[Config]:
    """The settings that a scenario gives for a device of that name.

    Raises:
        UnknownNameError: if there is none.
    """
    return load(name).Config
