"""The weather of a run: recorded weather on the ticks of its clock, the same for everything that asks. What
the records are is in weather_record.py, the sun in sun.py.

Temperature and wind are interpolated between the middles of the recorded steps; irradiance keeps the energy
of every step (sun.py). Another year takes the same dates in standard time; 29 February takes the 28th."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.cache import cached_arrays, key_of
from cosim.core.clock import Clock
from cosim.core.weather import Quantity
from cosim.profiles.days import DayTable
from cosim.profiles.sun import (
    CELL_S,
    MOST_SHIFT_S,
    Irradiance,
    Location,
    Sunlight,
    directions,
    extraterrestrial,
    gathered,
    placed,
    shaped,
)
from cosim.profiles.weather_config import WeatherConfig
from cosim.profiles.weather_record import Record, read_record

VERSION = 3
"""Part of the cache key: to be raised when the method changes."""


@dataclass(frozen=True)
class SiteWeather:
    """Weather of one place on the ticks of a clock."""

    clock: Clock
    record: Record
    _columns: dict[str, NDArray[Any]]
    """Quantity -> mean by tick; beside them `sun` (periods, 3) and `extra` (periods,)."""

    @property
    def name(self) -> str:
        """Where it comes from."""
        return self.record.name

    @property
    def place(self) -> Location:
        """Where it is."""
        return self.record.place

    @property
    def key(self) -> str:
        """Changes with everything that the values depend on."""
        return _key(self.record, self.clock)

    @property
    def quantities(self) -> Collection[str]:
        """What was recorded."""
        return self.record.quantities

    def values(self, quantity: Quantity, first: int, last: int) -> FloatArray:
        """A quantity in the ticks first to last - 1, shape (last - first,), not to be written to.

        Raises:
            IndexError: if the run has no such ticks.
            ProfileError: if the weather does not have the quantity.
        """
        if quantity not in self._columns:
            self.record.column(quantity)
        return self._window(quantity, first, last)

    def sun(self, first: int, last: int) -> FloatArray:
        """Direction of the beam (`Sunlight.sun`), shape (last - first, 3)."""
        self.record.column("ghi_w_per_m2")
        return self._window("sun", first, last)

    def extraterrestrial(self, first: int, last: int) -> FloatArray:
        """Irradiance normal to the sun outside of the atmosphere [W/m2], shape (last - first,)."""
        self.record.column("ghi_w_per_m2")
        return self._window("extra", first, last)

    def _window(self, name: str, first: int, last: int) -> FloatArray:
        if not 0 <= first <= last <= self.clock.periods:
            raise IndexError(f"ticks {first} to {last} of {self.clock.periods}")
        return np.asarray(self._columns[name][first:last])

    @property
    def days(self) -> DayTable:
        """The recorded days, columns as in `record.quantities`."""
        return self.record.days

    @cached_property
    def whole_year(self) -> SiteWeather:
        """The record itself hour by hour (its first 365 days), for what is said of a year.

        Raises:
            ProfileError: if less than 365 days are recorded.
        """
        self.record.require_year("what a plant yields in a year")
        midnight = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=self.days.first_day)
        if self.record.by_date:  # any zone will do that has no summer time: the axis is standard time
            start = midnight.replace(tzinfo=_utc())
        else:
            start = (datetime.fromtimestamp(self.record.axis_utc_s, UTC)).astimezone(_utc())
        return _on_ticks(self.record, Clock(start, 60, 365 * 24))


def load_weather(config: WeatherConfig, clock: Clock, folder: Path) -> SiteWeather:
    """Weather on the ticks of a clock.

    Args:
        config: Where it comes from.
        clock: Ticks on which it is wanted.
        folder: Folder of the scenario file.

    Raises:
        ProfileError: with every problem of the source.
    """
    return _on_ticks(read_record(config, clock, folder), clock)


def _utc() -> Any:
    from zoneinfo import ZoneInfo

    return ZoneInfo("UTC")


def _key(record: Record, clock: Clock) -> str:
    start = clock.start
    return key_of(
        "weather", VERSION, record.stamp, start.timestamp(), clock.zone.key, clock.step_minutes, clock.periods
    )


def _on_ticks(record: Record, clock: Clock) -> SiteWeather:
    columns = cached_arrays(f"weather-{_key(record, clock)}", lambda: _compute(record, clock))
    for column in columns.values():
        column.flags.writeable = False
    return SiteWeather(clock, record, columns)


def _compute(record: Record, clock: Clock) -> dict[str, NDArray[Any]]:
    axis = record.axis_s(clock)
    columns: dict[str, NDArray[Any]] = {}
    for quantity in ("temperature_c", "wind_m_per_s"):
        if quantity in record.quantities:
            columns[quantity] = _smooth(
                record, record.quantities.index(quantity), axis, clock.step_minutes * 60
            )
    if "ghi_w_per_m2" in record.quantities:
        utc = axis + record.axis_utc_s
        light = _sunlight(record, axis, clock.step_minutes * 60)
        columns["ghi_w_per_m2"], columns["dni_w_per_m2"] = light.ghi, light.dni
        columns["dhi_w_per_m2"], columns["sun"] = light.dhi, light.sun
        columns["extra"] = extraterrestrial(utc)
    return columns


def _smooth(record: Record, column: int, axis: IntArray, step_s: int) -> FloatArray:
    """Mean of a quantity by tick: steps longer than a tick are interpolated between their middles."""
    slot_s = record.source.slot_s
    cell_s = gcd(step_s, slot_s, int(axis[0]))
    cells = np.arange(axis[0], axis[-1] + step_s, cell_s) + 0.5 * cell_s
    slots = np.arange(axis[0] // slot_s - 1, (axis[-1] + step_s) // slot_s + 2)
    rows = record.source.rows(slots)[:, column]
    if slot_s > step_s:
        values = np.interp(cells, (slots + 0.5) * slot_s, rows)
    else:
        values = rows[(cells // slot_s).astype(np.int64) - slots[0]]
    return np.asarray(values.reshape(len(axis), -1).mean(1))


def _sunlight(record: Record, axis: IntArray, step_s: int) -> Sunlight:
    """Irradiance by tick, from cells that divide both the recorded steps and the ticks. Steps are moved by
    their date's shift; where two dates meet it is night."""
    slot_s = record.source.slot_s
    begin, end = int(axis[0]), int(axis[-1]) + step_s
    cell_s = gcd(CELL_S, step_s, slot_s, begin)
    slots = np.arange((begin - MOST_SHIFT_S) // slot_s, -(-(end + MOST_SHIFT_S) // slot_s))
    start = slots * slot_s + record.sun_shift.of(slots * slot_s // 86400)
    rows = record.source.rows(slots)

    def column(quantity: Quantity) -> FloatArray | None:
        return rows[:, record.quantities.index(quantity)] if quantity in record.quantities else None

    utc = start + record.axis_utc_s
    within = np.arange(slot_s // cell_s) * cell_s
    middles = (utc[:, None] + within + cell_s // 2).ravel()
    ghi = rows[:, record.column("ghi_w_per_m2")]
    recorded = Irradiance(ghi, column("dhi_w_per_m2"), column("dni_w_per_m2"))
    cells = shaped(recorded, utc, directions(middles, record.place))
    place = ((start[:, None] + within).ravel() - begin) // cell_s
    return gathered(placed(cells, place, (end - begin) // cell_s), step_s // cell_s)
