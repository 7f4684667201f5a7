"""The call auction: its surplus is the largest, its price clears, its marginal orders are rationed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.core.records import BUY, NO_LIMIT, SELL, Band, Clearing, Orders
from cosim.market import audit
from cosim.market.registry import create
from cosim.market.surplus import call_auction_surplus, surplus

BAND = Band(0.08, 0.30)
INFINITY = float("inf")


def make_orders(*rows: tuple[int, float, float], **columns: Any) -> Orders:
    """Orders from (side, price, quantity), each of its own owner."""
    side, price, quantity = np.array(rows, dtype=float).reshape(-1, 3).T
    plain = Orders(
        owner=np.arange(len(rows)),
        side=side.astype(np.int64),
        price_eur_per_kwh=price,
        quantity_kwh=quantity,
        limit=np.full(len(rows), NO_LIMIT),
        weight=np.zeros(len(rows)),
        shared=np.zeros(0),
    )
    return replace(plain, **columns)


def cleared(orders: Orders, seed: int = 0, **parameters: Any) -> Clearing:
    session = create("call-auction", **parameters).open(orders, np.random.default_rng(seed), BAND)
    session.advance()
    clearing = session.close()
    audit.check(orders, clearing, session.limit_prices())
    return clearing


def random_orders(seed: int, size: int) -> Orders:
    rng = np.random.default_rng(seed)
    some = rng.random() < 0.5
    price = rng.choice([0.1, 0.15, 0.2, 0.25, 0.3], size) if some else rng.uniform(0.0, 0.4, size)
    return make_orders(
        *zip(rng.choice([BUY, SELL], size), price, rng.choice([0.1, 0.2, 0.3, 0.5, 1.7], size), strict=True),
        owner=rng.integers(0, max(size // 2, 1), size),
    )


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.sampled_from(["time", "pro-rata"]), st.floats(0, 1))
def test_its_surplus_is_the_largest_and_its_price_clears(seed: int, size: int, ration: str, k: float) -> None:
    orders = random_orders(seed, size)
    clearing = cleared(orders, seed % 10, ration=ration, k=k)
    filled = clearing.traded_kwh + clearing.internal_kwh
    value = orders.price_eur_per_kwh
    best = call_auction_surplus(orders, value)
    assert surplus(orders, filled, value) == pytest.approx(best, rel=1e-9, abs=1e-12)
    prices = set(clearing.trades.price_eur_per_kwh.tolist())
    assert len(prices) <= 1
    for price in prices:  # nobody who did not get all that it wanted would rather trade at this price
        left = filled < orders.quantity_kwh * (1 - 1e-9)
        assert not (left & (orders.side * (value - price) > 1e-12)).any()


@pytest.mark.parametrize(("k", "price"), [(0.0, 0.12), (0.5, 0.16), (1.0, 0.20)])
def test_k_says_whose_end_the_price_is_near(k: float, price: float) -> None:
    # Between the marginal ask and the marginal bid, 0.12 and 0.20; those outside, 0.10 and 0.25, are further.
    orders = make_orders((BUY, 0.3, 1.0), (BUY, 0.2, 1.0), (BUY, 0.1, 1.0),
                         (SELL, 0.05, 1.0), (SELL, 0.12, 1.0), (SELL, 0.25, 1.0))  # fmt: skip
    clearing = cleared(orders, k=k)
    np.testing.assert_allclose(clearing.trades.price_eur_per_kwh, price, rtol=1e-12)
    np.testing.assert_allclose(clearing.traded_kwh, [1, 1, 0, 1, 1, 0])


def test_orders_left_out_bound_the_price() -> None:
    orders = make_orders((BUY, 0.30, 1.0), (SELL, 0.10, 1.0), (SELL, 0.12, 1.0), (BUY, 0.11, 1.0))
    assert cleared(orders, k=1.0).public.mean_price == pytest.approx(0.12)
    assert cleared(orders, k=0.0).public.mean_price == pytest.approx(0.11)


@pytest.mark.parametrize("k", [0.0, 0.3, 1.0])
def test_an_order_filled_in_part_sets_the_price(k: float) -> None:
    orders = make_orders((BUY, 0.30, 3.0), (BUY, 0.22, 2.0), (SELL, 0.10, 4.0), (SELL, 0.28, 1.0))
    clearing = cleared(orders, k=k)
    assert clearing.public.mean_price == pytest.approx(0.22)
    np.testing.assert_allclose(clearing.traded_kwh, [3.0, 1.0, 4.0, 0.0])


def test_sums_that_differ_by_rounding_alone_are_the_same_volume() -> None:
    assert 0.1 + 0.2 != 0.3
    orders = make_orders((BUY, 0.30, 0.1), (BUY, 0.28, 0.2), (BUY, 0.11, 1.0), (SELL, 0.1, 0.3))
    assert cleared(orders, k=1.0).public.mean_price == pytest.approx(0.28)
    assert cleared(orders, k=0.0).public.mean_price == pytest.approx(0.11)


@pytest.mark.parametrize(
    ("bid", "ask", "k", "price"),
    [
        (INFINITY, -INFINITY, 0.5, 0.19),
        (INFINITY, 0.1, 1.0, 0.30),
        (INFINITY, 0.4, 1.0, 0.40),  # dearer than the band: the order sets the price
        (0.2, -INFINITY, 0.0, 0.08),
        (0.05, -INFINITY, 0.0, 0.05),
    ],
)
def test_where_no_order_sets_an_end_of_the_price_the_band_does(
    bid: float, ask: float, k: float, price: float
) -> None:
    orders = make_orders((BUY, bid, 1.0), (SELL, ask, 1.0))
    assert cleared(orders, k=k).public.mean_price == pytest.approx(price)


def test_scarce_supply_of_market_orders_costs_the_high_price() -> None:
    orders = make_orders((BUY, INFINITY, 1.0), (BUY, INFINITY, 1.0), (SELL, 0.1, 1.0))
    assert cleared(orders, k=0.0).public.mean_price == pytest.approx(0.30)


def test_orders_at_the_marginal_price_go_by_time_or_share_alike() -> None:
    orders = make_orders(
        (BUY, 0.3, 1.0), (BUY, 0.2, 1.0), (BUY, 0.2, 3.0), (SELL, 0.1, 3.0), (SELL, 0.25, 9.0)
    )
    np.testing.assert_allclose(cleared(orders, ration="pro-rata").traded_kwh, [1.0, 0.5, 1.5, 3.0, 0.0])
    found = {tuple(cleared(orders, seed).traded_kwh.round(9)) for seed in range(20)}
    assert found == {(1.0, 1.0, 1.0, 3.0, 0.0), (1.0, 0.0, 2.0, 3.0, 0.0)}


def test_a_short_capacity_serves_the_best_first() -> None:
    orders = make_orders(
        (BUY, 0.2, 1.0), (BUY, 0.3, 1.0), (SELL, 0.1, 1.0), (SELL, 0.05, 1.0), capacity_kwh=1.2
    )
    np.testing.assert_allclose(cleared(orders).traded_kwh, [0.2, 1.0, 0.2, 1.0])
