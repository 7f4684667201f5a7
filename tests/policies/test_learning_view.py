"""What networks read: of which periods it tells, and what of it an ablation changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from cosim.core.arrays import FloatArray
from cosim.core.envelope import Envelope
from cosim.core.records import NET_FORECAST
from cosim.policies import PolicyInputs, create
from cosim.policies.learning.encoding import DayAhead
from cosim.policies.learning.experience import Experience
from cosim.policies.learning.learner import Learner
from cosim.policies.learning.mean_field import MeanField
from cosim.policies.outlook import Owned
from cosim.policies.sample import sample_inputs, sample_spec
from cosim.policies.sample_outlook import sample_outlook
from cosim.simulation import Simulation
from cosim.studies.training import policies_of

SPEC = sample_spec("reservation", devices=("battery",))
BAND = (np.zeros(2), np.ones(2))
LEARNERS = ("mf-ppo", "mf-q", "mf-ac", "mf-td3", "da-maddpg", "maddpg")


def periods(count: int, seed: int = 3) -> list[PolicyInputs]:
    rng = np.random.default_rng(seed)
    return [sample_inputs(SPEC, 2, rng) for _ in range(count)]


def shown(of: MeanField, inputs: PolicyInputs) -> FloatArray:
    return of.of(inputs, *BAND)[0]


def test_a_shuffled_mean_field_is_that_of_another_period_decided_before() -> None:
    known, plain = periods(40), MeanField(SPEC, "public", np.random.default_rng(1))
    shuffled = MeanField(SPEC, "shuffled", np.random.default_rng(1))
    true = np.array([shown(plain, inputs) for inputs in known])
    drawn = []
    for number, inputs in enumerate(known):
        found = shown(shuffled, inputs)
        (of,) = np.flatnonzero((true == found).all(axis=1))
        assert of < number or number == 0
        drawn.append(of)
        shuffled.remember(inputs)
    assert len(set(drawn[20:])) > 10  # from all of them, not from those of one hour


def test_a_shuffled_mean_field_forgets_the_episodes_before() -> None:
    first, second = periods(2)
    shuffled = MeanField(SPEC, "shuffled", np.random.default_rng(1))
    shuffled.remember(first)
    assert (
        shown(shuffled, second) != shown(MeanField(SPEC, "public", np.random.default_rng()), second)
    ).any()
    shuffled.forget()
    assert (
        shown(shuffled, second) == shown(MeanField(SPEC, "public", np.random.default_rng()), second)
    ).all()


def test_a_shuffled_mean_field_goes_on_from_its_state() -> None:
    known = periods(12)
    one, two = (MeanField(SPEC, "shuffled", np.random.default_rng(seed)) for seed in (1, 1))
    for inputs in known[:6]:
        one.remember(inputs)
    two.load_state(one.state())
    assert all((shown(one, inputs) == shown(two, inputs)).all() for inputs in known[6:])


@pytest.mark.parametrize("count", [96, 192])
def test_the_coming_day_is_a_day_however_far_the_outlook_goes(count: int) -> None:
    """A load of 0.5 kWh a quarter-hour for 12 hours, then nothing; the day after, 3 kWh."""
    (inputs,) = periods(1)
    load = np.repeat([0.5, 0.0, 3.0], [48, 48, 96])[:count, None]
    envelope = Envelope("electricity", load, load)
    owned = Owned(np.zeros(1, np.int64), np.zeros(1, np.int64), "load", envelope, *[np.zeros(1)] * 5)
    look = replace(sample_outlook(inputs, SPEC, count / 4.0), devices={"load": owned})
    assert DayAhead.encode(look) == pytest.approx(np.arcsinh(np.array([[1.0, 0.0], [0.0, 0.0]]) / 0.25))


def test_what_vehicles_have_to_draw_because_they_waited_is_no_inflexible_energy(
    five: Callable[..., Any],
) -> None:
    """Two runs, in which they are to wait as long as they can, and to charge at any price. What is known in
    hindsight of the own energy has to be the same, or a baseline could read off it what was decided."""
    (group,) = five().model_dump(mode="json")["groups"]
    group["devices"] = {"ev": {"capacity_kwh": 40, "max_charge_kw": 4, "initial_soc": 0.5}}
    parameters = {"sharing": "none", "mean_field": "none", "start": "nothing"}
    scenario = five(
        groups=[group],
        policies={"default": {"kind": "mf-q", "parameters": parameters}},
        horizon={"start": "2016-06-06 00:00", "duration": "3 days", "step_minutes": 15},
    )
    waiting, charging = (_lived(Simulation(scenario), shift) for shift in (-1.0, 1.0))
    assert (waiting[0] != charging[0]).any(), "somebody had to draw in the one, and not in the other"
    assert len(waiting[1]) >= 2 and (waiting[1] == charging[1]).all()


def _lived(simulation: Simulation, shift: float) -> tuple[FloatArray, FloatArray]:
    """What is foreseen of the own energy in every period, and what is known of it in hindsight of every
    decision, where all decide the same."""
    (policy,) = policies_of(simulation).values()
    assert isinstance(policy, Learner)
    seen, known = list[FloatArray](), list[FloatArray]()
    act, column = policy.act, policy.spec.observation_index(NET_FORECAST)

    def acting(inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        seen.append(inputs.observation[:, column].copy())
        return act(inputs, explore)

    def taking(experience: Experience) -> bool:
        known.append(experience.hindsight[:, -2:])
        return False

    same = np.full((policy.n, len(policy.spec.action)), shift)
    policy.act, policy._collect = acting, taking  # type: ignore[method-assign]
    policy._decide = lambda rows, explore: (same, {})  # type: ignore[method-assign]
    while not simulation.done:
        simulation.step()
    return np.array(seen), np.array(known)


@pytest.mark.parametrize("closure", [0, 4, 9])
def test_what_follows_a_decision_is_what_the_next_one_read(closure: int, five: Callable[..., Any]) -> None:
    """Where gates close later than a decision stands, later ones are taken before it is learnt from."""
    learner = {"kind": "mf-q", "parameters": {"decide_hours": 1.0, "mean_field": "shuffled"}}
    horizon = {"start": "2016-06-06 00:00", "duration": "12 hours", "step_minutes": 15}
    scenario = five(policies={"default": learner}, market={"gate_closure": closure}, horizon=horizon)
    simulation = Simulation(scenario)
    (policy,) = policies_of(simulation).values()
    assert isinstance(policy, Learner)
    read, learnt = _watched(policy)
    while not simulation.done:
        simulation.step()
    assert len(learnt) >= 8
    for number, experience in enumerate(learnt[:-1]):
        assert (experience.next_rows == read[number + 1]).all()


def _watched(policy: Learner) -> tuple[list[FloatArray], list[Experience]]:
    """What its networks read whenever it decides, and what it learns from."""
    read, learnt = list[FloatArray](), list[Experience]()
    decide, take = policy._decide, policy._collect

    def deciding(rows: FloatArray, explore: bool) -> Any:
        read.append(rows.copy())
        return decide(rows, explore)

    def taking(experience: Experience) -> bool:
        learnt.append(experience)
        return take(experience)

    policy._decide, policy._collect = deciding, taking  # type: ignore[method-assign]
    return read, learnt


@pytest.mark.parametrize("kind", LEARNERS)
def test_without_a_mean_field_nothing_public_is_read(kind: str) -> None:
    policy = create(kind, SPEC, 3, 1, mean_field="none")
    assert isinstance(policy, Learner)
    public = {item.name for item in SPEC.mean_field}
    ends = {name.rpartition(".")[2] for name in public} | {"balance", "share_sold", "share_bought"}
    assert not [name for name in policy.input_names if name in public or name.startswith("others.")]
    assert not [name for name in policy.hindsight_names if name.rpartition(".")[2] in ends]
