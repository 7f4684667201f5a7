"""Where the sun stands, and from the irradiance of an hour to that of its minutes. What a plant makes of it
is in pv.py.

Within a recorded interval the clearness is taken as constant: beam has the same normal irradiance as long as
the sun is up, diffuse light goes with the sine of the sun's height. The energy of every interval stays; at
night there is none. Position of the sun, estimate of the diffuse share (Erbs, Klein and Duffie 1982) and
extraterrestrial irradiance are pvlib's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.core.arrays import BoolArray, FloatArray, IntArray
from cosim.profiles.days import DayTable

CELL_S = 300
"""Longest step at which the sun's position is looked at [s]."""
MOST_SHIFT_S = 7200
"""No irradiance is stamped further from when it was [s]."""
CLEAREST = 1.2
"""Beam beyond this multiple of Meinel's clear sky is a low sun's artefact and becomes diffuse light."""
LEAST_HEIGHT = 0.003
"""Sine of the sun's mean height under which an interval counts as night (0.2 degrees)."""
_CHUNK = 20_000
"""Instants that pvlib gets at a time: its series need some hundred bytes for each."""


@dataclass(frozen=True, slots=True)
class Location:
    """A place."""

    latitude_deg: float
    longitude_deg: float
    """East positive."""
    altitude_m: float


@dataclass(frozen=True, slots=True)
class SunShift:
    """How much later than its step the irradiance of a date was, rounded to `CELL_S`."""

    minutes: float
    """For days that are not in solar time."""
    longitude_deg: float = 0.0
    days: DayTable | None = None
    """The recorded days, if some of them are in solar time."""
    solar: BoolArray | None = None
    """Which of them are stamped in true solar time instead of CET, shape (days,)."""

    def of(self, day: IntArray) -> IntArray:
        """Shift [s] of dates, given in days since 1970, shape as `day`."""
        dates, inverse = np.unique(day, return_inverse=True)
        minutes = np.full(len(dates), self.minutes)
        if self.days is not None and self.solar is not None:
            recorded = [self.days.index_of(date) for date in dates.tolist()]
            later = 4.0 * (15.0 - self.longitude_deg) - equation_of_time(dates)
            minutes = np.where(self.solar[recorded], later, minutes)
        rounded = np.rint(minutes * 60 / CELL_S).astype(np.int64) * CELL_S
        return np.asarray(rounded[inverse])


def equation_of_time(day: IntArray) -> FloatArray:
    """True less mean solar time [min] on days since 1970 (Spencer 1971)."""
    angle = 2.0 * np.pi * (_day_of_year(day * 86400) - 1) / 365.0
    return np.asarray(
        229.18
        * (
            0.0000075
            + 0.001868 * np.cos(angle)
            - 0.032077 * np.sin(angle)
            - 0.014615 * np.cos(2 * angle)
            - 0.040849 * np.sin(2 * angle)
        )
    )


@dataclass(frozen=True, slots=True)
class Irradiance:
    """Mean irradiance of recorded intervals, shape (intervals,) each [W/m2]; what is None is not known."""

    ghi: FloatArray
    dhi: FloatArray | None = None
    dni: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Sunlight:
    """Irradiance [W/m2] and direction of the sun over consecutive cells or ticks, shape (k,) each."""

    ghi: FloatArray
    dni: FloatArray
    dhi: FloatArray
    sun: FloatArray
    """Mean direction of the beam as a vector (east, north, up), weighted with the beam, so that dni times
    its projection is exact; zero at night, shape (k, 3)."""


