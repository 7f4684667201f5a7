"""`cosim bound`: what it prints, what it leaves in the run's folder, and what it says where it cannot."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from cosim import cli
from cosim.results.read import load
from cosim.scenario.load import load_scenario

VILLAGE = Path(__file__).resolve().parents[2] / "networks" / "village.json"
HOMES = f"""\
name: homes
seed: 3
horizon: {{start: 2016-06-06 00:00, zone: UTC, duration: 2 days, step_minutes: 60}}
network: {{source: json, name: {VILLAGE}}}
tariffs: {{default: {{retail: 0.30, feed_in: 0.08}}}}
groups:
  - name: homes
    count: 4
    load: {{profile: {{source: csv, file: load.csv, zone: UTC}}}}
    devices:
      pv: {{share: 0.5, peak_kw: 8, profile: {{source: csv, file: pv.csv, zone: UTC}}}}
      battery: {{share: 0.5, capacity_kwh: 6}}
policies: {{default: self-consumption}}
outputs: {{report: false, record: {{prosumers: day}}}}
"""


@pytest.fixture(scope="module")
def finished(kit, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("bound")
    kit.profiles(folder)
    (folder / "homes.yaml").write_text(HOMES)
    arguments = ["run", str(folder / "homes.yaml"), "--output", str(folder / "run"), "--quiet"]
    result = CliRunner().invoke(cli.app, arguments)
    assert result.exit_code == 0, result.output
    yield folder / "run"


@pytest.fixture
def own(finished: Path, tmp_path: Path) -> Path:
    """A copy of the run, to be broken."""
    shutil.copytree(finished, tmp_path / "run", ignore=shutil.ignore_patterns("bound.*"))
    return tmp_path / "run"


def test_a_run_beside_its_bound(cosim: Callable[..., Result], finished: Path) -> None:
    result = cosim("bound", finished)
    assert result.exit_code == 0, result.output
    for words in (
        "optimum of all together",
        "less what is stored at the end, electricity at 0.1900 EUR/kWh on average\n",
        "Share captured: 0.",
        "shadow price",
        "Price-taker regret",
        "homes-",
    ):
        assert words in result.stdout, words
    assert "each prosumer optimised alone" in result.stderr
    found = json.loads((finished / "bound.json").read_text())
    costs = found["cost_eur"]
    assert costs["optimum"] < costs["alone"] <= costs["greedy"]
    share = (costs["greedy"] - costs["run"]) / (costs["greedy"] - costs["optimum"])
    assert found["share_captured"] == pytest.approx(share)
    assert 0.0 < share < 1.0
    assert found["cost_eur_per_day"]["run"] == pytest.approx(costs["run"] / 2.0)
    # The same rule as the run's own indicators, where there is no heat.
    cost = load(finished).summary["cost"]
    assert costs["greedy"] - costs["run"] == pytest.approx(cost["saving_with_stored_eur"])
    regret = found["regret"]
    each = pd.DataFrame(regret["by_prosumer"]).T
    assert regret["total_eur"] == pytest.approx(each["regret_eur"].sum())
    assert each["run_eur"].sum() == pytest.approx(costs["run"])
    assert each["greedy_eur"].sum() == pytest.approx(costs["greedy"])
    np.testing.assert_allclose(each["run_eur"] - each["best_response_eur"], each["regret_eur"], atol=1e-12)
    assert regret["worst"][0] == each["regret_eur"].idxmax()


def test_its_periods_are_those_of_the_run(cosim: Callable[..., Result], finished: Path) -> None:
    assert cosim("bound", finished, "--quiet").output == ""
    periods, steps = pd.read_parquet(finished / "bound.parquet"), load(finished).steps
    assert (periods["time"] == steps["time"]).all()
    np.testing.assert_array_equal(periods["mean_price"], steps["mean_price"])
    np.testing.assert_array_equal(periods["p2p_kwh"], steps["p2p_kwh"])
    assert periods["shadow_price"].between(0.08 - 1e-5, 0.30 + 1e-5).all()


def test_json_and_the_first_day(cosim: Callable[..., Result], finished: Path) -> None:
    result = cosim("bound", finished, "--json", "--days", 1)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["horizon"]["periods"] == 24
    assert found["horizon"]["days"] == 1.0
    assert found == json.loads((finished / "bound.json").read_text())
    prosumers = load(finished).prosumers
    first = prosumers[prosumers["period"] < 24]
    held = 0.19 * first["stored_kwh"].sum()
    assert found["cost_eur"]["run"] == pytest.approx(first["cost_eur"].sum() - held)


def failed(result: Result, code: int) -> str:
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    assert result.stdout == ""
    return result.stderr.splitlines()[-1]


def test_a_folder_that_is_no_run(cosim: Callable[..., Result], tmp_path: Path) -> None:
    assert "is no run: there is no manifest.json in it" in failed(cosim("bound", tmp_path), 2)


def test_a_run_that_did_not_end(cosim: Callable[..., Result], own: Path) -> None:
    manifest = json.loads((own / "manifest.json").read_text())
    (own / "manifest.json").write_text(json.dumps(manifest | {"status": "interrupted", "periods_done": 5}))
    assert "was interrupted after 5 of 48 periods" in failed(cosim("bound", own), 1)
    assert not (own / "bound.json").exists()


def test_a_scenario_that_is_gone(cosim: Callable[..., Result], own: Path) -> None:
    (own / "scenario.yaml").unlink()
    assert "scenario.yaml is gone" in failed(cosim("bound", own), 1)


def test_files_that_are_gone(cosim: Callable[..., Result], own: Path) -> None:
    path = own / "scenario.yaml"
    path.write_text(path.read_text().replace("load.csv", "lost.csv"))
    line = failed(cosim("bound", own, "--json"), 2)
    assert "lost.csv" in line


def test_files_that_are_others_now(cosim: Callable[..., Result], own: Path) -> None:
    path = own / "scenario.yaml"
    folder = load_scenario(path).base
    for name in ("load.csv", "pv.csv"):
        shutil.copy(folder / name, own / name)
    path.write_text(path.read_text().replace(str(folder), str(own)))
    text = (own / "load.csv").read_text().replace(",0.4", ",0.5")
    (own / "load.csv").write_text(text)
    line = failed(cosim("bound", own), 1)
    assert "with the utility alone this run cost" in line
    assert "have changed since (run it again)" in line


def test_more_days_than_the_run_has(cosim: Callable[..., Result], finished: Path) -> None:
    line = failed(cosim("bound", finished, "--days", 3), 2)
    assert "--days: the run has 2 days, not 3" in line


def test_tables_that_are_too_coarse(cosim: Callable[..., Result], finished: Path) -> None:
    line = failed(cosim("bound", finished, "--days", 0.5), 1)
    assert "prosumers of" in line
    assert "is recorded every 24 hours, which is too coarse here" in line
