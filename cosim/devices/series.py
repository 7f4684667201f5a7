"""Power of a settlement period by tick, and its energy; what loads, and what plants, that follow a series
have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from cosim.core.arrays import FloatArray, IntArray, clipped
from cosim.core.clock import Period
from cosim.core.envelope import Envelope
from cosim.core.records import Field
from cosim.devices.base import Device, Ranges, Role, Site, State


def power_kw(site: Site, kind: str, period: Period) -> FloatArray:
    """Power of the period by tick [kW], shape (ticks, d)."""
    first = period.index * site.ticks_per_period
    return site.series[kind].power_kw(first, first + site.ticks_per_period)


def power_ahead_kw(site: Site, kind: str, first: int, count: int) -> FloatArray:
    """Power of the periods `first` to `first + count - 1` by tick [kW], shape (count, ticks, d)."""
    ticks = site.ticks_per_period
    power = site.series[kind].power_kw(first * ticks, (first + count) * ticks)
    return power.reshape(count, ticks, -1)


def energy_ahead_kwh(power: FloatArray, hours: float) -> FloatArray:
    """Energy of each period [kWh], shape (count, d), from power by tick, shape (count, ticks, d)."""
    mean: FloatArray = power[:, 0] if power.shape[1] == 1 else power.mean(axis=1)
    return mean * hours


def energy_kwh(power: FloatArray, period: Period) -> FloatArray:
    """Energy of the period [kWh], shape (d,), from power by tick."""
    mean: FloatArray = power[0] if len(power) == 1 else power.mean(axis=0)
    return mean * period.hours


def deviation_kw(power: FloatArray) -> FloatArray | None:
    """Deviation from the period's mean by tick [kW], shape (ticks, d); None if a period is one tick."""
    return None if len(power) == 1 else power - power.mean(axis=0)


class Demand(Device):
    """Demand that follows its series and is always served. Who overrides `ranges` overrides `envelope`."""

    role: ClassVar[Role] = "load"
    observations: ClassVar[tuple[Field, ...]] = (
        Field("kwh", "kWh", 0.0, float("inf"), "Demand of this period."),
    )

    def ranges(self, state: State, period: Period) -> Ranges:
        """Exactly the series' energy."""
        del state
        energy = energy_kwh(power_kw(self.site, self.kind, period), period)
        return Ranges(energy, energy, energy)

    def envelope(self, state: State, first: int, count: int) -> Envelope:
        """The series' energy, all periods at once."""
        del state
        power = power_ahead_kw(self.site, self.kind, first, count)
        energy = energy_ahead_kwh(power, self.site.clock.hours)
        return Envelope(self.carrier, energy, energy)

    def observe(self, state: State, period: Period, ranges: Ranges) -> FloatArray:
        """Demand of the period."""
        del state, period
        return ranges.base_kwh[:, None]


class Production(Device):
    """Plants that produce what their series allows, or less where the column `curtailable` is not 0.
    Production is drawn negative. Who overrides `ranges` or `available_kw` overrides `envelope`, too.

    A curtailable plant offers to produce less at a price of zero, its marginal cost: that matters only where
    feeding in costs money.
    """

    role: ClassVar[Role] = "generation"
    observations: ClassVar[tuple[Field, ...]] = (
        Field("kwh", "kWh", 0.0, float("inf"), "Production possible in this period."),
    )

    def __init__(self, prosumer: IntArray, columns: Mapping[str, FloatArray], site: Site) -> None:
        super().__init__(prosumer, columns, site)
        self._certain = np.where(columns["curtailable"] > 0.0, 0.0, 1.0)
        """Share of what is available that is always produced."""

    @abstractmethod
    def largest_kw(self, series_kw: FloatArray) -> FloatArray:
        """Largest production [kW] where the series is at `series_kw`, shape (..., d) both."""

    def available_kw(self, period: Period) -> FloatArray:
        """Largest production by tick [kW], shape (ticks, d)."""
        return self.largest_kw(power_kw(self.site, self.kind, period))

    def envelope(self, state: State, first: int, count: int) -> Envelope:
        """As `ranges`, all periods at once."""
        del state
        available = self.largest_kw(power_ahead_kw(self.site, self.kind, first, count))
        full = -energy_ahead_kwh(available, self.site.clock.hours)
        return Envelope(self.carrier, full, full * self._certain)

    def ranges(self, state: State, period: Period) -> Ranges:
        """All that is available, or less where curtailable."""
        del state
        full = -energy_kwh(self.available_kw(period), period)
        return Ranges(full, full, full * self._certain)

    def reservation(self, value_eur_per_kwh: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Producing less is worth nothing: only a price below zero makes it worth while."""
        zero = np.zeros_like(value_eur_per_kwh)
        return zero, zero

    def observe(self, state: State, period: Period, ranges: Ranges) -> FloatArray:
        """Production possible."""
        del state, period
        return -ranges.low_kwh[:, None]

    def within_period_kw(self, period: Period, energy: FloatArray) -> FloatArray | None:
        """The series' own deviation from its mean, scaled down with the production if curtailed."""
        available = self.available_kw(period)
        deviation = deviation_kw(available)
        if deviation is None:
            return None
        share = clipped(-energy / np.maximum(energy_kwh(available, period), 1e-12), 0.0, 1.0)
        return -deviation * share
