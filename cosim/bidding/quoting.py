"""From what is for trade to orders, for any carrier: limit prices, quotes with a margin, and which rows go to
the market. What is for trade, and what is done with fills, is each carrier's own (`electricity`, `heat`)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.bidding.rows import Bids, Rows
from cosim.core.arrays import BoolArray, FloatArray, IntArray, sum_by
from cosim.core.records import BUY, NO_LIMIT, Clearing, Orders, Prices

APART_EUR_PER_KWH = 1e-9
"""A device bids at least this much below what it asks: at equal prices the two orders would fill each other,
and its flexibility would be gone for nothing."""
DUST_KWH = 1e-12
"""Quantities up to this are rounding, and no orders: what is left in a store that gives all it has."""


@dataclass(frozen=True, slots=True)
class Fills:
    """What the market brought each row, and each prosumer."""

    traded_kwh: FloatArray
    """By row, shape (k,)."""
    internal_kwh: FloatArray
    """By row, shape (k,)."""
    cost_eur: FloatArray
    """Paid to others less received from them, shape (n,)."""
    paid_eur: FloatArray
    """Paid to others, shape (n,)."""


def limit_prices(rows: Rows, side: IntArray, reservation: FloatArray, prices: Prices) -> FloatArray:
    """Worst trade price by row: what a purchase costs on top is taken off, the utility is the alternative."""
    own = prices.at(rows.owner)
    worth = (reservation - own.trade_adder_eur_per_kwh) / own.trade_factor
    bid = np.minimum(worth, own.bid_ceiling_eur_per_kwh)
    ask = np.maximum(reservation, own.ask_floor_eur_per_kwh)
    limit = np.where(side == BUY, bid, ask)
    for name, up in rows.up.items():
        limit[up] = np.minimum(limit[up], limit[rows.down[name]] - APART_EUR_PER_KWH)
    return limit


def weights(quantity: FloatArray) -> FloatArray:
    """What a kWh takes of its device's flexibility: all its rows together never ask for more than it has."""
    return np.divide(1.0, quantity, out=np.zeros_like(quantity), where=quantity > DUST_KWH)


def quotes(rows: Rows, bids: Bids, margins: FloatArray, prices: Prices) -> FloatArray:
    """Prices that are quoted [EUR/kWh], shape (k,): the limit price less (bids) or plus (asks) a margin.

    Args:
        rows: Of the carrier.
        bids: What is for trade.
        margins: Bid and ask margin of every prosumer in [-1, 1], shape (n, 2).
        prices: The band: bids go down to its floor, asks up to its ceiling.
    """
    owner, limit, own = rows.owner, bids.limit_price_eur_per_kwh, prices.at(rows.owner)
    far_bid = np.minimum(limit, own.ask_floor_eur_per_kwh)
    far_ask = np.maximum(limit, own.bid_ceiling_eur_per_kwh)
    buying = bids.side == BUY
    share = 0.5 * (np.where(buying, margins[owner, 0], margins[owner, 1]) + 1.0)
    quote: FloatArray = limit + share * (np.where(buying, far_bid, far_ask) - limit)
    return quote


def orders(  # what an order consists of
    rows: Rows,
    bids: Bids,
    quote: FloatArray,
    prices: Prices,
    trading: BoolArray,
    *,
    share: FloatArray | None = None,
    capacity_kwh: float = float("inf"),
) -> tuple[Orders, IntArray]:
    """Orders for the market and the row of each.

    Left out are empty rows, prosumers that do not trade, bids below the owner's own floor and asks above its
    own ceiling: nobody with the same tariff would take them, and no other prosumer's data are looked at.

    Args:
        rows: Of the carrier.
        bids: What is for trade.
        quote: Price of every row.
        prices: The band of every prosumer.
        trading: Who trades at all, shape (n,).
        share: Share of every row that goes to the market; None: all of it.
        capacity_kwh: Most that may be traded in the session.
    """
    limit_price, owner, own = bids.limit_price_eur_per_kwh, rows.owner, prices.at(rows.owner)
    hopeful = np.where(
        bids.side == BUY,
        limit_price >= own.ask_floor_eur_per_kwh,
        limit_price <= own.bid_ceiling_eur_per_kwh,
    )
    shared = np.ones(rows.limits)
    quantity = bids.quantity_kwh
    if share is not None:
        quantity = quantity * share
        flexible = rows.limit != NO_LIMIT
        # What a device keeps for its owner, its other row cannot use up either.
        np.minimum.at(shared, rows.limit[flexible], share[flexible])
    chosen = np.flatnonzero((quantity > DUST_KWH) & hopeful & trading[owner])
    made = Orders(
        owner[chosen],
        bids.side[chosen],
        quote[chosen],
        quantity[chosen],
        rows.limit[chosen],
        bids.weight[chosen],
        shared,
        capacity_kwh,
    )
    return made, chosen


def fills(rows: Rows, bids: Bids, clearing: Clearing | None, chosen: IntArray | None) -> Fills:
    """What a clearing brought by row; without one nothing.

    Args:
        rows: Of the carrier.
        bids: What was for trade.
        clearing: The session's result.
        chosen: Row of every order in it.
    """
    n, size = rows.prosumers, len(rows.owner)
    traded, internal = np.zeros(size), np.zeros(size)
    cost, paid = np.zeros(n), np.zeros(n)
    if clearing is not None and chosen is not None:
        traded[chosen] = clearing.traded_kwh
        internal[chosen] = clearing.internal_kwh
        cost = sum_by(rows.owner[chosen], clearing.paid_eur, n)
        bought_eur = np.where(bids.side[chosen] == BUY, clearing.paid_eur, 0.0)
        paid = sum_by(rows.owner[chosen], bought_eur, n)
    return Fills(traded, internal, cost, paid)


def left_of_limits(rows: Rows, bids: Bids, filled_kwh: FloatArray) -> FloatArray:
    """What is left of every shared limit after fills by row, shape (limits,)."""
    flexible = slice(rows.prosumers, None)
    used = sum_by(rows.limit[flexible], (bids.weight * filled_kwh)[flexible], rows.limits)
    left: FloatArray = 1.0 - used
    return left
