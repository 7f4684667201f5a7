"""Reads a price series from CSV: prices that hold from one time stamp to the next. Power profiles are another
room's; they are energies to be resampled, these are prices that stay in force."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.clock import Clock
from cosim.core.registry import nearest
from cosim.errors import Problem, ProfileError
from cosim.settlement.price_forms import PriceSeries

_EUR_PER_KWH = {"EUR/kWh": 1.0, "ct/kWh": 0.01, "EUR/MWh": 0.001}
_HIGHEST = 10.0
_SHOWN = 10
_NEIGHBOURS = 4


@dataclass(frozen=True)
class Series:
    """Prices that hold between edges."""

    file: Path
    edges: IntArray
    """Seconds since 1970 UTC, ascending, shape (m + 1,)."""
    price_eur_per_kwh: FloatArray
    """Price between edge k and edge k + 1, shape (m,)."""

    def over(self, clock: Clock) -> FloatArray:
        """Price of every period, the mean over time where it changes within, shape (clock.periods,).

        Raises:
            ProfileError: if the series begins after the clock or ends before it.
        """
        starts = clock.utc.astype("datetime64[s]").astype(np.int64)
        ends = starts + clock.step_minutes * 60
        if self.edges[0] > starts[0] or self.edges[-1] < ends[-1]:
            raise ProfileError(
                Problem(
                    f"prices from {_utc_text(self.edges[0])} to {_utc_text(self.edges[-1])} do not cover the "
                    f"run from {_utc_text(starts[0])} to {_utc_text(ends[-1])}",
                    file=self.file,
                )
            )
        first = np.searchsorted(self.edges, starts, side="right") - 1
        last = np.searchsorted(self.edges, ends, side="left") - 1
        mean = (self._integral(ends) - self._integral(starts)) / (ends - starts)
        return np.where(first == last, self.price_eur_per_kwh[first], mean)

    def covers(self, clock: Clock) -> int:
        """How many periods of the clock end before the series does, if it does not begin after the clock."""
        ends = clock.utc.astype("datetime64[s]").astype(np.int64) + clock.step_minutes * 60
        return int(np.searchsorted(ends, self.edges[-1], side="right"))

    def _integral(self, seconds: IntArray) -> FloatArray:
        """Price times seconds since the first edge, at each moment."""
        sums = np.concatenate(([0.0], np.cumsum(self.price_eur_per_kwh * np.diff(self.edges))))
        piece = np.minimum(np.searchsorted(self.edges, seconds, side="right") - 1, len(self.edges) - 2)
        inside: FloatArray = self.price_eur_per_kwh[piece] * (seconds - self.edges[piece])
        return sums[piece] + inside


def read_series(config: PriceSeries, folder: Path, zone: tzinfo) -> Series:
    """The prices of a CSV file with comma or semicolon (then a decimal comma is read too).

    Args:
        config: File, columns, zone and unit.
        folder: Where a relative path starts.
        zone: Of time stamps without offset, unless the config names one.

    Raises:
        ProfileError: with every row that has no time or price, steps back, or follows a gap.
    """
    file = folder / config.file
    rows, separator = _rows(file)
    time, column = _columns(config, rows[0], file)
    problems: list[Problem] = []
    stamps: list[int] = []
    prices: list[float] = []
    lines: list[int] = []
    zone = ZoneInfo(config.zone) if config.zone else zone
    for line, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        try:
            stamp = _seconds(_cell(row, time), zone, stamps[-1] if stamps else None)
            price = _number(_cell(row, column), decimal_comma=separator == ";") * _EUR_PER_KWH[config.unit]
        except ValueError as error:
            problems.append(Problem(str(error), file=file, line=line))
            continue
        stamps.append(stamp)
        prices.append(price)
        lines.append(line)
    if not problems:
        problems = _order_problems(np.array(stamps), lines, file) or _size_problems(
            prices, lines, config, file
        )
    if problems:
        raise ProfileError(_shortened(problems, file))
    steps = np.diff(stamps)
    return Series(file, np.array([*stamps, stamps[-1] + int(steps[-1])]), np.array(prices))


def _rows(file: Path) -> tuple[list[list[str]], str]:
    """All rows, and the separator."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        names = sorted(path.name for path in file.parent.glob("*.csv")) if file.parent.is_dir() else []
        raise ProfileError(Problem("no such file", nearest(file.name, names), file=file)) from None
    except UnicodeDecodeError:
        raise ProfileError(Problem("not a text file in UTF-8", file=file)) from None
    except OSError as error:
        raise ProfileError(Problem(f"cannot be read: {error.strerror}", file=file)) from error
    title = text.split("\n", 1)[0]
    separator = ";" if ";" in title else ","
    rows = list(csv.reader(text.splitlines(), delimiter=separator))
    if not rows:
        raise ProfileError(Problem("the file is empty", file=file))
    return rows, separator


