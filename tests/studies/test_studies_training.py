"""Learners go on from pass to pass, and stay as they are when they are judged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cosim.errors import PolicyError
from cosim.policies.contract import Policy
from cosim.scenario.schema import Scenario
from cosim.simulation import Simulation
from cosim.studies.cases import case
from cosim.studies.episode import run_episode
from cosim.studies.study import Study
from cosim.studies.training import judge, train
from cosim.studies.windows import Window

pytestmark = pytest.mark.usefixtures("learners")


@pytest.fixture
def scenario(study: Callable[..., Study]) -> Callable[[str, str], Scenario]:
    """The scenario of a policy and a window of the study."""

    def build(policy: str, window: str = "train") -> Scenario:
        found = study(policy)
        windows: dict[str, Window] = {one.name: one for one in (found.windows.train, *found.windows.tests)}
        return case(found.base, windows[window], 1, found.contenders[0])

    return build


def test_a_pass_goes_on_where_the_last_one_stopped(scenario: Callable[..., Scenario]) -> None:
    one, two = train(scenario("own:Climber")), train(scenario("own:Climber"), passes=2)
    assert [episode.days for episode in two.passes] == [1.0, 1.0]
    # The first pass is the same; 23 transitions are one update of twelve, and one of the rest at its end.
    assert two.passes[0].cost_eur == one.passes[0].cost_eur
    assert abs(one.weights["community/default"]["shift"][0]) in (0.0, 0.1)
    assert two.passes[1].cost_eur != two.passes[0].cost_eur


def test_frozen_policies_do_not_change_and_learn_nothing(
    scenario: Callable[..., Scenario],
    learners: dict[str, type[Policy]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trained = train(scenario("own:Climber"))
    own = trained.weights["community/default"]
    before, called = {name: array.copy() for name, array in own.items()}, []
    for name in ("learn", "finish"):
        monkeypatch.setattr(learners["own:Climber"], name, lambda *given, name=name: called.append(name))
    for explore in (True, False):
        judge(scenario("own:Climber", "noon"), trained.weights, explore=explore)
    assert called == []
    assert all((own[name] == array).all() for name, array in before.items())


def test_judging_starts_from_what_was_learnt(scenario: Callable[..., Scenario]) -> None:
    noon = scenario("own:Climber", "noon")
    costs = [
        judge(noon, {"community/default": {"shift": np.array([shift])}}, explore=False).cost_eur
        for shift in (0.0, 0.5, 0.0)
    ]
    assert costs[0] == costs[2] != costs[1]


def test_best_actions_and_drawn_ones_differ(scenario: Callable[..., Scenario]) -> None:
    noon, weights = scenario("own:Climber", "noon"), {"community/default": {"shift": np.array([0.2])}}
    drawn, best = (judge(noon, weights, explore=explore) for explore in (True, False))
    assert drawn.cost_eur != best.cost_eur
    assert judge(noon, weights, explore=True).cost_eur == drawn.cost_eur


def test_who_learns_has_to_have_weights(scenario: Callable[..., Scenario]) -> None:
    with pytest.raises(PolicyError, match=r"'forgetful' of 'community/default' learns, but its weights"):
        train(scenario("own:Forgetful"))


def test_who_changes_although_frozen_is_told(scenario: Callable[..., Scenario]) -> None:
    weights = {"community/default": {"shift": np.array([0.0])}}
    with pytest.raises(PolicyError, match=r"'restless' of .* was frozen, and yet changed shift"):
        judge(scenario("own:Restless", "night"), weights, explore=True)


def test_one_seed_has_the_same_prosumers_in_every_window(study: Callable[..., Study]) -> None:
    found = study("zip", seeds=2)
    first, *others = (
        Simulation(case(found.base, window, seed, found.contenders[0])).communities[0]
        for seed, window in ((1, found.windows.train), (1, found.windows.tests[0]), (2, found.windows.train))
    )
    for community, alike in zip(others, (True, False), strict=True):
        columns = first.fleet.kinds["battery"].columns, community.fleet.kinds["battery"].columns
        assert all(np.array_equal(columns[0][name], columns[1][name]) for name in columns[0]) == alike
        assert np.array_equal(first.deciders.groups[0].mask, community.deciders.groups[0].mask) == alike


def test_the_grid_is_left_aside(study: Callable[..., Study]) -> None:
    """Bills do not depend on it: the same with a power flow in every period."""
    found = study("self-consumption")
    scenario = case(found.base, found.windows.train, 1, found.contenders[0])
    assert scenario.network.step == 24 * 60 and not scenario.network.counterfactual
    assert case(found.base, found.windows.tests[1], 1, found.contenders[0]).network.step == 3 * 60
    often = scenario.model_copy(update={"network": scenario.network.model_copy(update={"step": 60})})
    costs = [run_episode(Simulation(one)).prosumer_eur for one in (scenario, often)]
    assert (costs[0] == costs[1]).all()


def test_flows_within_a_period_stay(study: Callable[..., Study]) -> None:
    found = study("self-consumption", network={"step": 15})
    assert case(found.base, found.windows.train, 1, found.contenders[0]).network.step == 15


@pytest.mark.parametrize(
    ("method", "where"),
    [
        ("reset", "going on from its state"),
        ("load_state_dict", "going on from its state"),
        ("state_dict", "asked for its state"),
        ("weights", "asked for its weights"),
        ("load_weights", "taking weights"),
    ],
)
def test_what_a_plug_in_raises_in_a_study_names_it(
    study: Callable[..., Study],
    learners: dict[str, type[Policy]],
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    where: str,
) -> None:
    found = study("own:Climber", passes=2)

    def fails(self: Policy, *given: Any) -> None:
        raise KeyError("a")

    scenario = case(found.base, found.windows.train, 1, found.contenders[0])
    weights = train(scenario).weights
    monkeypatch.setattr(learners["own:Climber"], method, fails)
    monkeypatch.setattr("cosim.community.build.checked_weights", lambda policy, title: {})  # asks, too
    title = r"policy 'climber' of 'community/default'"
    with pytest.raises(PolicyError, match=rf"^{title}, {where}, raised KeyError: 'a' \(at .*\.py:\d+\)"):
        train(scenario, 2)
        judge(scenario, weights, explore=False)
