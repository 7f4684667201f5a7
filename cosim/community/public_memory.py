"""The mean field: what the market has made public, of the last period and of the same local hour when it
was last. Of fixed size, however many trade."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.core.carriers import Carrier
from cosim.core.clock import Period
from cosim.core.records import PUBLIC_FIELDS, Field, PublicInformation

MEAN_PRICE = [name for name, _ in PUBLIC_FIELDS].index("mean_price")
PRICES = np.array([unit == "EUR/kWh" for _, unit in PUBLIC_FIELDS])


def mean_field_fields(heat: bool = False) -> tuple[Field, ...]:
    """The mean field: `last_price` ... of the last period, `yesterday.last_price` ... a day before; where
    heat is traded, the same of its market: `heat.last_price` ...

    Args:
        heat: Whether heat is traded.
    """
    electricity = _fields_of("electricity", "")
    return (*electricity, *_fields_of("heat", "heat.")) if heat else electricity


def _fields_of(carrier: Carrier, prefix: str) -> tuple[Field, ...]:
    """The mean field of one market."""
    infinite = float("inf")
    latest = [
        Field(f"{prefix}{name}", unit, -infinite, infinite, f"Of the last {carrier} session: {name}.")
        for name, unit in PUBLIC_FIELDS
    ]
    yesterday = [
        Field(
            f"{prefix}yesterday.{name}",
            unit,
            -infinite,
            infinite,
            f"Of {carrier}: {name} at this local time of the day before.",
        )
        for name, unit in PUBLIC_FIELDS
    ]
    return (*latest, *yesterday)


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
        self._hours = hours
        self._day = np.tile(nothing, (round(24.0 / hours), 1))
        self._seen = nothing.copy()
        self._latest = nothing.copy()

    def mean_field(self, period: Period) -> FloatArray:
        """The mean field that is known before a period, shape (2 x public fields,)."""
        return np.concatenate([self._latest, self._day[self._slot(period)]])

    def remember(self, period: Period, public: PublicInformation) -> None:
        """Take in what a period made public."""
        values = public.values()
        values = np.where(np.isnan(values), self._seen, values)
        self._seen = np.where(PRICES, values, self._seen)
        self._latest = values
        self._day[self._slot(period)] = values

    def price_at(self, periods: Sequence[Period]) -> FloatArray:
        """Mean price at the local times of some periods when they were last [EUR/kWh], shape (periods,)."""
        rows = [self._slot(period) for period in periods]
        price: FloatArray = self._day[rows, MEAN_PRICE]
        return price

    def _slot(self, period: Period) -> int:
        """Row of the period's local time: across a clock change it stays the same hour, not 24 hours ago."""
        return int(period.hour_of_day / self._hours)
