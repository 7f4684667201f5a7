"""The deterministic families: targets, what they remember, and what they find."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from cosim.core.records import Field
from cosim.policies import Policy, PolicyInputs, Spec, Transition, check_policy, create
from cosim.policies.learning.networks import follow
from cosim.policies.learning.returns import td_target
from cosim.policies.learning.td3 import MeanFieldTD3
from cosim.policies.sample import sample_inputs, sample_spec, with_everybody

FAMILIES = ["mf-td3", "da-maddpg", "maddpg"]
SPEC = sample_spec("reservation", devices=("battery",))
QUICK: dict[str, Any] = {
    "decide_hours": 0.25,
    "update_hours": 0.5,
    "warmup_days": 0.0,
    "steps": 2,
    "batch": 4,
}
QUICK |= {"hidden": 8, "memory_days": 0.1, "foresight": False}


def make(kind: str, n: int = 4, seed: int = 1, **parameters: Any) -> MeanFieldTD3:
    policy = create(kind, SPEC, n, seed, **(QUICK | parameters))
    assert isinstance(policy, MeanFieldTD3)
    return policy


def live(policy: Policy, periods: int = 12, seed: int = 3) -> np.ndarray:
    """Actions of some periods in a world without memory, in which what one does pays by the own data."""
    rng = np.random.default_rng(seed)
    known = [sample_inputs(SPEC, policy.n, rng) for _ in range(periods)]
    if "everybody" in policy.needs:
        known = [with_everybody(each, SPEC) for each in known]
    done, ends = [], np.zeros(policy.n, dtype=bool)
    for now, following in pairwise(known):
        done.append(policy.act(now))
        reward = now.observation[:, 0] - ((done[-1] - now.observation[:, 1:2]) ** 2).sum(axis=1)
        metrics = policy.learn(Transition(now, done[-1], reward, following, ends, ends, ~ends))
        assert np.isfinite(list(metrics.values())).all()
    return np.stack(done)


def test_targets_by_hand() -> None:
    reward, ends = torch.tensor([[1.0, -2.0, 0.5]]), torch.tensor([[0.0, 0.0, 1.0]])
    first, second = torch.tensor([[2.0, 4.0, 9.0]]), torch.tensor([[3.0, 1.0, 8.0]])
    found = td_target(reward, ends, 0.5, [first, second])
    np.testing.assert_allclose(found, [[2.0, -1.5, 0.5]])  # 1 + 0.5 x 2, -2 + 0.5 x 1, 0.5
    np.testing.assert_allclose(td_target(reward, ends, 0.5, [second]), [[2.5, -1.5, 0.5]])


def test_targets_follow_by_a_share() -> None:
    target, weights = [torch.tensor([1.0, 2.0])], [torch.tensor([3.0, -2.0], requires_grad=True)]
    follow(target, weights, 0.25)
    np.testing.assert_allclose(target[0], [1.5, 1.0])
    follow(target, weights, 1.0)
    np.testing.assert_allclose(target[0], [3.0, -2.0])


def test_target_of_a_batch_is_that_of_the_target_networks() -> None:
    policy = make("mf-td3", target_noise=0.0)
    live(policy, 20)
    batch = policy._batch()
    found = policy._next_shift(batch)
    shift = 2.0 * np.tanh(policy.actor.apply(batch["next_rows"], policy._targets[0]).detach().numpy() / 2.0)
    np.testing.assert_allclose(found.detach().numpy(), shift * batch["mask"].numpy(), atol=1e-6)
    own = policy.actor(batch["next_rows"]).detach().numpy()
    assert (
        np.abs(2.0 * np.tanh(own / 2.0) * batch["mask"].numpy() - found.detach().numpy()).max() > 1e-5
    )  # they lag


@pytest.mark.parametrize("kind", FAMILIES)
def test_it_starts_from_its_rule(kind: str) -> None:
    policy = make(kind, start="self-consumption")
    inputs = with_everybody(sample_inputs(SPEC, 4, np.random.default_rng(0)), SPEC)
    np.testing.assert_array_equal(policy.act(inputs, explore=False), inputs.rule_action)


@pytest.mark.parametrize("kind", FAMILIES)
def test_the_same_seed_learns_the_same(kind: str) -> None:
    first, second, third = make(kind), make(kind), make(kind, seed=2)
    np.testing.assert_array_equal(live(first), live(second))
    assert not np.array_equal(live(first), live(third))
    for name, values in second.weights().items():
        assert values.shape == third.weights()[name].shape


@pytest.mark.parametrize("kind", FAMILIES)
def test_a_saved_learner_goes_on_the_same(kind: str) -> None:
    policy, other = make(kind), make(kind, seed=2)
    live(policy, 11)  # a decision stands, another waits to be followed, and an update is half due
    other.load_state_dict(policy.state_dict())
    np.testing.assert_array_equal(live(policy, 16, seed=8), live(other, 16, seed=8))
    for name, values in policy.weights().items():
        np.testing.assert_array_equal(other.weights()[name], values)


@pytest.mark.parametrize("sharing", ["none", "federated", "group"])
@pytest.mark.parametrize("hindsight", ["all", "none"])
def test_the_contract_is_kept(sharing: str, hindsight: str) -> None:
    given = {"sharing": sharing, "hindsight": hindsight, "exploration_hours": 2.0, "margins": "learn"}
    assert check_policy("mf-td3", **(QUICK | given)) == []


def test_critics_read_as_much_whatever_the_number() -> None:
    for kind in ("mf-td3", "da-maddpg"):
        assert make(kind, n=3).critic_width == make(kind, n=200).critic_width
    ten, twenty, forty = (make("maddpg", n=n).critic_width for n in (10, 20, 40))
    assert forty - twenty == 2 * (twenty - ten) > 0


def test_hindsight_is_for_critics() -> None:
    knows, public, blind = (make("mf-td3", hindsight=which) for which in ("all", "public", "none"))
    assert knows.critic_width > public.critic_width > blind.critic_width
    assert blind.critic_width == len(blind.input_names) + len(SPEC.action)
    assert knows.actor.inputs == blind.actor.inputs


def test_what_is_not_followed_does_not_count_for_critics_with_hindsight() -> None:
    rng = np.random.default_rng(0)
    known = [sample_inputs(SPEC, 2, rng) for _ in range(3)]
    never, ends = np.zeros(2, dtype=bool), np.array([True, False])
    for hindsight, expected in (("all", [[1, 1], [1, 0]]), ("none", [[1, 1], [1, 1]])):
        policy = make("mf-td3", n=2, hindsight=hindsight, update_hours=24.0)
        for number, (now, following) in enumerate(pairwise(known)):
            first = number == 0
            action = policy.act(now)
            cut = never if first else ~ends
            policy.learn(
                Transition(now, action, np.ones(2), following, never if first else ends, cut, ~never)
            )
        kept = policy.memory.at(np.arange(2))
        np.testing.assert_array_equal(kept["counts"], expected)
        np.testing.assert_array_equal(kept["next_rows"][0], kept["rows"][1])
        np.testing.assert_array_equal(kept["next_hindsight"][0], kept["hindsight"][1])


def test_what_somebody_else_decided_does_not_count() -> None:
    policy = make("mf-td3", n=2, update_hours=24.0)
    known = [sample_inputs(SPEC, 2, np.random.default_rng(k)) for k in range(3)]
    never = np.zeros(2, dtype=bool)
    for now, following in pairwise(known):
        done = Transition(now, policy.act(now), np.ones(2), following, never, never, np.array([True, False]))
        policy.learn(done)
    np.testing.assert_array_equal(policy.memory.at(np.arange(1))["counts"], [[1, 0]])


def test_it_goes_on_trying_the_same_for_a_while() -> None:
    inputs = sample_inputs(SPEC, 400, np.random.default_rng(0))
    inputs = replace(inputs, action_mask=np.ones_like(inputs.action_mask))
    for hours, expected in ((0.0, 0.0), (1.0, np.exp(-0.25))):
        policy = make("mf-td3", n=400, start="nothing", exploration=0.2, exploration_hours=hours)
        tried = np.stack([policy.act(inputs)[:, -1] for _ in range(20)])
        assert tried.std() == pytest.approx(0.2, abs=0.01)
        assert np.corrcoef(tried[:-1].ravel(), tried[1:].ravel())[0, 1] == pytest.approx(expected, abs=0.05)


ONE = Spec(
    observation=(Field("wish", "1", -1.0, 1.0, "What pays best."),),
    mean_field=(Field("price", "EUR/kWh", 0.0, 1.0, "Public."),),
    action=(Field("store.setpoint", "1", -1.0, 1.0, "What is done."),),
)


@pytest.mark.parametrize("kind", FAMILIES)
def test_it_finds_what_pays_best(kind: str) -> None:
    """A bandit with a context, blurred by a public luck that only hindsight knows: -(u - 0.5 wish)^2 +
    luck."""
    rng, n = np.random.default_rng(1), 10
    own: dict[str, Any] = {
        "start": "nothing",
        "steps": 6,
        "warmup_days": 10.0,
        "hidden": 16,
        "exploration": 0.3,
    }
    policy = create(kind, ONE, n, 1, sharing="group", learning_rate=3e-3, critic_rate=3e-3, **own)
    ends = np.ones(n, dtype=bool)

    def world(luck: float) -> PolicyInputs:
        public = np.full((n, 1), luck)
        made = PolicyInputs(rng.uniform(-1, 1, (n, 1)), public, np.zeros((n, 1)), np.ones((n, 1), dtype=bool))
        return with_everybody(made, ONE)

    now = world(0.5)
    for _ in range(200):
        luck = float(rng.uniform())
        action, following = policy.act(now), world(luck)
        reward = luck - (action[:, 0] - 0.5 * now.observation[:, 0]) ** 2
        policy.learn(Transition(now, action, reward, following, ends, ~ends, ends))
        now = following
    found = policy.act(now, explore=False)[:, 0]
    np.testing.assert_allclose(found, 0.5 * now.observation[:, 0], atol=0.15)


@pytest.mark.parametrize("kind", FAMILIES)
def test_it_is_judged_with_what_it_tries_at_last(kind: str) -> None:
    """What it tries becomes narrower with time, also for whoever takes over its weights."""
    learnt = make(kind, exploration=0.4, exploration_days=0.02, least_exploration=0.1)
    live(learnt, 12)
    judged = make(kind, exploration=0.4, exploration_days=0.02, least_exploration=0.1)
    assert judged.width == pytest.approx([0.05, 0.05, 0.4])
    judged.load_weights(learnt.weights())
    assert judged.width == pytest.approx(learnt.width)
    days = 11 * 0.25 / 24.0
    assert learnt.width[2] == pytest.approx(max(0.4 * np.exp(-days / 0.02), 0.1))


def test_weights_from_before_that_was_kept_are_taken() -> None:
    weights = make("mf-td3").weights()
    del weights["trying.days"]
    judged = make("mf-td3", exploration=0.3)
    judged.load_weights(weights)
    assert judged.width[2] == pytest.approx(0.3)


def test_maddpg_learns_from_decisions_that_it_took_for_all() -> None:
    """Of what somebody else decided for one of them nobody can say by how much it departed from the rule."""
    policy = make("maddpg")
    rng, ends = np.random.default_rng(3), np.zeros(4, dtype=bool)
    known = [with_everybody(sample_inputs(SPEC, 4, rng), SPEC) for _ in range(5)]
    others = [ends, np.array([True, False, False, False]), ends, ends]
    for (now, following), other in zip(pairwise(known), others, strict=True):
        policy.learn(Transition(now, policy.act(now), np.ones(4), following, ends, ends, ~other))
    counts = policy.memory.at(np.arange(3))["counts"]
    assert counts.tolist() == [[1.0] * 4, [0.0] * 4, [1.0] * 4]


def test_with_weights_from_elsewhere_it_waits_until_it_has_seen_something_here() -> None:
    learnt = make("mf-td3")
    live(learnt, 40)
    policy = make("mf-td3", warmup_days=0.1)
    policy.load_weights(learnt.weights())
    before = policy.weights()
    live(policy, 9)  # a tenth of a day is ten quarter-hours
    assert all((policy.weights()[name] == array).all() for name, array in before.items() if "from" in name)
    live(policy, 9)
    assert any((policy.weights()[name] != array).any() for name, array in before.items() if "from" in name)
