"""`mf-q` and `mf-ac`: formulas against hand-computed values, repeatability; games with known answers, for all
learners."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from cosim.core.records import Field
from cosim.errors import InputError, PolicyError
from cosim.policies import check_policy, create
from cosim.policies.contract import Everybody, Policy, PolicyInputs, Spec, Transition
from cosim.policies.learning.batches import Batch
from cosim.policies.learning.blocks import whole
from cosim.policies.learning.distributions import sampled
from cosim.policies.learning.levels import LevelLearner, advantage
from cosim.policies.learning.mean_action import MeanAction, mean_of_others
from cosim.policies.learning.q import boltzmann
from cosim.policies.sample import sample_inputs, sample_spec

KINDS = ("mf-q", "mf-ac")
GAME = Spec((), (), (Field("player.move", "1", -1.0, 1.0, "One of two moves."),))
TWO_MOVES: dict[str, Any] = {
    "levels": (-1.0, 1.0),
    "start": "nothing",
    "mean_field": "none",
    "mean_action": "true",
    "discount": 0.0,
    "caution": 0.0,
    "decay": 0.0,
    "hidden": 16,
    "learning_rate": 0.01,
    "batch": 8,
    "steps": 5,
    "memory_days": 60,
}
SHARP = {
    "mf-q": {"temperature": 0.08, "learning_rate": 0.003},
    "mf-ac": {"entropy": 0.08, "steepness": 0.0, "actor_rate": 0.01},
}
CURIOUS = {"mf-q": {"temperature": 0.2}, "mf-ac": {"entropy": 0.2, "steepness": 0.0, "actor_rate": 0.002}}
ALONE: dict[str, Any] = {"start": "nothing", "mean_field": "none", "discount": 0.0, "hidden": 16}
GRADIENTS: dict[str, Any] = ALONE | {"decay": 0.0, "learning_rate": 0.003, "memory_days": 8, "batch_days": 8}
GRADIENTS |= {"update_hours": 96.0}
TWO_LEVELS = {"distribution": "levels", "levels": (-1.0, 1.0), "exploration": 1.0, "stays": 0.0}
"""Of `mf-ppo`: both moves are equally likely at first."""
SLOPES: dict[str, Any] = ALONE | {"learning_rate": 0.001, "critic_rate": 0.003, "memory_days": 60}
SLOPES |= {"warmup_days": 5.0, "steps": 5, "batch": 8, "exploration_days": 1e6}


def made(kind: str, spec: Spec, n: int, seed: int = 1, **parameters: Any) -> LevelLearner:
    policy = create(kind, spec, n, seed, foresight=False, **parameters)
    assert isinstance(policy, LevelLearner)
    return policy


def after(action: np.ndarray) -> PolicyInputs:
    """What players see when all have moved."""
    n = len(action)
    nothing = np.zeros((n, 0))
    everybody = Everybody(nothing, action, np.arange(n, dtype=np.int64))
    return PolicyInputs(nothing, nothing, np.zeros((n, 1)), np.ones((n, 1), dtype=bool), {}, everybody)


def two_moves(kind: str, n: int, ways: dict[str, dict[str, Any]], **parameters: Any) -> Policy:
    """A learner that chooses one of two moves; `ways` are those of the learners of `KINDS`."""
    own = GRADIENTS | TWO_LEVELS if kind == "mf-ppo" else TWO_MOVES | ways[kind]
    return create(kind, GAME, n, 1, foresight=False, **own, **parameters)


def play(policy: Policy, payoff: Callable[[np.ndarray], np.ndarray], steps: int) -> np.ndarray:
    """Moves of successive steps, shape (steps, n), the policy learning on."""
    n, moves = policy.n, []
    ends, own = np.zeros(n, dtype=bool), np.ones(n, dtype=bool)
    inputs = after(np.zeros((n, 1)))
    for _ in range(steps):
        action = policy.act(inputs)
        following = after(action)
        policy.learn(Transition(inputs, action, payoff(action[:, 0]), following, ends, ends, own))
        moves.append(action[:, 0])
        inputs = following
    return np.array(moves)


# Formulas


def test_boltzmann_probabilities() -> None:
    q = torch.tensor([0.0, 0.5 * np.log(2.0), 0.5 * np.log(5.0)])
    np.testing.assert_allclose(boltzmann(q, 0.5).numpy(), [1 / 8, 2 / 8, 5 / 8], rtol=1e-6)


def test_advantage_is_measured_against_the_expectation_over_the_policy_and_not_its_best() -> None:
    q = torch.tensor([[1.0, 4.0], [10.0, 20.0], [7.0, 9.0]])
    odds = torch.tensor([[2 / 3, 1 / 3], [0.9, 0.1], [0.5, 0.5]])
    chosen = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    mask = torch.tensor([1.0, 1.0, 0.0])  # the third device is not there
    assert float(advantage(q, chosen, odds, mask)) == pytest.approx((4.0 - 2.0) + (10.0 - 11.0))


def test_mean_field_value_is_the_expectation_of_q_over_the_policy() -> None:
    """Q of three levels [EUR], of which V is the mean weighted with Boltzmann's probabilities 1/8, 2/8,
    5/8."""
    policy = made("mf-q", GAME, 1, **TWO_MOVES | {"levels": (-1.0, 0.0, 1.0)}, temperature=0.5)
    with torch.no_grad():
        policy.quality.parameters[-1].copy_(torch.tensor([0.0, 0.5 * np.log(2.0), 0.5 * np.log(5.0)]))
        policy.value.parameters[-1].fill_(3.0)
    policy.scale.add(np.array([2.0]))  # the root mean square reward: what Q is in units of
    q = policy.values(after(np.zeros((1, 1))))[0, 0]
    mean = (2 / 8) * 0.5 * np.log(2.0) + (5 / 8) * 0.5 * np.log(5.0)
    expected = 2.0 * (3.0 + np.array([0.0, 0.5 * np.log(2.0), 0.5 * np.log(5.0)]) - mean)
    np.testing.assert_allclose(q, expected, rtol=1e-5)
    assert q @ [1 / 8, 2 / 8, 5 / 8] == pytest.approx(6.0, rel=1e-5)


def test_levels_are_drawn_by_their_probabilities() -> None:
    share = np.array([0.2, 0.5, 0.3])
    drawn = np.array([0.0, 0.19, 0.21, 0.69, 0.71, 0.999999])
    assert sampled(np.tile(share, (6, 1)), drawn).tolist() == [0, 0, 1, 1, 2, 2]


def test_target_bootstraps_with_the_slow_value_where_life_goes_on() -> None:
    policy = made("mf-q", sample_spec(), 1, discount=0.5, decide_hours=0.25)
    with torch.no_grad():
        policy.slow.parameters[-1].fill_(10.0)
        policy.value.parameters[-1].fill_(99.0)
    rows, none = torch.zeros((1, 2, len(policy.input_names))), torch.zeros((1, 2, 4))
    batch = Batch(rows, rows, rows, none, none, torch.tensor([[1.0, 1.0]]), none, torch.tensor([[1.0, 0.0]]))
    gamma = 0.5 ** (1 / 96)
    np.testing.assert_allclose(policy._target(batch, whole).numpy(), [[1.0 + 10.0 * gamma, 1.0]], rtol=1e-6)


def test_mean_of_others_leaves_out_oneself() -> None:
    everybody = Everybody(np.zeros((3, 0)), np.array([[1.0], [0.0], [-0.5]]), np.array([0, 2]))
    np.testing.assert_allclose(mean_of_others(everybody)[:, 0], [-0.25, 0.5])


def test_mean_action_of_the_public_book_is_the_mean_place_over_the_last_decision() -> None:
    spec = sample_spec("reservation", devices=())
    source = MeanAction(spec, "public", 2)
    assert source.names == ("others.best_bid", "others.best_ask", "others.mean_price", "others.balance")
    low, high = np.array([0.0, 0.1]), np.array([0.4, 0.3])

    def seen(bid: float, ask: float, mean: float, offered: float, asked: float) -> PolicyInputs:
        inputs = sample_inputs(spec, 2, np.random.default_rng(0))
        public = inputs.mean_field.copy()
        values = {"best_bid": bid, "best_ask": ask, "mean_price": mean} | {
            "volume_offered": offered,
            "volume_asked_for": asked,
        }
        for name, value in values.items():
            public[:, spec.mean_field_index(name)] = value
        return PolicyInputs(inputs.observation, public, inputs.rule_action, inputs.action_mask)

    source.remember(seen(0.4, 0.4, 0.4, 9.0, 0.0))  # before the last decision: forgotten
    source.remember(seen(0.1, 0.3, 0.2, 1.0, 3.0))
    found = source.of(seen(0.2, 0.3, 0.3, 1.0, 0.0), low, high)
    np.testing.assert_allclose(
        found[0], [(-0.5 + 0.0) / 2, 0.5, (0.0 + 0.5) / 2, (0.5 - 1.0) / 2], atol=1e-12
    )
    np.testing.assert_allclose(
        found[1], [(-1.0 + 0.0) / 2, 1.0, (0.0 + 1.0) / 2, (0.5 - 1.0) / 2], atol=1e-12
    )


# Games with known answers


@pytest.mark.parametrize("sharing", ["none", "federated"])
@pytest.mark.parametrize("kind", [*KINDS, "mf-ppo"])
def test_prisoners_defect(kind: str, sharing: str) -> None:
    """Players meet in random pairs. Defecting (+1) dominates: payoffs 5 and 1 against 3 and 0. Some begin by
    cooperating, and nobody finds a way to keep it up."""
    table, pairs = np.array([[3.0, 0.0], [5.0, 1.0]]), np.random.default_rng(4)

    def payoff(moves: np.ndarray) -> np.ndarray:
        order, place = pairs.permutation(len(moves)).reshape(-1, 2), (moves > 0.0).astype(int)
        other = np.empty_like(place)
        other[order[:, 0]], other[order[:, 1]] = place[order[:, 1]], place[order[:, 0]]
        return table[place, other]

    policy = two_moves(kind, 20, CURIOUS, sharing=sharing)
    moves = play(policy, payoff, 80)
    assert (moves[0] == -1.0).any()
    assert moves[-20:].mean() > 0.7
    assert (policy.act(after(moves[-1][:, None]), explore=False) == 1.0).mean() >= 0.8


def time_lost(share: float) -> tuple[float, float]:
    """On route A, that a share takes, and on route B: equal where two thirds take A."""
    return share, 0.5 + 0.5 * (1.0 - share)


@pytest.mark.parametrize("kind", [*KINDS, "mf-ppo"])
def test_congestion_game_comes_to_its_equilibrium(kind: str) -> None:
    """Everybody takes one of two routes. That of 100 one step differs by 0.05 (one standard deviation) where
    all choose A with probability 2/3, and the mean of 50 steps by 0.007: the rest of the tolerance is the
    learners' own."""

    def payoff(moves: np.ndarray) -> np.ndarray:
        a, b = time_lost(float((moves > 0.0).mean()))
        return np.where(moves > 0.0, -a, -b)

    moves = play(two_moves(kind, 100, SHARP), payoff, 120)
    assert abs(float((moves[0] > 0.0).mean()) - 2 / 3) > 0.1  # it did not begin there
    assert float((moves[-50:] > 0.0).mean()) == pytest.approx(2 / 3, abs=0.05)


