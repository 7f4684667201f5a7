"""The series that an ownership's devices follow, one column for each member: the same for `cosim check` and
for the run. Where a series comes from is the profiles room's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cosim.core.clock import Clock
from cosim.profiles.build import load_profiles, pv_profiles
from cosim.profiles.profiles import Profiles
from cosim.scenario.population import Ownership, drawn

FOLLOWING = ("load", "pv")
"""Device kinds that follow a series."""


def read_series(ownership: Ownership, kind: str, ticks: Clock, folder: Path) -> Profiles:
    """Demand [kW], or production per installed kWp, of all members of an ownership.

    Args:
        ownership: Whose series.
        kind: One of `FOLLOWING`.
        ticks: Steps of the series.
        folder: Where relative paths start.

    Raises:
        ProfileError: with every problem of the source.
    """
    config: Any = ownership.profile
    streams = ownership.streams.within("profile")
    if kind == "load":
        annual_kwh = drawn(ownership, kind, "annual_energy_kwh")
        return load_profiles(config, ticks, annual_kwh, streams, folder)
    return pv_profiles(config, ticks, ownership.members, streams, folder)
