"""When electric vehicles are at home and what their trips use: drawn day by day, the same whatever the order
in which days are asked for. No charging here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.clock import Clock
from cosim.core.streams import Streams

SPREAD_LIMIT = 3.0
"""Draws of arrival and departure are cut at this many standard deviations."""


@dataclass(frozen=True, slots=True)
class Stay:
    """One stay at home per vehicle, in period indices that may lie outside the run, shape (d,) each."""

    arrival: IntArray
    """First period plugged in."""
    departure: IntArray
    """First period gone again."""
    trip_kwh: FloatArray
    """Energy used by the trip that ends with the arrival [kWh]."""


class Trips:
    """Stays of all vehicles: the stay of day D begins at that day's arrival and ends before the next one.

    Arrival and departure hours vary from day to day by a normal draw with standard deviation
    `hours_spread`, trip energies by a factor uniform in [1 - v, 1 + v], v = `trip_variation`. Periods are
    counted along local days of 24 hours from the run's first midnight: across a clock change a stay
    shifts by at most the hour that the clock jumps.

    Args:
        columns: `arrival_hour`, `departure_hour` [h], `hours_spread` [h], `trip_kwh` [kWh],
            `trip_variation`, shape (d,) each.
        clock: Time of the run.
        streams: Randomness of the vehicles.
    """

    def __init__(self, columns: Mapping[str, FloatArray], clock: Clock, streams: Streams) -> None:
        self._columns = columns
        self._clock = clock
        self._streams = streams
        self._midnight = _midnights(clock)
        self._stay = lru_cache(maxsize=4)(self._draw)

    def current(self, index: int, day: int) -> Stay:
        """The stay that covers period `index` of day `day`, or the next one where the vehicle is away."""
        before, today = self._stay(day - 1), self._stay(day)
        over = before.departure <= index
        return Stay(
            np.where(over, today.arrival, before.arrival),
            np.where(over, today.departure, before.departure),
            np.where(over, today.trip_kwh, before.trip_kwh),
        )

    def _draw(self, day: int) -> Stay:
        c, count = self._columns, len(self._columns["arrival_hour"])
        # One generator per day and vehicle count: rows are drawn in order, so a vehicle keeps its draws
        # when others are added behind it.
        draws = self._streams.generator("stay", day).standard_normal((count, 2))
        shift = np.clip(draws, -SPREAD_LIMIT, SPREAD_LIMIT) * c["hours_spread"][:, None]
        factor = self._streams.generator("trip", day).uniform(-1.0, 1.0, count) * c["trip_variation"]
        stay_hours = (c["departure_hour"] - c["arrival_hour"]) % 24.0
        arrival_hour = c["arrival_hour"] + shift[:, 0]
        leave_hour = c["arrival_hour"] + stay_hours + shift[:, 1]
        start = self._start_of(day)
        arrival = start + np.ceil(arrival_hour / self._clock.hours - 1e-9).astype(np.int64)
        departure = start + np.floor(leave_hour / self._clock.hours + 1e-9).astype(np.int64)
        # A stay ends before the earliest possible arrival of the next day, and lasts at least one period.
        next_arrival = c["arrival_hour"] + 24.0 - SPREAD_LIMIT * c["hours_spread"]
        latest = start + np.floor(next_arrival / self._clock.hours + 1e-9).astype(np.int64)
        departure = np.maximum(np.minimum(departure, latest), arrival + 1)
        return Stay(arrival, departure, c["trip_kwh"] * (1.0 + factor))

    def _start_of(self, day: int) -> int:
        """Index of the first period of a day, also before the first and after the last day of the run."""
        inside = min(max(day, 0), len(self._midnight) - 1)
        return int(self._midnight[inside]) + (day - inside) * self._clock.periods_per_day


def _midnights(clock: Clock) -> IntArray:
    """Index of the first period of every local day; the first day's may lie before the run."""
    first = np.flatnonzero(np.r_[True, np.diff(clock.day) > 0])
    starts = first.astype(np.int64)
    starts[0] = -round(float(clock.hour_of_day[0]) / clock.hours)
    return starts
