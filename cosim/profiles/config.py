"""What a scenario says about the profiles of loads, heat, PV plants and wind turbines. Nothing is read here
and nothing heavy is imported: the scenario's schema is built from it."""

from __future__ import annotations

from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from cosim.core.config import Config, setting
from cosim.core.draw import AnyDraw, Normal, NormalParameters, Share, within

HOUSEHOLD_SHAPES = ("H0-A", "H0-B", "H0-C", "H0-G", "H0-L")
"""SimBench's measured households (H0-H is a farm's share, not a household)."""
PV_SHAPES = ("PV1", "PV2", "PV3", "PV4", "PV5", "PV6", "PV7", "PV8")


def _known_zone(name: str | None) -> str | None:
    if name is not None:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"unknown time zone {name!r} (a name such as Europe/Berlin or UTC)") from error
    return name


def _distinct(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    doubled = sorted({name for name in names or () if (names or ()).count(name) > 1})
    if doubled:
        raise ValueError(f"named more than once: {', '.join(doubled)}")
    return names


Zone = Annotated[str | None, AfterValidator(_known_zone)]
Names = Annotated[tuple[str, ...], AfterValidator(_distinct), Field(min_length=1)]


class _Diversified(Config):
    """What the diversifier is told."""

    coincidence: float = setting(
        0.15,
        unit="1",
        about=(
            "The value g that the coincidence factor of very many households approaches, in Rusck's curve "
            "g + (1 - g)/sqrt(n); used where `diversify` is true."
        ),
        ge=0.1,
        le=0.35,
    )


class SimBenchLoad(_Diversified):
    """Household shapes of SimBench (quarter-hours of 2016), scaled to each household's annual energy."""

    source: Literal["simbench"] = setting("simbench", about="Profiles of the installed SimBench data.")
    shapes: Names = setting(HOUSEHOLD_SHAPES, about="Names of SimBench load profiles, without `_pload`.")
    scenario: Literal[0, 1, 2] = setting(0, about="SimBench scenario: 0 today, 1 and 2 the future ones.")
    diversify: bool = setting(
        True,
        about="True: every household differs; false: households share the shapes in turn.",
    )


class CsvFile(Config):
    """How a CSV or Parquet file is read."""

    file: str = setting(about="A .csv or .parquet file, relative to the scenario file.", min_length=1)
    time_column: str = setting("time", about="Name of the column with the time stamps.")
    time_format: str | None = setting(
        None, about="Format of the stamps as in strptime, such as `%d.%m.%Y %H:%M`; default: ISO 8601."
    )
    zone: Zone = setting(
        None,
        about="Zone of stamps that carry no offset; default: the scenario's. Clock changes are understood.",
    )
    stamps: Literal["start", "end"] = setting(
        "start", about="Whether a stamp names the start or the end of its interval."
    )
    separator: Literal[",", ";", "\t"] = setting(",", about="What parts the columns of a CSV file.")
    decimal: Literal[".", ","] = setting(".", about="The decimal mark of a CSV file.")
    year: Literal["exact", "repeat"] = setting(
        "exact",
        about=(
            "`exact`: the file covers the scenario's dates; `repeat`: a file of a whole year serves "
            "any year, by month and day."
        ),
    )


class _Columns(CsvFile):
    """Columns of a file, one for each member."""

    columns: Names | None = setting(
        None, about="Columns to use, in this order; default: all but the time column."
    )


class CsvLoad(_Columns, _Diversified):
    """Own load profiles: one column per household, handed out in turn."""

    source: Literal["csv"] = setting("csv", about="A CSV or Parquet file.")
    unit: Literal["kW", "W", "kWh"] = setting("kW", about="Mean power, or energy per interval (kWh).")
    scale: bool = setting(
        False, about="True: scale every column to the household's annual energy; false: take it as it is."
    )
    diversify: bool = setting(
        False, about="True: columns are shapes from which different households are made (always scaled)."
    )


class AusgridLoad(Config):
    """Consumption of Ausgrid's solar homes (general consumption and controlled load), customers in turn."""

    source: Literal["ausgrid"] = setting("ausgrid", about="Ausgrid's solar home electricity data.")
    file: str = setting(about="The CSV file as published, relative to the scenario file.", min_length=1)
    customers: Literal["all"] | int | tuple[int, ...] = setting(
        "all", about="`all`, how many (the first ones), or a list of customer numbers."
    )
    controlled_load: bool = setting(
        True, about="Whether controlled load (CL, night-time hot water) is added."
    )
    scale: bool = setting(
        False, about="True: scale every customer to the household's annual energy; false: as metered."
    )


class SimBenchPv(Config):
    """PV shapes of SimBench (quarter-hours of 2016), scaled to kW per installed kWp."""

    source: Literal["simbench"] = setting("simbench", about="Profiles of the installed SimBench data.")
    shapes: Names = setting(PV_SHAPES, about="Names of SimBench PV profiles.")
    scenario: Literal[0, 1, 2] = setting(0, about="SimBench scenario: 0 today, 1 and 2 the future ones.")
    full_load_hours: float | None = setting(
        950.0,
        unit="h",
        about="Mean yearly yield per kWp of the chosen shapes; null: as published (about 650 h).",
        gt=0,
    )
    diversify: bool = setting(
        True,
        about="True: every plant mixes two shapes in its own proportion; false: plants share the shapes.",
    )


class CsvPv(_Columns):
    """Own PV profiles: one column per plant, handed out in turn."""

    source: Literal["csv"] = setting("csv", about="A CSV or Parquet file.")
    unit: Literal["kW", "W", "kWh"] = setting("kW", about="Mean power, or energy per interval (kWh).")
    peak_kw: float = setting(1.0, unit="kW", about="Installed power that the columns belong to.", gt=0)


class AusgridPv(Config):
    """Gross generation of Ausgrid's solar homes per installed kWp, customers in turn."""

    source: Literal["ausgrid"] = setting("ausgrid", about="Ausgrid's solar home electricity data.")
    file: str = setting(about="The CSV file as published, relative to the scenario file.", min_length=1)
    customers: Literal["all"] | int | tuple[int, ...] = setting(
        "all", about="`all`, how many (the first ones), or a list of customer numbers."
    )


class PvlibPv(Config):
    """PV computed from the community's weather by models of pvlib; every plant may lie differently."""

    source: Literal["pvlib"] = setting("pvlib", about="Computed from the scenario's weather.")
    tilt_deg: Annotated[AnyDraw, within(0.0, 90.0)] = setting(
        Normal(normal=NormalParameters(mean=35.0, std=10.0, low=5.0, high=60.0)),
        unit="deg",
        about="Slope of the modules: 0 flat, 90 upright. A number, or drawn for every plant.",
    )
    azimuth_deg: Annotated[AnyDraw, within(0.0, 360.0)] = setting(
        Normal(normal=NormalParameters(mean=180.0, std=45.0, low=60.0, high=300.0)),
        unit="deg",
        about="Where the modules face: 90 east, 180 south, 270 west. A number, or drawn for every plant.",
    )
    losses_share: Share = setting(
        0.14,
        unit="1",
        about="What soiling, mismatch, cables, inverter and standstill take off (PVWatts: 14 %).",
    )
    temperature_coefficient_per_k: Annotated[AnyDraw, within(-0.02, 0.0)] = setting(
        -0.0035, unit="1/K", about="Change of power with the temperature of the cells, relative to 25 degC."
    )
    albedo: float = setting(0.2, unit="1", about="Share of light that the ground reflects.", ge=0, le=1)


class PowerCurveWind(Config):
    """Small wind turbines: wind speed of the community's weather, at the hub, through a power curve."""

    source: Literal["power-curve"] = setting(
        "power-curve", about="Computed from the wind speed of the scenario's weather."
    )
    hub_height_m: Annotated[AnyDraw, within(2.0, 200.0)] = setting(
        18.0, unit="m", about="Height of the hub above ground; a number, or drawn for every turbine."
    )
    shear_exponent: Annotated[AnyDraw, within(0.0, 0.6)] = setting(
        0.2,
        unit="1",
        about="Exponent of the power law by which wind grows with height: 0.14 open land, 0.3 among houses.",
    )
    cut_in_m_per_s: float = setting(3.0, unit="m/s", about="Wind below turns nothing.", ge=0)
    rated_m_per_s: float = setting(11.0, unit="m/s", about="From this wind on, rated power.", gt=0)
    cut_out_m_per_s: float = setting(25.0, unit="m/s", about="Wind above stops the turbine.", gt=0)
    losses_share: Share = setting(0.1, unit="1", about="What turbulence, converter and standstill take off.")

    @model_validator(mode="after")
    def _ordered(self) -> PowerCurveWind:
        if not self.cut_in_m_per_s < self.rated_m_per_s <= self.cut_out_m_per_s:
            raise ValueError("wind speeds must rise: cut_in_m_per_s < rated_m_per_s <= cut_out_m_per_s")
        return self


class CsvWind(_Columns):
    """Own production of wind turbines: one column per turbine, handed out in turn."""

    source: Literal["csv"] = setting("csv", about="A CSV or Parquet file.")
    unit: Literal["kW", "W", "kWh"] = setting("kW", about="Mean power, or energy per interval (kWh).")
    rated_kw: float = setting(1.0, unit="kW", about="Rated power that the columns belong to.", gt=0)


class DemandlibHeat(Config):
    """Heat demand of dwellings by the standard load profiles for gas (BDEW), as demandlib computes them from
    the community's weather; every building differs."""

    source: Literal["demandlib"] = setting("demandlib", about="Computed from the scenario's weather.")
    building: Literal["single-family", "multi-family"] = setting(
        "single-family", about="Standard load profile: EFH (up to two dwellings) or MFH."
    )
    building_class: int = setting(
        11,
        unit="1",
        about="BDEW's mixture of building ages: 1 hardly any old ones to 10 most; 11 Germany's mean.",
        ge=1,
        le=11,
    )
    windy: bool = setting(False, about="Whether the place is windy (BDEW's wind class 1).")
    shift_minutes: float = setting(
        45.0,
        unit="min",
        about="How far habits move a building's day, standard deviation; 0: all buildings at the same time.",
        ge=0,
        le=180,
    )
    space_heat_variation: float = setting(
        0.1,
        unit="1",
        about="Standard deviation from day to day, relative to the day's space heat.",
        ge=0,
        le=0.3,
    )
    hot_water_variation: float = setting(
        0.25,
        unit="1",
        about="Standard deviation from day to day, relative to the day's hot water.",
        ge=0,
        le=0.3,
    )


class CsvHeat(_Columns):
    """Own heat demand (space heat and hot water together): one column per building, handed out in turn."""

    source: Literal["csv"] = setting("csv", about="A CSV or Parquet file.")
    unit: Literal["kW", "W", "kWh"] = setting("kW", about="Mean power, or energy per interval (kWh).")
    scale: bool = setting(
        False, about="True: scale every column to the building's annual heat; false: take it as it is."
    )


LoadProfileConfig = Annotated[SimBenchLoad | CsvLoad | AusgridLoad, Field(discriminator="source")]
"""Where loads come from."""
PvProfileConfig = Annotated[SimBenchPv | PvlibPv | CsvPv | AusgridPv, Field(discriminator="source")]
"""Where PV production comes from."""
WindProfileConfig = Annotated[PowerCurveWind | CsvWind, Field(discriminator="source")]
"""Where production of wind turbines comes from."""
HeatProfileConfig = Annotated[DemandlibHeat | CsvHeat, Field(discriminator="source")]
"""Where heat demand comes from."""


def of_weather(config: Config | None) -> bool:
    """Whether a profile is computed from the community's weather."""
    return isinstance(config, PvlibPv | PowerCurveWind | DemandlibHeat)
