"""Photovoltaics: production from a profile per installed kWp, behind an inverter, curtailable if wanted.

Production is drawn negative. A curtailable plant offers to produce less at a price of zero, its marginal
cost: that matters only where feeding in costs money.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.clock import Period
from cosim.core.config import Config, setting
from cosim.core.draw import NonNegative, Share
from cosim.core.records import Field
from cosim.devices.base import Device, Follows, Ranges, Role, Site, State
from cosim.devices.series import deviation_kw, energy_kwh, power_kw


class PvConfig(Config):
    """A photovoltaic plant."""

    peak_kw: NonNegative = setting(unit="kWp", about="Installed power of the modules.")
    inverter_share: Share = setting(
        1.0, unit="1", about="Largest power of the inverter as a share of the installed power."
    )
    curtailable: bool = setting(
        True, about="May produce less than it could; false: always feeds in all it can, whatever it costs."
    )


class Pv(Device):
    """Plants that produce what their profile allows."""

    kind: ClassVar[str] = "pv"
    summary: ClassVar[str] = "photovoltaics from a profile per kWp, curtailable"
    role: ClassVar[Role] = "generation"
    follows: ClassVar[Follows | None] = "pv"
    Config: ClassVar[type[Config]] = PvConfig
    observations: ClassVar[tuple[Field, ...]] = (
        Field("kwh", "kWh", 0.0, float("inf"), "Production possible in this period."),
    )

    def __init__(self, prosumer: IntArray, columns: Mapping[str, FloatArray], site: Site) -> None:
        super().__init__(prosumer, columns, site)
        self._curtailable = columns["curtailable"] > 0.0
        self._inverter_kw = columns["peak_kw"] * columns["inverter_share"]

    def available_kw(self, period: Period) -> FloatArray:
        """Largest production by tick [kW], shape (ticks, d): `min(peak x profile, inverter)`."""
        produced = self.columns["peak_kw"] * power_kw(self.site, self.kind, period)
        return np.minimum(produced, self._inverter_kw)

    def ranges(self, state: State, period: Period) -> Ranges:
        """All that is available, or less where curtailable."""
        del state
        full = -energy_kwh(self.available_kw(period), period)
        return Ranges(full, full, np.where(self._curtailable, 0.0, full))

    def reservation(self, value_eur_per_kwh: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Producing less is worth nothing: only a price below zero makes it worth while."""
        zero = np.zeros_like(value_eur_per_kwh)
        return zero, zero

    def observe(self, state: State, period: Period, ranges: Ranges) -> FloatArray:
        """Production possible."""
        del state, period
        return -ranges.low_kwh[:, None]

    def within_period_kw(self, period: Period, energy: FloatArray) -> FloatArray | None:
        """The profile's own deviation from its mean, scaled down with the production if curtailed."""
        available = self.available_kw(period)
        deviation = deviation_kw(available)
        if deviation is None:
            return None
        share = np.clip(-energy / np.maximum(energy_kwh(available, period), 1e-12), 0.0, 1.0)
        return -deviation * share
