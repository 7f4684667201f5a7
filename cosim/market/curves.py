"""Demand and supply of a set of orders: where they cross, and which prices clear them. It decides no rule of
pricing; mechanisms do."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.records import BUY, SELL, Band, Orders

_ROUNDING = 1e-12
"""Share of the volume below which two ends of steps are one."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """Where demand and supply cross, and the limit prices next to it; infinite where there is no order."""

    volume_kwh: float
    """The largest volume at which every bid is at least as high as every ask."""
    bid_in: float
    """The lowest bid within the volume, +inf if there is none."""
    ask_in: float
    """The highest ask within, -inf if there is none."""
    bid_out: float
    """The highest bid, or part of one, beyond the volume, -inf if there is none."""
    ask_out: float
    """The lowest ask beyond, +inf if there is none."""

    def price(self, k: float, band: Band) -> float:
        """A price at which the volume clears: k of the way from the lowest such price to the highest.

        Nobody within the volume is asked to trade beyond its limit, and nobody outside would trade at it. An
        end that no order sets is that of the band.
        """
        ends = max(self.ask_in, self.bid_out), min(self.bid_in, self.ask_out)
        low, high = (_finite(end, band) for end in ends)
        if low > high:  # an end of the band lies beyond the end that an order sets
            low = high = high if not isfinite(ends[0]) else low
        return min(max(low + k * (high - low), self.ask_in), self.bid_in)


def best_first(orders: Orders, side: int) -> IntArray:
    """Rows of one side, the best price first, then in their order."""
    rows = np.flatnonzero(orders.side == side)
    found: IntArray = rows[np.argsort(-side * orders.price_eur_per_kwh[rows], kind="stable")]
    return found


def crossing(orders: Orders) -> Crossing:
    """Where demand and supply of these orders cross."""
    bids, asks = best_first(orders, BUY), best_first(orders, SELL)
    bid, ask = orders.price_eur_per_kwh[bids], orders.price_eur_per_kwh[asks]
    demand, supply = np.cumsum(orders.quantity_kwh[bids]), np.cumsum(orders.quantity_kwh[asks])
    volume = _volume(bid, demand, ask, supply)
    slack = _ROUNDING * volume
    return Crossing(
        volume,
        bid_in=_step(bid, demand, volume - slack, inf) if volume else inf,
        ask_in=_step(ask, supply, volume - slack, -inf) if volume else -inf,
        bid_out=_step(bid, demand, volume + slack, -inf),
        ask_out=_step(ask, supply, volume + slack, inf),
    )


def within(orders: Orders, rows: IntArray, volume_kwh: float) -> FloatArray:
    """What of each order falls into the first `volume_kwh` of `rows`, shape (k,)."""
    accepted = np.zeros(len(orders))
    quantity = orders.quantity_kwh[rows]
    accepted[rows] = np.clip(volume_kwh - (np.cumsum(quantity) - quantity), 0.0, quantity)
    return accepted


def _volume(bid: FloatArray, demand: FloatArray, ask: FloatArray, supply: FloatArray) -> float:
    if not len(bid) or not len(ask):
        return 0.0
    # Between two steps of either curve both prices are constant, and what crosses comes first.
    ends = np.sort(np.concatenate((demand, supply)))
    ends = ends[ends <= min(demand[-1], supply[-1])]
    middle = ends - 0.5 * np.diff(ends, prepend=0.0)
    buyer = np.minimum(np.searchsorted(demand, middle), len(demand) - 1)
    seller = np.minimum(np.searchsorted(supply, middle), len(supply) - 1)
    crosses = bid[buyer] >= ask[seller]
    return float(ends[crosses][-1]) if crosses.any() else 0.0


def _step(price: FloatArray, cumulated: FloatArray, volume: float, missing: float) -> float:
    """Price of the order in which the curve goes beyond `volume`."""
    place = int(np.searchsorted(cumulated, volume, side="right"))
    return float(price[place]) if place < len(price) else missing


def _finite(price: float, band: Band) -> float:
    if isfinite(price):
        return price
    return band.low_eur_per_kwh if price < 0.0 else band.high_eur_per_kwh
