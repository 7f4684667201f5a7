"""Recorded days: power by day, column and slot of the day, and which recorded day stands for a date of the
scenario. SimBench's year is one; any file of whole days can be made one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cosim.core.arrays import FloatArray, IntArray

YEAR_DAYS = 365
"""From this many recorded days on, a table is taken to hold a whole year."""


@dataclass(frozen=True)
class DayTable:
    """Power of every column in every slot of consecutive recorded days."""

    values_kw: FloatArray
    """Shape (days, columns, slots of a day)."""
    first_day: int
    """Date of the first recorded day, in days since 1970-01-01."""

    @property
    def days(self) -> int:
        """Recorded days."""
        return int(self.values_kw.shape[0])

    @property
    def columns(self) -> int:
        """Recorded columns."""
        return int(self.values_kw.shape[1])

    @property
    def slots(self) -> int:
        """Slots of a day."""
        return int(self.values_kw.shape[2])

    @property
    def slot_s(self) -> int:
        """Length of a slot [s]."""
        return 86400 // self.slots

    @property
    def whole_year(self) -> bool:
        """Whether every day of a year has its recorded day."""
        return self.days >= YEAR_DAYS

    @cached_property
    def weekday(self) -> IntArray:
        """Weekday of every recorded day, Monday 0, shape (days,)."""
        return weekday_of(self.first_day + np.arange(self.days))

    @cached_property
    def _by_date(self) -> dict[tuple[int, int], int]:
        """(month, day) -> first recorded day with that date."""
        dates = [month_day(self.first_day + i) for i in range(self.days)]
        return {date: i for i, date in reversed(list(enumerate(dates)))}

    def index_of(self, day: int) -> int:
        """The recorded day of that date: the date itself, else the same month and day of the recorded year
        (28 February for a 29th that was not recorded).

        Raises:
            KeyError: if nothing recorded stands for that date.
        """
        index = day - self.first_day
        if 0 <= index < self.days:
            return index
        if not self.whole_year:
            raise KeyError(day)
        month, date = month_day(day)
        found = self._by_date.get((month, date))
        return self._by_date[(2, 28)] if found is None else found

    def same_weekday(self, day: int) -> int:
        """Like `index_of`, then moved by at most three days so that the weekday agrees."""
        index = self.index_of(day)
        shift = (int(weekday_of(np.array(day))) - int(self.weekday[index]) + 3) % 7 - 3
        return (index + shift) % self.days


def weekday_of(day: IntArray) -> IntArray:
    """Weekday of days since 1970-01-01 (a Thursday), Monday 0."""
    return (day + 3) % 7


def month_day(day: int) -> tuple[int, int]:
    """Month and day of the month of a day since 1970-01-01."""
    date = np.datetime64(day, "D").item()
    return date.month, date.day


def year_of(day: int) -> int:
    """Calendar year of a day since 1970-01-01."""
    return int(np.datetime64(day, "D").item().year)


def days_of_year(year: int) -> IntArray:
    """The days of a calendar year, in days since 1970-01-01."""
    first = int(np.datetime64(f"{year:04d}-01-01", "D").astype(int))
    return np.arange(first, int(np.datetime64(f"{year + 1:04d}-01-01", "D").astype(int)))


@dataclass(frozen=True)
class RecordedDays:
    """The columns of a day table as a source, on an axis of wall-clock or standard time."""

    table: DayTable
    by_weekday: bool
    """Whether a recorded day of the same weekday is taken (loads) or the same date (the sun)."""

    @property
    def slot_s(self) -> int:
        """Length of a slot [s]."""
        return self.table.slot_s

    @property
    def columns(self) -> int:
        """Recorded columns."""
        return self.table.columns

    def rows(self, slots: IntArray) -> FloatArray:
        """Mean power [kW], shape (slots, columns)."""
        days, inverse = np.unique(slots // self.table.slots, return_inverse=True)
        choose = self.table.same_weekday if self.by_weekday else self.table.index_of
        recorded = np.array([choose(int(day)) for day in days], dtype=np.int64)
        return self.table.values_kw[recorded[inverse], :, slots % self.table.slots]
