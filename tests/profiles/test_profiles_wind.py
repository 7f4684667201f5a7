"""Wind turbines: the power curve, the mean under Rayleigh's distribution in closed form, height, files."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from scipy.special import gamma, gammainc

from cosim.core.clock import Clock
from cosim.core.streams import Streams
from cosim.profiles.account import account
from cosim.profiles.build import wind_profiles
from cosim.profiles.config import CsvWind, PowerCurveWind, WindProfileConfig
from cosim.profiles.weather import load_weather
from cosim.profiles.weather_config import DemandlibWeather
from cosim.profiles.wind import power_curve

BERLIN = ZoneInfo("Europe/Berlin")
STREAMS = Streams(3)


def test_points_of_the_curve() -> None:
    config = PowerCurveWind(cut_in_m_per_s=3, rated_m_per_s=12, cut_out_m_per_s=25)
    power = power_curve(config, np.array([0.0, 2.99, 3.0, 6.0, 12.0, 20.0, 25.0, 25.01]))
    np.testing.assert_allclose(power, [0, 0, 0, (216 - 27) / (1728 - 27), 1, 1, 1, 0], atol=1e-15)


@pytest.mark.parametrize("mean", [3.0, 5.0, 7.0, 10.0])
def test_mean_power_under_rayleighs_distribution(mean: float) -> None:
    """With F(v) = 1 - exp(-(v/a)^2), a = 2 mean/sqrt(pi):  E[v^3; v < x] = a^3 Gamma(5/2) P(5/2, (x/a)^2)."""
    config = PowerCurveWind()
    low, high, out = config.cut_in_m_per_s, config.rated_m_per_s, config.cut_out_m_per_s
    scale = 2 * mean / np.sqrt(np.pi)

    def reached(x: float) -> float:
        return float(1 - np.exp(-((x / scale) ** 2)))

    def cubes(x: float) -> float:
        return float(scale**3 * gamma(2.5) * gammainc(2.5, (x / scale) ** 2))

    rising = (cubes(high) - cubes(low) - low**3 * (reached(high) - reached(low))) / (high**3 - low**3)
    expected = rising + reached(out) - reached(high)
    share = (np.arange(400_000) + 0.5) / 400_000
    wind = scale * np.sqrt(-np.log1p(-share))
    assert power_curve(config, wind).mean() == pytest.approx(expected, rel=1e-4)


def test_wind_grows_with_height_by_the_power_law() -> None:
    clock = Clock(datetime(2025, 3, 1, tzinfo=BERLIN), 60, 240)
    weather = load_weather(DemandlibWeather(region=1), clock, Path())
    config = PowerCurveWind(hub_height_m=40.0, shear_exponent=0.25, losses_share=0.2)
    power = wind_profiles(config, clock, 2, STREAMS, weather, Path()).power_kw(0, 240)
    at_hub = weather.values("wind_m_per_s", 0, 240) * 4**0.25
    np.testing.assert_allclose(power[:, 0], 0.8 * power_curve(config, at_hub), rtol=1e-12)
    assert np.array_equal(power[:, 0], power[:, 1])


def test_turbines_differ_where_heights_are_drawn() -> None:
    clock = Clock(datetime(2025, 3, 1, tzinfo=BERLIN), 15, 96)
    weather = load_weather(DemandlibWeather(region=1), clock, Path())
    config = PowerCurveWind.model_validate({"hub_height_m": {"uniform": [10, 30]}})
    many = wind_profiles(config, clock, 20, STREAMS, weather, Path())
    few = wind_profiles(config, clock, 3, STREAMS, weather, Path())
    np.testing.assert_array_equal(many.power_kw(0, 96)[:, :3], few.power_kw(0, 96))
    assert many.origin.distinct == 20 and np.ptp(many.origin.annual_kwh) > 200
    assert account(many, kind="wind").warnings == ()
    valley = load_weather(DemandlibWeather(region=15), clock, Path())
    low = account(wind_profiles(config, clock, 20, STREAMS, valley, Path()), kind="wind")
    assert low.warnings == ("20 of 20 wind turbines are below 200 h per kW",)


def test_a_file_of_production(tmp_path: Path) -> None:
    rows = [f"2025-03-01 {hour:02d}:00,{hour}" for hour in range(24)]
    (tmp_path / "w.csv").write_text("\n".join(["time,a", *rows]) + "\n")
    clock = Clock(datetime(2025, 3, 1, tzinfo=BERLIN), 60, 24)
    config = CsvWind(file="w.csv", rated_kw=46.0)
    power = wind_profiles(config, clock, 2, STREAMS, None, tmp_path).power_kw(0, 24)
    np.testing.assert_allclose(power, np.arange(24)[:, None] / 46.0 * np.ones(2))


def test_config() -> None:
    adapter: TypeAdapter[WindProfileConfig] = TypeAdapter(WindProfileConfig)
    assert isinstance(adapter.validate_python({"source": "power-curve"}), PowerCurveWind)
    for wrong in (
        {"source": "power-curve", "cut_in_m_per_s": 12.0},
        {"source": "power-curve", "rated_m_per_s": 30.0},
        {"source": "power-curve", "hub_height_m": 1.0},
        {"source": "csv"},
    ):
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)
