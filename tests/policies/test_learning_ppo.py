"""mf-ppo outside a simulation: its formulas by hand, what it starts from, and what it learns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pytest
import torch

from cosim.core.arrays import FloatArray
from cosim.core.envelope import Envelope
from cosim.core.records import Field
from cosim.errors import InputError, PolicyError
from cosim.policies import PolicyInputs, Spec, Transition, create
from cosim.policies.learning.distributions import Levels
from cosim.policies.learning.encoding import DayAhead
from cosim.policies.learning.experience import stacked
from cosim.policies.learning.learner import Learner
from cosim.policies.learning.ppo import MeanFieldPPO
from cosim.policies.learning.returns import clipped_loss, explained, lambda_returns, normalised
from cosim.policies.learning.start import LEFT_TO_PLAN
from cosim.policies.outlook import Owned
from cosim.policies.rules.baseline import Reader, device_actions, value_action
from cosim.policies.sample import sample_inputs, sample_spec
from cosim.policies.sample_outlook import sample_outlook

SPEC = sample_spec("reservation", devices=("battery",))
QUICK: dict[str, Any] = {"decide_hours": 0.5, "update_hours": 1.0, "epochs": 2, "foresight": False}
"""Two periods a decision, an update every two decisions."""
RARE: dict[str, Any] = {
    "decide_hours": 12.0,
    "update_hours": 24.0,
    "memory_days": 40.0,
    "batch_days": 3.0,
    "look_away": 0.5,
}
"""The same, 24 times as long: levels, days of the past drawn, now and then blind."""
EITHER = pytest.mark.parametrize(("ways", "times"), [({}, 1), (RARE, 24)], ids=["often", "seldom"])
PLAIN = Spec(
    (Field("seen", "1", -1.0, 1.0, "A number."),), (), (Field("thing.value", "1", -1.0, 1.0, "An action."),)
)


def given(n: int, count: int, seed: int = 3, spec: Spec = SPEC) -> list[PolicyInputs]:
    rng = np.random.default_rng(seed)
    return [sample_inputs(spec, n, rng) for _ in range(count)]


def taught(
    policy: Learner, known: list[PolicyInputs], reward: Callable[[FloatArray, int], FloatArray]
) -> list[Any]:
    """Actions and metrics of a policy that goes through periods and learns from each."""
    off, found = np.zeros(policy.n, dtype=bool), []
    for index, (inputs, following) in enumerate(pairwise(known)):
        action = policy.act(inputs)
        worth = reward(action, index)
        metrics = policy.learn(Transition(inputs, action, worth, following, off, off, ~off))
        found.append((action, metrics))
    return found


def by_draw(n: int, seed: int = 5) -> Callable[[FloatArray, int], FloatArray]:
    rewards = np.random.default_rng(seed).normal(size=(1000, n))
    return lambda action, index: rewards[index]


def made(n: int = 4, spec: Spec = SPEC, **parameters: Any) -> Learner:
    policy = create("mf-ppo", spec, n, 1, **{**QUICK, **parameters})
    assert isinstance(policy, Learner)
    return policy


def test_returns_by_hand() -> None:
    """R2 = 3 + 0.5 x 8; R1 = 2 + 0.5 (0.75 x 6 + 0.25 R2); R0 = 1 + 0.5 (0.75 x 4 + 0.25 R1)."""
    reward, value = np.array([[1.0], [2.0], [3.0]]), np.array([[4.0], [6.0], [8.0]])
    joined = np.array([True, True, True])
    found = lambda_returns(reward, value, np.zeros((3, 1)), joined, 0.5, 0.25)
    last = 3.0 + 0.5 * 8.0
    middle = 2.0 + 0.5 * (0.75 * 6.0 + 0.25 * last)
    assert found[:, 0] == pytest.approx([1.0 + 0.5 * (0.75 * 4.0 + 0.25 * middle), middle, last])


def test_nothing_is_carried_over_an_end_or_a_gap() -> None:
    reward, value = np.array([[1.0], [2.0], [3.0]]), np.array([[4.0], [6.0], [8.0]])
    ended = np.array([[1.0], [0.0], [0.0]])
    found = lambda_returns(reward, value, ended, np.array([True, False, True]), 0.5, 1.0)
    assert found[:, 0] == pytest.approx([1.0, 2.0 + 0.5 * 6.0, 3.0 + 0.5 * 8.0])


def test_returns_less_values_are_generalised_advantages() -> None:
    """Against the sum of discounted errors of one step (Schulman et al. 2016, eq. 16)."""
    rng = np.random.default_rng(1)
    reward, value = rng.normal(size=(7, 3)), rng.normal(size=(8, 3))
    found = lambda_returns(reward, value[1:], np.zeros((7, 3)), np.ones(7, dtype=bool), 0.9, 0.8) - value[:-1]
    error = reward + 0.9 * value[1:] - value[:-1]
    for t in range(7):
        sum_of_errors = sum((0.9 * 0.8) ** k * error[t + k] for k in range(7 - t))
        assert found[t] == pytest.approx(sum_of_errors)


def test_clipped_loss_by_hand() -> None:
    ratio = torch.tensor([1.5, 0.5, 1.5, 0.5, 1.1])
    advantage = torch.tensor([1.0, 1.0, -1.0, -1.0, 2.0])
    assert clipped_loss(ratio, advantage, 0.2).tolist() == pytest.approx([-1.2, -0.5, 1.5, 0.8, -2.2])


def test_advantages_are_of_mean_square_one() -> None:
    advantage = np.array([[3.0, 1.0], [4.0, -2.0]])
    own = normalised(advantage, pooled=False)
    np.testing.assert_allclose(own[:, 0], np.array([3.0, 4.0]) / np.sqrt(12.5), rtol=1e-6)
    np.testing.assert_allclose(own[:, 1], np.array([1.0, -2.0]) / np.sqrt(2.5), rtol=1e-6)
    pooled = normalised(advantage, pooled=True)
    np.testing.assert_allclose(pooled, advantage / np.sqrt(30.0 / 4.0), rtol=1e-6)
    np.testing.assert_array_equal(normalised(np.zeros((3, 2)), pooled=False), 0.0)


def test_explained_variance_by_hand() -> None:
    target = np.array([1.0, 2.0, 3.0])
    assert explained(target, target) == 1.0 and explained(target, np.zeros(3)) == 0.0
    assert explained(np.ones(3), np.zeros(3)) == 0.0


@pytest.mark.parametrize("start", ["self-consumption", "nothing", "fixed-reservation:value=0.3"])
def test_it_starts_from_its_rule(start: str) -> None:
    policy, (inputs,) = made(start=start), given(4, 1)
    action = policy.act(inputs, explore=False)
    expected = {"self-consumption": inputs.rule_action, "nothing": np.zeros((4, 3))}.get(start)
    if expected is None:
        expected = create("fixed-reservation", SPEC, 4, 1, value=0.3).act(inputs)
    assert (action == expected).all()


@pytest.mark.parametrize(
    ("bidding", "said", "hours", "exploration"),
    [
        ("reservation", {}, 24.0, 0.4),
        ("reservation", {"start": "price-taker"}, 1.0, 0.05),
        ("reservation", {"start": "price-taker", "decide_hours": 12.0}, 12.0, 0.2),
        ("reservation", {"decide_hours": 1.0}, 1.0, 0.1),
        ("setpoint", {}, 1.0, 0.1),
        ("setpoint", {"start": "self-consumption", "exploration": 0.3}, 1.0, 0.3),
    ],
    ids=str,
)
def test_how_often_it_decides_and_how_widely_it_tries_hangs_on_what_it_starts_from(
    bidding: Literal["reservation", "setpoint"], said: dict[str, Any], hours: float, exploration: float
) -> None:
    policy = create("mf-ppo", sample_spec(bidding), 4, 1, **said)
    assert isinstance(policy, MeanFieldPPO)
    assert policy.spans.periods == hours / 0.25
    assert policy.habits.exploration == exploration


def test_what_it_leaves_to_the_rule_stays_the_rules() -> None:
    spec = sample_spec("reservation", devices=("battery", "ev"))
    policy = create("mf-ppo", spec, 20, 1, **QUICK, start="nothing", leaves=["battery.value"])
    actions = np.stack([policy.act(inputs) for inputs in given(20, 12, spec=spec)])
    assert (actions[:, :, spec.action_index("battery.value")] == 0.0).all()
    assert (actions[:, :, spec.action_index("ev.value")] != 0.0).any()


HEATED = replace(
    SPEC, action=(*SPEC.action, *(Field(name, "1", -1.0, 1.0, "Of heat.") for name in LEFT_TO_PLAN))
)


@pytest.mark.parametrize(
    ("kind", "said", "left"),
    [
        ("mf-ppo", {"start": "price-taker"}, True),
        ("mf-q", {"start": "price-taker"}, True),
        ("mf-ppo", {"start": "price-taker", "leaves": []}, False),
        ("mf-ppo", {"start": "fixed-reservation:value=0.3"}, False),
    ],
)
def test_values_of_stored_heat_are_left_to_a_plan(kind: str, said: dict[str, Any], left: bool) -> None:
    policy = create(kind, HEATED, 4, 1, **said)
    assert isinstance(policy, Learner)
    learnt = {item.name for item, is_so in zip(HEATED.action, policy.learnt, strict=True) if is_so}
    assert learnt == {"battery.value"} | (set() if left else set(LEFT_TO_PLAN))


@pytest.mark.parametrize("kind", ["mf-q", "mf-ac", "mf-td3", "da-maddpg"])
def test_others_decide_once_a_day_whatever_they_start_from(kind: str) -> None:
    for start in (None, "price-taker"):
        policy = create(kind, SPEC, 4, 1, start=start)
        assert isinstance(policy, Learner) and policy.spans.periods == 96


@pytest.mark.parametrize("said", [{"start": "price-taker"}, {"decide_hours": 1.0}, {}], ids=str)
def test_levels_are_all_tried_however_often_it_decides(said: dict[str, Any]) -> None:
    policy = create("mf-ppo", SPEC, 4, 1, distribution="levels", **said)
    assert isinstance(policy, MeanFieldPPO) and isinstance(policy.tries, Levels)
    odds = policy.tries.odds(torch.zeros(1, policy.tries.levels.size))
    assert float(odds.min()) > 0.05


def test_what_is_left_has_to_be_a_field() -> None:
    with pytest.raises(InputError, match=r"'battery' is no field.*valid: .*battery\.value"):
        made(leaves=["battery"])


def test_what_it_tries_stands_until_it_decides_again() -> None:
    policy, known = made(start="nothing", decide_hours=1.0), given(4, 12)
    actions = np.stack([policy.act(inputs) for inputs in known])
    for first in (0, 4, 8):
        assert (actions[first : first + 4] == actions[first]).all()
    assert (actions[4][:, 2] != actions[8][:, 2]).all()


def test_on_the_first_day_it_reads_nothing_of_the_day_before() -> None:
    policy, known = made(look_away=0.0, decide_hours=12.0), given(4, 100)
    past = np.array(
        [name.startswith(("own_day", *policy.view.encoder.mean_field.names)) for name in policy.input_names]
    )
    seen = []
    for inputs in known:
        seen.append(policy.view.rows(inputs))
        policy.act(inputs)
    assert (np.stack(seen[:96])[:, :, past] == 0.0).all()
    assert (np.abs(np.stack(seen[96:])[:, :, past]).sum(axis=-1) > 0.0).all()
    assert (np.stack(seen)[:, :, ~past] != 0.0).any(axis=(0, 1)).sum() > 5


def test_it_looks_away_now_and_then_while_it_learns_and_tries() -> None:
    """A decision every 12 hours; the first two days of 48 quarter-hours are the first day."""
    known = given(50, 48 * 42)

    def blind(learns: bool = True, explore: bool = True, **parameters: Any) -> float:
        policy, seen = made(50, look_away=0.25, decide_hours=12.0, **parameters), []
        policy.learns = learns
        place = policy.input_names.index("yesterday.mean_price")
        for inputs in known:
            policy.act(inputs, explore)
            assert policy._decision is not None
            seen.append(policy._decision.rows[:, place] == 0.0)
        return float(np.mean(seen[96:]))

    assert blind() == pytest.approx(0.25, abs=0.04)
    assert blind(freeze=True) == blind(learns=False) == blind(explore=False) == 0.0


def test_days_of_the_past_are_drawn_whole_and_the_last_one_is_always_there() -> None:
    """Memory holds 10 days of 4 decisions; an update takes 3 days."""
    policy = made(2, decide_hours=6.0, update_hours=24.0, memory_days=10.0, batch_days=3.0, epochs=1)
    taught(policy, given(2, 96 * 10 + 1), by_draw(2))
    past = list(policy.memory)
    assert len(past) == 40
    place = {id(each.decision): number for number, each in enumerate(past)}
    firsts = set()
    for _ in range(200):
        drawn = policy._drawn()
        places = np.array([place[id(each.decision)] for each in drawn])
        assert len(places) == 12 and (places[-4:] == [36, 37, 38, 39]).all()
        assert (np.diff(places.reshape(3, 4), axis=1) == 1).all() and (places[::4] % 4 == 0).all()
        follows = [place[id(each.decision)] + 1 for each in drawn[:-1]] == places[1:]
        assert [each.joined for each in drawn[:-1]] == follows.tolist()
        firsts |= set(places[::4])
    assert firsts == set(range(0, 40, 4)), "every day comes up"


def test_with_one_decision_a_day_past_days_are_drawn_too() -> None:
    policy = made(2, decide_hours=24.0, update_hours=24.0, memory_days=20.0, batch_days=5.0, epochs=1)
    taught(policy, given(2, 96 * 8 + 1), by_draw(2))
    place = {id(each.decision): number for number, each in enumerate(policy.memory)}
    for _ in range(20):
        drawn = policy._drawn()
        places = [place[id(each.decision)] for each in drawn]
        assert len(set(places)) == 5 and places == sorted(places) and places[-1] == 7
        follows = [after == before + 1 for before, after in pairwise(places)]
        assert [each.joined for each in drawn[:-1]] == follows


def test_what_came_since_the_last_update_is_learnt_from_even_if_fewer_days_are_wanted() -> None:
    policy = made(2, decide_hours=24.0, update_hours=96.0, memory_days=20.0, batch_days=2.0, epochs=1)
    taught(policy, given(2, 96 * 8 + 1), by_draw(2))
    assert [id(each) for each in policy._drawn()] == [id(each) for each in list(policy.memory)[-4:]]


def test_nothing_is_learnt_from_where_somebody_else_decided() -> None:
    """Whatever came of it, and whatever it did."""
    known, policies = given(2, 20), [made(2, sharing="none") for _ in range(2)]
    for policy, factor in zip(policies, (1.0, 50.0), strict=True):
        off = np.zeros(2, dtype=bool)
        for index, (inputs, following) in enumerate(pairwise(known)):
            reward = by_draw(2)(policy.act(inputs), index) * np.array([1.0, factor])
            action, mine = policy.act(inputs), np.array([True, False])
            policy.learn(Transition(inputs, action, reward, following, off, off, mine))
    for name, array in policies[0].weights().items():
        np.testing.assert_array_equal(array, policies[1].weights()[name], err_msg=name)


def test_what_is_no_longer_likely_counts_less() -> None:
    """The policy moves away from what it did: by how much probabilities fell, and never above 1."""
    policy = made(2, memory_days=2.0, batch_days=1.0, distribution="levels", exploration=0.8)
    taught(policy, given(2, 9), by_draw(2))
    past = list(policy.memory)
    with torch.no_grad():
        policy.actor.parameters[-1][..., -3:] += torch.tensor([3.0, 0.0, -3.0])
    known = policy._remembered(past)
    odds = policy.tries.odds(policy.actor(known.rows)).detach().numpy()[0]
    taken, mask = known.taken.numpy()[0].astype(int), known.mask.numpy()[0]
    now = np.take_along_axis(odds, taken[..., None], -1)[..., 0]
    then = np.exp(np.swapaxes(stacked(past, "log_probability"), 0, 1).reshape(taken.shape))
    ratio = np.where(mask > 0.0, now / then, 1.0).prod(axis=-1)
    np.testing.assert_allclose(known.likely.numpy()[0], np.minimum(ratio, 1.0), rtol=1e-4)
    assert (ratio > 1.05).any() and (ratio < 0.8).any()


def test_it_foresees_its_own_day_when_it_decides() -> None:
    """Load of 2 kWh a quarter-hour in the first half of the day, plants that give up to 1 kWh in the
    second."""
    policy = made(n=2, foresight=True, decide_hours=1.0)
    (inputs,) = given(2, 1)
    half = np.repeat([[1.0], [0.0]], 48, axis=0)
    load = Owned(
        np.array([0]),
        np.zeros(1, dtype=np.int64),
        "load",
        Envelope("electricity", 2 * half, 2 * half),
        *_open(1),
    )
    plants = Envelope("electricity", -np.repeat(1.0 - half, 2, axis=1), np.zeros((96, 2)))
    plant = Owned(np.array([1, 1]), np.arange(2), "generation", plants, *_open(2))
    look = replace(sample_outlook(inputs, SPEC), devices={"load": load, "pv": plant})
    assert DayAhead.encode(look) == pytest.approx(np.arcsinh(np.array([[4.0, 0.0], [0.0, 4.0]]) / 0.25))
    assert policy.looks_now
    policy.act(replace(inputs, outlook=look))
    assert not policy.looks_now, "its decision stands for another three periods"
    with pytest.raises(PolicyError, match="needs an outlook"):
        made(foresight=True).act(inputs)


def _open(count: int) -> list[FloatArray]:
    return [np.zeros(count) for _ in range(5)]


def test_margins_stay_the_rules_unless_they_are_learnt() -> None:
    known = given(4, 6)
    for margins, same in (("rule", True), ("learn", False)):
        policy = made(start="nothing", margins=margins)
        actions = [policy.act(inputs) for inputs in known]
        assert all((action[:, :2] == 0.0).all() == same for action in actions[2:]), "the first is the rule's"


@pytest.mark.parametrize("sharing", ["none", "federated", "group"])
def test_it_learns_the_best_shift(sharing: str) -> None:
    """Reward -(a - 0.4)^2, nothing to be foreseen: the mean goes from 0 to 0.4."""
    policy = create(
        "mf-ppo", PLAIN, 20, 1, sharing=sharing, start="nothing", update_hours=384.0, memory_days=16.0,
        exploration=0.3, learning_rate=3e-3, hidden=8, discount=0.0,
    )  # fmt: skip
    rng = np.random.default_rng(2)
    known = [
        PolicyInputs(
            seen := rng.uniform(-1, 1, (20, 1)), np.zeros((20, 0)), seen * 0.0, np.ones((20, 1), dtype=bool)
        )
        for _ in range(16 * 40 + 1)
    ]
    taught(policy, known, lambda action, _: -np.square(action[:, 0] - 0.4))  # type: ignore[arg-type]
    assert policy.act(known[0], explore=False).mean() == pytest.approx(0.4, abs=0.08)


def test_in_federation_each_measures_by_its_own_rewards() -> None:
    """Whoever has a thousandth of the reward counts as much for the weights."""
    known = given(4, 20)
    small = np.array([1.0, 1e-3, 1.0, 1e3])
    first, second = made(sharing="federated"), made(sharing="federated")
    taught(first, known, by_draw(4))
    taught(second, known, lambda action, index: by_draw(4)(action, index) * small)
    for name, array in first.weights().items():
        np.testing.assert_allclose(array, second.weights()[name], rtol=0, atol=2e-3, err_msg=name)


@EITHER
def test_the_same_seed_learns_the_same(ways: dict[str, Any], times: int) -> None:
    first, second = made(**ways), made(**ways)
    for policy in (first, second):
        taught(policy, given(4, 20 * times), by_draw(4))
    assert all(np.array_equal(array, second.weights()[name]) for name, array in first.weights().items())


@EITHER
@pytest.mark.parametrize("left", [0, 1])
def test_it_goes_on_from_its_state_as_if_nothing_had_happened(
    ways: dict[str, Any], times: int, left: int
) -> None:
    """At the end of a decision and in the middle of one, with decisions that are not learnt from yet."""
    known = given(4, 40 * times)
    stop = 16 * times + left
    first = made(**ways)
    taught(first, known[: stop + 1], by_draw(4))
    second = made(**ways)
    second.load_state_dict(first.state_dict())
    one, two = (taught(policy, known[stop:], by_draw(4)) for policy in (first, second))
    assert all(
        (mine[0] == theirs[0]).all() and mine[1] == theirs[1] for mine, theirs in zip(one, two, strict=True)
    )
    assert any(metrics for _, metrics in one)


def test_weights_that_do_not_fit_are_named() -> None:
    other = create("mf-ppo", sample_spec("reservation", devices=("battery", "ev")), 4, 1, **QUICK)
    with pytest.raises(PolicyError, match=r"has actor\.from\.ev\.plugged, which is nothing here"):
        made().load_weights(other.weights())
    with pytest.raises(PolicyError, match=r"shape \(1, 24\), not \(1, 16\)"):
        made().load_weights(made(hidden=24).weights())


def test_weights_carry_over_whatever_the_number_of_prosumers() -> None:
    taught(few := made(4), given(4, 20), by_draw(4))
    many = made(9)
    many.load_weights(few.weights())
    fresh = made(9)
    for inputs in given(9, 3):
        one, two = (policy.act(inputs, explore=False)[:, 2] for policy in (many, fresh))
    assert (one != two).any()


def test_weights_that_have_diverged_are_refused() -> None:
    weights = made().weights()
    weights["actor.1"] = np.full_like(weights["actor.1"], 2e4)
    with pytest.raises(PolicyError, match=r"actor\.1 has a weight beyond 10000"):
        made().load_weights(weights)


def test_it_says_how_far_the_policy_moved_in_all_of_an_update() -> None:
    """With one pass there is nothing to compare with before it."""
    metrics = [
        each for _, each in taught(made(epochs=1, learning_rate=0.05), given(4, 8), by_draw(4)) if each
    ]
    assert min(each["kl"] for each in metrics) > 1e-4


def test_a_learner_that_diverges_stops_with_the_weights_before() -> None:
    policy = made(learning_rate=1e30, epochs=8)
    before = policy.weights()
    with pytest.raises(PolicyError, match=r"diverged: .* not finite"):
        taught(policy, given(4, 20), by_draw(4))
    assert all(np.array_equal(array, before[name]) for name, array in policy.weights().items())


def test_a_learner_that_diverges_can_fall_back_to_its_rule() -> None:
    policy, known = made(learning_rate=1e30, epochs=8, diverged="rule"), given(4, 20)
    metrics = [each for _, each in taught(policy, known, by_draw(4)) if each]
    assert metrics == [{"fallen_back": 1.0}]
    rule = create("fixed-reservation", SPEC, 4, 1, value=0.25)
    assert (policy.act(known[0]) == rule.act(known[0])).all()


@pytest.mark.parametrize(
    ("start", "why"),
    [
        ("mf-ppo", "learns itself"),
        ("fixed-reservatoin", "unknown policy"),
        ("fixed-reservation:valu=0.3", r"has no parameter 'valu'.*'value'"),
        ("fixed-reservation:0.3", "is not PARAMETER=VALUE"),
        ("zip", "moves its quotes between rounds"),
        ("utility-only", "does not trade"),
    ],
)
def test_a_start_that_cannot_be_is_refused(start: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        made(start=start)


def test_it_bids_what_it_learnt_in_the_scale_of_the_action() -> None:
    """A shift of s moves the value of stored energy by s / 2 of its range."""
    policy, (inputs,) = made(start="fixed-reservation:value=0.5"), given(4, 1)
    ((name, device, _),) = device_actions(SPEC)
    read = Reader(SPEC, inputs.observation, inputs.parameters)
    low, high = read.price_band()
    expected = value_action(read, device, low + 0.5 * (high - low))
    assert policy.act(inputs, explore=False)[:, SPEC.action_index(name)] == pytest.approx(expected)
