"""Gains from trade: what a session realised, and the most that any matching of the same orders could. It says
nothing of who pays whom: prices cancel out."""

from __future__ import annotations

import numpy as np

from cosim.core.arrays import FloatArray
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
    demand_value, demand_kwh = _curve(orders, orders.side == BUY, -value_eur_per_kwh)
    supply_cost, supply_kwh = _curve(orders, orders.side != BUY, value_eur_per_kwh)
    if not len(demand_kwh) or not len(supply_kwh):
        return 0.0
    # Between two steps of either curve the margin is constant; integrate it while it is positive.
    most = min(demand_kwh[-1], supply_kwh[-1], orders.capacity_kwh)
    ends = np.sort(np.concatenate((demand_kwh, supply_kwh, [most])))
    ends = ends[ends <= most]
    width = np.diff(ends, prepend=0.0)
    middle = ends - 0.5 * width
    buyer = np.minimum(np.searchsorted(demand_kwh, middle), len(demand_kwh) - 1)
    seller = np.minimum(np.searchsorted(supply_kwh, middle), len(supply_kwh) - 1)
    margin = -demand_value[buyer] - supply_cost[seller]
    return float(np.sum(np.maximum(margin, 0.0) * width))


def _curve(
    orders: Orders, rows: np.ndarray[tuple[int], np.dtype[np.bool_]], rank: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Ranks of the orders `rows`, lowest first, and the cumulated quantity [kWh] up to each."""
    order = np.argsort(rank[rows], kind="stable")
    return rank[rows][order], np.cumsum(orders.quantity_kwh[rows][order])
