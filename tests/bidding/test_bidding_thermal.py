"""What heat sources draw against the cheapest way to make the same heat, which is found by trying every order
of merit, and by linear programming."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from cosim.bidding.thermal import Curve, Sources, curve_of, heat_at, steps_of


@dataclass(frozen=True)
class Source:
    """One source of somebody."""

    gas_eur: float
    draws: float
    least: float
    most: float
    heat: float = 0.0

    def cost(self, price: float) -> float:
        return self.gas_eur + self.draws * price


Owner = Sequence[Source]


def sources_of(owners: Sequence[Owner]) -> Sources:
    """Columns of all owners' sources."""
    count = np.array([len(owner) for owner in owners])
    flat = [source for owner in owners for source in owner]

    def column(name: str) -> np.ndarray:
        return np.array([getattr(source, name) for source in flat], dtype=float)

    return Sources(
        np.concatenate([[0], np.cumsum(count)]),
        steps_of(count),
        column("heat"),
        column("least"),
        column("most"),
        column("gas_eur"),
        column("draws"),
    )


def by_merit(owner: Owner, price: float) -> list[float]:
    """Heat of every source if the cheapest comes first at a price of electricity."""
    given = [source.least for source in owner]
    left = sum(source.heat - source.least for source in owner)
    for number in sorted(range(len(owner)), key=lambda k: owner[k].cost(price)):
        more = min(left, owner[number].most - owner[number].least)
        given[number] += more
        left -= more
    return given


def drawn(owner: Owner, heat: Sequence[float]) -> float:
    return sum(source.draws * given for source, given in zip(owner, heat, strict=True))


def gas(owner: Owner, heat: Sequence[float]) -> float:
    return sum(source.gas_eur * given for source, given in zip(owner, heat, strict=True))


def crossings(owner: Owner) -> list[float]:
    """Prices at which two sources cost the same, ascending."""
    found = {
        (one.gas_eur - other.gas_eur) / (other.draws - one.draws)
        for one in owner
        for other in owner
        if one.draws != other.draws
    }
    return sorted(found)


def prices_between(owner: Owner) -> list[float]:
    """One price in every interval in which the order of merit does not change; those that are narrower than
    rounding are left out."""
    at = crossings(owner)
    if not at:
        return [0.2]
    between = [(low + high) / 2.0 for low, high in pairwise(at) if high - low > 1e-9]
    return [at[0] - 1.0, *between, at[-1] + 1.0]


def drawn_at(curve: Curve, room: np.ndarray, owner: int, price: float) -> float:
    """What the steps say: all those above a price."""
    steps = slice(room[owner], room[owner + 1])
    above = curve.price_eur_per_kwh[steps] > price
    return float(curve.base_kwh[owner] + curve.energy_kwh[steps][above].sum())


GAS = st.one_of(st.sampled_from([0.0, 0.0, 0.05, 0.1, 0.15]), st.integers(0, 300).map(lambda c: c * 1e-3))
DRAWS = st.one_of(
    st.sampled_from([-0.4, 0.0, 0.25, 0.5, 1.0]), st.integers(-800, 1100).map(lambda c: c * 1e-3)
)
KWH = st.one_of(st.sampled_from([0.0, 1.0, 2.0]), st.floats(0.0, 20.0))


@st.composite
def owners(draw: Any, least: int = 0, most: int = 5) -> list[Source]:
    """Sources that give some of what they can."""
    found = []
    for _ in range(draw(st.integers(least, most))):
        low = draw(st.one_of(st.just(0.0), KWH))
        high = low + draw(KWH)
        heat = low + draw(st.floats(0.0, 1.0)) * (high - low)
        found.append(Source(draw(GAS), draw(DRAWS), low, high, heat))
    return found


THREE_AT_ONCE = [
    Source(0.0, 0.35, 0.0, 1.0, 1.0),
    Source(0.0, 0.3, 0.0, 1.0, 0.0),
    Source(0.0, 1.0, 0.0, 1.0, 0.0),
]
"""Two heat pumps and a heater: all three cost the same where electricity costs nothing."""
IN_A_ROW = [
    Source(0.1, 0.5, 0.0, 1.0, 1.0),
    Source(0.15, 0.0, 0.0, 1.0, 0.0),
    Source(0.05, 1.0, 0.0, 1.0, 0.0),
]
"""All three cost the same at 0.1 EUR/kWh, but for rounding."""


