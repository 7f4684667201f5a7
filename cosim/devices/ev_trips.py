"""When electric vehicles are at home and what their trips use: drawn day by day, the same whatever the order
in which days are asked for. No charging here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.clock import Clock
from cosim.devices.base import Draws

SPREAD_LIMIT = 3.0
"""Draws of arrival and departure are cut at this many standard deviations."""
LARGEST_SHIFT_H = 10.0
"""And at this many hours, so that a day's arrival always lies before the next day's: two such shifts leave
three hours, even on the day of 23 hours."""
CLOCKS_CHANGED_H = 3.0
"""Local hour by which a day's clock change is over."""
MARGIN_DAYS = 6
"""Days before and after the run whose midnights are known: stays may begin or end there."""


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
    `hours_spread`, trip energies by a factor uniform in [1 - v, 1 + v], v = `trip_variation`. Hours are those
    of the local clock, also on the days on which it changes.

    Args:
        columns: `arrival_hour`, `departure_hour` [h], `hours_spread` [h], `trip_kwh` [kWh],
            `trip_variation`, shape (d,) each.
        clock: Time of the run.
        draws: Randomness of the vehicles.
    """

    def __init__(self, columns: Mapping[str, FloatArray], clock: Clock, draws: Draws) -> None:
        self._columns = columns
        self._clock = clock
        self._draws = draws
        self._midnight = _midnights(clock)
        self._stay = lru_cache(maxsize=6)(self._drawn)
        self._arrival = lru_cache(maxsize=6)(self._arriving)
        self.current = lru_cache(maxsize=4)(self._current)
        """The stay that covers a period, or the next one where the vehicle is away."""

    def _current(self, index: int) -> Stay:
        day = int(self._clock.day[min(index, self._clock.periods - 1)])
        # A stay may begin late on the day before its own and end early on the second day after it.
        stays = [self._stay(day + shift) for shift in (-2, -1, 0, 1, 2)]
        found = stays.pop()
        for stay in reversed(stays):
            lasts = stay.departure > index
            found = Stay(
                np.where(lasts, stay.arrival, found.arrival),
                np.where(lasts, stay.departure, found.departure),
                np.where(lasts, stay.trip_kwh, found.trip_kwh),
            )
        return found

    def _drawn(self, day: int) -> Stay:
        """The stay that begins on `day`: at least one period, and at least one away after it."""
        c = self._columns
        stay_hours = (c["departure_hour"] - c["arrival_hour"]) % 24.0
        leaves = self._moment(day, c["arrival_hour"] + stay_hours + self._shift(day)[:, 1])
        arrival = self._arrival(day)
        latest = np.minimum(np.floor(leaves + 1e-9).astype(np.int64), self._arrival(day + 1) - 1)
        factor = 1.0 + self._draws.uniform(1, "trip", day)[:, 0] * c["trip_variation"]
        return Stay(arrival, np.maximum(latest, arrival + 1), c["trip_kwh"] * factor)

    def _arriving(self, day: int) -> IntArray:
        """First period plugged in."""
        comes = self._moment(day, self._columns["arrival_hour"] + self._shift(day)[:, 0])
        return np.ceil(comes - 1e-9).astype(np.int64)

    def _shift(self, day: int) -> FloatArray:
        """By how much arrival and departure differ from the usual hour [h], shape (d, 2)."""
        draws = self._draws.normal(2, "stay", day)
        shift = np.clip(draws, -SPREAD_LIMIT, SPREAD_LIMIT) * self._columns["hours_spread"][:, None]
        return np.clip(shift, -LARGEST_SHIFT_H, LARGEST_SHIFT_H)

    def _moment(self, day: int, hour: FloatArray) -> FloatArray:
        """Local hours after midnight of `day` (negative: the day before) in periods from the start of the
        run, not rounded."""
        # Counted back from the next midnight once the day's clock change is over.
        later = np.floor(hour / 24.0 + 1.0 - CLOCKS_CHANGED_H / 24.0).astype(np.int64)
        return self._midnight[day + MARGIN_DAYS + later] + (hour - 24.0 * later) / self._clock.hours


def _midnights(clock: Clock) -> FloatArray:
    """Local midnights in periods from the start of the run, from `MARGIN_DAYS` before its first day on."""
    first = clock.start.date()
    days = range(-MARGIN_DAYS, int(clock.day[-1]) + 1 + MARGIN_DAYS)
    midnights = [datetime.combine(first + timedelta(day), time(), clock.zone) for day in days]
    step = timedelta(minutes=clock.step_minutes)
    return np.array(
        [(midnight.astimezone(UTC) - clock.start.astimezone(UTC)) / step for midnight in midnights]
    )
