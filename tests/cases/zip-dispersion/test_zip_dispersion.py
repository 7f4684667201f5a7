"""Cliff and Bruten's symmetric market on cosim's own order book: random traders scatter profits, adaptive
ones hardly do. See README.md for the source and what is measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cosim.core import records
from cosim.core.records import BUY, SELL, Orders
from cosim.market.mechanism import Session
from cosim.market.registry import create
from cosim.policies import RoundView, Shout
from cosim.policies import create as create_policy
from cosim.policies.rules.zip import Band, Memory, Traders, hear, price_of
from cosim.policies.sample import sample_inputs, sample_spec

CASE = json.loads((Path(__file__).parent / "case.json").read_text())
LIMIT = np.array(CASE["limit_prices"])
TRADERS = len(LIMIT)
SIDE = np.array([BUY] * TRADERS + [SELL] * TRADERS)
PRICE_LIMIT = np.concatenate([LIMIT, LIMIT])
EQUILIBRIUM_PROFIT = np.maximum(SIDE * (PRICE_LIMIT - CASE["equilibrium_price"]), 0.0)
ROWS = np.arange(2 * TRADERS)
COLUMN = np.where(SIDE == BUY, 0, 1)

Quotes = Callable[[], np.ndarray]
Hear = Callable[[Shout, np.ndarray, Session], None]


def day(quotes: Quotes, hear_shout: Hear, rng: np.random.Generator) -> np.ndarray:
    """One trading day; the profit of each trader."""
    k = 2 * TRADERS
    orders = Orders(ROWS, SIDE, PRICE_LIMIT.copy(), np.ones(k), np.full(k, -1), np.zeros(k), np.zeros(0))
    session = create(price="resting", clear_on_trade=True).open(orders, rng, records.Band(0.0, 1.0))
    session.cancel(ROWS)
    profit = np.zeros(k)
    active = np.ones(k, dtype=bool)
    silent = 0
    while silent < CASE["shouts_without_trade"] and active[:TRADERS].any() and active[TRADERS:].any():
        row = int(rng.choice(np.flatnonzero(active)))
        price = quotes()[row]
        before = len(session.trades())
        session.replace([row], price)
        session.advance(1)
        trades = session.trades(before)
        if len(trades):
            buyer, seller = int(trades.buy_row[0]), int(trades.sell_row[0])
            paid = float(trades.price_eur_per_kwh[0])
            profit[buyer], profit[seller] = PRICE_LIMIT[buyer] - paid, paid - PRICE_LIMIT[seller]
            active[[buyer, seller]] = False
            shout = Shout(-int(SIDE[row]), paid, accepted=True)
            silent = 0
        else:
            shout = Shout(int(SIDE[row]), float(price), accepted=False)
            silent += 1
        hear_shout(shout, active, session)
    session.close()
    return profit


def dispersion(profit: np.ndarray) -> float:
    """Root mean square difference between actual and equilibrium profits over all traders."""
    return float(np.sqrt(np.mean((profit - EQUILIBRIUM_PROFIT) ** 2)))


def two_sided(values: np.ndarray) -> np.ndarray:
    """Each trader's value in the column of its side, NaN in the other."""
    columns = np.full((len(values), 2), np.nan)
    columns[ROWS, COLUMN] = values
    return columns


def random_traders(seed: int) -> tuple[Quotes, Hear]:
    """The policy `zero-intelligence`, quoting between its limit and the end of the price range."""
    spec = sample_spec(devices=())
    policy = create_policy("zero-intelligence", spec, 2 * TRADERS, seed)
    inputs = sample_inputs(spec, 2 * TRADERS, np.random.default_rng(0))
    far = np.where(SIDE == BUY, *CASE["price_range"])

    def quotes() -> np.ndarray:
        share = 0.5 * (policy.act(inputs)[ROWS, COLUMN] + 1.0)
        return PRICE_LIMIT + share * (far - PRICE_LIMIT)

    return quotes, lambda shout, active, session: None


def adaptive_traders(seed: int) -> tuple[Quotes, Hear]:
    """ZIP as published: margins are shares of the limit price, sellers' without an upper end."""
    rng = np.random.default_rng(seed)
    shape = (2 * TRADERS, 2)
    traders = Traders(rng.uniform(*CASE["learning_rate"], shape), rng.uniform(*CASE["momentum"], shape))
    limit = two_sided(PRICE_LIMIT)
    far = limit * np.array([0.0, 2.0])
    band = Band(limit, far, np.ones(shape), np.broadcast_to([1.0, np.inf], shape))
    state = {"memory": Memory(rng.uniform(*CASE["initial_margin"], shape), np.zeros(shape))}

    def quotes() -> np.ndarray:
        return price_of(state["memory"].share, limit, far)[ROWS, COLUMN]

    def hear_shout(shout: Shout, active: np.ndarray, session: Session) -> None:
        draws = rng.uniform(0.0, CASE["target_draw"], (2, *shape))
        state["memory"] = hear(shout, state["memory"], traders, band, np.column_stack([active] * 2), draws)

    return quotes, hear_shout


def adaptive_policy(seed: int) -> tuple[Quotes, Hear]:
    """The policy `zip` as the simulation uses it: margins are shares of the price band."""
    spec = sample_spec(devices=())
    policy = create_policy("zip", spec, 2 * TRADERS, seed)
    inputs = sample_inputs(spec, 2 * TRADERS, np.random.default_rng(0))
    limit = two_sided(PRICE_LIMIT)
    far = np.where(np.isnan(limit), np.nan, np.array(CASE["price_range"]))
    state = {"margins": policy.act(inputs)[:, :2]}

    def quotes() -> np.ndarray:
        return (limit + 0.5 * (state["margins"] + 1.0) * (far - limit))[ROWS, COLUMN]

    def hear_shout(shout: Shout, active: np.ndarray, session: Session) -> None:
        quote = two_sided(quotes())
        remaining = np.column_stack([active, active]).astype(float)
        view = RoundView(session.round, session.public(), (shout,), limit, far, quote, remaining)
        state["margins"] = policy.requote(view)

    return quotes, hear_shout


def experiment(make: Callable[[int], tuple[Quotes, Hear]]) -> np.ndarray:
    """Dispersion of profits, shape (replications, days)."""
    found = np.zeros((CASE["replications"], CASE["days"]))
    for replication in range(CASE["replications"]):
        rng = np.random.default_rng(1000 + replication)
        quotes, hear_shout = make(replication)
        for number in range(CASE["days"]):
            found[replication, number] = dispersion(day(quotes, hear_shout, rng))
    return found


def test_equilibrium_of_the_market() -> None:
    """Six units of profit 1.25, 1.0 ... 0 on either side: 11 traders a side, 3.75 each."""
    assert EQUILIBRIUM_PROFIT[:TRADERS].sum() == EQUILIBRIUM_PROFIT[TRADERS:].sum() == 3.75


def test_random_traders_scatter_profits() -> None:
    low, high = CASE["expected"]["zi-c"]
    assert low <= experiment(random_traders).mean() <= high


@pytest.mark.parametrize("make", [adaptive_traders, adaptive_policy])
def test_adaptive_traders_reach_the_equilibrium(make: Callable[[int], tuple[Quotes, Hear]]) -> None:
    found = experiment(make).mean(axis=0)
    settled = found[CASE["settled_after_days"] :]
    assert settled.mean() < CASE["expected"]["zip_below"]
    assert found[0] > 2.0 * settled.mean()  # it is learnt, not there from the start
