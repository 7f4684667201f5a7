"""What a learner does and learns rests on its prosumer's own data and on what is public, whichever learner it
is and whatever rule it starts from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from cosim.core.arrays import FloatArray
from cosim.policies import PolicyInputs, Transition, create, load, names
from cosim.policies.learning.learner import Learner
from cosim.policies.learning.ppo import MeanFieldPPO
from cosim.policies.learning.prudence import FORETOLD, PRECISION
from cosim.policies.learning.td3 import MeanFieldTD3
from cosim.policies.sample import sample_inputs, sample_of, sample_spec
from cosim.policies.sample_outlook import with_outlook

SPEC = replace(sample_spec("reservation", devices=("battery",)), period_hours=1.0)
N = 4
REPLAYING: dict[str, Any] = {"steps": 2, "batch": 4, "memory_days": 1.0, "hidden": 8}
LEARNERS: dict[str, dict[str, Any]] = {
    "mf-ppo": {"epochs": 2},
    "mf-q": REPLAYING | {"temperature": 1.0, "learning_rate": 0.02},
    "mf-ac": REPLAYING | {"steepness": 0.0, "actor_rate": 0.02},
    "mf-td3": REPLAYING | {"warmup_days": 0.0},
    "da-maddpg": REPLAYING | {"warmup_days": 0.0},
}
"""All that are not told everybody's data, each so quick to change that what others do would show."""
OFTEN: dict[str, Any] = {"decide_hours": 2.0, "update_hours": 4.0}
SELDOM: dict[str, Any] = {"decide_hours": 12.0, "update_hours": 24.0, "batch_days": 3.0, "look_away": 0.5}
STARTS = ("fixed-reservation:value=0.25", "price-taker:confidence=0.7")
DAY_AND_A_BIT, WEEK = 30, 24 * 7
"""Periods: what is expected of prices is learnt once a day."""

CASES = [
    pytest.param(kind, OFTEN | {"start": start}, DAY_AND_A_BIT, id=f"{kind}-{start.partition(':')[0]}")
    for kind in LEARNERS
    for start in STARTS
]
CASES.append(pytest.param("mf-ppo", SELDOM | {"start": STARTS[0]}, WEEK, id="mf-ppo-seldom"))
CASES.append(
    pytest.param("mf-ppo", SELDOM | {"start": STARTS[0], "prudence": 2.0}, WEEK, id="mf-ppo-prudent")
)
every_case = pytest.mark.parametrize(("kind", "ways", "periods"), CASES)
every_learner = pytest.mark.parametrize("kind", LEARNERS)

World = Callable[[PolicyInputs, np.random.Generator], PolicyInputs]


def exchanged(inputs: PolicyInputs, rng: np.random.Generator) -> PolicyInputs:
    """All but the first exchange what is private; what is public stays."""
    order = np.concatenate([[0], 1 + rng.permutation(N - 1)])
    return sample_of(SPEC, inputs.observation[order], inputs.mean_field.copy(), inputs.action_mask[order])


def redrawn(inputs: PolicyInputs, rng: np.random.Generator) -> PolicyInputs:
    """All but the first get other private data; what is public stays."""
    other = sample_inputs(SPEC, N, rng)
    observation, mask = other.observation.copy(), other.action_mask.copy()
    observation[0], mask[0] = inputs.observation[0], inputs.action_mask[0]
    return sample_of(SPEC, observation, inputs.mean_field.copy(), mask)


def republished(inputs: PolicyInputs, rng: np.random.Generator) -> PolicyInputs:
    """All private data stay, what is public is other."""
    public = sample_inputs(SPEC, N, rng).mean_field.copy()
    return sample_of(SPEC, inputs.observation.copy(), public, inputs.action_mask.copy())


every_change = pytest.mark.parametrize("change", [exchanged, redrawn])


def made(kind: str, **parameters: Any) -> Learner:
    policy = create(kind, SPEC, N, 1, **LEARNERS.get(kind, {}) | parameters)
    assert isinstance(policy, Learner) and policy.foresight
    if isinstance(policy, MeanFieldPPO) and policy.prudence is not None:
        # Departing is thought to pay, so that it is done.
        policy.prudence.sums[:, :: len(FORETOLD) + 1] = 5.0 * PRECISION[0]
    return policy


