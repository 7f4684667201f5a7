"""What a scenario says about the profiles of loads and of PV plants. Nothing is read here and nothing heavy
is imported: the scenario's schema is built from it."""

from __future__ import annotations

from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from cosim.core.config import Config, setting

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


class _Columns(Config):
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
    columns: Names | None = setting(
        None, about="Columns to use, in this order; default: all but the time column."
    )
    year: Literal["exact", "repeat"] = setting(
        "exact",
        about=(
            "`exact`: the file covers the scenario's dates; `repeat`: a file of a whole year serves "
            "any year, by month and day."
        ),
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


LoadProfileConfig = Annotated[SimBenchLoad | CsvLoad | AusgridLoad, Field(discriminator="source")]
"""Where loads come from."""
PvProfileConfig = Annotated[SimBenchPv | CsvPv | AusgridPv, Field(discriminator="source")]
"""Where PV production comes from."""
