"""From the time stamps of a file to equal steps of UTC: gaps, doubles, disorder and clock changes, each with
its row. Values are not looked at."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from cosim.core.arrays import BoolArray, IntArray
from cosim.profiles.problems import Problems
from cosim.profiles.zones import utc_offsets

UNREADABLE = np.iinfo(np.int64).min
"""Stands for a stamp that could not be read."""
_WIDEST_S = 26 * 3600
"""No local time is further from UTC [s]."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Equal steps of UTC."""

    start_s: int
    """Start of the first step, seconds since 1970, UTC."""
    step_s: int


def local_to_utc(local_s: IntArray, zone: ZoneInfo, problems: Problems) -> IntArray:
    """Instants of stamps in local time, row by row. Of a time that passes twice (autumn) the first row is the
    first pass, the second row the second. A time that does not exist (spring) is a problem.

    Args:
        local_s: Seconds since 1970-01-01 00:00 of the clock on the wall, or `UNREADABLE`, shape (rows,).
        zone: The zone.
        problems: Where problems go.
    """
    readable = local_s != UNREADABLE
    utc = np.full(len(local_s), UNREADABLE)
    local = local_s[readable]
    second = _occurrence(local) == 1
    earlier, later = _passes(local, zone)
    chosen = np.where(second, later, earlier)
    exists = chosen + utc_offsets(chosen, zone) == local
    rows = np.flatnonzero(readable)
    missing = np.zeros(len(local_s), dtype=bool)
    missing[rows[~exists]] = True
    problems.rows(
        missing,
        lambda row: f"{_shown(local_s[row])} does not exist in {zone.key}: clocks go forward",
        f"leave the hour out, or give `zone` (such as UTC or Etc/GMT-1) if stamps are not in {zone.key}",
    )
    utc[rows[exists]] = chosen[exists]
    return utc


def _passes(local: IntArray, zone: ZoneInfo) -> tuple[IntArray, IntArray]:
    """The first and the last instant at which the wall clock shows each time; the same for most."""
    before = local - utc_offsets(local - _WIDEST_S, zone)
    after = local - utc_offsets(local + _WIDEST_S, zone)
    valid_before = before + utc_offsets(before, zone) == local
    valid_after = after + utc_offsets(after, zone) == local
    first = np.where(valid_before, before, after)
    last = np.where(valid_after, after, before)
    return np.minimum(first, last), np.maximum(first, last)


def _occurrence(values: IntArray) -> IntArray:
    """How often each value occurred in the rows before."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(values) else np.zeros(0, int)
    counts = np.diff(np.r_[starts, len(values)])
    occurrence = np.empty(len(values), dtype=np.int64)
    occurrence[order] = np.arange(len(values)) - np.repeat(starts, counts)
    return occurrence


def regular_axis(
    utc_s: IntArray, texts: NDArray[np.object_], problems: Problems, zone: ZoneInfo | None
) -> Axis | None:
    """The steps of a file, or None where there are problems.

    Args:
        utc_s: Instants by row, or `UNREADABLE`.
        texts: The stamps as written, for messages.
        problems: Where problems go.
        zone: The zone of stamps without offset; None where stamps carry theirs.
    """
    unreadable = utc_s == UNREADABLE
    rows = np.flatnonzero(~unreadable)
    moments = utc_s[rows]
    if len(moments) < 2:
        problems.add("fewer than two rows have a usable time stamp")
        return None
    difference = np.diff(moments)
    forward = difference[difference > 0]
    if not len(forward):
        problems.add("no two time stamps follow each other")
        return None
    lengths, counts = np.unique(forward, return_counts=True)
    step = int(lengths[counts.argmax()])
    _report_steps(rows, difference, step, texts, problems, zone, moments)
    return None if problems else Axis(int(moments[0]), step)


def _report_steps(
    rows: IntArray,
    difference: IntArray,
    step: int,
    texts: NDArray[np.object_],
    problems: Problems,
    zone: ZoneInfo | None,
    moments: IntArray,
) -> None:
    minutes = f"{step / 60:g} min"
    previous = np.zeros(rows[-1] + 1, dtype=np.int64)
    previous[rows[1:]] = rows[:-1]
    gap = np.zeros(rows[-1] + 1, dtype=np.int64)
    gap[rows[1:]] = difference

    def at(wrong: BoolArray) -> BoolArray:
        mask = np.zeros(rows[-1] + 1, dtype=bool)
        mask[rows[1:][wrong]] = True
        return mask

    adjacent = np.diff(rows) == 1  # a stamp that could not be read in between is reported already
    changes = np.zeros(len(difference), dtype=bool)
    if zone is not None:
        offsets = utc_offsets(moments, zone)
        changes = np.diff(offsets) < 0
    jump = (difference > step) & (difference % step == 0) & adjacent
    problems.rows(
        at(jump & ~changes),
        lambda row: f"gap: {gap[row] // step - 1} steps of {minutes} are missing before {texts[row]}",
        "fill the gap; nothing is filled silently",
    )
    problems.rows(
        at(jump & changes),
        lambda row: f"clocks go back before {texts[row]}, but the repeated hour is there only once",
        "write the hour twice, or use UTC or stamps with an offset",
    )
    problems.rows(
        at(difference == 0),
        lambda row: f"{texts[row]} occurs more than once",
        "remove the double",
    )
    problems.rows(
        at(difference < 0),
        lambda row: f"{texts[row]} comes after {texts[previous[row]]}: rows are not in order",
        "sort the file by time",
    )
    problems.rows(
        at((difference > 0) & (difference % step != 0) & adjacent),
        lambda row: f"{texts[row]} is {gap[row] / 60:g} min after the row before; other steps are {minutes}",
        "steps must be equal",
    )


def _shown(local_s: int) -> str:
    return str(np.datetime64(int(local_s), "s")).replace("T", " ")
