"""The diversifier: many different households from few recorded shapes, with a coincidence factor that follows
Rusck's curve. How it is calibrated is in calibrate.py; docs/profiles.md has the equations.

Household i takes, for every day, a recorded day of the same kind (weekday, Saturday, Sunday) within four
weeks of the date, of its home shape or of another one, moved by its habit and the day's chance. All draws are
hashes of (seed, household, day): they depend neither on how many households there are nor on the order of
blocks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from cosim.core.arrays import FloatArray, IntArray
from cosim.profiles.days import DayTable, days_of_year, weekday_of, year_of

WINDOW_DAYS = 28
"""Recorded days this far from the date count as similar [d]."""
HOME_SHARE = 0.5
"""Share of days on which a household keeps to its home shape; on the others any shape is drawn."""
HABIT_MINUTES = 30.0
"""Standard deviation of a household's permanent shift [min]."""
CHANCE_MINUTES = 30.0
"""Standard deviation of the shift of a single day [min]."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
Words = NDArray[np.uint64]


def mix(words: Words) -> Words:
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014, OOPSLA): well-mixed words from counters."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def uniform(words: Words, piece: int) -> FloatArray:
    """The 16-bit piece number `piece` (0 to 3) of every word as a number in (0, 1)."""
    bits = (words >> np.uint64(16 * piece)) & np.uint64(0xFFFF)
    return (bits.astype(float) + 0.5) / 65536.0


def bell(words: Words) -> FloatArray:
    """Standardised sum of three uniform pieces: mean 0, variance 1, bounded by three."""
    return 2.0 * (uniform(words, 1) + uniform(words, 2) + uniform(words, 3) - 1.5)


def day_kind(weekday: IntArray) -> IntArray:
    """0 for Monday to Friday, 1 for Saturday, 2 for Sunday."""
    return np.maximum(weekday - 4, 0)


class SimilarDays:
    """Which recorded days may stand for a date."""

    def __init__(self, table: DayTable, window: int = WINDOW_DAYS) -> None:
        self._days = table.days
        self._window = window
        self._kind = day_kind(table.weekday)
        self._cyclic = table.whole_year
        self._known: dict[tuple[int, int], IntArray] = {}

    def of(self, index: int, kind: int) -> IntArray:
        """Recorded days of that kind around the recorded day `index`; of any kind where there is none."""
        found = self._known.get((index, kind))
        if found is None:
            distance = np.abs(np.arange(self._days) - index)
            if self._cyclic:
                distance = np.minimum(distance, self._days - distance)
            near = distance <= self._window
            alike = np.flatnonzero(near & (self._kind == kind))
            found = alike if len(alike) else np.flatnonzero(near)
            self._known[(index, kind)] = found
        return found


@dataclass(frozen=True, slots=True)
class Draws:
    """What chance decided for one day, shape (n,) each."""

    recorded: IntArray
    """Recorded day."""
    shape: IntArray
    """Recorded column."""
    shift: IntArray
    """Slots by which the day is moved, around midnight."""


@dataclass
class Diversified:
    """Households as a source, on an axis of wall-clock time."""

    table: DayTable
    """Recorded days, made ready by `calibrate.prepare`."""
    annual_kwh: FloatArray
    """Energy of every household in every calendar year, exact, shape (n,)."""
    key: tuple[int, int]
    """Two 64-bit words from the run's seed."""
    zone: ZoneInfo | None = None
    """Zone of the scenario: days of 23 and 25 hours count in the year's energy (none: all have 24)."""
    _factor: dict[int, FloatArray] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        n = len(self.annual_kwh)
        self._similar = SimilarDays(self.table)
        self._household = mix(np.uint64(self.key[0]) + np.arange(1, n + 1, dtype=np.uint64) * _GOLDEN)
        self._home = np.arange(n) % self.table.columns
        habit = bell(mix(self._household ^ _GOLDEN))
        self._habit = habit * HABIT_MINUTES * 60.0 / self.table.slot_s
        self._day_kwh = self.table.values_kw.mean(2) * 24.0

    @property
    def slot_s(self) -> int:
        """Length of a slot [s]."""
        return self.table.slot_s

    @property
    def columns(self) -> int:
        """How many households there are."""
        return len(self.annual_kwh)

    def rows(self, slots: IntArray) -> FloatArray:
        """Mean power of every household [kW], shape (slots, n)."""
        days, start = np.unique(slots // self.table.slots, return_index=True)
        parts = np.split(slots % self.table.slots, start[1:])
        return np.concatenate(
            [
                self.relative(int(day), part) * self._year_factor(year_of(int(day)))
                for day, part in zip(days, parts, strict=True)
            ]
        )

    def draws(self, day: int) -> Draws:
        """What chance decides for a date, given in days since 1970-01-01."""
        index = self.table.index_of(day)
        similar = self._similar.of(index, int(day_kind(weekday_of(np.array(day)))))
        salt = mix(np.array([self.key[1]], dtype=np.uint64) + np.array([day + 1], dtype=np.uint64) * _GOLDEN)
        first = mix(self._household ^ salt)
        second = mix(first + _GOLDEN)
        shapes = self.table.columns
        other = (uniform(first, 1) * shapes).astype(np.int64)
        return Draws(
            recorded=similar[(uniform(first, 2) * len(similar)).astype(np.int64)],
            shape=np.where(uniform(first, 0) < HOME_SHARE, self._home, other),
            shift=np.rint(self._habit + bell(second) * CHANCE_MINUTES * 60.0 / self.table.slot_s).astype(
                np.int64
            ),
        )

    def relative(self, day: int, slots: IntArray) -> FloatArray:
        """Power before it is scaled to the annual energy, shape (slots of that day, n)."""
        drawn = self.draws(day)
        moved = (slots[:, None] - drawn.shift) % self.table.slots
        return np.asarray(self.table.values_kw[drawn.recorded, drawn.shape, moved])

    def _year_factor(self, year: int) -> FloatArray:
        factor = self._factor.get(year)
        if factor is None:
            days = [day for day in days_of_year(year).tolist() if self._covers(day)]
            share = len(days) / len(days_of_year(year))
            factor = self._factor[year] = self.annual_kwh * share / self._energy(year, days)
        return factor

    def _energy(self, year: int, days: list[int]) -> FloatArray:
        """Energy of every household in those days of a year before scaling [kWh], shape (n,)."""
        energy = np.zeros(self.columns)
        uneven = uneven_days(year, self.zone, self.slot_s)
        slots = np.arange(self.table.slots)
        for day in days:
            if day in uneven:
                energy += uneven[day] @ self.relative(day, slots) * self.slot_s / 3600.0
            else:
                drawn = self.draws(day)
                energy += self._day_kwh[drawn.recorded, drawn.shape]
        return energy

    def _covers(self, day: int) -> bool:
        return self.table.whole_year or 0 <= day - self.table.first_day < self.table.days


def uneven_days(year: int, zone: ZoneInfo | None, slot_s: int) -> dict[int, FloatArray]:
    """Days of a year that do not have 24 hours -> how often each slot of the wall clock passes,
    shape (slots of a day,)."""
    if zone is None:
        return {}
    found = {}
    for day in days_of_year(year).tolist():
        midnight = datetime(1970, 1, 1) + timedelta(days=day)
        start, end = ((midnight + timedelta(days=extra)).replace(tzinfo=zone).timestamp() for extra in (0, 1))
        if end - start != 86400:
            passes = np.zeros(86400 // slot_s)
            for moment in np.arange(start, end, slot_s):
                wall = datetime.fromtimestamp(moment, zone)
                passes[(wall.hour * 3600 + wall.minute * 60 + wall.second) // slot_s] += 1
            found[day] = passes
    return found
