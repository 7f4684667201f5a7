"""Weather on the ticks of a run: energy, night, calendar, the sun against pvlib, own files and mistakes."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from pvlib import irradiance, solarposition
from pydantic import TypeAdapter, ValidationError

from cosim.core.clock import Clock
from cosim.core.weather import QUANTITIES
from cosim.errors import ProfileError
from cosim.profiles.sun import (
    Irradiance,
    Location,
    clear_beam,
    directions,
    equation_of_time,
    gathered,
    shaped,
)
from cosim.profiles.weather import SiteWeather, load_weather
from cosim.profiles.weather_config import CsvWeather, DemandlibWeather, WeatherConfig

BERLIN = ZoneInfo("Europe/Berlin")
CET = ZoneInfo("Etc/GMT-1")
HERE = Path()


def try_weather(start: datetime, periods: int, step: int = 60, region: int = 4, **more: float) -> SiteWeather:
    return load_weather(DemandlibWeather(region=region, **more), Clock(start, step, periods), HERE)


def all_of(weather: SiteWeather, quantity: str) -> np.ndarray:
    assert quantity in QUANTITIES
    return weather.values(quantity, 0, weather.clock.periods)  # type: ignore[arg-type]  # checked above


@pytest.mark.parametrize("region", [1, 4, 11, 12])
def test_the_energy_of_the_record_stays(region: int) -> None:
    """To the last watt: no light is stamped into a night, which is also a test of when it was."""
    weather = try_weather(datetime(2025, 1, 1, tzinfo=CET), 8760, region=region)
    recorded = weather.days.values_kw[:, 1].ravel()
    assert all_of(weather, "ghi_w_per_m2").sum() == pytest.approx(recorded.sum(), rel=1e-12)
    daily = all_of(weather, "ghi_w_per_m2").reshape(365, 24).sum(1)
    np.testing.assert_allclose(daily, recorded.reshape(365, 24).sum(1), rtol=1e-9, atol=1e-9)


def test_beam_and_diffuse_light_add_up_and_the_night_is_dark() -> None:
    weather = try_weather(datetime(2025, 6, 1, tzinfo=BERLIN), 96 * 30, 15)
    ghi, dni, dhi = (all_of(weather, f"{name}_w_per_m2") for name in ("ghi", "dni", "dhi"))
    sun = weather.sun(0, 96 * 30)
    np.testing.assert_allclose(ghi, dni * sun[:, 2] + dhi, atol=1e-6)
    assert min(ghi.min(), dni.min(), dhi.min()) == 0.0 and dni.max() < 1100
    middles = pd.DatetimeIndex(weather.clock.utc, tz="UTC") + pd.Timedelta(minutes=7.5)
    height = solarposition.get_solarposition(middles, *place_of(weather)).apparent_elevation.to_numpy()
    assert ghi[height < -2].max() == 0.0 and ghi[height > 5].min() > 0.0


def place_of(weather: SiteWeather) -> tuple[float, float, float]:
    return weather.place.latitude_deg, weather.place.longitude_deg, weather.place.altitude_m


def test_every_step_has_the_same_energy_and_mean_temperature() -> None:
    start = datetime(2025, 4, 10, tzinfo=BERLIN)
    ghi, warm = [], []
    for step in (5, 15, 30, 60, 120):
        weather = try_weather(start, 3 * 1440 // step, step)
        ghi.append(all_of(weather, "ghi_w_per_m2").mean())
        warm.append(all_of(weather, "temperature_c").mean())
    np.testing.assert_allclose(ghi, ghi[0], rtol=1e-9)
    np.testing.assert_allclose(warm, warm[0], atol=0.02)


def test_temperature_runs_straight_between_the_middles_of_hours() -> None:
    weather = try_weather(datetime(2025, 1, 10, tzinfo=CET), 96, 15)
    hours = weather.days.values_kw[9, 0]
    fine = all_of(weather, "temperature_c")
    low, high = hours[5], hours[6]  # middles at 5:30 and 6:30
    expected = low + (high - low) * np.array([0.125, 0.375, 0.625, 0.875])
    np.testing.assert_allclose(fine[22:26], expected, atol=1e-12)


def test_another_year_takes_the_same_dates_and_29_february_the_28th() -> None:
    leap = try_weather(datetime(2024, 2, 28, tzinfo=CET), 72)
    warm = all_of(leap, "temperature_c")
    np.testing.assert_allclose(warm[1:23], warm[25:47], atol=1e-12)
    march = all_of(try_weather(datetime(2027, 3, 1, tzinfo=CET), 24), "temperature_c")
    np.testing.assert_allclose(warm[49:71], march[1:23], atol=1e-12)


def test_clock_changes_do_not_move_the_sun() -> None:
    wall = try_weather(datetime(2025, 3, 30, tzinfo=BERLIN), 47)  # a day of 23 hours and one of 24
    standard = try_weather(datetime(2025, 3, 30, tzinfo=CET), 47)
    for quantity in QUANTITIES:
        np.testing.assert_array_equal(all_of(wall, quantity), all_of(standard, quantity))


def test_the_sun_stands_where_pvlib_says_and_south_at_solar_noon() -> None:
    place = Location(52.0, 13.0, 80.0)
    noon = int(
        datetime(2025, 6, 21, 11, 9, 50, tzinfo=ZoneInfo("UTC")).timestamp()
    )  # equation of time -2 min
    east, north, up = directions(np.array([noon]), place)[0]
    assert abs(east) < 0.005 and north < 0
    assert np.degrees(np.arcsin(up)) == pytest.approx(90 - 52.0 + 23.44, abs=0.05)


def clear_middles(weather: SiteWeather) -> tuple[np.ndarray, np.ndarray]:
    """The clearest three days of every month of 2010, and how much later than stamped their light was [min]:
    solar noon less the middle of the daylight as stamped."""
    ghi, dhi = (weather.days.values_kw[:, column] for column in (1, 2))
    share = dhi.sum(1) / ghi.sum(1)
    months = np.array_split(np.arange(365), 12)
    clear = np.concatenate([month[np.argsort(share[month])[:3]] for month in months])
    utc = (
        int(datetime(2010, 1, 1, tzinfo=CET).timestamp())
        + clear[:, None] * 86400
        + np.arange(144) * 600
        + 300
    )
    sine = np.maximum(directions(utc.ravel(), weather.place)[:, 2], 0.0).reshape(-1, 144)
    middle = (ghi[clear] * (np.arange(24) + 0.5)).sum(1) / ghi[clear].sum(1)
    solar = (sine * (np.arange(144) + 0.5) / 6).sum(1) / sine.sum(1)
    return weather.days.first_day + clear, (solar - middle) * 60.0


@pytest.mark.parametrize("region", range(1, 16))
def test_clear_days_are_symmetrical_about_solar_noon(region: int) -> None:
    """What the shift of the irradiance rests on: without it the middle of clear days is 9 to 30 min off."""
    weather = try_weather(datetime(2025, 1, 1, tzinfo=CET), 24, region=region)
    days, found = clear_middles(weather)
    left = found - weather.record.sun_shift.of(days) / 60
    limit = 10 if region == 11 else 6  # a summit, where afternoons cloud over
    assert abs(np.median(left)) < limit and np.median(np.abs(left)) < 12
    assert np.median(found) > 8


def test_measured_irradiance_follows_the_equation_of_time_and_computed_does_not() -> None:
    slopes: dict[bool, list[float]] = {True: [], False: []}
    for region in (2, 3, 4, 9, 12, 1, 5, 6, 7, 8, 10, 13, 14, 15):
        weather = try_weather(datetime(2025, 1, 1, tzinfo=CET), 24, region=region)
        days, found = clear_middles(weather)
        measured = weather.record.sun_shift.solar
        assert measured is not None and measured.all() == measured.any()
        slopes[bool(measured.all())].append(float(np.polyfit(-equation_of_time(days), found, 1)[0]))
    assert np.mean(slopes[True]) == pytest.approx(1.0, abs=0.2)
    assert np.mean(slopes[False]) == pytest.approx(0.0, abs=0.1)


def test_the_equation_of_time_is_pvlibs() -> None:
    days = np.arange(20089, 20089 + 365)  # of 2025
    expected = solarposition.equation_of_time_spencer71(np.arange(1, 366))
    np.testing.assert_allclose(equation_of_time(days), expected, atol=0.01)


def test_shift_and_offset_can_be_set() -> None:
    day = datetime(2025, 6, 1, tzinfo=CET)
    plain, set_ = try_weather(day, 24), try_weather(day, 24, sun_shift_minutes=0.0, temperature_offset_k=2.5)
    np.testing.assert_allclose(all_of(set_, "temperature_c") - all_of(plain, "temperature_c"), 2.5)
    np.testing.assert_allclose(
        all_of(set_, "ghi_w_per_m2")[5:20], set_.days.values_kw[151, 1][5:20], atol=1e-9
    )


def test_ticks_beyond_the_run_and_writing() -> None:
    weather = try_weather(datetime(2025, 6, 1, tzinfo=CET), 24)
    for first, last in ((-1, 2), (20, 25), (5, 4)):
        with pytest.raises(IndexError):
            weather.values("temperature_c", first, last)
    with pytest.raises(ValueError, match="read-only"):
        weather.values("temperature_c", 0, 1)[0] = 3.0


def test_the_second_reading_is_the_first() -> None:
    first = try_weather(datetime(2025, 6, 1, tzinfo=CET), 96, 15)
    second = try_weather(datetime(2025, 6, 1, tzinfo=CET), 96, 15)
    for quantity in QUANTITIES:
        np.testing.assert_array_equal(all_of(first, quantity), all_of(second, quantity))


def test_a_low_sun_does_not_make_more_beam_than_a_clear_sky() -> None:
    sine = np.sin(np.radians([0.5, 2.0, 10.0, 60.0]))
    limit = clear_beam(sine)
    assert np.all(np.diff(limit) > 0) and limit[0] < 60 and 850 < limit[-1] < 960
    direction = np.tile([0.999, 0.0, np.sin(np.radians(1.0))], (12, 1))
    found = shaped(Irradiance(np.array([60.0]), np.array([5.0])), np.array([0]), direction)
    assert found.dni.max() < 150 and found.ghi.mean() == pytest.approx(60.0)


def test_means_of_cells_keep_the_beam() -> None:
    utc = int(datetime(2025, 4, 1, 5, tzinfo=ZoneInfo("UTC")).timestamp()) + np.arange(24) * 300
    direction = directions(utc, Location(52.0, 13.0, 0.0))
    cells = shaped(Irradiance(np.array([100.0, 300.0]), np.array([60.0, 100.0])), utc[::12], direction)
    hours = gathered(cells, 12)
    side = np.array([0.6, -0.48, 0.64])
    beam = (cells.dni * (cells.sun @ side)).reshape(2, 12).mean(1)
    np.testing.assert_allclose(hours.dni * (hours.sun @ side), beam, rtol=1e-7)
    np.testing.assert_allclose(hours.ghi, [100.0, 300.0])


# Own files


def write(
    folder: Path, columns: dict[str, np.ndarray], start: str = "2025-06-01 00:00", step: str = "h"
) -> Path:
    count = len(next(iter(columns.values())))
    stamps = pd.date_range(start, periods=count, freq=step).strftime("%Y-%m-%d %H:%M")
    pd.DataFrame({"time": stamps, **columns}).to_csv(folder / "w.csv", index=False)
    return folder


def own(**more: object) -> CsvWeather:
    base = {"file": "w.csv", "zone": "Etc/GMT-1", "latitude_deg": 52.4, "longitude_deg": 13.1}
    return CsvWeather.model_validate(base | more)


def columns_of(day: int, days: int) -> dict[str, np.ndarray]:
    """Hours of the test reference year 4."""
    record = try_weather(datetime(2025, 1, 1, tzinfo=CET), 24).days.values_kw[day : day + days]
    return {name: record[:, column].ravel() for column, name in enumerate(("T", "G", "D", "W"))}


NAMED = {"temperature_c": "T", "ghi_w_per_m2": "G", "dhi_w_per_m2": "D", "wind_m_per_s": "W"}


@pytest.mark.parametrize("year", ["exact", "repeat"])
def test_a_file_gives_what_the_test_reference_year_gives(tmp_path: Path, year: str) -> None:
    first = 0 if year == "repeat" else 150
    start = "2019-01-01 00:00" if year == "repeat" else "2025-05-31 00:00"
    write(tmp_path, columns_of(first, 365 if year == "repeat" else 4), start)
    place = try_weather(datetime(2025, 1, 1, tzinfo=CET), 24).place
    config = own(
        year=year,
        latitude_deg=place.latitude_deg,
        longitude_deg=place.longitude_deg,
        altitude_m=place.altitude_m,
        sun_shift_minutes=10,
        **NAMED,
    )
    clock = Clock(datetime(2025, 6, 1, tzinfo=BERLIN), 15, 96)
    mine = load_weather(config, clock, tmp_path)
    theirs = load_weather(DemandlibWeather(region=4, sun_shift_minutes=10), clock, HERE)
    for quantity in QUANTITIES:
        np.testing.assert_allclose(all_of(mine, quantity), all_of(theirs, quantity), atol=1e-9)


def test_without_diffuse_light_it_is_estimated_as_pvlib_does(tmp_path: Path) -> None:
    write(tmp_path, {"G": columns_of(151, 2)["G"]})
    clock = Clock(datetime(2025, 6, 1, tzinfo=CET), 60, 24)
    weather = load_weather(own(ghi_w_per_m2="G"), clock, tmp_path)
    ghi, dhi = all_of(weather, "ghi_w_per_m2"), all_of(weather, "dhi_w_per_m2")
    middles = pd.DatetimeIndex(clock.utc, tz="UTC") + pd.Timedelta(minutes=30)
    zenith = solarposition.get_solarposition(middles, 52.4, 13.1).apparent_zenith.to_numpy()
    expected = irradiance.erbs(ghi, zenith, middles)["dhi"]
    high = zenith < 75
    np.testing.assert_allclose(dhi[high], expected[high], rtol=0.01)


def test_beam_alone_gives_diffuse_light(tmp_path: Path) -> None:
    full = columns_of(151, 2)
    clock = Clock(datetime(2025, 6, 1, tzinfo=CET), 60, 24)
    write(tmp_path, full)
    known = load_weather(own(**NAMED), clock, tmp_path)
    dni = np.tile(all_of(known, "dni_w_per_m2"), 2)
    (tmp_path / "w.csv").unlink()
    write(tmp_path, {"G": np.tile(all_of(known, "ghi_w_per_m2"), 2), "B": dni})
    found = load_weather(own(ghi_w_per_m2="G", dni_w_per_m2="B"), clock, tmp_path)
    np.testing.assert_allclose(all_of(found, "dhi_w_per_m2"), all_of(known, "dhi_w_per_m2"), atol=0.5)


def test_fine_steps_are_averaged(tmp_path: Path) -> None:
    warm = np.arange(96.0) / 4
    write(tmp_path, {"T": warm}, step="15min")
    clock = Clock(datetime(2025, 6, 1, tzinfo=CET), 60, 24)
    weather = load_weather(own(temperature_c="T"), clock, tmp_path)
    np.testing.assert_allclose(all_of(weather, "temperature_c"), warm.reshape(24, 4).mean(1))


def test_a_missing_column_matters_only_to_whom_needs_it(tmp_path: Path) -> None:
    write(tmp_path, {"T": np.full(48, 5.0)})
    weather = load_weather(own(temperature_c="T"), Clock(datetime(2025, 6, 1, tzinfo=CET), 60, 24), tmp_path)
    assert set(all_of(weather, "temperature_c")) == {5.0}
    with pytest.raises(ProfileError, match=r"no wind_m_per_s.*`weather.wind_m_per_s`"):
        weather.values("wind_m_per_s", 0, 1)
    with pytest.raises(ProfileError, match="no ghi_w_per_m2"):
        weather.sun(0, 1)


def test_mistakes_by_line(tmp_path: Path) -> None:
    columns = columns_of(151, 2)
    lines = (write(tmp_path, columns) / "w.csv").read_text().splitlines()
    lines[3] = lines[3].rsplit(",", 1)[0] + ",-3.0"
    lines[5] = ",".join([lines[5].split(",")[0], "300", *lines[5].split(",")[2:]])
    lines[7] = lines[7].replace(lines[7].split(",")[1], "cold", 1)
    del lines[20]
    (tmp_path / "w.csv").write_text("\n".join(lines) + "\n")
    clock = Clock(datetime(2025, 6, 1, tzinfo=CET), 60, 24)
    with pytest.raises(ProfileError) as caught:
        load_weather(own(**NAMED), clock, tmp_path)
    found = {problem.line: str(problem) for problem in caught.value.problems}
    assert "W: -3 is not between 0 and 100 (is it in m/s?)" in found[4]
    assert "T: 300 is not between -70 and 60 (is it in degC?)" in found[6]
    assert "T: 'cold' is not a number" in found[8]
    assert "gap: 1 steps of 60 min" in found[21]
    assert set(found) == {4, 6, 8, 21}
    with pytest.raises(ProfileError, match=r"no column 'Temp'"):
        load_weather(own(temperature_c="Temp"), clock, tmp_path)
    with pytest.raises(ProfileError, match="no such file"):
        load_weather(own(file="x.csv", temperature_c="T"), clock, tmp_path)


def test_irradiance_in_kilowatts_is_refused(tmp_path: Path) -> None:
    columns = columns_of(151, 2)
    write(tmp_path, columns | {"G": columns["G"] / 1000})
    clock = Clock(datetime(2025, 6, 1, tzinfo=CET), 60, 24)
    named = {"temperature_c": "T", "ghi_w_per_m2": "G"}
    with pytest.raises(ProfileError, match=r"G: never above 0\.\d+ W/m2 \(is it in kW/m2"):
        load_weather(own(**named), clock, tmp_path)
    write(tmp_path, columns | {"G": np.zeros(48)})
    assert not load_weather(own(**named), clock, tmp_path).values("ghi_w_per_m2", 0, 24).any()


def test_a_file_that_does_not_cover_the_run(tmp_path: Path) -> None:
    write(tmp_path, columns_of(151, 2))
    late = Clock(datetime(2025, 6, 2, tzinfo=CET), 60, 48)
    with pytest.raises(ProfileError, match="50% of it is covered"):
        load_weather(own(**NAMED), late, tmp_path)
    with pytest.raises(ProfileError, match="a year of at least 365 is needed"):
        load_weather(own(**NAMED, year="repeat"), late, tmp_path)
    weather = load_weather(own(**NAMED), Clock(datetime(2025, 6, 1, tzinfo=CET), 60, 2), tmp_path)
    with pytest.raises(ProfileError, match="holds 2 days"):
        _ = weather.whole_year


def test_a_run_of_a_few_hours_needs_no_whole_day(tmp_path: Path) -> None:
    write(tmp_path, {"T": np.arange(6.0)}, start="2025-06-01 12:00")
    clock = Clock(datetime(2025, 6, 1, 12, tzinfo=CET), 60, 6)
    weather = load_weather(own(temperature_c="T"), clock, tmp_path)
    np.testing.assert_allclose(all_of(weather, "temperature_c"), np.arange(6.0))


def test_config_is_told_apart_by_its_source() -> None:
    adapter: TypeAdapter[WeatherConfig] = TypeAdapter(WeatherConfig)
    assert isinstance(adapter.validate_python({"source": "demandlib", "region": 12}), DemandlibWeather)
    place = {"latitude_deg": 50.0, "longitude_deg": 8.0}
    mine = adapter.validate_python({"source": "csv", "file": "w.csv", **place, "temperature_c": "T"})
    assert isinstance(mine, CsvWeather) and mine.named == {"temperature_c": "T"}
    for wrong in (
        {"source": "demandlib", "region": 16},
        {"source": "csv", "file": "w.csv", **place},
        {"source": "csv", "file": "w.csv", **place, "dhi_w_per_m2": "D"},
        {"source": "csv", "file": "w.csv", "temperature_c": "T"},
    ):
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)


def test_a_start_off_the_hour() -> None:
    start = datetime(2025, 6, 1, 10, 7, tzinfo=BERLIN)
    odd = try_weather(start, 4, 15)
    minutes = try_weather(start, 60, 1)
    for quantity in ("ghi_w_per_m2", "temperature_c"):
        expected = all_of(minutes, quantity).reshape(4, 15).mean(1)
        np.testing.assert_allclose(all_of(odd, quantity), expected, rtol=1e-3)
    assert odd.clock.end == start + timedelta(hours=1)
