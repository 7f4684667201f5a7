"""Heat demand: energy of the year, days and weather, hot water, how buildings differ, clock changes."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from demandlib import bdew
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from cosim.core.clock import Clock
from cosim.core.streams import Streams
from cosim.errors import ProfileError
from cosim.profiles.account import account
from cosim.profiles.build import heat_profiles
from cosim.profiles.config import CsvHeat, DemandlibHeat, HeatProfileConfig
from cosim.profiles.heat import HeatDemand, heat_shapes, hot_water_kwh
from cosim.profiles.profiles import Profiles
from cosim.profiles.resample import wall_seconds
from cosim.profiles.weather import SiteWeather, load_weather
from cosim.profiles.weather_config import CsvWeather, DemandlibWeather

BERLIN = ZoneInfo("Europe/Berlin")
STREAMS = Streams(3)
HERE = Path()


def clock_of(start: datetime, days: float, step: int = 15) -> Clock:
    return Clock(start, step, round(days * 1440 / step))


def weather_of(clock: Clock, region: int = 4) -> SiteWeather:
    return load_weather(DemandlibWeather(region=region), clock, HERE)


def heat_of(
    clock: Clock, n: int = 3, space: float = 10_000.0, water: float = 1_200.0, **more: float
) -> Profiles:
    config = DemandlibHeat.model_validate(more)
    return heat_profiles(
        config, clock, np.full(n, space), np.full(n, water), STREAMS, weather_of(clock), HERE
    )


def parts_of(profiles: Profiles) -> tuple[np.ndarray, np.ndarray]:
    """Space heat and hot water on the quarter-hours of the run."""
    assert isinstance(profiles.source, HeatDemand)
    return profiles.source.parts(wall_seconds(profiles.clock) // 900)


@pytest.mark.parametrize("step", [15, 60])
@pytest.mark.parametrize("start", [datetime(2025, 1, 1), datetime(2026, 1, 1)])
def test_a_year_has_exactly_the_annual_energy(start: datetime, step: int) -> None:
    clock = clock_of(start.replace(tzinfo=BERLIN), 365, step)
    energy = heat_of(clock).power_kw(0, clock.periods).sum(0) * step / 60
    np.testing.assert_allclose(energy, 11_200.0, rtol=1e-6)


def test_space_heat_and_hot_water_each_have_their_year() -> None:
    space, water = parts_of(heat_of(clock_of(datetime(2025, 1, 1, tzinfo=BERLIN), 365)))
    np.testing.assert_allclose(space.sum(0) / 4, 10_000.0, rtol=1e-6)
    np.testing.assert_allclose(water.sum(0) / 4, 1_200.0, rtol=1e-6)
    assert min(space.min(), water.min()) >= 0.0


def test_a_leap_year_has_a_day_more() -> None:
    clock = clock_of(datetime(2024, 1, 1, tzinfo=BERLIN), 366)
    space, water = parts_of(heat_of(clock, space_heat_variation=0.0, hot_water_variation=0.0))
    by_day = space.sum(0)[0] / 4
    shapes = heat_shapes(DemandlibHeat(), weather_of(clock)).space.values_kw[:, 0].sum(1)
    assert by_day == pytest.approx(10_000.0 * (1.0 + shapes[58]), rel=1e-9)  # 28 February once more
    np.testing.assert_allclose(water.sum(0) / 4, 1_200.0 * 366 / 365, rtol=1e-6)


def test_the_same_weather_gives_the_same_heat_whatever_the_horizon() -> None:
    year = clock_of(datetime(2025, 1, 1, tzinfo=BERLIN), 365)
    week = clock_of(datetime(2025, 2, 10, tzinfo=BERLIN), 7)
    first = 40 * 96
    np.testing.assert_allclose(
        heat_of(week).power_kw(0, 672), heat_of(year).power_kw(first, first + 672), rtol=1e-12
    )


@settings(max_examples=25, deadline=None)
@given(first=st.integers(0, 671), length=st.integers(0, 200))
def test_any_window_is_the_same(first: int, length: int) -> None:
    clock = clock_of(datetime(2025, 3, 27, 9, tzinfo=BERLIN), 7)
    last = min(first + length, clock.periods)
    np.testing.assert_array_equal(
        heat_of(clock).power_kw(first, last), heat_of(clock).power_kw(0, clock.periods)[first:last]
    )


def test_it_is_demandlibs_profile() -> None:
    """Without what makes buildings differ, space heat is the standard load profile over the year."""
    clock = clock_of(datetime(2025, 1, 1, tzinfo=ZoneInfo("Etc/GMT-1")), 365, 60)
    weather = weather_of(clock)
    flat = heat_of(clock, 1, water=0.0, shift_minutes=0, space_heat_variation=0.0)
    index = pd.date_range("2010-01-01", periods=8760, freq="h")
    expected = bdew.HeatBuilding(
        index,
        temperature=pd.Series(weather.days.values_kw[:, 0].ravel(), index=index),
        shlp_type="EFH",
        building_class=11,
        wind_class=0,
        ww_incl=False,
        annual_heat_demand=10_000.0,
    ).get_bdew_profile()
    scaled = expected * 10_000.0 / expected.sum()
    np.testing.assert_allclose(flat.power_kw(0, 8760)[:, 0], scaled, rtol=1e-9)


def test_the_coldest_days_have_the_most_space_heat_and_summer_next_to_none() -> None:
    clock = clock_of(datetime(2025, 1, 1, tzinfo=BERLIN), 1)
    weather = weather_of(clock)
    heat = heat_shapes(DemandlibHeat(), weather).space.values_kw[:, 0].sum(1)
    mean_c = weather.days.values_kw[:, 0].mean(1)
    weighted = sum(0.5**k * np.roll(mean_c, k) for k in range(4)) / 1.875
    assert int(heat.argmax()) == int(np.argmin(weighted))
    order = np.argsort(weighted)
    assert np.all(np.diff(heat[order]) <= 1e-12)
    assert heat.max() > 12 * heat[weighted > 20].max()


def test_january_to_july() -> None:
    """Degree days by which bills for heat are split (VDI 2067): 170 to 13 per mille for space heat;
    with a tenth of hot water on top, January has five to twelve times July."""
    clock = clock_of(datetime(2025, 1, 1, tzinfo=BERLIN), 365, 60)
    power = heat_of(clock, 20).power_kw(0, 8760).sum(1)
    assert 5 < power[: 31 * 24].sum() / power[181 * 24 : 212 * 24].sum() < 12


def test_hot_water_has_a_course_of_its_own_in_any_season() -> None:
    courses = []
    for month in (1, 7):
        clock = clock_of(datetime(2025, month, 7, tzinfo=BERLIN), 7)
        _, water = parts_of(heat_of(clock, 1, shift_minutes=0, hot_water_variation=0.0))
        courses.append(water.reshape(7, 96).mean(0))
    winter, summer = courses
    np.testing.assert_allclose(winter / winter.sum(), summer / summer.sum(), rtol=1e-9)
    assert winter.sum() / summer.sum() == pytest.approx(1.09 / 0.91, abs=0.05)
    assert winter[:16].mean() < 0.3 * winter.mean() < winter[24:32].mean()


def test_buildings_differ_and_are_the_same_whatever_the_count() -> None:
    clock = clock_of(datetime(2025, 1, 13, tzinfo=BERLIN), 7)
    many, few = heat_of(clock, 40).power_kw(0, 672), heat_of(clock, 4).power_kw(0, 672)
    np.testing.assert_allclose(many[:, :4], few, rtol=1e-12)
    assert np.unique(many.sum(0).round(6)).size == 40
    together, alone = many.sum(1).max(), many.max(0).sum()
    assert 0.6 < together / alone < 0.98
    daily = many.reshape(7, 96, 40).sum(1)
    assert 0.02 < (daily / daily.mean(1, keepdims=True)).std() < 0.15


def test_variation_has_the_standard_deviation_that_is_asked_for() -> None:
    clock = clock_of(datetime(2025, 1, 1, tzinfo=BERLIN), 365)
    varied = heat_of(clock, 30, water=0.0, space_heat_variation=0.2).power_kw(0, clock.periods)
    plain = heat_of(clock, 30, water=0.0, space_heat_variation=0.0).power_kw(0, clock.periods)
    cold = slice(0, 60)
    ratio = varied.reshape(365, 96, 30).sum(1)[cold] / plain.reshape(365, 96, 30).sum(1)[cold]
    assert ratio.std() == pytest.approx(0.2, rel=0.05)


def test_days_of_23_and_25_hours_have_the_heat_of_their_date() -> None:
    for start, days in ((datetime(2025, 3, 30), 23 / 24), (datetime(2025, 10, 26), 25 / 24)):
        clock = clock_of(start.replace(tzinfo=BERLIN), days)
        plain = {"space_heat_variation": 0.0, "hot_water_variation": 0.0}
        space, water = parts_of(heat_of(clock, 3, **plain))
        day = heat_shapes(DemandlibHeat(), weather_of(clock)).space
        ordinal = int(np.datetime64(start.date(), "D").astype(int))
        expected = 10_000.0 * day.values_kw[day.index_of(ordinal), 0].sum()
        np.testing.assert_allclose(space.sum(0) / 4, expected, rtol=1e-9)
        assert np.ptp(water.sum(0)) < 1e-9


def test_other_buildings() -> None:
    clock = clock_of(datetime(2025, 1, 13, tzinfo=BERLIN), 1)
    single = heat_of(clock, 1, shift_minutes=0).power_kw(0, 96)
    multi = heat_profiles(
        DemandlibHeat(building="multi-family", building_class=3, windy=True, shift_minutes=0),
        clock,
        np.full(1, 10_000.0),
        np.full(1, 1_200.0),
        STREAMS,
        weather_of(clock),
        HERE,
    ).power_kw(0, 96)
    assert multi.sum() == pytest.approx(single.sum(), rel=0.2)
    assert np.abs(multi - single).max() > 0.05 * single.mean()


def test_persons_and_the_account() -> None:
    np.testing.assert_allclose(hot_water_kwh(np.array([1.0, 2.5])), [600.0, 1500.0])
    clock = clock_of(datetime(2025, 1, 1, tzinfo=BERLIN), 28, 60)
    found = account(heat_of(clock, 10), kind="heat")
    assert found.annual_kwh == (11_200.0, 11_200.0, 11_200.0) and found.warnings == ()
    low = account(heat_of(clock, 2, space=500.0, water=0.0), kind="heat")
    assert low.warnings == ("2 of 2 buildings are below 1000 kWh a year",)


def test_own_heat_demand(tmp_path: Path) -> None:
    stamps = pd.date_range("2025-01-01", periods=48, freq="h")
    frame = pd.DataFrame({"time": stamps, "a": np.arange(48.0), "b": 2.0})
    frame.to_csv(tmp_path / "h.csv", index=False)
    clock = clock_of(datetime(2025, 1, 1, tzinfo=BERLIN), 2, 60)
    three = np.full(3, 4_000.0)
    as_it_is = heat_profiles(CsvHeat(file="h.csv"), clock, three, three, STREAMS, None, tmp_path)
    np.testing.assert_allclose(as_it_is.power_kw(0, 48)[:, 2], np.arange(48.0))
    scaled = heat_profiles(CsvHeat(file="h.csv", scale=True), clock, three, three, STREAMS, None, tmp_path)
    np.testing.assert_allclose(scaled.power_kw(0, 48)[:, 1], 8_000 / 8_760)


def test_a_file_of_a_year_serves_any_year_by_date(tmp_path: Path) -> None:
    stamps = pd.date_range("2023-01-01", periods=365, freq="D").repeat(24) + pd.to_timedelta(
        np.tile(np.arange(24), 365), unit="h"
    )
    frame = pd.DataFrame({"time": stamps, "a": np.repeat(np.arange(365.0), 24)})
    frame.to_csv(tmp_path / "h.csv", index=False)
    config = CsvHeat(file="h.csv", year="repeat", zone="UTC")
    clock = Clock(datetime(2025, 3, 1, tzinfo=ZoneInfo("UTC")), 60, 24)
    one = np.ones(1)
    power = heat_profiles(config, clock, one, one, STREAMS, None, tmp_path).power_kw(0, 24)
    assert set(power[:, 0]) == {59.0}


def test_weather_of_less_than_a_year_says_so(tmp_path: Path) -> None:
    stamps = pd.date_range("2025-01-01", periods=72, freq="h")
    pd.DataFrame({"time": stamps, "T": 1.0}).to_csv(tmp_path / "w.csv", index=False)
    config = CsvWeather(file="w.csv", zone="UTC", latitude_deg=52, longitude_deg=13, temperature_c="T")
    clock = Clock(datetime(2025, 1, 1, tzinfo=ZoneInfo("UTC")), 60, 48)
    weather = load_weather(config, clock, tmp_path)
    one = np.ones(1)
    with pytest.raises(ProfileError, match=r"weather of a whole year, but w.csv holds 3 days"):
        heat_profiles(DemandlibHeat(), clock, one, one, STREAMS, weather, tmp_path)


def test_config() -> None:
    adapter: TypeAdapter[HeatProfileConfig] = TypeAdapter(HeatProfileConfig)
    assert isinstance(adapter.validate_python({"source": "demandlib", "building_class": 4}), DemandlibHeat)
    for wrong in (
        {"source": "demandlib", "building_class": 12},
        {"source": "demandlib", "building": "castle"},
        {"source": "csv"},
    ):
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)
