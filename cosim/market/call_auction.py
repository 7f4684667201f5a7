"""A call auction with one price for all: the k-double auction, for orders of any quantity."""

from __future__ import annotations

from typing import Literal

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.config import Config, setting
from cosim.core.records import BUY, SELL, Band, Orders
from cosim.market.curves import best_first, crossing, within
from cosim.market.one_shot import Matches, OneShot, matched


class CallAuctionConfig(Config):
    """Settings of the call auction."""

    k: float = setting(
        0.5,
        about="Where the price lies between the lowest (0, for the buyers) and the highest (1) that clears.",
        ge=0,
        le=1,
    )
    ration: Literal["time", "pro-rata"] = setting(
        "time",
        about="Who goes first among orders at the marginal price: who arrived first (drawn by lot), or all "
        "get the same share.",
    )


class CallAuction(OneShot):
    """All orders clear at one price, where demand and supply cross.

    The rule of pricing is that of the k-double auction (Satterthwaite and Williams, "Bilateral trade with the
    sealed bid k-double auction: existence and efficiency", J. Economic Theory 48, 1989): p = (1 - k) low +
    k high, with [low, high] all prices at which demand equals supply.
    """

    name = "call-auction"
    summary = "Call auction: one price for all, where demand and supply cross (k-double auction)"
    Config = CallAuctionConfig
    config: CallAuctionConfig

    def clear(self, orders: Orders, rng: np.random.Generator, band: Band) -> Matches:
        """Accept everything to the left of the crossing."""
        found = crossing(orders)
        if not found.volume_kwh:
            return Matches.none()
        bids, asks = best_first(orders, BUY), best_first(orders, SELL)
        accepted = within(orders, bids, found.volume_kwh) + within(orders, asks, found.volume_kwh)
        if self.config.ration == "pro-rata":
            _share(orders, bids, found.bid_in, accepted)
            _share(orders, asks, found.ask_in, accepted)
        return matched(
            orders, accepted, found.price(self.config.k, band), sequence=np.concatenate((bids, asks))
        )


def _share(orders: Orders, rows: IntArray, marginal_price: float, accepted: FloatArray) -> None:
    """Give all of `rows` at the marginal price the same share of what is accepted of them."""
    marginal = rows[orders.price_eur_per_kwh[rows] == marginal_price]
    quantity = orders.quantity_kwh[marginal]
    accepted[marginal] = quantity * min(accepted[marginal].sum() / quantity.sum(), 1.0)
