"""Recorded weather: DWD's test reference years in demandlib and own files, as steps of equal length on an
axis of their own. How it comes onto the ticks of a run is in weather.py."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.cache import cached_arrays, file_stamp, key_of
from cosim.core.clock import Clock
from cosim.core.problems import Problems
from cosim.core.weather import Quantity
from cosim.core.zones import standard_offset
from cosim.errors import Problem, ProfileError
from cosim.profiles.csv_source import existing, open_table, regular_values
from cosim.profiles.days import YEAR_DAYS, DayTable, RecordedDays
from cosim.profiles.profiles import Source
from cosim.profiles.resample import standard_seconds, utc_seconds
from cosim.profiles.series import Series, to_days
from cosim.profiles.sun import Location, SunShift
from cosim.profiles.weather_config import CsvWeather, DemandlibWeather, WeatherConfig

HOUR_S, DAY_S = 3600, 86_400
CET_S = HOUR_S
"""Central European Time is an hour ahead of UTC [s]."""
COMPUTED_MINUTES = 30.0
"""Computed irradiance of the test reference years is that of the half hours before and after the stamp,
measured irradiance is stamped in true solar time: seen in the data (docs/weather.md)."""
FIRST_DAY = int(np.datetime64("2010-01-01", "D").astype(int))
"""The test reference years have no year of their own; they were issued in 2010."""
_ROWS = 8760
_TRY: dict[str, int] = {"wind": 7, "temperature": 8, "beam": 13, "diffuse": 14, "origin": 15}
"""Columns of the file: WG, t, B, D, IK."""
_MEASURED = 1
"""Value of IK where irradiance was measured."""
PLAUSIBLE: Mapping[Quantity, tuple[float, float, str]] = {
    "temperature_c": (-70.0, 60.0, "is it in degC?"),
    "ghi_w_per_m2": (0.0, 1800.0, "mean irradiance in W/m2, zero at night"),
    "dni_w_per_m2": (0.0, 1500.0, "mean irradiance in W/m2, zero at night"),
    "dhi_w_per_m2": (0.0, 1500.0, "mean irradiance in W/m2, zero at night"),
    "wind_m_per_s": (0.0, 100.0, "is it in m/s?"),
}
DIMMEST_W_PER_M2 = 2.0
"""A file that is never brighter is in another unit, such as kW/m2: a wet day in December reaches tens."""


@dataclass(frozen=True)
class Record:
    """Recorded weather of one place."""

    name: str
    place: Location
    quantities: tuple[Quantity, ...]
    """Columns of the source."""
    source: Source
    """Means of equal steps."""
    by_day: Callable[[], DayTable]
    """Makes `days`."""
    axis_utc_s: int
    """Instant [s UTC] at which the source's axis has its zero."""
    steps: int
    """How many are recorded."""
    by_date: bool
    """Whether the axis is standard time and another year takes the same dates."""
    sun_shift: SunShift
    stamp: str
    """Changes with the content: for cache keys."""

    @cached_property
    def days(self) -> DayTable:
        """The same by calendar day in standard time: what is needed of a whole year at once.

        Raises:
            ProfileError: if no whole day is recorded.
        """
        return self.by_day()

    @property
    def whole_year(self) -> bool:
        """Whether at least 365 days are recorded."""
        return self.steps * self.source.slot_s >= YEAR_DAYS * 86400 and self.days.whole_year

    def require_year(self, what: str) -> None:
        """Check that what goes by the year can be told.

        Raises:
            ProfileError: if less than 365 days are recorded.
        """
        if not self.whole_year:
            days = self.steps * self.source.slot_s / 86400
            raise ProfileError(
                Problem(
                    f"{what} needs weather of a whole year, but {self.name} holds {days:.3g} days",
                    "give a file of at least 365 whole days",
                    path="weather",
                )
            )

    def axis_s(self, clock: Clock) -> IntArray:
        """Start of every tick on the axis of the source [s], shape (periods,)."""
        return standard_seconds(clock) if self.by_date else utc_seconds(clock) - self.axis_utc_s

    def column(self, quantity: Quantity) -> int:
        """Column of a quantity.

        Raises:
            ProfileError: if the weather does not have it.
        """
        if quantity not in self.quantities:
            raise ProfileError(
                Problem(
                    f"{self.name} has no {quantity}, which is needed",
                    f"name its column: `weather.{quantity}`",
                    path="weather",
                )
            )
        return self.quantities.index(quantity)


def read_record(config: WeatherConfig, clock: Clock, folder: Path) -> Record:
    """What the settings name.

    Raises:
        ProfileError: with every problem of the file.
    """
    if isinstance(config, DemandlibWeather):
        return _test_reference_year(config)
    return _own(config, clock, folder)


def _test_reference_year(config: DemandlibWeather) -> Record:
    path = try_file(config.region)
    try:
        stamp = key_of("try", 2, *file_stamp(path))
    except OSError as error:
        raise _broken(path, str(error)) from error
    found = cached_arrays(f"try-{stamp}", lambda: _parse_try(path))
    values = found["values"].copy()
    values[:, 0] += config.temperature_offset_k
    latitude, longitude, altitude = found["place"].tolist()
    days = DayTable(np.ascontiguousarray(values.reshape(365, 24, -1).transpose(0, 2, 1)), FIRST_DAY)
    shift = (
        SunShift(COMPUTED_MINUTES, longitude, days, found["measured"])
        if config.sun_shift_minutes is None
        else SunShift(config.sun_shift_minutes)
    )
    return Record(
        name=f"test reference year {config.region} ({found['station']!s})",
        place=Location(latitude, longitude, altitude),
        quantities=("temperature_c", "ghi_w_per_m2", "dhi_w_per_m2", "wind_m_per_s"),
        source=RecordedDays(days, by_weekday=False),
        by_day=lambda: days,
        axis_utc_s=-CET_S,
        steps=_ROWS,
        by_date=True,
        sun_shift=shift,
        stamp=key_of(stamp, config.model_dump_json()),
    )