@settings(max_examples=300)
@given(everybody=st.lists(owners(), min_size=1, max_size=4))
@example(everybody=[THREE_AT_ONCE])
@example(everybody=[IN_A_ROW])
@example(everybody=[[], THREE_AT_ONCE[::-1], [], IN_A_ROW[::-1]])
def test_the_curve_draws_what_the_cheapest_sources_draw(everybody: list[Owner]) -> None:
    sources = sources_of(everybody)
    curve = curve_of(sources)
    assert (curve.energy_kwh >= 0.0).all()
    for number, owner in enumerate(everybody):
        steps = slice(sources.room[number], sources.room[number + 1])
        wide = curve.energy_kwh[steps] > 0.0
        falling = curve.price_eur_per_kwh[steps][wide]
        assert (np.diff(falling) <= 1e-9).all()
        for price in prices_between(owner):
            expected = drawn(owner, by_merit(owner, price))
            assert drawn_at(curve, sources.room, number, price) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=300)
@given(everybody=st.lists(owners(), min_size=1, max_size=4), share=st.floats(0.0, 1.0))
@example(everybody=[THREE_AT_ONCE], share=1.0)
@example(everybody=[IN_A_ROW, IN_A_ROW[::-1]], share=0.7)
def test_any_point_of_the_curve_can_be_carried_out_at_least_cost(
    everybody: list[Owner], share: float
) -> None:
    sources = sources_of(everybody)
    curve = curve_of(sources)
    wanted = np.array(
        [
            curve.base_kwh[number]
            + share * curve.energy_kwh[sources.room[number] : sources.room[number + 1]].sum()
            for number in range(len(everybody))
        ]
    )
    heat = heat_at(sources, wanted)
    assert (heat >= sources.least_kwh - 1e-9).all() and (heat <= sources.most_kwh + 1e-9).all()
    for number, owner in enumerate(everybody):
        own = heat[sources.start[number] : sources.start[number + 1]].tolist()
        assert sum(own) == pytest.approx(sum(source.heat for source in owner), abs=1e-9)
        assert drawn(owner, own) == pytest.approx(wanted[number], abs=1e-9)
        # Cost against electricity is convex; its corners are orders of merit.
        corners = sorted(
            (drawn(owner, given), gas(owner, given))
            for given in (by_merit(owner, price) for price in prices_between(owner))
        )
        least = np.interp(
            wanted[number], [corner[0] for corner in corners], [corner[1] for corner in corners]
        )
        assert gas(owner, own) == pytest.approx(least, abs=1e-8)


@settings(max_examples=30)
@given(owner=owners(least=1), price=st.floats(-0.5, 1.0), share=st.floats(0.0, 1.0))
def test_linear_programming_agrees(owner: Owner, price: float, share: float) -> None:
    """Tolerances are those of the solver."""
    sources = sources_of([owner])
    curve = curve_of(sources)
    total = sum(source.heat for source in owner)
    bounds = [(source.least, source.most) for source in owner]
    ones = [[1.0] * len(owner)]
    at_price = linprog([source.cost(price) for source in owner], A_eq=ones, b_eq=[total], bounds=bounds)
    wanted = drawn_at(curve, sources.room, 0, price)
    heat = heat_at(sources, np.array([wanted]))
    found = sum(source.cost(price) * given for source, given in zip(owner, heat, strict=True))
    assert found == pytest.approx(at_price.fun, abs=1e-5)
    point = curve.base_kwh[0] + share * curve.energy_kwh.sum()
    heat = heat_at(sources, np.array([point]))
    at_point = linprog(
        [source.gas_eur for source in owner],
        A_eq=[*ones, [source.draws for source in owner]],
        b_eq=[total, point],
        bounds=bounds,
    )
    if at_point.success:  # a point at the very end may be outside by the solver's rounding
        assert gas(owner, heat.tolist()) == pytest.approx(at_point.fun, abs=1e-5)


