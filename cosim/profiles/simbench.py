"""SimBench's published time series, read from the data of the installed package without importing it: only
the columns needed, and from the cache of the user the second time."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.core.cache import cached_arrays, file_stamp, key_of
from cosim.core.registry import nearest
from cosim.errors import Problem, ProfileError
from cosim.profiles.days import DayTable

QUARTER_HOURS = 35136
"""Length of every SimBench series: the quarter-hours of 2016, each day with 24 hours."""
FIRST_DAY = int(np.datetime64("2016-01-01", "D").astype(int))
LOADS = "LoadProfile.csv"
RENEWABLES = "RESProfile.csv"
POWER_PLANTS = "PowerPlantProfile.csv"


def day_table(file: str, columns: Sequence[str], scenario: int) -> DayTable:
    """Columns of one of SimBench's profile files as days of 2016.

    Args:
        file: `LOADS`, `RENEWABLES` or `POWER_PLANTS`.
        columns: Names as in the file ("H0-A_pload", "PV1").
        scenario: 0, 1 or 2.

    Raises:
        ProfileError: if simbench is not installed or has no such columns.
    """
    values = series(file, tuple(columns), scenario)
    return DayTable(np.ascontiguousarray(values.reshape(366, 96, -1).transpose(0, 2, 1)), FIRST_DAY)


def series(file: str, columns: tuple[str, ...], scenario: int) -> FloatArray:
    """Columns of one of SimBench's profile files, relative to nominal power, shape (35136, columns).

    Raises:
        ProfileError: if simbench is not installed or has no such columns.
    """
    path = data_folder(scenario) / file
    try:
        stamp = file_stamp(path)
    except OSError as error:
        raise ProfileError(
            Problem(f"SimBench's {file} cannot be read: {error}", "reinstall simbench")
        ) from error
    key = key_of("simbench", 1, *stamp, *columns)
    return cached_arrays(f"simbench-{key}", lambda: {"values": _parse(path, columns)})["values"]


@lru_cache(maxsize=3)
def data_folder(scenario: int) -> Path:
    """Folder with SimBench's complete data of a scenario.

    Raises:
        ProfileError: if simbench is not installed.
    """
    spec = importlib.util.find_spec("simbench")
    if spec is None or not spec.submodule_search_locations:
        raise ProfileError(Problem("simbench is not installed", "python -m pip install simbench"))
    return Path(spec.submodule_search_locations[0]) / "networks" / f"1-complete_data-mixed-all-{scenario}-sw"


def column_names(file: str, scenario: int) -> list[str]:
    """Names of the profiles in one of SimBench's files."""
    return _header(data_folder(scenario) / file)


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8") as stream:
        return stream.readline().strip().split(";")[1:]


def _parse(path: Path, columns: tuple[str, ...]) -> FloatArray:
    import pyarrow.csv as arrow_csv

    known = _header(path)
    unknown = [name for name in columns if name not in known]
    if unknown:
        plain = [name.removesuffix("_pload") for name in known if not name.endswith("_qload")]
        raise ProfileError(
            [
                Problem(
                    f"SimBench has no profile {name.removesuffix('_pload')!r}",
                    nearest(name.removesuffix("_pload"), plain),
                )
                for name in unknown
            ]
        )
    distinct = list(dict.fromkeys(columns))
    table = arrow_csv.read_csv(
        path,
        read_options=arrow_csv.ReadOptions(use_threads=False),
        parse_options=arrow_csv.ParseOptions(delimiter=";"),
        convert_options=arrow_csv.ConvertOptions(include_columns=distinct),
    )
    values = np.column_stack([table[name].to_numpy().astype(float) for name in columns])
    if len(values) != QUARTER_HOURS:
        raise ProfileError(
            Problem(f"{path} has {len(values)} rows instead of {QUARTER_HOURS}", "reinstall simbench")
        )
    return values
