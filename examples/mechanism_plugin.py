"""A market mechanism of your own: everybody trades at a price of their pair, not at one price for all.

Name it in a scenario (with this folder on PYTHONPATH), or announce it from your package's pyproject.toml and
use its name:

    market: {mechanism: "mechanism_plugin:PairPrices", parameters: {sellers_share: 0.3}}

    [project.entry-points."cosim.mechanisms"]
    pair-prices = "my_package.markets:PairPrices"

Only `clear` says how the market works. The session keeps quotes until all have arrived, nets what an owner
buys from itself, keeps shared limits and capacity, books the money and tells what is public; the audit checks
it.
"""

from __future__ import annotations

import numpy as np

from cosim.core.config import Config, setting
from cosim.core.records import BUY, SELL, Band, Orders
from cosim.market.curves import best_first, crossing, within
from cosim.market.one_shot import Matches, OneShot, matched


class PairPricesConfig(Config):
    """Its parameters: checked, documented and part of the scenario's schema."""

    sellers_share: float = setting(
        0.5, about="What of the distance from ask to bid goes to the seller.", ge=0, le=1
    )


class PairPrices(OneShot):
    """The best bid meets the best ask, and so on while they cross; each pair trades between its limits."""

    name = "pair-prices"
    summary = "Discriminatory: the best bid with the best ask, each pair at a price of its own"
    Config = PairPricesConfig
    config: PairPricesConfig

    def clear(self, orders: Orders, rng: np.random.Generator, band: Band) -> Matches:
        """Pair bids and asks by merit."""
        bids, asks = best_first(orders, BUY), best_first(orders, SELL)
        volume = crossing(orders).volume_kwh
        accepted = within(orders, bids, volume) + within(orders, asks, volume)
        pairs = matched(orders, accepted, sequence=np.concatenate((bids, asks)))
        # A market order has no limit price: there the band's end stands for it, or the other limit beyond it.
        bid, ask = orders.price_eur_per_kwh[pairs.buy_row], orders.price_eur_per_kwh[pairs.sell_row]
        high = np.where(np.isinf(bid), np.maximum(band.high_eur_per_kwh, ask), bid)
        low = np.where(np.isinf(ask), np.minimum(band.low_eur_per_kwh, high), ask)
        return pairs.at(low + self.config.sellers_share * (high - low))
