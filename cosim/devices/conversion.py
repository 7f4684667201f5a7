"""Heat sources: what heat pumps, CHPs, boilers and electric heaters have in common. How much heat each can
give and what it takes for that is in its own file.

The main terminal is on the heat side, where a source draws negative energy x. With the capacity Q of a period
[kWh] and minimum load m (share of Q) it can be off or give at least m Q:

    x = 0   or   -Q <= x <= -m Q.

The envelope for planners is the convex hull, -Q <= x <= 0: the minimum load is dropped.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numba import njit

from cosim.core.arrays import FloatArray
from cosim.core.carriers import Carrier
from cosim.core.clock import Period
from cosim.core.envelope import Envelope
from cosim.core.records import Field
from cosim.devices.base import Device, Ranges, Role, Site, State
from cosim.devices.storage_kernel import ROUNDING_KWH
from cosim.errors import AuditError, InputError, Problem

MAX_HEAT = Field("max_heat_kwh", "kWh", 0.0, float("inf"), "Heat that it could give in this period.")
"""An observation of every heat source."""


class HeatSource(Device):
    """A device without memory that turns other carriers into heat; a parameter `minimum_load` is a share of
    what it can give now."""

    role: ClassVar[Role] = "conversion"
    carrier: ClassVar[Carrier] = "heat"
    flexible: ClassVar[bool] = True
    observations: ClassVar[tuple[Field, ...]] = (MAX_HEAT,)

    @abstractmethod
    def capacity_kwh(self, first: int, count: int) -> FloatArray:
        """Most heat that it can give in each of the periods from `first` on, shape (count, d), positive."""

    @abstractmethod
    def inputs_of(self, first: int, count: int) -> Mapping[Carrier, FloatArray]:
        """`inputs` of the periods from `first` on, shape (count, d) each."""

    def ranges(self, state: State, period: Period) -> Ranges:
        """Off, or from the minimum load to the capacity; off when nobody asks."""
        del state
        most = self.capacity_kwh(period.index, 1)[0]
        off = np.zeros(len(self))
        share = self.columns.get("minimum_load")
        return Ranges(-most, off, off, None if share is None else share * most)

    def inputs(self, state: State, period: Period) -> Mapping[Carrier, FloatArray]:
        """What is drawn from other carriers, at any load: there is no part-load efficiency."""
        del state
        return {carrier: taken[0] for carrier, taken in self.inputs_of(period.index, 1).items()}

    def envelope(self, state: State, first: int, count: int) -> Envelope:
        """Everything between off and the capacity: the minimum load is dropped."""
        del state
        most = self.capacity_kwh(first, count)
        return Envelope(self.carrier, -most, np.zeros_like(most), self.inputs_of(first, count))

    def relaxed(self) -> tuple[str, ...]:
        """The minimum load, where there is one."""
        return ("minimum load",) if np.any(self.columns.get("minimum_load", 0.0)) else ()

    def commit(self, state: State, period: Period, energy_kwh: FloatArray) -> State:
        """Nothing is remembered; raises AuditError where more is given than is possible, or less than the
        minimum load."""
        within_ranges(energy_kwh, self.possible(state, period), f"period {period.index}: {self.kind}")
        return state

    def observe(self, state: State, period: Period, ranges: Ranges) -> FloatArray:
        """Heat that is possible now."""
        del state, period
        return -ranges.low_kwh[:, None]


def within_ranges(energy_kwh: FloatArray, ranges: Ranges, what: str) -> FloatArray:
    """The same energy with rounding cut off.

    Raises:
        AuditError: if it lies outside the ranges, or between zero and the minimum, by more than rounding.
    """
    least = np.zeros(len(energy_kwh)) if ranges.minimum_kwh is None else ranges.minimum_kwh
    kept = np.empty(len(energy_kwh))
    row = _allowed(energy_kwh, ranges.low_kwh, ranges.base_kwh, ranges.high_kwh, least, kept)
    if row >= 0:
        raise AuditError(
            f"{what} {row}: {energy_kwh[row]:.9f} kWh is outside "
            f"[{ranges.low_kwh[row]:.9f}, {ranges.high_kwh[row]:.9f}] kWh, or below the minimum of "
            f"{least[row]:.9f} kWh"
        )
    return kept


@njit(cache=True)
def _allowed(
    energy_kwh: FloatArray,
    low_kwh: FloatArray,
    base_kwh: FloatArray,
    high_kwh: FloatArray,
    minimum_kwh: FloatArray,
    kept: FloatArray,
) -> int:
    """The energy nearest to each that a source can give, x at the top of this module.

    Args:
        energy_kwh: What is wanted, drawn positive, shape (d,).
        low_kwh: -Q.
        base_kwh: Not 0 where the source cannot be off.
        high_kwh: 0, or what a source that cannot be off draws at most.
        minimum_kwh: m Q.
        kept: Result: what is allowed.

    Returns:
        The row that differs from it by most, -1 if none does by more than rounding.
    """
    size, worst, found = 1.0, 0.0, -1
    for row in range(len(energy_kwh)):
        size = np.maximum(size, -low_kwh[row])
    for row in range(len(energy_kwh)):
        allowed = np.minimum(np.maximum(energy_kwh[row], low_kwh[row]), high_kwh[row])
        if base_kwh[row] == 0.0:
            least = minimum_kwh[row]
            allowed = 0.0 if -allowed < 0.5 * least else np.minimum(allowed, -least)
        kept[row] = allowed
        beyond = abs(energy_kwh[row] - allowed)
        if not beyond <= ROUNDING_KWH * size and (found < 0 or beyond > worst):  # NaN, too
            worst, found = beyond, row
    return found


def steady(values: FloatArray, count: int) -> FloatArray:
    """The same values in each of `count` periods, shape (count, d); not to be written to."""
    return values[None, :] if count == 1 else np.broadcast_to(values, (count, len(values)))


def ambient_c(site: Site, kind: str, first: int, count: int) -> FloatArray:
    """Air temperature by tick of the periods from `first` on [degC], shape (count, ticks).

    Raises:
        InputError: if there is no weather.
    """
    if site.weather is None:
        raise InputError(Problem(f"a {kind} needs the weather", "give the scenario a `weather`"))
    ticks = site.ticks_per_period
    values = site.weather.values("temperature_c", first * ticks, (first + count) * ticks)
    return np.array(values, dtype=float).reshape(count, ticks)  # own memory: kernels get one type of array
