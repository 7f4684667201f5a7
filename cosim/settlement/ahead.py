"""Prices of the coming periods, for whoever plans. It knows what the tariffs say and foresees nothing beyond
that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.clock import Clock
from cosim.settlement.rates import FEED_IN, Rates, bid_ceiling, gas_price, retail_price


@dataclass(frozen=True, slots=True)
class Ahead:
    """What energy costs each prosumer in coming periods, as in `Prices`, shape (count, n) each."""

    retail_eur_per_kwh: FloatArray
    feed_in_eur_per_kwh: FloatArray
    bid_ceiling_eur_per_kwh: FloatArray
    ask_floor_eur_per_kwh: FloatArray
    gas_eur_per_kwh: FloatArray
    """What burning a kWh of gas costs, carbon included; NaN where the tariff has no gas price."""


class Outlook:
    """What is known of prices in every period of a run: those of the 24 hours from its beginning on.

    Args:
        rates: Of every tariff.
        clock: The periods of the run.
    """

    def __init__(self, rates: Rates, clock: Clock) -> None:
        known = _held(np.concatenate([rates.table[rates.state], rates.beyond]))
        columns = retail_price(known), known[..., FEED_IN], bid_ceiling(known), gas_price(known)
        self._known = np.stack(columns)  # (columns, periods of the run and a day, tariffs)
        self._day = clock.periods_per_day
        self._periods = clock.periods

    def over(self, index: int, count: int, tariff: IntArray) -> Ahead:
        """Prices of the periods from `index` to `index + count - 1`.

        Later than 24 hours after `index` the same day comes again, so that what is foreseen does not depend
        on how long the run is.

        Args:
            index: A period of the run.
            count: How many periods, at least one.
            tariff: Tariff of every prosumer, shape (n,).

        Raises:
            IndexError: if the run has no such period.
        """
        if not 0 <= index < self._periods:
            raise IndexError(f"period {index} is not one of the run's {self._periods}")
        if count <= self._day:
            known = self._known[:, index : index + count]
        else:
            known = self._known[:, index + np.arange(count) % self._day]
        retail, feed_in, ceiling, gas = np.take(known, tariff, axis=2)
        return Ahead(retail, feed_in, ceiling, feed_in, gas)


def _held(known: FloatArray) -> FloatArray:
    """Rates by period, shape (periods, tariffs, RATES), the last one held where a series has ended."""
    ended = np.isinf(known)
    if not ended.any():
        return known
    last = np.arange(len(known))[:, None, None] * ~ended
    held: FloatArray = np.take_along_axis(known, np.maximum.accumulate(last, axis=0), axis=0)
    return held
