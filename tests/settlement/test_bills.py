"""Bills against closed forms, and the laws that hold for every dispatch: no energy and no money is lost."""

from __future__ import annotations

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
from cosim.settlement.components import COMPONENTS
from cosim.settlement.config import TariffsConfig
from cosim.settlement.counterfactual import saving_eur
from cosim.settlement.rates import LEVIES, NETWORK, VAT
from cosim.settlement.tariffs import TariffBook

OLD = 6
"""Components that concern electricity as contracted; those of imbalance, heat and gas come behind."""
PAPER = {
    "retail": {
        "windows": [
            {"from": "21:00", "to": "09:00", "price": 0.08},
            {"from": "09:00", "to": "17:00", "price": 0.13},
            {"from": "17:00", "to": "21:00", "price": 0.18},
        ]
    },
    "feed_in": 0.04,
}


def book(tariff: dict[str, Any], n: int, **others: Any) -> TariffBook:
    config = TariffsConfig.model_validate({"default": tariff, **others})
    clock = Clock(datetime(2016, 6, 6, tzinfo=ZoneInfo("Europe/Berlin")), 60, 24)
    names = list(config.named())
    return TariffBook(config, clock, [names[i % len(names)] for i in range(n)])


def components(network: bool = True, levies: bool = True, vat: bool = True) -> dict[str, Any]:
    return {
        "retail": {
            "energy": 0.10,
            "network": {"price": 0.08, "p2p": network},
            "levies": {"price": 0.05, "p2p": levies},
            "vat": {"share": 0.19, "p2p": vat},
        },
        "feed_in": 0.06,
    }


def electric(
    net: FloatArray,
    bought: FloatArray,
    sold: FloatArray,
    imported: FloatArray,
    exported: FloatArray,
    cost: FloatArray,
    paid: FloatArray,
) -> Dispatch:
    """Electricity alone, delivered as contracted."""
    none = np.zeros_like(net)
    position = Position(net, bought, sold, imported, exported, none, none, cost, paid)
    return Dispatch({}, {}, position, None, none)


def changed(dispatch: Dispatch, **columns: FloatArray) -> Dispatch:
    """The same with other columns of electricity."""
    return replace(dispatch, electricity=replace(dispatch.electricity, **columns))


def traded(net: FloatArray, bought: FloatArray, sold: FloatArray, price: float) -> Dispatch:
    """What was not traded settles with the utility; every trade at the same price."""
    rest = net - bought + sold
    imported, exported = np.maximum(rest, 0.0), np.maximum(-rest, 0.0)
    return electric(net, bought, sold, imported, exported, price * (bought - sold), price * bought)


def utility_only(net: FloatArray) -> Dispatch:
    nothing = np.zeros_like(net)
    return traded(net, nothing, nothing, 0.0)


def test_paper_bill_of_a_day_with_the_utility_alone() -> None:
    tariffs = book(PAPER, 2)
    cost = sum(tariffs.bill(k, utility_only(np.array([0.5, -0.25]))).total_eur for k in range(24))
    # 12 h at 0.08, 8 h at 0.13, 4 h at 0.18; the other one feeds in at 0.04.
    np.testing.assert_allclose(cost, [0.5 * (0.96 + 1.04 + 0.72), -0.25 * 24 * 0.04], rtol=1e-12)


def test_paper_bill_of_a_trade() -> None:
    # 18:00: A needs 3 kWh, B has 2 kWh left over; they trade 2 kWh at 0.11, midway between 0.04 and 0.18.
    bill = book(PAPER, 2).bill(
        18, traded(np.array([3.0, -2.0]), np.array([2.0, 0.0]), np.array([0.0, 2.0]), 0.11)
    )
    np.testing.assert_allclose(bill.total_eur, [2 * 0.11 + 1 * 0.18, -2 * 0.11], rtol=1e-12)
    alone = book(PAPER, 2).bill(18, utility_only(np.array([3.0, -2.0])))
    np.testing.assert_allclose(saving_eur(bill, alone), [2 * 0.07, 2 * 0.07], rtol=1e-12)


