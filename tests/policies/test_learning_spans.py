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
        foreseen, begins = spans.due, spans.begins(at(hour, number))
        assert foreseen or not begins  # who looks before a period begins is not taken by surprise
        assert spans.enter(at(hour, number)) is begins
        found += [number] if begins else []
        spans.leave()
    return found


def decided(hours: Sequence[float], every: float) -> list[float]:
    """At which of these local hours."""
    return [hours[number] for number in due(hours, every)]


def days(kit: Any, start: str, periods: int, zone: str = "Europe/Berlin") -> list[float]:
    """Local hours of half-hours."""
    return list(kit.clock(start, 30, periods, zone).hour_of_day)


SPRING = [
    ("Europe/Berlin", "2016-03-25"),
    ("Atlantic/Azores", "2016-03-25"),  # at midnight
    ("America/Santiago", "2016-08-12"),  # at midnight
    ("Australia/Lord_Howe", "2016-09-30"),  # by half an hour
]
AUTUMN = [
    ("Europe/Berlin", "2016-10-28"),
    ("Atlantic/Azores", "2016-10-28"),  # back from one o'clock to midnight
    ("America/Santiago", "2016-05-12"),  # back from midnight to the day before
    ("Asia/Beirut", "2016-10-28"),  # likewise
    ("Australia/Lord_Howe", "2016-04-01"),
    ("Australia/Sydney", "2016-04-01"),
]


@pytest.mark.parametrize(("zone", "start"), [*SPRING, *AUTUMN])
@pytest.mark.parametrize("begins", range(24))
def test_who_decides_once_a_day_decides_at_the_same_hour(
    kit: Any, zone: str, start: str, begins: int
) -> None:
    """And stands by it for 23 to 25 hours. Once it may be late: where that hour is left out, or clocks are
    put forward just before it."""
    hours = days(kit, f"{start} {begins:02d}:00", 48 * 6, zone)
    found = due(hours, 24.0)
    late = [number for number in found if hours[number] != begins]
    lasted = np.diff(found)
    if late:
        assert (zone, start) in SPRING and len(late) == 1
        assert hours[late[0] - 1] in ((begins - 0.5) % 24.0, begins)
    assert set(lasted) <= {45, 46, 47, 48, 49, 50}
    assert len(found) in (6, 7)


@pytest.mark.parametrize(("zone", "start"), [*SPRING, *AUTUMN])
@pytest.mark.parametrize("every", [2.0, 3.0, 4.0, 6.0, 8.0, 12.0])
def test_after_a_clock_change_decisions_keep_to_their_hours(
    kit: Any, zone: str, start: str, every: float
) -> None:
    """One whose hour is left out comes late, and the next one in time."""
    hours = days(kit, f"{start} 00:00", 48 * 5, zone)
    found = due(hours, every)
    odd = [number for number in found if hours[number] % every]
    assert len(odd) <= ((zone, start) in SPRING)
    lasted = np.diff(found) / 2.0
    assert lasted.max() <= every + 1.0 and lasted.min() >= every - 1.5


@pytest.mark.parametrize("minute", ["00", "30"])
@pytest.mark.parametrize(("zone", "start"), [*SPRING[:3], *AUTUMN[:4], AUTUMN[-1]])
def test_hourly_decisions_stand_for_an_hour_also_in_one_that_comes_twice(
    kit: Any, zone: str, start: str, minute: str
) -> None:
    found = due(days(kit, f"{start} 00:{minute}", 48 * 5, zone), 1.0)
    assert found == list(range(0, 48 * 5, 2))


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
@pytest.mark.parametrize(
    ("zone", "start", "second"),
    [("Europe/Berlin", "2016-03-26", 46), ("America/Santiago", "2016-05-13", 50)],
)
def test_a_day_with_a_clock_change_is_learnt_from_as_a_day(
    kit: Any, kind: str, zone: str, start: str, second: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three days from midnight on. In Berlin the second lacks two o'clock; in Santiago its last hour comes
    twice, so that midnight is not where it was to be."""
    policy = create(kind, SPEC, 3, 1, foresight=False)
    assert isinstance(policy, Learner)
    stood: list[int] = []
    monkeypatch.setattr(
        policy, "_collect", lambda experience: bool(stood.append(experience.decision.periods))
    )
    known = [at(hour, number) for number, hour in enumerate(days(kit, f"{start} 00:00", 97 + second, zone))]
    calm = np.zeros(3, dtype=bool)
    shifts = []
    for inputs, following in pairwise(known):
        action = policy.act(inputs)
        assert policy._decision is not None
        shifts.append(policy._decision.shift)
        policy.learn(Transition(inputs, action, np.ones(3), following, calm, calm, ~calm))
    assert stood == [48, second, 48]
    changes = [number for number in range(1, len(shifts)) if shifts[number] is not shifts[number - 1]]
    assert changes == [48, 48 + second]