@pytest.mark.parametrize(
    ("kind", "own"),
    [
        ("mf-td3", SLOPES),
        ("da-maddpg", SLOPES),
        ("mf-ppo", GRADIENTS | {"distribution": "normal", "exploration": 0.3}),
    ],
)
def test_split_congestion_game_comes_to_its_equilibrium(kind: str, own: dict[str, Any]) -> None:
    """Everybody sends (1 + move) / 2 of its own over A. What it pays is linear in that, with a slope of 0 in
    the equilibrium: the mean is determined, nobody's own share is."""

    def payoff(moves: np.ndarray) -> np.ndarray:
        share = 0.5 * (1.0 + moves)
        a, b = time_lost(float(share.mean()))
        return -(share * a + (1.0 - share) * b)

    moves = play(create(kind, GAME, 50, 1, foresight=False, **own), payoff, 150)
    share = 0.5 * (1.0 + moves.mean(axis=1))
    assert abs(float(share[0]) - 2 / 3) > 0.1  # it did not begin there
    assert float(share[-50:].mean()) == pytest.approx(2 / 3, abs=0.03)


def test_mean_action_is_the_share_of_the_previous_step() -> None:
    policy = made("mf-q", GAME, 5, **TWO_MOVES)
    assert policy.needs == ("own", "public", "everybody")
    assert policy.input_names[-1] == "others.player.move"
    before = np.array([[1.0], [1.0], [1.0], [-1.0], [-1.0]])
    np.testing.assert_allclose(policy.view.rows(after(before))[:, -1], [0.0, 0.0, 0.0, 0.5, 0.5])