@pytest.mark.parametrize(
    ("network", "levies", "vat", "buyer"),
    [
        # A buys 2 kWh at 0.12 from B and 1 kWh from the utility: trade 0.24, energy 0.10, then the rest.
        (True, True, True, [0.24, 0.10, 0.24, 0.15, 0.19 * 0.23 + 0.19 * (0.24 + 0.26), 0.0]),
        (True, False, True, [0.24, 0.10, 0.24, 0.05, 0.19 * 0.23 + 0.19 * (0.24 + 0.16), 0.0]),
        (False, False, True, [0.24, 0.10, 0.08, 0.05, 0.19 * 0.23 + 0.19 * 0.24, 0.0]),
        (True, True, False, [0.24, 0.10, 0.24, 0.15, 0.19 * 0.23, 0.0]),
        (False, False, False, [0.24, 0.10, 0.08, 0.05, 0.19 * 0.23, 0.0]),
    ],
)
def test_components_with_and_without_charges_on_trades(
    network: bool, levies: bool, vat: bool, buyer: list[float]
) -> None:
    tariffs = book(components(network, levies, vat), 2)
    dispatch = traded(np.array([3.0, -2.5]), np.array([2.0, 0.0]), np.array([0.0, 2.0]), 0.12)
    bill = tariffs.bill(0, dispatch)
    np.testing.assert_allclose(bill.eur[:OLD, 0], buyer, rtol=1e-12)
    assert not bill.eur[OLD:].any()
    # The seller gets the price and nothing else, and feed-in for what is left.
    np.testing.assert_allclose(bill.eur[:OLD, 1], [-0.24, 0, 0, 0, 0, -0.5 * 0.06], rtol=1e-12)
    np.testing.assert_allclose(bill.total_eur, [sum(buyer), -0.27], rtol=1e-12)
    # At the bid ceiling a purchase costs exactly what the utility asks.
    ceiling = float(tariffs.prices(0).bid_ceiling_eur_per_kwh[0])
    power = dispatch.electricity
    dearest = tariffs.bill(0, traded(power.net_kwh, power.bought_kwh, power.sold_kwh, ceiling))
    assert dearest.total_eur[0] == pytest.approx(3 * 0.2737, rel=1e-12)


def test_columns_have_names() -> None:
    bill = book(components(), 2).bill(0, utility_only(np.array([2.0, -1.0])))
    by_name = [
        bill.trade_eur,
        bill.energy_eur,
        bill.network_eur,
        bill.levies_eur,
        bill.vat_eur,
        bill.feed_in_eur,
        bill.imbalance_eur,
        bill.heat_trade_eur,
        bill.gas_eur,
        bill.carbon_eur,
    ]
    for name, column in zip(COMPONENTS, by_name, strict=True):
        np.testing.assert_array_equal(column, bill.column(name))
    np.testing.assert_allclose(bill.sums_eur, bill.eur.sum(axis=1))
    assert bill.grid_kwh == 1.0


def test_vat_is_due_on_what_was_paid_not_on_the_difference() -> None:
    # A sells 1 kWh at 0.10 and buys 1 kWh at 0.14 within the hour; B is on the other side of both.
    one = np.ones(2)
    none = np.zeros(2)
    dispatch = electric(none, one, one, none, none, np.array([0.04, -0.04]), np.array([0.14, 0.10]))
    tariffs = book(components(network=False, levies=False), 2)
    np.testing.assert_allclose(tariffs.bill(0, dispatch).vat_eur, [0.19 * 0.14, 0.19 * 0.10])


def test_negative_feed_in_costs_the_one_who_feeds_in() -> None:
    bill = book({"retail": 0.3, "feed_in": -0.02}, 1).bill(0, utility_only(np.array([-5.0])))
    assert bill.total_eur[0] == pytest.approx(0.10)


@st.composite
def dispatches(draw: st.DrawFn) -> Dispatch:
    """Random trades between random prosumers on top of random imports and exports."""
    n = draw(st.integers(2, 12))
    amounts = st.floats(0, 50, allow_subnormal=False)
    imported = np.array(draw(st.lists(amounts, min_size=n, max_size=n)))
    exported = np.array(draw(st.lists(amounts, min_size=n, max_size=n)))
    bought, sold, paid, got = np.zeros((4, n))
    ends = st.tuples(st.integers(0, n - 1), st.integers(0, n - 1), amounts, st.floats(-0.1, 0.4))
    for buyer, seller, quantity, price in draw(st.lists(ends, max_size=20)):
        bought[buyer] += quantity
        sold[seller] += quantity
        paid[buyer] += quantity * price
        got[seller] += quantity * price
    net = bought - sold + imported - exported
    return electric(net, bought, sold, imported, exported, paid - got, paid)


@given(dispatches(), st.booleans(), st.booleans(), st.booleans(), st.integers(0, 23))
def test_no_money_is_lost(dispatch: Dispatch, network: bool, levies: bool, vat: bool, hour: int) -> None:
    n = len(dispatch.gas_kwh)
    tariffs = book(components(network, levies, vat), n, paper=PAPER)
    bill = tariffs.bill(hour, dispatch)
    sums = dict(zip(COMPONENTS, bill.sums_eur.tolist(), strict=True))
    turnover = np.abs(bill.eur).sum()
    assert sums["trade"] == pytest.approx(0.0, abs=1e-12 * (1 + turnover))
    receivers = sums["energy"] + sums["feed_in"] + sums["network"] + sums["levies"] + sums["vat"]
    assert bill.total_eur.sum() == pytest.approx(receivers, abs=1e-12 * (1 + turnover))
    np.testing.assert_allclose(bill.total_eur, _by_hand(tariffs, hour, dispatch), atol=1e-11)


