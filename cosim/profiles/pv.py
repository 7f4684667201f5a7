"""PV plants from the community's weather: production per kWp of plants that each lie differently. The sun's
position and the weather are sun.py's and weather.py's.

The models are those of pvlib, written for all plants of a day at once and without its time of import; tests
hold every step to pvlib's own functions. Sky: Hay and Davies (1980). Ground: isotropic, by albedo. Glass:
ASHRAE 93-77 for beam and circumsolar light. Cells: Faiman (2008), free-standing modules. Direct current:
PVWatts (Dobos 2014, NREL/TP-6A20-62641), then the losses of the plant as one share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.cache import cached_arrays, key_of
from cosim.core.draw import sample
from cosim.core.streams import Streams
from cosim.profiles.config import PvlibPv
from cosim.profiles.weather import SiteWeather

LEAST_SINE = 0.01745
"""The sun is not taken to stand lower where one divides by the sine of its height (1 degree, as in pvlib)."""
GLASS = 0.05
"""ASHRAE's coefficient of the loss by reflection."""
COOLING = (25.0, 6.84)
"""Faiman's heat loss of a module [W/(m2 K)] and its growth with wind [W s/(m3 K)]."""
CALM = 1.0
"""Wind where the weather has none, as pvlib assumes [m/s]."""
VERSION = 3
"""Part of the cache key: to be raised when the method changes."""


@dataclass(frozen=True, slots=True)
class Plants:
    """How plants lie and what they lose, shape (n,) each."""

    tilt_deg: FloatArray
    azimuth_deg: FloatArray
    """Clockwise from north."""
    losses_share: FloatArray
    temperature_coefficient_per_k: FloatArray
    albedo: float

    @property
    def n(self) -> int:
        """How many there are."""
        return len(self.tilt_deg)

    @property
    def normal(self) -> FloatArray:
        """Unit vectors (east, north, up) of the modules, shape (3, n)."""
        tilt, azimuth = np.radians(self.tilt_deg), np.radians(self.azimuth_deg)
        return np.stack([np.sin(tilt) * np.sin(azimuth), np.sin(tilt) * np.cos(azimuth), np.cos(tilt)])


@dataclass(frozen=True, slots=True)
class Hours:
    """Weather of consecutive ticks, shape (k,) each; units as in `core.weather`."""

    ghi: FloatArray
    dni: FloatArray
    dhi: FloatArray
    sun: FloatArray
    """Shape (k, 3)."""
    extra: FloatArray
    temperature_c: FloatArray
    wind_m_per_s: FloatArray


def draw_plants(config: PvlibPv, count: int, streams: Streams) -> Plants:
    """Plants of a group, each setting from its own stream; plant i is the same whatever the count."""

    def drawn(name: str) -> FloatArray:
        return sample(getattr(config, name), streams.generator("pv", name), count)

    return Plants(
        drawn("tilt_deg"),
        drawn("azimuth_deg"),
        drawn("losses_share"),
        drawn("temperature_coefficient_per_k"),
        config.albedo,
    )


def power_per_kwp(plants: Plants, hours: Hours) -> FloatArray:
    """Production of every plant [kW/kWp], shape (k, n)."""
    beam, diffuse = irradiance_in_plane(plants, hours)
    total = beam + diffuse
    cooling = (COOLING[0] + COOLING[1] * hours.wind_m_per_s)[:, None]
    warmer = hours.temperature_c[:, None] + total / cooling - 25.0
    direct = total / 1000.0 * (1.0 + plants.temperature_coefficient_per_k * warmer)
    return np.asarray(np.maximum(direct, 0.0) * (1.0 - plants.losses_share))


def irradiance_in_plane(plants: Plants, hours: Hours) -> tuple[FloatArray, FloatArray]:
    """Beam with circumsolar light behind the glass, and the other diffuse light, on the modules [W/m2],
    shape (k, n) each."""
    incidence = np.maximum(hours.sun @ plants.normal, 0.0)
    behind = incidence * _through_glass(incidence)
    clearness = hours.dni / hours.extra
    around = hours.dhi * clearness / np.maximum(hours.sun[:, 2], LEAST_SINE)
    sky = hours.dhi * (1.0 - clearness)
    up = np.cos(np.radians(plants.tilt_deg))
    ground = hours.ghi * plants.albedo
    diffuse = np.outer(sky, 0.5 * (1.0 + up)) + np.outer(ground, 0.5 * (1.0 - up))
    return (hours.dni + around)[:, None] * behind, diffuse


def _through_glass(incidence: FloatArray) -> FloatArray:
    """Share of the beam that passes, of the cosine of its angle of incidence."""
    inverse = np.divide(1.0, incidence, out=np.full_like(incidence, np.inf), where=incidence > 0)
    return np.asarray(np.maximum(1.0 - GLASS * (inverse - 1.0), 0.0))


@dataclass(frozen=True)
class PvOfWeather:
    """Plants under a weather as a source: a slot is a tick of the weather's clock."""

    plants: Plants
    weather: SiteWeather

    @property
    def slot_s(self) -> int:
        """Length of a tick [s]."""
        return self.weather.clock.step_minutes * 60

    @property
    def columns(self) -> int:
        """How many plants there are."""
        return self.plants.n

    def rows(self, slots: IntArray) -> FloatArray:
        """Production [kW/kWp] in consecutive ticks, shape (ticks, n)."""
        first, last = int(slots[0]), int(slots[-1]) + 1
        weather = self.weather
        sun = weather.sun(first, last)
        lit = np.flatnonzero(sun[:, 2] > 0)  # half of the year is night
        hours = Hours(
            weather.values("ghi_w_per_m2", first, last)[lit],
            weather.values("dni_w_per_m2", first, last)[lit],
            weather.values("dhi_w_per_m2", first, last)[lit],
            sun[lit],
            weather.extraterrestrial(first, last)[lit],
            weather.values("temperature_c", first, last)[lit],
            self._wind(first, last)[lit],
        )
        power = np.zeros((last - first, self.plants.n))
        power[lit] = power_per_kwp(self.plants, hours)
        return power

    def _wind(self, first: int, last: int) -> FloatArray:
        if has_wind(self.weather):
            return self.weather.values("wind_m_per_s", first, last)
        return np.full(last - first, CALM)


def has_wind(weather: SiteWeather) -> bool:
    """Whether the weather has a wind that cools modules; if not, they are cooled as by `CALM`."""
    return "wind_m_per_s" in weather.record.quantities


def full_load_hours(plants: Plants, weather: SiteWeather) -> FloatArray:
    """Production of every plant per kWp over the recorded year, or over the run times what a year is longer
    where less is recorded [h], shape (n,). Cached: it takes the sun of a whole year."""
    long = weather.record.whole_year
    parts = (plants.tilt_deg, plants.azimuth_deg, plants.losses_share, plants.temperature_coefficient_per_k)
    key = key_of("pv", VERSION, weather.key, long, plants.albedo, *(part.tobytes().hex() for part in parts))

    def build() -> dict[str, FloatArray]:
        used = weather.whole_year if long else weather
        source, size = PvOfWeather(plants, used), used.clock.periods_per_day
        hours = np.zeros(plants.n)
        for start in range(0, used.clock.periods, size):
            hours += source.rows(np.arange(start, min(start + size, used.clock.periods))).sum(0)
        return {"hours": hours * 8760.0 / used.clock.periods}

    return cached_arrays(f"pv-hours-{key}", build)["hours"]
