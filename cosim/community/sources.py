"""The series that a community's devices follow: profiles of several groups side by side, one column a
device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.blocks import Blocks
from cosim.core.clock import Clock
from cosim.core.records import Series
from cosim.profiles.weather import SiteWeather
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
    _blocks: Blocks = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._blocks = Blocks(self._compute, self.clock.periods, self.clock.periods_per_day)

    def power_kw(self, first: int, last: int) -> FloatArray:
        """Power [kW] in the ticks first to last - 1, shape (last - first, columns), not to be written to.

        Raises:
            IndexError: if the run has no such ticks.
        """
        return self._blocks.window(first, last)

    def _compute(self, first: int, last: int) -> FloatArray:
        parts = [
            part.power_kw(first, last)[:, columns]
            for part, columns in zip(self.parts, self.columns, strict=True)
        ]
        return np.ascontiguousarray(np.concatenate(parts, axis=1))


def follow(
    ownerships: Sequence[Ownership], kind: str, ticks: Clock, folder: Path, weather: SiteWeather | None
) -> SideBySide:
    """What all devices of a kind follow, in the order of their ownerships.

    Raises:
        ProfileError: with every problem of a source.
    """
    parts = [read_series(ownership, kind, ticks, folder, weather) for ownership in ownerships]
    return SideBySide(parts, [ownership.member for ownership in ownerships], ticks)