def _by_hand(tariffs: TariffBook, hour: int, dispatch: Dispatch) -> FloatArray:
    """The bill from `Prices`, as a trader reckons it: purchases, sales and the utility, each taken alone;
    less the charges on what of it never came through the meter."""
    prices, power = tariffs.prices(hour), dispatch.electricity
    received = power.trade_paid_eur - power.trade_cost_eur
    purchases = prices.trade_factor * power.trade_paid_eur + prices.trade_adder_eur_per_kwh * power.bought_kwh
    with_utility = (
        prices.retail_eur_per_kwh * power.import_kwh - prices.feed_in_eur_per_kwh * power.export_kwh
    )
    rates = tariffs.rates.at(hour)[tariffs.tariff_of_prosumer]
    charges = (rates[:, NETWORK] + rates[:, LEVIES]) * (1 + rates[:, VAT])
    unmetered = np.minimum(power.sold_kwh + power.export_kwh, power.bought_kwh + power.import_kwh)
    not_imported = np.minimum(power.import_kwh, unmetered)
    relief = charges * not_imported + prices.trade_adder_eur_per_kwh * (unmetered - not_imported)
    return purchases - received + with_utility - relief


def one_sided(dispatch: Dispatch) -> Dispatch:
    """The same trades between prosumers that only take or only give: givers are added behind."""
    power = dispatch.electricity
    none = np.zeros_like(power.net_kwh)
    bought, imported = (np.concatenate([x, none]) for x in (power.bought_kwh, power.import_kwh))
    sold, exported = (np.concatenate([none, x]) for x in (power.sold_kwh, power.export_kwh))
    paid = power.trade_paid_eur
    cost = np.concatenate([paid, power.trade_cost_eur - paid])
    net = bought - sold + imported - exported
    return electric(net, bought, sold, imported, exported, cost, np.concatenate([paid, none]))


@given(dispatches(), st.booleans(), st.booleans(), st.booleans())
def test_who_only_takes_or_only_gives_pays_charges_on_import_and_purchases(
    dispatch: Dispatch, network: bool, levies: bool, vat: bool
) -> None:
    """The equations for them, written out: draw is import plus purchases."""
    whole = one_sided(dispatch)
    split = whole.electricity
    bill = book(components(network, levies, vat), len(split.net_kwh)).bill(0, whole)
    imported, bought, paid = split.import_kwh, split.bought_kwh, split.trade_paid_eur
    n, levy, tax = 0.08 * network, 0.05 * levies, 0.19 * vat
    tolerance = {"rtol": 1e-12, "atol": 1e-12 * (1 + split.net_kwh.max())}
    np.testing.assert_allclose(bill.network_eur, 0.08 * imported + n * bought, **tolerance)
    np.testing.assert_allclose(bill.levies_eur, 0.05 * imported + levy * bought, **tolerance)
    due = 0.19 * 0.23 * imported + tax * (paid + (n + levy) * bought)
    np.testing.assert_allclose(bill.vat_eur, due, **tolerance)


def test_no_charges_on_energy_that_never_crosses_the_meter() -> None:
    """A sells 1 kWh to B at 0.12 and imports 0.597 kWh in one period: its meter shows 0.403 kWh fed in."""
    columns = [[-0.403, 1.0], [0.0, 1.0], [1.0, 0.0], [0.597, 0.0], [0.0, 0.0], [-0.12, 0.12], [0.0, 0.12]]
    dispatch = electric(*np.array(columns))
    bill = book(components(), 2).bill(0, dispatch)
    np.testing.assert_allclose(
        bill.eur[:OLD, 0], [-0.12, 0.0597, 0, 0, 0.19 * 0.0597, 0], rtol=1e-12, atol=1e-15
    )
    # The buyer is charged for what it drew, as ever.
    np.testing.assert_allclose(
        bill.eur[:OLD, 1], [0.12, 0, 0.08, 0.05, 0.19 * 0.25, 0], rtol=1e-12, atol=1e-15
    )


