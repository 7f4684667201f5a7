"""The mid-market rate and the supply-demand ratio where orders have limits, which the papers do not know.
Their published prices are in tests/cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.core.records import BUY, NO_LIMIT, SELL, Band, Clearing, Orders
from cosim.market import audit
from cosim.market.registry import create
from cosim.market.supply_demand_ratio import consistent_price, ratio_price

BAND = Band(0.10, 0.30)


def make_orders(*rows: tuple[int, float, float], capacity_kwh: float = float("inf")) -> Orders:
    side, price, quantity = np.array(rows, dtype=float).reshape(-1, 3).T
    none = np.full(len(rows), NO_LIMIT)
    return Orders(
        np.arange(len(rows)),
        side.astype(np.int64),
        price,
        quantity,
        none,
        np.zeros(len(rows)),
        price[:0],
        capacity_kwh,
    )


def cleared(name: str, orders: Orders, band: Band = BAND, **parameters: Any) -> Clearing:
    session = create(name, **parameters).open(orders, np.random.default_rng(0), band)
    session.advance()
    clearing = session.close()
    audit.check(orders, clearing, session.limit_prices())
    return clearing


def test_who_does_not_accept_the_mid_market_rate_is_left_out() -> None:
    orders = make_orders(
        (BUY, 0.3, 1.0), (BUY, 0.19, 5.0), (BUY, 0.20, 3.0), (SELL, 0.1, 1.5), (SELL, 0.21, 9.0)
    )
    clearing = cleared("mid-market-rate", orders)
    np.testing.assert_allclose(clearing.trades.price_eur_per_kwh, 0.20)
    np.testing.assert_allclose(clearing.traded_kwh, [0.375, 0.0, 1.125, 1.5, 0.0])


@pytest.mark.parametrize("name", ["mid-market-rate", "supply-demand-ratio"])
def test_a_short_capacity_cuts_all_alike(name: str) -> None:
    orders = make_orders(
        (BUY, 0.3, 1.0), (BUY, 0.3, 3.0), (SELL, 0.1, 1.0), (SELL, 0.1, 2.0), capacity_kwh=1.5
    )
    np.testing.assert_allclose(cleared(name, orders).traded_kwh, [0.375, 1.125, 0.5, 1.0])


def test_the_ratio_counts_those_who_accept_the_price_that_follows_from_it() -> None:
    # A bid at the feed-in price and an ask at the retail price never trade, so they do not count.
    orders = make_orders((BUY, 0.3, 4.0), (BUY, 0.1, 50.0), (SELL, 0.1, 1.0), (SELL, 0.3, 70.0))
    assert consistent_price(orders, BAND) == pytest.approx(ratio_price(0.25, BAND))
    # Without the ask at 0.22 the price would be ratio_price(1 / 4) = 0.2, so it stays out; one at 0.18 with
    # 3 kWh would bring it to 0.10, without it it is 0.20: it is its limit price, at which it just accepts.
    aside = make_orders((BUY, 0.3, 4.0), (SELL, 0.1, 1.0), (SELL, 0.22, 3.0))
    assert consistent_price(aside, BAND) == pytest.approx(0.20)
    between = make_orders((BUY, 0.3, 4.0), (SELL, 0.1, 1.0), (SELL, 0.18, 3.0))
    assert consistent_price(between, BAND) == 0.18


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 20))
def test_the_price_is_the_one_that_agrees_with_itself(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    limit = rng.choice([-np.inf, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, np.inf], size)
    side = np.where(np.isinf(limit), np.sign(limit), rng.choice([BUY, SELL], size))
    orders = make_orders(*zip(side, limit, rng.choice([0.5, 1.0, 2.0], size), strict=True))

    def follows(price: float, *, generous: bool) -> float:
        """The price of the ratio, those at their limit counted so that it is lowest (or highest)."""
        buying = side == BUY
        bids = limit > price if generous else limit >= price
        asks = limit <= price if generous else limit < price
        demand, supply = (orders.quantity_kwh[buying & bids].sum(), orders.quantity_kwh[~buying & asks].sum())
        return ratio_price(supply / demand if demand else np.inf, BAND)

    price = consistent_price(orders, BAND)
    assert BAND.low_eur_per_kwh <= price <= BAND.high_eur_per_kwh or price in limit
    assert follows(price, generous=True) <= price + 1e-12
    assert follows(price, generous=False) >= price - 1e-12


@pytest.mark.parametrize("low", [0.0, -0.02])
def test_a_low_price_that_is_not_positive_is_the_price(low: float) -> None:
    orders = make_orders((BUY, 0.3, 4.0), (SELL, -0.1, 1.0))
    clearing = cleared("supply-demand-ratio", orders, Band(low, 0.30))
    np.testing.assert_allclose(clearing.trades.price_eur_per_kwh, low)
