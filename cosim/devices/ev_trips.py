"""When electric vehicles are at home and what their trips use. No charging here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.clock import Clock
from cosim.devices.base import Draws
from cosim.devices.daily import Daily, Span, first_whole, last_whole


class Trips(Daily):
    """Stays of all vehicles: the stay of day D begins at that day's arrival and ends before the next one. The
    energy that goes with it [kWh] was used by the trip that ends with the arrival.

    Arrival and departure hours vary from day to day by a normal draw with standard deviation
    `hours_spread`, trip energies by a factor uniform in [1 - v, 1 + v], v = `trip_variation`. Hours are those
    of the local clock, also on the days on which it changes.

    Args:
        columns: `arrival_hour`, `departure_hour` [h], `hours_spread` [h], `trip_kwh` [kWh],
            `trip_variation`, shape (d,) each.
        clock: Time of the run.
        draws: Randomness of the vehicles.
    """

    def __init__(self, columns: Mapping[str, FloatArray], clock: Clock, draws: Draws) -> None:
        super().__init__(columns, clock, draws)
        self._arrival = lru_cache(maxsize=16)(self._arriving)

    def _drawn(self, day: int) -> Span:
        """The stay that begins on `day`: at least one period, and at least one away after it."""
        c = self._columns
        stay_hours = (c["departure_hour"] - c["arrival_hour"]) % 24.0
        leaves = self._moment(day, c["arrival_hour"] + stay_hours + self._shift(day, 2, "stay")[:, 1])
        arrival = self._arrival(day)
        latest = np.minimum(last_whole(leaves), self._arrival(day + 1) - 1)
        factor = 1.0 + self._draws.uniform(1, "trip", day)[:, 0] * c["trip_variation"]
        return Span(arrival, np.maximum(latest, arrival + 1), c["trip_kwh"] * factor)

    def _arriving(self, day: int) -> IntArray:
        """First period plugged in."""
        shift = self._shift(day, 2, "stay")[:, 0]
        return first_whole(self._moment(day, self._columns["arrival_hour"] + shift))
