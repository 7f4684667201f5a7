"""Indicators by hand, and against the tables of the same run."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cosim.analysis.indicators import Indicators


def steps(**known):
    row = dict.fromkeys(
        [
            "load_kwh",
            "generation_kwh",
            "net_kwh",
            "import_kwh",
            "export_kwh",
            "p2p_kwh",
            "cost_eur",
            "counterfactual_cost_eur",
        ],
        0.0,
    )
    return row | {"trades": 0, "mean_price": np.nan, "violations": 0, "converged": True} | known


def gathered(clock, rows, prosumers=2):
    indicators = Indicators(clock, {"main": prosumers})
    for period, row in enumerate(rows):
        indicators.add("steps", period, row)
    return indicators.summary()


def test_saving_volume_price_and_efficiency(synthetic):
    found = gathered(
        synthetic.clock(3),
        [
            steps(cost_eur=1.0, counterfactual_cost_eur=2.0, p2p_kwh=1.0, mean_price=0.10, trades=2,
                  surplus_eur=0.5, optimal_surplus_eur=0.5),
            steps(cost_eur=2.0, counterfactual_cost_eur=3.0, p2p_kwh=3.0, mean_price=0.20, trades=1,
                  surplus_eur=0.3, optimal_surplus_eur=0.5),
            steps(cost_eur=3.0, counterfactual_cost_eur=3.0, surplus_eur=0.0, optimal_surplus_eur=0.0),
        ],
    )  # fmt: skip
    assert found["cost"]["cost_eur"] == 6.0
    assert found["cost"]["saving_eur"] == 2.0
    assert found["cost"]["saving_percent"] == pytest.approx(25.0)
    assert found["cost"]["saving_per_prosumer_eur"] == 1.0
    assert found["trade"]["p2p_kwh"] == 4.0
    assert found["trade"]["trades"] == 3
    assert found["trade"]["mean_price_eur_per_kwh"] == pytest.approx(0.175)
    assert found["trade"]["allocative_efficiency"] == pytest.approx(0.8)


def test_self_sufficiency_and_self_consumption(synthetic):
    found = gathered(
        synthetic.clock(2),
        [
            steps(load_kwh=4.0, generation_kwh=10.0, export_kwh=6.0, counterfactual_import_kwh=1.0,
                  counterfactual_export_kwh=7.0),
            steps(load_kwh=4.0, import_kwh=4.0, counterfactual_import_kwh=4.0, counterfactual_export_kwh=0.0),
        ],
    )  # fmt: skip
    energy = found["energy"]
    assert energy["self_sufficiency"] == pytest.approx(0.5)
    assert energy["self_consumption"] == pytest.approx(0.4)
    assert energy["utility_only_self_sufficiency"] == pytest.approx(3 / 8)
    assert energy["utility_only_self_consumption"] == pytest.approx(0.3)
    assert energy["load_per_prosumer_kwh"] == 4.0


def test_peaks_are_powers_with_their_time(synthetic):
    found = gathered(
        synthetic.clock(3),
        [steps(import_kwh=2.0), steps(import_kwh=5.0, export_kwh=1.0), steps(export_kwh=3.0)],
    )
    assert found["peaks"]["import_kw"] == {"value": 16.0, "time": "2016-06-06T00:15:00+02:00", "period": 1}
    assert found["peaks"]["export_kw"] == {"value": 12.0, "time": "2016-06-06T00:30:00+02:00", "period": 2}


def test_what_does_not_exist_is_none(synthetic):
    found = gathered(synthetic.clock(1), [steps()])
    assert found["trade"]["mean_price_eur_per_kwh"] is None
    assert found["trade"]["allocative_efficiency"] is None
    assert found["energy"]["self_consumption"] is None
    assert found["cost"]["saving_percent"] is None
    assert found["network"]["losses_percent"] is None
    assert found["speed"]["steps_per_s"] is None


def test_a_diverged_flow_is_counted_and_adds_nothing(synthetic):
    found = gathered(
        synthetic.clock(2),
        [
            steps(load_kwh=8.0, passive_kwh=2.0, losses_kwh=0.5, slack_kwh=10.5),
            steps(losses_kwh=np.nan, slack_kwh=np.nan, converged=False),
        ],
    )
    assert found["network"]["losses_kwh"] == 0.5
    assert found["network"]["losses_percent"] == pytest.approx(5.0)
    assert found["network"]["diverged_periods"] == 1
    assert found["peaks"]["slack_kw"]["value"] == 42.0


def test_what_is_stored_counts_at_the_end_and_what_is_lost_in_all(synthetic):
    rows = [steps(stored_kwh=stored, counterfactual_losses_kwh=0.25, broken_h=0.25) for stored in (5.0, 3.0)]
    found = gathered(synthetic.clock(2), rows)
    assert found["energy"]["stored_kwh"] == 3.0
    assert found["network"]["utility_only_losses_kwh"] == 0.5
    assert found["network"]["broken_h"] == 0.5


def test_stored_energy_is_worth_what_lies_midway_between_retail_and_feed_in(synthetic):
    indicators = Indicators(synthetic.clock(2), {"west": 1, "east": 1})
    assert indicators.stored_prices(0) == {}
    for period, retail in enumerate((0.2, 0.4)):
        prices = {"retail_price": retail, "feed_in_price": 0.1}
        west = steps(
            counterfactual_cost_eur=1.0, stored_kwh=3.0 - period, counterfactual_stored_kwh=5.0, **prices
        )
        indicators.add("steps", period, west, 0)
        prices = {"retail_price": 0.5, "feed_in_price": 0.1}
        east = steps(stored_kwh=2.0, counterfactual_stored_kwh=1.0, **prices)
        indicators.add("steps", period, east, 1)
    assert indicators.stored_prices(0) == {"electricity": pytest.approx(0.2)}
    assert indicators.stored_prices(1) == {"electricity": pytest.approx(0.3)}
    found = indicators.summary()
    west = found["communities"]["west"]["cost"]
    assert west["stored_difference_kwh"] == -3.0
    assert west["stored_difference_eur"] == pytest.approx(-0.6)
    # Together every community has its own price.
    assert found["cost"]["stored_difference_kwh"] == -2.0
    assert found["cost"]["stored_difference_eur"] == pytest.approx(-0.6 + 0.3)
    assert found["cost"]["saving_with_stored_eur"] == pytest.approx(2.0 - 0.3)


def test_residuals_keep_the_largest(synthetic):
    found = gathered(synthetic.clock(3), [steps(money_residual=value) for value in (1e-16, 3e-15, 2e-15)])
    assert found["audit"] == {"money_residual": 3e-15}


def test_who_is_worse_off(synthetic):
    indicators = Indicators(synthetic.clock(2), {"main": 3})
    for _ in range(2):
        indicators.add("steps", 0, steps(cost_eur=6.0, counterfactual_cost_eur=6.5))
        indicators.add(
            "prosumers",
            0,
            {
                "cost_eur": np.array([1.0, 2.0, 3.0 + 1e-15]),
                "counterfactual_cost_eur": np.array([2.0, 1.5, 3.0]),
                "stored_kwh": np.ones(3),
                "pv_kwh": np.array([-1.0, 0.0, 0.0]),
            },
        )
    cost = indicators.summary()["cost"]
    assert cost["worse_off"] == 1
    assert cost["saving_median_eur"] == pytest.approx(0.0, abs=1e-12)
    assert (cost["saving_lowest_eur"], cost["saving_highest_eur"]) == (-1.0, 2.0)
    totals = indicators.prosumer_totals()
    assert totals["pv_kwh"].tolist() == [-2.0, 0.0, 0.0]
    assert "stored_kwh" not in totals


def test_the_given_arrays_are_not_changed(synthetic):
    indicators = Indicators(synthetic.clock(2), {"main": 1})
    first = np.array([1.0])
    indicators.add("prosumers", 0, {"cost_eur": first})
    indicators.add("prosumers", 1, {"cost_eur": np.array([5.0])})
    assert first.tolist() == [1.0]


def test_speed_leaves_the_set_up_out(synthetic):
    indicators = Indicators(synthetic.clock(4), {"main": 1})
    for period in range(4):
        indicators.add("steps", period, steps())
    speed = indicators.summary(seconds={"setup": 3.0, "trade": 0.5, "network": 1.5})["speed"]
    assert speed["steps_per_s"] == 2.0
    assert speed["seconds_total"] == 5.0


def test_several_communities_add_up(synthetic):
    indicators = Indicators(synthetic.clock(1), {"east": 2, "west": 3})
    for number, cost in enumerate((1.0, 2.0)):
        indicators.add("steps", 0, steps(cost_eur=cost, counterfactual_cost_eur=4.0, import_kwh=cost), number)
    found = indicators.summary()
    assert found["prosumers"] == 5
    assert found["periods"] == 1
    assert found["cost"]["saving_eur"] == 5.0
    assert found["communities"]["west"]["cost"]["cost_eur"] == 2.0
    assert found["communities"]["east"]["peaks"]["import_kw"]["value"] == 4.0
    assert found["peaks"] == {}


def violations(**columns):
    count = len(columns["name"])
    row = {
        "kind": np.full(count, "overvoltage", dtype=object),
        "element": np.arange(count),
        "value": np.full(count, 1.2),
        "limit": np.full(count, 1.1),
        "excess": np.full(count, 0.1),
        "episode": np.zeros(count, dtype=np.int64),
        "lasted_h": np.full(count, 0.25),
    }
    return row | {name: np.asarray(values) for name, values in columns.items()}


def test_broken_limits_by_kind(synthetic):
    indicators = Indicators(synthetic.clock(96), {"main": 1})
    add = indicators.add
    both = np.array(["overvoltage", "line_overload"], dtype=object)
    add("violations", 0, violations(name=[], episode=np.empty(0, dtype=np.int64)))
    add("violations", 4, violations(name=["bus 1", "bus 2"], excess=[0.1, 0.3], episode=[0, 1]))
    figures = {"excess": [0.2, 9.0], "value": [1.3, 109.0], "limit": [1.1, 100.0]}
    add("violations", 5, violations(name=["bus 1", "line 3"], kind=both, episode=[0, 2], **figures))
    add("violations", 50, violations(name=["bus 1"], episode=[3]))
    found = indicators.summary()["violations"]
    assert (found["count"], found["hours"]) == (5, 0.75)
    assert found["by_hour_of_day"][1] == 4
    assert found["by_hour_of_day"][12] == 1
    voltage = found["kinds"]["overvoltage"]
    assert (voltage["count"], voltage["hours"], voltage["episodes"], voltage["elements"]) == (4, 0.75, 3, 2)
    assert voltage["worst"]["name"] == "bus 2"
    assert voltage["worst"]["time"] == "2016-06-06T01:00:00+02:00"
    assert voltage["most_often"] == {"name": "bus 1", "community": "main", "hours": 0.75}
    assert found["kinds"]["line_overload"]["worst"]["value"] == 109.0
    assert list(found["kinds"]) == ["line_overload", "overvoltage"]


def test_a_flow_without_solution_is_a_kind_of_its_own(synthetic):
    indicators = Indicators(synthetic.clock(4), {"main": 1})
    nan = [np.nan]
    indicators.add(
        "violations",
        2,
        violations(
            kind=np.array(["diverged"], dtype=object),
            name=[""],
            value=nan,
            limit=nan,
            excess=nan,
            episode=[0],
        ),
    )
    found = indicators.summary()["violations"]["kinds"]["diverged"]
    assert found["count"] == 1
    assert found["worst"]["time"] == "2016-06-06T00:30:00+02:00"


def test_indicators_agree_with_the_tables(made_run):
    steps_table = pd.read_parquet(made_run / "steps.parquet")
    broken = pd.read_parquet(made_run / "violations.parquet")
    import json

    summary = json.loads((made_run / "summary.json").read_text())
    assert summary["cost"]["cost_eur"] == pytest.approx(steps_table["cost_eur"].sum(), rel=1e-12)
    assert summary["trade"]["p2p_kwh"] == pytest.approx(steps_table["p2p_kwh"].sum(), rel=1e-12)
    assert summary["violations"]["count"] == len(broken) > 0
    assert summary["violations"]["hours"] == 0.25 * broken["time"].nunique()
    saved = (0.30 - 0.08) * steps_table["p2p_kwh"].sum()  # what matching fixed positions is worth
    assert summary["cost"]["saving_eur"] == pytest.approx(saved, rel=1e-9)
