"""Inflexible load: a household's electricity demand from a profile. It is always served."""

from __future__ import annotations

from typing import ClassVar

from cosim.core.arrays import FloatArray
from cosim.core.clock import Period
from cosim.core.config import Config, setting
from cosim.core.draw import NonNegative
from cosim.core.records import Field
from cosim.devices.base import Device, Follows, Ranges, Role, State
from cosim.devices.series import deviation_kw, energy_kwh, power_kw


class LoadConfig(Config):
    """An inflexible load."""

    annual_energy_kwh: NonNegative = setting(
        3500.0, unit="kWh", about="Electricity used in a year; the profile is scaled to it."
    )


class Load(Device):
    """Demand that follows its profile."""

    kind: ClassVar[str] = "load"
    summary: ClassVar[str] = "inflexible electricity demand from a profile"
    role: ClassVar[Role] = "load"
    follows: ClassVar[Follows | None] = "load"
    Config: ClassVar[type[Config]] = LoadConfig
    observations: ClassVar[tuple[Field, ...]] = (
        Field("kwh", "kWh", 0.0, float("inf"), "Demand of this period."),
    )

    def ranges(self, state: State, period: Period) -> Ranges:
        """Exactly the profile's energy."""
        del state
        energy = energy_kwh(power_kw(self.site, self.kind, period), period)
        return Ranges(energy, energy, energy)

    def observe(self, state: State, period: Period, ranges: Ranges) -> FloatArray:
        """Demand of the period."""
        del state, period
        return ranges.base_kwh[:, None]

    def within_period_kw(self, period: Period, energy: FloatArray) -> FloatArray | None:
        """The profile's own deviation from its mean."""
        del energy
        return deviation_kw(power_kw(self.site, self.kind, period))
