"""Heat demand by demandlib under Germany's test reference years against degree days and published shares.
See README.md for the sources."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from cosim.core.clock import Clock
from cosim.core.streams import Streams
from cosim.profiles.build import heat_profiles
from cosim.profiles.config import DemandlibHeat
from cosim.profiles.heat import heat_shapes, hot_water_kwh
from cosim.profiles.weather import load_weather
from cosim.profiles.weather_config import DemandlibWeather

CASE = json.loads((Path(__file__).parent / "case.json").read_text())
MONTH_ENDS = np.cumsum([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def months(by_day: np.ndarray) -> np.ndarray:
    """Per mille of the year by month."""
    share = np.array([by_day[a:b].sum() for a, b in pairwise(MONTH_ENDS)])
    return 1000.0 * share / share.sum()


@pytest.fixture(scope="module")
def by_region() -> list[tuple[np.ndarray, np.ndarray]]:
    """Monthly space heat and monthly degree days of every region."""
    clock = Clock(datetime(2025, 1, 1, tzinfo=BERLIN), 60, 24)
    found = []
    for region in range(1, 16):
        weather = load_weather(DemandlibWeather(region=region), clock, Path())
        heat = heat_shapes(DemandlibHeat(), weather).space.values_kw[:, 0].sum(1)
        mean_c = weather.days.values_kw[:, 0].mean(1)
        degrees = np.where(mean_c < CASE["heating_limit_c"], CASE["room_c"] - mean_c, 0.0)
        found.append((months(heat), months(degrees)))
    return found


def test_the_months_are_those_of_the_degree_day_table(
    by_region: list[tuple[np.ndarray, np.ndarray]],
) -> None:
    mean = np.mean([heat for heat, _ in by_region], axis=0)
    np.testing.assert_allclose(mean, CASE["months_per_mille"], rtol=0, atol=CASE["mean_tolerance_per_mille"])


def test_each_region_follows_its_own_degree_days(by_region: list[tuple[np.ndarray, np.ndarray]]) -> None:
    for heat, degrees in by_region:
        np.testing.assert_allclose(heat, degrees, rtol=0, atol=CASE["own_tolerance_per_mille"])


@pytest.mark.parametrize(("standard", "low", "high"), [("stock", 0.09, 0.2), ("new", 0.15, 0.3)])
def test_heat_of_a_square_metre_and_the_share_of_hot_water(standard: str, low: float, high: float) -> None:
    clock = Clock(datetime(2025, 1, 1, tzinfo=BERLIN), 60, 8760)
    weather = load_weather(DemandlibWeather(region=7), clock, Path())
    area = CASE["dwelling_m2"]
    space = np.full(3, CASE["space_heat_kwh_per_m2"][standard] * area)
    water = hot_water_kwh(np.full(3, CASE["persons"]))
    profiles = heat_profiles(DemandlibHeat(), clock, space, water, Streams(4), weather, Path())
    total = profiles.power_kw(0, 8760).sum(0)
    np.testing.assert_allclose((total - water) / area, CASE["space_heat_kwh_per_m2"][standard], rtol=1e-6)
    share = water / total
    assert low < share.min() and share.max() < high
    per_person = water / CASE["persons"]
    lowest, highest = CASE["hot_water_kwh_per_person"]
    assert lowest <= per_person.min() and per_person.max() <= highest
    published = CASE["household_energy_shares"]
    part = published["hot_water"] / (published["hot_water"] + published["space_heat"])
    if standard == "stock":
        assert 0.5 * part < share.mean() < part
