"""Variants of a scenario, run and compared; and a prosumer's day."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import Result

from cosim.results.read import load

VILLAGE = Path(__file__).resolve().parents[2] / "networks" / "village.json"
TINY = f"""\
name: tiny
horizon: {{start: 2016-06-15 10:00, duration: 2 hours, step_minutes: 60}}
network: {{source: json, name: {VILLAGE}}}
tariffs: {{default: {{retail: 0.30, feed_in: 0.08}}}}
groups:
  - name: homes
    count: 4
    devices:
      pv: {{share: 0.5, peak_kw: 8}}
policies: {{default: self-consumption}}
outputs: {{report: false}}
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


def test_variants_are_run_kept_and_compared(cosim: Callable[..., Result], tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "variants"
    call = ("compare", tiny, "--vary", "market.mechanism=double-auction,mid-market-rate", "--output", folder)
    first = cosim(*call, "--jobs", 2)
    assert first.exit_code == 0, first.output
    assert "double-auction" in first.stdout and "Bills of all prosumers" in first.stdout
    assert "Heat" not in first.stdout  # what no run has is left out
    assert "[2/2] mid-market-rate: done" in first.stderr
    runs = [load(folder / name) for name in ("double-auction", "mid-market-rate")]
    assert runs[1].summary["trade"]["mean_price_eur_per_kwh"] == pytest.approx(0.19)
    table = pd.read_csv(folder / "comparison.csv").set_index("indicator")
    for run in runs:
        assert table.loc["Bills of all prosumers", run.path.name] == run.summary["cost"]["cost_eur"]
    # A second call runs nothing, and finds the same.
    before = [run.manifest["finished"] for run in runs]
    second = cosim(*call, "--json")
    assert second.exit_code == 0
    assert [load(run.path).manifest["finished"] for run in runs] == before
    rows = json.loads(second.stdout)
    assert rows[0]["mid-market-rate"] == runs[1].summary["cost"]["cost_eur"]
    # Another seed is another scenario: nothing is overwritten.
    other = cosim(*call, "--seed", 7)
    assert other.exit_code == 2
    assert "holds the run of another scenario" in other.stderr
    assert len(other.stderr.splitlines()) == 2
    assert load(runs[0].path).manifest["seed"] == runs[0].manifest["seed"]


def test_a_variant_is_the_run_that_set_gives(
    cosim: Callable[..., Result], tiny: Path, tmp_path: Path
) -> None:
    cosim("compare", tiny, "--vary", "policies.default=zip", "--output", tmp_path / "variants", "--quiet")
    cosim("run", tiny, "--set", "policies.default=zip", "--output", tmp_path / "run", "--quiet")
    one, other = load(tmp_path / "variants" / "zip"), load(tmp_path / "run")
    assert one.manifest["scenario_sha256"] == other.manifest["scenario_sha256"]
    pd.testing.assert_frame_equal(one.prosumers, other.prosumers)


def test_a_variant_that_fails_does_not_stop_the_others(
    cosim: Callable[..., Result], tiny: Path, tmp_path: Path
) -> None:
    """A tariff file that is not there is found when the community is built."""
    value = "0.30,{file: nowhere.csv}"
    result = cosim(
        "compare", tiny, "--vary", f"tariffs.default.retail={value}", "--output", tmp_path / "variants"
    )
    assert result.exit_code == 2, result.output
    assert "nowhere.csv" in result.stderr
    assert "Traceback" not in result.output
    assert "retail=0.3" in result.stdout
    assert load(tmp_path / "variants" / "retail-0.3").complete


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{tiny}", "--vary", "market.mechanizm=a,b"], "--vary market.mechanizm: unknown key"),
        (
            ["{tiny}", "--vary", "market.mechanism=muda,mudda"],
            "--vary market.mechanism: unknown market mechanism 'mudda'",
        ),
        (["{tiny}", "--vary", "groups.cars.count=1,2"], "there is no item called 'cars'"),
        (["{tiny}", "--vary", "seed"], "is not of the form key.path=value,value"),
        (["{tiny}", "--vary", "seed=1,2", "--set", "nonsense"], "is not of the form key.path=value"),
        (["{tiny}", "{tiny}", "--vary", "seed=1,2"], "is not one scenario file"),
        (["nowhere.yaml", "--vary", "seed=1,2"], "there is no such file"),
        (["{tiny}"], "is a file, no run (of a scenario say what to --vary"),
        (["{tiny}", "--days", "1"], "--days: is for variants of a scenario"),
        (["{tiny}", "--vary", "seed=1,2", "--jobs", "0"], "--jobs"),
        (["{tiny}", "--vary", "seed=1,2", "--output", "{tiny}"], "is a file (name a folder)"),
    ],
)
def test_wrong_calls(cosim: Callable[..., Result], tiny: Path, arguments: list[str], message: str) -> None:
    result = cosim("compare", *[argument.format(tiny=tiny) for argument in arguments])
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert sorted(path.name for path in tiny.parent.iterdir()) == ["tiny.yaml"]


def test_a_day_in_words_numbers_and_a_picture(
    cosim: Callable[..., Result], tiny: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert cosim("run", tiny, "--output", run, "--quiet").exit_code == 0
    shown = cosim("day", run, "--output", tmp_path / "day.html")
    assert shown.exit_code == 0, shown.output
    assert "Wednesday 2016-06-15" in shown.stdout
    assert "Bill of the day" in shown.stdout
    assert (tmp_path / "day.html").stat().st_size > 1_000_000
    name = str(load(run).prosumer_totals.prosumer.iloc[0])
    rows = json.loads(cosim("day", run, "--prosumer", name, "--day", "2016-06-15", "--json").stdout)
    got = sum(row["from_kwh"] for row in rows)
    assert got == pytest.approx(sum(row["to_kwh"] for row in rows))
    for wrong in (["--prosumer", "nobody"], ["--day", "2017-01-01"], ["--output", "day.png"]):
        result = cosim("day", run, *wrong)
        assert result.exit_code == 2
        assert wrong[0] in result.stderr
    assert cosim("report", run, "--prosumer", name).exit_code == 0
    assert f"day: {name}, Wednesday" in (run / "report.html").read_text()
    assert cosim("report", run, "--day", "soon").exit_code == 2
