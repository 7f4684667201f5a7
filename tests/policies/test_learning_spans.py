"""For how long decisions stand, where clocks are put forward and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from cosim.policies.contract import PolicyInputs, Transition
from cosim.policies.learning.learner import Learner
from cosim.policies.learning.spans import Spans
from cosim.policies.registry import create
from cosim.policies.sample import sample_inputs, sample_spec

SPEC = replace(sample_spec("reservation"), period_hours=0.5)
HOUR = [SPEC.observation_index(name) for name in ("hour_sin", "hour_cos")]


def at(hour: float, number: int) -> PolicyInputs:
    """What three prosumers know in a period that starts at a local hour; periods differ by their number."""
    inputs = sample_inputs(SPEC, 3, np.random.default_rng(number))
    angle, observation = hour * np.pi / 12.0, inputs.observation.copy()
    observation[:, HOUR] = np.sin(angle), np.cos(angle)
    return replace(inputs, observation=observation)


def due(hours: Sequence[float], every: float) -> list[int]:
    """In which of the periods that start at these local hours a decision is due."""
    spans, found = Spans(SPEC, every), list[int]()
    for number, hour in enumerate(hours):
        is_due = spans.due
        assert spans.enter(at(hour, number)) is is_due
        found += [number] if is_due else []
        spans.leave()
    return found


def decided(hours: Sequence[float], every: float) -> list[float]:
    """At which of these local hours."""
    return [hours[number] for number in due(hours, every)]


def days(kit: Any, start: str, periods: int) -> list[float]:
    """Local hours of half-hours."""
    return list(kit.clock(start, 30, periods).hour_of_day)


@pytest.mark.parametrize("start", ["2016-03-25", "2016-10-28", "2016-06-10"])
@pytest.mark.parametrize("begins", [0, 7, 19])
def test_who_decides_once_a_day_decides_at_the_same_hour(kit: Any, start: str, begins: int) -> None:
    hours = days(kit, f"{start} {begins:02d}:00", 48 * 5 + 1)
    assert set(decided(hours, 24.0)) == {float(begins)}
    assert len(decided(hours, 24.0)) in (5, 6)


@pytest.mark.parametrize("start", ["2016-03-26 00:00", "2016-10-29 00:00"])
@pytest.mark.parametrize("every", [2.0, 3.0, 4.0, 6.0, 8.0, 12.0])
def test_after_a_clock_change_decisions_keep_to_their_hours(kit: Any, start: str, every: float) -> None:
    """A span that would end inside of the change ends beside it; the next ends where it always does."""
    found = decided(days(kit, start, 48 * 4), every)
    early = [hour for hour in found if hour % every]
    assert set(early) <= {2.0, 3.0, 3.5} and len(early) <= 1
    assert len(set(found) - set(early)) == 24 / every


def test_hourly_decisions_are_taken_in_every_hour_also_in_one_that_comes_twice(kit: Any) -> None:
    hours = days(kit, "2016-10-30 00:00", 50)
    assert decided(hours, 1.0) == [float(hour) for hour in (0, 1, 2, 2, *range(3, 24))]


@pytest.mark.parametrize("leap", [5.0, -3.0, 1.3, 0.2])
def test_what_is_no_clock_change_moves_nothing(leap: float) -> None:
    hours = [(0.5 * number + (leap if number > 7 else 0.0)) % 24.0 for number in range(30)]
    assert due(hours, 6.0) == [0, 12, 24]


def test_where_the_hour_is_not_observed_a_day_has_24_hours(kit: Any) -> None:
    bare = replace(SPEC, observation=tuple(item for item in SPEC.observation if "hour_" not in item.name))
    spans, found = Spans(bare, 24.0), list[int]()
    for number, hour in enumerate(days(kit, "2016-03-26 00:00", 142)):
        found += [number] if spans.enter(at(hour, number)) else []
        spans.leave()
    assert found == [0, 48, 96]


def test_it_goes_on_from_its_state(kit: Any) -> None:
    hours = days(kit, "2016-03-26 00:00", 142)
    spans, other = Spans(SPEC, 24.0), Spans(SPEC, 24.0)
    for number, hour in enumerate(hours):
        other.load_state(spans.state())
        assert spans.enter(at(hour, number)) == other.enter(at(hour, number))
        spans.leave()


@pytest.mark.parametrize("kind", ["mf-ppo", "mf-q", "mf-ac", "mf-td3", "da-maddpg"])
def test_a_day_of_23_hours_is_learnt_from_as_a_day(
    kit: Any, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three days from midnight on, the second without two o'clock: 48, 46 and 48 half-hours."""
    policy = create(kind, SPEC, 3, 1, foresight=False)
    assert isinstance(policy, Learner)
    stood: list[int] = []
    monkeypatch.setattr(
        policy, "_collect", lambda experience: bool(stood.append(experience.decision.periods))
    )
    known = [at(hour, number) for number, hour in enumerate(days(kit, "2016-03-26 00:00", 143))]
    calm = np.zeros(3, dtype=bool)
    shifts = []
    for inputs, following in pairwise(known):
        action = policy.act(inputs)
        assert policy._decision is not None
        shifts.append(policy._decision.shift)
        policy.learn(Transition(inputs, action, np.ones(3), following, calm, calm, ~calm))
    assert stood == [48, 46, 48]
    changes = [number for number in range(1, 142) if shifts[number] is not shifts[number - 1]]
    assert changes == [48, 94]
