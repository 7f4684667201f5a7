"""Imbalance, heat, gas and carbon on the bill: by hand, against the laws that hold for every dispatch, and
against the formulas that hold without them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.core.arrays import FloatArray
from cosim.core.clock import Clock
from cosim.core.dispatch import Dispatch, Position
from cosim.errors import AuditError
from cosim.settlement.bills import Bill
from cosim.settlement.components import BILLED, COMPONENTS, OPERATOR, OUTSIDE, PROSUMERS, RETAILER, STATE
from cosim.settlement.config import TariffsConfig
from cosim.settlement.money import MoneyTable
from cosim.settlement.tariffs import TariffBook

TARIFF = {
    "retail": {
        "energy": 0.10,
        "network": 0.08,
        "levies": {"price": 0.05, "p2p": False},
        "vat": {"share": 0.19, "p2p": False},
    },
    "feed_in": 0.06,
    "imbalance": {"short": 0.15, "long": 0.02},
    "gas": 0.09,
}
CARBON = {"price": 55, "gas_kg_per_kwh": 0.2, "electricity_kg_per_kwh": 0.4}
FREE = {"retail": 0.30, "feed_in": 0.05}
DAY = Clock(datetime(2016, 6, 6, tzinfo=ZoneInfo("Europe/Berlin")), 60, 24)


def book(n: int, *others: dict[str, Any], carbon: dict[str, float] | None = None) -> TariffBook:
    """Prosumers with these tariffs in turn, TARIFF if there is none."""
    tariffs = dict(zip(("default", "second"), others or (TARIFF,), strict=False))
    config = TariffsConfig.model_validate({**tariffs, "carbon": CARBON if carbon is None else carbon})
    return TariffBook(config, DAY, np.arange(n) % len(tariffs))


def position(n: int, price: float = 0.0, **columns: list[float]) -> Position:
    """Columns that are named, by their first word; zero else. Net follows; all trades have one price."""
    found = {name: np.array(columns.get(name, [0.0] * n)) for name in ENERGIES}
    bought, sold, imported, exported, lost, imbalance = found.values()
    net = bought - (sold + lost) + imported - exported + imbalance
    return Position(
        net, bought, sold, imported, exported, lost, imbalance, price * (bought - sold), price * bought
    )


ENERGIES = ("bought", "sold", "imported", "exported", "lost", "imbalance")


def dispatch(power: Position, heat: Position | None = None, gas: list[float] | None = None) -> Dispatch:
    burnt = np.zeros_like(power.net_kwh) if gas is None else np.array(gas)
    return Dispatch({}, {}, power, heat, burnt)


def assert_bill(bill: Bill, row: int, **expected: float) -> None:
    """Components of one prosumer; those that are not named are nothing."""
    found = dict(zip(COMPONENTS, bill.eur[:, row].tolist(), strict=True))
    assert found == pytest.approx({name: expected.get(name, 0.0) for name in COMPONENTS}, abs=1e-15)
    assert bill.total_eur[row] == pytest.approx(sum(expected.values()), abs=1e-15)


def test_short_pays_its_own_price_and_charges_follow_the_meter() -> None:
    # Contracted 2 kWh from others and 1 kWh from the utility, drawn 3.5 kWh: 0.5 kWh beyond.
    power = position(2, 0.12, bought=[2, 0], sold=[0, 2], imported=[1, 0], imbalance=[0.5, 0])
    bill = book(2).bill(0, dispatch(power))
    assert_bill(
        bill,
        0,
        trade=0.24,
        energy=0.10,
        network=0.08 * 3.5,
        levies=0.05 * 1.5,
        vat=0.19 * (0.10 + 0.15 * 0.5 + 0.13 * 1.5),
        imbalance=0.15 * 0.5,
    )
    assert_bill(bill, 1, trade=-0.24)
    assert bill.grid_kwh == 1.5


def test_long_receives_and_is_charged_for_what_it_drew_alone() -> None:
    # The same contract, drawn 1.2 kWh: 1.8 kWh not taken, 0.8 kWh of them bought from others.
    power = position(2, 0.12, bought=[2, 0], sold=[0, 2], imported=[1, 0], imbalance=[-1.8, 0])
    bill = book(2).bill(0, dispatch(power))
    assert_bill(bill, 0, trade=0.24, energy=0.10, network=0.08 * 1.2, vat=0.19 * 0.10, imbalance=-0.02 * 1.8)
    assert bill.grid_kwh == pytest.approx(-0.8)


def test_who_gives_less_than_it_sold_is_short_without_drawing() -> None:
    # Sold 2 kWh, its PV gave 1.4 kWh; nothing came through its meter, so there is no charge, but VAT.
    power = position(2, 0.12, bought=[2, 0], sold=[0, 2], imbalance=[0, 0.6])
    bill = book(2).bill(0, dispatch(power))
    assert_bill(bill, 1, trade=-0.24, imbalance=0.15 * 0.6, vat=0.19 * 0.15 * 0.6)
    # With 3 kWh missing it draws 1 kWh through its meter.
    bill = book(2).bill(0, dispatch(replace_imbalance(power, [0, 3])))
    short = 0.15 * 3
    assert_bill(bill, 1, trade=-0.24, network=0.08, levies=0.05, vat=0.19 * (short + 0.13), imbalance=short)


def replace_imbalance(power: Position, imbalance: list[float]) -> Position:
    deviation = np.array(imbalance, dtype=float)
    net = power.net_kwh - power.imbalance_kwh + deviation
    return replace(power, imbalance_kwh=deviation, net_kwh=net)


def test_prices_of_imbalance_left_out_are_those_of_the_utility() -> None:
    """Drawn beyond costs what an import does, given beyond what feeding in brings."""
    tariff = {key: value for key, value in TARIFF.items() if key != "imbalance"}
    tariffs = book(2, tariff)
    deviating = tariffs.bill(0, dispatch(position(2, imbalance=[1.5, -2.0])))
    planned = tariffs.bill(0, dispatch(position(2, imported=[1.5, 0], exported=[0, 2.0])))
    np.testing.assert_array_equal(deviating.total_eur, planned.total_eur)
    np.testing.assert_array_equal(deviating.imbalance_eur, planned.energy_eur + planned.feed_in_eur)
    # What was contracted and not taken is sold back at feed-in, as any surplus is.
    back = tariffs.bill(0, dispatch(position(2, imported=[1.0, 0.0], imbalance=[-1.0, 0.0])))
    assert back.total_eur[0] == pytest.approx(0.10 * 1.19 - 0.06)


def test_prices_of_imbalance_have_every_form_and_their_own_default() -> None:
    evening = {"windows": [{"from": "18:00", "to": "20:00", "price": 0.4}], "default": 0.2}
    tariffs = book(1, {**FREE, "imbalance": {"short": evening}})
    one = dispatch(position(1, imbalance=[1.0]))
    paid = [float(tariffs.bill(hour, one).total_eur[0]) for hour in (17, 18, 20)]
    assert paid == [0.2, 0.4, 0.2]
    given = dispatch(position(1, imbalance=[-1.0]))
    assert tariffs.bill(18, given).total_eur[0] == -0.05


def test_heat_is_traded_without_charges_and_what_is_lost_is_the_sellers() -> None:
    # B sells 2 kWh at 0.07 and gives 2.2 kWh; it is short of heat itself, A has some that nobody takes.
    heat = position(2, 0.07, bought=[2, 0], sold=[0, 2], lost=[0, 0.2], imported=[0, 0.3], exported=[0.1, 0])
    assert heat.net_kwh.tolist() == pytest.approx([1.9, -1.9])
    bill = book(2).bill(0, dispatch(position(2), heat))
    assert_bill(bill, 0, heat_trade=0.14)
    assert_bill(bill, 1, heat_trade=-0.14)
    assert bill.grid_kwh == 0.0


def test_gas_goes_outside_and_carbon_to_the_state() -> None:
    tariffs = book(2, TARIFF, FREE)
    bill = tariffs.bill(0, dispatch(position(2, imported=[1, 0.5]), gas=[10, 0]))
    assert bill.gas_eur.tolist() == [pytest.approx(0.9), 0.0]
    # 10 kWh x 0.2 kg/kWh x 0.055 EUR/kg.
    assert bill.carbon_eur.tolist() == [pytest.approx(0.11), 0.0]
    assert (bill.gas_carbon_kg, bill.grid_carbon_kg) == (pytest.approx(2.0), pytest.approx(0.6))
    assert bill.carbon_kg == pytest.approx(2.6)
    np.testing.assert_allclose(tariffs.gas_price(0), [0.09 + 0.2 * 0.055, np.nan])


def test_emissions_are_those_of_what_the_community_draws_as_a_whole() -> None:
    tariffs = book(2)
    # Drawn by one and fed in by the other is no draw; nor does feeding in save any.
    apart = tariffs.bill(0, dispatch(position(2, imported=[3, 0], exported=[0, 2])))
    assert apart.grid_carbon_kg == pytest.approx(0.4 * 1)
    together = tariffs.bill(0, dispatch(position(2, bought=[2, 0], sold=[0, 2], imported=[1, 0])))
    assert together.grid_carbon_kg == pytest.approx(apart.grid_carbon_kg)
    assert tariffs.bill(0, dispatch(position(2, exported=[3, 0]))).carbon_kg == 0.0
    deviating = tariffs.bill(0, dispatch(position(2, imported=[3, 0], imbalance=[1, -2])))
    assert deviating.grid_carbon_kg == pytest.approx(0.4 * 2)


def test_factors_left_out_are_published_ones() -> None:
    default = TariffsConfig.model_validate({"default": FREE}).carbon
    assert (default.price, default.electricity_kg_per_kwh) == (0.0, 0.363)
    ipcc_kg_per_gj, gj_per_kwh = 56.1, 0.0036
    assert default.gas_kg_per_kwh == pytest.approx(ipcc_kg_per_gj * gj_per_kwh, rel=0.01)


amounts = st.floats(0, 50, allow_subnormal=False)


@st.composite
def positions(draw: st.DrawFn, n: int, lost: bool) -> Position:
    """Random trades on top of random energies with whoever stands outside the market."""
    column = st.lists(amounts, min_size=n, max_size=n).map(np.array)
    imported, exported = draw(column), draw(column)
    deviation = draw(st.lists(st.floats(-20, 20, allow_subnormal=False), min_size=n, max_size=n))
    bought, sold, paid, got, lost_kwh = np.zeros((5, n))
    ends = st.tuples(st.integers(0, n - 1), st.integers(0, n - 1), amounts, st.floats(-0.1, 0.4))
    for buyer, seller, quantity, price in draw(st.lists(ends, max_size=12)):
        bought[buyer] += quantity
        sold[seller] += quantity
        paid[buyer] += quantity * price
        got[seller] += quantity * price
        lost_kwh[seller] += 0.1 * quantity * lost
    imbalance = np.zeros(n) if lost else np.array(deviation)
    net = bought - (sold + lost_kwh) + imported - exported + imbalance
    return Position(net, bought, sold, imported, exported, lost_kwh, imbalance, paid - got, paid)


@st.composite
def dispatches(draw: st.DrawFn) -> Dispatch:
    n = draw(st.integers(1, 8))
    gas = draw(st.lists(amounts, min_size=n, max_size=n).map(np.array))
    heat = draw(st.one_of(st.none(), positions(n, lost=True)))
    return Dispatch({}, {}, draw(positions(n, lost=False)), heat, gas)


def mixed(n: int) -> TariffBook:
    evening = {"windows": [{"from": "18:00", "to": "20:00", "price": 0.4}], "default": 0.2}
    second = {**TARIFF, "imbalance": {"short": evening, "long": -0.01}, "gas": 0.12, "feed_in": -0.02}
    return book(n, TARIFF, second)


@given(dispatches(), st.integers(0, 23))
def test_every_component_goes_from_one_party_to_another(whole: Dispatch, hour: int) -> None:
    tariffs = mixed(len(whole.gas_kwh))
    bill = tariffs.bill(hour, whole)
    scale = 1 + np.abs(bill.eur).sum()
    received = dict.fromkeys((PROSUMERS, RETAILER, OPERATOR, STATE, OUTSIDE), 0.0)
    for item, eur in zip(BILLED, bill.sums_eur.tolist(), strict=True):
        received[item.receiver] += eur
    assert received[PROSUMERS] == pytest.approx(0, abs=1e-12 * scale)
    assert sum(received.values()) == pytest.approx(bill.total_eur.sum(), abs=1e-12 * scale)
    prices = tariffs.gas_price(hour)
    np.testing.assert_allclose(bill.gas_eur + bill.carbon_eur, prices * whole.gas_kwh, atol=1e-12 * scale)


@given(dispatches(), dispatches(), st.integers(0, 23))
def test_saving_is_gain_and_transfer_with_gas_heat_and_imbalance(
    run: Dispatch, alone: Dispatch, hour: int
) -> None:
    n = min(len(run.gas_kwh), len(alone.gas_kwh))
    tariffs, table = mixed(n), MoneyTable(n)
    bills = [tariffs.bill(hour, _without_trade(first(part, n))) for part in (run, alone)]
    table.add(bills[0], bills[1], 0.2, 0.1)
    money = table.money()
    scale = 1 + np.abs(money.actual_eur).sum() + np.abs(money.alone_eur).sum()
    np.testing.assert_allclose(money.actual_eur.sum(axis=0), 0, atol=1e-12 * scale)
    split = sum(money.gain_eur.values()) + sum(money.transfer_eur.values())
    assert money.saving_eur == pytest.approx(split, abs=1e-12 * scale)
    costs = float((money.alone_cost_eur - money.cost_eur).sum())
    assert money.saving_eur == pytest.approx(costs, abs=1e-12 * scale)
    assert money.gain_eur["gas"] == pytest.approx(float(bills[1].gas_eur.sum() - bills[0].gas_eur.sum()))
    carbon = [bill.gas_carbon_kg for bill in bills], [bill.grid_carbon_kg for bill in bills]
    summary = money.summary()
    assert summary["carbon_kg"] == {"gas": carbon[0][0], "grid": carbon[1][0]}
    assert summary["utility_only_carbon_kg"] == {"gas": carbon[0][1], "grid": carbon[1][1]}


def first(whole: Dispatch, n: int) -> Dispatch:
    """The first n prosumers."""

    def cut(part: Position | None) -> Position | None:
        names = Position.__slots__
        return None if part is None else Position(*(getattr(part, name)[:n] for name in names))

    power = cut(whole.electricity)
    assert power is not None
    return Dispatch({}, {}, power, cut(whole.heat), whole.gas_kwh[:n])


def _without_trade(whole: Dispatch) -> Dispatch:
    """Trades taken off, since their other ends may be missing."""

    def alone(part: Position) -> Position:
        none = np.zeros_like(part.net_kwh)
        net = part.net_kwh - part.bought_kwh + part.sold_kwh + part.lost_kwh
        return replace(
            part,
            net_kwh=net,
            bought_kwh=none,
            sold_kwh=none,
            lost_kwh=none,
            trade_cost_eur=none,
            trade_paid_eur=none,
        )

    heat = None if whole.heat is None else alone(whole.heat)
    return replace(whole, electricity=alone(whole.electricity), heat=heat)


def formulas_of_before(tariffs: TariffBook, hour: int, power: Position) -> FloatArray:
    """The six components as they were before there was imbalance, heat or gas, to the last bit."""
    rates = tariffs.rates.at(hour)[tariffs.tariff_of_prosumer].T
    energy, network, levies, vat, feed_in, p2p_network, p2p_levies, p2p_vat = rates[:8]
    drawn = np.maximum(power.net_kwh, 0.0)
    from_others = np.minimum(power.bought_kwh, drawn)
    from_utility = drawn - from_others
    bought = energy * power.import_kwh
    return np.array(
        [
            power.trade_cost_eur,
            bought,
            network * from_utility + p2p_network * from_others,
            levies * from_utility + p2p_levies * from_others,
            vat * (bought + (network + levies) * from_utility)
            + p2p_vat * (power.trade_paid_eur + (p2p_network + p2p_levies) * from_others),
            -feed_in * power.export_kwh,
        ]
    )


@given(dispatches(), st.integers(0, 23))
def test_without_imbalance_heat_and_gas_nothing_changes(whole: Dispatch, hour: int) -> None:
    none = np.zeros_like(whole.gas_kwh)
    power = whole.electricity
    net = power.bought_kwh - power.sold_kwh + power.import_kwh - power.export_kwh
    power = replace(power, imbalance_kwh=none, net_kwh=net)
    tariffs = mixed(len(none))
    bill = tariffs.bill(hour, Dispatch({}, {}, power, None, none))
    old = formulas_of_before(tariffs, hour, power)
    np.testing.assert_array_equal(bill.eur[:6], old)
    assert not bill.eur[6:].any()
    total = old[0].copy()
    for row in old[1:]:
        total += row
    np.testing.assert_array_equal(bill.total_eur, total)
    assert bill.grid_kwh == float(power.import_kwh.sum() - power.export_kwh.sum())


def good() -> Dispatch:
    power = position(2, 0.12, bought=[2, 0], sold=[0, 2], imported=[1, 0], imbalance=[0.5, -0.2])
    heat = position(2, 0.07, bought=[2, 0], sold=[0, 2], lost=[0, 0.2])
    return dispatch(power, heat, [3.0, 0.0])


def _heat(**columns: list[float]) -> Callable[[Dispatch], Dispatch]:
    changed = {name: np.array(values) for name, values in columns.items()}

    def change(whole: Dispatch) -> Dispatch:
        assert whole.heat is not None
        return replace(whole, heat=replace(whole.heat, **changed))

    return change


def _power(**columns: list[float]) -> Callable[[Dispatch], Dispatch]:
    changed = {name: np.array(values) for name, values in columns.items()}
    return lambda whole: replace(whole, electricity=replace(whole.electricity, **changed))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_power(imbalance_kwh=[0.5, -0.3]), "electricity of prosumer 1 does not balance: .* imbalance -0.3 "),
        (_power(lost_kwh=[0.0, 0.1], net_kwh=[3.5, -2.3]), "electricity of prosumer 1 .* lost must be zero"),
        (_heat(lost_kwh=[0.0, 0.3]), "heat of prosumer 1 does not balance: metered -2.2 kWh"),
        (_heat(lost_kwh=[-0.1, 0.2], net_kwh=[2.1, -2.2]), "heat of prosumer 0 .* must be positive or zero"),
        (
            _heat(imbalance_kwh=[1.0, 0.0], net_kwh=[3.0, -2.2]),
            "heat of prosumer 0 .* imbalance must be zero",
        ),
        (_heat(bought_kwh=[2.1, 0], net_kwh=[2.1, -2.2]), r"bought 2\.1 kWh of heat .* sold 2 kWh"),
        (_heat(trade_cost_eur=[0.15, -0.14]), r"of heat_trade, prosumers pay 0\.01 EUR, .* receive 0 EUR"),
        (
            lambda whole: _heat(trade_cost_eur=[0.15, -0.14])(_power(trade_cost_eur=[0.23, -0.24])(whole)),
            "of trade, prosumers pay -0.01 EUR",  # the two would cancel in a sum
        ),
        (lambda whole: replace(whole, gas_kwh=np.array([0.0, -1.0])), "gas of prosumer 1 is -1 kWh"),
        (lambda whole: replace(whole, gas_kwh=np.array([np.nan, 0.0])), "gas of prosumer 0 is nan kWh"),
    ],
)
def test_what_does_not_balance_stops_the_run(change: Callable[[Dispatch], Dispatch], message: str) -> None:
    book(2).bill(5, good())
    with pytest.raises(AuditError, match=r"period 5 \(2016-06-06 05:00\+02:00\): .*" + message):
        book(2).bill(5, change(good()))


def test_gas_without_a_price_is_never_free() -> None:
    """`require_gas` tells the user before a run; if nobody asked it, the audit stops the run."""
    tariffs = book(2, TARIFF, FREE)
    with pytest.raises(AuditError, match="of gas, prosumers pay nan EUR"):
        tariffs.bill(0, dispatch(position(2), gas=[0.0, 1.0]))


@pytest.mark.parametrize("place", ["heat", "gas"])
def test_columns_of_another_length_are_refused(place: str) -> None:
    wrong = replace(good(), **{"heat": {"heat": position(3)}, "gas": {"gas_kwh": np.zeros(3)}}[place])
    with pytest.raises(ValueError, match=r"shape \(3,\), expected \(2,\)"):
        book(2).bill(0, wrong)
