"""Own profiles from CSV and Parquet files: read, checked row by row, turned into kW. A file that was read
without problems is read from the cache the next time."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.cache import cached_arrays, file_stamp, key_of
from cosim.core.problems import Problems
from cosim.core.timeseries import check_columns, not_utf8, require_file, to_numbers, to_utc, unreadable_file
from cosim.core.zones import UNREADABLE, local_to_utc
from cosim.errors import Problem, ProfileError
from cosim.profiles.config import CsvFile, CsvHeat, CsvLoad, CsvPv, CsvWind
from cosim.profiles.series import Series
from cosim.profiles.timeaxis import Axis, regular_axis

if TYPE_CHECKING:
    import pyarrow as pa

MOST_MEDIAN_KW = 50.0
LEAST_MEDIAN_KW = 0.01
"""A household's median load lies between; outside, the unit is probably wrong."""


def read_columns(
    config: CsvLoad | CsvPv | CsvWind | CsvHeat, zone: ZoneInfo, folder: Path, *, loads: bool
) -> Series:
    """The columns of a file as mean power in kW.

    Args:
        config: File, columns, unit and zone.
        zone: The scenario's zone, for stamps without one.
        folder: Folder that the file name is relative to.
        loads: Whether the columns are loads (checked for a plausible unit).

    Raises:
        ProfileError: with all problems, by row.
    """
    path = existing(folder / config.file, (".csv", ".parquet"))
    local = ZoneInfo(config.zone) if config.zone else zone
    key = key_of(
        "csv", 1, *file_stamp(path), config.model_dump_json(exclude={"coincidence"}), local.key, loads
    )

    def build() -> dict[str, NDArray[Any]]:
        series = _read(config, local, path, loads=loads)
        return {
            "values_kw": series.values_kw,
            "axis": np.array([series.start_s, series.step_s]),
            "names": np.array(series.names),
        }

    found = cached_arrays(f"csv-{key}", build)
    start_s, step_s = found["axis"].tolist()
    return Series(found["values_kw"], start_s, step_s, tuple(found["names"].tolist()), path)


def existing(path: Path, suffixes: tuple[str, ...]) -> Path:
    """The path, if there is such a file with one of the suffixes.

    Raises:
        ProfileError: if not; it names the nearest file beside it.
    """
    if path.suffix.lower() not in suffixes:
        raise ProfileError(Problem(f"{path.name}: files end in {' or '.join(suffixes)}", file=path))
    return require_file(Problems(path))


def _read(config: CsvLoad | CsvPv | CsvWind | CsvHeat, zone: ZoneInfo, path: Path, *, loads: bool) -> Series:
    table, problems = open_table(path, config)
    names = config.columns or tuple(name for name in table.column_names if name != config.time_column)
    values, axis = regular_values(table, names, config, zone, problems)
    _check_values(values, names, problems)
    problems.raise_if_any()
    assert axis is not None
    if config.unit == "kWh":
        values = values * 3600.0 / axis.step_s
    elif config.unit == "W":
        values = values / 1000.0
    if loads and isinstance(config, CsvLoad) and not (config.scale or config.diversify):
        _check_unit(values, names, config.unit, problems)
        problems.raise_if_any()
    return Series(values, axis.start_s, axis.step_s, names, path)


def open_table(path: Path, config: CsvFile) -> tuple[pa.Table, Problems]:
    """The columns of a file as they are written, and where problems with them go.

    Raises:
        ProfileError: if it cannot be read at all.
    """
    if path.suffix.lower() == ".parquet":
        return _parquet(path), Problems(path, first_line=1)
    return _csv(path, config), Problems(path, lines=lambda: _lines(path))


def regular_values(
    table: pa.Table, names: Sequence[str], config: CsvFile, zone: ZoneInfo, problems: Problems
) -> tuple[FloatArray, Axis | None]:
    """Columns as numbers, shape (rows, names), and the equal steps that they stand on: None where there are
    problems with them, which the caller has raised.

    Raises:
        ProfileError: if there is no such column.
    """
    check_columns((config.time_column,), table.column_names, problems, "set time_column; ")
    check_columns(names, table.column_names, problems)
    if not names:
        problems.add("no columns beside the time", "is `separator` right?", line=1)
    problems.raise_if_any()
    utc, texts, naive = _stamps(table[config.time_column], config.time_format, zone, problems)
    axis = regular_axis(utc, texts, problems, zone if naive else None)
    values = [column_of_numbers(table[name], name, config.decimal, problems) for name in names]
    if axis is not None and config.stamps == "end":
        axis = Axis(axis.start_s - axis.step_s, axis.step_s)
    return np.column_stack(values), axis


