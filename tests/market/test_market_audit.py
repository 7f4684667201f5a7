"""The audit passes what the market does and names what was tampered with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from cosim.core.records import BUY, NO_LIMIT, SELL, Clearing, Orders, PublicInformation, Trades
from cosim.errors import AuditError
from cosim.market import audit

ORDERS = Orders(
    owner=np.array([0, 1, 2, 2]),
    side=np.array([BUY, SELL, BUY, SELL]),
    price_eur_per_kwh=np.array([0.30, 0.10, 0.25, 0.05]),
    quantity_kwh=np.array([3.0, 2.0, 2.0, 1.0]),
    limit=np.array([NO_LIMIT, 0, NO_LIMIT, NO_LIMIT]),
    weight=np.array([0.0, 1.5, 0.0, 0.0]),
    shared=np.array([3.0]),
)
TRADES = Trades(
    buy_row=np.array([0, 2]),
    sell_row=np.array([1, 1]),
    quantity_kwh=np.array([1.5, 0.5]),
    price_eur_per_kwh=np.array([0.10, 0.25]),
    round=np.array([0, 0]),
)
PUBLIC = PublicInformation(
    last_price=0.25,
    mean_price=0.1375,
    best_bid=0.30,
    best_ask=float("nan"),
    volume_traded=2.0,
    volume_offered=2.0,
    volume_asked_for=4.0,
    trades=2,
)
CLEARING = Clearing(
    traded_kwh=np.array([1.5, 2.0, 0.5, 0.0]),
    internal_kwh=np.array([0.0, 0.0, 1.0, 1.0]),
    paid_eur=np.array([0.15, -0.275, 0.125, 0.0]),
    trades=TRADES,
    public=PUBLIC,
)


def changed(column: str, row: int, value: float) -> Clearing:
    values = getattr(CLEARING, column).copy()
    values[row] = value
    return replace(CLEARING, **{column: values})


def with_trades(**columns: Any) -> Clearing:
    return replace(CLEARING, trades=replace(TRADES, **{k: np.array(v) for k, v in columns.items()}))


def with_public(**fields: Any) -> Clearing:
    return replace(CLEARING, public=replace(PUBLIC, **fields))


def test_a_clearing_that_adds_up_passes() -> None:
    audit.check(ORDERS, CLEARING)


@pytest.mark.parametrize(
    ("clearing", "words"),
    [
        (changed("traded_kwh", 0, 1.6), "row 0: traded_kwh is 1.6, its trades make 1.5"),
        (changed("traded_kwh", 0, 1.6), "bought 2.1 kWh, sold 2 kWh"),
        (changed("traded_kwh", 1, 2.1), "row 1: filled 2.1 kWh of 2 kWh submitted"),
        (changed("traded_kwh", 1, 2.1), r"shared limit 0: used 3.15 of 3"),
        (changed("traded_kwh", 3, -0.1), "row 3: traded_kwh is negative"),
        (changed("internal_kwh", 2, 0.9), "owner 2: internal transfers do not balance"),
        (changed("internal_kwh", 0, 1.0), "owner 0: internal transfers do not balance"),
        (changed("internal_kwh", 2, 2.0), "row 2: filled 2.5 kWh"),
        (changed("paid_eur", 1, -0.2), "buyers paid 0.275 EUR, sellers received 0.2 EUR"),
        (changed("paid_eur", 1, -0.2), "row 1: paid_eur is -0.2, its trades make -0.275"),
        (changed("paid_eur", 0, np.nan), "row 0: paid_eur is not finite"),
        (replace(CLEARING, paid_eur=np.zeros(3)), r"paid_eur has shape \(3,\)"),
        (with_trades(price_eur_per_kwh=[0.31, 0.25]), "trade 0: .* limit price of the buyer"),
        (with_trades(price_eur_per_kwh=[0.10, 0.09]), "trade 1: .* limit price of the seller"),
        (with_trades(price_eur_per_kwh=[0.10, np.nan]), "trade 1: .* limit price of the buyer"),
        (with_trades(quantity_kwh=[2.0, 0.0]), "trade 1: its quantity is not positive"),
        (with_trades(quantity_kwh=[2.0, np.inf]), "trade 1: its quantity is not finite"),
        (with_trades(price_eur_per_kwh=[np.inf, 0.25]), "trade 0: its price is not finite"),
        (with_trades(buy_row=[0, 3]), "trade 1: its bid is not an order to buy"),
        (with_trades(sell_row=[1, 0]), "trade 1: its ask is not an order to sell"),
        (with_trades(sell_row=[1, 3]), "trade 1: an owner trades with itself"),
        (with_trades(buy_row=[0, 4]), "trade 1: buy_row 4 is not a row"),
        (with_public(trades=3), "public information counts 3 trades, there are 2"),
        (with_public(volume_traded=3.0), "public information has 3 kWh traded"),
        (with_public(mean_price=0.2), "public information has 0.2 as its mean price"),
        (with_public(last_price=0.1), "public information has 0.1 as its last price"),
        (with_public(volume_offered=3.0), "public information has 3 kWh as volume_offered"),
        (with_public(volume_asked_for=5.0), "public information has 5 kWh as volume_asked_for"),
    ],
)
def test_what_does_not_add_up_is_named(clearing: Clearing, words: str) -> None:
    with pytest.raises(AuditError, match=words):
        audit.check(ORDERS, clearing)


def test_every_breach_is_in_the_message() -> None:
    with pytest.raises(AuditError) as raised:
        audit.check(ORDERS, changed("traded_kwh", 1, 2.1))
    assert str(raised.value).count(";") == 3


def test_rounding_is_let_pass_and_more_is_not() -> None:
    audit.check(ORDERS, changed("traded_kwh", 1, 2.0 * (1 + 1e-10)))
    with pytest.raises(AuditError):
        audit.check(ORDERS, changed("traded_kwh", 1, 2.0 * (1 + 1e-8)))


def test_trades_may_go_as_far_as_the_requoted_prices_and_no_further() -> None:
    clearing = with_trades(price_eur_per_kwh=[0.31, 0.25])
    paid = np.array([0.465, -0.59, 0.125, 0.0])
    clearing = replace(clearing, paid_eur=paid, public=replace(PUBLIC, mean_price=0.295))
    audit.check(ORDERS, clearing, np.array([0.31, 0.10, 0.25, 0.05]))
    with pytest.raises(AuditError, match="limit price of the buyer"):
        audit.check(ORDERS, clearing)


def test_more_than_the_capacity_between_owners_is_named() -> None:
    audit.check(replace(ORDERS, capacity_kwh=2.0), CLEARING)
    with pytest.raises(AuditError, match=r"traded 2 kWh between owners, the capacity is 1\.5 kWh"):
        audit.check(replace(ORDERS, capacity_kwh=1.5), CLEARING)
