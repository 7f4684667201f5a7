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

from cosim.core.arrays import FloatArray
from cosim.core.carriers import Carrier
from cosim.core.clock import Period
from cosim.core.envelope import Envelope
from cosim.core.records import Field
from cosim.devices.base import Device, Ranges, Role, Site, State
from cosim.devices.storage import ROUNDING_KWH
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
    kept = np.minimum(np.maximum(energy_kwh, ranges.low_kwh), ranges.high_kwh)
    if ranges.minimum_kwh is not None:
        least = ranges.minimum_kwh
        nearest = np.where(-kept < 0.5 * least, 0.0, np.minimum(kept, -least))
        kept = np.where(ranges.base_kwh != 0.0, kept, nearest)
    worst = np.abs(energy_kwh - kept)
    if len(worst) and not worst.max() <= ROUNDING_KWH * max(1.0, float(-ranges.low_kwh.min())):
        row = int(worst.argmax())
        least_kwh = 0.0 if ranges.minimum_kwh is None else ranges.minimum_kwh[row]
        raise AuditError(
            f"{what} {row}: {energy_kwh[row]:.9f} kWh is outside "
            f"[{ranges.low_kwh[row]:.9f}, {ranges.high_kwh[row]:.9f}] kWh, or below the minimum of "
            f"{least_kwh:.9f} kWh"
        )
    return kept


def ambient_c(site: Site, kind: str, first: int, count: int) -> FloatArray:
    """Air temperature by tick of the periods from `first` on [degC], shape (count, ticks).

    Raises:
        InputError: if there is no weather.
    """
    if site.weather is None:
        raise InputError(Problem(f"a {kind} needs the weather", "give the scenario a `weather`"))
    ticks = site.ticks_per_period
    values = site.weather.values("temperature_c", first * ticks, (first + count) * ticks)
    return values.reshape(count, ticks)
