"""`cosim evaluate` from its arguments to its tables and files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from cosim import cli
from cosim.cli import evaluating
from cosim.studies import evaluate as studies
from cosim.studies.evaluate import News
from cosim.studies.study import Study

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
policies: {{default: zip}}
"""
SHORT = (
    "--train",
    "2016-06-01",
    "--train-days",
    0.25,
    "--test",
    "noon=2016-06-15 09:00",
    "--test-days",
    0.25,
)


@pytest.fixture
def cosim(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command line; work stays in this process, which spares its processes' start."""
    compute = studies.evaluate
    monkeypatch.setattr(
        studies, "evaluate", lambda study, folder, jobs, tell: compute(study, folder, 0, tell)
    )
    runner = CliRunner()
    return lambda *arguments: runner.invoke(cli.app, [str(argument) for argument in arguments])


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


def test_a_study_is_done_shown_and_kept(cosim: Callable[..., Result], tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    call = ("evaluate", tiny, "--policies", "utility-only,self-consumption", *SHORT, "--seeds", 2)
    first = cosim(*call, "--output", folder)
    assert first.exit_code == 0, first.output
    assert "tiny: what the community pays" in first.stdout and "less utility-only" in first.stdout
    assert "self-consumption_reservation_2: done" in first.stderr
    assert "results.csv, results.json, results.html" in first.stdout.replace("\n", " ")
    assert "Share captured" in (folder / "results.html").read_text(encoding="utf-8")
    rows = pd.read_csv(folder / "results.csv").set_index(["policy", "measure", "mode"])
    pooled = rows[rows["window"].isna()]
    assert pooled.loc[("utility-only", "share_captured", "stochastic"), "mean"] == pytest.approx(
        0.0, abs=1e-9
    )
    share = pooled.loc[("self-consumption", "share_captured", "stochastic")]
    assert share["seeds"] == 2 and share["low"] <= share["mean"] <= share["high"]
    assert share["difference_mean"] == pytest.approx(share["mean"])
    # Again: nothing is computed, and the same comes out.
    second = cosim(*call, "--output", folder, "--json", "--against", "self-consumption")
    assert second.exit_code == 0, second.output
    found = json.loads(second.stdout)
    assert found["study"]["seeds"] == [1, 2] and found["against"] == "self-consumption"
    again = {
        (row["policy"], row["measure"], row["mode"], row["window"]): row["mean"] for row in found["rows"]
    }
    assert again["self-consumption", "share_captured", "stochastic", ""] == pytest.approx(share["mean"])
    # Other windows are another study.
    other = cosim(*call, "--output", folder, "--test-days", 0.5)
    assert other.exit_code == 2 and "is of another study" in other.stderr


def test_by_default_the_scenarios_policy_is_judged_against_the_rule(
    cosim: Callable[..., Result], tiny: Path, tmp_path: Path
) -> None:
    found = cosim("evaluate", tiny, *SHORT, "--seeds", 1, "--no-tune", "--output", tmp_path / "x", "--json")
    assert found.exit_code == 0, found.output
    assert "NaN" not in found.stdout
    policies = json.loads(found.stdout)["study"]["policies"]
    assert [(one["name"], one["bidding"], one["tune"]) for one in policies] == [
        ("self-consumption", "reservation", False),
        ("zip", "reservation", False),
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--test", "2016-06-01", "--train", "2016-06-01", "--train-days", 2), "--test: the windows train"),
        (("--policies", "zap"), "--policies: unknown policy 'zap'"),
        (("--policies", "zip", "--against", "zap"), "--against: there is no policy 'zap'"),
        (("--policies", "zip:relative=2"), "relative: 2 must be at most 1"),
        (("--rule", "zip,self-consumption"), "--rule: 'zip,self-consumption' is more than one policy"),
        (("--bidding", "loudly"), "--bidding: 'loudly' is no way to bid"),
        (("--train", "soon"), "--train: 'soon' is not a date"),
        (("--set", "groups.homes.count=none"), "groups.homes.count"),
        (("--output", __file__), "is a file"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(
    cosim: Callable[..., Result], tiny: Path, tmp_path: Path, arguments: tuple[object, ...], message: str
) -> None:
    call = ("evaluate", tiny, *SHORT, "--seeds", 1, "--output", tmp_path / "study", *arguments)
    found = cosim(*call)
    assert found.exit_code == 2, found.output
    assert message in found.stderr and "Traceback" not in found.output
    assert not (tmp_path / "study").exists()


def test_what_is_done_is_kept_when_it_is_stopped(
    cosim: Callable[..., Result], tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(study: Study, folder: Path, jobs: int, tell: Callable[[News], None]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(studies, "evaluate", stopped)
    found = cosim("evaluate", tiny, *SHORT, "--output", tmp_path / "study")
    assert found.exit_code == 130
    assert f"the same command with --output {tmp_path / 'study'} goes on" in found.stderr


def test_what_fails_is_told_and_the_rest_summed_up(
    cosim: Callable[..., Result], tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute = studies.evaluate

    def failing(study: Study, folder: Path, jobs: int, tell: Callable[[News], None]) -> list[News]:
        *news, last = compute(study, folder, 0, tell)
        (folder / "units" / f"{last.unit.name}.json").unlink()
        return [*news, replace(last, state="failed", lines=("it broke",), exit_code=1)]

    monkeypatch.setattr(studies, "evaluate", failing)
    policies = ("--policies", "utility-only,self-consumption", "--seeds", 1)
    found = cosim("evaluate", tiny, *SHORT, *policies, "--output", tmp_path / "study", "--json")
    assert found.exit_code == 1
    assert found.stderr == "self-consumption_reservation_1: it broke\n"
    assert {row["policy"] for row in json.loads(found.stdout)["rows"]} == {"utility-only"}


def test_quick_is_small(cosim: Callable[..., Result], tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(evaluating, "_evaluated", lambda study, *rest: seen.append(study))
    assert cosim("evaluate", tiny, "--quick").exit_code == 0
    assert cosim("evaluate", tiny).exit_code == 0
    assert [study.windows.train.days for study in seen] == [14, 119]
    assert [study.windows.tests[0].days for study in seen] == [2, 7]
    assert [study.seeds for study in seen] == [(1, 2), (1, 2, 3, 4, 5)]
