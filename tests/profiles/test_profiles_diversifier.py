"""The diversifier: coincidence after Rusck, exact energy, the group's mean, and what chance may depend on."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from cosim.core.clock import Clock
from cosim.profiles import simbench
from cosim.profiles.calibrate import coincidence, prepare, rusck
from cosim.profiles.config import HOUSEHOLD_SHAPES
from cosim.profiles.days import DayTable
from cosim.profiles.diversify import Diversified, SimilarDays, bell, mix, uneven_days, uniform
from cosim.profiles.profiles import Origin, Profiles
from cosim.profiles.resample import wall_seconds

BERLIN = ZoneInfo("Europe/Berlin")
SIZES = (1, 2, 5, 10, 20, 50, 100)


@pytest.fixture(scope="module")
def recorded() -> DayTable:
    return simbench.day_table(simbench.LOADS, [f"{name}_pload" for name in HOUSEHOLD_SHAPES], 0)


def households(table: DayTable, clock: Clock, annual_kwh: np.ndarray, key: tuple[int, int]) -> Profiles:
    source = Diversified(table, annual_kwh, key, clock.zone)
    origin = Origin("", table.columns, len(annual_kwh), annual_kwh)
    return Profiles(clock, len(annual_kwh), source, wall_seconds(clock), origin)


@pytest.fixture(scope="module")
def year(recorded: DayTable) -> tuple[Profiles, np.ndarray]:
    """A hundred households over 2025, in quarter-hours."""
    clock = Clock(datetime(2025, 1, 1, tzinfo=BERLIN), 15, 365 * 96)
    annual = np.linspace(1500.0, 5500.0, 100)
    profiles = households(prepare(recorded, 0.15), clock, annual, (5, 6))
    return profiles, profiles.power_kw(0, clock.periods)


@pytest.mark.parametrize("size", SIZES)
def test_coincidence_follows_rusck(year: tuple[Profiles, np.ndarray], size: int) -> None:
    assert coincidence(year[1], size) == pytest.approx(rusck(size, 0.15), abs=0.06)


@pytest.mark.parametrize("g", [0.1, 0.25, 0.35])
def test_other_values_of_g_are_reached(recorded: DayTable, g: float) -> None:
    clock = Clock(datetime(2025, 1, 1, tzinfo=BERLIN), 15, 365 * 96)
    power = households(prepare(recorded, g), clock, np.full(60, 3500.0), (1, 9)).power_kw(0, clock.periods)
    deviation = [coincidence(power, n) - rusck(n, g) for n in (2, 5, 10, 20, 60)]
    assert abs(np.mean(deviation)) < 0.02
    assert np.abs(deviation).max() < 0.08


def test_the_shapes_alone_are_far_from_it(recorded: DayTable) -> None:
    five = recorded.values_kw.transpose(0, 2, 1).reshape(-1, 5)
    hundred = np.tile(five / five.mean(0), (1, 20))
    assert coincidence(hundred, 100) > 0.4 > rusck(100, 0.15) + 0.15


def test_annual_energy_is_exact(year: tuple[Profiles, np.ndarray]) -> None:
    profiles, power = year
    np.testing.assert_allclose(power.sum(0) / 4, profiles.origin.annual_kwh, rtol=1e-12)


def test_annual_energy_is_exact_in_a_leap_year_with_other_steps(recorded: DayTable) -> None:
    clock = Clock(datetime(2024, 1, 1, tzinfo=BERLIN), 60, 366 * 24)
    power = households(prepare(recorded, 0.15), clock, np.full(7, 3500.0), (5, 6)).power_kw(0, clock.periods)
    np.testing.assert_allclose(power.sum(0), 3500.0, rtol=1e-12)


def test_no_load_is_negative_and_no_household_repeats_another(year: tuple[Profiles, np.ndarray]) -> None:
    power = year[1]
    assert power.min() >= 0
    relative = power[: 96 * 28] / power[: 96 * 28].mean(0)
    alike = np.corrcoef(relative.T) - np.eye(100)
    assert alike.max() < 0.6


def test_the_mean_day_of_the_group_is_kept(year: tuple[Profiles, np.ndarray], recorded: DayTable) -> None:
    power = year[1] / year[1].mean(0)
    shapes = recorded.values_kw / recorded.values_kw.mean((0, 2))[:, None]
    hour = year[0].clock.hour_of_day.astype(int)
    group = np.bincount(hour, weights=power.mean(1)) / np.bincount(hour)
    original = shapes.mean((0, 1)).reshape(24, 4).mean(1)
    np.testing.assert_allclose(group, original, atol=0.12)  # of the mean load: shifts blur steep ramps
    assert np.corrcoef(group, original)[0, 1] > 0.98


def test_the_seasons_of_the_group_are_kept(year: tuple[Profiles, np.ndarray], recorded: DayTable) -> None:
    power = (year[1] / year[1].mean(0)).mean(1)[: 364 * 96].reshape(13, -1).mean(1)
    shapes = recorded.values_kw / recorded.values_kw.mean((0, 2))[:, None]
    original = shapes.mean((1, 2))[:364].reshape(13, 28).mean(1)
    np.testing.assert_allclose(power, original, atol=0.12)


def test_values_do_not_depend_on_the_order_of_blocks_nor_on_how_many_there_are(
    year: tuple[Profiles, np.ndarray], recorded: DayTable
) -> None:
    profiles, power = year
    few = households(prepare(recorded, 0.15), profiles.clock, profiles.origin.annual_kwh[:3], (5, 6))
    for first in (30_000, 96, 20_011, 5):
        assert np.array_equal(few.power_kw(first, first + 50), power[first : first + 50, :3])


def test_another_seed_gives_other_households(year: tuple[Profiles, np.ndarray], recorded: DayTable) -> None:
    profiles, power = year
    other = households(prepare(recorded, 0.15), profiles.clock, profiles.origin.annual_kwh, (5, 7))
    assert not np.allclose(other.power_kw(0, 96), power[:96])


def test_a_horizon_inside_the_year_has_the_same_values(
    year: tuple[Profiles, np.ndarray], recorded: DayTable
) -> None:
    start = datetime(2025, 7, 1, tzinfo=BERLIN)
    clock = Clock(start, 15, 96)
    short = households(prepare(recorded, 0.15), clock, year[0].origin.annual_kwh, (5, 6)).power_kw(0, 96)
    first = int((start.timestamp() - year[0].clock.start.timestamp()) // 900)
    np.testing.assert_allclose(short, year[1][first : first + 96], rtol=1e-13)


def test_recorded_days_are_similar_days(recorded: DayTable) -> None:
    similar = SimilarDays(recorded)
    for index, kind in ((3, 0), (180, 1), (364, 2)):
        days = similar.of(index, kind)
        distance = np.abs(days - index)
        assert np.minimum(distance, 366 - distance).max() <= 28
        kinds = np.maximum(recorded.weekday[days] - 4, 0)
        assert set(kinds) == {kind}


def test_days_of_23_and_25_hours() -> None:
    uneven = uneven_days(2025, BERLIN, 900)
    spring, autumn = (int(np.datetime64(day, "D").astype(int)) for day in ("2025-03-30", "2025-10-26"))
    assert set(uneven) == {spring, autumn}
    assert uneven[spring].sum() == 23 * 4 and uneven[spring][8:12].tolist() == [0, 0, 0, 0]
    assert uneven[autumn].sum() == 25 * 4 and uneven[autumn][8:12].tolist() == [2, 2, 2, 2]
    assert uneven_days(2025, ZoneInfo("UTC"), 900) == {}


def test_hashes_are_uniform_and_bells_have_unit_variance() -> None:
    words = mix(np.arange(200_000, dtype=np.uint64))
    for piece in range(4):
        u = uniform(words, piece)
        assert u.mean() == pytest.approx(0.5, abs=0.005)
        assert np.histogram(u, 10, (0, 1))[0] == pytest.approx(20_000, rel=0.05)
    assert bell(words).mean() == pytest.approx(0.0, abs=0.01)
    assert bell(words).std() == pytest.approx(1.0, abs=0.01)


def test_splitmix_reference_value() -> None:
    """First output of SplitMix64 seeded with 0 (Vigna's reference implementation): 0xE220A8397B1DCDAF."""
    state = np.array([0x9E3779B97F4A7C15], dtype=np.uint64)
    assert int(mix(state)[0]) == 0xE220A8397B1DCDAF


def test_coincidence_of_alike_and_of_taking_turns() -> None:
    alike = np.tile(np.array([[1.0], [2.0]]), (1, 4))
    assert coincidence(alike, 4) == 1.0
    assert coincidence(np.eye(4), 4) == 0.25
