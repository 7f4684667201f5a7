"""The public information of a session: the same summary whatever the mechanism. It holds nothing of a single
prosumer beyond prices that were called out anyway."""

from __future__ import annotations

import math

from cosim.core.arrays import FloatArray
from cosim.core.records import BUY, Orders, PublicInformation, Trades


def public_information(
    orders: Orders, trades: Trades, internal_kwh: FloatArray, best_bid: float, best_ask: float
) -> PublicInformation:
    """Summarise a session.

    Args:
        orders: As submitted.
        trades: Between different owners, so far.
        internal_kwh: Filled by the same owner, shape (k,). It is taken off what was offered and asked for, so
            that nobody learns of internal transfers.
        best_bid: Highest bid left [EUR/kWh], NaN if there is none.
        best_ask: Lowest ask left [EUR/kWh], NaN if there is none.
    """
    submitted = orders.quantity_kwh - internal_kwh
    asked_for = float(submitted[orders.side == BUY].sum())
    offered = float(submitted.sum()) - asked_for
    count = len(trades)
    volume = float(trades.quantity_kwh.sum())
    value = float(trades.quantity_kwh @ trades.price_eur_per_kwh)
    return PublicInformation(
        last_price=float(trades.price_eur_per_kwh[-1]) if count else math.nan,
        mean_price=value / volume if count else math.nan,
        best_bid=best_bid,
        best_ask=best_ask,
        volume_traded=volume,
        volume_offered=max(offered, 0.0),
        volume_asked_for=asked_for,
        trades=count,
    )
