"""MUDA, a truthful double auction for orders of many units: each half of the traders trades at the price of
the other half."""

from __future__ import annotations

import numpy as np

from cosim.core.arrays import BoolArray, FloatArray, IntArray
from cosim.core.records import BUY, NO_LIMIT, Band, Orders
from cosim.market.curves import crossing
from cosim.market.one_shot import Matches, OneShot, matched

_PRICE_WITHIN = 0.5
"""Where a half's price lies among all that clear it: in the middle."""


class Muda(OneShot):
    """Owners are put into two halves by fair coins; each half trades at the price that clears the other.

    E. Segal-Halevi, A. Hassidim and Y. Aumann, "MUDA: a truthful multi-unit double-auction mechanism", AAAI
    2018, in the variant with a lottery: the owners of the longer side are served in random order, each with
    all that it wants at the price while there is something left. What is paid is received.

    An owner's bids and asks are netted at the price, so it is on one side. Of a finite capacity each half may
    use half, whatever the other needs: what one half quotes must not matter to itself by way of the other.
    """

    name = "muda"
    summary = "Truthful: random halves of the traders trade at each other's price, by lot on the longer side"

    def clear(self, orders: Orders, rng: np.random.Generator, band: Band) -> Matches:
        """Match each half at the price of the other."""
        owners, owner = np.unique(orders.owner, return_inverse=True)
        left = (rng.random(len(owners)) < 0.5)[owner]
        turn = rng.permutation(len(owners))[owner]
        prices = [
            crossing(_of(orders, np.flatnonzero(half))).price(_PRICE_WITHIN, band) for half in (left, ~left)
        ]
        accepted = np.zeros(len(orders))
        found = Matches.none()
        # By the owner's turn; its own orders by price, the best first.
        in_turn = np.lexsort((-orders.side * orders.price_eur_per_kwh, turn))
        for half, price in zip((left, ~left), reversed(prices), strict=True):
            rows = in_turn[half[in_turn]]
            accepted[rows] = _served(_of(orders, rows), turn[rows], price)
            found += matched(orders, accepted, price, sequence=rows)
        return found


def _of(orders: Orders, rows: IntArray) -> Orders:
    """Some of the orders."""
    return Orders(
        owner=orders.owner[rows],
        side=orders.side[rows],
        price_eur_per_kwh=orders.price_eur_per_kwh[rows],
        quantity_kwh=orders.quantity_kwh[rows],
        limit=np.full(len(rows), NO_LIMIT),
        weight=np.zeros(len(rows)),
        shared=np.zeros(0),
        capacity_kwh=orders.capacity_kwh,
    )


def _served(orders: Orders, turn: IntArray, price: float) -> FloatArray:
    """What each order gets at a given price, its owners being served by turn, shape (k,).

    `orders` are sorted by turn, then price, the best first.
    """
    buying = orders.side == BUY
    ready = orders.side * (orders.price_eur_per_kwh - price) >= 0.0
    quantity = np.where(ready, orders.quantity_kwh, 0.0)
    owners = int(turn.max()) + 1 if len(turn) else 0
    bids = np.bincount(turn[buying], quantity[buying], owners)
    asks = np.bincount(turn[~buying], quantity[~buying], owners)
    wanted, offered = np.maximum(bids - asks, 0.0), np.maximum(asks - bids, 0.0)
    volume = min(wanted.sum(), offered.sum(), 0.5 * orders.capacity_kwh)
    own = np.minimum(bids, asks)
    served = np.zeros(len(orders))
    for side, net in ((buying, wanted), (~buying, offered)):
        served[side] = _in_order(quantity[side], turn[side], own + _first_come(net, volume))
    return served


def _first_come(net: FloatArray, volume: float) -> FloatArray:
    """What each owner gets of `volume` if they are served in order, shape (owners,)."""
    return np.clip(volume - (np.cumsum(net) - net), 0.0, net)


def _in_order(quantity: FloatArray, turn: IntArray, total: FloatArray) -> FloatArray:
    """Spread what each owner gets over its orders in their order."""
    cumulated = np.cumsum(quantity) - quantity
    first: BoolArray = np.diff(turn, prepend=-1) != 0
    before = cumulated - cumulated[first][np.cumsum(first) - 1] if len(turn) else cumulated
    return np.clip(total[turn] - before, 0.0, quantity)
