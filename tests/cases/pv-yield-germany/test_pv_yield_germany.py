"""Yield of PV plants by pvlib's models under German test reference years. See README.md for sources."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from cosim.core.clock import Clock
from cosim.core.streams import Streams
from cosim.profiles.build import pv_profiles
from cosim.profiles.config import PvlibPv
from cosim.profiles.weather import load_weather
from cosim.profiles.weather_config import DemandlibWeather

CASE = json.loads((Path(__file__).parent / "case.json").read_text())
REGIONS = range(1, 16)


@pytest.fixture(scope="module")
def hours(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """Facing -> full-load hours by region."""
    clock = Clock(datetime(2010, 1, 1, tzinfo=ZoneInfo("UTC")), CASE["step_minutes"], 24)
    found: dict[str, list[float]] = {name: [] for name in CASE["azimuth_deg"]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        for region in REGIONS:
            weather = load_weather(DemandlibWeather(region=region), clock, Path())
            for name, azimuth in CASE["azimuth_deg"].items():
                config = PvlibPv(tilt_deg=CASE["tilt_deg"], azimuth_deg=azimuth)
                plants = pv_profiles(config, clock, 1, Streams(1), Path(), weather)
                found[name].append(float(plants.origin.annual_kwh[0]))
    return {name: np.array(values) for name, values in found.items()}


def test_every_region_is_within_what_suitable_roofs_yield(hours: dict[str, np.ndarray]) -> None:
    low, high = CASE["suitable_roofs_h"]
    assert low <= hours["south"].min() and hours["south"].max() <= high


def test_the_mean_is_germanys(hours: dict[str, np.ndarray]) -> None:
    germany = CASE["germany_2019"]
    published = germany["energy_twh"] * 1000 / germany["installed_gw"]
    assert hours["south"].mean() == pytest.approx(published, rel=CASE["mean_tolerance"])


def test_south_before_east_and_west_before_north(hours: dict[str, np.ndarray]) -> None:
    sides = np.stack([hours["east"], hours["west"]])
    assert np.all(hours["south"] > sides.max(0)) and np.all(sides.min(0) > hours["north"])
