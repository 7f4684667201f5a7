"""Every shipped scenario is checked, and run, shortened."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from cosim.results.read import load
from cosim.scenario.account import account_of
from cosim.scenario.check import check
from cosim.scenario.load import load_scenario
from cosim.simulation import run

FOLDER = Path(__file__).parents[2] / "scenarios"
FILES = sorted(FOLDER.glob("*.yaml"))


def test_there_are_scenarios() -> None:
    assert {file.stem for file in FILES} >= {
        "own-data",
        "quickstart",
        "rural-100-summer",
        "rural-100-winter",
        "urban-100",
    }


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_is_good_and_plausible(file: Path) -> None:
    account = account_of(check(file))
    assert account.warnings == ()
    assert account.title == file.stem


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_runs_shortened(file: Path, tmp_path: Path) -> None:
    scenario = load_scenario(file, days=0.125)
    outcome = run(scenario, tmp_path / "run")
    found = load(outcome.folder)
    assert found.complete
    assert len(found.steps) == scenario.horizon.periods
    assert found.summary["prosumers"] == scenario.prosumer_count


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_those_of_a_hundred_have_a_hundred(file: Path) -> None:
    if file.stem == "quickstart" or file.stem.partition("-")[2].startswith("100"):
        assert load_scenario(file).prosumer_count == 100


@pytest.mark.parametrize("name", ["quickstart", "rural-100-summer", "rural-100-winter"])
def test_they_are_shown_with_the_learner(name: str) -> None:
    policies = load_scenario(FOLDER / f"{name}.yaml").policies
    assert {use.kind for use in policies.values()} == {"mf-ppo"}


def test_the_first_run_shows_it_learning(tmp_path: Path) -> None:
    """A day shorter than a week tells nothing: it learns once a day."""
    scenario = load_scenario(FOLDER / "quickstart.yaml", days=3.0)
    found = load(run(scenario, tmp_path / "run").folder)
    assert load_scenario(FOLDER / "quickstart.yaml").horizon.periods == 7 * 96
    assert found.summary["learning"]["default"]["updates"] == 2
    assert len(found.summary["learning"]["default"]["daily_saving_eur"]) == 3


def test_the_made_up_measurements_are_those_of_their_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = runpy.run_path(str(FOLDER / "data" / "make_profiles.py"))
    monkeypatch.setitem(script["main"].__globals__, "HERE", tmp_path)
    script["main"]()
    for file in sorted((FOLDER / "data").glob("*.csv")):
        assert (tmp_path / file.name).read_text() == file.read_text(), file.name
