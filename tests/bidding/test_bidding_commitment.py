"""Which heat sources are on: cases worked out by hand, and that nobody is cold while a source could help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
        ([need(2.0), store(0.0, 0.9, 0.2), PUMP, BOILER], [False, True]),  # 2 + 0.9 do not reach 3
        ([need(2.0), store(2.0, 0.0, 0.05), PUMP], [False]),  # the store has enough
        ([need(2.0), store(1.9, 0.0, 0.05), PUMP], [True]),
        ([need(2.0), PUMP, source(1.0, 0.2)], [True, True]),  # the boiler cannot do it alone
        ([need(2.0), PUMP, source(2.0, 0.2)], [False, True]),
        ([need(0.0), source(2.5, 0.2, least=1.0, must=1.5)], [True]),  # too fast to stop
        ([need(3.0), source(4.0, 0.08, least=2.0), PUMP], [True, False]),  # cheapest first
        ([need(5.0), source(4.0, 0.08, least=2.0), PUMP], [True, True]),  # 1 kWh is missing
        ([need(5.0), source(4.0, 0.08, least=2.0), PUMP, BOILER], [True, False, True]),
        ([need(12.0), source(4.0, 0.08, least=2.0), PUMP], [True, True]),
        ([need(2.0), PUMP, source(2.0, 0.2, least=2.0)], [False, True]),  # a smaller one can
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


@settings(max_examples=300)
@given(rows=households())
def test_a_source_that_is_on_is_wanted_or_needed(rows: list[Row]) -> None:
    """What a source has to give at least is taken by the need or by stores that pay for it; or the others
    together cannot meet the need."""
    sources = [row for row in rows if row.source]
    wanted = sum(row.base for row in rows if not row.source)
    stored = sum(row.base - row.low for row in rows if not row.source)
    for own, runs in zip(sources, on(rows)[0], strict=True):
        if runs and own.minimum > 0.0 and own.base == 0.0:
            room = sum(row.high - row.base for row in rows if not row.source and row.price > own.price)
            others = sum(-row.low for row in sources if row is not own)
            smaller = sum(-row.low for row in sources if row is not own and row.minimum <= wanted)
            assert own.minimum <= wanted + room + 1e-9 or min(others, smaller) + stored < wanted
