"""What learners expect of prices: worlds whose prices are known, the rational expectation in closed form,
trust against hand-computed values, privacy, repeatability."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch

from cosim.core.arrays import IntArray
from cosim.core.mean_field import mean_field_fields
from cosim.errors import PolicyError
from cosim.policies import check_policy, create
from cosim.policies.contract import PolicyInputs, Spec, Transition
from cosim.policies.learning.expectation import (
    CAUTION_DAYS,
    FORGETS,
    KEEPS_DAYS,
    LEADS_H,
    Expectation,
)
from cosim.policies.learning.learner import FALLEN_BACK, Learner
from cosim.policies.outlook import Outlook, PublicAhead
from cosim.policies.sample import sample_inputs, sample_spec
from cosim.policies.sample_outlook import with_outlook

USUAL = 0.10
HOURS = 24
SPEC = Spec((), mean_field_fields(heat=True), (), period_hours=1.0)
PRICE, VOLUME = SPEC.mean_field_index("mean_price"), SPEC.mean_field_index("volume_traded")
HEAT_PRICE, HEAT_VOLUME = (
    SPEC.mean_field_index("heat.mean_price"),
    SPEC.mean_field_index("heat.volume_traded"),
)


@dataclass
class World:
    """A market whose price comes from a formula, hour by hour.

    Args:
        price: Of the hour of the day, how bright the day is (0 to 1) and what was expected for the hour.
    """

    price: Callable[[int, float, float], float]
    seed: int = 1
    expectation: Expectation = field(init=False)
    hour: int = 0
    since: int = 0
    """Hours by which the calendar is ahead of the world's own time."""
    last: np.ndarray = field(default_factory=lambda: np.full(HOURS, USUAL))
    seen: np.ndarray = field(default_factory=lambda: np.zeros(HOURS, dtype=bool))
    paid: float = np.nan
    metrics: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        draws = np.random.default_rng(self.seed), np.random.default_rng(self.seed + 1)
        self.expectation = Expectation(SPEC, *draws)
        self.bright = np.random.default_rng(self.seed + 2).random(1000)

    def inputs(self, n: int = 2, ahead: IntArray | None = None, hours: float = 1.0) -> PolicyInputs:
        """What is known before the present hour, or before other periods."""
        ahead = self.hour + np.arange(HOURS) if ahead is None else ahead
        of_day = ahead % HOURS
        public = np.zeros(len(SPEC.mean_field))
        if not np.isnan(self.paid):
            public[[PRICE, VOLUME]] = self.paid, 1.0
        shape = (len(ahead), n)
        seconds = (3600.0 * hours * (self.since + ahead)).astype("timedelta64[s]")
        outlook = Outlook(
            hours, {}, np.full(shape, 0.3), np.full(shape, 0.0), np.full(shape, 0.3), np.full(shape, 0.0),
            np.full(shape, 0.1), self.last[of_day], np.full(len(ahead), 0.06), np.zeros(n, dtype=bool), 0.0,
            np.zeros(n),
            public=PublicAhead(
                np.datetime64("2025-06-01", "s") + seconds,
                of_day.astype(float), self.seen[of_day], USUAL, (0.04, 0.30), 0.06, (0.01, 0.12),
                {"ghi_w_per_m2": 400.0 * self.bright[ahead // HOURS]},
            ),
        )  # fmt: skip
        rows = np.zeros((n, 0))
        return PolicyInputs(
            rows, np.tile(public, (n, 1)), rows, np.zeros((n, 0), dtype=bool), outlook=outlook
        )

    def live(self, days: int, learning: bool = True) -> np.ndarray:
        """Go on for some days: expected and paid price of every hour, shape (24 days, 2)."""
        return np.array([self.live_an_hour(learning) for _ in range(HOURS * days)])

    def live_an_hour(self, learning: bool) -> tuple[float, float]:
        """Expected and paid price."""
        if learning and self.expectation.due:
            self.metrics = self.expectation.learn()
        told = self.expectation.expecting(self.inputs(), learning)
        assert told.outlook is not None
        expected = float(told.outlook.market_price[0])
        of_day = self.hour % HOURS
        self.paid = self.price(of_day, float(self.bright[self.hour // HOURS]), expected)
        if not np.isnan(self.paid):
            self.last[of_day] = self.paid
        self.seen[of_day] = True
        self.hour += 1
        return expected, self.paid

    def begin_anew(self) -> None:
        """A new run: nothing is known of yesterday."""
        self.last[:], self.seen[:], self.paid = USUAL, False, np.nan
        self.expectation.forget()


def sunny(of_day: int, bright: float, expected: float) -> float:
    """By day the brighter the cheaper."""
    return 0.16 - 0.10 * bright if 8 <= of_day < 16 else 0.16


def error(prices: np.ndarray) -> float:
    """Root mean square of what was expected less what was paid."""
    return float(np.sqrt(np.square(prices[:, 0] - prices[:, 1]).mean()))


def test_at_first_what_was_seen_last_is_expected() -> None:
    world = World(sunny)
    first = world.live(2)
    assert np.array_equal(first[:24, 0], np.full(24, USUAL))
    assert np.array_equal(first[24:, 0], first[:24, 1])


def test_prices_that_follow_the_weather_are_learnt() -> None:
    world = World(sunny)
    world.live(60)
    later = world.live(20)
    by_rule = np.column_stack([later[:-24, 1], later[24:, 1]])
    assert error(later) < 0.004
    assert error(later) < 0.25 * error(by_rule)
    assert world.metrics["expectation_trust"] > 0.9
    assert world.metrics["expectation_error"] < world.metrics["last_seen_error"]


def test_on_a_first_day_prices_are_expected_from_hour_and_weather() -> None:
    world = World(sunny)
    world.live(60)
    world.begin_anew()
    assert error(world.live(1, learning=False)) < 0.02
    assert error(np.array([(USUAL, sunny(hour, 0.5, 0.0)) for hour in range(24)])) > 0.04


def test_noise_is_averaged_and_not_followed() -> None:
    """Independent noise of 2 ct: its mean misses by 2.0, yesterday's price by the root of 2 times that."""
    noise = np.random.default_rng(5)
    world = World(lambda of_day, bright, expected: 0.10 + 0.02 * float(noise.standard_normal()))
    world.live(60)
    later = world.live(20)
    assert 0.0195 < error(later) < 0.025


def test_expectations_become_rational() -> None:
    """Cobweb: demand that is expected to be dear is moved away, p = a - b E[p]. Expecting yesterday's price
    overshoots for ever (b near 1); the rational expectation is a / (1 + b) (Muth 1961)."""
    a, b = 0.28, 0.9
    world = World(lambda of_day, bright, expected: a - b * expected)
    first = world.live(2)
    world.live(120)
    later = world.live(10)
    assert np.abs(first[:, 0] - first[:, 1]).min() > 0.05
    assert later[:, 0] == pytest.approx(a / (1.0 + b), abs=0.003)
    assert later[:, 1] == pytest.approx(a / (1.0 + b), abs=0.003)


def test_trust_is_the_slope_of_what_came_over_what_was_said() -> None:
    expectation = World(sunny).expectation
    width = len(expectation.network.inputs)
    said, beyond = np.array([0.5, -1.0, 2.0]), np.array([0.4, -0.2, 1.5])

    def day(number: int, weight: float) -> None:
        rows = np.zeros((3, width + 7))
        rows[:, width], rows[:, width + 2] = 0.3, said  # last, said
        rows[:, width + 4] = 86400.0 * number + 3600.0 * np.arange(3)
        rows[:, width + 5] = 0.3 + weight * beyond
        rows[:, width + 6] = np.nan  # no heat was traded
        expectation._over.extend(rows)
        expectation.learn()

    caution = CAUTION_DAYS * HOURS * len(LEADS_H)
    day(1, 1.0)
    product, square = float(said @ beyond), float(said @ said)
    assert expectation.trust.numpy() == pytest.approx([product / (square + caution), 0.0])
    day(2, -0.5)
    product, square = (FORGETS - 0.5) * product, (FORGETS + 1.0) * square
    assert expectation.trust.numpy()[0] == pytest.approx(product / (square + caution))
    trusted = expectation.trust.numpy().copy()
    day(2, 5.0)
    assert (expectation.trust.numpy() == trusted).all(), "a day that was learnt from is no test"
    day(3, -5.0)
    assert expectation.trust.numpy()[0] == 0.0, "what is worse than nothing is not believed"


def test_where_nothing_is_traded_nothing_is_learnt() -> None:
    world = World(lambda of_day, bright, expected: float("nan"))
    prices = world.live(10)
    assert np.array_equal(prices[:, 0], np.full(240, USUAL))
    assert world.metrics["expectation_loss"] == 0.0 and world.metrics["expectation_trust"] == 0.0


def test_frozen_it_stays_as_it_is() -> None:
    world = World(sunny)
    world.live(20)
    before = world.expectation.weights()
    world.live(3, learning=False)
    after = world.expectation.weights()
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert not world.expectation.due


def test_a_state_goes_on_as_if_nothing_had_happened() -> None:
    """With a learner's own generator, which a state carries."""
    world, twin = World(sunny), World(sunny)
    one, two = learner(), learner()
    assert one.expectation is not None and two.expectation is not None
    for each, policy in ((world, one), (twin, two)):
        each.expectation = Expectation(SPEC, np.random.default_rng(1), policy.draw("expectation rows"))
        each.live(15)
    two = learner()
    two.load_state_dict(one.state_dict())
    fresh = Expectation(SPEC, np.random.default_rng(3), two.draw("expectation rows"))
    fresh.load(world.expectation.weights())
    fresh.load_state(world.expectation.state())
    twin.expectation = fresh
    assert np.array_equal(world.live(5), twin.live(5))
    learnt, same = world.expectation.weights(), twin.expectation.weights()
    assert all(np.array_equal(learnt[name], same[name]) for name in learnt)


def windows(price: Callable[[int, float, float], float], days: int, passes: int) -> World:
    """A world whose first days were gone through some times."""
    world = World(price)
    for _ in range(passes):
        world.hour = 0
        world.begin_anew()
        world.live(days)
        world.metrics = world.expectation.learn()
    return world


def noise_of(days: int) -> Callable[[int, float, float], float]:
    """Prices of which each hour of each day has its own, the same whenever it comes."""
    noise = np.random.default_rng(3).standard_normal(HOURS * days)

    def price(of_day: int, bright: float, expected: float) -> float:
        return 0.15 + 0.05 * float(noise[(round(1e6 * bright) + of_day) % len(noise)])

    return price


def test_days_gone_through_again_do_not_make_it_trusted() -> None:
    """Noise of a known draw: learnt by heart it would be right on every day that it has seen."""
    once, often = windows(noise_of(4), 4, 1), windows(noise_of(4), 4, 8)
    assert float(often.expectation.trust[0]) == float(once.expectation.trust[0])
    later = often.live(12)
    missed = np.square(later[:, 1] - 0.15).mean() ** 0.5
    assert error(later) < 1.5 * missed


def test_what_is_over_when_an_episode_ends_is_learnt_in_the_next() -> None:
    world = World(sunny)
    learnt = 0
    for number in range(10):
        world.since = 20 * number
        world.begin_anew()
        world.hour = 0
        for _ in range(20):
            learnt += world.expectation.due
            world.live_an_hour(learning=True)
    assert learnt == 7, "of 10 episodes of 20 hours 190 are over, one in each is not known"


@pytest.mark.parametrize(("hours", "leads"), [(1.0, [0, 2, 6, 12, 23]), (0.5, [0, 2, 6, 12, 23.5])])
def test_it_learns_once_a_day_whatever_the_step(hours: float, leads: list[float]) -> None:
    spec = replace(SPEC, period_hours=hours)
    expectation, periods = Expectation(spec, *(np.random.default_rng(k) for k in (1, 2))), round(24 / hours)
    learnt = []
    for number in range(4 * periods):
        if expectation.due:
            learnt.append(number)
            expectation.learn()
        ahead = number + np.arange(periods)
        expectation.expecting(World(sunny).inputs(2, ahead, hours), learning=True)
    assert learnt == [days * periods + 1 for days in (1, 2, 3)], "a price is known in the period after it"
    rows = expectation.state()["days"][1]["known"]
    seen = 24.0 * rows[:, expectation.network.inputs.index("lead")]
    assert sorted(set(np.round(seen, 6))) == leads


@pytest.mark.parametrize("beyond", [-2.0, 2.0])
def test_what_is_expected_stays_within_the_public_band_or_what_was_seen(beyond: float) -> None:
    world = World(lambda of_day, bright, expected: 0.16)
    world.last[3], world.last[4] = 0.02, 0.33  # somebody with another tariff
    with torch.no_grad():
        world.expectation.network.parameters[-1].fill_(beyond)
        world.expectation.trust.fill_(1.0)
    told = world.expectation.expecting(world.inputs(), learning=False).outlook
    assert told is not None and told.heat_market_price is not None
    low, high = (0.04, 0.01), (0.30, 0.12)
    least_or_most = high if beyond > 0.0 else low
    others = np.delete(told.market_price, [3, 4])
    assert others == pytest.approx(least_or_most[0]) and told.heat_market_price == pytest.approx(
        least_or_most[1]
    )
    assert told.market_price[3] == pytest.approx(0.30 - 0.08 if beyond > 0.0 else 0.02)
    assert told.market_price[4] == pytest.approx(0.33 if beyond > 0.0 else 0.13)


def test_going_on_from_weights_keeps_trust_and_for_a_week_what_was_learnt() -> None:
    world = World(sunny)
    world.live(60)
    later = World(sunny, seed=7)
    later.since = 24 * 90
    before = world.expectation.weights()
    later.expectation.load(before)
    loaded = later.expectation.weights()
    assert all(np.array_equal(before[name], loaded[name]) for name in before)
    network = [
        name for name in before if name.removeprefix("expectation.") not in ("trust", "moments", "learnt_s")
    ]
    moved = []
    for _ in range(KEEPS_DAYS + 1):
        while not later.expectation.due:
            later.live_an_hour(learning=True)
        _, square = later.expectation.weights()["expectation.moments"]
        later.expectation.learn()
        after = later.expectation.weights()
        moved.append(not all(np.array_equal(before[name], after[name]) for name in network))
        assert (after["expectation.moments"][1] > FORGETS * square - 1e-12).all()
    assert moved == [False] * (KEEPS_DAYS - 1) + [True] * 2
    assert error(later.live(10)) < 0.006


def test_a_window_that_weights_were_learnt_from_is_no_test_of_them() -> None:
    often = windows(noise_of(4), 4, 8)
    fresh = windows(noise_of(4), 0, 0)
    fresh.expectation.load(often.expectation.weights())
    fresh.live(4)
    fresh.expectation.learn()
    for name in ("expectation.trust", "expectation.moments"):
        assert np.array_equal(fresh.expectation.weights()[name], often.expectation.weights()[name])


def test_where_nothing_was_traded_trust_is_not_judged() -> None:
    """Half of the hours without trade, and right in the others."""
    world = World(lambda of_day, bright, expected: 0.16 if of_day % 2 else float("nan"))
    with torch.no_grad():
        world.expectation.network.parameters[-1].fill_((0.16 - USUAL) / USUAL)
    world.live(2)
    product, square = world.expectation.weights()["expectation.moments"]
    assert product[0] == pytest.approx(square[0]) and square[0] > 0.0


def test_a_learner_that_finishes_learns_what_is_over_if_it_is_most_of_a_day() -> None:
    policy = learner()
    assert policy.expectation is not None and policy.finish() == {}
    world = World(sunny)
    policy.expectation = world.expectation
    world.live(0)
    for _ in range(12):
        world.live_an_hour(learning=True)
    assert policy.finish() == {}, "eleven hours are over"
    world.live_an_hour(learning=True)
    assert "expectation_loss" in policy.finish()
    assert policy.finish() == {}, "once"


def test_without_a_public_outlook_there_is_a_clear_error() -> None:
    world = World(sunny)
    inputs = world.inputs()
    assert inputs.outlook is not None
    for poor in (
        replace(inputs, outlook=None),
        replace(inputs, outlook=replace(inputs.outlook, public=None)),
    ):
        with pytest.raises(PolicyError, match="no outlook of what is public"):
            world.expectation.expecting(poor, learning=False)


# In a learner

PLANNED: dict[str, Any] = {"start": "price-taker:confidence=0.5"}


def learner(n: int = 3, **parameters: Any) -> Learner:
    policy = create("mf-ppo", sample_spec(), n, 1, **(PLANNED | parameters))
    assert isinstance(policy, Learner)
    return policy


@pytest.mark.parametrize(
    "parameters",
    [
        {"expects": "last"},
        {"mean_field": "none"},
        {"mean_field": "shuffled"},
        {"start": "price-taker:confidence=0"},
        {"start": "self-consumption"},
    ],
)
def test_prices_are_those_seen_last_where_none_is_to_be_expected(parameters: dict[str, Any]) -> None:
    assert learner(**parameters).expectation is None
    assert not any(name.startswith("expectation") for name in learner(**parameters).weights())


def taught() -> Learner:
    """A learner that has learnt to expect something."""
    world = World(sunny)
    world.live(30)
    policy = learner()
    assert policy.expectation is not None
    policy.load_weights(policy.weights() | world.expectation.weights())
    return policy


def test_what_is_expected_changes_what_its_rule_plans_and_no_private_number_what_is_expected() -> None:
    spec = sample_spec()
    inputs = with_outlook(sample_inputs(spec, 3, np.random.default_rng(2)), spec)
    policy, plain = taught(), learner(expects="last")
    assert policy.expectation is not None
    told = policy.expectation.expecting(inputs, learning=False)
    assert told.outlook is not None and inputs.outlook is not None
    assert np.abs(told.outlook.market_price - inputs.outlook.market_price).max() > 0.005
    assert not np.array_equal(policy.act(inputs, explore=False), plain.act(inputs, explore=False))
    other = with_outlook(sample_inputs(spec, 3, np.random.default_rng(9)), spec)
    assert other.outlook is not None
    others = replace(
        inputs,
        observation=other.observation,
        outlook=replace(
            other.outlook, market_price=inputs.outlook.market_price, public=inputs.outlook.public
        ),
    )
    policy.reset()
    again = policy.expectation.expecting(others, learning=False)
    assert again.outlook is not None
    assert np.array_equal(again.outlook.market_price, told.outlook.market_price)


def test_a_learner_that_has_fallen_back_follows_its_rule_as_it_is() -> None:
    spec = sample_spec()
    inputs = with_outlook(sample_inputs(spec, 3, np.random.default_rng(2)), spec)
    policy, plain = taught(), learner(expects="last")
    policy.fallen = True
    assert np.array_equal(policy.act(inputs, explore=False), plain.act(inputs, explore=False))


@pytest.mark.parametrize("kind", ["mf-ppo", "mf-td3"])
def test_a_learner_that_expects_prices_keeps_the_contract(kind: str) -> None:
    assert check_policy(kind, **PLANNED) == []


def test_weights_from_before_prices_were_expected_are_taken_with_nothing_expected_yet() -> None:
    policy, older = learner(), learner(expects="last")
    policy.load_weights(older.weights())
    assert policy.expectation is not None and (policy.expectation.trust.numpy() == 0.0).all()


@pytest.mark.parametrize("diverged", ["stop", "rule"])
def test_an_expectation_that_diverges_is_undone(monkeypatch: pytest.MonkeyPatch, diverged: str) -> None:
    policy = learner(diverged=diverged)
    expectation = policy.expectation
    assert expectation is not None
    before = expectation.weights()

    def broken() -> dict[str, float]:
        with torch.no_grad():
            expectation.network.parameters[0].fill_(float("nan"))
        return {"expectation_loss": float("nan")}

    monkeypatch.setattr(expectation, "learn", broken)
    monkeypatch.setattr(Expectation, "due", property(lambda self: True))
    spec = sample_spec()
    inputs = with_outlook(sample_inputs(spec, 3, np.random.default_rng(2)), spec)
    action, no = policy.act(inputs), np.zeros(3, dtype=bool)
    transition = Transition(inputs, action, np.zeros(3), inputs, no, no, ~no)
    if diverged == "stop":
        with pytest.raises(PolicyError, match="diverged"):
            policy.learn(transition)
    else:
        assert policy.learn(transition) == {FALLEN_BACK: 1.0} and policy.fallen
    after = expectation.weights()
    assert all(np.array_equal(before[name], after[name]) for name in before)
