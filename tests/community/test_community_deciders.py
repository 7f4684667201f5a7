"""Policies get their own prosumers' rows, and learners what came of what they did."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from cosim.core.arrays import FloatArray
from cosim.errors import PolicyError
from cosim.policies.contract import Policy, PolicyInputs, Transition
from cosim.policies.registry import REGISTRY
from cosim.scenario.schema import Scenario
from cosim.simulation import Simulation

Build = Callable[..., Scenario]


class Pupil(Policy):
    """Remembers everything; its battery follows its own draws."""

    name = "pupil"
    summary = "remembers"
    learns = True

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.inputs: list[PolicyInputs] = []
        self.actions: list[FloatArray] = []
        self.transitions: list[Transition] = []

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        self.inputs.append(inputs)
        self.actions.append(self.rng.uniform(-1.0, 1.0, inputs.rule_action.shape))
        return self.actions[-1]

    def learn(self, transition: Transition) -> dict[str, float]:
        self.transitions.append(transition)
        return {}


class Nosy(Pupil):
    name = "nosy"
    needs = ("own", "everybody")
    learns = False


@pytest.fixture
def own_policies(monkeypatch: pytest.MonkeyPatch) -> None:
    find = REGISTRY.load
    own = {"own:Pupil": Pupil, "own:Nosy": Nosy}
    monkeypatch.setattr(REGISTRY, "load", lambda name: own.get(name) or find(name))


def built(scenario: Scenario) -> Simulation:
    return Simulation(scenario)


def step(simulation: Simulation) -> Any:
    simulation.step()
    return simulation.communities[0].turn


def two_policies(five: Build, kind: str) -> Scenario:
    """The first three prosumers follow a policy of their own, the others self-consumption."""
    group = five().model_dump(mode="json")["groups"][0]
    first = group | {"name": "first", "count": 3, "policy": "own"}
    second = group | {"name": "second", "count": 2, "devices": {}}
    return five(groups=[first, second], policies={"own": kind, "default": "self-consumption"})


@pytest.mark.usefixtures("own_policies")
def test_a_learner_learns_what_came_of_what_it_did(five: Build) -> None:
    simulation = built(two_policies(five, "own:Pupil"))
    (pupil,) = (group.policy for group in simulation.communities[0].deciders.groups if group.label == "own")
    assert isinstance(pupil, Pupil)
    simulation.communities[0].deciders.overrides[1] = lambda observation, rule: {"bid_margin": 0.25}
    savings = []
    for index in range(4):
        turn = step(simulation)
        savings.append(turn.reward_eur[:3].copy())
        assert len(pupil.transitions) == index, "it learns once it knows what comes next"
    simulation.finish()
    assert len(pupil.transitions) == 3, "what follows the last period was never observed"
    for index, transition in enumerate(pupil.transitions):
        assert transition.inputs is pupil.inputs[index]
        assert (transition.action[[0, 2]] == pupil.actions[index][[0, 2]]).all()
        assert transition.action[1, 0] == 0.25
        assert transition.own.tolist() == [True, False, True], "nothing is learnt from what others decided"
        assert (transition.reward == savings[index]).all()
        assert not transition.terminated.any() and not transition.truncated.any()
        next_inputs = pupil.inputs[index + 1]
        assert (transition.next_inputs.observation == next_inputs.observation).all()
        assert (transition.next_inputs.mean_field == next_inputs.mean_field).all()


@pytest.mark.usefixtures("own_policies")
def test_a_policy_gets_its_own_rows_and_fields(five: Build) -> None:
    scenario = two_policies(five, "own:Pupil")
    simulation = built(scenario)
    turns = [step(simulation) for _ in range(11)]
    turn = turns[-1]
    groups = {group.label: group for group in simulation.communities[0].deciders.groups}
    own, other = groups["own"], groups["default"]
    assert own.rows.tolist() == [0, 1, 2] and other.rows.tolist() == [3, 4]
    assert [field.name for field in other.spec.action] == ["bid_margin", "ask_margin"]
    assert not any(field.name.startswith(("pv.", "battery.", "ev.")) for field in other.spec.observation)
    inputs = own.policy.inputs[10]  # type: ignore[attr-defined]  # a Pupil
    assert inputs.everybody is None
    seen = turn.gate.knowledge.observation[:3]
    names = [field.name for field in simulation.communities[0].observer.fields]
    for column, field in enumerate(own.spec.observation):
        assert (inputs.observation[:, column] == seen[:, names.index(field.name)]).all()
    assert (inputs.mean_field == turn.gate.knowledge.mean_field).all()
    # A device that a prosumer lacks is masked, and what was decided for it is not used.
    columns = [field.name for field in own.spec.action]
    actions = [field.name for field in simulation.communities[0].bidder.fields]
    for column, name in enumerate(columns):
        kind = name.partition(".")[0]
        if kind in ("battery", "ev"):
            owners = np.isin(own.rows, simulation.communities[0].fleet.kinds[kind].prosumer)
            assert (inputs.action_mask[:, column] == owners).all() and 0 < owners.sum() < 3
            assert (turn.gate.action[:3][~owners, actions.index(name)] == 0.0).all()
            capacity = inputs.parameters[f"{kind}.capacity_kwh"]
            assert ((capacity > 0.0) == owners).all()
        else:
            assert inputs.action_mask[:, column].all()


@pytest.mark.usefixtures("own_policies")
def test_only_who_declares_it_sees_everybody(five: Build) -> None:
    simulation = built(two_policies(five, "own:Nosy"))
    first, second = step(simulation), step(simulation)
    (nosy,) = (group.policy for group in simulation.communities[0].deciders.groups if group.label == "own")
    assert isinstance(nosy, Nosy)
    everybody = nosy.inputs[1].everybody
    assert everybody is not None and everybody.rows.tolist() == [0, 1, 2]
    assert (everybody.observation == second.gate.knowledge.observation).all()
    assert (everybody.action == first.gate.action).all()
    assert nosy.inputs[0].everybody is not None and not nosy.inputs[0].everybody.action.any()


def test_who_does_not_trade_stays_out_of_the_market(five: Build) -> None:
    group = five().model_dump(mode="json")["groups"][0]
    groups = [group | {"name": "out", "count": 3, "policy": "out"}, group | {"name": "within", "count": 2}]
    simulation = built(five(groups=groups, policies={"out": "utility-only", "default": "self-consumption"}))
    for _ in range(24):
        turn = step(simulation)
        done = turn.dispatch.electricity
        assert (turn.gate.electricity.orders.owner >= 3).all()
        assert not done.bought_kwh[:3].any() and not done.sold_kwh[:3].any()
        # They do what their shadows do.
        assert (turn.bill.total_eur[:3] == turn.shadow_bill.total_eur[:3]).all()


def test_single_prosumers_may_have_policies_of_their_own(five: Build) -> None:
    scenario = five(
        policies={"default": "self-consumption", "timid": {"kind": "zero-intelligence"}},
        prosumers={"homes-001": {"policy": "timid"}},
    )
    simulation = built(scenario)
    assert {group.label: group.rows.tolist() for group in simulation.communities[0].deciders.groups} == {
        "default": [0, 2, 3, 4],
        "timid": [1],
    }
    turn = step(simulation)
    action = turn.gate.action
    assert (action[[0, 2, 3, 4], :2] == -1.0).all() and (action[1, :2] != -1.0).all()


def raises(observation: Mapping[str, float], rule: Mapping[str, float]) -> Mapping[str, float]:
    raise KeyError("battery.soc")


def nothing(observation: Mapping[str, float], rule: Mapping[str, float]) -> Mapping[str, float]:
    return None  # type: ignore[return-value]  # somebody forgot to return


def too_much(observation: Mapping[str, float], rule: Mapping[str, float]) -> Mapping[str, float]:
    return {"ask_margin": 7.0}


@pytest.mark.parametrize(
    ("decide", "message"),
    [(raises, "raised KeyError"), (nothing, "raised AttributeError"), (too_much, "ask_margin = 7")],
)
def test_a_mistake_in_a_decision_of_its_own_names_the_prosumer(
    five: Build, decide: Any, message: str
) -> None:
    simulation = built(five())
    simulation.communities[0].deciders.overrides[2] = decide
    with pytest.raises(PolicyError, match=f"period 0: prosumer 'homes-002', deciding itself, .*{message}"):
        simulation.step()
