"""The published selling and buying prices of the supply-demand ratio; see README.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosim.core.records import BUY, NO_LIMIT, SELL, Band, Orders
from cosim.market import audit
from cosim.market.registry import create

CASE = json.loads((Path(__file__).parent / "case.json").read_text())


@pytest.mark.parametrize("case", CASE["cases"], ids=["quarter", "half", "balance", "surplus"])
def test_market_and_utility_together_give_the_published_prices(case: dict[str, Any]) -> None:
    retail, export = CASE["buy_from_utility"], CASE["sell_to_utility"]
    quantity = np.array(case["deficit"] + case["surplus"])
    buyers, k = len(case["deficit"]), len(quantity)
    buying = np.arange(k) < buyers
    orders = Orders(
        owner=np.arange(k),
        side=np.where(buying, BUY, SELL),
        price_eur_per_kwh=np.where(buying, retail, export),
        quantity_kwh=quantity,
        limit=np.full(k, NO_LIMIT),
        weight=np.zeros(k),
        shared=np.zeros(0),
    )
    session = create("supply-demand-ratio").open(orders, np.random.default_rng(0), Band(export, retail))
    session.advance()
    clearing = session.close()
    audit.check(orders, clearing)
    np.testing.assert_allclose(clearing.trades.price_eur_per_kwh, case["sell"], rtol=1e-12)
    left = quantity - clearing.traded_kwh
    cost = clearing.paid_eur + np.where(buying, retail, -export) * left
    np.testing.assert_allclose(cost[buying] / quantity[buying], case["buy"], rtol=1e-12)
    np.testing.assert_allclose(-cost[~buying] / quantity[~buying], case["sell"], rtol=1e-12)
