"""Indicators of heat, gas, carbon dioxide and imbalance, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from cosim.analysis.compare import FIGURES, compare, figure
from cosim.analysis.indicators import Indicators


def steps(**known):
    names = ["load", "generation", "net", "import", "export", "p2p"]
    row = dict.fromkeys([f"{name}_kwh" for name in names], 0.0)
    row |= {"cost_eur": 0.0, "counterfactual_cost_eur": 0.0, "trades": 0, "mean_price": np.nan}
    return row | {"violations": 0, "converged": True, "retail_price": 0.3, "feed_in_price": 0.1} | known


def heat(**known):
    row = {"heat_load_kwh": 10.0, "heat_produced_kwh": 8.0, "heat_electricity_kwh": 1.0, "gas_kwh": 5.0}
    row |= {"gas_eur": 0.5, "carbon_eur": 0.1, "heat_stored_kwh": 4.0, "counterfactual_heat_stored_kwh": 1.0}
    return steps(**row | known)


def gathered(synthetic, rows, names=("main",)):
    indicators = Indicators(synthetic.clock(len(rows)), dict.fromkeys(names, 2))
    for period, row in enumerate(rows):
        for number in range(len(names)):
            indicators.add("steps", period, row, number)
    return indicators


def test_a_run_of_electricity_alone_has_none_of_these_sections(synthetic):
    found = gathered(synthetic, [steps()]).summary()
    assert not {"heat", "gas", "carbon", "imbalance"} & set(found)


def test_the_market_of_heat(synthetic):
    rows = [
        heat(heat_p2p_kwh=2.0, heat_mean_price=0.1, heat_trades=3, heat_lost_kwh=0.2,
             heat_surplus_eur=0.3, heat_optimal_surplus_eur=0.5),
        heat(heat_p2p_kwh=6.0, heat_mean_price=0.2, heat_trades=1, heat_lost_kwh=0.6,
             heat_surplus_eur=0.5, heat_optimal_surplus_eur=0.5),
        heat(heat_p2p_kwh=0.0, heat_mean_price=np.nan, heat_trades=0, heat_unserved_kwh=0.25,
             heat_surplus_eur=0.0, heat_optimal_surplus_eur=0.0),
    ]  # fmt: skip
    found = gathered(synthetic, rows).summary()
    market = found["heat"]
    assert (market["p2p_kwh"], market["trades"], market["lost_kwh"]) == (8.0, 4, pytest.approx(0.8))
    assert market["mean_price_eur_per_kwh"] == pytest.approx(1.4 / 8.0)
    assert market["allocative_efficiency"] == pytest.approx(0.8)
    assert market["unserved_kwh"] == 0.25
    assert found["trade"]["p2p_kwh"] == 0.0


def test_stored_heat_is_worth_the_mean_cost_of_producing_it(synthetic):
    indicators = gathered(synthetic, [heat(), heat(heat_electricity_kwh=3.0)])
    # Electricity midway between 0.3 and 0.1; gas and carbon 1.2 EUR; 16 kWh produced.
    price = (1.2 + 0.2 * 4.0) / 16.0
    assert indicators.stored_prices() == {"electricity": pytest.approx(0.2), "heat": pytest.approx(price)}
    found = indicators.summary()
    assert found["heat"]["stored_difference_kwh"] == 3.0
    assert found["heat"]["stored_difference_eur"] == pytest.approx(3.0 * price)


def test_stored_heat_costs_nothing_where_chps_earn_more_or_nothing_is_produced(synthetic):
    earning = gathered(synthetic, [heat(heat_electricity_kwh=-50.0)])
    assert earning.stored_prices()["heat"] == 0.0
    assert gathered(synthetic, [heat(heat_produced_kwh=0.0)]).stored_prices()["heat"] == 0.0


def test_the_saving_counts_both_kinds_of_stored_energy(synthetic):
    row = heat(counterfactual_cost_eur=2.0, stored_kwh=5.0, counterfactual_stored_kwh=4.0)
    cost = gathered(synthetic, [row]).summary()["cost"]
    assert cost["stored_difference_kwh"] == 1.0
    assert cost["stored_difference_eur"] == pytest.approx(0.2)
    price = (0.6 + 0.2) / 8.0
    assert cost["saving_with_stored_eur"] == pytest.approx(2.0 + 0.2 + 3.0 * price)


def test_gas_carbon_and_imbalance(synthetic):
    row = heat(
        load_kwh=20.0,
        counterfactual_gas_kwh=7.0,
        carbon_kg=3.0,
        counterfactual_carbon_kg=4.0,
        short_kwh=1.5,
        long_kwh=0.5,
        imbalance_eur=0.3,
        import_kwh=15.0,
        delivered_import_kwh=16.0,
    )
    found = gathered(synthetic, [row, row]).summary()
    assert found["gas"] == {"gas_kwh": 10.0, "gas_eur": 1.0, "utility_only_gas_kwh": 14.0}
    assert found["carbon"] == {"carbon_kg": 6.0, "carbon_eur": 0.2, "utility_only_carbon_kg": 8.0}
    assert found["imbalance"] == {
        "short_kwh": 3.0,
        "long_kwh": 1.0,
        "energy_kwh": 4.0,
        "cost_eur": 0.6,
        "share_of_load": pytest.approx(0.1),
    }
    # What was delivered counts, not what was contracted.
    assert found["energy"]["self_sufficiency"] == pytest.approx(0.2)
    assert found["peaks"]["import_kw"]["value"] == pytest.approx((15.0 + 1.5 - 0.5) / 0.25)


def test_communities_add_up_and_keep_their_prices(synthetic):
    indicators = Indicators(synthetic.clock(1), {"warm": 2, "plain": 2})
    indicators.add("steps", 0, heat(stored_kwh=1.0, counterfactual_stored_kwh=1.0, vm_min_pu=0.97), 0)
    indicators.add("steps", 0, steps(stored_kwh=1.0, counterfactual_stored_kwh=1.0, vm_min_pu=0.95), 1)
    found = indicators.summary()
    assert found["heat"]["load_kwh"] == 10.0
    assert found["heat"]["stored_difference_eur"] == pytest.approx(3.0 * (0.6 + 0.2) / 8.0)
    assert "heat" in found["communities"]["warm"] and "heat" not in found["communities"]["plain"]
    assert found["network"]["vm_min_pu"] == 0.95


def test_extremes_are_those_of_the_run(synthetic):
    rows = [
        steps(vm_min_pu=low, vm_max_pu=high, line_loading_max_percent=load, trafo_loading_max_percent=np.nan)
        for low, high, load in ((0.98, 1.0, 50.0), (0.95, 1.01, 80.0), (np.nan, np.nan, np.nan))
    ]
    network = gathered(synthetic, rows).summary()["network"]
    assert (network["vm_min_pu"], network["vm_max_pu"]) == (0.95, 1.01)
    assert network["line_loading_max_percent"] == 80.0
    assert network["trafo_loading_max_percent"] is None


def test_comparisons_know_the_carriers(synthetic):
    warm = gathered(synthetic, [heat(heat_p2p_kwh=1.0, heat_mean_price=0.1, short_kwh=1.0, long_kwh=0.0)])
    plain = gathered(synthetic, [steps()])
    table = compare(["warm", "plain"], [warm.summary(), plain.summary()]).set_index("indicator")
    assert table.loc["Heat traded between prosumers", "warm"] == 1.0
    assert np.isnan(table.loc["Heat traded between prosumers", "plain"])
    assert table.loc["Imbalance", "warm"] == 1.0
    assert len({(wanted.label, wanted.unit, wanted.path) for wanted in FIGURES}) == len(FIGURES)
    assert figure(plain.summary(), FIGURES[0]) == 0.0
