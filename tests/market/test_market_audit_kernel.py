"""The compiled audit is content exactly where the audit in words finds nothing."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.core.records import BUY, NO_LIMIT, SELL, Band, Clearing, Orders
from cosim.errors import AuditError
from cosim.market import audit
from cosim.market.audit_kernel import sound
from cosim.market.registry import create, names

ROWS = ("traded_kwh", "internal_kwh", "paid_eur")
TRADES = ("buy_row", "sell_row", "quantity_kwh", "price_eur_per_kwh")
FAR = (0.0, -1.0, 1.0 + 1e-6, 1.0 - 1e-6, 2.0, np.nan, np.inf, -np.inf)
"""Factors beyond any rounding; 1 + 1e-11 and 1 are well within."""
FACTORS = (*FAR, 1.0, 1.0 + 1e-11)


def session(seed: int, name: str, size: int) -> tuple[Orders, Clearing, Any]:
    """Orders of which some share limits and some owners bid on both sides, cleared."""
    rng = np.random.default_rng(seed)
    limits = int(rng.integers(0, 4))
    limit = rng.integers(NO_LIMIT, limits, size)
    orders = Orders(
        owner=rng.integers(0, 1 + size // 2, size),
        side=rng.choice([BUY, SELL], size),
        price_eur_per_kwh=rng.uniform(0.05, 0.35, size),
        quantity_kwh=rng.exponential(1.0, size),
        limit=limit,
        weight=np.where(limit == NO_LIMIT, 0.0, rng.uniform(0.5, 2.0, size)),
        shared=rng.exponential(2.0, limits),
        capacity_kwh=float(rng.choice([np.inf, 2.0])),
    )
    opened = create(name).open(orders, rng, Band(0.08, 0.30))
    opened.advance()
    prices = opened.limit_prices()
    return orders, opened.close(), prices


def scaled(column: Any, place: int, factor: float) -> Any:
    """A column with one value multiplied, or replaced where that would change nothing."""
    if not len(column):
        return column
    changed, at = column.copy(), place % len(column)
    known = np.isfinite(factor) and np.isfinite(column[at]) and column[at] != 0.0
    changed[at] = column[at] * factor if known else factor - 1.0
    return changed


@st.composite
def tampered(draw: st.DrawFn) -> tuple[Orders, Clearing, Any]:
    orders, clearing, prices = session(
        draw(st.integers(0, 2**32 - 1)), draw(st.sampled_from(names())), draw(st.integers(0, 25))
    )
    for _ in range(draw(st.integers(0, 2))):
        place, factor = draw(st.integers(0, 60)), draw(st.sampled_from(FACTORS))
        what = draw(st.sampled_from([*ROWS, *TRADES, "public", "shape", "shared", "capacity", "limit price"]))
        if what in ROWS:
            clearing = replace(clearing, **{what: scaled(getattr(clearing, what), place, factor)})
        elif what in ("buy_row", "sell_row"):
            rows = getattr(clearing.trades, what).copy()
            if len(rows):
                rows[place % len(rows)] = draw(st.integers(-2, len(orders) + 1))
            clearing = replace(clearing, trades=replace(clearing.trades, **{what: rows}))
        elif what in TRADES:
            column = scaled(getattr(clearing.trades, what), place, factor)
            clearing = replace(clearing, trades=replace(clearing.trades, **{what: column}))
        elif what == "public":
            name = draw(st.sampled_from([field.name for field in fields(clearing.public)]))
            value = scaled(np.array([float(getattr(clearing.public, name))]), 0, factor)[0]
            clearing = replace(clearing, public=replace(clearing.public, **{name: value}))
        elif what == "shape":
            name = draw(st.sampled_from(ROWS))
            wrong: Any = np.zeros(abs(len(orders) + draw(st.sampled_from([-1, 1]))))
            clearing = replace(clearing, **{name: wrong})
        elif what == "shared" and len(orders.shared):
            orders = replace(orders, shared=orders.shared * draw(st.sampled_from([0.5, 1.0, 1.0 + 1e-11])))
        elif what == "capacity":
            orders = replace(orders, capacity_kwh=draw(st.sampled_from([0.0, 1.0, np.inf])))
        elif what == "limit price":
            prices = scaled(prices, place, factor)
    return orders, clearing, prices


@settings(max_examples=1000, deadline=None)
@given(tampered())
def test_it_is_content_exactly_where_there_are_no_findings(case: tuple[Orders, Clearing, Any]) -> None:
    with np.errstate(all="ignore"):  # infinities are drawn on purpose
        found = list(audit.findings(*case))
    assert sound(*case) == (not found), found


@pytest.mark.parametrize("name", names())
def test_it_is_content_with_what_markets_do(name: str) -> None:
    for seed in range(20):
        assert sound(*session(seed, name, 25))


@pytest.mark.parametrize("size", [0, 1])
def test_it_is_content_with_sessions_of_nothing(size: int) -> None:
    assert sound(*session(0, "double-auction", size))


def test_columns_that_it_cannot_read_are_left_to_the_audit_in_words() -> None:
    orders, clearing, prices = session(1, "double-auction", 25)
    assert len(clearing.trades)
    short = replace(clearing, trades=replace(clearing.trades, price_eur_per_kwh=np.array([0.1])))
    assert not sound(orders, short, prices)
    narrow = replace(
        clearing, trades=replace(clearing.trades, buy_row=clearing.trades.buy_row.astype(np.int32))
    )
    assert not sound(orders, narrow, prices)
    audit.check(orders, narrow, prices)
    assert not sound(orders, clearing, prices[1:])
    assert not sound(replace(orders, limit=np.full(25, 7)), clearing, prices)


@pytest.mark.parametrize("owner", [-1, 10**15])
def test_owners_may_go_by_any_number(owner: int) -> None:
    """Transfers within owners of strange numbers are not beyond the audit."""
    orders = Orders(
        owner=np.array([owner, owner]),
        side=np.array([BUY, SELL]),
        price_eur_per_kwh=np.array([0.3, 0.1]),
        quantity_kwh=np.array([1.0, 1.0]),
        limit=np.full(2, NO_LIMIT),
        weight=np.zeros(2),
        shared=np.zeros(0),
    )
    opened = create("double-auction").open(orders, np.random.default_rng(0), Band(0.08, 0.30))
    opened.advance()
    clearing = replace(opened.close(), internal_kwh=np.array([1.0, 1.0]))
    public = replace(clearing.public, volume_asked_for=0.0, volume_offered=0.0)
    clearing = replace(clearing, public=public)
    audit.check(orders, clearing)
    with pytest.raises(AuditError, match=f"owner {owner}: internal transfers do not balance"):
        audit.check(orders, replace(clearing, internal_kwh=np.array([1.0, 0.5])))
