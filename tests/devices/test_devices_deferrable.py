from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from cosim.core.streams import Streams
from cosim.devices.deferrable import DeferrableConfig
from cosim.errors import AuditError

HOUR = st.floats(0.0, 23.9)
LOADS = st.fixed_dictionaries(
    {
        "energy_kwh": st.floats(0.0, 10.0),
        "energy_variation": st.floats(0.0, 1.0),
        "duration_h": st.one_of(st.floats(0.05, 6.0), st.floats(6.0, 24.0)),
        "earliest_hour": HOUR,
        "latest_hour": HOUR,
        "hours_spread": st.floats(0.0, 8.0),
        "runs_per_week": st.floats(0.0, 7.0),
        "interruptible": st.booleans(),
    }
).filter(lambda c: c["duration_h"] <= ((c["latest_hour"] - c["earliest_hour"]) % 24.0 or 24.0))
STARTS = st.sampled_from(["2016-06-06 00:00", "2016-06-06 13:00", "2016-03-26 00:00", "2016-10-29 00:00"])
FIXED = {"energy_kwh": 3.0, "duration_h": 3, "earliest_hour": 8, "latest_hour": 13, "hours_spread": 0.0}


def deferrable(kit: Any, config: dict[str, Any], clock: Any, seed: int = 1, count: int = 1) -> Any:
    request = kit.request("deferrable", config, prosumer=range(count), streams=Streams(seed))
    return kit.device(request, "deferrable", kit.site(clock))


def spans(device: Any, clock: Any, action: Any) -> list[tuple[float, float, float, float]]:
    """low, base, high and minimum of every period, with `action(index, span)` drawn."""
    state, found = device.initial_state(), []
    for index in range(clock.periods):
        span = device.ranges(state, clock.period(index))
        found.append(
            (
                float(span.low_kwh[0]),
                float(span.base_kwh[0]),
                float(span.high_kwh[0]),
                float(span.minimum_kwh[0]),
            )
        )
        state = device.commit(state, clock.period(index), action(index, span))
    assert state["unserved_kwh"] == 0.0
    return found


NOTHING, MAY, RUNS = (0.0, 0.0, 0.0, 0.0), (0.0, 0.0, 1.0, 1.0), (1.0, 1.0, 1.0, 1.0)


def test_left_alone_it_starts_at_the_last_moment(kit: Any) -> None:
    """Three hours between 8 and 13: it waits until 10."""
    clock = kit.clock(periods=24)
    found = spans(deferrable(kit, FIXED, clock), clock, lambda _, span: span.base_kwh)
    assert found == 8 * [NOTHING] + 2 * [MAY] + 3 * [RUNS] + 11 * [NOTHING]


def test_once_started_it_runs_through(kit: Any) -> None:
    clock = kit.clock(periods=24)
    found = spans(
        deferrable(kit, FIXED, clock),
        clock,
        lambda index, span: span.high_kwh if index == 9 else span.low_kwh,
    )
    assert found == 8 * [NOTHING] + 2 * [MAY] + 2 * [RUNS] + 12 * [NOTHING]


def test_it_is_decided_whether_it_starts_before_anything_is_traded(kit: Any) -> None:
    clock = kit.clock()
    device = deferrable(kit, FIXED, clock, count=2)
    state = device.initial_state()
    span = device.ranges(state, clock.period(8)).switched(np.array([True, False]))
    assert span.low_kwh.tolist() == span.base_kwh.tolist() == span.high_kwh.tolist() == [1.0, 0.0]
    state = device.commit(state, clock.period(8), span.base_kwh)
    span = device.ranges(state, clock.period(9)).switched(np.array([False, False]))
    assert span.base_kwh.tolist() == [1.0, 0.0], "what runs, runs through"


def test_it_may_pause_if_interruptible(kit: Any) -> None:
    """3 kWh in steps of 1: after an early one, it has to go on when two periods of the window are left."""
    clock = kit.clock(periods=24)
    config = FIXED | {"interruptible": True}
    found = spans(
        deferrable(kit, config, clock),
        clock,
        lambda index, span: span.high_kwh * 0.75 if index == 8 else span.low_kwh,
    )
    free, some, full = (0.0, 0.0, 1.0, 0.0), (0.25, 0.25, 1.0, 0.0), (1.0, 1.0, 1.0, 0.0)
    assert found == 8 * [NOTHING] + 2 * [free] + [some] + 2 * [full] + 11 * [NOTHING]