# The contract


@pytest.mark.parametrize("mean_action", ["public", "true", "none"])
@pytest.mark.parametrize("sharing", ["none", "federated", "group"])
@pytest.mark.parametrize("kind", KINDS)
def test_check_policy_finds_nothing(kind: str, sharing: str, mean_action: str) -> None:
    assert check_policy(kind, sharing=sharing, mean_action=mean_action, steps=1, hidden=4) == []


QUICK: dict[str, Any] = {"decide_hours": 6.0, "steps": 2, "batch": 4, "hidden": 8}


def lived(policy: LevelLearner, seed: int, days: int) -> tuple[np.ndarray, dict[str, float]]:
    """Actions of some days of four decisions, learning on, and the metrics of the last update."""
    n, rng = policy.n, np.random.default_rng(seed)
    known = [sample_inputs(policy.spec, n, rng) for _ in range(96 * days + 1)]
    ends, own = np.zeros(n, dtype=bool), np.ones(n, dtype=bool)
    actions, metrics = [], {}
    for inputs, following in pairwise(known):
        action = policy.act(inputs)
        reward = rng.normal(size=n)
        metrics = policy.learn(Transition(inputs, action, reward, following, ends, ends, own)) or metrics
        actions.append(action)
    return np.array(actions), metrics


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_learning(kind: str) -> None:
    one, two, other = (made(kind, sample_spec(), 4, seed, **QUICK) for seed in (1, 1, 2))
    (first, metrics), (second, _), (third, _) = (lived(policy, 3, 2) for policy in (one, two, other))
    np.testing.assert_array_equal(first, second)
    assert (first != third).any()
    for name, weight in one.weights().items():
        np.testing.assert_array_equal(weight, two.weights()[name])
    assert {"q_loss", "entropy", "shift", "explained_variance", "return_eur_per_day"} < set(metrics)
    assert all(np.isfinite(value) for value in metrics.values())


