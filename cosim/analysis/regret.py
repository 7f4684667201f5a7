"""Price-taker regret: what each prosumer could have saved by itself, had it known everything and had its own
trades moved no price. What a prosumer does to prices is left out; so is what retraining one agent would find.

With m the mean price of the market in a period in which there were trades, a prosumer could have bought at

    buy = min(retail, factor m + adder)      and sold at      sell = max(feed_in, m),   sell <= buy,

any quantity; without trades at the utility's prices alone. The same of heat at its mean price, up to what the
loop carries, the seller bearing the loss. Its best response is the cheapest plan of its own devices at these
prices; regret is what it paid less that. It is below nothing for who traded at better prices than the mean.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cosim.analysis.hindsight import Hindsight
from cosim.analysis.optimum import each_alone
from cosim.core.arrays import FloatArray


def best_response_eur(
    look: Hindsight, market_price: FloatArray, heat_market_price: FloatArray | None = None
) -> FloatArray:
    """Cost of each prosumer's best response, shape (n,), net of the value of what is stored at the end.

    Args:
        look: What is known in hindsight.
        market_price: Mean price of electricity in each period [EUR/kWh], NaN without a trade, shape (H,).
        heat_market_price: The same of heat; None where it is not traded.
    """
    known = look.outlook
    there = ~np.isnan(market_price)[:, None]
    price = np.nan_to_num(market_price)[:, None]
    buy = np.where(there, np.minimum(known.retail, look.factor * price + look.adder), known.retail)
    buy = np.maximum(buy, known.feed_in)
    sell = np.where(there, np.maximum(known.feed_in, price), known.feed_in)
    outlook = replace(
        known,
        retail=buy,
        feed_in=np.minimum(sell, buy),
        bid_ceiling=buy,
        ask_floor=sell,
        heat_market_price=heat_market_price,
    )
    return each_alone(look, outlook, price_taking=heat_market_price is not None)
