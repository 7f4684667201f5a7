"""Yield of small wind turbines under two test reference years. See README.md for the source."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from cosim.core.clock import Clock
from cosim.core.streams import Streams
from cosim.profiles.build import wind_profiles
from cosim.profiles.config import PowerCurveWind
from cosim.profiles.weather import load_weather
from cosim.profiles.weather_config import DemandlibWeather

CASE = json.loads((Path(__file__).parent / "case.json").read_text())


@pytest.mark.parametrize("site", ["coast", "inland"])
def test_full_load_hours(site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    case = CASE[site]
    clock = Clock(datetime(2025, 1, 1, tzinfo=ZoneInfo("Europe/Berlin")), 60, 8760)
    weather = load_weather(DemandlibWeather(region=case["region"]), clock, Path())
    config = PowerCurveWind(hub_height_m=case["hub_height_m"])
    turbine = wind_profiles(config, clock, 1, Streams(1), weather, Path())
    assert turbine.origin.annual_kwh[0] == pytest.approx(case["published_h"], rel=CASE["tolerance"])
    assert turbine.power_kw(0, 8760).sum() == pytest.approx(turbine.origin.annual_kwh[0], rel=0.01)
