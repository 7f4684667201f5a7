"""The continuous double auction as a mechanism, and its settings. Sessions are in `double_auction_session`,
rules of matching are explained in `order_book`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from cosim.core.config import Config, setting
from cosim.core.records import Band, Orders
from cosim.market.mechanism import Mechanism

if TYPE_CHECKING:
    from cosim.market.double_auction_session import DoubleAuctionSession


class DoubleAuctionConfig(Config):
    """Settings of the continuous double auction."""

    price: Literal["resting", "midpoint"] = setting(
        "resting",
        about="Price of a trade: that of the order that was in the book first, or halfway from bid to ask.",
    )
    rounds: int = setting(
        1,
        about="How often per period everybody may quote. In each round the orders arrive in random order.",
        ge=1,
        le=1000,
    )
    clear_on_trade: bool = setting(
        False,
        about="Whether a trade cancels every unaccepted quote in the book, as in the experiments of Gode and "
        "Sunder; their owners may quote again.",
    )


class DoubleAuction(Mechanism):
    """A continuous double auction with price-time priority."""

    name = "double-auction"
    summary = "Continuous double auction: orders match one by one, best price first, then time"
    multi_round = True
    Config = DoubleAuctionConfig
    config: DoubleAuctionConfig

    @property
    def rounds(self) -> int:
        """How often per session everybody may quote."""
        return self.config.rounds

    def open(self, orders: Orders, rng: np.random.Generator, band: Band) -> DoubleAuctionSession:
        """A session for `orders`; see `Mechanism.open`. The band plays no part."""
        # numba loads with the kernel: settings need none
        from cosim.market.double_auction_session import DoubleAuctionSession

        return DoubleAuctionSession(orders, rng, self.config.price == "midpoint", self.config.clear_on_trade)
