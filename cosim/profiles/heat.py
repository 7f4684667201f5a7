"""Heat demand of buildings from the community's weather: space heat by the standard load profiles for gas,
hot water with a daily course of its own, and what makes buildings differ. What supplies the heat is not here.

The profiles are demandlib's (BDEW, guide to the standard load profiles for gas, 2016): the heat of a day
follows a sigmoid of the weighted mean temperature of four days, its hours a table by temperature. They are
computed for the whole recorded weather, not for the run: the same weather gives the same heat whatever the
horizon."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.cache import cached_arrays, key_of
from cosim.profiles.config import DemandlibHeat
from cosim.profiles.days import DayTable, days_of_year, year_of
from cosim.profiles.diversify import bell, mix, uneven_days
from cosim.profiles.weather import SiteWeather

SLOT_S = 900
SLOTS = 86400 // SLOT_S
HOT_WATER_KWH_PER_PERSON = 600.0
"""Hot water of a person in a year, at the tap: 40 l a day heated by 35 K [kWh]."""
HOT_WATER_SEASON = 0.1
"""Amplitude of the hot water over the year, most in mid-February (Jordan and Vajen 2001: 10 %)."""
_COLDEST_DAY = 46
"""Day of the year on which mains water is coldest, about."""
_WARM_C = 30.0
"""At this temperature the standard load profile is hot water alone."""
_LIMITS_C = (-19.0, 39.0)
"""Temperatures for which demandlib has a table."""
VERSION = 1
"""Part of the cache key: to be raised when the method changes."""
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def hot_water_kwh(persons: FloatArray) -> FloatArray:
    """Hot water of households in a year [kWh], shape as `persons`."""
    return np.asarray(persons, dtype=float) * HOT_WATER_KWH_PER_PERSON


@dataclass(frozen=True)
class HeatShapes:
    """What all buildings of a kind share, per kWh in the year that the weather records."""

    space: DayTable
    """One column: share of the year's space heat in every hour of the recorded days [1/h]."""
    hot_water: FloatArray
    """Course of a day's hot water by hour, mean 1, shape (24,)."""


def heat_shapes(config: DemandlibHeat, weather: SiteWeather) -> HeatShapes:
    """Standard load profiles under a weather (cached).

    Raises:
        ProfileError: if the weather has no temperature or less than a year of it.
    """
    column = weather.record.column("temperature_c")
    weather.record.require_year("heat of source `demandlib`")
    days = weather.days
    settings = (config.building, config.building_class, config.windy)
    hourly = days.values_kw[:, column].reshape(days.days, 24, -1).mean(2)
    key = key_of("heat", VERSION, weather.record.stamp, *settings)
    found = cached_arrays(f"heat-{key}", lambda: _compute(config, hourly, days.first_day))
    return HeatShapes(DayTable(found["space"][:, None, :], days.first_day), found["hot_water"])


def _compute(config: DemandlibHeat, hourly_c: FloatArray, first_day: int) -> dict[str, NDArray[Any]]:
    days = len(hourly_c)
    space = _standard_profile(config, hourly_c.ravel(), first_day, hot_water=False)
    years = days / 365.25 if days > 366 else 1.0
    warm = np.full(24, _WARM_C)
    course = _standard_profile(config, warm, first_day, hot_water=True)
    return {"space": (space * years / space.sum()).reshape(days, 24), "hot_water": course / course.mean()}


def _standard_profile(
    config: DemandlibHeat, temperature_c: FloatArray, first_day: int, *, hot_water: bool
) -> FloatArray:
    """demandlib's profile for consecutive hours, in arbitrary units, shape (hours,)."""
    import pandas as pd
    from demandlib import bdew

    index = pd.date_range(np.datetime64(first_day, "D"), periods=len(temperature_c), freq="h")
    building = bdew.HeatBuilding(
        index,
        temperature=pd.Series(np.clip(temperature_c, *_LIMITS_C), index=index),
        shlp_type="EFH" if config.building == "single-family" else "MFH",
        building_class=config.building_class,
        wind_class=int(config.windy),
        ww_incl=False,
        ww_only=hot_water,
        annual_heat_demand=1.0,
    )
    return np.asarray(building.get_bdew_profile(), dtype=float)


@dataclass(frozen=True, slots=True)
class _Day:
    """What chance decides for a date, shape (n,) each."""

    space: FloatArray
    """Factor on the day's space heat."""
    hot_water: FloatArray
    space_shift: IntArray
    """Slots by which the course is moved, around midnight."""
    hot_water_shift: IntArray


