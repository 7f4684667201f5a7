"""Learners that diverge: those that stop leave what they had learnt and are not done, those that go on with
their rule are judged with it, and whoever reads the results is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosim.community.deciders import PolicyGroup
from cosim.errors import PolicyError
from cosim.policies.contract import Policy, Transition
from cosim.policies.learning.checkpoint import read
from cosim.simulation import Simulation
from cosim.studies import evaluate as module
from cosim.studies.cases import case
from cosim.studies.evaluate import News, evaluate
from cosim.studies.exploitability import Place, Probe, exploitability, sampled, single_out
from cosim.studies.measured import Fallen
from cosim.studies.store import Store
from cosim.studies.study import Study
from cosim.studies.summary import content, summarise
from cosim.studies.tables import tables
from cosim.studies.training import fell, judge, take_up, train
from cosim.studies.units import Unit

pytestmark = pytest.mark.usefixtures("learners")
START = "fixed-reservation:value=0.3"
WILD = "wild@mf-ppo:learning_rate=1.0e+9:decide_hours=1:update_hours=2"
LABEL = "community/default"


@pytest.fixture
def diverging(study: Callable[..., Study]) -> Callable[..., Study]:
    """A study in which the learner called wild starts from `START`, which the command line cannot say."""

    def build(policies: str, *given: Any, **changes: Any) -> Study:
        found = study(policies, *given, **changes)
        return replace(
            found,
            contenders=tuple(
                replace(one, parameters={**one.parameters, "start": START}) if one.name == "wild" else one
                for one in found.contenders
            ),
        )

    return build


def costs(values: dict[str, object]) -> list[float]:
    weeks = values["weeks"]
    assert isinstance(weeks, list)
    return [week["cost_eur"] for week in weeks if week["mode"] == "stochastic"]


def test_who_stops_leaves_its_last_good_weights_and_is_not_done(
    diverging: Callable[..., Study], tmp_path: Path
) -> None:
    found, kept = diverging(f"self-consumption,{WILD}"), tmp_path / "weights" / "wild_reservation_1"
    for _ in range(2):  # the second time it is tried again
        news: dict[str, News] = {}
        with pytest.raises(PolicyError, match="diverged: actor") as caught:
            evaluate(found, tmp_path, tell=lambda one, news=news: news.update({one.unit.name: one}))
        (file,) = kept.iterdir()
        assert str(caught.value).endswith(f"; what was learnt until then is in {file}")
        assert news["wild_reservation_1"].state == "running"
        assert not (tmp_path / "units" / "wild_reservation_1.json").exists()
    assert news["self-consumption_reservation_1"].state == "kept"
    weights = read(file).weights
    assert weights and all((np.abs(array) < 1e4).all() for array in weights.values())
    assert {row.policy for row in summarise(found, tmp_path, missing=True).rows} == {"self-consumption"}


def test_what_it_left_can_be_gone_on_from(diverging: Callable[..., Study], tmp_path: Path) -> None:
    found = diverging(WILD)
    with pytest.raises(PolicyError, match="diverged"):
        evaluate(found, tmp_path)
    (file,) = (tmp_path / "weights" / "wild_reservation_1").iterdir()
    (wild,) = found.contenders
    tame = replace(wild, parameters={**wild.parameters, "learning_rate": 1e-3, "weights": str(file)})
    (community,) = Simulation(case(found.base, found.windows.train, 1, tame)).communities
    own = community.deciders.groups[0].policy.weights()
    assert all((own[name] == array).all() for name, array in read(file).weights.items())


def test_what_was_learnt_before_a_later_pass_fails_is_kept(
    study: Callable[..., Study],
    learners: dict[str, type[Policy]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    learn, calls = learners["own:Climber"].learn, []

    def ends(self: Policy, transition: Transition) -> dict[str, float]:
        calls.append(transition)
        if len(calls) == 30:  # of 23 in each pass
            raise PolicyError("diverged")
        return learn(self, transition)

    found = study("own:Climber", passes=2)
    once = train(case(found.base, found.windows.train, 1, found.contenders[0]))
    monkeypatch.setattr(learners["own:Climber"], "learn", ends)
    with pytest.raises(PolicyError, match=r"diverged; what was learnt until then is in .*own-Climber_res"):
        evaluate(found, tmp_path)
    (file,) = (tmp_path / "weights" / "own-Climber_reservation_1").iterdir()
    assert read(file).weights["shift"] == once.weights[LABEL]["shift"]


def test_who_has_nothing_to_show_leaves_nothing(study: Callable[..., Study], tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"its weights\(\) are empty$"):
        evaluate(study("own:Forgetful"), tmp_path)
    assert list((tmp_path / "weights").iterdir()) == []


def test_a_folder_that_cannot_be_written_does_not_hide_why_it_failed(
    diverging: Callable[..., Study], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*given: object) -> list[Path]:
        raise OSError("no space left")

    monkeypatch.setattr(Store, "keep", full)
    found = diverging(WILD)
    work = module._Compute(Unit(found, "policy", found.contenders[0], 1), tmp_path)
    with pytest.raises(PolicyError, match=r"diverged: actor.*; what was learnt could not be kept: no space"):
        work(lambda done: None)


def test_who_goes_on_with_its_rule_is_judged_with_it_and_told(
    diverging: Callable[..., Study], tmp_path: Path
) -> None:
    found = diverging(f"rule@{START}:bid_margin=0:ask_margin=0,{WILD}:diverged=rule,own:Climber", 2, passes=2)
    evaluate(found, tmp_path)
    rule, wild, healthy = (Store(tmp_path).read(Unit(found, "policy", one, 1)) for one in found.contenders)
    assert wild["fallen_back"] == [{"label": LABEL, "pass": 1}]
    assert costs(wild) == costs(rule) != costs(healthy)
    assert set(healthy) == set(rule) == set(wild) - {"fallen_back"}
    summary = summarise(found, tmp_path)
    assert summary.fallen == {"wild_reservation": dict.fromkeys((1, 2), Fallen((LABEL,), 0))}
    assert [text for text in tables(summary) if "fell" in str(text)] == [
        "wild fell back to its rule in training, seeds 1, 2: it is judged with that rule."
    ]
    seeds = json.loads(json.dumps(content(summary)))["seeds"]
    fallen = {(one["policy"], one["seed"]): one.get("fallen_back") for one in seeds}
    own = {"labels": [LABEL], "alone": 0}
    assert {key for key, value in fallen.items() if value == own} == {("wild", 1), ("wild", 2)}
    assert sum(value is None for value in fallen.values()) == 4


def test_the_pass_in_which_it_fell_is_told(
    study: Callable[..., Study], learners: dict[str, type[Policy]], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = study("own:Climber")
    climber, calls = learners["own:Climber"], []
    monkeypatch.setattr(climber, "fallen", property(lambda self: len(calls) > 23), raising=False)
    monkeypatch.setattr(climber, "learn", lambda self, transition: calls.append(transition) or {})
    monkeypatch.setattr(climber, "finish", lambda self: {})
    trained = train(case(found.base, found.windows.train, 1, found.contenders[0]), passes=3)
    assert trained.fallen == {LABEL: 2}


@pytest.fixture
def wild(diverging: Callable[..., Study]) -> tuple[Study, Place]:
    """A learner that falls back as soon as it learns."""
    found = diverging(f"{WILD}:diverged=rule")
    return found, Place(found.base, 1, found.contenders[0], {}, "own:Clone")


def group_after(place: Place, found: Study) -> tuple[PolicyGroup, Policy]:
    """The group of a prosumer that leaves, and the policy that it leaves with."""
    scenario = place.scenario(found.windows.train)
    simulation = Simulation(scenario)
    (community,) = simulation.communities
    (group,) = community.deciders.groups
    take_up({LABEL: group.policy}, place.weights, place.fallen)
    return group, single_out(community, sampled(place, found.windows.train, 1)[0], place, scenario)


def test_in_place_of_a_fallen_learner_a_stranger_learns(wild: tuple[Study, Place]) -> None:
    found, place = wild
    group, alone = group_after(place, found)
    assert (fell(group.policy), alone.name) == (False, "mf-ppo")
    group, alone = group_after(replace(place, fallen=(LABEL,)), found)
    assert (fell(group.policy), alone.name) == (True, "clone")


def test_among_fallen_learners_everybody_follows_the_rule(wild: tuple[Study, Place]) -> None:
    found, place = wild
    place = replace(place, fallen=(LABEL,), stranger="own:Clone")
    saving = sum(
        judge(place.scenario(window), {}, explore=True, fallen=place.fallen).saving_eur
        for window in found.windows.tests
    )
    rule = replace(
        place, contender=replace(place.contender, kind="fixed-reservation", parameters={"value": 0.3})
    )
    both = [
        exploitability(one, found.windows, Probe(2, stranger="own:Clone"), np.asarray(saving))
        for one in (place, replace(rule, fallen=()))
    ]
    assert both[0] == both[1] and "fallen_back" not in both[0][0]


def test_who_falls_back_alone_is_told(wild: tuple[Study, Place]) -> None:
    found, place = wild
    (row,) = exploitability(place, found.windows, Probe(1), np.zeros(5))
    assert row["fallen_back"] is True


def test_where_all_fail_it_is_said_that_nothing_was_judged(
    study: Callable[..., Study], tmp_path: Path
) -> None:
    assert list(tables(summarise(study("zip"), tmp_path, missing=True))) == ["Nothing was judged."]
