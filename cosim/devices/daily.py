"""What happens once a day at local hours that vary: stays of vehicles, windows of loads that can wait. Drawn
day by day, the same whatever the order in which days are asked for and however long the run is. What is done
in a span is the business of the kinds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache

import numpy as np

from cosim.core.arrays import FloatArray, IntArray, clipped
from cosim.core.clock import Clock
from cosim.devices.base import Draws

SPREAD_LIMIT = 3.0
"""Draws of hours are cut at this many standard deviations."""
LARGEST_SHIFT_H = 10.0
"""And at this many hours, so that a day's span always begins before the next day's: two such shifts leave
three hours, even on the day of 23 hours."""
CLOCKS_CHANGED_H = 3.0
"""Local hour by which a day's clock change is over."""
MARGIN_DAYS = 6
"""Days before and after the run whose midnights are known: spans may begin or end there."""
REACH_DAYS = 2
"""A span may begin late on the day before its own and end early on the second day after it."""


@dataclass(frozen=True, slots=True)
class Span:
    """One span per device, in period indices that may lie outside the run, shape (d,) each."""

    begin: IntArray
    """First period in it."""
    end: IntArray
    """First period after it."""
    kwh: FloatArray
    """The energy that goes with it [kWh]."""

    def or_else(self, other: Span, index: int) -> Span:
        """Device by device: this span if it lasts beyond the start of period `index`, else the other."""
        lasts = self.end > index
        return Span(
            np.where(lasts, self.begin, other.begin),
            np.where(lasts, self.end, other.end),
            np.where(lasts, self.kwh, other.kwh),
        )


class Daily(ABC):
    """Spans of all devices of a kind, one for each day, in order and without overlap.

    Args:
        columns: Parameters by name, shape (d,) each; `hours_spread` [h] is the standard deviation of hours
            from day to day.
        clock: Time of the run.
        draws: Randomness of the devices.
    """

    def __init__(self, columns: Mapping[str, FloatArray], clock: Clock, draws: Draws) -> None:
        self._columns = columns
        self._clock = clock
        self._draws = draws
        self._midnight = _midnights(clock)
        self.of_day = lru_cache(maxsize=16)(self._drawn)
        """The span that belongs to a day of the run."""
        self.current = lru_cache(maxsize=4)(self._current)
        """The span that covers a period, or else the next one."""

    @abstractmethod
    def _drawn(self, day: int) -> Span:
        """The span that belongs to `day`."""

    def between(self, first: int, last: int) -> list[Span]:
        """All spans that touch the periods first to last - 1, in order, and some before and after."""
        return [
            self.of_day(day) for day in range(self._day(first) - REACH_DAYS, self._day(last) + REACH_DAYS + 1)
        ]

    def _current(self, index: int) -> Span:
        spans = self.between(index, index)
        found = spans.pop()
        for span in reversed(spans):
            found = span.or_else(found, index)
        return found

    def _day(self, index: int) -> int:
        return int(self._clock.day[min(index, self._clock.periods - 1)])

    def _shift(self, day: int, width: int, name: str) -> FloatArray:
        """By how much hours of this day differ from the usual ones [h], shape (d, width)."""
        draws = self._draws.normal(width, name, day)
        shift = clipped(draws, -SPREAD_LIMIT, SPREAD_LIMIT) * self._columns["hours_spread"][:, None]
        return clipped(shift, -LARGEST_SHIFT_H, LARGEST_SHIFT_H)

    def _moment(self, day: int, hour: FloatArray) -> FloatArray:
        """Local hours after midnight of `day` (negative: the day before) in periods from the start of the
        run, not rounded."""
        # Counted back from the next midnight once the day's clock change is over.
        later = np.floor(hour / 24.0 + 1.0 - CLOCKS_CHANGED_H / 24.0).astype(np.int64)
        return self._midnight[day + MARGIN_DAYS + later] + (hour - 24.0 * later) / self._clock.hours


def first_whole(moment: FloatArray) -> IntArray:
    """First period that lies wholly after a moment, shape (d,)."""
    return np.ceil(moment - 1e-9).astype(np.int64)


def last_whole(moment: FloatArray) -> IntArray:
    """First period that no longer lies wholly before a moment, shape (d,)."""
    return np.floor(moment + 1e-9).astype(np.int64)


def _midnights(clock: Clock) -> FloatArray:
    """Local midnights in periods from the start of the run, from `MARGIN_DAYS` before its first day on."""
    first = clock.start.date()
    days = range(-MARGIN_DAYS, int(clock.day[-1]) + 1 + MARGIN_DAYS)
    midnights = [datetime.combine(first + timedelta(day), time(), clock.zone) for day in days]
    step = timedelta(minutes=clock.step_minutes)
    return np.array(
        [(midnight.astimezone(UTC) - clock.start.astimezone(UTC)) / step for midnight in midnights]
    )
