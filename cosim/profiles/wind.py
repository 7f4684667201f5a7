"""Small wind turbines from the community's weather: wind speed at the hub through a generic power curve, per
kW of rated power. Wakes, turbulence and the inertia of a rotor are not here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.draw import sample
from cosim.core.streams import Streams
from cosim.profiles.config import PowerCurveWind
from cosim.profiles.weather import SiteWeather

MEASURED_AT_M = 10.0
"""Height of the wind speed in the weather."""


@dataclass(frozen=True, slots=True)
class Turbines:
    """Turbines of a group."""

    config: PowerCurveWind
    speed_up: FloatArray
    """Wind at the hub over wind at 10 m: (hub/10)^exponent, the power law, shape (n,)."""
    losses_share: FloatArray
    """Shape (n,)."""


def draw_turbines(config: PowerCurveWind, count: int, streams: Streams) -> Turbines:
    """Turbines of a group; turbine i is the same whatever the count."""
    height = sample(config.hub_height_m, streams.generator("wind", "hub_height_m"), count)
    exponent = sample(config.shear_exponent, streams.generator("wind", "shear_exponent"), count)
    losses = sample(config.losses_share, streams.generator("wind", "losses_share"), count)
    return Turbines(config, (height / MEASURED_AT_M) ** exponent, losses)


def power_curve(config: PowerCurveWind, wind_m_per_s: FloatArray) -> FloatArray:
    """Power over rated power before losses: nothing below cut-in and above cut-out, one from the rated wind
    on, and between them with the cube of the wind, as the power in the wind goes:

        p = (v^3 - v_in^3) / (v_rated^3 - v_in^3)
    """
    low, high = config.cut_in_m_per_s, config.rated_m_per_s
    rising = (wind_m_per_s**3 - low**3) / (high**3 - low**3)
    return np.where(wind_m_per_s > config.cut_out_m_per_s, 0.0, np.clip(rising, 0.0, 1.0))


@dataclass(frozen=True)
class WindOfWeather:
    """Turbines under a weather as a source: a slot is a tick of the weather's clock."""

    turbines: Turbines
    weather: SiteWeather

    @property
    def slot_s(self) -> int:
        """Length of a tick [s]."""
        return self.weather.clock.step_minutes * 60

    @property
    def columns(self) -> int:
        """How many turbines there are."""
        return len(self.turbines.speed_up)

    def rows(self, slots: IntArray) -> FloatArray:
        """Production per kW of rated power in consecutive ticks, shape (ticks, n)."""
        wind = self.weather.values("wind_m_per_s", int(slots[0]), int(slots[-1]) + 1)
        at_hub = np.outer(wind, self.turbines.speed_up)
        return power_curve(self.turbines.config, at_hub) * (1.0 - self.turbines.losses_share)


def full_load_hours(turbines: Turbines, weather: SiteWeather) -> FloatArray:
    """Production per kW of rated power over the recorded year, or over the run times what a year is longer
    where less is recorded [h], shape (n,)."""
    column = weather.record.column("wind_m_per_s")
    if weather.record.whole_year:
        wind = weather.days.values_kw[:365, column].ravel()
    else:
        wind = weather.values("wind_m_per_s", 0, weather.clock.periods)
    mean = [power_curve(turbines.config, wind * factor).mean() for factor in turbines.speed_up.tolist()]
    return np.array(mean, dtype=float) * (1.0 - turbines.losses_share) * 8760.0
