"""The reference order book, rule by rule, with figures worked out by hand."""

from __future__ import annotations

import math

import pytest

from cosim.core.records import BUY, SELL
from cosim.market.order_book import Match, OrderBook

INFINITY = float("inf")


def test_better_price_first_then_earlier_arrival() -> None:
    book = OrderBook()
    book.submit(1, 1, SELL, 0.20, 1.0)
    book.submit(2, 2, SELL, 0.10, 1.0)
    book.submit(3, 3, SELL, 0.10, 1.0)
    assert book.submit(4, 4, BUY, 0.30, 2.5) == [
        Match(4, 2, 1.0, 0.10),
        Match(4, 3, 1.0, 0.10),
        Match(4, 1, 0.5, 0.20),
    ]
    assert book.depth(SELL) == [(0.20, 0.5)]


def test_a_partly_filled_order_keeps_its_place_and_a_replaced_one_does_not() -> None:
    book = OrderBook()
    book.submit(1, 1, BUY, 0.20, 2.0)
    book.submit(2, 2, BUY, 0.20, 1.0)
    assert book.submit(3, 3, SELL, 0.20, 1.0) == [Match(1, 3, 1.0, 0.20)]
    assert book.submit(4, 4, SELL, 0.20, 0.5) == [Match(1, 4, 0.5, 0.20)]
    book.replace(1, 0.20)
    assert book.submit(5, 5, SELL, 0.20, 0.75) == [Match(2, 5, 0.75, 0.20)]
    assert book.available(1) == 0.5


@pytest.mark.parametrize(("midpoint", "price"), [(False, 0.10), (True, 0.20)])
def test_price_rule(midpoint: bool, price: float) -> None:
    book = OrderBook(midpoint=midpoint)
    book.submit(1, 1, SELL, 0.10, 1.0)
    assert book.submit(2, 2, BUY, 0.30, 1.0) == [Match(2, 1, 1.0, pytest.approx(price))]


@pytest.mark.parametrize("midpoint", [False, True])
def test_market_orders_take_the_resting_price_and_never_rest(midpoint: bool) -> None:
    book = OrderBook(midpoint=midpoint)
    assert book.submit(1, 1, BUY, INFINITY, 1.0) == []
    assert math.isnan(book.best_bid)
    assert book.submit(2, 2, SELL, -INFINITY, 1.0) == []
    book.submit(3, 3, BUY, 0.15, 1.0)
    assert book.submit(4, 4, SELL, -INFINITY, 2.0) == [Match(3, 4, 1.0, 0.15)]
    assert math.isnan(book.best_ask)


def test_orders_of_one_owner_match_as_an_internal_transfer() -> None:
    book = OrderBook()
    book.submit(1, 7, SELL, 0.10, 1.0)
    (match,) = book.submit(2, 7, BUY, 0.20, 3.0)
    assert match.internal
    assert match.quantity_kwh == 1.0
    assert book.best_bid == 0.20


def test_an_order_whose_limit_is_exhausted_leaves_the_book() -> None:
    book = OrderBook(shared=[1.0])
    book.submit(1, 1, SELL, 0.10, 5.0, limit=0, weight=2.0)
    book.submit(2, 1, SELL, 0.30, 5.0, limit=0, weight=1.0)
    book.submit(3, 1, BUY, 0.05, 5.0, limit=0, weight=1.0)
    assert book.depth(SELL) == [(0.10, 0.5), (0.30, 1.0)]
    assert book.submit(4, 4, BUY, 0.20, 1.0) == [Match(4, 1, 0.5, 0.10)]
    assert book.shared == [0.0]
    assert book.depth(SELL) == []
    assert book.best_bid == 0.20


def test_two_orders_on_one_limit_share_what_it_holds() -> None:
    book = OrderBook(shared=[3.0])
    book.submit(1, 1, SELL, 0.10, 5.0, limit=0, weight=1.0)
    (match,) = book.submit(2, 1, BUY, 0.20, 5.0, limit=0, weight=2.0)
    assert match.quantity_kwh == pytest.approx(1.0)
    assert math.isnan(book.best_bid)
    assert math.isnan(book.best_ask)


def test_a_weight_of_zero_uses_nothing() -> None:
    book = OrderBook(shared=[0.0])
    book.submit(1, 1, SELL, 0.10, 5.0, limit=0, weight=0.0)
    assert book.submit(2, 2, BUY, 0.10, 5.0) == [Match(2, 1, 5.0, 0.10)]


def test_a_trade_clears_the_book_if_so_ruled_and_an_internal_transfer_does_not() -> None:
    book = OrderBook(clear_on_trade=True)
    book.submit(1, 1, SELL, 0.20, 2.0)
    book.submit(2, 2, SELL, 0.30, 2.0)
    book.submit(3, 3, BUY, 0.10, 2.0)
    assert len(book.submit(4, 1, BUY, 0.20, 0.5)) == 1
    assert book.best_ask == 0.20
    assert book.submit(5, 5, BUY, 0.40, 9.0) == [Match(5, 1, 1.5, 0.20)]
    assert book.depth(SELL) == []
    assert book.depth(BUY) == []
    assert book.replace(2, 0.30) == []
    assert book.best_ask == 0.30


def test_cancel_says_whether_the_order_was_in_the_book() -> None:
    book = OrderBook()
    book.submit(1, 1, SELL, 0.20, 2.0)
    assert book.cancel(1)
    assert not book.cancel(1)
    with pytest.raises(KeyError):
        book.cancel(2)


def test_an_order_of_nothing_is_accepted_and_never_matches() -> None:
    book = OrderBook()
    assert book.submit(1, 1, SELL, 0.20, 0.0) == []
    assert book.submit(2, 2, BUY, 0.20, 1.0) == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"side": 0}, "side"),
        ({"price_eur_per_kwh": math.nan}, "price"),
        ({"price_eur_per_kwh": -INFINITY}, "price"),
        ({"quantity_kwh": -1.0}, "quantity"),
        ({"quantity_kwh": math.nan}, "quantity"),
        ({"limit": 1}, "shared limit"),
        ({"weight": -1.0}, "weight"),
    ],
)
def test_wrong_values_are_refused(wrong: dict[str, float], words: str) -> None:
    order = {"side": BUY, "price_eur_per_kwh": 0.1, "quantity_kwh": 1.0, "limit": 0, "weight": 1.0}
    with pytest.raises(ValueError, match=words):
        OrderBook(shared=[1.0]).submit(9, 1, **{**order, **wrong})  # type: ignore[arg-type]  # wrong on purpose


def test_not_more_than_the_capacity_is_traded_between_owners() -> None:
    book = OrderBook(capacity_kwh=1.5)
    book.submit(1, 1, SELL, 0.10, 2.0)
    book.submit(2, 2, SELL, 0.12, 2.0)
    book.submit(3, 3, SELL, 0.14, 2.0)
    traded, internal = book.submit(4, 3, BUY, 0.20, 3.0)
    assert traded == Match(4, 1, 1.5, 0.10)
    assert (internal.sell, internal.quantity_kwh, internal.internal) == (3, 1.5, True)
    assert book.capacity_kwh == 0.0
    assert book.depth(SELL) == [(0.10, 0.5), (0.12, 2.0), (0.14, 0.5)]
    assert book.submit(5, 9, BUY, 0.30, 1.0) == []  # nothing is left, and the book stays crossed
    assert (book.best_bid, book.best_ask) == (0.30, 0.10)
    assert [match.buy for match in book.submit(6, 9, SELL, 0.25, 0.4)] == [5]
    with pytest.raises(ValueError, match="capacity"):
        OrderBook(capacity_kwh=math.nan)
