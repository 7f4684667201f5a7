from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.core.streams import Streams
from cosim.devices.base import Draws
from cosim.devices.ev_trips import Trips


def trips(kit: Any, clock: Any, seed: int = 1, count: int = 1, **hours: Any) -> Trips:
    usual = {
        "arrival_hour": 18.0,
        "departure_hour": 7.5,
        "hours_spread": 0.0,
        "trip_kwh": 7.0,
        "trip_variation": 0.0,
    }
    columns = {name: np.full(count, float(hours.get(name, value))) for name, value in usual.items()}
    request = kit.request("ev", {}, prosumer=range(count), streams=Streams(seed))
    return Trips(columns, clock, Draws((request,)))


def at_home(kit: Any, clock: Any, **hours: Any) -> list[bool]:
    own = trips(kit, clock, **hours)
    stays = [own.current(index) for index in range(clock.periods)]
    return [bool(stay.begin[0] <= index < stay.end[0]) for index, stay in enumerate(stays)]


def hours_at_home(kit: Any, clock: Any, **hours: Any) -> list[float]:
    home = at_home(kit, clock, **hours)
    return [float(hour) for hour, there in zip(clock.hour_of_day, home, strict=True) if there]


def test_across_midnight(kit: Any) -> None:
    clock = kit.clock("2016-06-06 00:00", 30, 48)
    expected = [h / 2 for h in range(15)] + [18 + h / 2 for h in range(12)]
    assert hours_at_home(kit, clock) == expected


def test_within_a_day(kit: Any) -> None:
    clock = kit.clock("2016-06-06 00:00", 60, 48)
    expected = 2 * [float(hour) for hour in range(9, 17)]
    assert hours_at_home(kit, clock, arrival_hour=9, departure_hour=17) == expected


def test_only_whole_periods_count(kit: Any) -> None:
    clock = kit.clock("2016-06-06 12:00", 60, 24)
    expected = [float(h) for h in (*range(19, 24), *range(7))]
    assert hours_at_home(kit, clock, arrival_hour=18.2, departure_hour=7.9) == expected


def test_a_run_that_starts_in_the_middle_of_a_stay(kit: Any) -> None:
    clock = kit.clock("2016-06-06 22:00", 60, 12)
    assert at_home(kit, clock, departure_hour=7) == 9 * [True] + 3 * [False]


@pytest.mark.parametrize(
    ("day", "length"), [("2016-03-27 00:00", 23), ("2016-10-30 00:00", 25), ("2016-06-06 00:00", 24)]
)
def test_local_hours_hold_when_the_clocks_change(kit: Any, day: str, length: int) -> None:
    clock = kit.clock(day, 60, length)
    assert clock.hour_of_day[-1] == 23.0
    home = at_home(kit, clock)
    assert [float(h) for h, there in zip(clock.hour_of_day, home, strict=True) if not there] == [
        float(hour) for hour in range(7, 18)
    ]


def test_the_last_day_of_a_run_may_be_one_of_a_clock_change(kit: Any) -> None:
    """The midnight after the run is known, too: the vehicle still leaves at 7:30 the next morning."""
    clock = kit.clock("2016-03-26 00:00", 30, 94)  # 48 + 46 half-hours
    stay = trips(kit, clock).current(93)
    assert stay.begin == 48 + 34 and stay.end == 94 + 15


@settings(max_examples=60)
@given(
    arrival=st.floats(0.0, 24.0),
    departure=st.floats(0.0, 24.0),
    spread=st.floats(0.0, 20.0),
    minutes=st.sampled_from([5, 15, 60]),
    start=st.sampled_from(["2016-03-25 00:00", "2016-10-28 17:00", "2016-06-06 23:00"]),
    seed=st.integers(0, 10_000),
)
def test_stays_follow_each_other(
    kit: Any, arrival: float, departure: float, spread: float, minutes: int, start: str, seed: int
) -> None:
    """However hours vary: one stay a day, none overlaps, each lasts a period and ends before the next."""
    clock = kit.clock(start, minutes, 5 * 24 * 60 // minutes)
    own = trips(kit, clock, seed=seed, arrival_hour=arrival, departure_hour=departure, hours_spread=spread)
    found: list[tuple[int, int]] = []
    for index in range(clock.periods + 1):
        stay = own.current(index)
        span = (int(stay.begin[0]), int(stay.end[0]))
        assert index < span[1], "the stay is running or still to come"
        if not found or found[-1] != span:
            found.append(span)
    for before, after in pairwise(found):
        assert before[0] < before[1] < after[0] < after[1]
    assert 5 <= len(found) <= 8


def test_draws_are_asked_for_in_any_order(kit: Any) -> None:
    clock = kit.clock("2016-06-06 00:00", 60, 96)
    first, second = (trips(kit, clock, hours_spread=1.5, trip_variation=0.5) for _ in range(2))
    forward = [first.current(index) for index in range(96)]
    backward = [second.current(index) for index in reversed(range(96))][::-1]
    for one, other in zip(forward, backward, strict=True):
        assert one.begin == other.begin and one.end == other.end
        assert one.kwh == other.kwh


def test_trips_vary_around_their_mean(kit: Any) -> None:
    clock = kit.clock("2016-06-06 00:00", 60, 24)
    own = trips(kit, clock, count=4000, trip_kwh=8.0, trip_variation=0.5, hours_spread=1.0)
    stay = own.current(12)
    assert stay.kwh.min() >= 4.0 and stay.kwh.max() <= 12.0
    assert stay.kwh.mean() == pytest.approx(8.0, abs=0.15)
    assert stay.begin.mean() == pytest.approx(18.5, abs=0.1)  # rounded up to whole hours
    assert stay.begin.std() == pytest.approx(np.sqrt(1.0 + 1.0 / 12.0), abs=0.1)