def lives(policy: Learner, periods: int, change: World | None = None) -> Iterator[tuple[FloatArray, ...]]:
    """What its networks read and what it does, period by period, one row a prosumer; it learns on. What the
    others earn changes with their data."""
    rng, rewards, anew = (np.random.default_rng(seed) for seed in (3, 5, 9))
    never = np.zeros(N, dtype=bool)

    def known() -> PolicyInputs:
        inputs = sample_inputs(SPEC, N, rng)
        inputs = inputs if change is None else change(inputs, anew)
        looks = "outlook" in policy.needs and policy.looks_now
        return with_outlook(inputs, SPEC, policy.horizon_hours) if looks else inputs

    now = known()
    for _ in range(periods):
        action, reward = policy.act(now), rewards.normal(size=N)
        if change in (exchanged, redrawn):
            reward[1:] = anew.normal(size=N - 1)
        assert policy._decision is not None
        read, following = policy._decision.rows, known()
        policy.learn(Transition(now, action, reward, following, never, never, ~never))
        yield read, action
        now = following


def test_every_learner_that_is_not_told_everybodys_data_is_tried() -> None:
    learners = {name: load(name) for name in names() if load(name).learns}
    assert {name for name, found in learners.items() if "everybody" not in found.needs} == set(LEARNERS)


@every_change
@every_case
def test_without_sharing_neither_actions_nor_updates_depend_on_others(
    kind: str, ways: dict[str, Any], periods: int, change: World
) -> None:
    first, second = (made(kind, sharing="none", **ways) for _ in range(2))
    begun = first.weights()
    one, two = list(lives(first, periods)), list(lives(second, periods, change))
    for mine, theirs in zip(one, two, strict=True):
        for part, same in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(part[0], same[0])
    weights, changed = first.weights(), second.weights()
    private = [name for name, values in weights.items() if len(values) == N]
    for name, values in weights.items():
        own = slice(0, 1) if name in private else slice(None)  # what is expected of prices is common to all
        np.testing.assert_array_equal(values[own], changed[name][own], err_msg=name)
    assert any((weights[name][0] != begun[name][0]).any() for name in private), "it has learnt"
    for row in range(1, N):
        assert any((weights[name][row] != changed[name][row]).any() for name in private), "so have the others"


@every_change
@every_case
def test_in_federation_nothing_but_weights_crosses(
    kind: str, ways: dict[str, Any], periods: int, change: World
) -> None:
    """Two communities that share one prosumer and are given the same weights after each period."""
    first, second = (made(kind, sharing="federated", **ways) for _ in range(2))
    crossed = 0
    for mine, theirs in zip(lives(first, periods), lives(second, periods, change), strict=True):
        for part, same in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(part[0], same[0])
        weights, other = first.weights(), second.weights()
        crossed += any((values != other[name]).any() for name, values in weights.items())
        second.load_weights(weights)
    assert crossed >= 4, "what the others lived through is in the weights"


def blind(kind: str) -> dict[str, str]:
    """The parameters that leave a learner without what is public."""
    said = {"mean_field": "none", "mean_action": "none"}
    return {name: value for name, value in said.items() if name in load(kind).Config.model_fields}


def read_by(policy: Learner) -> tuple[str, ...]:
    """Names of all that its networks read, critics in hindsight included."""
    more = policy.critic_names if isinstance(policy, MeanFieldTD3) else ()
    return (*policy.input_names, *policy.hindsight_names, *more)


@pytest.mark.parametrize("kind", [name for name in names() if load(name).learns])
def test_without_a_mean_field_networks_read_what_they_would_if_nothing_were_public(kind: str) -> None:
    nowhere = create(kind, replace(SPEC, mean_field=()), N, 1)
    assert isinstance(nowhere, Learner)
    alone = read_by(made(kind, **blind(kind)))
    assert alone == read_by(nowhere)
    assert not {field.name for field in SPEC.mean_field} & set(alone)
    assert set(alone) < set(read_by(made(kind)))


@pytest.mark.parametrize("sharing", ["none", "federated"])
@every_learner
def test_without_a_mean_field_neither_actions_nor_updates_depend_on_what_is_public(
    kind: str, sharing: str
) -> None:
    def differ(**parameters: Any) -> bool:
        """Whether what is public makes a difference."""
        ways = OFTEN | {"sharing": sharing, "start": STARTS[0]} | parameters
        first, second = made(kind, **ways), made(kind, **ways)
        one, two = lives(first, DAY_AND_A_BIT), lives(second, DAY_AND_A_BIT, republished)
        acts = any((mine[1] != other[1]).any() for mine, other in zip(one, two, strict=True))
        weights = second.weights()
        return acts or any((values != weights[name]).any() for name, values in first.weights().items())

    assert not differ(**blind(kind))
    assert differ()
