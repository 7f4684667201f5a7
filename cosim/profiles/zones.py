"""Offsets of time zones for whole columns of instants."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from cosim.core.arrays import IntArray

STRIDE_S = 900
"""Offsets change on quarter-hours of UTC: one look-up serves the instants of one."""


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
