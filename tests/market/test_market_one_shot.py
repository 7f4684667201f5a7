"""What the base of one-shot mechanisms makes of their matches: transfers, limits, capacity, mistakes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest

from cosim.core.records import BUY, NO_LIMIT, SELL, Band, Clearing, Orders
from cosim.market import audit
from cosim.market.one_shot import Matches, OneShot, matched

BAND = Band(0.0, 1.0)


def make_orders(*rows: tuple[int, int, float, float], **columns: Any) -> Orders:
    owner, side, price, quantity = np.array(rows, dtype=float).reshape(-1, 4).T
    plain = Orders(
        owner=owner.astype(np.int64),
        side=side.astype(np.int64),
        price_eur_per_kwh=price,
        quantity_kwh=quantity,
        limit=np.full(len(rows), NO_LIMIT),
        weight=np.zeros(len(rows)),
        shared=np.zeros(0),
    )
    return replace(plain, **columns)


class Told(OneShot):
    """Matches what it is told: (bid, ask, quantity, price), by the price that names a row."""

    matches: ClassVar[list[tuple[float, float, float, float]]] = []
    seen: ClassVar[list[Orders]] = []

    def clear(self, orders: Orders, rng: np.random.Generator, band: Band) -> Matches:
        self.seen.append(orders)
        number = {float(price): row for row, price in enumerate(orders.price_eur_per_kwh)}
        buy = [number[bid] for bid, _, _, _ in self.matches]
        sell = [number[ask] for _, ask, _, _ in self.matches]
        columns = np.array(self.matches, dtype=float).reshape(-1, 4)
        return Matches(np.array(buy, np.int64), np.array(sell, np.int64), columns[:, 2], columns[:, 3])


class Shared(Told):
    """The same, with trades cut alike where the capacity is short."""

    pro_rata = True


def told(orders: Orders, *matches: tuple[float, float, float, float], kind: type[Told] = Told) -> Clearing:
    Told.matches = list(matches)
    Told.seen.clear()
    session = kind().open(orders, np.random.default_rng(0), BAND)
    session.advance()
    clearing = session.close()
    audit.check(orders, clearing, session.limit_prices())
    return clearing


def test_matches_become_trades_in_their_order() -> None:
    orders = make_orders((0, BUY, 0.9, 2.0), (1, BUY, 0.8, 1.0), (2, SELL, 0.1, 3.0))
    clearing = told(orders, (0.8, 0.1, 1.0, 0.5), (0.9, 0.1, 1.5, 0.4))
    assert clearing.trades.buy_row.tolist() == [1, 0]
    assert clearing.trades.price_eur_per_kwh.tolist() == [0.5, 0.4]
    np.testing.assert_allclose(clearing.paid_eur, [0.6, 0.5, -1.1])
    assert clearing.public.best_bid == 0.9
    assert clearing.public.best_ask == 0.1


def test_an_owner_that_buys_and_sells_at_one_price_is_netted_first() -> None:
    orders = make_orders((0, BUY, 0.9, 2.0), (0, SELL, 0.1, 3.0), (1, BUY, 0.8, 2.0), (2, SELL, 0.2, 1.0))
    clearing = told(orders, (0.9, 0.2, 1.0, 0.5), (0.9, 0.1, 1.0, 0.5), (0.8, 0.1, 2.0, 0.5))
    np.testing.assert_allclose(clearing.internal_kwh, [2.0, 2.0, 0.0, 0.0])
    np.testing.assert_allclose(clearing.traded_kwh, [0.0, 1.0, 2.0, 1.0])
    np.testing.assert_allclose(clearing.paid_eur, [0.0, -0.5, 1.0, -0.5])
    assert clearing.public.volume_offered == pytest.approx(2.0)


def test_pools_of_different_prices_are_not_netted() -> None:
    orders = make_orders((0, BUY, 0.9, 1.0), (0, SELL, 0.6, 1.0), (1, BUY, 0.8, 1.0), (2, SELL, 0.2, 1.0))
    clearing = told(orders, (0.9, 0.2, 1.0, 0.5), (0.8, 0.6, 1.0, 0.7))
    assert not clearing.internal_kwh.any()
    np.testing.assert_allclose(clearing.paid_eur, [0.5, -0.7, 0.7, -0.5])


def test_what_an_owner_has_left_and_crosses_is_transferred_last() -> None:
    orders = make_orders((0, BUY, 0.9, 3.0), (0, SELL, 0.7, 5.0), (0, SELL, 0.95, 5.0), (2, SELL, 0.2, 1.0))
    clearing = told(orders, (0.9, 0.2, 1.0, 0.5))
    np.testing.assert_allclose(clearing.internal_kwh, [2.0, 2.0, 0.0, 0.0])
    np.testing.assert_allclose(clearing.traded_kwh, [1.0, 0.0, 0.0, 1.0])


def test_capacity_serves_matches_in_their_order_or_cuts_all_alike() -> None:
    orders = make_orders(
        (0, BUY, 0.9, 2.0), (1, BUY, 0.8, 2.0), (2, SELL, 0.1, 4.0), (1, SELL, 0.15, 1.0), capacity_kwh=2.5
    )
    matches = ((0.8, 0.1, 2.0, 0.5), (0.9, 0.1, 2.0, 0.5), (0.8, 0.15, 0.0, 0.5))
    clearing = told(orders, *matches)
    np.testing.assert_allclose(clearing.traded_kwh, [0.5, 2.0, 2.5, 0.0])
    clearing = told(orders, *matches, kind=Shared)
    np.testing.assert_allclose(clearing.traded_kwh, [1.25, 1.25, 2.5, 0.0])
    np.testing.assert_allclose(clearing.internal_kwh, [0.0, 0.75, 0.0, 0.75])  # it is on no network


def test_orders_come_in_order_of_arrival_cut_to_what_one_side_can_have() -> None:
    orders = make_orders(
        (0, SELL, 0.1, 3.0), (0, SELL, 0.2, 3.0), (0, BUY, 0.05, 9.0), (1, BUY, 0.9, 9.0),
        limit=np.array([0, 0, 0, NO_LIMIT]), weight=np.array([1.0, 2.0, 1.0, 0.0]), shared=np.array([4.0]),
    )  # fmt: skip
    told(orders)
    seen = Told.seen[0]
    arrival = np.random.default_rng(0).permutation(4)
    np.testing.assert_array_equal(seen.price_eur_per_kwh, orders.price_eur_per_kwh[arrival])
    available = dict(zip(seen.price_eur_per_kwh.tolist(), seen.quantity_kwh.tolist(), strict=True))
    assert available == {0.1: 3.0, 0.2: 0.5, 0.05: 4.0, 0.9: 9.0}
    assert (seen.limit == NO_LIMIT).all()


def test_a_limit_on_both_sides_is_kept() -> None:
    orders = make_orders(
        (0, SELL, 0.1, 3.0), (0, BUY, 0.6, 3.0), (1, BUY, 0.9, 9.0), (2, SELL, 0.2, 9.0),
        limit=np.array([0, 0, NO_LIMIT, NO_LIMIT]), weight=np.array([1.0, 0.5, 0.0, 0.0]),
        shared=np.array([3.0]),
    )  # fmt: skip
    clearing = told(orders, (0.9, 0.1, 3.0, 0.5), (0.6, 0.2, 3.0, 0.5))
    np.testing.assert_allclose(clearing.internal_kwh, [2.0, 2.0, 0.0, 0.0])  # 2 x (1 + 0.5) is all there is
    np.testing.assert_allclose(clearing.traded_kwh, [0.0, 0.0, 3.0, 3.0])  # the others find each other
    clearing = told(orders, (0.9, 0.1, 3.0, 0.5), (0.6, 0.2, 3.0, 0.4))  # other pools: who comes first has it
    np.testing.assert_allclose(clearing.traded_kwh, [3.0, 0.0, 3.0, 0.0])


@pytest.mark.parametrize(
    ("matches", "words"),
    [
        (Matches(np.array([1]), np.array([1]), np.ones(1), np.ones(1)), "no bid"),
        (Matches(np.array([0]), np.array([2]), np.ones(1), np.ones(1)), "no ask"),
        (Matches(np.array([0]), np.array([-1]), np.ones(1), np.ones(1)), "no ask"),
        (Matches(np.array([0]), np.array([1]), np.ones(2), np.ones(1)), "different lengths"),
        (Matches(np.array([0]), np.array([1]), np.full(1, np.nan), np.ones(1)), "not finite"),
        (Matches(np.array([0]), np.array([1]), np.ones(1), np.full(1, np.inf)), "not finite"),
        (Matches(np.array([0]), np.array([1]), np.full(1, -1.0), np.ones(1)), "negative"),
        (Matches(np.array([0]), np.array([1]), np.full(1, 2.0), np.ones(1)), "row [01] 2 kWh of 1 kWh"),
    ],
)
def test_matches_that_cannot_be_are_the_mechanisms_mistake(matches: Matches, words: str) -> None:
    class Wrong(OneShot):
        def clear(self, orders: Orders, rng: np.random.Generator, band: Band) -> Matches:
            flip = bool(orders.side[0] == SELL)  # the order of arrival is drawn
            rows = [1 - r if flip and r in (0, 1) else r for r in (*matches.buy_row, *matches.sell_row)]
            return replace(matches, buy_row=np.array(rows[:1]), sell_row=np.array(rows[1:]))

    orders = make_orders((0, BUY, 0.9, 1.0), (1, SELL, 0.1, 1.0))
    with pytest.raises(ValueError, match=words):
        Wrong().open(orders, np.random.default_rng(0), BAND).advance()


def test_accepted_quantities_are_matched_in_sequence() -> None:
    orders = make_orders((0, BUY, 0.9, 2.0), (1, BUY, 0.8, 3.0), (2, SELL, 0.1, 4.0), (3, SELL, 0.2, 4.0))
    found = matched(orders, np.array([2.0, 1.5, 3.0, 0.5]), 0.5, np.array([3, 2, 1, 0]))
    assert found.buy_row.tolist() == [1, 1, 0]
    assert found.sell_row.tolist() == [3, 2, 2]
    np.testing.assert_allclose(found.quantity_kwh, [0.5, 1.0, 2.0])
    both = found.at(np.array([0.1, 0.2, 0.3])) + Matches.none()
    np.testing.assert_allclose(both.price_eur_per_kwh, [0.1, 0.2, 0.3])
