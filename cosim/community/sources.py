"""The series that a community's devices follow: profiles of several groups side by side, one column a
device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.clock import Clock
from cosim.core.records import Series
from cosim.scenario.population import Ownership
from cosim.scenario.series import read_series


@dataclass
class SideBySide:
    """Columns of several series next to each other, a day at a time.

    Args:
        parts: The series.
        columns: Columns to take of each, one array a part.
        clock: Their ticks.
    """

    parts: Sequence[Series]
    columns: Sequence[IntArray]
    clock: Clock
    _block: int = field(default=-1, init=False, repr=False)
    _day: FloatArray = field(default_factory=lambda: np.zeros((0, 0)), init=False, repr=False)

    def power_kw(self, first: int, last: int) -> FloatArray:
        """Power [kW] in the ticks first to last - 1 of one day, shape (last - first, columns).

        Raises:
            IndexError: if the ticks are not within one day, counted from the start of the run.
        """
        size = self.clock.periods_per_day
        block = first // size
        if (last - 1) // size != block:
            raise IndexError(f"ticks {first} to {last} are not within one day")
        if block != self._block:
            end = min((block + 1) * size, self.clock.periods)
            parts = [
                part.power_kw(block * size, end)[:, columns]
                for part, columns in zip(self.parts, self.columns, strict=True)
            ]
            self._day = np.ascontiguousarray(np.concatenate(parts, axis=1))
            self._block = block
        return self._day[first - block * size : last - block * size]


def follow(ownerships: Sequence[Ownership], kind: str, ticks: Clock, folder: Path) -> SideBySide:
    """What all devices of a kind follow, in the order of their ownerships.

    Raises:
        ProfileError: with every problem of a source.
    """
    parts = [read_series(ownership, kind, ticks, folder) for ownership in ownerships]
    return SideBySide(parts, [ownership.member for ownership in ownerships], ticks)