def directions(utc_s: IntArray, place: Location) -> FloatArray:
    """Direction of the sun, refraction included, as unit vectors (east, north, up), shape (k, 3).

    Args:
        utc_s: Instants, seconds since 1970 UTC, shape (k,).
        place: Where.
    """
    import pandas as pd
    from pvlib import solarposition

    found = np.empty((len(utc_s), 3))
    for start in range(0, len(utc_s), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        position = solarposition.get_solarposition(
            pd.to_datetime(utc_s[chunk], unit="s", utc=True),
            place.latitude_deg,
            place.longitude_deg,
            altitude=place.altitude_m,
        )
        zenith, azimuth = (np.radians(position[name].to_numpy()) for name in ("apparent_zenith", "azimuth"))
        found[chunk, 0] = np.sin(zenith) * np.sin(azimuth)
        found[chunk, 1] = np.sin(zenith) * np.cos(azimuth)
        found[chunk, 2] = np.cos(zenith)
    return found


def extraterrestrial(utc_s: IntArray) -> FloatArray:
    """Irradiance normal to the sun outside of the atmosphere (Spencer 1971) [W/m2], shape (k,)."""
    from pvlib import irradiance

    return np.asarray(irradiance.get_extra_radiation(_day_of_year(utc_s)), dtype=float)


def _day_of_year(utc_s: IntArray) -> IntArray:
    days = utc_s.astype("datetime64[s]").astype("datetime64[D]")
    return np.asarray((days - days.astype("datetime64[Y]")).astype(np.int64) + 1)


def shaped(recorded: Irradiance, utc_s: IntArray, direction: FloatArray) -> Sunlight:
    """Irradiance in the equal cells of recorded intervals.

    Args:
        recorded: Means of the intervals, shape (intervals,).
        utc_s: Start of every interval, shape (intervals,).
        direction: Of the sun in the middle of every cell, shape (intervals times cells, 3).
    """
    sine = np.maximum(direction[:, 2], 0.0).reshape(len(recorded.ghi), -1)
    mean = sine.mean(1)
    day = mean > LEAST_HEIGHT
    up = (sine > 0) & day[:, None]
    lit = np.maximum(up.mean(1), 1e-9)
    mean = np.where(day, mean, 1.0)
    beam, dhi = _parts(recorded, utc_s, mean, lit)
    most = CLEAREST * clear_beam(np.minimum(mean / lit, 1.0))
    dni = np.where(day, np.minimum(beam / mean, most), 0.0)
    diffuse = np.where(day, dhi + beam - dni * mean, 0.0)
    cells_dni = dni[:, None] * up
    cells_dhi = (diffuse / mean)[:, None] * sine
    return Sunlight((cells_dni * sine + cells_dhi).ravel(), cells_dni.ravel(), cells_dhi.ravel(), direction)


def clear_beam(sine: FloatArray) -> FloatArray:
    """Normal irradiance of the beam under a very clear sky at sea level [W/m2], from the sine of the sun's
    height: 1353 * 0.7^(m^0.678) with air mass m (Meinel and Meinel 1976; m after Kasten and Young 1989)."""
    height = np.degrees(np.arcsin(sine))
    mass = 1.0 / (sine + 0.50572 * (height + 6.07995) ** -1.6364)
    return np.asarray(1353.0 * 0.7 ** (mass**0.678))


def _parts(
    recorded: Irradiance, utc_s: IntArray, mean: FloatArray, lit: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Beam and diffuse irradiance on the horizontal, which add up to the global one."""
    if recorded.dhi is not None:
        dhi = np.minimum(recorded.dhi, recorded.ghi)
        return recorded.ghi - dhi, dhi
    if recorded.dni is not None:
        beam = np.minimum(recorded.dni / lit * mean, recorded.ghi)
        return beam, recorded.ghi - beam
    from pvlib import irradiance

    zenith = np.degrees(np.arccos(np.clip(mean / lit, 0.0, 1.0)))
    dhi = np.asarray(irradiance.erbs(recorded.ghi, zenith, _day_of_year(utc_s))["dhi"])
    dhi = np.clip(dhi, 0.0, recorded.ghi)
    return recorded.ghi - dhi, dhi


def placed(cells: Sunlight, place: IntArray, count: int) -> Sunlight:
    """Cells by number, zero where there is none; those outside of 0 to count - 1 are left out.

    Args:
        cells: In any order.
        place: Number of each, shape (k,). Of several with the same number one counts.
        count: How many cells are wanted.
    """
    lit = np.flatnonzero((place >= 0) & (place < count) & (cells.ghi > 0))
    to = place[lit]

    def spread(values: FloatArray) -> FloatArray:
        found = np.zeros((count, *values.shape[1:]))
        found[to] = values[lit]
        return found

    return Sunlight(spread(cells.ghi), spread(cells.dni), spread(cells.dhi), spread(cells.sun))


def gathered(cells: Sunlight, count: int) -> Sunlight:
    """Means over `count` consecutive cells."""

    def mean(values: FloatArray) -> FloatArray:
        return np.asarray(values.reshape(-1, count, *values.shape[1:]).mean(1))

    weight = cells.dni + 1e-6 * np.maximum(cells.sun[:, 2], 0.0)
    total = mean(weight)
    vector = mean(weight[:, None] * cells.sun)
    sun = np.divide(vector, total[:, None], out=np.zeros_like(vector), where=total[:, None] > 0)
    return Sunlight(mean(cells.ghi), mean(cells.dni), mean(cells.dhi), sun)
