"""Wind turbine: production from a profile per rated kW (the power curve is in the profile), curtailable if
wanted."""

from __future__ import annotations

from typing import ClassVar

from cosim.core.arrays import FloatArray
from cosim.core.config import Config, setting
from cosim.core.draw import NonNegative
from cosim.devices.base import Follows
from cosim.devices.series import Production


class WindConfig(Config):
    """A wind turbine."""

    rated_kw: NonNegative = setting(unit="kW", about="Rated power.")
    curtailable: bool = setting(
        True, about="May produce less than it could; false: always feeds in all it can, whatever it costs."
    )


class Wind(Production):
    """Turbines that produce what the wind allows."""

    kind: ClassVar[str] = "wind"
    summary: ClassVar[str] = "wind turbine from a profile per rated kW, curtailable"
    follows: ClassVar[Follows | None] = "wind"
    Config: ClassVar[type[Config]] = WindConfig

    def largest_kw(self, series_kw: FloatArray) -> FloatArray:
        """`rated power x profile`."""
        return self.columns["rated_kw"] * series_kw
