"""Gains from trade: what a session realised, and the most that any matching of the same orders could. It says
nothing of who pays whom: prices cancel out."""

from __future__ import annotations

import numpy as np
from numba import njit

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.records import BUY, Orders


def surplus(orders: Orders, filled_kwh: FloatArray, value_eur_per_kwh: FloatArray) -> float:
    """Sum of side x value x filled [EUR]: what buyers value less what it costs sellers.

    Args:
        orders: As submitted.
        filled_kwh: By row, internal transfers included or not, as in the comparison wanted, shape (k,).
        value_eur_per_kwh: What a kWh is worth to a buyer or costs a seller, shape (k,).
    """
    return float(np.sum(orders.side * value_eur_per_kwh * filled_kwh))


def call_auction_surplus(orders: Orders, value_eur_per_kwh: FloatArray) -> float:
    """The largest surplus of any matching of these orders [EUR], where demand and supply cross.

    Shared limits are relaxed: every order counts with its full quantity, so with limits this is an upper
    bound. An owner's bid may meet its own ask, as in an internal transfer; it counts against the capacity of
    the session all the same, if that is not unlimited (with internal transfers it is then no upper bound).

    Args:
        orders: As submitted; their limit prices play no part.
        value_eur_per_kwh: What a kWh is worth to a buyer or costs a seller, shape (k,), finite.
    """
    # Dearest demand first, cheapest supply first: one order serves both.
    best_first = np.argsort(-orders.side * value_eur_per_kwh, kind="stable")
    return float(
        _between(best_first, orders.side, orders.quantity_kwh, value_eur_per_kwh, float(orders.capacity_kwh))
    )


@njit(cache=True)
def _between(
    best_first: IntArray,
    side: IntArray,
    quantity_kwh: FloatArray,
    value_eur_per_kwh: FloatArray,
    capacity_kwh: float,
) -> float:
    """Area between demand and supply [EUR] up to where they cross, or to the capacity."""
    rows = len(best_first)
    total, left = 0.0, capacity_kwh
    buy = sell = -1  # places in `best_first`
    buy_kwh = sell_kwh = 0.0
    while left > 0.0:
        while buy_kwh <= 0.0:
            buy += 1
            while buy < rows and side[best_first[buy]] != BUY:
                buy += 1
            if buy == rows:
                return total
            buy_kwh = quantity_kwh[best_first[buy]]
        while sell_kwh <= 0.0:
            sell += 1
            while sell < rows and side[best_first[sell]] == BUY:
                sell += 1
            if sell == rows:
                return total
            sell_kwh = quantity_kwh[best_first[sell]]
        margin = value_eur_per_kwh[best_first[buy]] - value_eur_per_kwh[best_first[sell]]
        if margin <= 0.0:
            break
        width = min(buy_kwh, sell_kwh, left)
        total += margin * width
        buy_kwh -= width
        sell_kwh -= width
        left -= width
    return total
