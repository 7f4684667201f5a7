"""Columns of runs with heat, gas and imbalance: which there are, how they are recorded, read and shown."""

from __future__ import annotations

import io
from datetime import date

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from cosim.core.outputs import OutputsConfig
from cosim.core.records import PublicInformation
from cosim.results import show
from cosim.results.carriers import FURTHER, Extent, further
from cosim.results.columns import Kind, device_columns, joined_trades, market_columns
from cosim.results.read import load
from cosim.results.recorder import Members, Recorder
from cosim.results.tables import PROSUMERS, STEPS, TRADES

UNITS = {"kWh": "_kwh", "EUR": "_eur", "kg": "_kg"}


def every_column():
    return [column for part in FURTHER.values() for column in (*part.steps, *part.prosumers, *part.trades)]


def test_every_column_says_its_unit_and_meaning():
    for column in every_column():
        assert column.about.endswith("."), column.name
        if column.unit in UNITS:
            assert column.name.endswith(UNITS[column.unit]), column.name


@pytest.mark.parametrize(("table", "part"), [(STEPS, "steps"), (PROSUMERS, "prosumers"), (TRADES, "trades")])
def test_no_name_is_taken_twice(table, part):
    names = [column.name for column in (*table.keys, *table.columns)]
    names += [column.name for one in FURTHER.values() for column in getattr(one, part)]
    assert len(set(names)) == len(names)


def test_a_run_of_electricity_alone_has_no_further_columns():
    assert further(Extent()) == {}
    assert set(further(Extent(carbon=True))) == {"steps"}
    assert set(further(Extent(heat_market=True))) == {"steps", "prosumers", "trades"}


def test_kinds_of_devices_tell_their_carrier():
    found = device_columns([Kind("pv", "electricity", False), Kind("chp", "heat", True)])
    assert [(column.name, column.carrier) for column in found] == [
        ("pv_kwh", "electricity"),
        ("chp_kwh", "heat"),
        ("chp_electricity_kwh", "electricity"),
    ]


def test_columns_of_a_market_are_told_apart_by_prefix():
    public = PublicInformation(0.1, 0.2, 0.3, 0.4, 5.0, 6.0, 7.0, 8)
    plain, heat = market_columns(public), market_columns(public, "heat_")
    assert {f"heat_{name}": value for name, value in plain.items()} == heat
    assert heat["heat_p2p_kwh"] == 5.0


def trades(count, price):
    return {
        "round": np.zeros(count, dtype=np.int64),
        "buyer": np.zeros(count, dtype=np.int64),
        "seller": np.ones(count, dtype=np.int64),
        "quantity_kwh": np.ones(count),
        "price_eur_per_kwh": np.full(count, price),
    }


@pytest.fixture
def warm(tmp_path, synthetic):
    """Four half-days of two prosumers with a boiler, recorded; and a manifest, as of a run that stopped."""
    folder = tmp_path / "warm"
    folder.mkdir()
    clock = synthetic.clock(4, 720)
    kinds = device_columns([Kind("boiler", "heat", False), Kind("heat_pump", "heat", True)])
    extra = further(Extent(heat=True, heat_market=True))
    extra["prosumers"] += kinds
    members = [Members("main", ("a", "b"))]
    recorder = Recorder(folder, clock, members, OutputsConfig(), extra=extra)
    required = {column.name: 0.0 for column in PROSUMERS.columns if not column.optional}
    for period in range(4):
        heat = {"heat": trades(1, 0.1), "electricity": trades(period % 2, 0.2)}
        recorder.add("trades", period, joined_trades(heat))
        heat_kwh = {"boiler_kwh": -np.array([1.0, 2.0]) * period, "heat_pump_kwh": np.zeros(2)}
        recorder.add("prosumers", period, {**required, "load_kwh": np.array([1.0, 2.0]), **heat_kwh})
    recorder.close()
    horizon = {"start": clock.start.isoformat(), "zone": "Europe/Berlin", "step_minutes": 720, "periods": 4}
    (folder / "manifest.json").write_text(
        pd.Series({"status": "interrupted", "name": "warm", "horizon": horizon}).to_json()
    )
    return folder


def test_trades_of_both_markets_are_in_one_table(warm):
    frame = pd.read_parquet(warm / "trades.parquet")
    assert frame["carrier"].tolist() == ["heat", "heat", "electricity", "heat", "heat", "electricity"]
    assert frame["period"].tolist() == [0, 1, 1, 2, 3, 3]
    assert frame["price_eur_per_kwh"].tolist() == [0.1, 0.1, 0.2, 0.1, 0.1, 0.2]


def test_what_is_left_out_is_nan(warm):
    frame = pd.read_parquet(warm / "prosumers.parquet")
    assert frame["heat_load_kwh"].isna().all()
    assert frame["heat_pump_electricity_kwh"].isna().all()


