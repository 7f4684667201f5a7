"""The supply-demand ratio: a price between the utility's that falls as supply grows against demand."""

from __future__ import annotations

import numpy as np

from cosim.core.records import BUY, Band, Orders
from cosim.market.mid_market_rate import traded_at
from cosim.market.one_shot import Matches, OneShot


class SupplyDemandRatio(OneShot):
    """Everybody who accepts the price of the supply-demand ratio trades at it; the longer side is rationed.

    N. Liu, X. Yu, C. Wang, C. Li, L. Ma and J. Lei, "Energy-sharing model with price-based demand response
    for microgrids of peer-to-peer prosumers", IEEE Trans. Power Systems 32(5), 2017. The selling price there
    is the price of trades here; the buying price there is what results on average, with what a buyer still
    takes from the utility. Orders with limits are not in the paper: here the ratio counts those that accept
    the price which follows from it, the one price of which that is true.
    """

    name = "supply-demand-ratio"
    summary = "Supply-demand ratio: the price falls from the top to the bottom of the band as supply grows"
    pro_rata = True

    def clear(self, orders: Orders, rng: np.random.Generator, band: Band) -> Matches:
        """Trade at the price of the ratio."""
        return traded_at(orders, consistent_price(orders, band))


def ratio_price(ratio: float, band: Band) -> float:
    """Price of a supply-demand ratio [EUR/kWh]: 1 / price goes linearly from 1 / high (0) to 1 / low (1).

    p = low high / ((high - low) ratio + low) up to a ratio of 1, low beyond. For a low price that is not
    positive it is that low price, the limit of the formula.
    """
    low, high = band.low_eur_per_kwh, band.high_eur_per_kwh
    if ratio >= 1.0 or low <= 0.0:
        return low
    return low * high / ((high - low) * ratio + low)


def consistent_price(orders: Orders, band: Band) -> float:
    """The price that follows from the ratio of the orders which accept it [EUR/kWh].

    Supply grows with the price and demand falls, so the price that follows from their ratio falls: there is
    exactly one. Where the ratio jumps across it, at the limit price of an order, it is that limit price.
    """
    limit = orders.price_eur_per_kwh
    steps = np.unique(limit[np.isfinite(limit)])
    buying = orders.side == BUY
    bid_step = np.searchsorted(steps, limit[buying], side="left")
    ask_step = np.searchsorted(steps, limit[~buying], side="right")
    # Demand and supply in each interval between steps, from below the first to above the last.
    demand = np.bincount(bid_step, orders.quantity_kwh[buying], len(steps) + 1)[::-1].cumsum()[::-1]
    supply = np.bincount(ask_step, orders.quantity_kwh[~buying], len(steps) + 1).cumsum()
    low, high = 0, len(steps)
    while low < high:  # the first interval whose price does not lie above it
        middle = (low + high) // 2
        if _price(supply[middle], demand[middle], band) <= steps[middle]:
            high = middle
        else:
            low = middle + 1
    price = _price(supply[low], demand[low], band)
    return price if low == 0 or price >= steps[low - 1] else float(steps[low - 1])


def _price(supply: float, demand: float, band: Band) -> float:
    """Price of the ratio of these two quantities."""
    return ratio_price(supply / demand if supply < demand else 1.0, band)
