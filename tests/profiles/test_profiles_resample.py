"""Resampling conserves energy whatever the steps; wall clock and standard time across clock changes."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.core.clock import Clock
from cosim.profiles.resample import overlap, standard_seconds, utc_seconds, wall_seconds

BERLIN = ZoneInfo("Europe/Berlin")


def resampled(values: np.ndarray, slot_s: int, start_s: np.ndarray, step_s: int) -> np.ndarray:
    covered = overlap(start_s, step_s, slot_s)
    slots = covered.slots()
    return covered.apply(slots, values[slots])


@given(
    slot_min=st.integers(1, 90),
    step_min=st.integers(1, 90),
    offset_min=st.integers(0, 200),
    ticks=st.integers(1, 40),
    seed=st.integers(0, 99),
)
def test_energy_equals_the_integral_of_the_step_function(
    slot_min: int, step_min: int, offset_min: int, ticks: int, seed: int
) -> None:
    minutes = offset_min + ticks * step_min
    values = np.random.default_rng(seed).random((minutes // slot_min + 1, 2))
    start = (offset_min + np.arange(ticks) * step_min) * 60
    got = resampled(values, slot_min * 60, start, step_min * 60)
    # Independent: minute by minute.
    by_minute = np.repeat(values, slot_min, axis=0)[offset_min:minutes]
    expected = by_minute.reshape(ticks, step_min, 2).mean(1)
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_equal_steps_give_the_values_themselves() -> None:
    values = np.random.default_rng(1).random((8, 3))
    assert np.array_equal(resampled(values, 900, np.arange(8) * 900, 900), values)


def test_a_finer_clock_repeats_the_power_exactly() -> None:
    values = np.array([[1.0], [3.0]])
    got = resampled(values, 1800, np.arange(12) * 300, 300)
    assert got[:, 0].tolist() == [1.0] * 6 + [3.0] * 6


def test_a_coarser_clock_averages() -> None:
    values = np.array([[1.0], [3.0], [5.0], [7.0]])
    assert resampled(values, 900, np.array([0]), 3600)[0, 0] == 4.0


@pytest.mark.parametrize(
    ("start", "hours"),
    [
        (datetime(2025, 3, 30, tzinfo=BERLIN), [0, 1, 3, 4]),
        (datetime(2025, 10, 26, tzinfo=BERLIN), [0, 1, 2, 2]),
    ],
)
def test_wall_clock_skips_an_hour_in_spring_and_repeats_one_in_autumn(
    start: datetime, hours: list[int]
) -> None:
    wall = wall_seconds(Clock(start, 60, 4))
    midnight = int(np.datetime64(start.date(), "s").astype(int))
    assert ((wall - midnight) // 3600).tolist() == hours


def test_standard_time_is_even_across_clock_changes() -> None:
    clock = Clock(datetime(2025, 3, 29, 12, tzinfo=BERLIN), 60, 48)
    assert set(np.diff(standard_seconds(clock))) == {3600}
    assert standard_seconds(clock)[0] - utc_seconds(clock)[0] == 3600


def test_standard_time_on_the_southern_half() -> None:
    clock = Clock(datetime(2025, 1, 10, tzinfo=ZoneInfo("Australia/Sydney")), 60, 2)
    assert standard_seconds(clock)[0] - utc_seconds(clock)[0] == 10 * 3600
