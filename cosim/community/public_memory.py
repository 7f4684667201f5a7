"""The mean field: what the market has made public, of the last period, of the same local hour when it was
last, and of the hours to come when they were last. Of fixed size, however many trade."""

from __future__ import annotations

import numpy as np

from cosim.core.arrays import BoolArray, FloatArray, IntArray
from cosim.core.clock import Period
from cosim.core.mean_field import AHEAD_HOURS, AHEAD_NAMES
from cosim.core.records import PUBLIC_FIELDS, PublicInformation

MEAN_PRICE = [name for name, _ in PUBLIC_FIELDS].index("mean_price")
TRADED = [name for name, _ in PUBLIC_FIELDS].index("volume_traded")
VOLUMES = [[name for name, _ in PUBLIC_FIELDS].index(name) for name in ("volume_offered", "volume_asked_for")]
PRICES = np.array([unit == "EUR/kWh" for _, unit in PUBLIC_FIELDS])
ROUNDING = 1e-6
"""Share of a period by which an hour may fall short of the period that it starts: 0.6 / 0.2 is below 3."""
AHEAD = np.array([[name for name, _ in PUBLIC_FIELDS].index(name) for name in AHEAD_NAMES])


class PublicMemory:
    """The public information of a community's markets.

    Args:
        hours: Length of a settlement period [h].
        middle_price: Middle of the band of electricity prices [EUR/kWh].
        heat_price: Middle of the band of heat prices; None where no heat is traded.
    """

    def __init__(self, hours: float, middle_price: float, heat_price: float | None = None) -> None:
        self.electricity = MarketMemory(hours, middle_price)
        self.heat = None if heat_price is None else MarketMemory(hours, heat_price)

    def mean_field(self, period: Period) -> FloatArray:
        """The mean field that is known when the gate of a period closes, shape (M,)."""
        known = self.electricity.mean_field(period)
        return known if self.heat is None else np.concatenate([known, self.heat.mean_field(period)])

    def remember(
        self, period: Period, electricity: PublicInformation, heat: PublicInformation | None
    ) -> None:
        """Take in what the sessions of a period made public."""
        self.electricity.remember(period, electricity)
        if self.heat is not None and heat is not None:
            self.heat.remember(period, heat)


class MarketMemory:
    """Remembers of one market, for each local time of the day, what was public when it was last.

    A price that does not exist (no trade, an empty side of the book) is remembered as the price of that kind
    seen before; before the first, as the middle of the band between feed-in and retail.

    Args:
        hours: Length of a settlement period [h].
        middle_price: Middle of the band [EUR/kWh].
    """

    def __init__(self, hours: float, middle_price: float) -> None:
        nothing = np.where(PRICES, middle_price, 0.0)
        self.middle_price = middle_price
        self._hours = hours
        self._slots = round(24.0 / hours)
        self._ahead = np.array([round(lead / hours) for lead in AHEAD_HOURS])
        self._day = np.tile(nothing, (self._slots, 1))
        self._known = np.zeros(self._slots, dtype=bool)
        self._seen = nothing.copy()
        self._latest = nothing.copy()

    def mean_field(self, period: Period) -> FloatArray:
        """The mean field that is known before a period, shape (M,)."""
        now = self._slot(period)
        ahead = self._day[np.ix_((now + self._ahead) % self._slots, AHEAD)]
        return np.concatenate([self._latest, self._day[now], ahead.ravel(), self._last_day()])

    def _last_day(self) -> FloatArray:
        """The last 24 hours together, in the order of `DAY_NAMES`."""
        traded = self._day[:, TRADED]
        total = float(traded.sum())
        price = float(self._day[:, MEAN_PRICE] @ traded) / total if total > 0.0 else self._latest[MEAN_PRICE]
        return np.array([price, total, *self._day[:, VOLUMES].sum(axis=0)])

    def remember(self, period: Period, public: PublicInformation) -> None:
        """Take in what a period made public."""
        values = public.values()
        values = np.where(np.isnan(values), self._seen, values)
        self._seen = np.where(PRICES, values, self._seen)
        self._latest = values
        self._day[self._slot(period)] = values
        self._known[self._slot(period)] = True

    def price_at(self, hour_of_day: FloatArray) -> FloatArray:
        """Mean price at some local hours when they were last [EUR/kWh], shape (periods,) both."""
        price: FloatArray = self._day[self._slots_of(hour_of_day), MEAN_PRICE]
        return price

    def known_at(self, hour_of_day: FloatArray) -> BoolArray:
        """Whether the market has opened at these local hours, shape (periods,) both."""
        known: BoolArray = self._known[self._slots_of(hour_of_day)]
        return known

    def _slots_of(self, hour_of_day: FloatArray) -> IntArray:
        """As `_slot`."""
        return np.floor(hour_of_day / self._hours + ROUNDING).astype(np.int64)

    def _slot(self, period: Period) -> int:
        """Row of the period's local time: across a clock change it stays the same hour, not 24 hours ago."""
        return int(period.hour_of_day / self._hours + ROUNDING)
