"""A recorded series: mean power of columns on equal steps of UTC, with what of the horizon it covers. How it
is read from a file is not here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.clock import Clock
from cosim.core.zones import standard_offset, utc_offsets
from cosim.errors import Problem, ProfileError
from cosim.profiles.days import YEAR_DAYS, DayTable


@dataclass(frozen=True)
class Series:
    """Mean power of several columns in consecutive steps of equal length."""

    values_kw: FloatArray
    """Shape (steps, columns)."""
    start_s: int
    """Start of the first step, seconds since 1970, UTC."""
    step_s: int
    """Length of a step [s]."""
    names: tuple[str, ...]
    """Names of the columns."""
    file: Path

    @property
    def slot_s(self) -> int:
        """Length of a step [s]."""
        return self.step_s

    @property
    def columns(self) -> int:
        """How many columns there are."""
        return int(self.values_kw.shape[1])

    @property
    def name(self) -> str:
        """Where it comes from."""
        return self.file.name

    @cached_property
    def annual_kwh(self) -> FloatArray:
        """Mean power of every column times the 8,760 h of a year, shape (columns,)."""
        return np.asarray(self.values_kw.mean(0) * 8760.0)

    def rows(self, slots: IntArray) -> FloatArray:
        """Mean power in the steps of those numbers, shape (slots, columns)."""
        return self.values_kw[slots]

    def scaled(self, factor: float) -> Series:
        """The same series times a factor."""
        return replace(self, values_kw=self.values_kw * factor)

    def require(self, clock: Clock) -> None:
        """Check that the series covers the clock.

        Raises:
            ProfileError: if it does not; it says which part is covered.
        """
        end_s = self.start_s + len(self.values_kw) * self.step_s
        wanted = (clock.start.timestamp(), clock.end.timestamp())
        if self.start_s <= wanted[0] and wanted[1] <= end_s:
            return
        shown = " to ".join(_local(moment, clock.zone) for moment in (self.start_s, end_s))
        needed = " to ".join(_local(moment, clock.zone) for moment in wanted)
        overlap = min(wanted[1], end_s) - max(wanted[0], self.start_s)
        share = max(overlap, 0.0) / (wanted[1] - wanted[0])
        raise ProfileError(
            Problem(
                f"the profile covers {shown}, the scenario needs {needed}: {share:.0%} of it is covered",
                "move horizon.start, shorten horizon.duration, or give a longer file"
                + (
                    "; `year: repeat` serves other years"
                    if len(self.values_kw) * self.step_s >= 364 * 86400
                    else ""
                ),
                file=self.file,
            )
        )


def to_days(
    series: Series, zone: ZoneInfo, *, whole_year: bool = False, standard_time: bool = False
) -> DayTable:
    """The whole days of a series by the clock on the wall: a skipped hour takes the slot before it, of a
    repeated one the first pass is kept.

    Args:
        series: Its step must divide a day.
        zone: Zone of the wall clock.
        whole_year: Whether fewer than 365 days are an error.
        standard_time: Whether the wall clock ignores summer time (the sun does).

    Raises:
        ProfileError: if the step does not divide a day or there are too few whole days.
    """
    if 86400 % series.step_s:
        raise ProfileError(
            Problem(f"steps of {series.step_s / 60:g} min do not divide a day", file=series.file)
        )
    moments = series.start_s + np.arange(len(series.values_kw)) * series.step_s
    shift = standard_offset(zone, int(moments[0])) if standard_time else utc_offsets(moments, zone)
    wall = moments + shift
    slots = 86400 // series.step_s
    first = int(wall[0] // 86400)
    place = wall // series.step_s - first * slots
    days = int(wall[-1] // 86400) - first + 1
    flat = np.full((days * slots, series.columns), np.nan)
    flat[place[::-1]] = series.values_kw[::-1]  # backwards, so that the first pass of a repeated hour stays
    skipped = np.setdiff1d(np.arange(place[0], place[-1]), place)
    for slot in skipped:
        flat[slot] = flat[slot - 1]
    table = flat.reshape(days, slots, series.columns).transpose(0, 2, 1)
    whole = np.flatnonzero(~np.isnan(table).any((1, 2)))
    if not len(whole) or (whole_year and len(whole) < YEAR_DAYS):
        raise ProfileError(
            Problem(
                f"the file holds {len(whole)} whole days; a year of at least {YEAR_DAYS} is needed"
                if whole_year
                else "the file holds no whole day",
                file=series.file,
            )
        )
    return DayTable(np.ascontiguousarray(table[whole[0] : whole[-1] + 1]), first + int(whole[0]))


def _local(moment: float, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(moment, UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M")
