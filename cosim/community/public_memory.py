"""The mean field: what the market has made public, of the last period and of the same local hour when it
was last. Of fixed size, however many trade."""

from __future__ import annotations

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.core.clock import Period
from cosim.core.records import PUBLIC_FIELDS, Field, PublicInformation

PRICES = np.array([unit == "EUR/kWh" for _, unit in PUBLIC_FIELDS])


def mean_field_fields() -> tuple[Field, ...]:
    """The mean field: `last_price` ... of the last period, `yesterday.last_price` ... a day before."""
    infinite = float("inf")
    latest = [
        Field(name, unit, -infinite, infinite, f"Public information of the last period: {name}.")
        for name, unit in PUBLIC_FIELDS
    ]
    yesterday = [
        Field(f"yesterday.{name}", unit, -infinite, infinite, f"{name} at this local time of the day before.")
        for name, unit in PUBLIC_FIELDS
    ]
    return (*latest, *yesterday)


class PublicMemory:
    """Remembers, for each local time of the day, what was public when it was last.

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

    def _slot(self, period: Period) -> int:
        """Row of the period's local time: across a clock change it stays the same hour, not 24 hours ago."""
        return int(period.hour_of_day / self._hours)