def test_boiler_heat_pump_and_chp_by_hand() -> None:
    """4 kWh of heat. Gas at 0.10: boiler 0.9 -> 0.1111 a kWh; CHP 0.65 heat, 0.26 electricity -> 0.15385 less
    0.4 p; heat pump of COP 3 -> p / 3. The CHP is the cheapest above p = 0.20979 (against the heat pump;
    against the boiler from 0.10684 on), the heat pump below 0.3333 cheaper than the boiler."""
    boiler = Source(0.1 / 0.9, 0.0, 0.0, 10.0, 4.0)
    chp = Source(0.1 / 0.65, -0.26 / 0.65, 0.0, 2.5)
    pump = Source(0.0, 1.0 / 3.0, 0.0, 3.0)
    sources = sources_of([[boiler, chp, pump]])
    curve = curve_of(sources)
    assert curve.base_kwh == pytest.approx([-1.0]), "CHP 2.5, boiler 1.5"
    swaps = [(0.1 / 0.9) * 3.0, (0.1 / 0.65) / (1 / 3 + 0.4), (0.1 / 0.65 - 0.1 / 0.9) / 0.4]
    assert curve.price_eur_per_kwh == pytest.approx(swaps)
    # 0.333: 1.5 from boiler to pump; 0.210: 1.5 from CHP to pump, now full; 0.107: 1.0 from CHP to boiler.
    assert curve.energy_kwh == pytest.approx([0.5, 1.5 * (1 / 3 + 0.4), 0.4])
    for price, expected in ((0.5, -1.0), (0.25, -0.5), (0.15, 0.6), (0.05, 1.0)):
        assert drawn_at(curve, sources.room, 0, price) == pytest.approx(expected)
    for electricity, heat in (
        (-1.0, (1.5, 2.5, 0.0)),
        (-0.75, (0.75, 2.5, 0.75)),
        (-0.5, (0.0, 2.5, 1.5)),
        (0.6, (0.0, 1.0, 3.0)),
        (0.8, (0.5, 0.5, 3.0)),
        (1.0, (1.0, 0.0, 3.0)),
    ):
        assert heat_at(sources, np.array([electricity])) == pytest.approx(heat, abs=1e-12)


def test_three_that_cost_the_same_at_one_price_change_places_at_once() -> None:
    curve = curve_of(sources_of([THREE_AT_ONCE]))
    assert curve.base_kwh == pytest.approx([0.3]) and curve.energy_kwh.sum() == pytest.approx(0.7)
    assert (curve.price_eur_per_kwh[curve.energy_kwh > 0.0] == 0.0).all()


def test_one_source_or_none_has_no_steps() -> None:
    alone = Source(0.1, 0.3, 1.0, 5.0, 3.0)
    sources = sources_of([[], [alone], []])
    curve = curve_of(sources)
    assert curve.base_kwh == pytest.approx([0.0, 0.9, 0.0]) and len(curve.price_eur_per_kwh) == 0
    assert heat_at(sources, np.array([0.0, 0.9, 0.0])) == pytest.approx([3.0])
    nobody = sources_of([[], []])
    assert (curve_of(nobody).base_kwh == 0.0).all() and len(heat_at(nobody, np.zeros(2))) == 0


def test_sources_that_draw_alike_come_by_their_gas_and_never_trade_places() -> None:
    """Two boilers: the cheaper one is full whatever electricity costs."""
    owner = [Source(0.12, 0.0, 0.0, 4.0, 3.0), Source(0.10, 0.0, 0.0, 2.0, 0.0)]
    sources = sources_of([owner])
    assert not curve_of(sources).energy_kwh.any()
    assert heat_at(sources, np.zeros(1)) == pytest.approx([1.0, 2.0])


def test_what_must_run_runs() -> None:
    """A CHP that cannot go below 1 kWh stays there however cheap electricity is."""
    owner = [Source(0.15, -0.4, 1.0, 2.5, 2.5), Source(0.0, 0.3, 0.0, 5.0, 0.0)]
    sources = sources_of([owner])
    curve = curve_of(sources)
    assert curve.base_kwh == pytest.approx([-1.0]) and curve.energy_kwh.sum() == pytest.approx(1.5 * 0.7)
    assert heat_at(sources, np.array([0.05])) == pytest.approx([1.0, 1.5])
