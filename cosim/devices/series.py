"""Power of a settlement period by tick, and its energy; shared by the devices that follow a series."""

from __future__ import annotations

from cosim.core.arrays import FloatArray
from cosim.core.clock import Period
from cosim.devices.base import Site


def power_kw(site: Site, kind: str, period: Period) -> FloatArray:
    """Power of the period by tick [kW], shape (ticks, d)."""
    first = period.index * site.ticks_per_period
    return site.series[kind].power_kw(first, first + site.ticks_per_period)


def energy_kwh(power: FloatArray, period: Period) -> FloatArray:
    """Energy of the period [kWh], shape (d,), from power by tick."""
    mean: FloatArray = power[0] if len(power) == 1 else power.mean(axis=0)
    return mean * period.hours


def deviation_kw(power: FloatArray) -> FloatArray | None:
    """Deviation from the period's mean by tick [kW], shape (ticks, d); None if a period is one tick."""
    return None if len(power) == 1 else power - power.mean(axis=0)
