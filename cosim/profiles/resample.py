"""From a source's steps to the clock's: mean power over the overlap, so that energy is conserved whatever the
two steps are. Where a source's time axis comes from is not its business."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.clock import Clock
from cosim.core.zones import standard_offset


@dataclass(frozen=True, slots=True)
class Overlap:
    """Which slots of a source each tick covers and with what share of the tick."""

    slot: IntArray
    """Slot numbers, shape (ticks, k)."""
    share: FloatArray
    """Share of the tick that lies in the slot, rows sum to 1, shape (ticks, k)."""

    def apply(self, slots: IntArray, rows: FloatArray) -> FloatArray:
        """Mean power of every tick.

        Args:
            slots: Sorted slot numbers that cover all of `slot`, shape (u,).
            rows: Mean power in those slots, shape (u, n).
        """
        place = np.minimum(np.searchsorted(slots, self.slot), len(slots) - 1)
        if self.slot.shape[1] == 1:
            return rows[place[:, 0]]
        power = np.zeros((len(place), rows.shape[1]))
        for j in range(place.shape[1]):
            power += self.share[:, j, None] * rows[place[:, j]]
        return power

    def slots(self) -> IntArray:
        """The slots that matter, sorted, shape (u,)."""
        return np.unique(self.slot[self.share > 0])


def overlap(start_s: IntArray, step_s: int, slot_s: int) -> Overlap:
    """Slots of `slot_s` seconds (slot i is [i, i+1) * slot_s) covered by ticks of `step_s` seconds.

    A coarser clock averages the source, a finer one repeats it: both conserve energy.

    Args:
        start_s: Start of every tick on the source's axis [s], shape (ticks,).
        step_s: Length of a tick [s].
        slot_s: Length of a slot [s].
    """
    first = start_s // slot_s
    aligned = bool(np.all(start_s % np.gcd(step_s, slot_s) == 0))
    inside = slot_s % step_s == 0 and aligned
    whole = step_s % slot_s == 0 and bool(np.all(start_s % slot_s == 0))
    count = 1 if inside else step_s // slot_s if whole else -(-step_s // slot_s) + 1
    slot = first[:, None] + np.arange(count)
    low = np.maximum(slot * slot_s, start_s[:, None])
    high = np.minimum((slot + 1) * slot_s, start_s[:, None] + step_s)
    return Overlap(slot, np.maximum(high - low, 0) / step_s)


def utc_seconds(clock: Clock) -> IntArray:
    """Start of every tick in seconds since 1970, UTC, shape (periods,)."""
    return clock.utc.astype("datetime64[s]").astype(np.int64)


def wall_seconds(clock: Clock) -> IntArray:
    """Start of every tick as the clock on the wall shows it, in seconds since 1970-01-01 00:00 of that clock,
    shape (periods,): an hour is skipped in spring and shown twice in autumn."""
    days = clock.start.date().toordinal() - date(1970, 1, 1).toordinal() + clock.day
    return days * 86400 + np.rint(clock.hour_of_day * 3600).astype(np.int64)


def standard_seconds(clock: Clock) -> IntArray:
    """Start of every tick in the zone's standard time (the sun's, without summer time), as seconds since
    1970-01-01 00:00 of that clock, shape (periods,)."""
    return utc_seconds(clock) + standard_offset(clock.zone, int(clock.start.timestamp()))
