"""Inflexible heat demand: space heat and hot water of a building from a profile. It is always served; what a
building's mass could shift is in `building`, which takes the place of the space heat here (then 0)."""

from __future__ import annotations

from typing import ClassVar

from cosim.core.carriers import Carrier
from cosim.core.config import Config, setting
from cosim.core.draw import NonNegative
from cosim.devices.base import Follows
from cosim.devices.series import Demand


class HeatDemandConfig(Config):
    """Space heat and hot water."""

    annual_heat_kwh: NonNegative = setting(
        15000.0,
        unit="kWh",
        about="Space heat used in a year of mean weather (new houses 30 to 60 kWh per m2 of floor, old ones "
        "100 to 200); 0 beside a `building`.",
    )
    hot_water_kwh: NonNegative = setting(
        2000.0, unit="kWh", about="Hot water used in a year, as heat (500 to 900 kWh a person)."
    )


class HeatDemand(Demand):
    """Heat demand that follows its profile."""

    kind: ClassVar[str] = "heat_demand"
    summary: ClassVar[str] = "inflexible space heat and hot water from a profile"
    carrier: ClassVar[Carrier] = "heat"
    follows: ClassVar[Follows | None] = "heat"
    Config: ClassVar[type[Config]] = HeatDemandConfig