def test_a_day_of_one_prosumer_is_read_alone(warm):
    run = load(warm, partial=True)
    assert run.days() == [date(2016, 6, 6), date(2016, 6, 7)]
    assert run.carriers() == {
        "boiler_kwh": "heat",
        "heat_pump_kwh": "heat",
        "heat_pump_electricity_kwh": "electricity",
    }
    rows = run.day("b", date(2016, 6, 7), "main")
    assert rows["period"].tolist() == [2, 3]
    assert rows["boiler_kwh"].tolist() == [-4.0, -6.0]
    assert rows["prosumer"].astype(str).tolist() == ["b", "b"]
    assert run.day("nobody", date(2016, 6, 7)).empty


def test_runs_of_older_versions_know_electricity_alone(made_run):
    assert b"carrier" not in pq.read_schema(made_run / "prosumers.parquet").field("battery_kwh").metadata
    assert load(made_run).carriers() == {"battery_kwh": "electricity"}


def test_an_unfinished_run_has_days_too(tmp_path, synthetic):
    error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        synthetic.make_run(tmp_path, stop_at=40, error=error)
    run = load(tmp_path / "made-up", partial=True)
    assert run.carriers() == {"battery_kwh": "electricity"}
    assert len(run.day("house-1", date(2016, 6, 6))) == 41


def text(renderable):
    console = Console(file=io.StringIO(), width=150)
    console.print(renderable)
    return console.file.getvalue()


HEAT = {
    "load_kwh": 100.0,
    "produced_kwh": 99.0,
    "electricity_kwh": 20.0,
    "unserved_kwh": 1.5,
    "utility_only_unserved_kwh": 2.5,
    "unmet_kwh": 0.0,
    "dumped_kwh": 0.5,
    "stored_kwh": 7.0,
    "stored_difference_kwh": -3.0,
    "stored_difference_eur": -0.25,
    "lost_kwh": 4.0,
    "p2p_kwh": 40.0,
    "mean_price_eur_per_kwh": 0.0912,
    "trades": 1234,
    "internal_kwh": 0.0,
    "allocative_efficiency": 0.875,
}


def test_the_summary_shows_what_there_is(made_run):
    plain = load(made_run).summary
    shown = text(show.summary(plain))
    for word in ("Heat", "Gas", "Carbon", "Imbalance", "Markets"):
        assert word not in shown
    beside = {
        "heat": HEAT,
        "gas": {"gas_kwh": 80.0, "gas_eur": 8.0, "utility_only_gas_kwh": 90.0},
        "carbon": {"carbon_kg": 16.0, "carbon_eur": 0.5, "utility_only_carbon_kg": 18.0},
        "imbalance": {
            "short_kwh": 3.0,
            "long_kwh": 1.0,
            "energy_kwh": 4.0,
            "cost_eur": 0.8,
            "share_of_load": 0.04,
        },
    }
    shown = text(show.summary({**plain, **beside}))
    assert "2.5 kWh with the utility alone" in shown
    assert "-3.0 kWh against the utility alone, worth -0.25 EUR" in shown
    assert "8.00 EUR; 90.0 kWh with the utility alone" in shown
    assert "18.0 kg with the utility alone" in shown
    assert "4.0 % of the consumption; 3.0 kWh short, 1.0 kWh long; 0.80 EUR" in shown
    assert "Traded between prosumers" not in shown  # it is in the table of markets
    row = next(line for line in shown.splitlines() if line.strip().startswith("heat "))
    for cell in ("40.0 kWh", "1,234", "0.0912 EUR/kWh", "87.5 %", "4.0 kWh", "1.5 kWh", "0.5 kWh"):
        assert cell in row


def test_heat_without_a_loop_has_no_market():
    alone = {key: value for key, value in HEAT.items() if key != "p2p_kwh"}
    trade = dict.fromkeys(HEAT, 0.0) | {"trades": 0}
    assert [row[0] for row in show.market_rows({"trade": trade, "heat": alone})] == ["electricity"]


@pytest.mark.parametrize(("count", "blocks"), [(2, 1), (5, 1), (14, 3)])
def test_many_runs_stand_below_each_other_without_changes(count, blocks):
    labels = [f"run-{number}" for number in range(count)]
    table = pd.DataFrame(
        {"indicator": ["Saving", "Heat used"], "unit": ["EUR", "kWh"]}
        | {label: [1.0 + number, np.nan] for number, label in enumerate(labels)}
        | {f"{label}: change": [2.0, np.nan] for label in labels[1:]}
        | {f"{label}: change_percent": [3.0, np.nan] for label in labels[1:]}
    )
    shown = text(show.comparison(table, labels, []))
    assert shown.count("Saving") == blocks
    assert ("change" in shown) == (count <= show.SIDE_BY_SIDE)
    assert "Heat used" not in shown
    for label in labels:
        assert label in shown
