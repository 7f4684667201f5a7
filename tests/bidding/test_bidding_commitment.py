"""Which heat sources are on: cases worked out by hand, and that nobody is cold while a source could help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from cosim.bidding.commitment import HeatDevices, switched_on


@dataclass(frozen=True)
class Row:
    """A device of one owner; heat drawn positive."""

    source: bool
    low: float
    base: float
    high: float
    price: float
    minimum: float = 0.0


def need(kwh: float) -> Row:
    return Row(False, kwh, kwh, kwh, 0.0)


def store(gives: float, takes: float, worth: float) -> Row:
    return Row(False, -gives, 0.0, takes, worth)


def source(most: float, cost: float, least: float = 0.0, must: float = 0.0) -> Row:
    """Off, or from `least` to `most`; at least `must` if it cannot stop."""
    return Row(True, -most, -must, -must, cost, least)


def on(*owners: Sequence[Row]) -> list[list[bool]]:
    """Whether the sources of every owner are on; rows of the owners take turns in the columns."""
    longest = max(len(rows) for rows in owners)
    flat = [
        (owner, rows[number])
        for number in range(longest)
        for owner, rows in enumerate(owners)
        if number < len(rows)
    ]

    def column(name: str) -> np.ndarray:
        return np.array([getattr(row, name) for _, row in flat])

    owner = np.array([number for number, _ in flat])
    found = switched_on(
        HeatDevices(
            column("source"),
            column("low"),
            column("base"),
            column("high"),
            column("minimum"),
            column("price"),
            column("price"),
        ),
        np.argsort(owner, kind="stable"),
        np.searchsorted(np.sort(owner), np.arange(len(owners) + 1)),
    )
    return [
        [bool(found[place]) for place, (own, row) in enumerate(flat) if own == number and row.source]
        for number in range(len(owners))
    ]


PUMP = source(10.0, 0.10, least=3.0)
BOILER = source(15.0, 0.12)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([need(5.0), PUMP], [True]),
        ([need(0.0), PUMP], [False]),
        ([need(2.0), PUMP], [True]),  # last resort: 1 kWh too much, but nobody freezes
        ([need(2.0), PUMP, BOILER], [False, True]),
        ([need(3.0), PUMP, BOILER], [True, True]),
        ([need(2.0), store(0.0, 4.0, 0.2), PUMP, BOILER], [True, True]),  # 2 + 4 are worth 3
        ([need(2.0), store(0.0, 4.0, 0.05), PUMP, BOILER], [False, True]),  # not worth its cost
        ([need(2.0), store(0.0, 0.9, 0.2), PUMP, BOILER], [True, True]),  # 0.30 - 0.18 against 0.24
        ([need(2.0), store(0.0, 0.2, 0.2), PUMP, BOILER], [False, True]),  # 0.30 - 0.04 against 0.24
        ([need(4.0), store(4.0, 0.0, 0.05), PUMP, BOILER], [False, True]),  # the store is cheaper
        ([need(2.0), store(2.0, 0.0, 0.05), PUMP], [False]),  # the store has enough
        ([need(2.0), store(1.9, 0.0, 0.05), PUMP], [True]),
        ([need(2.0), PUMP, source(1.0, 0.2)], [True, True]),  # the boiler cannot do it alone
        ([need(2.0), PUMP, source(2.0, 0.2)], [True, True]),  # 0.30, a third of it in vain, against 0.40
        ([need(2.0), PUMP, source(2.0, 0.14)], [False, True]),
        ([need(0.0), source(2.5, 0.2, least=1.0, must=1.5)], [True]),  # too fast to stop
        ([need(3.0), source(4.0, 0.08, least=2.0), PUMP], [True, False]),  # cheapest first
        ([need(5.0), source(4.0, 0.08, least=2.0), PUMP], [True, True]),  # 1 kWh is missing
        ([need(5.0), source(4.0, 0.08, least=2.0), PUMP, BOILER], [True, False, True]),
        ([need(12.0), source(4.0, 0.08, least=2.0), PUMP], [True, True]),
        ([need(2.0), PUMP, source(2.0, 0.14, least=2.0)], [False, True]),  # a smaller one can
        ([need(2.0), PUMP, source(9.0, 0.2, least=2.5)], [True, False]),  # that is too large as well
    ],
)
def test_by_hand(rows: list[Row], expected: list[bool]) -> None:
    assert on(rows) == [expected]


def test_what_must_run_counts_before_what_may() -> None:
    """A dear CHP that cannot stop gives 2 of 3 kWh, and could give 4: the pump would only make heat that
    nobody takes."""
    engine = source(4.0, 0.3, least=1.0, must=2.0)
    assert on([need(3.0), PUMP, engine]) == [[False, True]]
    # Where it can give no more than it must, the pump is the last resort.
    assert on([need(3.0), PUMP, source(2.0, 0.3, least=1.0, must=2.0)]) == [[True, True]]
    assert on([need(6.0), PUMP, engine]) == [[True, True]]
    assert on([need(2.0), store(0.0, 4.0, 0.2), PUMP, engine]) == [[True, True]]


def test_owners_are_apart() -> None:
    small, large = [need(2.0), PUMP, BOILER], [need(5.0), PUMP, BOILER]
    assert on(small, large, small) == [[False, True], [True, True], [False, True]]
    assert on(large, [], small) == [[True, True], [], [False, True]]


KWH = st.one_of(st.sampled_from([0.0, 1.0, 2.0, 3.0]), st.floats(0.0, 10.0))
PRICE = st.integers(-5, 30).map(lambda cents: cents * 0.01)


@st.composite
def households(draw: Any) -> list[Row]:
    rows = [need(draw(KWH))]
    for _ in range(draw(st.integers(0, 2))):
        rows.append(store(draw(KWH), draw(KWH), draw(PRICE)))
    for _ in range(draw(st.integers(1, 4))):
        least = draw(KWH)
        most = least + draw(KWH)
        must = draw(st.sampled_from([0.0, 0.0, 0.0, least, most]))
        rows.append(source(most, draw(PRICE), draw(st.sampled_from([0.0, least])), must))
    return rows


@settings(max_examples=300)
@given(everybody=st.lists(households(), min_size=1, max_size=3))
def test_nobody_is_cold_while_a_source_is_off(everybody: list[list[Row]]) -> None:
    for rows, running in zip(everybody, on(*everybody), strict=True):
        wanted = sum(row.base for row in rows if not row.source)
        stored = sum(row.base - row.low for row in rows if not row.source)
        sources = [row for row in rows if row.source]
        able = sum(-row.low for row in sources)
        given_ = sum(-row.low for row, runs in zip(sources, running, strict=True) if runs)
        assert given_ + stored >= min(wanted, able + stored) - 1e-8
        for row, runs in zip(sources, running, strict=True):
            assert runs or (row.minimum > 0.0 and row.base == 0.0), "what has no minimum is never off"


def cost_eur(rows: list[Row], running: list[bool]) -> float:
    """Least cost of the household's heat with these sources on: an independent linear programme. Freezing
    costs a thousand, heat that is too much nothing."""
    costs, bounds, balance = [1000.0, 0.0], [(0.0, None), (0.0, None)], [1.0, -1.0]
    runs = iter(running)
    for row in rows:
        if row.source:
            is_on = next(runs)
            low = max(row.minimum, -row.base) if is_on and row.base == 0.0 else -row.base
            costs.append(row.price)
            bounds.append((low, -row.low if is_on else 0.0))
            balance.append(1.0)
        else:
            costs += [row.price, -max(row.price, 0.0)]
            bounds += [(0.0, row.base - row.low), (0.0, row.high - row.base)]
            balance += [1.0, -1.0]
    wanted = sum(row.base for row in rows if not row.source)
    return float(linprog(costs, A_eq=[balance], b_eq=[wanted], bounds=bounds).fun)


COST = st.integers(0, 30).map(lambda cents: cents * 0.01)
"""Below zero heat would be made to be thrown away."""


@settings(max_examples=300, deadline=None)
@given(
    wanted=KWH,
    tank=st.tuples(KWH, KWH, COST),
    lumpy=st.tuples(st.floats(0.5, 3.0), st.floats(0.0, 5.0), COST),
    plain=st.tuples(st.floats(1.0, 15.0), COST),
)
def test_one_source_with_a_minimum_is_on_where_that_costs_less(
    wanted: float, tank: Any, lumpy: Any, plain: Any
) -> None:
    least, more, cost = lumpy
    rows = [need(wanted), store(*tank), source(least + more, cost, least), source(*plain)]
    [chosen] = on(rows)
    assert chosen[1], "the plain one has no minimum"
    best = min(cost_eur(rows, [is_on, True]) for is_on in (False, True))
    # What the dearer source could put into the store is not weighed.
    unweighed = tank[1] * max(tank[2] - plain[1], 0.0)
    assert best - 1e-6 <= cost_eur(rows, chosen) <= best + unweighed + 1e-6
