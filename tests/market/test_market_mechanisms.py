"""What every mechanism of the registry keeps, whatever orders it gets: the audit, and the contract of
sessions."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.core.records import BUY, NO_LIMIT, SELL, Band, Clearing, Orders
from cosim.market import audit
from cosim.market.mechanism import Mechanism, Session
from cosim.market.one_shot import OneShot
from cosim.market.registry import create, load, names

BAND = Band(0.08, 0.30)
INFINITY = float("inf")
ONE_SHOT = [name for name in names() if issubclass(load(name), OneShot)]
PRICES = [-0.05, 0.0, 0.08, 0.1, 0.15, 0.19, 0.2, 0.2, 0.25, 0.3]


@st.composite
def order_sets(draw: st.DrawFn) -> Orders:
    size, limits = draw(st.integers(0, 25)), draw(st.integers(0, 4))

    def column(each: st.SearchStrategy[Any], dtype: type) -> Any:
        return np.array(draw(st.lists(each, min_size=size, max_size=size)), dtype=dtype)

    side = column(st.sampled_from([BUY, SELL]), np.int64)
    price = column(st.one_of(st.sampled_from(PRICES), st.just(INFINITY), st.floats(-1, 1)), np.float64)
    quantity = st.one_of(st.sampled_from([0.0, 0.5, 1.0, 2.0]), st.floats(0, 10), st.just(1e-300))
    amounts = st.one_of(st.sampled_from([0.0, 1.0, INFINITY]), st.floats(0, 5))
    return Orders(
        owner=column(st.integers(0, 5), np.int64),
        side=side,
        price_eur_per_kwh=np.where(np.isinf(price), price * side, price),
        quantity_kwh=column(quantity, np.float64),
        limit=column(st.integers(NO_LIMIT, limits - 1), np.int64),
        weight=column(st.one_of(st.sampled_from([0.0, 1.0, 0.9]), st.floats(0, 3)), np.float64),
        shared=np.array(draw(st.lists(amounts, min_size=limits, max_size=limits)), dtype=np.float64),
        capacity_kwh=draw(amounts),
    )


def random_orders(seed: int, size: int = 60, owners: int = 20, **columns: Any) -> Orders:
    rng = np.random.default_rng(seed)
    side = rng.choice([BUY, SELL], size)
    orders = Orders(
        owner=rng.integers(0, owners, size),
        side=side,
        price_eur_per_kwh=rng.uniform(0.05, 0.35, size),
        quantity_kwh=rng.exponential(1.0, size),
        limit=np.full(size, NO_LIMIT),
        weight=np.zeros(size),
        shared=np.zeros(0),
    )
    return replace(orders, **columns)


def cleared(mechanism: Mechanism, orders: Orders, seed: int = 0) -> Clearing:
    session = mechanism.open(orders, np.random.default_rng(seed), BAND)
    session.advance()
    clearing = session.close()
    audit.check(orders, clearing, session.limit_prices())
    return clearing


@pytest.mark.parametrize("name", names())
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_the_audit_passes_whatever_the_orders(name: str, data: st.DataObject) -> None:
    orders = data.draw(order_sets())
    session = create(name).open(orders, np.random.default_rng(data.draw(st.integers(0, 9))), BAND)
    if len(orders) > 1:  # some arrive, some are cancelled, some quote anew, maybe the session closes early
        rows = st.lists(st.integers(0, len(orders) - 1), unique=True)
        filled = session.advance(data.draw(st.integers(0, len(orders) - 1))).filled_kwh
        left = np.maximum(orders.quantity_kwh - filled, 0.0)
        session.cancel(data.draw(rows))
        changed = data.draw(rows)
        price = np.array([data.draw(st.sampled_from([*PRICES, INFINITY])) for _ in changed])
        price[np.isinf(price)] *= orders.side[changed][np.isinf(price)]
        session.replace(changed, price, data.draw(st.floats(0, 1)) * left[changed])
    if data.draw(st.booleans()):
        session.advance()
    limit_prices = session.limit_prices()
    audit.check(orders, session.close(), limit_prices)


@pytest.mark.parametrize("name", names())
def test_empty_and_one_sided_books_clear_to_nothing(name: str) -> None:
    for orders in (random_orders(0, 0), random_orders(0, side=np.full(60, BUY))):
        clearing = cleared(create(name), orders)
        assert not clearing.traded_kwh.any()
        assert not clearing.internal_kwh.any()
        assert math.isnan(clearing.public.mean_price)


@pytest.mark.parametrize("name", names())
def test_the_same_seed_gives_the_same_clearing(name: str) -> None:
    orders = random_orders(1)
    first, second = (cleared(create(name), orders, 5) for _ in range(2))
    np.testing.assert_array_equal(first.paid_eur, second.paid_eur)
    np.testing.assert_array_equal(first.trades.buy_row, second.trades.buy_row)


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("capacity", [0.0, 0.7, 3.0])
def test_the_capacity_between_owners_is_kept_and_used(name: str, capacity: float) -> None:
    orders = random_orders(2)
    free = cleared(create(name), orders)
    tight = cleared(create(name), replace(orders, capacity_kwh=capacity))
    assert free.public.volume_traded > 3.0
    assert tight.public.volume_traded <= capacity * (1 + 1e-9)
    if name != "muda":  # which reserves half of it for each half of the traders
        assert tight.public.volume_traded == pytest.approx(capacity)
    assert tight.internal_kwh.sum() >= free.internal_kwh.sum() * (1 - 1e-9) > 0.0


@pytest.mark.parametrize("name", ONE_SHOT)
def test_what_nobody_can_trade_is_still_transferred_internally(name: str) -> None:
    orders = random_orders(3, capacity_kwh=0.0)
    clearing = cleared(create(name), orders)
    assert not len(clearing.trades)
    expected = 0.0
    price, quantity, buying = orders.price_eur_per_kwh, orders.quantity_kwh, orders.side == BUY
    for owner in range(20):  # where an owner's own demand and supply cross
        own = orders.owner == owner
        expected += max(
            min(quantity[own & buying & (price >= at)].sum(), quantity[own & ~buying & (price <= at)].sum())
            for at in price
        )
    assert clearing.internal_kwh.sum() / 2 == pytest.approx(expected)


@pytest.mark.parametrize("name", names())
def test_orders_that_are_not_valid_are_refused(name: str) -> None:
    for columns, words in (
        ({"capacity_kwh": -1.0}, "the capacity is negative"),
        ({"capacity_kwh": math.nan}, "the capacity is negative or not a number"),
        ({"side": np.full(60, 3)}, "row 0: side"),
        ({"quantity_kwh": np.full(60, math.nan)}, "row 0: quantity"),
    ):
        with pytest.raises(ValueError, match=words):
            create(name).open(random_orders(4, **columns), np.random.default_rng(0), BAND)


@pytest.mark.parametrize("name", names())
def test_each_mechanism_says_what_it_is(name: str) -> None:
    kind = load(name)
    assert kind.name == name
    assert 20 < len(kind.summary) < 100
    mechanism = create(name)
    assert isinstance(mechanism.open(random_orders(0), np.random.default_rng(0), BAND), Session)
    assert mechanism.rounds == 1
    assert kind.multi_round is (name == "double-auction")


@pytest.mark.parametrize("name", ONE_SHOT)
@settings(max_examples=100, deadline=None)
@given(orders=order_sets(), seed=st.integers(0, 9))
def test_no_owner_is_left_with_own_orders_that_cross(name: str, orders: Orders, seed: int) -> None:
    clearing = cleared(create(name), orders, seed)
    filled = clearing.traded_kwh + clearing.internal_kwh
    left = orders.quantity_kwh - filled
    used = np.zeros(len(orders.shared))
    linked = (orders.limit != NO_LIMIT) & (orders.weight > 0.0)
    np.add.at(used, orders.limit[linked], (orders.weight * filled)[linked])
    room = (orders.shared - used)[orders.limit[linked]]
    with np.errstate(over="ignore"):  # a weight of next to nothing
        left[linked] = np.minimum(left[linked], room / orders.weight[linked])
    # Of a weight of next to nothing, what rounding leaves of a limit is much.
    some = (left > 1e-9 * (1.0 + orders.quantity_kwh)) & ~(linked & (orders.weight < 1e-3))
    for owner in range(6):
        own = some & (orders.owner == owner)
        bids = orders.price_eur_per_kwh[own & (orders.side == BUY)]
        asks = orders.price_eur_per_kwh[own & (orders.side == SELL)]
        assert not (len(bids) and len(asks)) or bids.max() < asks.min()


PAIR = Orders(
    owner=np.array([0, 1]),
    side=np.array([BUY, SELL]),
    price_eur_per_kwh=np.array([0.30, 0.08]),
    quantity_kwh=np.array([2.0, 1.0]),
    limit=np.full(2, NO_LIMIT),
    weight=np.zeros(2),
    shared=np.zeros(0),
)
FIXED = [name for name in ONE_SHOT if name != "muda"]  # which may put both into one half


@pytest.mark.parametrize("name", FIXED)
def test_a_session_clears_once_when_all_have_arrived(name: str) -> None:
    session = create(name).open(PAIR, np.random.default_rng(0), BAND)
    assert session.round == -1
    assert not session.advance(1).filled_kwh.any()
    assert math.isnan(session.public().best_bid)  # sealed
    fills = session.advance()
    np.testing.assert_array_equal(fills.traded_kwh, [1.0, 1.0])
    assert session.round == 0
    assert session.public().best_bid == 0.30
    np.testing.assert_array_equal(session.advance().traded_kwh, [1.0, 1.0])
    assert session.round == 0
    with pytest.raises(RuntimeError, match="clears once, and has"):
        session.replace([0], 0.2)
    assert session.close().public.trades == 1
    with pytest.raises(RuntimeError, match="the session is closed"):
        session.close()


@pytest.mark.parametrize("name", FIXED)
def test_only_who_has_arrived_takes_part(name: str) -> None:
    mechanism = create(name)
    session = mechanism.open(PAIR, np.random.default_rng(0), BAND)
    assert not session.close().traded_kwh.any()
    session = mechanism.open(PAIR, np.random.default_rng(0), BAND)
    session.advance(1)
    clearing = session.close()
    assert not clearing.traded_kwh.any()
    assert math.isnan(clearing.public.best_bid) != math.isnan(clearing.public.best_ask)
    session = mechanism.open(PAIR, np.random.default_rng(0), BAND)
    session.cancel([1])
    session.advance(1)
    assert not session.advance().traded_kwh.any()


@pytest.mark.parametrize("name", FIXED)
def test_quotes_count_as_they_stand_at_the_clearing(name: str) -> None:
    session = create(name).open(PAIR, np.random.default_rng(0), BAND)
    session.advance(1)
    session.replace([0, 1], np.array([0.30, 0.08]), np.array([0.5, 0.4]))
    session.cancel([0])
    session.replace([0], 0.29)
    session.advance()
    clearing = session.close()
    np.testing.assert_array_equal(clearing.traded_kwh, [0.4, 0.4])
    np.testing.assert_array_equal(session.limit_prices(), [0.29, 0.08])
    session = create(name).open(PAIR, np.random.default_rng(0), BAND)
    session.replace([0], 0.05)
    assert not session.advance().traded_kwh.any()
