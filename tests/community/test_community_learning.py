"""When learners learn, from what, and what is kept of it; and inputs that nobody can write to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from cosim.community.deciders import Deciders
from cosim.core.arrays import FloatArray
from cosim.errors import PolicyError
from cosim.policies.contract import Policy, PolicyInputs, Transition
from cosim.policies.registry import REGISTRY
from cosim.scenario.schema import Scenario
from cosim.simulation import Simulation

Build = Callable[..., Scenario]


class Pupil(Policy):
    """Remembers what it is given; updates at every second period."""

    name = "pupil"
    summary = "remembers"
    learns = True

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.calls: list[str] = []
        self.inputs: list[PolicyInputs] = []
        self.actions: list[FloatArray] = []
        self.transitions: list[Transition] = []

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        self.calls.append("explore" if explore else "exploit")
        self.inputs.append(inputs)
        self.actions.append(self.draw("all").uniform(-1.0, 1.0, inputs.rule_action.shape))
        return self.actions[-1]

    def learn(self, transition: Transition) -> dict[str, float]:
        self.calls.append("learn")
        self.transitions.append(transition)
        count = len(self.transitions)
        return {"loss": 1.0 / count} if count % 2 == 0 else {}

    def finish(self) -> dict[str, float]:
        self.calls.append("finish")
        return {}


class Flushing(Pupil):
    """Has something left to learn at the end."""

    name = "flushing"

    def finish(self) -> dict[str, float]:
        return {"loss": 0.125}


class BadEnding(Pupil):
    name = "bad-ending"

    def finish(self) -> dict[str, float]:
        return {"loss": float("nan")}


class Scribbler(Pupil):
    """Writes into one of its inputs."""

    name = "scribbler"
    needs = ("own", "everybody")
    where: tuple[str, ...] = ()

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        target: Any = inputs
        for part in self.where:
            target = target[part] if isinstance(target, Mapping) else getattr(target, part)
        target[...] = 0
        return inputs.rule_action.copy()


POLICIES = {f"own:{policy.__name__}": policy for policy in (Pupil, Flushing, BadEnding, Scribbler)}


@pytest.fixture
def simulated(five: Build, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Simulation]:
    """The first three prosumers follow a policy of their own, the others self-consumption."""
    find = REGISTRY.load
    monkeypatch.setattr(REGISTRY, "load", lambda name: POLICIES.get(name) or find(name))
    group = five().model_dump(mode="json")["groups"][0]
    groups = [
        group | {"name": "first", "count": 3, "policy": "own"},
        group | {"name": "second", "count": 2, "devices": {}},
    ]

    def build(kind: str, closure: int = 0) -> Simulation:
        policies = {"own": kind, "default": "self-consumption"}
        return Simulation(five(groups=groups, policies=policies, market={"gate_closure": closure}))

    return build


def deciders_of(simulation: Simulation) -> Deciders:
    return simulation.communities[0].deciders


def pupil_of(simulation: Simulation) -> Pupil:
    (pupil,) = (group.policy for group in deciders_of(simulation).groups if group.label == "own")
    assert isinstance(pupil, Pupil)
    return pupil


def test_a_period_is_learnt_from_before_the_next_decision(simulated: Callable[..., Simulation]) -> None:
    simulation = simulated("own:Pupil")
    for _ in range(3):
        simulation.step()
    simulation.finish()
    pupil, (community,) = pupil_of(simulation), simulation.communities
    community.observe(3)
    community.learn()  # what was left is dropped
    assert pupil.calls == ["explore", "learn", "explore", "learn", "explore", "finish"]
    for index, transition in enumerate(pupil.transitions):
        assert transition.inputs is pupil.inputs[index]
        assert transition.next_inputs is pupil.inputs[index + 1]
        assert transition.own.all() and not transition.terminated.any() and not transition.truncated.any()


@pytest.mark.parametrize("closure", [0, 1, 4, 11, 22, 23, 24, 30])
def test_each_decision_is_learnt_from_with_the_reward_of_its_period(
    simulated: Callable[..., Simulation], closure: int
) -> None:
    """Of 24 periods; the last decision is followed by nothing, so nothing is learnt from it."""
    simulation = simulated("own:Pupil", closure)
    pupil, (community,) = pupil_of(simulation), simulation.communities
    rewards, learnt = [], []
    while not simulation.done:
        simulation.step()
        rewards.append(community.turn.reward_eur[:3].copy())
        learnt.append(len(pupil.transitions))
    simulation.finish()
    decisions = max(24 - closure, 0)
    assert len(pupil.inputs) == decisions
    assert len(pupil.transitions) == max(decisions - 1, 0)
    for step, transition in enumerate(pupil.transitions):
        assert transition.inputs is pupil.inputs[step]
        assert transition.next_inputs is pupil.inputs[step + 1]
        assert (transition.action == pupil.actions[step]).all()
        assert (transition.reward == rewards[step + closure]).all()
    # As soon as the period is delivered and what came after the decision is known.
    assert learnt == [min(max(step - closure, 0), max(decisions - 1, 0)) for step in range(24)]
    assert len({tuple(reward) for reward in rewards[closure:]}) == decisions, "they can be told apart"


def test_learning_is_timed_apart_from_deciding(simulated: Callable[..., Simulation]) -> None:
    simulation = simulated("own:Pupil")
    (community,) = simulation.communities
    simulation.step()
    community.observe(1)
    community.learn()
    assert pupil_of(simulation).calls == ["explore", "learn"]
    community.decide()
    assert pupil_of(simulation).calls == ["explore", "learn", "explore"]


def test_the_metrics_of_the_last_update_are_kept(simulated: Callable[..., Simulation]) -> None:
    simulation = simulated("own:Pupil")
    deciders = deciders_of(simulation)
    seen = []
    for _ in range(6):
        simulation.step()
        seen.append((deciders.metrics.get("own"), deciders.updated.get("own")))
    # Transitions 2 and 4 bring an update; they are of periods 1 and 3.
    half, quarter = {"loss": 0.5}, {"loss": 0.25}
    assert seen == [(None, None), (None, None), (half, 1), (half, 1), (quarter, 3), (quarter, 3)]
    simulation.finish()
    assert deciders.metrics == {"own": quarter} and deciders.updated == {"own": 3}


def test_a_learner_may_make_a_last_update(simulated: Callable[..., Simulation]) -> None:
    simulation = simulated("own:Flushing")
    for _ in range(2):
        simulation.step()
    simulation.finish()
    deciders = deciders_of(simulation)
    assert deciders.metrics == {"own": {"loss": 0.125}} and deciders.updated == {"own": 1}


def test_what_goes_wrong_at_the_end_names_the_policy(simulated: Callable[..., Simulation]) -> None:
    simulation = simulated("own:BadEnding")
    simulation.step()
    with pytest.raises(PolicyError, match=r"period 0: policy 'bad-ending' of 'own', finishing, .*loss = nan"):
        simulation.finish()


def test_exploration_can_be_turned_off(simulated: Callable[..., Simulation]) -> None:
    simulation = simulated("own:Pupil")
    for explore in (True, False, True):
        deciders_of(simulation).explore = explore
        simulation.step()
    assert [call for call in pupil_of(simulation).calls if call != "learn"] == [
        "explore",
        "exploit",
        "explore",
    ]


def test_a_frozen_learner_decides_and_learns_nothing(simulated: Callable[..., Simulation]) -> None:
    simulation = simulated("own:Flushing")
    deciders, pupil = deciders_of(simulation), pupil_of(simulation)
    simulation.step()
    deciders.learning = False  # what was decided before is not learnt from either
    for _ in range(3):
        simulation.step()
    simulation.finish()
    assert pupil.calls == ["explore"] * 4
    assert not any(deciders._pending.values()) and deciders.metrics == {}


def test_a_learner_that_thaws_learns_from_then_on(simulated: Callable[..., Simulation]) -> None:
    simulation = simulated("own:Pupil")
    deciders, pupil = deciders_of(simulation), pupil_of(simulation)
    for frozen in (True, True, False, False, False):
        deciders.learning = not frozen
        simulation.step()
    assert [transition.inputs for transition in pupil.transitions] == pupil.inputs[2:4]


def test_rows_that_somebody_else_decided_are_marked(simulated: Callable[..., Simulation]) -> None:
    simulation = simulated("own:Pupil")
    overrides = deciders_of(simulation).overrides
    overrides[1] = lambda known, rule: {"bid_margin": 0.5}
    overrides[4] = lambda known, rule: rule  # follows the other policy otherwise
    for _ in range(2):
        simulation.step()
    pupil = pupil_of(simulation)
    (transition,) = pupil.transitions
    assert transition.own.tolist() == [True, False, True]
    assert (transition.action[[0, 2]] == pupil.actions[0][[0, 2]]).all()
    assert transition.action[1, 0] == 0.5 != pupil.actions[0][1, 0]


@pytest.mark.parametrize(
    "where",
    [
        ("observation",),
        ("mean_field",),
        ("rule_action",),
        ("action_mask",),
        ("parameters", "battery.capacity_kwh"),
        ("everybody", "observation"),
        ("everybody", "action"),
        ("everybody", "rows"),
    ],
)
def test_who_writes_into_its_inputs_is_told(
    simulated: Callable[..., Simulation], monkeypatch: pytest.MonkeyPatch, where: tuple[str, ...]
) -> None:
    monkeypatch.setattr(Scribbler, "where", where)
    simulation = simulated("own:Scribbler")
    with pytest.raises(
        PolicyError, match=r"period 0: policy 'scribbler' of 'own' raised ValueError: .*read-only"
    ):
        simulation.step()
