"""The mean field: what the market has made public, of the last period and of the same hour a day ago. Of
fixed size, however many trade."""

from __future__ import annotations

import numpy as np

from cosim.core.arrays import FloatArray
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
        Field(f"yesterday.{name}", unit, -infinite, infinite, f"{name} in this period of the day before.")
        for name, unit in PUBLIC_FIELDS
    ]
    return (*latest, *yesterday)


class PublicMemory:
    """Remembers a day of public information.

    A price that does not exist (no trade, an empty side of the book) is remembered as the price of that kind
    seen before; before the first, as the middle of the band between feed-in and retail.

    Args:
        periods_per_day: Settlement periods in 24 hours.
        middle_price: Middle of the band [EUR/kWh].
    """

    def __init__(self, periods_per_day: int, middle_price: float) -> None:
        nothing = np.where(PRICES, middle_price, 0.0)
        self._day = np.tile(nothing, (periods_per_day, 1))
        self._seen = nothing.copy()
        self._latest = nothing.copy()

    def mean_field(self, index: int) -> FloatArray:
        """The mean field that is known before period `index`, shape (2 x public fields,)."""
        return np.concatenate([self._latest, self._day[index % len(self._day)]])

    def remember(self, index: int, public: PublicInformation) -> None:
        """Take in what period `index` made public."""
        values = public.values()
        values = np.where(np.isnan(values), self._seen, values)
        self._seen = np.where(PRICES, values, self._seen)
        self._latest = values
        self._day[index % len(self._day)] = values
