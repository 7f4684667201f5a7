"""Simulated time: equal physical steps, the clock on the wall, and days when clocks change."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.core.clock import Clock

ZONES = (
    "Europe/Berlin",
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/St_Johns",
    "UTC",
)


@given(
    zone=st.sampled_from(ZONES),
    start=st.datetimes(datetime(2023, 1, 1), datetime(2026, 12, 31)),
    step=st.sampled_from([5, 10, 15, 20, 30, 60]),
)
def test_every_period_agrees_with_the_zone(zone: str, start: datetime, step: int) -> None:
    start = start.replace(minute=0, second=0, microsecond=0, tzinfo=ZoneInfo(zone))
    # A time that does not exist is another's name: take that.
    start = start.astimezone(ZoneInfo("UTC")).astimezone(ZoneInfo(zone))
    clock = Clock(start, step, 3 * 1440 // step)
    for index in range(0, clock.periods, 7):
        local = clock.utc[index].item().replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(zone))
        period = clock.period(index)
        assert period.hour_of_day == pytest.approx(local.hour + local.minute / 60)
        assert period.weekday == local.weekday()
        assert period.day == (local.date() - start.date()).days
    assert np.array_equal(np.diff(clock.utc), np.full(clock.periods - 1, np.timedelta64(step * 60, "s")))


@pytest.mark.parametrize(
    ("start", "hours"),
    [
        (datetime(2025, 3, 30), [0, 1, 3, 4, 5]),
        (datetime(2025, 10, 26), [0, 1, 2, 2, 3]),
    ],
)
def test_the_wall_clock_jumps_and_the_step_does_not(start: datetime, hours: list[int]) -> None:
    clock = Clock(start.replace(tzinfo=ZoneInfo("Europe/Berlin")), 60, 5)
    assert clock.hour_of_day.tolist() == hours
    assert set(np.diff(clock.utc).astype(int)) == {3600}


def test_the_end_and_the_length_of_a_day_with_23_hours() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    clock = Clock(datetime(2025, 3, 30, tzinfo=berlin), 15, 23 * 4)
    assert clock.end == datetime(2025, 3, 31, tzinfo=berlin)
    assert set(clock.day.tolist()) == {0} and clock.weekday[0] == 6
    assert (clock.hours, clock.periods_per_day) == (0.25, 96)


def test_a_start_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Clock(datetime(2025, 1, 1), 15, 1)
