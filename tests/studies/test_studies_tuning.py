"""Rules are tuned in training alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

import pytest

from cosim.policies.registry import load
from cosim.scenario.schema import Scenario
from cosim.simulation import Simulation
from cosim.studies import tuning
from cosim.studies.cases import case
from cosim.studies.contenders import contenders_of
from cosim.studies.episode import run_episode
from cosim.studies.study import Study
from cosim.studies.tuning import STAGES, Stage, first_of_best, stages_of, trials, tune
from cosim.studies.units import Unit


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Scenario]]:
    """Everything that tuning simulates."""
    seen: list[Scenario] = []

    def build(scenario: Scenario) -> Simulation:
        seen.append(scenario)
        return Simulation(scenario)

    monkeypatch.setattr(tuning, "Simulation", build)
    return iter([seen])


def test_what_is_tuned_is_simulated_in_the_training_window_alone(
    study: Callable[..., Study], simulated: Iterator[list[Scenario]]
) -> None:
    found, seen = study("fixed-reservation"), next(simulated)
    Unit(found, "policy", found.contenders[0], 1).compute()
    assert len(seen) == trials(found.contenders[0]) == 8 + 4 - 1
    assert {(one.horizon.start, one.horizon.periods) for one in seen} == {(datetime(2016, 6, 6), 24)}


def test_the_best_of_what_was_tried_is_taken(study: Callable[..., Study]) -> None:
    found = study("fixed-reservation")
    (contender,), train = found.contenders, found.windows.train
    tuned = tune(found.base, train, 1, contender)
    # Try all values anew, margins at nothing, then all margins with the best of them.
    costs: dict[float, float] = {}
    for choice in STAGES["fixed-reservation"][0].choices:
        tried = contender.given({**choice, "bid_margin": 0.0, "ask_margin": 0.0})
        costs[choice["value"]] = run_episode(Simulation(case(found.base, train, 1, tried))).cost_eur
    assert len(set(costs.values())) > 1
    assert costs[tuned.chosen["value"]] == pytest.approx(min(costs.values()), abs=1e-8)
    (taken,) = (trial["cost_eur"] for trial in tuned.tried if trial["parameters"] == tuned.chosen)
    assert taken == pytest.approx(min(trial["cost_eur"] for trial in tuned.tried), abs=1e-8)
    assert tuned.contender.parameters == tuned.chosen and not tuned.contender.tune


def test_rounding_chooses_nothing() -> None:
    one, two, three = {"value": 0.5}, {"value": 0.1}, {"value": 0.2}
    assert first_of_best([(one, 937.2), (two, 937.178664214633), (three, 937.178664214632)]) == two
    assert first_of_best([(one, 1.0), (two, 1.0 - 1e-6), (three, 1.0)]) == two


def test_what_is_given_is_not_tuned() -> None:
    (value,) = contenders_of(["fixed-reservation:value=0.1"])
    assert [set(stage.choices[0]) for stage in stages_of(value)] == [{"bid_margin", "ask_margin"}]
    (margin,) = contenders_of(["fixed-reservation:ask_margin=0.1"])
    assert [set(stage.choices[0]) for stage in stages_of(margin)] == [{"value"}]
    assert stages_of(value.given({})) == () and trials(value.given({})) == 0


def test_what_makes_no_difference_is_not_tried(study: Callable[..., Study]) -> None:
    (contender,) = contenders_of(["fixed-reservation"], ["setpoint"])
    assert [set(stage.choices[0]) for stage in stages_of(contender)] == [{"bid_margin", "ask_margin"}]
    found = study("utility-only")
    assert tune(found.base, found.windows.train, 1, found.contenders[0]).chosen == {}


@pytest.mark.parametrize("kind", STAGES)
def test_first_choices_are_the_policys_defaults_and_all_are_valid(kind: str) -> None:
    config = load(kind).Config
    defaults = config().model_dump(mode="json")
    for stage in STAGES[kind]:
        assert isinstance(stage, Stage) and len(stage.choices) > 1
        for name, value in stage.choices[0].items():
            assert defaults[name] == value
        for choice in stage.choices:
            config(**choice)
