"""The sun of a region where a scenario has no weather: what SimBench's PV shapes tell of it, as grid
operators publish a solar forecast. It drives no device; it is what everybody may know."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.core.clock import Clock
from cosim.core.streams import Streams
from cosim.core.weather import Quantity
from cosim.errors import Problem, ProfileError
from cosim.profiles.build import pv_profiles
from cosim.profiles.config import SimBenchPv
from cosim.profiles.profiles import Profiles

RATED_W_PER_M2 = 1000.0
"""Irradiance at which a plant gives its rated power (standard test conditions)."""
SUN: Quantity = "ghi_w_per_m2"


@dataclass(frozen=True)
class RegionalSun:
    """Irradiance alone, as a `Weather`."""

    plants: Profiles
    """Every shape once, per installed kWp."""

    @property
    def quantities(self) -> Collection[str]:
        """Irradiance."""
        return (SUN,)

    def values(self, quantity: Quantity, first: int, last: int) -> FloatArray:
        """Irradiance at which plants produce what the shapes do on average, shape (last - first,).

        Raises:
            IndexError: if the run has no such ticks.
            ProfileError: if something else is asked for.
        """
        if quantity != SUN:
            raise ProfileError(
                Problem(f"SimBench's PV shapes tell nothing of {quantity}", "give the scenario a `weather`")
            )
        return np.asarray(RATED_W_PER_M2 * self.plants.power_kw(first, last).mean(axis=1))


def regional_sun(ticks: Clock) -> RegionalSun:
    """The sun on the ticks of a clock: the same whoever has a plant.

    Raises:
        ProfileError: if SimBench's data cannot be read.
    """
    every = SimBenchPv(diversify=False)
    return RegionalSun(pv_profiles(every, ticks, len(every.shapes), Streams(0), Path()))
