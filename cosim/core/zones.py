"""Offsets of time zones for whole columns of instants, and from local time to UTC. How a stamp is written is
not its business."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from cosim.core.arrays import IntArray
from cosim.core.problems import Problems

STRIDE_S = 900
"""Offsets change on quarter-hours of UTC: one look-up serves the instants of one."""
UNREADABLE = np.iinfo(np.int64).min
"""Stands for a stamp that could not be read."""
_WIDEST_S = 26 * 3600
"""No local time is further from UTC [s]."""


def utc_offsets(utc_s: IntArray, zone: ZoneInfo) -> IntArray:
    """Local time less UTC at every instant [s].

    Args:
        utc_s: Seconds since 1970, shape (k,).
        zone: The zone.
    """
    if not len(utc_s):
        return np.zeros(0, dtype=np.int64)
    # Offsets change rarely: look up the ends of a stretch, and go into detail where those differ.
    quarters, inverse = np.unique(utc_s // STRIDE_S, return_inverse=True)
    offsets = np.zeros(len(quarters), dtype=np.int64)
    _fill(quarters, offsets, 0, len(quarters) - 1, zone)
    return offsets[inverse]


def _fill(quarters: IntArray, offsets: IntArray, low: int, high: int, zone: ZoneInfo) -> None:
    """Offsets of sorted quarter-hours by bisection: stretches under 20 days change at most once."""
    at_low, at_high = (offset_at(int(quarters[end]) * STRIDE_S, zone) for end in (low, high))
    short = (quarters[high] - quarters[low]) * STRIDE_S < 20 * 86400
    if high - low < 2 or (at_low == at_high and short):
        offsets[low : high + 1] = at_low
        offsets[high] = at_high
        return
    middle = (low + high) // 2
    _fill(quarters, offsets, low, middle, zone)
    _fill(quarters, offsets, middle, high, zone)


def offset_at(utc_s: int, zone: ZoneInfo) -> int:
    """Local time less UTC at one instant [s]."""
    offset = datetime.fromtimestamp(utc_s, UTC).astimezone(zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


def standard_offset(zone: ZoneInfo, near_s: int) -> int:
    """The zone's offset without summer time in the year of an instant [s]: the lower of two."""
    year = datetime.fromtimestamp(near_s, UTC).year
    return min(offset_at(int(datetime(year, month, 1, tzinfo=UTC).timestamp()), zone) for month in (1, 7))


def local_to_utc(local_s: IntArray, zone: ZoneInfo, problems: Problems) -> IntArray:
    """Instants of stamps in local time, row by row, shape (rows,); `UNREADABLE` for those that have none.

    A time that passes twice (autumn) is its first pass, unless the row before is not earlier than that: rows
    rise, so it is then the second. A time that does not exist (spring) is a problem.

    Args:
        local_s: Seconds since 1970-01-01 00:00 of the clock on the wall, or `UNREADABLE`, shape (rows,).
        zone: The zone.
        problems: Where problems go.
    """
    rows = np.flatnonzero(local_s != UNREADABLE)
    local = local_s[rows]
    chosen, later = _passes(local, zone)
    for twice in np.flatnonzero(chosen != later).tolist():  # an hour a year
        if twice and chosen[twice] <= chosen[twice - 1]:
            chosen[twice] = later[twice]
    exists = chosen + utc_offsets(chosen, zone) == local
    missing = np.zeros(len(local_s), dtype=bool)
    missing[rows[~exists]] = True
    problems.rows(
        missing,
        lambda row: f"{wall_text(local_s[row])} does not exist in {zone.key}: clocks go forward",
        f"leave the hour out, or give `zone` (such as UTC or Etc/GMT-1) if stamps are not in {zone.key}",
    )
    utc = np.full(len(local_s), UNREADABLE)
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


def wall_text(seconds: int) -> str:
    """Seconds since 1970 as date and time."""
    return str(np.datetime64(int(seconds), "s")).replace("T", " ")