@pytest.mark.parametrize("kind", KINDS)
def test_goes_on_from_a_state_as_if_nothing_had_happened(kind: str) -> None:
    policy = made(kind, sample_spec(), 3, **QUICK)
    lived(policy, 3, 2)
    state = policy.state_dict()
    expected, _ = lived(policy, 4, 2)
    other = made(kind, sample_spec(), 3, seed=5, **QUICK)
    other.load_state_dict(state)
    found, _ = lived(other, 4, 2)
    np.testing.assert_array_equal(found, expected)
    for name, weight in policy.weights().items():
        np.testing.assert_array_equal(weight, other.weights()[name])


@pytest.mark.parametrize("kind", KINDS)
def test_starts_from_the_rule_without_exploration(kind: str) -> None:
    spec = sample_spec()
    policy, inputs = made(kind, spec, 6), sample_inputs(spec, 6, np.random.default_rng(2))
    rule = create("fixed-reservation", spec, 6, 1, value=0.25).act(inputs)
    np.testing.assert_allclose(policy.act(inputs, explore=False), rule)


def test_true_mean_action_needs_one_group_with_all_fields() -> None:
    policy = made("mf-q", GAME, 2, **TWO_MOVES)
    inputs = after(np.zeros((2, 1)))
    wide = Everybody(np.zeros((2, 0)), np.zeros((2, 3)), np.arange(2))
    with pytest.raises(PolicyError, match=r"mean_action: true.* it has 1, others have 3"):
        policy.act(
            PolicyInputs(
                inputs.observation, inputs.mean_field, inputs.rule_action, inputs.action_mask, {}, wide
            )
        )


@pytest.mark.parametrize("levels", [(0.0,), (0.0, 0.0), (0.0, 3.0)])
def test_levels_that_make_no_sense(levels: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="levels"):
        create("mf-q", GAME, 1, 1, levels=levels)
