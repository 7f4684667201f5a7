"""Forecasts: the spread by lead, no bias, the same draw for the same tick, persistence, and the weather's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from cosim.core.clock import Clock
from cosim.core.records import Series
from cosim.core.streams import Streams
from cosim.profiles.build import pv_profiles
from cosim.profiles.config import SimBenchPv
from cosim.profiles.forecast import (
    ForecastConfig,
    ForecastErrors,
    Issue,
    Noisy,
    Perfect,
    Persistence,
    forecast_series,
    forecast_weather,
)
from cosim.profiles.weather import load_weather
from cosim.profiles.weather_config import DemandlibWeather

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2025, 6, 2, tzinfo=BERLIN)
STREAMS = Streams(3, ("community",))


@dataclass
class Constant:
    """One kilowatt for ever, in some columns."""

    periods: int
    columns: int = 4

    def power_kw(self, first: int, last: int) -> np.ndarray:
        if not 0 <= first <= last <= self.periods:
            raise IndexError
        return np.ones((last - first, self.columns))


@dataclass
class Counting:
    """The number of the tick."""

    periods: int

    def power_kw(self, first: int, last: int) -> np.ndarray:
        if not 0 <= first <= last <= self.periods:
            raise IndexError
        return np.arange(first, last, dtype=float)[:, None]


def clock_of(days: int, step: int = 60, start: datetime = START) -> Clock:
    return Clock(start, step, days * 1440 // step)


def noisy(clock: Clock, issue: Issue, kind: Any = "pv", columns: int = 4, **more: Any) -> Series:
    config = Noisy.model_validate(more)
    return forecast_series(Constant(clock.periods, columns), issue, config, kind, STREAMS, clock)


def errors_at(lead_hours: int, **more: Any) -> np.ndarray:
    """Relative errors of whole days a given lead after their issue, shape (days, columns)."""
    clock = clock_of(400)
    issue = Issue()
    series = noisy(clock, issue, **more)
    found = []
    for tick in range(0, clock.periods - 48, 7):
        issue.tick = tick
        ahead = tick + lead_hours - 1  # the lead goes to the end of the tick
        found.append(series.power_kw(ahead, ahead + 1)[0] - 1.0)
    return np.array(found)


@pytest.mark.parametrize("lead", [1, 4, 6, 24])
def test_the_spread_grows_with_the_root_of_the_lead_up_to_the_cap(lead: int) -> None:
    found = errors_at(lead, columns=60, correlation=0.0, error={"pv": 0.2})
    expected = 0.2 * np.sqrt(min(lead, 6))
    assert found.std() == pytest.approx(expected, rel=0.03)
    assert abs(found.mean()) < 4 * expected / np.sqrt(found.size / 2)  # neighbours in time share draws
    assert found.min() > -1.0


def test_growth_and_cap_can_be_set() -> None:
    more = {"columns": 60, "correlation": 0.0, "error": {"pv": 0.1}, "growth": 1.0, "cap_hours": 3.0}
    assert errors_at(2, **more).std() == pytest.approx(0.2, rel=0.03)
    assert errors_at(12, **more).std() == pytest.approx(0.3, rel=0.03)
    assert errors_at(12, **(more | {"growth": 0.0})).std() == pytest.approx(0.1, rel=0.03)


def test_errors_have_the_common_part_that_is_asked_for() -> None:
    for share in (0.0, 0.5, 1.0):
        found = errors_at(1, columns=30, correlation=share, error={"pv": 0.1})
        upper = np.corrcoef(found.T)[np.triu_indices(30, 1)]
        assert upper.mean() == pytest.approx(share, abs=0.05)
    loads = errors_at(1, columns=30, kind="load", correlation=1.0)
    assert np.corrcoef(loads.T)[np.triu_indices(30, 1)].mean() == pytest.approx(0.0, abs=0.03)


def test_errors_last_for_some_hours() -> None:
    issue, clock = Issue(0), clock_of(300)
    ahead = noisy(clock, issue, columns=20, correlation=0.0, growth=0.0, memory_hours=4).power_kw(0, 7200)
    z = ahead - ahead.mean(0)
    by_lag = [float((z[:-k] * z[k:]).mean() / (z * z).mean()) for k in (1, 2, 4, 8)]
    assert 1.0 > by_lag[0] > by_lag[1] > 0.5 > by_lag[2] > 0.1 and abs(by_lag[3]) < 0.05


def test_the_same_tick_has_the_same_draw_whatever_the_lead_and_forecasts_converge() -> None:
    clock = clock_of(4, 15)
    issue = Issue()
    series = noisy(clock, issue)
    target, errors = 200, []
    for issue.tick in (176, 190, 199, 200, 201):  # the shared object moves on
        errors.append(series.power_kw(target, target + 1)[0] - 1.0)
    stacked = np.array(errors)
    assert np.all(stacked[4] == 0.0)  # it has happened
    sigma = [0.15 * np.sqrt(min((200 - tick + 1) / 4, 6.0)) for tick in (176, 190, 199, 200)]
    s = np.sqrt(np.log1p(np.square(sigma)))[:, None]
    draws = (np.log1p(stacked[:4]) + 0.5 * s**2) / s
    np.testing.assert_allclose(draws, np.tile(draws[:1], (4, 1)), rtol=1e-9)


def test_neither_horizon_nor_order_nor_the_number_of_columns_matters() -> None:
    long, short = clock_of(10, 15), clock_of(2, 15, datetime(2025, 6, 5, tzinfo=BERLIN))
    whole = noisy(long, Issue(3 * 96)).power_kw(3 * 96, 5 * 96)
    np.testing.assert_allclose(noisy(short, Issue(0)).power_kw(0, 192), whole, rtol=1e-12)
    backwards = noisy(long, Issue(3 * 96))
    for first in range(5 * 96 - 8, 3 * 96 - 1, -8):
        part = backwards.power_kw(first, first + 8)
        np.testing.assert_array_equal(part, whole[first - 288 : first - 280])
    more = noisy(long, Issue(3 * 96), columns=9).power_kw(3 * 96, 5 * 96)
    np.testing.assert_allclose(more[:, :4], whole, rtol=1e-12)
    other = forecast_series(
        Constant(long.periods), Issue(3 * 96), Noisy(), "pv", Streams(4, ("community",)), long
    )
    assert np.abs(other.power_kw(288, 384) - whole[:96]).max() > 0.01


def test_past_and_future_in_one_window() -> None:
    clock = clock_of(3)
    series = noisy(clock, Issue(30))
    window = series.power_kw(20, 40)
    assert np.all(window[:10] == 1.0) and np.all(window[10:] != 1.0)


@pytest.mark.parametrize("kind", ["perfect", "persistence", "noisy"])
def test_ticks_beyond_the_end_raise(kind: str) -> None:
    adapter: TypeAdapter[ForecastConfig] = TypeAdapter(ForecastConfig)
    clock = clock_of(3)
    issue = Issue(30)
    config = adapter.validate_python(kind)
    series = forecast_series(Constant(72), issue, config, "load", STREAMS, clock)
    weather = forecast_weather(load_weather(DemandlibWeather(), clock, Path()), issue, config, STREAMS, clock)
    assert series.power_kw(50, 72).shape == (22, 4) and series.power_kw(40, 40).shape == (0, 4)
    assert weather.values("temperature_c", 50, 72).shape == (22,)
    for first, last in ((60, 73), (-1, 4)):
        with pytest.raises(IndexError):
            series.power_kw(first, last)
        with pytest.raises(IndexError):
            weather.values("temperature_c", first, last)


def test_pv_is_never_forecast_at_night() -> None:
    clock = clock_of(2, 15)
    plants = pv_profiles(SimBenchPv(), clock, 5, STREAMS, Path())
    ahead = forecast_series(plants, Issue(0), Noisy(error=ForecastErrors(pv=1.0)), "pv", STREAMS, clock)
    actual = plants.power_kw(0, 192)
    found = ahead.power_kw(0, 192)
    assert np.array_equal(found > 0, actual > 0) and np.abs(found - actual).max() > 0.1


def test_persistence_is_the_latest_whole_day() -> None:
    clock = clock_of(5)
    issue = Issue()
    series = forecast_series(Counting(clock.periods), issue, Persistence(), "load", STREAMS, clock)
    np.testing.assert_array_equal(series.power_kw(0, 48)[:, 0], np.arange(48))  # the first day: what happens
    issue.tick = 30  # the second day is under way: the first is known
    expected = [28, 29, *range(6, 24), *range(24), *range(4)]
    np.testing.assert_array_equal(series.power_kw(28, 76)[:, 0], expected)
    issue.tick = 48
    np.testing.assert_array_equal(series.power_kw(48, 72)[:, 0], np.arange(24, 48))


def test_perfect_is_what_happens() -> None:
    clock = clock_of(2)
    series = Constant(48)
    weather = load_weather(DemandlibWeather(), clock, Path())
    assert forecast_series(series, Issue(), Perfect(), "pv", STREAMS, clock) is series
    assert forecast_weather(weather, Issue(), Perfect(), STREAMS, clock) is weather


def test_weather_and_what_it_drives_err_together() -> None:
    clock = clock_of(20)
    issue = Issue(24)
    weather = load_weather(DemandlibWeather(), clock, Path())
    config = Noisy(correlation=1.0)
    ahead = forecast_weather(weather, issue, config, STREAMS, clock)
    window = (24, clock.periods)
    light, dark = weather.values("ghi_w_per_m2", *window), weather.values("ghi_w_per_m2", *window) == 0
    sun = ahead.values("ghi_w_per_m2", *window)
    assert np.all(sun[dark] == 0)
    production = forecast_series(Constant(clock.periods, 1), issue, config, "pv", STREAMS, clock)
    factor = production.power_kw(*window)[:, 0]
    np.testing.assert_allclose(sun[~dark] / light[~dark], factor[~dark], rtol=1e-12)
    beam = ahead.values("dni_w_per_m2", *window)
    np.testing.assert_allclose(beam, weather.values("dni_w_per_m2", *window) * factor, rtol=1e-12)
    warmer = ahead.values("temperature_c", *window) - weather.values("temperature_c", *window)
    heat = forecast_series(Constant(clock.periods, 1), issue, config, "heat", STREAMS, clock)
    less = heat.power_kw(*window)[:, 0]
    assert np.corrcoef(warmer, np.log(less))[0, 1] < -0.98
    wind = ahead.values("wind_m_per_s", *window) / np.maximum(weather.values("wind_m_per_s", *window), 1e-9)
    power = forecast_series(Constant(clock.periods, 1), issue, config, "wind", STREAMS, clock)
    assert np.corrcoef(np.log(wind[wind > 0]), np.log(power.power_kw(*window)[wind > 0, 0]))[0, 1] > 0.95


def test_the_error_of_the_temperature_is_additive() -> None:
    clock = clock_of(300)
    issue = Issue()
    weather = load_weather(DemandlibWeather(), clock, Path())
    ahead = forecast_weather(weather, issue, Noisy(), STREAMS, clock)
    found = []
    for tick in range(0, clock.periods - 24, 4):
        issue.tick = tick
        found.append(ahead.values("temperature_c", tick + 3, tick + 4)[0])
    error = np.array(found) - weather.values("temperature_c", 0, clock.periods)[3 : 3 + 4 * len(found) : 4]
    assert error.std() == pytest.approx(0.5 * 2.0, rel=0.06) and abs(error.mean()) < 0.12


def test_yesterdays_weather() -> None:
    clock = clock_of(3)
    weather = load_weather(DemandlibWeather(), clock, Path())
    issue = Issue(24)
    ahead = forecast_weather(weather, issue, Persistence(), STREAMS, clock)
    yesterday = weather.values("temperature_c", 0, 24)
    np.testing.assert_array_equal(ahead.values("temperature_c", 24, 48), yesterday)
    np.testing.assert_array_equal(ahead.values("temperature_c", 40, 60)[8:], yesterday[:12])


def test_a_word_or_settings() -> None:
    adapter: TypeAdapter[ForecastConfig] = TypeAdapter(ForecastConfig)
    assert adapter.validate_python("noisy") == Noisy()
    assert adapter.validate_python({"kind": "persistence"}) == Persistence()
    mine = adapter.validate_python({"kind": "noisy", "error": {"wind": 0.4}, "cap_hours": 12})
    assert isinstance(mine, Noisy) and mine.error.wind == 0.4 and mine.error.load == 0.15
    assert {"enum": ["perfect", "persistence", "noisy"], "type": "string"} in adapter.json_schema()["anyOf"]
    for wrong in ("lucky", {"kind": "noisy", "error": {"rain": 1}}, {"kind": "noisy", "memory_hours": 5}):
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)