@dataclass
class HeatDemand:
    """Buildings as a source, on an axis of wall-clock time. Draws are hashes of seed, building and date."""

    shapes: HeatShapes
    config: DemandlibHeat
    space_kwh: FloatArray
    """Space heat of every building in a year of the weather, shape (n,)."""
    hot_water_kwh: FloatArray
    """Shape (n,)."""
    key: tuple[int, int]
    """Two 64-bit words from the run's seed."""
    zone: ZoneInfo
    """Of the wall clock: its days of 23 and 25 hours have the heat of their date all the same."""
    _year: dict[int, tuple[FloatArray, FloatArray]] = field(default_factory=dict, init=False, repr=False)
    _uneven: dict[int, dict[int, FloatArray]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        n = len(self.space_kwh)
        self._building = mix(np.uint64(self.key[0]) + np.arange(1, n + 1, dtype=np.uint64) * _GOLDEN)
        self._habit = bell(mix(self._building ^ _GOLDEN)) * self.config.shift_minutes * 60.0 / SLOT_S
        self._water = np.repeat(self.shapes.hot_water, SLOTS // 24)

    @property
    def slot_s(self) -> int:
        """Length of a slot [s]."""
        return SLOT_S

    @property
    def columns(self) -> int:
        """How many buildings there are."""
        return len(self.space_kwh)

    def rows(self, slots: IntArray) -> FloatArray:
        """Space heat and hot water of every building [kW], shape (slots, n)."""
        space, water = self.parts(slots)
        return space + water

    def parts(self, slots: IntArray) -> tuple[FloatArray, FloatArray]:
        """Space heat and hot water apart [kW], shape (slots, n) each."""
        days, start = np.unique(slots // SLOTS, return_index=True)
        found = [
            self._of_day(int(day), part)
            for day, part in zip(days, np.split(slots % SLOTS, start[1:]), strict=True)
        ]
        return np.concatenate([space for space, _ in found]), np.concatenate([water for _, water in found])

    def _of_day(self, day: int, slots: IntArray) -> tuple[FloatArray, FloatArray]:
        drawn = self._draws(day)
        space_factor, water_factor = self._factors(year_of(day))
        hours = self.shapes.space.values_kw[self._recorded(day), 0]
        space_kwh = self.space_kwh * space_factor * drawn.space * hours.sum()
        water_kwh = self.hot_water_kwh * water_factor * drawn.hot_water * _season(day)
        course = np.repeat(hours / max(hours.sum(), 1e-300), SLOTS // 24)
        return (
            self._moved(course, drawn.space_shift, day, slots) * space_kwh,
            self._moved(self._water, drawn.hot_water_shift, day, slots) * water_kwh,
        )

    def _moved(self, course: FloatArray, shift: IntArray, day: int, slots: IntArray) -> FloatArray:
        """A course moved for every building, the date's slots adding up to 1 kWh, shape (slots, n)."""
        passes = self._passes(day)
        if passes is None:
            scaled = course / course.sum() * (3600.0 / SLOT_S) if course.any() else course
            return np.asarray(scaled[(slots[:, None] - shift) % SLOTS])
        every = course[(np.arange(SLOTS)[:, None] - shift) % SLOTS]
        energy = passes @ every * (SLOT_S / 3600.0)
        return np.asarray(every[slots] / np.where(energy > 0, energy, 1.0))

    def _passes(self, day: int) -> FloatArray | None:
        year = year_of(day)
        if year not in self._uneven:
            self._uneven[year] = uneven_days(year, self.zone, SLOT_S)
        return self._uneven[year].get(day)

    def _recorded(self, day: int) -> int:
        """The recorded day of a date; the nearest where the run begins or ends within one."""
        table = self.shapes.space
        try:
            return table.index_of(day)
        except KeyError:
            return int(np.clip(day - table.first_day, 0, table.days - 1))

    def _draws(self, day: int) -> _Day:
        salt = mix(np.array([self.key[1]], dtype=np.uint64) + np.array([day + 1], dtype=np.uint64) * _GOLDEN)
        words = [mix(self._building ^ salt)]
        for _ in range(3):
            words.append(mix(words[-1] + _GOLDEN))
        chance = self.config.shift_minutes * 60.0 / SLOT_S
        return _Day(
            1.0 + self.config.space_heat_variation * bell(words[0]),
            1.0 + self.config.hot_water_variation * bell(words[1]),
            np.rint(self._habit + bell(words[2]) * chance).astype(np.int64),
            np.rint(self._habit + bell(words[3]) * chance).astype(np.int64),
        )

    def _factors(self, year: int) -> tuple[FloatArray, FloatArray]:
        """What takes the mean of the variation out of a calendar year: space heat is then what the weather
        of its days says, hot water (per kWh) that of 365 mean days."""
        found = self._year.get(year)
        if found is None:
            days = days_of_year(year).tolist()
            space = np.array([self.shapes.space.values_kw[self._recorded(day), 0].sum() for day in days])
            season = np.array([_season(day) for day in days])
            drawn = [self._draws(day) for day in days]
            by_space = np.stack([draw.space for draw in drawn])
            by_water = np.stack([draw.hot_water for draw in drawn])
            length = len(days) / 365.0
            found = self._year[year] = (
                space.sum() / (space @ by_space),
                length / (season @ by_water),
            )
        return found


def _season(day: int) -> float:
    """Hot water of a date relative to the mean of the year."""
    first = int(days_of_year(year_of(day))[0])
    return 1.0 + HOT_WATER_SEASON * float(np.cos(2.0 * np.pi * (day - first - _COLDEST_DAY) / 365.0))
