"""The series that a community's devices follow: profiles of several groups side by side, one column a
device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cosim.core import draw
from cosim.core.arrays import FloatArray, IntArray
from cosim.core.clock import Clock
from cosim.core.records import Series
from cosim.devices.load import LoadConfig
from cosim.profiles.build import load_profiles, pv_profiles
from cosim.scenario.population import Ownership


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


def load_series(ownerships: Sequence[Ownership], ticks: Clock, folder: Path) -> SideBySide:
    """Demand of all inflexible loads.

    Raises:
        ProfileError: with every problem of a source.
    """
    parts = []
    for ownership in ownerships:
        assert isinstance(ownership.config, LoadConfig)
        rng = ownership.streams.within("load").generator("annual_energy_kwh")
        drawn = draw.sample(ownership.config.annual_energy_kwh, rng, ownership.members)
        streams = ownership.streams.within("profile")
        parts.append(load_profiles(_profile(ownership), ticks, drawn, streams, folder))
    return SideBySide(parts, [ownership.member for ownership in ownerships], ticks)


def pv_series(ownerships: Sequence[Ownership], ticks: Clock, folder: Path) -> SideBySide:
    """Production of all PV plants per installed kWp.

    Raises:
        ProfileError: with every problem of a source.
    """
    parts = []
    for ownership in ownerships:
        streams = ownership.streams.within("profile")
        parts.append(pv_profiles(_profile(ownership), ticks, ownership.members, streams, folder))
    return SideBySide(parts, [ownership.member for ownership in ownerships], ticks)


def _profile(ownership: Ownership) -> Any:
    """Where the series of an ownership comes from."""
    if ownership.profile is None:
        raise ValueError(f"{type(ownership.config).__name__} follows a series but names none")
    return ownership.profile
