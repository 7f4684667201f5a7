"""Inflexible load: a household's electricity demand from a profile. It is always served."""

from __future__ import annotations

from typing import ClassVar

from cosim.core.arrays import FloatArray
from cosim.core.clock import Period
from cosim.core.config import Config, setting
from cosim.core.draw import NonNegative
from cosim.devices.base import Follows
from cosim.devices.series import Demand, deviation_kw, power_kw


class LoadConfig(Config):
    """An inflexible load."""

    annual_energy_kwh: NonNegative = setting(
        3500.0, unit="kWh", about="Electricity used in a year; the profile is scaled to it."
    )


class Load(Demand):
    """Demand that follows its profile."""

    kind: ClassVar[str] = "load"
    summary: ClassVar[str] = "inflexible electricity demand from a profile"
    follows: ClassVar[Follows | None] = "load"
    Config: ClassVar[type[Config]] = LoadConfig

    def within_period_kw(self, period: Period, energy: FloatArray) -> FloatArray | None:
        """The profile's own deviation from its mean."""
        del energy
        return deviation_kw(power_kw(self.site, self.kind, period))
