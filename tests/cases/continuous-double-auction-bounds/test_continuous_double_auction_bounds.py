"""What no order of arrival can break: bounds on surplus and volume, and the saving of fixed positions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.core.records import BUY, NO_LIMIT, SELL, Band, Clearing, Orders
from cosim.market import audit
from cosim.market.registry import create
from cosim.market.surplus import call_auction_surplus, surplus

CASE = json.loads(Path(__file__).with_name("case.json").read_text())
TOLERANCE = CASE["tolerance"]


def make_orders(side: Any, price: Any, quantity: Any, owner: Any = None) -> Orders:
    size = len(side)
    return Orders(
        owner=np.arange(size) if owner is None else np.asarray(owner),
        side=np.asarray(side),
        price_eur_per_kwh=np.asarray(price, dtype=float),
        quantity_kwh=np.asarray(quantity, dtype=float),
        limit=np.full(size, NO_LIMIT),
        weight=np.zeros(size),
        shared=np.zeros(0),
    )


def cleared(orders: Orders, seed: int, **settings: Any) -> Clearing:
    session = create(**settings).open(orders, np.random.default_rng(seed), Band(0.0, 1.0))
    session.advance()
    clearing = session.close()
    audit.check(orders, clearing)
    return clearing


def largest_volume(orders: Orders) -> float:
    """The most that pairs with bid at or above ask can exchange (see the README, 2)."""
    buying = orders.side == BUY
    price, quantity = orders.price_eur_per_kwh, orders.quantity_kwh
    bids = np.flatnonzero(buying)[np.argsort(-price[buying])]
    covers = [float(quantity[buying].sum())]
    for best, bid in enumerate(bids):
        asks = quantity[~buying & (price <= price[bid])].sum()
        covers.append(float(quantity[bids[:best]].sum() + asks))
    return min(covers)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.sampled_from(["resting", "midpoint"]))
def test_no_session_beats_the_bounds(seed: int, size: int, price: str) -> None:
    rng = np.random.default_rng(seed)
    quantity = rng.choice([0.5, 1.0, 1.3], size)
    orders = make_orders(rng.choice([BUY, SELL], size), rng.uniform(0.0, 0.4, size), quantity)
    clearing = cleared(orders, seed, price=price)
    value = orders.price_eur_per_kwh
    gained = surplus(orders, clearing.traded_kwh, value)
    assert -TOLERANCE <= gained <= call_auction_surplus(orders, value) + TOLERANCE
    bought = clearing.traded_kwh[orders.side == BUY].sum()
    assert bought == pytest.approx(clearing.traded_kwh[orders.side == SELL].sum(), rel=TOLERANCE)
    assert bought <= largest_volume(orders) + TOLERANCE
    trades = clearing.trades
    assert (value[trades.sell_row] <= trades.price_eur_per_kwh).all()
    assert (trades.price_eur_per_kwh <= value[trades.buy_row]).all()
    # Nothing is left that could still match.
    assert not clearing.public.best_bid >= clearing.public.best_ask


@pytest.mark.parametrize("name", CASE["more_volume_than_a_call_auction"]["arrivals"])
def test_a_double_auction_can_trade_more_than_a_call_auction_for_less(name: str) -> None:
    case = CASE["more_volume_than_a_call_auction"]
    expected = case["arrivals"][name]
    orders = make_orders(case["side"], case["price"], np.ones(4))
    session = create().open(orders, np.random.default_rng(0), Band(0.0, 1.0))
    session.cancel(np.arange(4))
    for row in expected["rows"]:
        session.replace([row], case["price"][row])
        session.advance()
    clearing = session.close()
    assert call_auction_surplus(orders, orders.price_eur_per_kwh) == case["call_auction"]["surplus"]
    assert surplus(orders, clearing.traded_kwh, orders.price_eur_per_kwh) == expected["surplus"]
    assert clearing.public.volume_traded == expected["volume"] <= largest_volume(orders)


def saving(net: np.ndarray, retail: float, feed_in: float, bids: np.ndarray, seed: int) -> float:
    """What the community pays to the utility alone, less what it pays with trading."""
    orders = make_orders(np.where(net > 0, BUY, SELL), bids, np.abs(net))
    clearing = cleared(orders, seed)
    left = net - orders.side * clearing.traded_kwh
    alone = np.where(net > 0, retail, feed_in) * net
    trading = np.where(left > 0, retail, feed_in) * left + clearing.paid_eur
    assert (trading <= alone + TOLERANCE).all()
    return float(alone.sum() - trading.sum())


def test_fixed_positions_save_what_was_worked_out_by_hand() -> None:
    case = CASE["fixed_positions"]
    for period, expected in enumerate(case["saving_eur"]):
        net = np.array(case["net_kwh"][period])
        retail, feed_in = case["retail"][period], case["feed_in"][period]
        found = saving(net, retail, feed_in, np.where(net > 0, retail, feed_in), period)
        assert found == pytest.approx(expected, rel=TOLERANCE, abs=TOLERANCE)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 100), st.floats(0.0, 1.0))
def test_fixed_positions_save_the_spread_times_what_can_match(seed: int, size: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    retail, feed_in = 0.30, 0.08
    net = rng.normal(0.0, 2.0, size)
    middle = feed_in + share * (retail - feed_in)
    bids = np.where(net > 0, rng.uniform(middle, retail, size), rng.uniform(feed_in, middle, size))
    matched = min(net[net > 0].sum(), -net[net < 0].sum())
    found = saving(net, retail, feed_in, bids, seed)
    assert found == pytest.approx((retail - feed_in) * matched, rel=TOLERANCE, abs=TOLERANCE)
