"""The mid-market rate: a price that is halfway between the utility's, whatever is offered and asked for."""

from __future__ import annotations

import numpy as np

from cosim.core.records import BUY, Band, Orders
from cosim.market.one_shot import Matches, OneShot, matched


class MidMarketRate(OneShot):
    """Everybody who accepts the price trades at it; the longer side gets the same share of its orders.

    C. Long, J. Wu, C. Zhang, L. Thomas, M. Cheng and N. Jenkins, "Peer-to-peer energy trading in a community
    microgrid", IEEE PES General Meeting, 2017. What the longer side has left settles with the utility; so its
    members pay or get on average the mixture that is the other price there.
    """

    name = "mid-market-rate"
    summary = "Mid-market rate: the price is the middle of the utility's band, the longer side is rationed"
    pro_rata = True

    def clear(self, orders: Orders, rng: np.random.Generator, band: Band) -> Matches:
        """Trade at the middle of the band."""
        return traded_at(orders, 0.5 * (band.low_eur_per_kwh + band.high_eur_per_kwh))


def traded_at(orders: Orders, price_eur_per_kwh: float) -> Matches:
    """Everybody trades who accepts the price; the longer side is cut, each order by the same share."""
    ready = orders.side * (orders.price_eur_per_kwh - price_eur_per_kwh) >= 0.0
    accepted = np.where(ready, orders.quantity_kwh, 0.0)
    buying = orders.side == BUY
    demand, supply = accepted[buying].sum(), accepted[~buying].sum()
    if not demand or not supply:
        return Matches.none()
    if supply < demand:
        accepted[buying] *= supply / demand
    else:
        accepted[~buying] *= demand / supply
    return matched(orders, accepted, price_eur_per_kwh)
