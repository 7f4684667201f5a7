"""What of a prosumer's electricity goes to the market: what is left beyond its own need. Nobody else's rows
are seen, and nothing is matched here."""

from __future__ import annotations

import numpy as np
from numba import njit

from cosim.core.arrays import BoolArray, FloatArray, IntArray


@njit(cache=True)
def beyond_own_need(
    owner: IntArray,
    prosumers: int,
    buying: BoolArray,
    quantity: FloatArray,
    price: FloatArray,
    retail: FloatArray,
    feed_in: FloatArray,
) -> FloatArray:
    """Share of every row that goes to the market, shape (k,).

    What a prosumer wants for certain (its deficit, and devices that would draw even from the utility)
    comes first from its own surplus, then from its devices that give for less than retail; these offer
    only what they can beyond it. Likewise devices that take the own surplus bid only for what they can
    take beyond it. What the market leaves is then matched behind the meter. Else a prosumer would sell
    and buy from the utility in the same period.

    Args:
        owner: Prosumer of every row; the first `prosumers` rows are their firm positions, in order.
        prosumers: How many there are.
        buying: Whether a row draws.
        quantity: Of every row [kWh].
        price: Reservation price of every row [EUR/kWh].
        retail: Of every row's owner, less what counts as equal to it.
        feed_in: Of every row's owner.
    """
    wanted, gives, takes = np.zeros(prosumers), np.zeros(prosumers), np.zeros(prosumers)
    for row in range(prosumers, len(owner)):
        if not buying[row]:
            if price[row] < retail[row]:
                gives[owner[row]] += quantity[row]
            continue
        if price[row] >= retail[row]:
            wanted[owner[row]] += quantity[row]
        if price[row] > feed_in[row]:
            takes[owner[row]] += quantity[row]
    share = np.ones(len(owner))
    for i in range(prosumers):
        deficit = quantity[i] if buying[i] else 0.0
        surplus = quantity[i] - deficit
        kept = min(surplus, wanted[i])
        share[i] = _left(quantity[i], kept)
        gives[i] = _left(gives[i], deficit + wanted[i] - kept)
        takes[i] = _left(takes[i], surplus)
    for row in range(prosumers, len(owner)):
        if not buying[row] and price[row] < retail[row]:
            share[row] = gives[owner[row]]
        elif buying[row] and price[row] > feed_in[row]:
            share[row] = takes[owner[row]]
    return share


@njit(cache=True)
def _left(able: float, need: float) -> float:
    """What is left of `able` after `need`, as a share; 1 where there is nothing."""
    return max(able - need, 0.0) / able if able > 0.0 else 1.0
