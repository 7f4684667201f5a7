"""The series that an ownership's devices follow, one column for each member: the same for `cosim check` and
for the run. Where a series comes from is the profiles room's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cosim.core.clock import Clock
from cosim.devices import registry
from cosim.profiles.build import heat_profiles, load_profiles, pv_profiles, wind_profiles
from cosim.profiles.profiles import Profiles
from cosim.profiles.weather import SiteWeather
from cosim.scenario.population import Ownership, drawn


def follows(kind: str) -> bool:
    """Whether devices of a kind follow a series."""
    return registry.load(kind).follows is not None


def read_series(
    ownership: Ownership, kind: str, ticks: Clock, folder: Path, weather: SiteWeather | None
) -> Profiles:
    """Demand [kW], or production per installed kW, of all members of an ownership.

    Args:
        ownership: Whose series.
        kind: A kind that follows one.
        ticks: Steps of the series.
        folder: Where relative paths start.
        weather: The community's, on the same ticks.

    Raises:
        ProfileError: with every problem of the source.
    """
    config: Any = ownership.profile
    streams = ownership.streams.within("profile")
    family = registry.load(kind).follows
    if family == "load":
        annual_kwh = drawn(ownership, kind, "annual_energy_kwh")
        return load_profiles(config, ticks, annual_kwh, streams, folder)
    if family == "heat":
        space, water = (drawn(ownership, kind, name) for name in ("annual_heat_kwh", "hot_water_kwh"))
        return heat_profiles(config, ticks, space, water, streams, weather, folder)
    if family == "wind":
        return wind_profiles(config, ticks, ownership.members, streams, weather, folder)
    return pv_profiles(config, ticks, ownership.members, streams, folder, weather)