@pytest.mark.parametrize(
    ("sold", "exported", "from_utility", "from_others"),
    [
        # A buys 2 kWh and imports 1 kWh; what it gives takes the place of import first, then of purchases.
        (0.0, 0.0, 1.0, 2.0),
        (0.4, 0.0, 0.6, 2.0),
        (1.5, 0.0, 0.0, 1.5),
        (0.5, 1.5, 0.0, 1.0),
        (2.0, 1.5, 0.0, 0.0),
    ],
)
def test_charges_are_due_on_metered_draw(
    sold: float, exported: float, from_utility: float, from_others: float
) -> None:
    columns = [[2.0, sold], [sold, 2.0], [1.0, 0.0], [exported, 0.0]]
    bought, sells, imported, exports = np.array(columns)
    net = bought - sells + imported - exports
    paid = 0.1 * bought
    tariffs = book(components(network=True, levies=False), 2)
    bill = tariffs.bill(0, electric(net, bought, sells, imported, exports, paid - 0.1 * sells, paid))
    network = 0.08 * (from_utility + from_others)
    levies = 0.05 * from_utility
    vat = 0.19 * (0.10 + 0.2 + 0.08 * from_others + 0.13 * from_utility)
    expected = [0.2 - 0.1 * sold, 0.10, network, levies, vat, -0.06 * exported]
    np.testing.assert_allclose(bill.eur[:OLD, 0], expected, rtol=1e-12, atol=1e-15)


@given(st.lists(st.floats(-20, 20, allow_subnormal=False), min_size=2, max_size=20), st.floats(0.04, 0.18))
def test_saving_from_matching_fixed_positions(net: list[float], share: float) -> None:
    """Saving = (retail - feed-in) x matched energy, in every hour and at any price, if trades pay nothing."""
    position = np.array(net)
    need, surplus = np.maximum(position, 0.0), np.maximum(-position, 0.0)
    matched = min(need.sum(), surplus.sum())
    bought = need * (matched / need.sum() if need.sum() else 0.0)
    sold = surplus * (matched / surplus.sum() if surplus.sum() else 0.0)
    tariffs = book(PAPER, len(net))
    for hour, retail in ((3, 0.08), (12, 0.13), (19, 0.18)):
        bill = tariffs.bill(hour, traded(position, bought, sold, min(share, retail)))
        alone = tariffs.bill(hour, utility_only(position))
        saving = saving_eur(bill, alone)
        assert saving.sum() == pytest.approx((retail - 0.04) * matched, rel=1e-9, abs=1e-12)
        assert saving.min() >= -1e-12  # a price within the band leaves nobody worse off


def good() -> Dispatch:
    return traded(np.array([3.0, -2.0]), np.array([1.5, 0.0]), np.array([0.0, 1.5]), 0.12)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("net_kwh", [3.0, -2.00001], "prosumer 1 does not balance: metered -2.00001 kWh"),
        ("net_kwh", [np.nan, -2.0], "prosumer 0 does not balance"),
        ("import_kwh", [1.6, 0.0], r"prosumer 0 .* = 3\.1 kWh \(all but net and imbalance"),
        ("imbalance_kwh", [0.0, 1e-5], r"prosumer 1 .* \+ imbalance 1e-05"),
    ],
)
def test_lost_energy_stops_the_run(field: str, value: list[float], message: str) -> None:
    wrong = changed(good(), **{field: np.array(value)})
    with pytest.raises(AuditError, match=r"period 5 \(2016-06-06 05:00\+02:00\): electricity of " + message):
        book(components(), 2).bill(5, wrong)


def test_negative_energy_stops_the_run() -> None:
    wrong = electric(*np.array([[1.0], [0.0], [0.0], [-1.0], [-2.0], [0.0], [0.0]]))
    with pytest.raises(AuditError, match="must be positive or zero"):
        book(components(), 1).bill(0, wrong)


def test_buyers_and_sellers_must_agree_on_the_energy() -> None:
    wrong = traded(np.array([3.0, -2.0]), np.array([1.5, 0.0]), np.array([0.0, 1.4]), 0.12)
    with pytest.raises(
        AuditError, match=r"bought 1\.5 kWh of electricity from each other, but sold 1\.4 kWh"
    ):
        book(components(), 2).bill(0, wrong)


@pytest.mark.parametrize("cost", [[0.18, -0.17], [0.18, np.nan]])
def test_lost_money_stops_the_run_with_both_sums(cost: list[float]) -> None:
    wrong = changed(good(), trade_cost_eur=np.array(cost))
    with pytest.raises(AuditError, match=r"of trade, prosumers pay .* EUR, but prosumers receive 0 EUR"):
        book(components(vat=False), 2).bill(0, wrong)


def test_rounding_of_nothing_is_no_breach() -> None:
    dust = utility_only(np.array([0.1 + 0.2 - 0.3, 0.0]))
    bill: Bill = book(PAPER, 2).bill(0, changed(dust, import_kwh=np.zeros(2)))
    assert bill.total_eur.tolist() == [0.0, 0.0]


def test_column_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(2,\), expected \(3,\)"):
        book(PAPER, 3).bill(0, good())


def test_bills_of_different_periods_are_not_compared() -> None:
    tariffs = book(PAPER, 1)
    bills = [tariffs.bill(k, utility_only(np.ones(1))) for k in (0, 1)]
    with pytest.raises(ValueError, match="periods 0 and 1"):
        saving_eur(*bills)