def try_file(region: int) -> Path:
    """A test reference year in the installed demandlib, which is not imported.

    Raises:
        ProfileError: if demandlib is not installed.
    """
    spec = importlib.util.find_spec("demandlib")
    if spec is None or not spec.submodule_search_locations:
        raise ProfileError(Problem("demandlib is not installed", "python -m pip install demandlib"))
    folder = Path(spec.submodule_search_locations[0]) / "vdi" / "resources_weather"
    return folder / f"TRY2010_{region:02d}_Jahr.dat"


def _parse_try(path: Path) -> dict[str, NDArray[Any]]:
    """Columns of a file; the rows after `***` are the hours 1 to 24 of 365 days."""
    try:
        with path.open(encoding="utf-8") as stream:
            head = [line for line in iter(stream.readline, "***\n") if line]
            table = np.loadtxt(stream)
    except (OSError, ValueError) as error:
        raise _broken(path, str(error)) from error
    place = re.search(r"(\d+)°(\d+)'N.*?(\d+)°(\d+)'O.*?(\d+) Meter", head[2])
    station = re.search(r"Station: (.+?)\s\s", head[1])
    if place is None or station is None or len(table) != _ROWS:
        raise _broken(path, "not the layout of a test reference year")
    degrees = [float(number) for number in place.groups()]
    beam, diffuse = table[:, _TRY["beam"]], table[:, _TRY["diffuse"]]
    return {
        "values": np.column_stack(
            [table[:, _TRY["temperature"]], beam + diffuse, diffuse, table[:, _TRY["wind"]]]
        ),
        "place": np.array([degrees[0] + degrees[1] / 60, degrees[2] + degrees[3] / 60, degrees[4]]),
        "measured": (table[:, _TRY["origin"]] == _MEASURED).reshape(365, 24).any(1),
        "station": np.array(station.group(1)),
    }


def _broken(path: Path, reason: str) -> ProfileError:
    return ProfileError(Problem(f"cannot be read: {reason}", "reinstall demandlib", file=path))


def _own(config: CsvWeather, clock: Clock, folder: Path) -> Record:
    path = existing(folder / config.file, (".csv", ".parquet"))
    zone = ZoneInfo(config.zone) if config.zone else clock.zone
    stamp = key_of("weather", 2, *file_stamp(path), config.model_dump_json(), zone.key, clock.zone.key)
    series = _read_own(config, zone, path, stamp)
    repeat = config.year == "repeat"
    if not repeat:
        series.require(clock)
    by_day = partial(to_days, series, clock.zone, whole_year=repeat, standard_time=True)
    source: Source = RecordedDays(by_day(), by_weekday=False) if repeat else _Ended(series)
    return Record(
        name=series.name,
        place=Location(config.latitude_deg, config.longitude_deg, config.altitude_m),
        quantities=tuple(config.named),
        source=source,
        by_day=by_day,
        axis_utc_s=-standard_offset(clock.zone, series.start_s) if repeat else series.start_s,
        steps=len(series.values_kw),
        by_date=repeat,
        sun_shift=SunShift(config.sun_shift_minutes),
        stamp=stamp,
    )


@dataclass(frozen=True)
class _Ended:
    """A series that goes on with its first and last step where one looks a step beyond it."""

    series: Series

    @property
    def slot_s(self) -> int:
        """Length of a step [s]."""
        return self.series.step_s

    @property
    def columns(self) -> int:
        """How many columns there are."""
        return self.series.columns

    def rows(self, slots: IntArray) -> FloatArray:
        """Values of steps, shape (slots, columns)."""
        return self.series.rows(np.clip(slots, 0, len(self.series.values_kw) - 1))


def _read_own(config: CsvWeather, zone: ZoneInfo, path: Path, stamp: str) -> Series:
    names = tuple(config.named.values())

    def build() -> dict[str, NDArray[Any]]:
        table, problems = open_table(path, config)
        values, axis = regular_values(table, names, config, zone, problems)
        for index, (quantity, column) in enumerate(config.named.items()):
            _check(values[:, index], quantity, column, problems)
            if quantity == "ghi_w_per_m2" and axis is not None and len(values) * axis.step_s >= DAY_S:
                _check_unit(values[:, index], column, problems)
        problems.raise_if_any()
        assert axis is not None
        return {"values": values, "axis": np.array([axis.start_s, axis.step_s])}

    found = cached_arrays(f"weather-file-{stamp}", build)
    start_s, step_s = found["axis"].tolist()
    if 86400 % step_s or step_s > 3 * HOUR_S:
        raise ProfileError(
            Problem(
                f"steps of {step_s / 60:g} min",
                "weather needs steps of 3 h or less that divide a day",
                file=path,
            )
        )
    return Series(found["values"], start_s, step_s, names, path)


def _check(values: FloatArray, quantity: Quantity, column: str, problems: Problems) -> None:
    low, high, remedy = PLAUSIBLE[quantity]
    problems.rows(
        (values < low) | (values > high),
        lambda row: f"{column}: {values[row]:g} is not between {low:g} and {high:g}",
        remedy,
    )


def _check_unit(values: FloatArray, column: str, problems: Problems) -> None:
    """A problem if irradiance of a day or more is too low to be in W/m2."""
    most = float(values.max(initial=0.0, where=values > 0.0))
    if 0.0 < most < DIMMEST_W_PER_M2:
        problems.add(f"{column}: never above {most:g} W/m2", "is it in kW/m2? Multiply by 1000")
