"""Sessions of the double auction: rounds, requotes, public information, and what they refuse."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from cosim.core.records import BUY, NO_LIMIT, SELL, Band, Orders
from cosim.errors import InputError, UnknownNameError
from cosim.market import audit
from cosim.market.double_auction import DoubleAuction
from cosim.market.double_auction_session import DoubleAuctionSession
from cosim.market.mechanism import Mechanism, Session
from cosim.market.registry import create, names


def make_orders(*rows: tuple[int, int, float, float], **columns: Any) -> Orders:
    """Orders from (owner, side, price, quantity) and whatever columns differ from the plain ones."""
    owner, side, price, quantity = np.array(rows, dtype=float).reshape(-1, 4).T
    plain = {
        "owner": owner.astype(np.int64),
        "side": side.astype(np.int64),
        "price_eur_per_kwh": price,
        "quantity_kwh": quantity,
        "limit": np.full(len(rows), NO_LIMIT),
        "weight": np.zeros(len(rows)),
        "shared": np.zeros(0),
    }
    return Orders(**{**plain, **{name: np.asarray(column) for name, column in columns.items()}})


def open_session(orders: Orders, seed: int = 0, **settings: Any) -> DoubleAuctionSession:
    session = create(**settings).open(orders, np.random.default_rng(seed), BAND)
    assert isinstance(session, DoubleAuctionSession)
    return session


BAND = Band(0.08, 0.30)
PAIR = make_orders((0, BUY, 0.30, 2.0), (1, SELL, 0.10, 1.0))


def test_a_session_clears_and_keeps_the_audit() -> None:
    session = open_session(PAIR, price="midpoint")
    session.advance()
    clearing = session.close()
    audit.check(PAIR, clearing)
    np.testing.assert_allclose(clearing.traded_kwh, [1.0, 1.0])
    np.testing.assert_allclose(clearing.paid_eur, [0.20, -0.20])
    public = clearing.public
    assert public.trades == 1
    assert public.last_price == public.mean_price == pytest.approx(0.20)
    assert public.best_bid == 0.30
    assert math.isnan(public.best_ask)
    assert (public.volume_traded, public.volume_offered, public.volume_asked_for) == (1.0, 1.0, 2.0)


def test_nothing_has_happened_before_the_first_arrival() -> None:
    session = open_session(PAIR)
    assert session.round == -1
    clearing = session.close()
    assert not clearing.traded_kwh.any()
    assert clearing.public.trades == 0
    assert math.isnan(clearing.public.mean_price)


def test_a_session_without_orders_clears_to_nothing() -> None:
    nothing = make_orders()
    session = open_session(nothing)
    session.advance()
    clearing = session.close()
    audit.check(nothing, clearing)
    assert len(clearing.trades) == 0
    assert clearing.public.volume_offered == 0.0


def test_orders_of_nothing_never_match() -> None:
    orders = make_orders((0, BUY, 0.30, 0.0), (1, SELL, 0.10, 1.0))
    session = open_session(orders)
    session.advance()
    clearing = session.close()
    assert not clearing.traded_kwh.any()
    assert math.isnan(clearing.public.best_bid)


def test_a_round_ends_when_every_row_has_arrived_once() -> None:
    session = open_session(PAIR)
    session.advance(1)
    assert (session.round, len(session.trades())) == (0, 0)
    session.advance(5)
    assert (session.round, len(session.trades())) == (0, 1)
    session.advance()
    assert session.round == 1
    assert session.close().trades.round.tolist() == [0]


def test_later_rounds_change_nothing_unless_something_is_replaced() -> None:
    orders = make_orders((0, BUY, 0.10, 1.0), (1, SELL, 0.20, 1.0))
    session = open_session(orders)
    session.advance()
    session.advance()
    assert len(session.trades()) == 0
    session.replace([0], 0.25)
    assert math.isnan(session.public().best_bid)  # out of the book until it arrives again
    session.advance()
    limit_prices = session.limit_prices()
    clearing = session.close()
    assert clearing.trades.price_eur_per_kwh.tolist() == [0.20]
    assert clearing.trades.round.tolist() == [2]
    np.testing.assert_array_equal(limit_prices, [0.25, 0.20])
    audit.check(orders, clearing, limit_prices)


def test_a_replaced_order_loses_its_priority_and_others_keep_theirs() -> None:
    orders = make_orders((0, SELL, 0.10, 1.0), (1, SELL, 0.10, 1.0), (2, BUY, 0.10, 1.0))
    session = open_session(orders)
    session.cancel([2])
    session.advance()
    session.replace([0], 0.10)
    session.advance()
    session.replace([2], 0.10)
    session.advance()
    assert session.close().trades.sell_row.tolist() == [1]


def test_a_row_that_still_waits_keeps_its_turn_when_replaced() -> None:
    session = open_session(PAIR)
    session.advance(0)
    session.replace([0, 1], np.array([0.20, 0.20]))
    session.advance()
    assert session.round == 0
    assert session.close().trades.price_eur_per_kwh.tolist() == [0.20]


def test_a_requote_can_offer_less_and_again_what_is_unfilled() -> None:
    orders = make_orders((0, BUY, 0.30, 5.0), (1, SELL, 0.10, 4.0))
    session = open_session(orders)
    session.replace([1], 0.10, 1.0)
    np.testing.assert_allclose(session.advance().traded_kwh, [1.0, 1.0])
    session.replace([1], 0.10, 3.0)
    fills = session.advance()
    np.testing.assert_allclose(fills.filled_kwh, [4.0, 4.0])
    with pytest.raises(ValueError, match="row 1: quantity is above"):
        session.replace([1], 0.10, 0.5)
    with pytest.raises(ValueError, match="read-only"):
        fills.traded_kwh[0] = 1.0


def test_a_cancelled_row_does_not_arrive_and_comes_back_by_replace() -> None:
    session = open_session(PAIR)
    session.cancel([0])
    session.advance()
    assert len(session.trades()) == 0
    session.replace([0], 0.30)
    session.advance()
    assert len(session.trades()) == 1


def test_a_trade_clears_the_book_of_gode_and_sunder() -> None:
    orders = make_orders((0, SELL, 0.1, 1.0), (1, SELL, 0.2, 1.0), (2, BUY, 0.3, 1.0), (3, BUY, 0.3, 1.0))
    session = open_session(orders, clear_on_trade=True)
    session.cancel([2, 3])
    session.advance()
    session.replace([2], 0.3)
    session.advance(1)
    session.replace([3], 0.3)
    session.advance(1)
    assert session.close().trades.sell_row.tolist() == [0]


def test_internal_transfers_are_neither_trades_nor_public() -> None:
    orders = make_orders((0, BUY, 0.30, 2.0), (0, SELL, 0.10, 1.5), (1, SELL, 0.25, 1.0))
    session = open_session(orders)
    session.cancel([2])
    session.advance()
    clearing = session.close()
    audit.check(orders, clearing)
    np.testing.assert_allclose(clearing.internal_kwh, [1.5, 1.5, 0.0])
    assert not clearing.paid_eur.any()
    assert len(clearing.trades) == 0
    public = clearing.public
    assert (public.trades, public.volume_traded) == (0, 0.0)
    assert public.volume_offered == pytest.approx(1.0)
    assert public.volume_asked_for == pytest.approx(0.5)


def test_a_battery_gives_no_more_than_it_holds_through_two_orders() -> None:
    orders = make_orders(
        (0, SELL, 0.10, 3.0), (0, SELL, 0.12, 3.0), (1, BUY, 0.30, 9.0),
        limit=[0, 0, NO_LIMIT], weight=[1.0, 2.0, 0.0], shared=[4.0],
    )  # fmt: skip
    session = open_session(orders)
    session.cancel([2])
    session.advance()
    session.replace([2], 0.30)
    session.advance()
    clearing = session.close()
    audit.check(orders, clearing)
    np.testing.assert_allclose(clearing.traded_kwh, [3.0, 0.5, 3.5])


def test_the_same_seed_gives_the_same_clearing_and_another_another() -> None:
    rng = np.random.default_rng(5)
    rows = [(n // 2, BUY if n % 2 else SELL, float(rng.uniform(0.1, 0.3)), 1.0) for n in range(60)]

    def prices(seed: int) -> list[float]:
        session = open_session(make_orders(*rows), seed)
        session.advance()
        return session.close().trades.price_eur_per_kwh.tolist()

    assert prices(1) == prices(1)
    assert prices(1) != prices(2)


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("side", [1, 2], "row 1: side"),
        ("price_eur_per_kwh", [0.1, math.nan], "row 1: price"),
        ("price_eur_per_kwh", [-math.inf, 0.1], "row 0: price"),
        ("quantity_kwh", [1.0, -1e-9], "row 1: quantity"),
        ("quantity_kwh", [math.nan, 1.0], "row 0: quantity"),
        ("quantity_kwh", [math.inf, 1.0], "row 0: quantity"),
        ("limit", [0, NO_LIMIT], "row 0: limit"),
        ("limit", [NO_LIMIT, -2], "row 1: limit"),
        ("weight", [0.0, -1.0], "row 1: weight"),
        ("shared", [-1.0], "shared limit 0"),
        ("weight", [0.0], "weight has 1 rows"),
    ],
)
def test_wrong_orders_are_refused_by_row(column: str, values: list[float], words: str) -> None:
    orders = make_orders((0, BUY, 0.30, 2.0), (1, SELL, 0.10, 1.0), **{column: values})
    with pytest.raises(ValueError, match=words):
        open_session(orders)


def test_wrong_requotes_are_refused_and_change_nothing() -> None:
    session = open_session(PAIR)
    for rows, price, quantity, words in (
        ([0, 1], np.array([0.1, math.nan]), None, "row 1: price"),
        ([0], 0.1, -1.0, "row 0: quantity"),
        ([0], 0.1, 2.1, "row 0: quantity is above"),
        ([2], 0.1, None, "row 2: there is no such row"),
        ([-1], 0.1, None, "row -1: there is no such row"),
    ):
        with pytest.raises(ValueError, match=words):
            session.replace(rows, price, quantity)
    with pytest.raises(ValueError, match="row 9"):
        session.cancel([0, 9])
    with pytest.raises(ValueError, match="integers"):
        session.cancel(np.array([0.5]))  # type: ignore[arg-type]  # wrong on purpose
    session.advance()
    assert len(session.close().trades) == 1


def test_a_closed_session_stays_closed() -> None:
    session = open_session(PAIR)
    session.close()
    for call in (
        session.advance,
        session.close,
        lambda: session.replace([0], 0.1),
        lambda: session.cancel([0]),
    ):
        with pytest.raises(RuntimeError, match="closed"):
            call()


def test_the_mechanism_is_made_from_its_name() -> None:
    mechanism = create("double-auction", rounds=3)
    assert isinstance(mechanism, DoubleAuction)
    assert isinstance(mechanism, Mechanism)
    assert (mechanism.rounds, mechanism.multi_round) == (3, True)
    assert isinstance(mechanism.open(PAIR, np.random.default_rng(0), BAND), Session)
    assert names()[0] == "double-auction"
    assert type(create("cosim.market.double_auction:DoubleAuction")) is type(create(DoubleAuction))


def test_an_unknown_mechanism_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'double-auction'"):
        create("double-action")
    with pytest.raises(UnknownNameError, match="cannot import"):
        create("no_such_module:Market")


def test_wrong_parameters_are_all_named() -> None:
    with pytest.raises(InputError) as caught:
        create("double-auction", rouds=3, price="mid")
    text = {problem.path: str(problem) for problem in caught.value.problems}
    assert "did you mean 'rounds'?" in text["parameters.rouds"]
    assert "'resting' or 'midpoint'" in text["parameters.price"]


@pytest.mark.parametrize("name", ["builtins:repr", "os:path", "fractions:Fraction"])
def test_what_is_no_mechanism_is_a_mistake_of_the_user(name: str) -> None:
    with pytest.raises(UnknownNameError, match=r"a subclass of cosim\.market"):
        create(name)


def test_settings_need_no_compiler() -> None:
    code = (
        "import sys, cosim.market.audit\n"
        "from cosim.market.registry import create, names\n"
        "[create(name) for name in names()]\n"
        "print('numba' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
