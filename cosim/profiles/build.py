"""From the scenario's words to profiles: which source serves which config. The sources themselves are
elsewhere in this room, the grid's own loads in passive.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.clock import Clock
from cosim.core.streams import Streams
from cosim.errors import Problem, ProfileError
from cosim.profiles import simbench
from cosim.profiles.calibrate import prepare
from cosim.profiles.config import (
    AusgridLoad,
    CsvHeat,
    CsvLoad,
    CsvPv,
    CsvWind,
    HeatProfileConfig,
    LoadProfileConfig,
    PvlibPv,
    PvProfileConfig,
    SimBenchLoad,
    SimBenchPv,
    WindProfileConfig,
)
from cosim.profiles.days import DayTable, RecordedDays
from cosim.profiles.diversify import Diversified
from cosim.profiles.profiles import Blended, Origin, Picked, Profiles, in_turn
from cosim.profiles.resample import standard_seconds, utc_seconds, wall_seconds
from cosim.profiles.series import Series, to_days
from cosim.profiles.weather import SiteWeather

YEAR_HOURS = 8760.0
PLAUSIBLE_PEAK_KW = 1.05
"""Highest production per kWp that a PV shape may reach [kW]."""


def load_profiles(
    config: LoadProfileConfig,
    clock: Clock,
    annual_energy_kwh: FloatArray,
    streams: Streams,
    folder: Path,
    weather: SiteWeather | None = None,
) -> Profiles:
    """Loads of `n` prosumers.

    Args:
        config: Where they come from.
        clock: Ticks on which they are wanted.
        annual_energy_kwh: Energy of each prosumer in a year; not used by sources that are taken as metered,
            shape (n,).
        streams: Streams of the group: prosumer i of a group is the same whatever the group's size.
        folder: Folder of the scenario file.
        weather: The community's weather; no source of loads needs it yet.

    Raises:
        ProfileError: with every problem of the source that was found.
    """
    del weather
    if isinstance(config, SimBenchLoad):
        columns = [f"{name}_pload" for name in config.shapes]
        table = simbench.day_table(simbench.LOADS, columns, config.scenario)
        name = f"SimBench {', '.join(config.shapes)}"
        if config.diversify:
            return _diversified(table, config.coincidence, clock, annual_energy_kwh, streams, name)
        return _shared(table, clock, annual_energy_kwh, name)
    if isinstance(config, CsvLoad):
        return _csv_loads(config, clock, annual_energy_kwh, streams, folder)
    return _ausgrid_loads(config, clock, annual_energy_kwh, folder)


def pv_profiles(
    config: PvProfileConfig,
    clock: Clock,
    count: int,
    streams: Streams,
    folder: Path,
    weather: SiteWeather | None = None,
) -> Profiles:
    """Production of `count` PV plants per installed kWp [kW/kWp], positive.

    Args:
        config: Where it comes from.
        clock: Ticks on which it is wanted.
        count: How many plants.
        streams: Streams of the group: plant i of a group is the same whatever the group's size.
        folder: Folder of the scenario file.
        weather: The community's weather on that clock; sources that have their own sun do without.

    Raises:
        ProfileError: with every problem of the source that was found.
    """
    if isinstance(config, SimBenchPv):
        return _simbench_pv(config, clock, count, streams)
    if isinstance(config, PvlibPv):
        return _pv_of_weather(config, count, streams, _needed(weather, clock, "PV of source `pvlib`"))
    if isinstance(config, CsvPv):
        from cosim.profiles.csv_source import read_columns

        series = read_columns(config, clock.zone, folder, loads=False).scaled(1.0 / config.peak_kw)
        return _pv_series(series, config.year == "repeat", clock, count)
    from cosim.profiles.ausgrid import read_generation

    return _pv_series(read_generation(config, folder), False, clock, count)


def wind_profiles(
    config: WindProfileConfig,
    clock: Clock,
    count: int,
    streams: Streams,
    weather: SiteWeather | None,
    folder: Path,
) -> Profiles:
    """Production of `count` wind turbines per kW of rated power, positive. Arguments and errors as in
    `pv_profiles`."""
    if isinstance(config, CsvWind):
        from cosim.profiles.csv_source import read_columns

        series = read_columns(config, clock.zone, folder, loads=False).scaled(1.0 / config.rated_kw)
        return _pv_series(series, config.year == "repeat", clock, count)
    from cosim.profiles import wind

    needed = _needed(weather, clock, "wind of source `power-curve`")
    turbines = wind.draw_turbines(config, count, streams)
    hours = wind.full_load_hours(turbines, needed)
    distinct = len(np.unique(np.stack([turbines.speed_up, turbines.losses_share]), axis=1).T)
    origin = Origin(f"wind of {needed.name}", 1, distinct, hours)
    return Profiles(clock, count, wind.WindOfWeather(turbines, needed), _ticks(clock), origin)


def heat_profiles(
    config: HeatProfileConfig,
    clock: Clock,
    annual_space_heat_kwh: FloatArray,
    hot_water_kwh: FloatArray,
    streams: Streams,
    weather: SiteWeather | None,
    folder: Path,
) -> Profiles:
    """Heat demand of `n` buildings [kW], drawn positive: space heat and hot water together.

    Args:
        config: Where it comes from.
        clock: Ticks on which it is wanted.
        annual_space_heat_kwh: Of each building in a year of the weather, shape (n,).
        hot_water_kwh: Hot water of each building in a year (`heat.hot_water_kwh` of its persons), shape (n,).
        streams: Streams of the group: building i of a group is the same whatever the group's size.
        weather: The community's weather on that clock; `csv` does without.
        folder: Folder of the scenario file.

    Raises:
        ProfileError: with every problem of the source that was found.
    """
    space, water = np.asarray(annual_space_heat_kwh, dtype=float), np.asarray(hot_water_kwh, dtype=float)
    if isinstance(config, CsvHeat):
        return _csv_heat(config, clock, space + water, folder)
    from cosim.profiles.heat import HeatDemand, heat_shapes

    needed = _needed(weather, clock, "heat of source `demandlib`")
    words = streams.generator("heat").integers(0, 2**63, size=2)
    key = (int(words[0]), int(words[1]))
    source = HeatDemand(heat_shapes(config, needed), config, space, water, key, clock.zone)
    origin = Origin(f"standard load profile under {needed.name}", 1, len(space), space + water)
    return Profiles(clock, len(space), source, wall_seconds(clock), origin)


def _needed(weather: SiteWeather | None, clock: Clock, what: str) -> SiteWeather:
    if weather is None:
        raise ProfileError(
            Problem(f"{what} needs a weather", "add `weather: {source: demandlib, region: 4}`", path="source")
        )
    if weather.clock != clock:
        raise ValueError("profiles and weather must be on the same clock")
    return weather


def _ticks(clock: Clock) -> IntArray:
    """Axis of sources whose slots are the ticks themselves."""
    return np.arange(clock.periods) * clock.step_minutes * 60


def _pv_of_weather(config: PvlibPv, count: int, streams: Streams, weather: SiteWeather) -> Profiles:
    from cosim.profiles import pv

    for quantity in ("temperature_c", "ghi_w_per_m2"):
        weather.record.column(quantity)
    plants = pv.draw_plants(config, count, streams)
    hours = pv.full_load_hours(plants, weather)
    distinct = len(np.unique(np.stack([plants.tilt_deg, plants.azimuth_deg]), axis=1).T)
    notes = () if pv.has_wind(weather) else (f"{weather.name} has no wind: modules are cooled as by 1 m/s",)
    origin = Origin(f"sun of {weather.name}", 1, distinct, hours, notes)
    return Profiles(weather.clock, count, pv.PvOfWeather(plants, weather), _ticks(weather.clock), origin)


def _csv_heat(config: CsvHeat, clock: Clock, annual_kwh: FloatArray, folder: Path) -> Profiles:
    from cosim.profiles.csv_source import read_columns

    series = read_columns(config, clock.zone, folder, loads=False)
    if config.year == "exact":
        return _series(series, clock, len(annual_kwh), annual_kwh if config.scale else None)
    # Heat follows the weather's dates rather than the weekday.
    table = to_days(series, clock.zone, whole_year=True)
    column = in_turn(len(annual_kwh), table.columns)
    mean_kwh = table.values_kw.mean((0, 2))[column] * YEAR_HOURS
    factor = annual_kwh / mean_kwh if config.scale else np.ones(len(annual_kwh))
    origin = Origin(series.name, table.columns, min(len(column), table.columns), mean_kwh * factor)
    source = Picked(RecordedDays(table, by_weekday=False), column, factor)
    return Profiles(clock, len(column), source, wall_seconds(clock), origin)


def _diversified(
    table: DayTable, g: float, clock: Clock, annual_kwh: FloatArray, streams: Streams, name: str
) -> Profiles:
    words = streams.generator("diversifier").integers(0, 2**63, size=2)
    source = Diversified(
        prepare(table, g), np.asarray(annual_kwh, dtype=float), (int(words[0]), int(words[1])), clock.zone
    )
    n = len(annual_kwh)
    origin = Origin(f"{name}, diversified (g = {g:g})", table.columns, n, source.annual_kwh)
    return Profiles(clock, n, source, wall_seconds(clock), origin)


def _shared(table: DayTable, clock: Clock, annual_kwh: FloatArray, name: str) -> Profiles:
    """Columns in turn, scaled so that a year of 8,760 h at the recorded mean has the annual energy."""
    column = in_turn(len(annual_kwh), table.columns)
    factor = annual_kwh / (table.values_kw.mean((0, 2))[column] * YEAR_HOURS)
    source = Picked(RecordedDays(table, by_weekday=True), column, factor)
    origin = Origin(name, table.columns, min(len(column), table.columns), np.asarray(annual_kwh, dtype=float))
    return Profiles(clock, len(column), source, wall_seconds(clock), origin)


def _simbench_pv(config: SimBenchPv, clock: Clock, count: int, streams: Streams) -> Profiles:
    table = simbench.day_table(simbench.RENEWABLES, config.shapes, config.scenario)
    hours = table.values_kw.mean((0, 2)) * YEAR_HOURS
    factor = 1.0 if config.full_load_hours is None else config.full_load_hours / float(hours.mean())
    _check_peaks(config, table.values_kw.max((0, 2)) * factor)
    plants = np.arange(count)
    weights = np.zeros((table.columns, count))
    first = plants % table.columns
    if config.diversify and table.columns > 1:
        rng = streams.generator("pv")
        draws = rng.random((count, 2))  # row by row: plant i is the same whatever the count
        second = (first + 1 + (draws[:, 0] * (table.columns - 1)).astype(int)) % table.columns
        weights[second, plants] = draws[:, 1]
        weights[first, plants] = 1.0 - draws[:, 1]
    else:
        weights[first, plants] = 1.0
    weights *= factor
    distinct = count if config.diversify and table.columns > 1 else min(count, table.columns)
    origin = Origin(f"SimBench {', '.join(config.shapes)}", table.columns, distinct, hours @ weights)
    source = Blended(RecordedDays(table, by_weekday=False), weights)
    return Profiles(clock, count, source, standard_seconds(clock), origin)


def _check_peaks(config: SimBenchPv, peaks_kw: FloatArray) -> None:
    """Refuse full-load hours with which a shape would exceed what is installed."""
    peak, hours = float(peaks_kw.max()), config.full_load_hours or 0.0
    if peak > PLAUSIBLE_PEAK_KW:
        worst = config.shapes[int(peaks_kw.argmax())]
        raise ProfileError(
            Problem(
                f"with {hours:g} full-load hours SimBench's {worst} would produce {peak:.2f} kW per kWp",
                f"at most {hours * PLAUSIBLE_PEAK_KW / peak:.0f} h, or a CSV profile of a sunnier place",
                path="full_load_hours",
            )
        )


def _csv_loads(
    config: CsvLoad, clock: Clock, annual_kwh: FloatArray, streams: Streams, folder: Path
) -> Profiles:
    from cosim.profiles.csv_source import read_columns

    series = read_columns(config, clock.zone, folder, loads=True)
    if config.diversify:
        table = to_days(series, clock.zone)
        if not table.whole_year or config.year == "exact":
            series.require(clock)
        return _diversified(table, config.coincidence, clock, annual_kwh, streams, series.name)
    if config.year == "repeat":
        table = to_days(series, clock.zone, whole_year=True)
        energy = annual_kwh if config.scale else series.annual_kwh[in_turn(len(annual_kwh), series.columns)]
        return _shared(table, clock, energy, series.name)
    return _series(series, clock, len(annual_kwh), annual_kwh if config.scale else None)


def _ausgrid_loads(config: AusgridLoad, clock: Clock, annual_kwh: FloatArray, folder: Path) -> Profiles:
    from cosim.profiles.ausgrid import read_consumption

    series = read_consumption(config, folder)
    return _series(series, clock, len(annual_kwh), annual_kwh if config.scale else None)


def _pv_series(series: Series, repeat: bool, clock: Clock, count: int) -> Profiles:
    if not repeat:
        return _series(series, clock, count, None)
    table = to_days(series, clock.zone, whole_year=True, standard_time=True)
    column = in_turn(count, table.columns)
    source = Picked(RecordedDays(table, by_weekday=False), column, np.ones(count))
    origin = Origin(series.name, table.columns, min(count, table.columns), series.annual_kwh[column])
    return Profiles(clock, count, source, standard_seconds(clock), origin)


def _series(series: Series, clock: Clock, n: int, annual_kwh: FloatArray | None) -> Profiles:
    """Columns of a series in turn, at the instants at which they were recorded."""
    series.require(clock)
    column = in_turn(n, series.columns)
    energy = series.annual_kwh[column]
    factor = np.ones(n) if annual_kwh is None else annual_kwh / energy
    origin = Origin(series.name, series.columns, min(n, series.columns), energy * factor)
    axis = utc_seconds(clock) - series.start_s
    return Profiles(clock, n, Picked(series, column, factor), axis, origin)