def _columns(config: PriceSeries, titles: list[str], file: Path) -> tuple[int, int]:
    """Position of the time stamps and of the prices."""
    titles = [title.strip() for title in titles]
    for name in (config.time, config.column):
        if name is not None and name not in titles:
            raise ProfileError(Problem(f"no column {name!r}", nearest(name, titles), file=file, line=1))
    time = 0 if config.time is None else titles.index(config.time)
    if config.column is not None:
        return time, titles.index(config.column)
    others = [index for index in range(len(titles)) if index != time]
    if len(others) != 1:
        names = ", ".join(titles[index] for index in others) or "none"
        problem = Problem(
            f"which column holds the prices? ({names})", "name it in `column`", file=file, line=1
        )
        raise ProfileError(problem)
    return time, others[0]


def _cell(row: list[str], index: int) -> str:
    if index >= len(row):
        raise ValueError(f"the row has {len(row)} of at least {index + 1} cells")
    return row[index].strip()


def _number(text: str, *, decimal_comma: bool) -> float:
    try:
        value = float(text.replace(",", ".") if decimal_comma else text)
    except ValueError:
        raise ValueError(f"{text!r} is not a price" if text else "the price is missing") from None
    if not np.isfinite(value):
        raise ValueError(f"{text!r} is not a price")
    return value


def _seconds(text: str, zone: tzinfo, previous: int | None) -> int:
    """Seconds since 1970 UTC; of the two hours of one name in autumn, the one that follows `previous`."""
    try:
        stamp = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a time stamp (write for example 2016-06-06 00:15)") from None
    if stamp.tzinfo is not None:
        return int(stamp.timestamp())
    aware = stamp.replace(tzinfo=zone)
    if aware.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != stamp:
        raise ValueError(
            f"{text} does not exist in {zone} (clock change; name the `zone` of the time stamps)"
        )
    seconds = int(aware.timestamp())
    if previous is not None and seconds <= previous:
        seconds = int(aware.replace(fold=1).timestamp())
    return seconds


def _order_problems(stamps: IntArray, lines: list[int], file: Path) -> list[Problem]:
    """Duplicates, steps back and gaps: steps of half as much again as is usual around them."""
    if len(stamps) < 2:
        return [Problem("at least two rows with a time and a price are needed", file=file)]
    steps = np.diff(stamps)
    usual = _usual(steps)
    problems = []
    for index in np.flatnonzero((steps <= 0) | (steps > 1.5 * usual)).tolist():
        length = timedelta(seconds=int(steps[index]))
        if length > timedelta():
            message = f"gap of {length}, {timedelta(seconds=float(usual[index]))} is usual here"
        else:
            message = (
                "the time stamp is a duplicate" if not length else "the time stamp is before the last one"
            )
        problems.append(Problem(message, file=file, line=lines[index + 1]))
    return problems


def _usual(steps: IntArray) -> FloatArray:
    """Median of the steps around each; a file may pass from hourly to quarter-hourly prices."""
    width = min(len(steps), 2 * _NEIGHBOURS + 1)
    windows = np.lib.stride_tricks.sliding_window_view(steps, width)
    medians = np.quantile(windows, 0.5, axis=1, method="lower")
    nearby = np.clip(np.arange(len(steps)) - _NEIGHBOURS, 0, len(windows) - 1)
    return np.asarray(medians[nearby], dtype=np.float64)


def _size_problems(prices: list[float], lines: list[int], config: PriceSeries, file: Path) -> list[Problem]:
    """Prices that only a wrong unit explains."""
    worst: Any = int(np.argmax(np.abs(prices)))
    if abs(prices[worst]) <= _HIGHEST:
        return []
    return [
        Problem(
            f"{prices[worst]:g} EUR/kWh is not plausible (read as {config.unit})",
            "name the `unit`: " + ", ".join(_EUR_PER_KWH),
            file=file,
            line=lines[worst],
        )
    ]


def _shortened(problems: list[Problem], file: Path) -> list[Problem]:
    if len(problems) <= _SHOWN:
        return problems
    return [*problems[:_SHOWN], Problem(f"and {len(problems) - _SHOWN} more rows like these", file=file)]


def _utc_text(seconds: Any) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%d %H:%M UTC")
