"""Reads time series from CSV files: cells, stamps as instants of UTC, columns of numbers, and every problem
with its line. What a value means (whether it holds, is a mean or an energy) is the business of the rooms."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from cosim.core.arrays import BoolArray, FloatArray, IntArray
from cosim.core.clock import Clock
from cosim.core.problems import Problems
from cosim.core.registry import nearest
from cosim.core.zones import UNREADABLE, local_to_utc, wall_text
from cosim.errors import InputError

_EPOCH = datetime(1970, 1, 1)
_SECOND = timedelta(seconds=1)
_YEARS = range(1900, 2200)
"""A year outside of these is a slip; the arithmetic of zones needs some room before year 1 and after 9999."""
_LOOSE = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ](\d{1,2})(:.*))?")
"""ISO 8601 as spreadsheets write it: one digit for a month, day or hour, strokes or dots in the date."""


@dataclass(frozen=True)
class Cells:
    """A CSV file as text."""

    titles: tuple[str, ...]
    rows: list[list[str]]
    """Rows that are not blank; they need not be as long as `titles`."""
    lines: IntArray
    """Line of every row, from 1, shape (rows,)."""
    separator: str


@dataclass(frozen=True)
class TimeSeries:
    """Columns of values with the instants they stand at. Rows with a problem hold `UNREADABLE` or NaN."""

    file: Path
    utc_s: IntArray
    """Seconds since 1970 UTC, ascending unless that is among the problems, shape (rows,)."""
    values: FloatArray
    """Shape (rows, columns)."""
    names: tuple[str, ...]


def read_cells(problems: Problems) -> Cells:
    """The cells of `problems.file`: UTF-8 with or without byte order mark, separated by the semicolon if the
    title line has one, else by the comma.

    Raises:
        InputError: if there is no such file, or it is empty or no text.
    """
    file = require_file(problems)
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            separator = ";" if ";" in stream.readline() else ","
            stream.seek(0)
            reader = csv.reader(stream, delimiter=separator)
            numbered = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise unreadable_file(error, problems) from error
    if not numbered:
        raise problems.fail("the file is empty")
    titles = tuple(title.strip() for title in numbered[0][1])
    filled = [(line, row) for line, row in numbered[1:] if any(cell.strip() for cell in row)]
    lines = np.array([line for line, _ in filled], dtype=np.int64)
    return Cells(titles, [row for _, row in filled], lines, separator)


def require_file(problems: Problems) -> Path:
    """The file.

    Raises:
        InputError: if there is none; it names the nearest file beside it.
    """
    file = problems.file
    if not file.is_file():
        beside = [other.name for other in file.parent.glob(f"*{file.suffix}")] if file.parent.is_dir() else []
        remedy = nearest(file.name, beside) if beside else "paths start at the folder of the scenario"
        raise problems.fail("no such file", remedy)
    return file


def not_utf8(problems: Problems) -> InputError:
    """What to raise for a file in another encoding."""
    return problems.fail("not a text file in UTF-8", "save it as CSV in UTF-8")


def unreadable_file(error: Exception, problems: Problems) -> InputError:
    """What to raise for a file that opens, but cannot be read as text."""
    if isinstance(error, UnicodeDecodeError):
        return not_utf8(problems)
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return problems.fail(f"cannot be read: {reason}")


def check_columns(names: Sequence[str], titles: Sequence[str], problems: Problems, hint: str = "") -> None:
    """Report columns that a file does not have, hint before the nearest title, or has more than once."""
    for name in names:
        if name not in titles and len(titles) == 1 and re.search(r"[,;\t|]", titles[0]):
            problems.add(
                f"no column {name!r}", f"all titles are one: {titles[0]!r}; is it separated so?", line=1
            )
        elif name not in titles:
            problems.add(f"no column {name!r}", hint + nearest(name, titles), line=1)
        elif list(titles).count(name) > 1:
            problems.add(f"column {name!r} is there more than once", line=1)


def to_series(
    cells: Cells, time: str, names: Sequence[str], zone: ZoneInfo, problems: Problems, noun: str = "number"
) -> TimeSeries:
    """Stamps and columns of a file. Rows that are wrong go to `problems`; the caller adds those of its own,
    then has them raised.

    Args:
        cells: The file.
        time: Column of the time stamps: ISO 8601, all with an offset from UTC or all without.
        names: Columns of the values; a decimal comma is read where semicolons separate.
        zone: Zone of stamps without offset.
        problems: Where problems go.
        noun: What every value should be, for messages.

    Raises:
        InputError: if a column is missing.
    """
    check_columns((time, *names), cells.titles, problems)
    problems.raise_if_any()
    problems.lines = lambda: cells.lines
    if not cells.rows:
        problems.add("there are no rows below the titles")
    places = [cells.titles.index(name) for name in (time, *names)]
    broken = _report_lengths(cells, max(places) + 1, problems)
    columns = [
        ["" if wrong else row[place].strip() for row, wrong in zip(cells.rows, broken, strict=True)]
        for place in places
    ]
    utc_s, _ = to_utc(columns[0], zone, problems, skip=broken)
    report_disorder(utc_s, columns[0], problems)
    decimal = "," if cells.separator == ";" else "."
    skip = utc_s == UNREADABLE  # one problem is enough for a row
    values = [
        to_numbers(column, name if len(names) > 1 else "", decimal, problems, skip=skip, noun=noun)
        for name, column in zip(names, columns[1:], strict=True)
    ]
    return TimeSeries(problems.file, utc_s, np.array(values).T.reshape(len(utc_s), len(names)), tuple(names))


def _report_lengths(cells: Cells, needed: int, problems: Problems) -> BoolArray:
    """Rows whose cells do not fit the titles, shape (rows,)."""
    titles = len(cells.titles)
    wrong = [len(row) < needed or any(cell.strip() for cell in row[titles:]) for row in cells.rows]
    broken = np.array(wrong, dtype=bool)
    problems.rows(
        broken,
        lambda row: f"{_cells(len(cells.rows[row]))} in the row, {titles} in the title line",
        "with a decimal comma, separate cells by semicolons" if cells.separator == "," else "",
    )
    return broken


def _cells(count: int) -> str:
    return f"{count} cell{'s' if count > 1 else ''}"


def to_utc(
    texts: Sequence[str],
    zone: ZoneInfo,
    problems: Problems,
    *,
    time_format: str | None = None,
    written: str = "ISO 8601 such as 2025-01-31 13:45",
    skip: BoolArray | None = None,
) -> tuple[IntArray, bool]:
    """Instants of stamps as written, seconds since 1970 UTC, and whether they are local times without offset.

    Args:
        texts: ISO 8601, or in `time_format`, shape (rows,).
        zone: Zone of stamps without offset.
        problems: Where problems go; such rows become `UNREADABLE`.
        time_format: As of `datetime.strptime`.
        written: How stamps are to be written without one.
        skip: Rows that are not looked at; they become `UNREADABLE`.
    """
    seconds = np.full(len(texts), UNREADABLE)
    offset = np.zeros(len(texts), dtype=bool)
    skipped = np.zeros(len(texts), dtype=bool) if skip is None else skip
    for row in np.flatnonzero(~skipped).tolist():
        moment = _moment(texts[row], time_format)
        if moment is None:
            continue
        ahead = moment.utcoffset()
        offset[row] = ahead is not None
        wall = moment.replace(tzinfo=None) - _EPOCH
        seconds[row] = (wall if ahead is None else wall - ahead) // _SECOND
    problems.rows(
        (seconds == UNREADABLE) & ~skipped,
        lambda row: f"cannot read the time stamp {texts[row]!r}",
        f"time_format is {time_format!r}" if time_format else written,
    )
    if not offset.any():
        return local_to_utc(seconds, zone, problems), True
    without = ~offset & (seconds != UNREADABLE)
    problems.rows(
        without,
        lambda row: f"{texts[row]} has no offset, other stamps have one",
        "write all stamps with an offset or none",
    )
    return np.where(without, UNREADABLE, seconds), False


def _moment(text: str, time_format: str | None) -> datetime | None:
    """The stamp as written, or None."""
    try:
        moment = datetime.strptime(text, time_format) if time_format else datetime.fromisoformat(text)
    except ValueError:
        loose = None if time_format else _LOOSE.fullmatch(text)
        if loose is None:
            return None
        year, month, day, hour, rest = loose.groups()
        stricter = f"{year}-{month:0>2}-{day:0>2}" + (f"T{hour:0>2}{rest}" if hour else "")
        return None if stricter == text.replace(" ", "T") else _moment(stricter, None)
    return moment if moment.year in _YEARS else None


def report_disorder(utc_s: IntArray, texts: Sequence[str], problems: Problems) -> None:
    """Report stamps that repeat the one before or step back; those that could not be read are passed over."""
    rows = np.flatnonzero(utc_s != UNREADABLE)
    steps = np.zeros(len(utc_s), dtype=np.int64)
    previous = np.full(len(utc_s), -1)
    steps[rows[1:]] = np.diff(utc_s[rows])
    previous[rows[1:]] = rows[:-1]
    problems.rows(
        (steps == 0) & (previous >= 0), lambda row: f"{texts[row]} occurs more than once", "remove the double"
    )
    problems.rows(
        steps < 0,
        lambda row: f"{texts[row]} comes after {texts[previous[row]]}: rows are not in order",
        "sort the file by time",
    )


def to_numbers(
    cells: Sequence[str],
    name: str,
    decimal: str,
    problems: Problems,
    *,
    skip: BoolArray | None = None,
    noun: str = "number",
    missing: str = "fill the gap",
) -> FloatArray:
    """A column of text as numbers, NaN where there is a problem.

    Args:
        cells: Shape (rows,).
        name: Title of the column, for messages; "" if there is no other.
        decimal: Decimal sign, "." or ",".
        problems: Where problems go.
        skip: Rows that are not looked at; they become NaN.
        noun: What every value should be, for messages.
        missing: What to do about a cell that is empty.
    """
    skipped = np.zeros(len(cells), dtype=bool) if skip is None else skip
    empty = np.array([not cell for cell in cells], dtype=bool)
    values = np.full(len(cells), np.nan)
    for row in np.flatnonzero(~skipped & ~empty).tolist():
        values[row] = _number(cells[row].replace(",", ".") if decimal == "," else cells[row])
    prefix = f"{name}: " if name else ""
    problems.rows(empty & ~skipped, lambda _: f"{prefix}no value", missing)
    problems.rows(
        np.isnan(values) & ~empty & ~skipped,
        lambda row: f"{prefix}{cells[row]!r} is not a {noun}",
        f"the decimal sign here is {decimal!r}",
    )
    return values


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return float("nan")
    return value if isfinite(value) and "_" not in text else float("nan")


def held_until(utc_s: IntArray) -> IntArray:
    """Edges between values that hold from their stamp to the next: the stamps, and the end of the last, which
    holds for as long as the one before. Shape (rows + 1,); at least two rows."""
    return np.append(utc_s, 2 * utc_s[-1] - utc_s[-2])


def require_cover(edges_s: IntArray, clock: Clock, what: str, problems: Problems) -> None:
    """Check that what lies between the edges covers the clock.

    Args:
        edges_s: Seconds since 1970 UTC, ascending.
        clock: The periods to cover.
        what: What the file holds, in the plural.
        problems: Names the file and the kind of error.

    Raises:
        InputError: if it begins after the clock or ends before it; it says what is covered.
    """
    start, end = int(clock.start.timestamp()), int(clock.end.timestamp())
    if edges_s[0] <= start and end <= edges_s[-1]:
        return
    covered = " to ".join(f"{wall_text(edge)[:16]} UTC" for edge in edges_s[[0, -1]].tolist())
    wanted = " to ".join(f"{wall_text(edge)[:16]} UTC" for edge in (start, end))
    raise problems.fail(
        f"{what} from {covered} do not cover the run from {wanted}",
        "give a longer file, or move or shorten the horizon",
    )
