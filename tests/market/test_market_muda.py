"""MUDA: budget balance, nobody beyond its limit, truthfulness for fixed coins, efficiency."""

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
PRICES = [0.05, 0.1, 0.15, 0.2, 0.2, 0.25, 0.3]


def cleared(orders: Orders, seed: int) -> Clearing:
    session = create("muda").open(orders, np.random.default_rng(seed), BAND)
    session.advance()
    clearing = session.close()
    audit.check(orders, clearing, session.limit_prices())
    return clearing


def make_orders(owner: Any, side: Any, price: Any, quantity: Any, **columns: Any) -> Orders:
    k = len(owner)
    plain = Orders(
        np.asarray(owner), np.asarray(side), np.asarray(price), np.asarray(quantity),
        np.full(k, NO_LIMIT), np.zeros(k), np.zeros(0),
    )  # fmt: skip
    return replace(plain, **columns)


def utility(orders: Orders, value: Any, clearing: Clearing, owner: int) -> float:
    """What an owner values what it got at, less what it gave up and paid [EUR]."""
    own = orders.owner == owner
    filled = (clearing.traded_kwh + clearing.internal_kwh)[own]
    return float((orders.side[own] * value[own] * filled).sum() - clearing.paid_eur[own].sum())


@st.composite
def markets(draw: st.DrawFn) -> Orders:
    size = draw(st.integers(2, 16))

    def column(each: st.SearchStrategy[Any]) -> Any:
        return np.array(draw(st.lists(each, min_size=size, max_size=size)))

    return make_orders(
        column(st.integers(0, 6)),
        column(st.sampled_from([BUY, SELL])),
        column(st.one_of(st.sampled_from(PRICES), st.floats(0, 0.4))),
        column(st.one_of(st.sampled_from([0.5, 1.0, 2.0]), st.floats(0.01, 3))),
        capacity_kwh=draw(st.one_of(st.just(float("inf")), st.floats(0, 4))),
    )


@settings(max_examples=1500, deadline=None)
@given(data=st.data())
def test_no_other_limit_price_gains_anything_for_fixed_coins(data: st.DataObject) -> None:
    """For any owner with any number of divisible orders on either side, without shared limits, whatever the
    others quote: any other limit prices of its orders give it at most what its values give it."""
    orders = data.draw(markets())
    seed = data.draw(st.integers(0, 50))
    liar = int(data.draw(st.sampled_from(sorted(set(orders.owner.tolist())))))
    own = np.flatnonzero(orders.owner == liar)
    claimed = orders.price_eur_per_kwh.copy()
    claimed[own] = [data.draw(st.one_of(st.sampled_from(PRICES), st.floats(0, 0.4))) for _ in own]
    value = orders.price_eur_per_kwh
    honest = utility(orders, value, cleared(orders, seed), liar)
    lying = replace(orders, price_eur_per_kwh=claimed)
    assert utility(lying, value, cleared(lying, seed), liar) <= honest + 1e-9
    assert honest >= -1e-9  # individually rational


def test_truth_beats_many_random_lies() -> None:
    rng = np.random.default_rng(1)
    gains = []
    for number in range(1500):
        size = int(rng.integers(4, 40))
        orders = make_orders(
            rng.integers(0, max(size // 2, 2), size), rng.choice([BUY, SELL], size),
            rng.uniform(0.05, 0.35, size), rng.exponential(1.0, size),
        )  # fmt: skip
        liar = int(orders.owner[0])
        claimed = orders.price_eur_per_kwh.copy()
        claimed[orders.owner == liar] += rng.normal(0.0, 0.08, int((orders.owner == liar).sum()))
        lying = replace(orders, price_eur_per_kwh=claimed)
        value = orders.price_eur_per_kwh
        gains.append(
            utility(lying, value, cleared(lying, number), liar)
            - utility(orders, value, cleared(orders, number), liar)
        )
    assert max(gains) <= 1e-9
    assert min(gains) < -0.01  # lies mattered


def test_money_stays_among_the_traders_and_there_are_at_most_two_prices() -> None:
    rng = np.random.default_rng(2)
    for seed in range(50):
        size = 40
        orders = make_orders(
            rng.integers(0, 25, size), rng.choice([BUY, SELL], size),
            rng.uniform(0.05, 0.35, size), rng.exponential(1.0, size),
        )  # fmt: skip
        clearing = cleared(orders, seed)
        assert clearing.paid_eur.sum() == pytest.approx(0.0, abs=1e-12)
        assert len(set(clearing.trades.price_eur_per_kwh.tolist())) <= 2


def test_a_half_trades_at_the_price_of_the_other() -> None:
    # Where the coins part 0 and 1 from 2 and 3, each pair trades at the price that the other one sets.
    orders = make_orders([0, 1, 2, 3], [BUY, SELL, BUY, SELL], [0.30, 0.10, 0.24, 0.18], [1.0] * 4)
    seen = set()
    for seed in range(60):
        coins = np.random.default_rng(seed)
        coins.permutation(4)  # the order of arrival
        left = coins.random(4) < 0.5
        trades = cleared(orders, seed).trades
        if left[0] == left[1] != left[2] == left[3]:
            prices = dict(zip(trades.buy_row.tolist(), trades.price_eur_per_kwh.tolist(), strict=True))
            assert prices == {0: pytest.approx(0.21), 2: pytest.approx(0.20)}
            seen.add("pairs")
        if left.all() or not left.any():  # the other half is empty: the middle of the band
            assert trades.price_eur_per_kwh.tolist() == pytest.approx([0.19, 0.19])
            seen.add("alone")
    assert seen == {"pairs", "alone"}


def test_the_longer_side_is_served_in_random_order() -> None:
    rng = np.random.default_rng(3)
    n = 30
    side = np.where(np.arange(2 * n) < n, BUY, SELL)
    price = np.concatenate((np.full(n, 0.3), np.full(n, 0.1)))
    orders = make_orders(np.arange(2 * n), side, price, np.where(side == BUY, 2.0, 1.0))
    total = np.zeros(2 * n)
    for _ in range(400):
        total += cleared(orders, int(rng.integers(2**31))).traded_kwh
    mean = total / 400
    # Twice as much is asked for as is offered. A buyer gets about half on average, whoever it is; a seller
    # all that it has, but for halves in which the coins made supply the longer side.
    assert mean[:n] == pytest.approx(np.full(n, 1.0), abs=0.16)
    assert mean[n:] == pytest.approx(np.full(n, 1.0), abs=0.03)


def efficiency(traders: int, repetitions: int) -> float:
    """Mean share of the largest surplus; one order each, half of them to buy."""
    rng = np.random.default_rng(traders)
    shares = []
    for seed in range(repetitions):
        orders = make_orders(
            np.arange(traders), np.where(np.arange(traders) % 2 == 0, BUY, SELL),
            rng.uniform(0.08, 0.30, traders), rng.exponential(0.5, traders),
        )  # fmt: skip
        clearing = cleared(orders, seed)
        value = orders.price_eur_per_kwh
        best = call_auction_surplus(orders, value)
        if best > 0.0:
            shares.append(surplus(orders, clearing.traded_kwh, value) / best)
    return float(np.mean(shares))


def test_efficiency_grows_with_the_number_of_traders() -> None:
    found = [efficiency(10, 300), efficiency(100, 100), efficiency(1000, 30), efficiency(10_000, 5)]
    assert found == sorted(found)
    assert found[0] < 0.5
    assert found[1] > 0.65
    assert found[2] > 0.85
    assert found[3] > 0.95
