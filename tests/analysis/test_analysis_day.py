"""A prosumer's day, by hand."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from cosim.analysis.day import account, day_of, flows, prosumer_of
from cosim.errors import InputError

CARRIERS = {
    "pv_kwh": "electricity",
    "heat_pump_kwh": "heat",
    "heat_pump_electricity_kwh": "electricity",
    "heat_demand_kwh": "heat",
    "heat_store_kwh": "heat",
    "ev_kwh": "electricity",
}


@pytest.fixture
def rows():
    """Two hours: the first buys and stores heat, the second sells electricity and lacks heat."""
    return pd.DataFrame(
        {
            "time": pd.date_range("2016-01-07", periods=2, freq="h", tz="Europe/Berlin"),
            "net_kwh": [2.0, -1.5],
            "pv_kwh": [0.0, -2.5],
            "ev_kwh": [0.0, 0.0],
            "heat_pump_electricity_kwh": [1.0, 0.0],
            "bought_kwh": [0.5, 0.0],
            "sold_kwh": [0.0, 1.0],
            "import_kwh": [1.75, 0.0],
            "export_kwh": [0.0, 0.25],
            "imbalance_kwh": [-0.25, -0.25],
            "heat_pump_kwh": [-3.0, 0.0],
            "heat_demand_kwh": [2.5, 2.0],
            "heat_store_kwh": [1.0, -1.0],
            "heat_bought_kwh": [0.5, 0.0],
            "heat_sold_kwh": [0.0, 0.0],
            "heat_lost_kwh": [0.0, 0.0],
            "heat_unserved_kwh": [0.0, 1.0],
            "heat_dumped_kwh": [0.0, 0.0],
        }
    )


def test_what_the_house_gets_is_positive_and_all_adds_up_to_zero(rows):
    found = flows(rows, CARRIERS)
    electricity, heat = found["electricity"], found["heat"]
    assert list(electricity) == ["load", "pv", "heat_pump", "bought", "sold", "import", "export", "imbalance"]
    assert electricity["load"].tolist() == [-1.0, -1.0]
    assert electricity["pv"].tolist() == [0.0, 2.5]
    assert electricity["heat_pump"].tolist() == [-1.0, 0.0]
    assert electricity["export"].tolist() == [0.0, -0.25]
    assert list(heat) == ["heat_pump", "heat_demand", "heat_store", "bought", "unserved"]
    assert heat["heat_store"].tolist() == [-1.0, 1.0]
    for frame in found.values():
        assert frame.sum(axis=1).tolist() == pytest.approx([0.0, 0.0])
        assert frame.index.tolist() == rows["time"].tolist()


def test_a_run_without_heat_has_one_carrier(rows):
    plain = rows[["time", "net_kwh", "pv_kwh", "bought_kwh", "sold_kwh", "import_kwh", "export_kwh"]]
    found = flows(plain, {"pv_kwh": "electricity"})
    assert list(found) == ["electricity"]
    assert found["electricity"]["load"].tolist() == [-2.0, -1.0]


def test_the_account_tells_both_directions_apart(rows):
    found = account(flows(rows, CARRIERS)).set_index(["carrier", "item"])
    assert found.loc[("heat", "heat_store")].tolist() == [1.0, 1.0]
    assert found.loc[("electricity", "imbalance")].tolist() == [0.0, 0.5]
    assert found.loc[("electricity", "import")].tolist() == [1.75, 0.0]


@pytest.fixture
def totals():
    return pd.DataFrame(
        {
            "community": "main",
            "prosumer": ["plain", "rich", "richer", "as-rich"],
            "pv_kwh": [0.0, -5.0, -1.0, -2.0],
            "ev_kwh": [0.0, 0.0, 3.0, 1.0],
        }
    )


def test_the_prosumer_with_most_kinds_of_devices_is_chosen(totals):
    assert prosumer_of(totals, "", CARRIERS) == ("main", "richer")
    assert prosumer_of(totals, "plain", CARRIERS) == ("main", "plain")
    with pytest.raises(InputError, match=r"--prosumer: there is no prosumer 'pain'.*did you mean 'plain'"):
        prosumer_of(totals, "pain", CARRIERS)


def test_a_day_in_the_middle_is_chosen():
    days = [date(2016, 1, day) for day in (4, 5, 6, 7)]
    assert day_of(days, "") == date(2016, 1, 5)
    assert day_of(days[:1], "") == date(2016, 1, 4)
    assert day_of(days, "2016-01-07") == date(2016, 1, 7)
    with pytest.raises(InputError, match=r"--day: 2016-02-01 is not in the run \(it covers 2016-01-04 to"):
        day_of(days, "2016-02-01")
    with pytest.raises(InputError, match="'tomorrow' is not a day"):
        day_of(days, "tomorrow")