@settings(max_examples=60)
@given(
    config=LOADS,
    start=STARTS,
    minutes=st.sampled_from([20, 60]),
    seed=st.integers(0, 1000),
    drive=st.sampled_from([-1.0, 0.0, 1.0]),
)
def test_jobs_are_done_inside_their_windows_whatever_it_is_told(
    kit: Any, config: dict[str, Any], start: str, minutes: int, seed: int, drive: float
) -> None:
    """Independent of the device's own arithmetic: by job, what was drawn in its window."""
    clock = kit.clock(start, minutes, 3 * 24 * 60 // minutes)
    device, rng = deferrable(kit, config, clock, seed), np.random.default_rng(seed)
    state, drawn, unserved = device.initial_state(), [], []
    for index in range(clock.periods):
        period = clock.period(index)
        span = device.ranges(state, period)
        assert 0.0 <= span.low_kwh <= span.base_kwh <= span.high_kwh
        seen = device.observe(state, period, span)
        assert (seen >= 0.0).all() and seen[0, 3] <= seen[0, 0] * (1.0 + 1e-9) + 1e-12
        span = span.switched(rng.random(1) < 0.3 * (1.0 + drive))
        energy = span.setpoint(np.clip(rng.uniform(-1.0, 1.0, 1) + drive, -1.0, 1.0))
        state = device.commit(state, period, energy)
        drawn.append(float(energy[0]))
        unserved.append(float(state["unserved_kwh"][0]))
    periods = max(int(np.ceil(config["duration_h"] / clock.hours - 1e-9)), 1)
    jobs = {}
    for index in range(clock.periods):
        job = device._windows.current(index)
        jobs[int(job.begin[0])] = (int(job.end[0]), float(job.kwh[0]))
    used = np.array(drawn)
    within = np.zeros(clock.periods, dtype=bool)
    lacking = 0.0
    for begin, (end, kwh) in jobs.items():
        assert kwh == 0.0 or kwh > 1e-9
        if kwh == 0.0 or begin >= clock.periods:
            continue
        within[begin:end] = True
        room = min(periods, end - begin)
        own, step = used[begin:end], kwh / periods
        assert own.max() <= step * (1.0 + 1e-9)
        if end > clock.periods:
            continue
        assert own.sum() == pytest.approx(room * step, rel=1e-9)
        lacking += kwh - room * step
        if not config["interruptible"]:
            assert own[own > 0.0] == pytest.approx(step)
            assert np.ptp(np.flatnonzero(own > 0.0)) == room - 1, "in one go"
    assert not used[~within].any()
    assert unserved[-1] == pytest.approx(lacking, abs=1e-6)


def test_windows_follow_each_other_and_hold_a_job(kit: Any) -> None:
    clock = kit.clock(minutes=15, periods=96 * 10)
    config = FIXED | {"earliest_hour": 20, "latest_hour": 18, "duration_h": 12, "hours_spread": 5.0}
    device = deferrable(kit, config, clock, count=200)
    windows = device._windows.between(0, clock.periods)
    short = 0
    for before, after in pairwise(windows):
        assert (before.begin < before.end).all() and (before.end <= after.begin).all()
        short += int((before.end - before.begin < 48).sum())
    assert 0 < short < 0.1 * 200 * len(windows), "a window that opens much later may be cut by the next one"


def test_jobs_do_not_depend_on_the_horizon_or_on_the_order_of_questions(kit: Any) -> None:
    config = FIXED | {"hours_spread": 1.5, "runs_per_week": 4, "energy_variation": 0.5}
    short = deferrable(kit, config, kit.clock(periods=48), count=9)._windows
    long = deferrable(kit, config, kit.clock(periods=480), count=9)._windows
    asked = [long.current(index) for index in reversed(range(48))][::-1]
    for index in range(48):
        one, other = short.current(index), asked[index]
        assert (one.begin == other.begin).all() and (one.end == other.end).all()
        assert (one.kwh == other.kwh).all()


def test_as_many_jobs_as_asked_for(kit: Any) -> None:
    clock = kit.clock(periods=24 * 28)
    config = FIXED | {"runs_per_week": 3, "energy_variation": 0.5}
    device = deferrable(kit, config, clock, count=500)
    energies = np.array([device._windows.of_day(day).kwh for day in range(28)])
    assert (energies > 0.0).mean() * 7.0 == pytest.approx(3.0, abs=0.1)
    drawn = energies[energies > 0.0]
    assert drawn.min() >= 1.5 and drawn.max() <= 4.5 and drawn.mean() == pytest.approx(3.0, abs=0.03)


@pytest.mark.parametrize("day", ["2016-03-27", "2016-10-30", "2016-06-06"])
def test_local_hours_hold_when_the_clocks_change(kit: Any, day: str) -> None:
    clock = kit.clock(f"{day} 00:00", 60, 22)
    device = deferrable(kit, FIXED, clock)
    job = device._windows.of_day(0)
    assert clock.hour_of_day[job.begin[0]] == 8.0 and clock.hour_of_day[job.end[0]] == 13.0


def test_a_window_that_opened_before_the_run_is_left_out(kit: Any) -> None:
    clock = kit.clock("2016-06-06 09:00", 60, 24)
    device = deferrable(kit, FIXED, clock)
    assert device.ranges(device.initial_state(), clock.period(0)).high_kwh == 0.0
    assert device._windows.current(20).begin == 23 and device._windows.current(20).kwh == 3.0


def test_a_job_takes_whole_periods(kit: Any) -> None:
    """70 minutes in periods of 30: three of them, of a third of the energy each."""
    clock = kit.clock(minutes=30)
    device = deferrable(kit, FIXED | {"duration_h": 70 / 60}, clock)
    span = device.ranges(device.initial_state(), clock.period(16))
    assert span.high_kwh == pytest.approx([1.0]) and span.minimum_kwh == pytest.approx([1.0])


@pytest.mark.parametrize(
    ("interruptible", "energy"), [(False, 0.5), (False, -0.1), (False, 1.1), (True, 1.1), (True, -0.1)]
)
def test_more_or_less_than_a_step_is_a_breach(kit: Any, interruptible: bool, energy: float) -> None:
    clock = kit.clock()
    device = deferrable(kit, FIXED | {"interruptible": interruptible}, clock)
    with pytest.raises(AuditError, match="period 8: deferrable 0"):
        device.commit(device.initial_state(), clock.period(8), np.array([energy]))


def test_what_it_sees(kit: Any) -> None:
    clock = kit.clock()
    device = deferrable(kit, FIXED, clock)
    state = device.initial_state()

    def seen(index: int) -> list[float]:
        period = clock.period(index)
        return list(device.observe(state, period, device.ranges(state, period))[0])

    assert [field.name for field in device.observations] == [
        "need",
        "hours_left",
        "must_kwh",
        "max_charge_kwh",
    ]
    assert seen(7) == [0.0, 0.0, 0.0, 0.0] and seen(8) == [3.0, 5.0, 0.0, 1.0]
    assert seen(10) == [3.0, 3.0, 1.0, 1.0]
    state = device.commit(state, clock.period(8), np.array([1.0]))
    assert seen(9) == [2.0, 4.0, 1.0, 1.0]
    assert device.unserved_kwh(state) == 0.0 and device.stored_kwh(state) is None


@pytest.mark.parametrize(
    "config",
    [
        {"duration_h": 6.0, "earliest_hour": 8, "latest_hour": 13},
        {"duration_h": {"uniform": [1, 4]}, "earliest_hour": {"uniform": [8, 12]}, "latest_hour": 15},
        {"duration_h": 0.0},
        {"runs_per_week": 8},
        {"energy_kwh": -1},
        {"earliest_hour": 25},
        {"interruptable": True},
    ],
)
def test_what_cannot_be_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DeferrableConfig.model_validate(config)
