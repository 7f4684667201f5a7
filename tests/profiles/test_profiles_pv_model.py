"""PV from weather: every step against pvlib's own functions, geometry, and the same weather for everybody."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from pvlib import iam, irradiance, pvsystem, solarposition, temperature

from cosim.core.clock import Clock
from cosim.core.streams import Streams
from cosim.errors import ProfileError
from cosim.profiles.account import account
from cosim.profiles.build import heat_profiles, pv_profiles, wind_profiles
from cosim.profiles.config import DemandlibHeat, PowerCurveWind, PvlibPv
from cosim.profiles.pv import Hours, Plants, irradiance_in_plane, power_per_kwp
from cosim.profiles.weather import SiteWeather, load_weather
from cosim.profiles.weather_config import CsvWeather, DemandlibWeather

BERLIN = ZoneInfo("Europe/Berlin")
HERE = Path()
STREAMS = Streams(3)


def weather_of(start: datetime, periods: int, step: int = 15, region: int = 4) -> SiteWeather:
    return load_weather(DemandlibWeather(region=region), Clock(start, step, periods), HERE)


def plants_of(tilt: list[float], azimuth: list[float]) -> Plants:
    n = len(tilt)
    return Plants(np.array(tilt), np.array(azimuth), np.full(n, 0.1), np.full(n, -0.004), 0.2)


def random_hours(count: int) -> tuple[Hours, np.ndarray, np.ndarray]:
    """Hours of any weather and sun above one degree, with zenith and azimuth [deg]."""
    rng = np.random.default_rng(5)
    zenith, azimuth = rng.uniform(0, 88.9, count), rng.uniform(0, 360, count)
    sine = np.cos(np.radians(zenith))
    dni, dhi = rng.uniform(0, 950, count), rng.uniform(5, 350, count)
    flat = np.sin(np.radians(zenith))
    sun = np.stack([flat * np.sin(np.radians(azimuth)), flat * np.cos(np.radians(azimuth)), sine], axis=1)
    warm, wind = rng.uniform(-15, 35, count), rng.uniform(0, 12, count)
    return (
        Hours(dni * sine + dhi, dni, dhi, sun, rng.uniform(1320, 1410, count), warm, wind),
        zenith,
        azimuth,
    )


def test_every_step_is_pvlibs() -> None:
    tilt, facing = [0.0, 30.0, 45.0, 90.0], [180.0, 180.0, 90.0, 300.0]
    plants, (hours, zenith, azimuth) = plants_of(tilt, facing), random_hours(400)
    beam, diffuse = irradiance_in_plane(plants, hours)
    power = power_per_kwp(plants, hours)
    for i, (slope, side) in enumerate(zip(tilt, facing, strict=True)):
        sky = irradiance.haydavies(
            slope, side, hours.dhi, hours.dni, hours.extra, zenith, azimuth, return_components=True
        )
        cosine = irradiance.aoi_projection(slope, side, zenith, azimuth)
        glass = iam.ashrae(np.degrees(np.arccos(np.clip(cosine, -1, 1))), b=0.05)
        direct = (hours.dni * np.maximum(cosine, 0) + sky["poa_circumsolar"]) * glass
        scattered = sky["poa_isotropic"] + irradiance.get_ground_diffuse(slope, hours.ghi, albedo=0.2)
        np.testing.assert_allclose(beam[:, i], direct, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(diffuse[:, i], scattered, rtol=1e-9, atol=1e-9)
        cells = temperature.faiman(direct + scattered, hours.temperature_c, hours.wind_m_per_s)
        expected = pvsystem.pvwatts_dc(direct + scattered, cells, 1.0, -0.004) * 0.9
        np.testing.assert_allclose(power[:, i], expected, rtol=1e-9, atol=1e-12)


def test_a_flat_plant_sees_the_global_irradiance() -> None:
    hours, _, _ = random_hours(50)
    behind_glass = irradiance_in_plane(plants_of([0.0], [180.0]), hours)
    total = sum(behind_glass)[:, 0]  # type: ignore[index]  # two arrays, not the 0 that sum starts with
    high = hours.sun[:, 2] > 0.5
    assert np.all(total[high] <= hours.ghi[high] + 1e-9) and np.all(total[high] > 0.93 * hours.ghi[high])


def clear_day() -> SiteWeather:
    """A very clear day: 6 May of region 4 has the least share of diffuse light in its month."""
    days = weather_of(datetime(2025, 1, 1, tzinfo=BERLIN), 96).days.values_kw
    share = days[:, 2].sum(1) / np.maximum(days[:, 1].sum(1), 1.0)
    summer = 120 + int(share[120:240].argmin())
    start = datetime(2025, 1, 1, tzinfo=ZoneInfo("Etc/GMT-1")) + pd.Timedelta(days=summer)
    return weather_of(start, 96)


def test_on_a_clear_day_south_peaks_at_solar_noon_east_before_and_west_after() -> None:
    weather = clear_day()
    middles = pd.DatetimeIndex(weather.clock.utc, tz="UTC") + pd.Timedelta(minutes=7.5)
    height = solarposition.get_solarposition(
        middles, weather.place.latitude_deg, weather.place.longitude_deg
    ).elevation.to_numpy()
    noon = int(height.argmax())
    peaks = []
    for azimuth in (90.0, 180.0, 270.0):
        config = PvlibPv(tilt_deg=30, azimuth_deg=azimuth)
        power = pv_profiles(config, weather.clock, 1, STREAMS, HERE, weather).power_kw(0, 96)[:, 0]
        peaks.append((power * np.arange(96)).sum() / power.sum())
        assert power[height < -1].max() == 0.0
    assert peaks[1] == pytest.approx(noon, abs=1.5)
    assert peaks[0] < noon - 4 and peaks[2] > noon + 4


def test_plants_differ_and_are_the_same_whatever_the_count() -> None:
    weather = weather_of(datetime(2025, 6, 21, tzinfo=BERLIN), 96)
    many = pv_profiles(PvlibPv(), weather.clock, 50, STREAMS, HERE, weather)
    few = pv_profiles(PvlibPv(), weather.clock, 5, STREAMS, HERE, weather)
    np.testing.assert_allclose(many.power_kw(0, 96)[:, :5], few.power_kw(0, 96), rtol=1e-12)
    assert many.origin.distinct == 50
    assert np.unique(many.power_kw(0, 96).sum(0).round(9)).size == 50
    alike = pv_profiles(PvlibPv(tilt_deg=30, azimuth_deg=180), weather.clock, 4, STREAMS, HERE, weather)
    assert alike.origin.distinct == 1
    drawn = PvlibPv.model_validate({"azimuth_deg": {"uniform": [90, 270]}, "tilt_deg": {"choice": [15, 45]}})
    mixed = pv_profiles(drawn, weather.clock, 40, STREAMS, HERE, weather)
    assert mixed.origin.annual_kwh.std() > 20


def test_any_window_is_the_same_and_full_load_hours_are_those_of_the_year() -> None:
    weather = weather_of(datetime(2025, 1, 1, tzinfo=BERLIN), 8760, 60)
    plants = pv_profiles(PvlibPv(), weather.clock, 6, STREAMS, HERE, weather)
    whole = plants.power_kw(0, 8760)
    for first, last in ((4000, 4001), (4010, 4100), (0, 0), (8759, 8760)):
        np.testing.assert_array_equal(plants.power_kw(first, last), whole[first:last])
    np.testing.assert_allclose(whole.sum(0), plants.origin.annual_kwh, rtol=1e-3)
    assert 0.7 < whole.max() < 1.1 and whole.min() == 0.0
    assert account(plants, kind="pv").warnings == ()


def test_a_short_file_extrapolates_and_says_when_there_is_no_wind(tmp_path: Path) -> None:
    record = weather_of(datetime(2025, 1, 1, tzinfo=BERLIN), 96).days.values_kw[170:173]
    stamps = pd.date_range("2025-06-20 00:00", periods=72, freq="h")
    frame = pd.DataFrame({"time": stamps, "T": record[:, 0].ravel(), "G": record[:, 1].ravel()})
    frame.to_csv(tmp_path / "w.csv", index=False)
    config = CsvWeather(
        file="w.csv", zone="UTC", latitude_deg=52, longitude_deg=13, temperature_c="T", ghi_w_per_m2="G"
    )
    clock = Clock(datetime(2025, 6, 20, tzinfo=ZoneInfo("UTC")), 60, 72)
    weather = load_weather(config, clock, tmp_path)
    plants = pv_profiles(PvlibPv(), clock, 2, STREAMS, tmp_path, weather)
    expected = plants.power_kw(0, 72).sum(0) * 8760 / 72
    np.testing.assert_allclose(plants.origin.annual_kwh, expected, rtol=1e-12)
    assert plants.origin.notes == ("w.csv has no wind: modules are cooled as by 1 m/s",)


def test_without_a_weather_or_with_that_of_another_clock() -> None:
    weather = weather_of(datetime(2025, 6, 21, tzinfo=BERLIN), 96)
    one = np.ones(1)
    for make in (
        lambda w: pv_profiles(PvlibPv(), weather.clock, 1, STREAMS, HERE, w),
        lambda w: wind_profiles(PowerCurveWind(), weather.clock, 1, STREAMS, w, HERE),
        lambda w: heat_profiles(DemandlibHeat(), weather.clock, one, one, STREAMS, w, HERE),
    ):
        with pytest.raises(ProfileError, match="needs a weather"):
            make(None)
        with pytest.raises(ValueError, match="same clock"):
            make(weather_of(datetime(2025, 6, 22, tzinfo=BERLIN), 96))


def test_one_weather_feeds_all() -> None:
    """The day that is warmer in the weather has less heat; the hour with the beam has the production."""
    clock = Clock(datetime(2025, 2, 1, tzinfo=BERLIN), 60, 24 * 28)
    cold = load_weather(DemandlibWeather(region=4), clock, HERE)
    warm = load_weather(DemandlibWeather(region=4, temperature_offset_k=5.0), clock, HERE)
    config = DemandlibHeat(shift_minutes=0, space_heat_variation=0.0)
    plants = PvlibPv(tilt_deg=30, azimuth_deg=180)
    power = pv_profiles(plants, clock, 1, STREAMS, HERE, cold).power_kw(0, clock.periods)[:, 0]
    light = cold.values("ghi_w_per_m2", 0, clock.periods)
    assert np.array_equal(power > 0, light > 0)
    assert np.corrcoef(power, light)[0, 1] > 0.9
    hotter = pv_profiles(plants, clock, 1, STREAMS, HERE, warm).power_kw(0, clock.periods)[:, 0]
    day = power > 0
    np.testing.assert_allclose(hotter[day] / power[day] - 1.0, -0.0035 * 5, atol=0.003)
    space = np.full(1, 10_000.0)
    heat = heat_profiles(config, clock, space, np.zeros(1), STREAMS, cold, HERE).power_kw(0, clock.periods)
    by_day = heat.reshape(28, 24).sum(1)
    mean_c = cold.values("temperature_c", 0, clock.periods).reshape(28, 24).mean(1)
    weighted = (mean_c[3:] + 0.5 * mean_c[2:-1] + 0.25 * mean_c[1:-2] + 0.125 * mean_c[:-3]) / 1.875
    assert np.corrcoef(by_day[3:], weighted)[0, 1] < -0.99
