"""The compiled session equals the order book in plain Python, trade for trade, over random sequences of
arrivals, requotes and cancellations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.core.records import BUY, NO_LIMIT, SELL, Band, Orders
from cosim.market import audit
from cosim.market.double_auction import DoubleAuction, DoubleAuctionConfig
from cosim.market.order_book import OrderBook

INFINITY = float("inf")
BAND = Band(0.08, 0.30)


class ReferenceSession:
    """Rounds as the protocol describes them, on the order book in plain Python."""

    def __init__(self, orders: Orders, rng: np.random.Generator, config: DoubleAuctionConfig) -> None:
        self.orders = orders
        self.rng = rng
        self.book = OrderBook(
            midpoint=config.price == "midpoint",
            clear_on_trade=config.clear_on_trade,
            shared=list(orders.shared),
            capacity_kwh=orders.capacity_kwh,
        )
        size = len(orders)
        self.price = orders.price_eur_per_kwh.copy()
        self.open = orders.quantity_kwh.copy()
        self.traded, self.internal = np.zeros(size), np.zeros(size)
        self.waiting = list(range(size))
        self.state = ["next"] * size
        self.queue: list[int] = []
        self.seen: set[int] = set()
        self.trades: list[tuple[int, int, float, float, int]] = []
        self.round = -1

    def advance(self, count: int | None = None) -> None:
        if not self.queue:
            rows = [row for row in self.waiting if self.state[row] == "next"]
            self.queue = self.rng.permutation(np.array(rows, dtype=np.int64)).tolist()
            self.waiting = []
            self.round += 1
            for row in rows:
                self.state[row] = "queued"
        left = len(self.queue) if count is None else count
        while self.queue and left:
            row = self.queue.pop(0)
            if self.state[row] == "queued":
                left -= 1
                self.state[row] = "arrived"
                self._arrive(row)

    def _arrive(self, row: int) -> None:
        price, quantity = float(self.price[row]), float(self.open[row])
        if row not in self.seen:
            # It may have been requoted with less before its first arrival, and what counts as nothing is a
            # share of what was submitted: so submit that, where it cannot match, and requote it.
            self.seen.add(row)
            self.book.submit(
                row,
                int(self.orders.owner[row]),
                int(self.orders.side[row]),
                float(self.orders.side[row] * -1e9),
                float(self.orders.quantity_kwh[row]),
                limit=int(self.orders.limit[row]),
                weight=float(self.orders.weight[row]),
            )
        matches = self.book.replace(row, price, quantity)
        for match in matches:
            column = self.internal if match.internal else self.traded
            for each in (match.buy, match.sell):
                column[each] += match.quantity_kwh
                self.open[each] -= match.quantity_kwh
            if not match.internal:
                self.trades.append(
                    (match.buy, match.sell, match.quantity_kwh, match.price_eur_per_kwh, self.round)
                )

    def replace(self, rows: Iterable[int], price: list[float], quantity: list[float] | None) -> None:
        for position, row in enumerate(rows):
            self.price[row] = price[position]
            if quantity is not None:
                self.open[row] = quantity[position]
            if self.state[row] != "queued":
                self.state[row] = "next"
                self._leave(row)
                if row not in self.waiting:
                    self.waiting.append(row)

    def cancel(self, rows: Iterable[int]) -> None:
        for row in rows:
            self.state[row] = "out"
            self._leave(row)

    def _leave(self, row: int) -> None:
        if row in self.seen:
            self.book.cancel(row)


def assert_equal_sessions(
    orders: Orders, config: DoubleAuctionConfig, steps: list[tuple[str, Any, Any, Any]], seed: int
) -> None:
    reference = ReferenceSession(orders, np.random.default_rng(seed), config)
    session = DoubleAuction(config).open(orders, np.random.default_rng(seed), BAND)
    for what, rows, price, share in steps:
        if what == "advance":
            reference.advance(rows)
            fills = session.advance(rows)
            np.testing.assert_array_equal(fills.traded_kwh, reference.traded)
            np.testing.assert_array_equal(fills.internal_kwh, reference.internal)
        elif what == "cancel":
            reference.cancel(rows)
            session.cancel(rows)
        else:
            # A bid is never quoted at -inf, an ask never at +inf.
            quoted = [p * orders.side[row] if np.isinf(p) else p for row, p in zip(rows, price, strict=True)]
            unfilled = orders.quantity_kwh - reference.traded - reference.internal
            amount = None if share is None else [float(max(share * unfilled[row], 0.0)) for row in rows]
            reference.replace(rows, quoted, amount)
            session.replace(rows, np.array(quoted), None if amount is None else np.array(amount))
    book = reference.book
    clearing = session.close()
    trades = clearing.trades
    rows = list(zip(trades.buy_row.tolist(), trades.sell_row.tolist(), trades.quantity_kwh.tolist(),
                    trades.price_eur_per_kwh.tolist(), trades.round.tolist(), strict=True))  # fmt: skip
    assert rows == reference.trades
    np.testing.assert_array_equal(clearing.traded_kwh, reference.traded)
    np.testing.assert_array_equal(clearing.internal_kwh, reference.internal)
    np.testing.assert_equal(clearing.public.best_bid, book.best_bid)
    np.testing.assert_equal(clearing.public.best_ask, book.best_ask)
    audit.check(orders, clearing, session.limit_prices())


PRICES = [-0.05, 0.0, 0.1, 0.15, 0.2, 0.2, 0.25, 0.3]


@st.composite
def order_sets(draw: st.DrawFn) -> Orders:
    size = draw(st.integers(0, 25))
    limits = draw(st.integers(0, 4))

    def column(each: st.SearchStrategy[Any], dtype: type) -> Any:
        return np.array(draw(st.lists(each, min_size=size, max_size=size)), dtype=dtype)

    side = column(st.sampled_from([BUY, SELL]), np.int64)
    price = column(st.one_of(st.sampled_from(PRICES), st.just(INFINITY), st.floats(-1, 1)), np.float64)
    price = np.where(np.isinf(price), price * side, price)
    quantity = st.one_of(st.sampled_from([0.0, 0.5, 1.0, 2.0]), st.floats(0, 10), st.just(1e-300))
    amounts = st.one_of(st.sampled_from([0.0, 1.0, INFINITY]), st.floats(0, 5))
    return Orders(
        owner=column(st.integers(0, 5), np.int64),
        side=side,
        price_eur_per_kwh=price,
        quantity_kwh=column(quantity, np.float64),
        limit=column(st.integers(NO_LIMIT, limits - 1), np.int64),
        weight=column(st.one_of(st.sampled_from([0.0, 1.0, 0.9]), st.floats(0, 3)), np.float64),
        shared=np.array(draw(st.lists(amounts, min_size=limits, max_size=limits)), dtype=np.float64),
        capacity_kwh=draw(amounts),
    )


@st.composite
def step_lists(draw: st.DrawFn, size: int) -> list[tuple[str, Any, Any, Any]]:
    steps: list[tuple[str, Any, Any, Any]] = []
    for _ in range(draw(st.integers(1, 8))):
        what = draw(st.sampled_from(["advance", "replace", "cancel"])) if size else "advance"
        if what == "advance":
            steps.append((what, draw(st.one_of(st.none(), st.integers(0, size))), None, None))
            continue
        rows = draw(st.lists(st.integers(0, size - 1), max_size=size, unique=True))
        price = [draw(st.sampled_from([*PRICES, INFINITY])) for _ in rows]
        steps.append((what, rows, price, draw(st.one_of(st.none(), st.just(0.0), st.floats(1e-6, 1)))))
    steps.append(("advance", None, None, None))
    return steps


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_sequence_matches_as_in_the_order_book(data: st.DataObject) -> None:
    orders = data.draw(order_sets())
    config = DoubleAuctionConfig(
        price=data.draw(st.sampled_from(["resting", "midpoint"])),
        clear_on_trade=data.draw(st.booleans()),
    )
    assert_equal_sessions(orders, config, data.draw(step_lists(len(orders))), data.draw(st.integers(0, 9)))


def random_orders(rng: np.random.Generator, size: int, limits: int) -> Orders:
    side = rng.choice([BUY, SELL], size)
    price = np.where(rng.random(size) < 0.5, rng.choice(PRICES, size), rng.uniform(0.05, 0.35, size))
    return Orders(
        owner=rng.integers(0, max(size // 2, 1), size),
        side=side,
        price_eur_per_kwh=np.where(rng.random(size) < 0.05, side * INFINITY, price),
        quantity_kwh=np.where(rng.random(size) < 0.1, 1.0, rng.exponential(1.0, size)),
        limit=rng.integers(NO_LIMIT, limits, size),
        weight=np.where(rng.random(size) < 0.3, 1.0, rng.uniform(0.0, 2.0, size)),
        shared=rng.exponential(1.0, limits),
        capacity_kwh=INFINITY if rng.random() < 0.5 else rng.exponential(0.3 * size),
    )


def random_steps(rng: np.random.Generator, size: int) -> list[tuple[str, Any, Any, Any]]:
    steps: list[tuple[str, Any, Any, Any]] = []
    for _ in range(rng.integers(0, 10)):
        rows = rng.permutation(size)[: rng.integers(0, size + 1)]
        what = str(rng.choice(["advance", "replace", "cancel"], p=[0.45, 0.45, 0.1]))
        if what == "advance":
            steps.append((what, None if rng.random() < 0.4 else int(rng.integers(0, size)), None, None))
        else:
            share = None if rng.random() < 0.6 else float(rng.random())
            steps.append((what, rows.tolist(), rng.choice(PRICES, len(rows)).tolist(), share))
    return [*steps, ("advance", None, None, None)]


@pytest.mark.parametrize("price", ["resting", "midpoint"])
@pytest.mark.parametrize("clear_on_trade", [False, True])
def test_thousands_of_random_sequences_match_as_in_the_order_book(price: Any, clear_on_trade: bool) -> None:
    rng = np.random.default_rng(20)
    config = DoubleAuctionConfig(price=price, clear_on_trade=clear_on_trade)
    for number in range(2000):
        size = int(rng.integers(1, 40))
        orders = random_orders(rng, size, int(rng.integers(0, 8)))
        assert_equal_sessions(orders, config, random_steps(rng, size), number)


def test_many_requotes_of_a_long_book_match_as_in_the_order_book() -> None:
    rng = np.random.default_rng(3)
    size = 300
    orders = random_orders(rng, size, 100)
    steps: list[tuple[str, Any, Any, Any]] = [("advance", None, None, None)]
    for _ in range(15):  # stale entries fill the heaps several times over
        steps.append(("replace", list(range(size)), rng.uniform(0.0, 0.4, size).tolist(), None))
        steps.append(("advance", None, None, None))
    assert_equal_sessions(orders, DoubleAuctionConfig(), steps, 1)


def test_requotes_that_never_match_do_not_fill_the_book() -> None:
    rng = np.random.default_rng(4)
    size = 100
    orders = random_orders(rng, size, 20)
    orders.side[:] = np.where(np.arange(size) < 10, SELL, BUY)
    orders.price_eur_per_kwh[:] = 0.1
    orders.quantity_kwh[:10] = 5.0
    bids, asks = list(range(10, size)), list(range(10))
    steps: list[tuple[str, Any, Any, Any]] = [("cancel", asks, None, None), ("advance", None, None, None)]
    for _ in range(30):  # with nothing to match, entries that are out of date stay until there is no room
        some = rng.permutation(bids)[:40].tolist()
        steps.append(("replace", some, rng.uniform(0.0, 0.4, len(some)).tolist(), None))
        steps.append(("advance", None, None, None))
    steps += [("replace", asks, [0.05] * 10, None), ("advance", None, None, None)]
    assert_equal_sessions(orders, DoubleAuctionConfig(), steps, 1)
