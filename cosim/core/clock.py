"""Simulated time: settlement periods of equal length, aware of the time zone. It knows nothing of the real
clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from cosim.core.arrays import IntArray


@dataclass(frozen=True, slots=True)
class Period:
    """One settlement period, as every room sees it."""

    index: int
    """Counted from 0 at the start of the run."""
    hours: float
    """Length [h]."""
    hour_of_day: float
    """Local time at the start [h], 0 to under 24."""
    weekday: int
    """Local weekday at the start, Monday 0."""
    day: int
    """Local calendar day, counted from 0 at the first day of the run."""


@dataclass(frozen=True)
class Clock:
    """`periods` settlement periods of `step_minutes`, the first starting at `start` (zone-aware).

    Steps are equal in physical time: across a clock change the local hour jumps, the step does not.
    """

    start: datetime
    step_minutes: int
    periods: int

    def __post_init__(self) -> None:
        if self.start.tzinfo is None:
            raise ValueError("the clock needs a start with a time zone")

    @property
    def hours(self) -> float:
        """Length of a period [h]."""
        return self.step_minutes / 60.0

    @property
    def periods_per_day(self) -> int:
        """Periods in 24 hours of physical time."""
        return 24 * 60 // self.step_minutes

    @property
    def zone(self) -> ZoneInfo:
        """The zone of `start`."""
        zone = self.start.tzinfo
        assert isinstance(zone, ZoneInfo)
        return zone

    @cached_property
    def utc(self) -> NDArray[np.datetime64]:
        """Start of every period, UTC, shape (periods,)."""
        start = np.datetime64(self.start.astimezone(ZoneInfo("UTC")).replace(tzinfo=None), "s")
        return start + np.arange(self.periods) * np.timedelta64(self.step_minutes * 60, "s")

    @cached_property
    def _local(self) -> tuple[NDArray[np.float64], IntArray, IntArray]:
        """Local hour of the day [h], weekday and day of the run of every period's start."""
        offset = np.array([self._offset_seconds(moment) for moment in self.utc[:: self._hourly]])
        seconds = np.repeat(offset, self._hourly)[: self.periods]
        local = self.utc + seconds.astype("timedelta64[s]")
        days = local.astype("datetime64[D]")
        hour = (local - days).astype("timedelta64[s]").astype(float) / 3600.0
        weekday = (days.astype(int) + 3) % 7  # 1970-01-01 was a Thursday
        return hour, weekday, (days - days[0]).astype(int)

    @property
    def _hourly(self) -> int:
        """Periods that share one zone offset: those of an hour, if steps divide hours and start on one."""
        aligned = 60 % self.step_minutes == 0 and self.start.minute == 0
        return 60 // self.step_minutes if aligned else 1

    def _offset_seconds(self, moment: np.datetime64) -> int:
        aware = moment.astype("datetime64[s]").item().replace(tzinfo=ZoneInfo("UTC")).astimezone(self.zone)
        offset = aware.utcoffset()
        return int(offset.total_seconds()) if offset is not None else 0

    def period(self, index: int) -> Period:
        """The period number `index`."""
        hour, weekday, day = self._local
        return Period(index, self.hours, float(hour[index]), int(weekday[index]), int(day[index]))

    @property
    def hour_of_day(self) -> NDArray[np.float64]:
        """Local hour at the start of every period [h], shape (periods,)."""
        return self._local[0]

    @property
    def weekday(self) -> IntArray:
        """Local weekday at the start of every period, Monday 0, shape (periods,)."""
        return self._local[1]

    @property
    def day(self) -> IntArray:
        """Local calendar day of every period, counted from 0 at the first, shape (periods,)."""
        return self._local[2]

    @property
    def end(self) -> datetime:
        """End of the last period."""
        return (
            self.start.astimezone(ZoneInfo("UTC")) + timedelta(minutes=self.step_minutes * self.periods)
        ).astimezone(self.zone)