def _csv(path: Path, config: CsvFile) -> pa.Table:
    """All columns as text: what cannot be read is then told by row."""
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    try:
        with path.open(encoding="utf-8-sig") as stream:
            titles = next(csv.reader([stream.readline()], delimiter=config.separator), [])
        header = [title.strip() for title in titles]
        return arrow_csv.read_csv(
            path,
            read_options=arrow_csv.ReadOptions(column_names=header, skip_rows=1),
            parse_options=arrow_csv.ParseOptions(delimiter=config.separator),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False
            ),
        )
    except (UnicodeDecodeError, OSError) as error:
        raise unreadable_file(error, Problems(path)) from error
    except pa.ArrowInvalid as error:
        if "UTF8" in str(error):
            raise not_utf8(Problems(path)) from error
        remedy = "rows must have as many cells as the header; is `separator` right?"
        raise ProfileError(Problem(f"cannot be read as CSV: {error}", remedy, file=path)) from error


def _parquet(path: Path) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as arrow_parquet

    try:
        return arrow_parquet.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise ProfileError(Problem(f"cannot be read as Parquet: {error}", file=path)) from error


def _lines(path: Path) -> IntArray:
    """Lines of the rows of a CSV file: blank ones are not among them."""
    with path.open(encoding="utf-8-sig") as stream:
        filled = [number for number, line in enumerate(stream, start=1) if number > 1 and line.strip("\r\n")]
    return np.array(filled, dtype=np.int64)


def _stamps(
    column: pa.ChunkedArray, time_format: str | None, zone: ZoneInfo, problems: Problems
) -> tuple[IntArray, Sequence[str], bool]:
    """Seconds since 1970 UTC by row, the stamps as written, and whether they carry no offset."""
    import pyarrow as pa

    if not pa.types.is_timestamp(column.type):
        texts = [str(text).strip() for text in column.to_pylist()]
        written = "ISO 8601 such as 2025-01-31 13:45, or set time_format"
        utc, naive = to_utc(texts, zone, problems, time_format=time_format, written=written)
        return utc, texts, naive
    moments = column.to_numpy().astype("datetime64[s]")
    problems.rows(np.isnat(moments), lambda _: "no time stamp", "fill the gap")
    seconds = np.where(np.isnat(moments), UNREADABLE, moments.astype(np.int64))
    naive = column.type.tz is None
    return (local_to_utc(seconds, zone, problems) if naive else seconds), moments.astype(str).tolist(), naive


def column_of_numbers(
    column: pa.ChunkedArray, name: str, decimal: str, problems: Problems, missing: str = "fill the gap"
) -> FloatArray:
    """A column as numbers, NaN where there is none; quick for a column of text without problems."""
    import pyarrow as pa
    import pyarrow.compute as arrow

    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        values = np.asarray(column.to_numpy(), dtype=float)
        problems.rows(~np.isfinite(values), lambda _: f"{name}: no value", missing)
        return np.where(np.isfinite(values), values, np.nan)
    text = arrow.utf8_trim_whitespace(column.cast(pa.string()))
    plain = arrow.replace_substring(text, ",", ".") if decimal == "," else text
    try:
        values = np.asarray(plain.cast(pa.float64()).to_numpy())
    except pa.ArrowInvalid:
        values = np.full(len(column), np.nan)
    if np.isfinite(values).all():
        return values
    return to_numbers([cell or "" for cell in text.to_pylist()], name, decimal, problems, missing=missing)


def _check_values(values: FloatArray, names: tuple[str, ...], problems: Problems) -> None:
    """Report values below zero; those that are missing are reported already."""
    for index, name in enumerate(names):
        _check_column(values[:, index], name, problems)


def _check_column(column: FloatArray, name: str, problems: Problems) -> None:
    problems.rows(
        column < 0,
        lambda row: f"{name}: {column[row]:g} is negative",
        "loads and production are positive; net metering has to be taken apart",
    )


def _check_unit(values_kw: FloatArray, names: tuple[str, ...], unit: str, problems: Problems) -> None:
    """A median that no household has hints at a wrong unit."""
    for name, median in zip(names, np.median(values_kw, axis=0).tolist(), strict=True):
        if not LEAST_MEDIAN_KW <= median <= MOST_MEDIAN_KW:
            problems.add(
                f"{name}: a median load of {median * 1000:.3g} W is not a household's",
                f"is `unit: {unit}` right? (`scale: true` takes the column as a shape, whatever its unit)",
            )
