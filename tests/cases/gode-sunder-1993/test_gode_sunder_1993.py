"""Gode and Sunder's zero-intelligence traders reach the published efficiencies in our double auction."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cosim.core.records import BUY, NO_LIMIT, SELL, Band, Clearing, Orders
from cosim.market import audit
from cosim.market.registry import create
from cosim.market.surplus import call_auction_surplus, surplus

CASE = json.loads(Path(__file__).with_name("case.json").read_text())
EXPECTED = CASE["expected"]
UNITS = len(CASE["redemption_values"])
TRADERS = CASE["buyers"] + CASE["sellers"]
VALUE = np.array(CASE["redemption_values"] * CASE["buyers"] + CASE["costs"] * CASE["sellers"], dtype=float)


def orders() -> Orders:
    """One row a unit, a trader's units next to each other in the order in which they must trade."""
    size = TRADERS * UNITS
    return Orders(
        owner=np.repeat(np.arange(TRADERS), UNITS),
        side=np.repeat([BUY, SELL], [CASE["buyers"] * UNITS, CASE["sellers"] * UNITS]),
        price_eur_per_kwh=VALUE,
        quantity_kwh=np.ones(size),
        limit=np.full(size, NO_LIMIT),
        weight=np.zeros(size),
        shared=np.zeros(0),
    )


class Trading:
    """One period: who may shout, which unit is next, and the standing quotes."""

    def __init__(self, rng: np.random.Generator, constrained: bool) -> None:
        self.orders = orders()
        self.session = create(clear_on_trade=True).open(self.orders, rng, Band(0.0, 1.0))
        self.session.cancel(np.arange(len(self.orders)))  # nobody has shouted yet
        self.rng = rng
        buying = self.orders.side == BUY
        self.low = np.where(~buying & constrained, VALUE, CASE["lowest_quote"]).astype(int)
        self.high = np.where(buying & constrained, VALUE, CASE["highest_quote"]).astype(int)
        self.next_unit = [0] * TRADERS
        self.active = list(range(TRADERS))
        self.best = {BUY: -np.inf, SELL: np.inf}
        self.trades = 0

    def shout(self) -> None:
        trader = self.active[self.rng.integers(len(self.active))]
        row = trader * UNITS + self.next_unit[trader]
        side = int(self.orders.side[row])
        quote = float(self.rng.integers(self.low[row], self.high[row] + 1))
        if side * quote <= side * self.best[side]:
            return
        self.best[side] = quote
        self.session.replace([row], quote)
        self.session.advance(1)
        for trade in zip(*self._new_trades(), strict=True):
            self.best = {BUY: -np.inf, SELL: np.inf}
            for each in trade:
                self._next(int(each) // UNITS)

    def _new_trades(self) -> tuple[np.ndarray, np.ndarray]:
        trades = self.session.trades(self.trades)
        self.trades += len(trades)
        return trades.buy_row, trades.sell_row

    def _next(self, trader: int) -> None:
        self.next_unit[trader] += 1
        if self.next_unit[trader] == UNITS:
            self.active.remove(trader)

    @property
    def over(self) -> bool:
        return min(self.active, default=0) >= CASE["buyers"] or max(self.active, default=0) < CASE["buyers"]


def period(rng: np.random.Generator, shouts: int, constrained: bool) -> tuple[Clearing, float]:
    """The clearing of one period and its efficiency."""
    trading = Trading(rng, constrained)
    for _ in range(shouts):
        if trading.over:
            break
        trading.shout()
    limit_prices = trading.session.limit_prices()
    clearing = trading.session.close()
    audit.check(trading.orders, clearing, limit_prices)
    best = call_auction_surplus(trading.orders, VALUE)
    assert best == pytest.approx(EXPECTED["optimal_surplus"], rel=1e-12)
    return clearing, surplus(trading.orders, clearing.traded_kwh, VALUE) / best


def efficiencies(case: dict[str, float], constrained: bool) -> np.ndarray:
    rng = np.random.default_rng(CASE["seed"])
    return np.array([period(rng, int(case["shouts"]), constrained)[1] for _ in range(int(case["periods"]))])


def test_unconstrained_traders_reach_ninety_percent_exactly() -> None:
    case = EXPECTED["ziu"]
    rng = np.random.default_rng(CASE["seed"])
    for _ in range(case["periods"]):
        clearing, efficiency = period(rng, case["shouts"], constrained=False)
        assert len(clearing.trades) == case["units"]
        assert efficiency == pytest.approx(case["efficiency"], abs=case["tolerance"])


@pytest.mark.parametrize("name", ["zic", "zic_short"])
def test_constrained_traders_reach_the_published_efficiency(name: str) -> None:
    case = EXPECTED[name]
    found = efficiencies(case, constrained=True)
    standard_error = found.std(ddof=1) / np.sqrt(len(found))
    assert found.mean() == pytest.approx(case["efficiency"], abs=3 * standard_error + case["rounding"])


def test_constrained_traders_never_lose_and_trade_at_the_earlier_quote() -> None:
    clearing, _ = period(np.random.default_rng(CASE["seed"]), 2000, constrained=True)
    trades = clearing.trades
    assert (trades.price_eur_per_kwh <= VALUE[trades.buy_row]).all()
    assert (trades.price_eur_per_kwh >= VALUE[trades.sell_row]).all()
    assert (trades.quantity_kwh == 1.0).all()
    assert len(trades) >= EXPECTED["equilibrium_units"]
