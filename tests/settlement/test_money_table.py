"""The money table: what one party pays another receives, and gains are told from transfers. The example of
docs/tariffs.md is computed here and compared with its text."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from cosim.core.arrays import FloatArray
from cosim.core.clock import Clock
from cosim.core.dispatch import Dispatch, Position
from cosim.settlement.components import COMPONENTS, PARTIES
from cosim.settlement.config import TariffsConfig
from cosim.settlement.money import Money, MoneyTable, combined
from cosim.settlement.tariffs import TariffBook

PAGE = Path(__file__).parents[2] / "docs" / "tariffs.md"
CLOCK = Clock(datetime(2016, 6, 6, 12, tzinfo=ZoneInfo("Europe/Berlin")), 60, 12)
NOON, EVENING = 0, 7


def dispatch(net: list[float], bought: list[float], sold: list[float], price: float) -> Dispatch:
    energy, buys, sells = np.array(net), np.array(bought), np.array(sold)
    rest = energy - buys + sells
    none, cost = np.zeros_like(energy), price * (buys - sells)
    utility = np.maximum(rest, 0), np.maximum(-rest, 0)
    power = Position(energy, buys, sells, *utility, none, none, cost, price * buys)
    return Dispatch({}, {}, power, None, none)


def utility_only(net: FloatArray) -> Dispatch:
    nothing = [0.0] * len(net)
    return dispatch(net.tolist(), nothing, nothing, 0.0)


def book(wholesale: float | None = 0.07, network_p2p: bool = True, n: int = 2) -> TariffBook:
    retail = {"energy": 0.10, "network": {"price": 0.08, "p2p": network_p2p}, "levies": 0.05, "vat": 0.19}
    config = TariffsConfig.model_validate(
        {"default": {"retail": retail, "feed_in": 0.06}, "wholesale": wholesale}
    )
    return TariffBook(config, CLOCK, ["default"] * n)


def run(tariffs: TariffBook, *periods: tuple[Dispatch, Dispatch, float | None, float | None]) -> Money:
    """The money table of pairs of dispatches (run, utility alone) with losses of both."""
    table = MoneyTable(len(tariffs.tariff_of_prosumer))
    for index, (actual, alone, losses, losses_alone) in enumerate(periods):
        table.add(tariffs.bill(index, actual), tariffs.bill(index, alone), losses, losses_alone)
    return table.money()


def example() -> Money:
    """The two hours of docs/tariffs.md."""
    _, page = PAGE.read_text(encoding="utf-8").split("## An example")
    text = re.search(r"```yaml\n(tariffs:.*?)```", page, re.DOTALL)
    assert text is not None
    config = TariffsConfig.model_validate(YAML(typ="safe").load(text[1])["tariffs"])
    tariffs = TariffBook(config, CLOCK, ["default", "default"])
    table = MoneyTable(2)
    for index, actual, alone, losses, losses_alone in (
        (NOON, dispatch([3.0, -3.0], [3.0, 0.0], [0.0, 3.0], 0.08), [3.0, -4.0], 0.02, 0.08),
        (EVENING, dispatch([2.0, -0.9], [0.9, 0.0], [0.0, 0.9], 0.09), [2.0, 0.0], 0.03, 0.05),
    ):
        bills = tariffs.bill(index, actual), tariffs.bill(index, utility_only(np.array(alone)))
        table.add(*bills, losses, losses_alone)
    return table.money()


def test_example_by_hand() -> None:
    money = example()
    retail = (0.10 + 0.08 + 0.05) * 1.19
    alone = np.array([5 * retail, -4 * 0.06])
    trade = 3 * 0.08 + 0.9 * 0.09
    on_top = 3.9 * (0.08 + 0.05)
    actual = np.array([(trade + on_top) * 1.19 + 1.1 * retail, -trade])
    np.testing.assert_allclose(money.alone_cost_eur, alone, rtol=1e-12)
    np.testing.assert_allclose(money.cost_eur, actual, rtol=1e-12)
    assert money.saving_eur == pytest.approx(alone.sum() - actual.sum(), rel=1e-12)
    # Outside: nothing instead of -1 kWh at noon (0.04), 1.1 instead of 2 kWh in the evening (0.12).
    assert money.gain_eur["energy"] == pytest.approx(-1 * 0.04 + 0.9 * 0.12, rel=1e-12)
    assert money.gain_eur["losses"] == pytest.approx(0.06 * 0.04 + 0.02 * 0.12, rel=1e-12)
    # The network operator earns the same charges and buys fewer losses; the state is paid less VAT.
    assert money.transfer_eur["network operator"] == pytest.approx(-money.gain_eur["losses"], rel=1e-12)
    assert money.transfer_eur["state"] == pytest.approx(0.19 * (3.9 * 0.10 - trade), rel=1e-9)
    retailer_alone = 5 * 0.10 - 4 * 0.06 - (-1 * 0.04 + 2 * 0.12)
    retailer = 1.1 * 0.10 - 1.1 * 0.12
    assert money.transfer_eur["retailer"] == pytest.approx(retailer_alone - retailer, rel=1e-12)


def test_example_in_the_documentation_is_computed() -> None:
    money = example()
    page = PAGE.read_text(encoding="utf-8")
    for line in [*_party_lines(money), *_saving_lines(money), _by_name(money)]:
        assert line in page, f"docs/tariffs.md lacks the line\n{line}"


def _party_lines(money: Money) -> list[str]:
    parties = money.summary()["parties"]
    return [
        f"| {name} | {row['utility_only_eur']:+.4f} | {row['cost_eur']:+.4f} | {row['change_eur']:+.4f} |"
        for name, row in parties.items()
    ]


def _saving_lines(money: Money) -> list[str]:
    assert money.gain_eur["gas"] == 0.0
    gains = [f"| gain: {name} | {money.gain_eur[name]:+.4f} |" for name in ("energy", "losses")]
    transfers = [f"| transfer: {name} | {value:+.4f} |" for name, value in money.transfer_eur.items()]
    return [f"| saving of the prosumers | {money.saving_eur:+.4f} |", *gains, *transfers]


def _by_name(money: Money) -> str:
    ada, bo = money.alone_cost_eur - money.cost_eur
    return f"Ada saves {ada:.4f} EUR, Bo {bo:.4f} EUR."


amounts = st.lists(st.floats(-20, 20, allow_subnormal=False), min_size=3, max_size=3)
lost = st.one_of(st.none(), st.floats(0, 5))


@given(st.lists(st.tuples(amounts, amounts, st.floats(0, 3), lost, lost), min_size=1, max_size=6))
def test_every_saving_is_a_gain_or_a_transfer(
    periods: list[tuple[list[float], list[float], float, float | None, float | None]],
) -> None:
    tariffs = book(n=3)
    money = run(
        tariffs,
        *(
            (
                dispatch(net, [matched, 0, 0], [0, 0, matched], 0.1),
                utility_only(np.array(alone)),
                loss,
                loss_alone,
            )
            for net, alone, matched, loss, loss_alone in periods
        ),
    )
    np.testing.assert_allclose(money.actual_eur.sum(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(money.alone_eur.sum(axis=0), 0, atol=1e-12)
    split = sum(money.gain_eur.values()) + sum(money.transfer_eur.values())
    assert money.saving_eur == pytest.approx(split, abs=1e-10)
    assert money.saving_eur == pytest.approx(float((money.alone_cost_eur - money.cost_eur).sum()), abs=1e-10)


def test_matching_fixed_positions_is_nothing_but_a_transfer() -> None:
    actual = dispatch([3.0, -2.0], [2.0, 0.0], [0.0, 2.0], 0.10)
    money = run(book(), (actual, utility_only(actual.electricity.net_kwh), 0.05, 0.05))
    assert money.gain_eur == {"energy": 0.0, "gas": 0.0, "losses": 0.0}
    assert money.saving_eur == pytest.approx(sum(money.transfer_eur.values()))
    # The retailer no longer sells 2 kWh at 0.10 that it bought at 0.06.
    assert money.transfer_eur["retailer"] == pytest.approx(2 * (0.10 - 0.06))
    assert money.transfer_eur["network operator"] == pytest.approx(0.0)
    assert money.transfer_eur["state"] == pytest.approx(2 * 0.19 * (0.10 - 0.10), abs=1e-12)
    free = run(book(network_p2p=False), (actual, utility_only(actual.electricity.net_kwh), 0.05, 0.05))
    assert free.transfer_eur["network operator"] == pytest.approx(2 * 0.08)


def test_less_import_is_a_gain_at_the_wholesale_price() -> None:
    money = run(book(), (utility_only(np.array([1.0, 0.0])), utility_only(np.array([3.0, 0.0])), None, None))
    assert money.gain_eur["energy"] == pytest.approx(2 * 0.07)
    assert money.transfer_eur["retailer"] == pytest.approx(2 * (0.10 - 0.07))
    assert money.transfer_eur["network operator"] == pytest.approx(2 * 0.08)


def test_losses_are_compared_only_where_both_are_known() -> None:
    one = utility_only(np.array([1.0, 0.0]))
    money = run(
        book(), (one, one, 0.2, 0.5), (one, one, 0.3, None), (one, one, None, 0.4), (one, one, np.nan, 0.1)
    )
    assert (money.actual_losses_kwh, money.alone_losses_kwh) == (0.5, 0.8)
    assert money.gain_eur["losses"] == pytest.approx(0.3 * 0.07)
    assert (money.periods, money.periods_without_losses, money.periods_with_equal_losses) == (4, 2, 1)
    assert "unknown in 2 of 4 periods" in money.notes()[0]
    assert "unknown in 1 of 4 periods and taken to be the actual ones" in money.notes()[1]
    assert run(book(), (one, one, 0.2, 0.5)).notes() == []


def test_worse_off_are_listed_worst_first() -> None:
    alone = utility_only(np.array([1.0, 1.0, 1.0, -1.0]))
    run_of = utility_only(np.array([2.0, 0.5, 4.0, -1.0]))
    money = run(book(n=4), (run_of, alone, None, None))
    who, more = money.worse_off()
    assert who.tolist() == [2, 0]
    np.testing.assert_allclose(more, [3 * 0.2737, 0.2737])
    assert money.summary()["worse_off"] == {"prosumers": 2, "most_eur": pytest.approx(3 * 0.2737)}


def stored(difference: list[float], price: float) -> Money:
    """Two prosumers pay 1 kWh less than with the utility alone, 0.2737 EUR each, and hold more or less."""
    tariffs = book()
    table = MoneyTable(2)
    table.add(tariffs.bill(0, utility_only(np.ones(2))), tariffs.bill(0, utility_only(2 * np.ones(2))))
    table.close({"electricity": (np.array(difference), price)})
    return table.money()


def test_energy_missing_in_stores_is_valued_beside_the_saving() -> None:
    money = stored([-2.0, 0.5], 0.18)
    summary = money.summary()
    assert money.saving_eur == pytest.approx(2 * 0.2737)
    assert summary["saving_eur"] == money.saving_eur, "bills are what they are"
    assert summary["stored"] == {"difference_kwh": {"electricity": -1.5}, "worth_eur": pytest.approx(-0.27)}
    assert summary["saving_with_stored_eur"] == pytest.approx(2 * 0.2737 - 0.27)
    assert sum(money.gain_eur.values()) == pytest.approx(2 * 0.07)
    assert summary["notes"][-1] == "losses are unknown in 1 of 1 periods and left out there"
    assert summary["notes"][0] == (
        "at the end the stores hold 1.5 kWh less electricity than with the utility alone, "
        "worth 0.27 EUR less: so much of the saving of 0.5474 EUR came out of them, "
        "which `gain` does not take off"
    )


def test_who_saved_by_emptying_a_store_is_worse_off() -> None:
    who, more = stored([-2.0, 0.5], 0.18).worse_off()
    assert who.tolist() == [0]
    np.testing.assert_allclose(more, [2 * 0.18 - 0.2737])
    assert stored([0.0, 0.0], 0.18).worse_off()[0].tolist() == []


def test_energy_left_in_stores_comes_on_top() -> None:
    money = stored([2.0, -0.5], 0.18)
    assert money.saving_with_stored_eur == pytest.approx(2 * 0.2737 + 0.27)
    assert money.notes()[0] == (
        "at the end the stores hold 1.5 kWh more electricity than with the utility alone, worth 0.27 EUR: "
        "this comes on top of the saving of 0.5474 EUR, and `gain` does not count it"
    )
    assert not any("stores" in note for note in stored([1e-9, 0.0], 0.18).notes())


def test_stored_energy_that_nobody_told_is_none() -> None:
    summary = example().summary()
    assert (summary["stored"], summary["saving_with_stored_eur"]) == (None, None)
    with pytest.raises(ValueError, match=r"shape \(3,\), expected \(2,\)"):
        MoneyTable(2).close({"electricity": (np.zeros(3), 0.1)})


def test_stored_energy_of_several_communities_has_their_own_prices() -> None:
    both = combined([stored([1.0, 0.0], 0.1), stored([0.0, -3.0], 0.2)])
    assert both.summary()["stored"] == {
        "difference_kwh": {"electricity": -2.0},
        "worth_eur": pytest.approx(-0.5),
    }
    assert both.worse_off()[0].tolist() == [3]
    assert combined([stored([1.0, 0.0], 0.1), example()]).summary()["stored"] is None


def test_stored_energy_is_told_by_carrier_and_valued_for_each_prosumer() -> None:
    table = MoneyTable(2)
    bill = book().bill(0, utility_only(np.ones(2)))
    table.add(bill, bill, 0.1, 0.1)
    table.close(
        {
            "electricity": (np.array([1.0, -3.0]), 0.2),
            "heat": (np.array([0.0, 5.0]), np.array([0.10, 0.06])),
        }
    )
    money = table.money()
    assert money.stored is not None
    np.testing.assert_allclose(money.stored.eur, [0.2, -0.6 + 0.3])
    assert money.summary()["stored"] == {
        "difference_kwh": {"electricity": -2.0, "heat": 5.0},
        "worth_eur": pytest.approx(-0.1),
    }
    assert money.notes()[0].startswith(
        "at the end the stores hold 2 kWh less electricity and 5 kWh more heat than with the utility alone, "
        "worth 0.1 EUR less: "
    )
    assert money.worse_off()[0].tolist() == [1]
    # A community without heat beside one with it.
    both = combined([stored([1.0, 0.0], 0.1), money])
    assert both.stored is not None
    assert both.stored.kwh["heat"].tolist() == [0, 0, 0, 5]
    assert both.stored.difference_kwh == {"electricity": -1.0, "heat": 5.0}


def test_gas_saved_is_a_gain_and_carbon_not_paid_a_transfer() -> None:
    """A heat pump takes the place of a boiler: 3 kWh of electricity instead of 10 kWh of gas."""
    config = TariffsConfig.model_validate(
        {
            "default": {"retail": {"energy": 0.10, "vat": 0.19}, "feed_in": 0.06, "gas": 0.09},
            "wholesale": 0.07,
            "carbon": {"price": 55, "gas_kg_per_kwh": 0.2, "electricity_kg_per_kwh": 0.4},
        }
    )
    tariffs = TariffBook(config, CLOCK, ["default"])
    pump = utility_only(np.array([3.0]))
    boiler = replace(utility_only(np.zeros(1)), gas_kwh=np.array([10.0]))
    money = run(tariffs, (pump, boiler, 0.0, 0.0))
    assert money.saving_eur == pytest.approx(10 * (0.09 + 0.011) - 3 * 0.119)
    assert money.gain_eur == pytest.approx({"energy": -3 * 0.07, "gas": 0.90, "losses": 0.0})
    assert money.transfer_eur == pytest.approx(
        {"retailer": -3 * 0.03, "network operator": 0.0, "state": 10 * 0.011 - 3 * 0.019}
    )
    summary = money.summary()
    assert summary["carbon_kg"] == pytest.approx({"gas": 0.0, "grid": 1.2})
    assert summary["utility_only_carbon_kg"] == pytest.approx({"gas": 2.0, "grid": 0.0})


def test_imbalance_is_between_prosumers_and_retailer() -> None:
    """Drawn beyond the contract: the retailer procures it as it does an import, and keeps the difference."""
    config = TariffsConfig.model_validate(
        {
            "default": {"retail": 0.30, "feed_in": 0.06, "imbalance": {"short": 0.50, "long": 0.01}},
            "wholesale": 0.07,
        }
    )
    tariffs = TariffBook(config, CLOCK, ["default"] * 2)
    planned = dispatch([2.0, -3.0], [0.0, 0.0], [0.0, 0.0], 0.0)
    power = planned.electricity
    surprise = np.array([1.0, 0.5])
    deviating = replace(
        planned,
        electricity=replace(power, net_kwh=power.net_kwh + surprise, imbalance_kwh=surprise),
    )
    money = run(tariffs, (deviating, planned, 0.0, 0.0))
    assert money.saving_eur == pytest.approx(-1.5 * 0.50)
    assert money.gain_eur["energy"] == pytest.approx(-1.5 * 0.07)
    assert money.transfer_eur["retailer"] == pytest.approx(-1.5 * 0.43)


def test_rows_concern_payer_and_receiver_alone() -> None:
    actual = dispatch([3.0, -2.0], [2.0, 0.0], [0.0, 2.0], 0.10)
    rows = run(book(), (actual, utility_only(actual.electricity.net_kwh), 0.1, 0.2)).rows()
    assert {row["item"] for row in rows if row["party"] == "prosumers"} == set(COMPONENTS)
    assert {row["item"] for row in rows if row["party"] == "state"} == {"levies", "vat", "carbon"}
    retailer = {row["item"] for row in rows if row["party"] == "retailer"}
    assert retailer == {"energy", "feed_in", "imbalance", "procurement"}
    assert {row["item"] for row in rows if row["party"] == "outside"} == {"gas", "procurement", "losses"}
    for item in (*COMPONENTS, "procurement", "losses"):
        assert sum(row["actual_eur"] for row in rows if row["item"] == item) == pytest.approx(0.0, abs=1e-12)


def test_several_communities_add_up() -> None:
    first = run(book(), (utility_only(np.array([1.0, -1.0])), utility_only(np.array([2.0, -1.0])), 0.1, 0.2))
    second = run(book(n=3), (utility_only(np.ones(3)), utility_only(np.zeros(3)), None, None))
    both = combined([first, second])
    assert both.saving_eur == pytest.approx(first.saving_eur + second.saving_eur)
    np.testing.assert_array_equal(both.worse_off()[0], [2, 3, 4])
    assert both.periods_without_losses == 1
    with pytest.raises(ValueError, match="no money table"):
        combined([])


def test_bills_of_different_periods_are_not_added() -> None:
    tariffs = book()
    bills = [tariffs.bill(k, utility_only(np.ones(2))) for k in (0, 1)]
    with pytest.raises(ValueError, match="periods 0 and 1"):
        MoneyTable(2).add(*bills)


def test_summary_is_plain_data() -> None:
    money = example()
    summary = money.summary()
    assert tuple(summary["parties"]) == PARTIES
    assert sum(row["cost_eur"] for row in summary["parties"].values()) == pytest.approx(0.0, abs=1e-12)
    assert all(type(value) is float for value in (*summary["gain_eur"].values(), summary["saving_eur"]))
