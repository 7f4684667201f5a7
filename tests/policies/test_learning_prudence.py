"""Departing only where it surely pays: the regression against an independent one and against known answers,
who may depart, and a learner in a world where departing pays on dull days alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.core.arrays import FloatArray
from cosim.core.records import Field
from cosim.errors import InputError, PolicyError
from cosim.policies import PolicyInputs, Spec, Transition, create
from cosim.policies.learning import prudence as prudence_module
from cosim.policies.learning.ppo import MeanFieldPPO
from cosim.policies.learning.prudence import (
    CROWDING,
    CROWDING_PRECISION,
    DAYS_DIFFER,
    FIRST_NOISE,
    FORETOLD,
    KEEPS,
    MARGIN,
    NO_SUN,
    NOISE_RATE,
    ONE_SUN,
    PRECISION,
    SUN,
    TRY,
    Leave,
    Prudence,
    evenly,
    foretold_rows,
)
from cosim.policies.outlook import PublicAhead
from cosim.policies.sample import sample_inputs, sample_spec
from cosim.policies.sample_outlook import with_outlook

WIDTH = len(FORETOLD)
DULL, BRIGHT = 0.0, 180.0
"""Irradiance of days [W/m2]."""


def known(theta: tuple[float, ...], crowding: float, errors: float = 2.0, groups: int = 1) -> Prudence:
    """One field, of which as good as everything is known."""
    found = Prudence(groups, ["a"], errors)
    found.products = np.tile(1e9 * np.eye(WIDTH + 1), (groups, 1, 1))
    found.sums = np.tile(1e9 * np.array([*theta, crowding]), (groups, 1))
    return found


def row(sun: float = 0.0, drawn: float = 0.0, injected: float = 0.0) -> FloatArray:
    return np.array([[1.0, sun, drawn, injected]])


def days(rng: np.random.Generator, count: int, n: int, fields: int) -> list[tuple[FloatArray, ...]]:
    """Foretold, expected, beyond and earned of days in which chance alone decides."""
    return [
        (
            np.column_stack([np.ones(n), rng.normal(size=(n, WIDTH - 1))]),
            rng.random((n, fields)),
            rng.normal(size=(n, fields)) * (rng.random((n, fields)) < 0.8),
            rng.normal(size=n),
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("groups", [1, 3])
def test_what_is_learnt_is_a_weighted_ridge_regression(groups: int) -> None:
    """Against sums taken prosumer by prosumer."""
    n, fields = 3, 2
    prudence = Prudence(groups, ["a", "b"], 2.0)
    prior = np.diag(np.tile([*PRECISION, CROWDING_PRECISION], fields))
    start = np.tile([0.0] * WIDTH + [CROWDING_PRECISION * CROWDING], fields)
    products, sums = [prior.copy() for _ in range(groups)], [start.copy() for _ in range(groups)]
    noise = [FIRST_NOISE] * groups
    for foretold, expected, beyond, earned in days(np.random.default_rng(1), 6, n, fields):
        prudence.learn(foretold, expected, beyond, earned)
        for group in range(groups):
            theta = np.linalg.solve(products[group], sums[group])
            members = [i for i in range(n) if (groups == 1 or i == group) and beyond[i].any()]
            read = {
                i: np.concatenate(
                    [[*(z * foretold[i]), -z * e] for z, e in zip(beyond[i], expected[i], strict=True)]
                )
                for i in members
            }
            new = noise[group]
            if members:
                new = sum((earned[i] - read[i] @ theta) ** 2 for i in members) / len(members)
            noise[group] += NOISE_RATE * (new - noise[group])
            spread = sum(float(beyond[i] @ beyond[i]) for i in members)
            weight = 1.0 / (max(new / noise[group], 1.0) + spread * DAYS_DIFFER**2 / noise[group])
            products[group] = prior + KEEPS * (products[group] - prior)
            sums[group] = start + KEEPS * (sums[group] - start)
            for i in members:
                products[group] = products[group] + weight * np.outer(read[i], read[i])
                sums[group] = sums[group] + weight * earned[i] * read[i]
    np.testing.assert_allclose(prudence.products, products, rtol=1e-12)
    np.testing.assert_allclose(prudence.sums, sums, rtol=1e-12)
    np.testing.assert_allclose(prudence.noise, noise, rtol=1e-12)


def test_what_departing_brings_and_how_much_all_take_from_each_other_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """earned = z (theta . x - c e) + own luck, whatever was foreseen wrongly; nothing fades. (The weight of
    a day hangs on who tried, which costs some percent where much is foreseen wrongly.)"""
    monkeypatch.setattr(prudence_module, "KEEPS", 1.0)
    rng, theta, crowding, n = np.random.default_rng(2), np.array([2.0, -1.5, 0.5, -0.5]), 3.0, 50
    prudence = Prudence(1, ["a"], 2.0)
    for _ in range(1500):
        foretold = np.column_stack([np.ones(n), np.full(n, rng.normal()), rng.normal(size=(n, 2))])
        odds = np.full((n, 1), rng.choice([0.1, 0.5, 0.9]))
        beyond = (rng.random((n, 1)) < odds) * 0.8 - 0.8 * odds
        expected = 0.8 * odds
        wrongly_foreseen = 0.7 * foretold[:, 1] + 0.4
        worth = foretold @ theta - crowding * expected[:, 0]
        earned = beyond[:, 0] * worth + wrongly_foreseen + rng.normal(scale=0.5, size=n)
        prudence.learn(foretold, expected, beyond, earned)
    np.testing.assert_allclose(prudence.coefficients[0], [*theta, crowding], atol=0.25)


def test_what_all_gain_together_by_hand() -> None:
    """0.5 (2 - 0.5) - 3 x 0.5^2 / 2 - margin x 0.5."""
    gain, error = known((2.0, -1.0, 0.0, 0.0), 3.0).gain(row(sun=0.5), np.array([[0.5]]))
    assert gain[0] == pytest.approx(0.75 - 0.375 - MARGIN * 0.5)
    assert error[0] == pytest.approx(0.0, abs=1e-4)


def test_the_error_of_what_is_not_known_at_all_by_hand() -> None:
    """Variance: noise x (e^2 / precision of the constant + (e^2 / 2)^2 / precision of the crowding)."""
    _, error = Prudence(1, ["a"], 2.0).gain(row(), np.array([[0.5]]))
    variance = FIRST_NOISE * (0.25 / PRECISION[0] + 0.125**2 / CROWDING_PRECISION)
    assert error[0] == pytest.approx(np.sqrt(variance))


@pytest.mark.parametrize(
    ("theta", "learning", "share"),
    [
        (3.0, True, 1.0),
        (-3.0, True, TRY),
        (3.0, False, 1.0),
        (-3.0, False, 0.0),
    ],
    ids=["pays", "costs", "pays, frozen", "costs, frozen"],
)
def test_who_knows_that_it_pays_departs(theta: float, learning: bool, share: float) -> None:
    prudence = known((theta, 0.0, 0.0, 0.0), 0.0)
    assert prudence.share(row(), np.array([[0.5]]), learning)[0] == share


def test_where_nothing_is_known_few_try_while_they_learn_and_none_when_frozen() -> None:
    prudence, expected = Prudence(1, ["a"], 2.0), np.array([[0.4]])
    assert prudence.share(row(), expected, learning=True)[0] == TRY
    assert prudence.share(row(), expected, learning=False)[0] == 0.0


@pytest.mark.parametrize(("errors", "departs"), [(1.9, False), (2.1, True)])
def test_a_frozen_policy_doubts_as_much_as_one_that_learns(errors: float, departs: bool) -> None:
    """Its gain is that many standard errors, where two are asked for."""
    prudence = known((3.0, 0.0, 0.0, 0.0), 0.0)
    expected = np.array([[0.5]])
    gain, error = (values[0] for values in prudence.gain(row(), expected))
    prudence.noise = prudence.noise * (gain / errors / error) ** 2
    assert prudence.share(row(), expected, learning=True)[0] == (1.0 if departs else TRY)
    assert prudence.share(row(), expected, learning=False)[0] == (1.0 if departs else 0.0)


def test_what_was_learnt_fades_to_what_was_thought_before() -> None:
    """Nothing decided for many days."""
    prudence, nobody = known((3.0, 0.0, 0.0, 0.0), 0.0), np.zeros((1, 1))
    prudence.products, prudence.sums = prudence.products / 1e8, prudence.sums / 1e8
    before = Prudence(1, ["a"], 2.0)
    for _ in range(3000):
        prudence.learn(row(), nobody, nobody, np.zeros(1))
    np.testing.assert_allclose(prudence.products, before.products, rtol=1e-6)
    np.testing.assert_allclose(prudence.sums, before.sums, atol=1e-6)
    assert prudence.noise == before.noise, "nobody decided"


def test_more_and_more_depart_as_it_shows_what_is_lost_when_more_do() -> None:
    """A gain that is known, among all that depart together as yet unknown: a quarter first."""
    prudence = known((3.0, 0.0, 0.0, 0.0), CROWDING)
    prudence.products[0, WIDTH, WIDTH], prudence.sums[0, WIDTH] = (
        CROWDING_PRECISION,
        CROWDING_PRECISION * CROWDING,
    )
    prudence.noise, expected = np.array([4.0]), np.array([[0.7]])
    assert prudence.share(row(), expected, learning=True)[0] == 0.25
    prudence.products[0, WIDTH, WIDTH], prudence.sums[0, WIDTH] = 1e3, 1e3 * CROWDING
    assert prudence.share(row(), expected, learning=True)[0] == 1.0


def test_a_day_much_brighter_than_any_is_not_taken_for_known() -> None:
    """It pays on every dull day; what does so on a bright one nobody knows."""
    rng, prudence, n = np.random.default_rng(3), Prudence(1, ["a"], 2.0), 40
    for _ in range(20):
        foretold = np.repeat(row(sun=-0.5 + 0.1 * rng.random()), n, axis=0)
        beyond = np.where(rng.random((n, 1)) < 0.5, 0.4, -0.4)
        earned = 3.0 * beyond[:, 0] + rng.normal(scale=0.5, size=n)
        prudence.learn(foretold, np.full((n, 1), 0.4), beyond, earned)
    assert prudence.share(row(sun=-0.5), np.array([[0.4]]), learning=True)[0] == 1.0
    assert prudence.share(row(sun=4.0), np.array([[0.4]]), learning=True)[0] == TRY


@given(st.lists(st.tuples(st.floats(0, 0.999), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=20))
def test_nobody_departs_later_who_could_not_before(drawn: list[tuple[float, float, float]]) -> None:
    chance, first, later = np.array(drawn).T
    leave = Leave(chance, first, np.zeros((len(chance), 1)))
    held = leave.held.copy()
    leave.narrow(later)
    np.testing.assert_array_equal(leave.held, held | (chance >= later))
    again = Leave.of_state(leave.state())
    np.testing.assert_array_equal(again.held, leave.held)


def lit(inputs: PolicyInputs, spec: Spec, sun: float) -> PolicyInputs:
    """The same with a public forecast of the sun."""
    looking = with_outlook(inputs, spec)
    assert looking.outlook is not None
    count = looking.outlook.count
    hours = spec.period_hours or 1.0
    public = PublicAhead(
        utc=np.datetime64("2016-02-01T00:00", "s")
        + np.arange(count) * np.timedelta64(round(3600 * hours), "s"),
        hour_of_day=np.arange(count) * hours % 24.0,
        seen=np.ones(count, dtype=bool),
        usual_price=0.1,
        price_band=(0.04, 0.18),
        weather={SUN: np.full(count, sun)},
    )
    return replace(looking, outlook=replace(looking.outlook, public=public))


def test_what_is_foretold_is_the_regions_sun_and_the_own_day() -> None:
    spec = sample_spec("reservation", devices=("battery",))
    inputs = lit(sample_inputs(spec, 3, np.random.default_rng(1)), spec, 150.0)
    rows = foretold_rows(inputs, 96)
    np.testing.assert_array_equal(rows[:, 0], 1.0)
    np.testing.assert_allclose(rows[:, 1], (150.0 - NO_SUN) / ONE_SUN)
    assert np.ptp(rows[:, 2]) > 0.0, "loads differ"
    blind = foretold_rows(replace(inputs, outlook=None), 96)
    np.testing.assert_array_equal(blind, [[1.0, 0.0, 0.0, 0.0]] * 3)


DAILY = replace(sample_spec("reservation", devices=("battery",)), period_hours=24.0)
HOURLY = replace(DAILY, period_hours=1.0)
N = 60


def made(spec: Spec = DAILY, n: int = N, **parameters: Any) -> MeanFieldPPO:
    policy = create("mf-ppo", spec, n, 1, **{"prudence": 2.0, "decide_hours": 24.0, **parameters})
    assert isinstance(policy, MeanFieldPPO)
    return policy


class World:
    """Days whose sun is drawn. To depart by one brings a prosumer 1 EUR on dull days and costs 1 on bright
    ones, less a half of what others depart by."""

    def __init__(self, policy: MeanFieldPPO, seed: int = 4) -> None:
        self.policy, self.rng = policy, np.random.default_rng(seed)
        self.rule = create("fixed-reservation", DAILY, policy.n, 1, value=0.25)
        self.mask = sample_inputs(DAILY, policy.n, np.random.default_rng(0)).action_mask
        self.column = DAILY.action_index("battery.value")
        self.now, self.sun = self._day()

    def _day(self) -> tuple[PolicyInputs, float]:
        sun = float(self.rng.choice([DULL, BRIGHT]))
        plain = sample_inputs(DAILY, self.policy.n, np.random.default_rng(0))
        observation = plain.observation.copy()
        observation[:, DAILY.observation_index("net_forecast_kwh")] = 24.0 if sun == DULL else -24.0
        return lit(replace(plain, observation=observation), DAILY, sun), sun

    def live(self) -> tuple[float, float]:
        """A day: its sun, and how far those who have a battery depart on average."""
        action = self.policy.act(self.now)
        shift = (action - self.rule.act(self.now))[:, self.column]
        owners = self.mask[:, self.column]
        together = float(shift[owners].mean())
        worth = (1.0 if self.sun == DULL else -1.0) - 0.5 * together
        reward = 0.5 + np.where(owners, worth * shift, 0.0) + self.rng.normal(scale=0.1, size=self.policy.n)
        following, sun = self._day()
        never = np.zeros(self.policy.n, dtype=bool)
        self.policy.learn(Transition(self.now, action, reward, following, never, never, ~never))
        told = self.sun, together
        self.now, self.sun = following, sun
        return told


def mean_departures(policy: MeanFieldPPO, count: int) -> dict[float, list[float]]:
    world = World(policy)
    found: dict[float, list[float]] = {DULL: [], BRIGHT: []}
    for _ in range(count):
        sun, together = world.live()
        found[sun].append(together)
    return found


def test_it_departs_where_it_pays_and_keeps_to_the_rule_where_it_costs() -> None:
    prudent = mean_departures(made(n=200), 120)
    assert np.mean(prudent[DULL][-15:]) > 0.3
    assert np.mean(prudent[BRIGHT]) < 0.05, "from the first day on"
    bold = mean_departures(made(n=200, prudence=0.0), 20)
    assert np.mean(bold[BRIGHT][:5]) > 0.1, "who does not ask pays for it"


def test_at_first_few_depart() -> None:
    policy = made(n=400)
    _, together = World(policy).live()
    assert 0.0 < together < 2.0 * TRY


def test_it_goes_on_from_its_state_as_if_nothing_had_happened() -> None:
    first = World(made())
    for _ in range(8):
        first.live()
    second = World(made(), seed=9)
    second.policy.load_state_dict(first.policy.state_dict())
    second.now, second.sun = first.now, first.sun
    second.rng.bit_generator.state = first.rng.bit_generator.state
    for _ in range(8):
        assert first.live() == second.live()
    for name, values in first.policy.weights().items():
        np.testing.assert_array_equal(values, second.policy.weights()[name], err_msg=name)


def test_what_was_taken_back_stays_so_in_a_run_that_goes_on() -> None:
    """Its state is taken between five in the evening and midnight."""
    first, second = made(HOURLY, n=20), made(HOURLY, n=20)
    assert first.prudence is not None
    fields = len(HOURLY.action)
    first.prudence.products = 1e9 * np.eye(fields * (WIDTH + 1))[None]
    first.prudence.sums = 1e9 * np.tile([2.0, -4.0, 0.0, 0.0, 0.0], fields)[None]
    plain = sample_inputs(HOURLY, 20, np.random.default_rng(0))
    acts = [first.act(lit(plain, HOURLY, BRIGHT if hour >= 14 else DULL)) for hour in range(18)]
    second.load_state_dict(first.state_dict())
    for policy in (first, second):
        np.testing.assert_array_equal(policy.act(lit(plain, HOURLY, BRIGHT)), acts[17])
    assert (acts[17] != acts[16]).any()


def test_weights_from_before_it_was_asked_for_know_nothing_of_it() -> None:
    plain, asked, fresh = made(prudence=0.0), made(), made()
    asked.load_weights(plain.weights())
    for name, values in fresh.weights().items():
        known = plain.weights().get(name, values)
        np.testing.assert_array_equal(asked.weights()[name], known, err_msg=name)
    with pytest.raises(PolicyError, match=r"they were learnt with prudence, and it is 0 here"):
        plain.load_weights(asked.weights())


def test_weights_of_other_fields_are_not_taken_for_its_own() -> None:
    other = replace(DAILY, action=DAILY.action[::-1])
    with pytest.raises(PolicyError, match=r"prudence\.products\.battery\.value"):
        made(DAILY).load_weights(made(other).weights())


def test_without_foresight_it_reads_no_forecast() -> None:
    policy = made(foresight=False, start="price-taker", distribution="levels")
    spec_inputs = sample_inputs(DAILY, N, np.random.default_rng(0))
    policy.act(lit(spec_inputs, DAILY, BRIGHT))
    assert policy._decision is not None
    np.testing.assert_array_equal(policy._decision.notes["foretold"], [[1.0, 0.0, 0.0, 0.0]] * N)


def test_its_best_actions_are_judged_by_themselves() -> None:
    """What is tried now and then is no reason to hold the most probable level."""
    policy = made()
    rows = lit(sample_inputs(DAILY, N, np.random.default_rng(0)), DAILY, DULL)
    policy.act(rows, explore=False)
    assert policy._leave is not None
    np.testing.assert_array_equal(policy._leave.expected, 0.0)  # the first best action is the rule


def test_left_out_nothing_of_it_is_there() -> None:
    assert made(prudence=0.0).prudence is None
    assert not [name for name in made(prudence=0.0).weights() if name.startswith("prudence.")]
    names = {name for name in made().weights() if name.startswith("prudence.")}
    fields = "bid_margin+ask_margin+battery.value"
    assert names == {f"prudence.{part}.{fields}" for part in ("products", "sums", "noise")}


def test_networks_of_each_ones_own_know_each_their_own() -> None:
    policy = made(sharing="none")
    world = World(policy)
    for _ in range(6):
        world.live()
    assert policy.prudence is not None and policy.prudence.sums.shape == (N, 2 * (WIDTH + 1) + WIDTH + 1)
    owners = world.mask[:, world.column]
    prior = Prudence(1, [item.name for item in DAILY.action], 2.0).sums[0]
    assert (policy.prudence.sums[~owners] == prior).all(), "who decides nothing learns nothing"
    assert (policy.prudence.sums[owners] != prior).any(axis=1).all()


def test_in_the_evening_it_looks_at_tomorrow() -> None:
    """Departing is known to pay on dull days and to cost on bright ones: at five in the evening of a dull day
    before a bright one all but 3 % go back to the rule, and not before."""
    policy = made(HOURLY, n=200)
    assert policy.prudence is not None
    theta, fields = (2.0, -4.0, 0.0, 0.0), len(HOURLY.action)
    policy.prudence.products = 1e9 * np.eye(fields * (WIDTH + 1))[None]
    policy.prudence.sums = 1e9 * np.tile([*theta, 0.0], fields)[None]
    rule = create("fixed-reservation", HOURLY, 200, 1, value=0.25)
    plain = sample_inputs(HOURLY, 200, np.random.default_rng(0))
    departing: list[set[int]] = []
    looked: list[int] = []
    for hour in range(24):
        looked += [hour] * policy.looks_now
        inputs = lit(plain, HOURLY, BRIGHT if hour >= 14 else DULL)
        inputs = inputs if policy.looks_now else replace(inputs, outlook=None)
        departing.append(set(np.flatnonzero((policy.act(inputs) != rule.act(inputs)).any(axis=1))))
    assert policy._leave is not None
    trying = {place for place in departing[0] if policy._leave._drawn[place] < TRY}
    assert all(each == departing[0] for each in departing[:17])
    assert 0 < len(trying) < len(departing[0])
    assert all(each == trying for each in departing[17:])
    assert looked == [0, 17]


@pytest.mark.parametrize(
    ("start", "looks"),
    [
        ("2016-06-10 00:00", 17.0),
        ("2016-03-26 09:00", 3.0),  # two o'clock is left out: as soon as there is a clock again
        ("2016-03-26 10:00", 4.0),  # nobody saw three o'clock come so soon: an hour later
        ("2016-10-29 09:00", 2.0),
    ],
)
def test_it_looks_once_more_whatever_clocks_do(kit: Any, start: str, looks: float) -> None:
    policy, plain = made(HOURLY, n=20), sample_inputs(HOURLY, 20, np.random.default_rng(0))
    sine, cosine = (HOURLY.observation_index(name) for name in ("hour_sin", "hour_cos"))
    looked: list[float] = []
    for hour in kit.clock(start, 60, 23).hour_of_day:
        observation = plain.observation.copy()
        observation[:, sine], observation[:, cosine] = np.sin(hour * np.pi / 12), np.cos(hour * np.pi / 12)
        inputs = lit(replace(plain, observation=observation), HOURLY, DULL)
        asked, before = policy.looks_now, policy._leave is not None and policy._leave.seen_again
        policy.act(inputs if asked else replace(inputs, outlook=None))
        assert policy._leave is not None
        looked += [hour] if policy._leave.seen_again and not before else []
    assert looked == [looks]


def learnt_if(gift: float) -> tuple[MeanFieldPPO, FloatArray, FloatArray]:
    """What was learnt of a day on which those who were held got so much more; what is read, and who was."""
    policy = made(n=400)
    world = World(policy)
    action = policy.act(world.now)
    assert policy._decision is not None
    held = policy._decision.notes["held"] > 0.0
    reward = np.where(held, gift, 0.0) + 0.1 * np.random.default_rng(2).normal(size=policy.n)
    never = np.zeros(policy.n, dtype=bool)
    policy.learn(Transition(world.now, action, reward, world.now, never, never, ~never))
    return policy, policy._decision.rows, held


def test_who_was_held_teaches_what_the_rule_brings_and_nothing_about_what_to_try() -> None:
    start = made(n=400).weights()
    (poor, rows, held), (rich, _, _) = learnt_if(0.0), learnt_if(1.0)
    assert held.any() and not held.all()
    for judge in ("actor", "baseline"):
        names = [name for name in start if name.startswith(f"{judge}.")]
        for name in names:
            np.testing.assert_array_equal(poor.weights()[name], rich.weights()[name], err_msg=name)
        assert any((poor.weights()[name] != start[name]).any() for name in names), judge
    experience = rich.memory[-1]
    for gained in (
        rich._value(rich.critic, rows) - poor._value(poor.critic, rows),
        rich._foreseen(experience, False) - poor._foreseen(experience, False),
    ):
        assert gained.mean() > 0.01


def test_what_departing_brings_is_known_beside_the_rule_while_few_try() -> None:
    """Who departs gets 2 EUR and who is held gets 1, whatever was tried; nothing is ever sure enough."""
    policy = made(n=400)
    assert policy.prudence is not None
    policy.prudence._errors = 1e9
    world, never = World(policy), np.zeros(400, dtype=bool)
    for _ in range(40):
        action = policy.act(world.now)
        assert policy._decision is not None
        reward = 1.0 + policy._decision.mask.any(axis=1)
        policy.learn(Transition(world.now, action, reward, world.now, never, never, ~never))
    experience = policy.memory[-1]
    np.testing.assert_array_equal(experience.decision.notes["share"], TRY)
    owners = world.mask[:, world.column]
    departing, held = (policy._foreseen(experience, which)[owners] for which in (True, False))
    assert (departing - held).mean() == pytest.approx(1.0 / policy.scale.of()[owners].mean(), rel=0.1)


def test_what_was_foreseen_is_of_both_as_likely_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """5 of the rule and 7 of departing."""
    policy = made()
    World(policy).live()
    experience = policy.memory[-1]
    monkeypatch.setattr(policy, "_foreseen", lambda _, departed: np.full(N, 7.0 if departed else 5.0))
    foreseen = policy._whoever_departs(experience)
    np.testing.assert_allclose(foreseen, 5.0 + 2.0 * experience.decision.notes["share"])
    np.testing.assert_array_equal(experience.decision.notes["share"], TRY)


@given(st.integers(1, 60), st.floats(0.0, 1.0), st.integers(0, 2**32 - 1))
def test_a_share_of_all_departs_to_one_more_or_less(n: int, share: float, seed: int) -> None:
    drawn = evenly(np.random.default_rng(seed), n)
    np.testing.assert_array_equal(np.sort(np.floor(drawn * n)), np.arange(n))
    assert abs(int((drawn < share).sum()) - share * n) < 1.0 + 1e-9


def test_everybody_departs_as_often_as_any() -> None:
    """Each within 3.5 standard deviations of 240 in 8,000 lots."""
    rng, days = np.random.default_rng(8), 8000
    often = sum((evenly(rng, 42) < TRY).astype(float) for _ in range(days))
    np.testing.assert_allclose(often, TRY * days, atol=3.5 * np.sqrt(TRY * (1 - TRY) * days))


def test_it_is_not_for_those_who_decide_often() -> None:
    with pytest.raises(
        InputError, match=r"prudence: is for policies that decide at most twice a day.*every 1 h"
    ):
        made(HOURLY, decide_hours=1.0)


def test_a_policy_without_an_outlook_has_nothing_but_the_mean_day() -> None:
    plain = Spec(
        (Field("seen", "1", -1.0, 1.0, "A number."),),
        (),
        (Field("thing.value", "1", -1.0, 1.0, "An action."),),
    )
    policy = create(
        "mf-ppo", plain, 5, 1, prudence=2.0, start="nothing", distribution="levels", decide_hours=24.0
    )
    inputs = sample_inputs(plain, 5, np.random.default_rng(1))
    assert policy.act(inputs).shape == (5, 1)
