"""Own profiles from CSV and Parquet files: read, checked row by row, turned into kW. A file that was read
without problems is read from the cache the next time."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.cache import cached_arrays, file_stamp, key_of
from cosim.core.registry import nearest
from cosim.errors import Problem, ProfileError
from cosim.profiles.config import CsvLoad, CsvPv
from cosim.profiles.problems import Problems
from cosim.profiles.series import Series
from cosim.profiles.timeaxis import UNREADABLE, local_to_utc, regular_axis

if TYPE_CHECKING:
    import pyarrow as pa

MOST_MEDIAN_KW = 50.0
LEAST_MEDIAN_KW = 0.01
"""A household's median load lies between; outside, the unit is probably wrong."""
_OFFSET = re.compile(r"(?:[Zz]|[+-]\d\d:?\d\d)\s*$")


def read_columns(config: CsvLoad | CsvPv, zone: ZoneInfo, folder: Path, *, loads: bool) -> Series:
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
    if not path.is_file():
        beside = [other.name for other in path.parent.glob(f"*{path.suffix}")] if path.parent.is_dir() else []
        raise ProfileError(Problem("there is no such file", nearest(path.name, beside), file=path))
    return path


def _read(config: CsvLoad | CsvPv, zone: ZoneInfo, path: Path, *, loads: bool) -> Series:
    parquet = path.suffix.lower() == ".parquet"
    table = _parquet(path) if parquet else _csv(path, config)
    problems = Problems(path, first_line=1 if parquet else 2)
    names = _chosen(config, table.column_names, path)
    stamps, texts, naive = _stamps(table[config.time_column], config.time_format, problems)
    utc = local_to_utc(stamps, zone, problems) if naive else stamps
    axis = regular_axis(utc, texts, problems, zone if naive else None)
    values = np.column_stack(
        [column_of_numbers(table[name], name, config.decimal, problems) for name in names]
    )
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
    start_s = axis.start_s - (axis.step_s if config.stamps == "end" else 0)
    return Series(values, start_s, axis.step_s, names, path)


def _csv(path: Path, config: CsvLoad | CsvPv) -> pa.Table:
    """All columns as text: what cannot be read is then told by row."""
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    try:
        with path.open(encoding="utf-8-sig") as stream:
            header = [
                name.strip().strip('"') for name in stream.readline().rstrip("\r\n").split(config.separator)
            ]
        return arrow_csv.read_csv(
            path,
            read_options=arrow_csv.ReadOptions(column_names=header, skip_rows=1),
            parse_options=arrow_csv.ParseOptions(delimiter=config.separator),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False
            ),
        )
    except (pa.ArrowInvalid, UnicodeDecodeError, OSError) as error:
        remedy = "rows must have as many cells as the header; is `separator` right?"
        raise ProfileError(Problem(f"cannot be read as CSV: {error}", remedy, file=path)) from error


def _parquet(path: Path) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as arrow_parquet

    try:
        return arrow_parquet.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise ProfileError(Problem(f"cannot be read as Parquet: {error}", file=path)) from error


def _chosen(config: CsvLoad | CsvPv, header: list[str], path: Path) -> tuple[str, ...]:
    """The columns to use."""
    problems = []
    if config.time_column not in header:
        remedy = f"set time_column; {nearest(config.time_column, header)}"
        problems.append(Problem(f"no column {config.time_column!r}", remedy, file=path, line=1))
    names = config.columns or tuple(name for name in header if name != config.time_column)
    for name in names:
        if name not in header:
            problems.append(Problem(f"no column {name!r}", nearest(name, header), file=path, line=1))
        elif header.count(name) > 1:
            problems.append(Problem(f"column {name!r} is there more than once", file=path, line=1))
    if not names:
        problems.append(Problem("no columns beside the time", "is `separator` right?", file=path, line=1))
    if problems:
        raise ProfileError(problems)
    return names


def _stamps(
    column: pa.ChunkedArray, time_format: str | None, problems: Problems
) -> tuple[IntArray, NDArray[np.object_], bool]:
    """Seconds since 1970 by row (UTC, or of the wall clock where stamps carry no offset), the stamps as
    written, and whether they carry none."""
    import pandas as pd
    import pyarrow as pa

    if pa.types.is_timestamp(column.type):
        seconds = column.to_numpy().astype("datetime64[s]")
        texts = seconds.astype(str).astype(object)
        naive = column.type.tz is None
    else:
        texts = np.array([str(text).strip() for text in column.to_pylist()], dtype=object)
        offset = np.array([_OFFSET.search(text[10:]) is not None for text in texts], dtype=bool)
        naive = not offset.any() and "%z" not in (time_format or "")
        parsed = pd.to_datetime(
            pd.Series(texts), format=time_format or "ISO8601", errors="coerce", utc=not naive
        )
        seconds = parsed.to_numpy(dtype="datetime64[s]", na_value=np.datetime64("NaT"))
        if offset.any():
            problems.rows(
                ~offset & ~np.isnat(seconds),
                lambda row: f"{texts[row]} has no offset, other stamps have one",
                "write all stamps with an offset or none",
            )
    unreadable = np.isnat(seconds)
    problems.rows(
        unreadable,
        lambda row: f"cannot read the time stamp {texts[row]!r}",
        "ISO 8601 such as 2025-01-31 13:45, or set time_format",
    )
    return np.where(unreadable, UNREADABLE, seconds.astype(np.int64)), texts, naive


def column_of_numbers(column: pa.ChunkedArray, name: str, decimal: str, problems: Problems) -> FloatArray:
    """A column as numbers, NaN where there is none."""
    import pyarrow as pa
    import pyarrow.compute as arrow

    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        return np.asarray(column.to_numpy(), dtype=float)
    text = arrow.utf8_trim_whitespace(column.cast(pa.string()))
    if decimal == ",":
        text = arrow.replace_substring(text, ",", ".")
    try:
        return np.asarray(arrow.if_else(arrow.equal(text, ""), None, text).cast(pa.float64()).to_numpy())
    except pa.ArrowInvalid:
        pass  # some cell is no number: find out which
    cells = text.to_pylist()
    values = np.array([_number(cell) for cell in cells])
    wrong = np.array([np.isnan(value) and bool(cell) for value, cell in zip(values, cells, strict=True)])
    problems.rows(wrong, lambda row: f"{name}: {cells[row]!r} is not a number", "is `decimal` right?")
    return np.where(wrong, 0.0, values)


def _number(cell: str | None) -> float:
    try:
        return float(cell) if cell else float("nan")
    except ValueError:
        return float("nan")


def _check_values(values: FloatArray, names: tuple[str, ...], problems: Problems) -> None:
    for index, name in enumerate(names):
        _check_column(values[:, index], name, problems)


def _check_column(column: FloatArray, name: str, problems: Problems) -> None:
    problems.rows(~np.isfinite(column), lambda _: f"{name}: no value", "fill the gap")
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
