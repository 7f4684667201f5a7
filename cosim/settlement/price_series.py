"""Prices from a CSV file: they hold from one time stamp to the next. Here is what they mean: unit, gaps, the
mean over a period; the file itself is read by `core.timeseries`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.clock import Clock
from cosim.core.problems import Problems
from cosim.core.timeseries import check_columns, held_until, read_cells, require_cover, to_series
from cosim.core.zones import UNREADABLE
from cosim.settlement.price_forms import PriceSeries

_EUR_PER_KWH = {"EUR/kWh": 1.0, "ct/kWh": 0.01, "EUR/MWh": 0.001}
_HIGHEST = 10.0
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
        require_cover(self.edges, clock, "prices", Problems(self.file))
        starts = clock.utc.astype("datetime64[s]").astype(np.int64)
        ends = starts + clock.step_minutes * 60
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


def read_series(config: PriceSeries, folder: Path, zone: ZoneInfo) -> Series:
    """The prices of a CSV file.

    Args:
        config: File, columns, zone and unit.
        folder: Where a relative path starts.
        zone: Of time stamps without offset, unless the config names one.

    Raises:
        ProfileError: with every row that has no time or price, is out of order, or follows a gap.
    """
    problems = Problems(folder / config.file)
    cells = read_cells(problems)
    time, column = _columns(config, cells.titles, problems)
    zone = ZoneInfo(config.zone) if config.zone else zone
    series = to_series(cells, time, [column], zone, problems, "price")
    prices = series.values[:, 0] * _EUR_PER_KWH[config.unit]
    _report_gaps(series.utc_s, problems)
    if not problems:
        _report_size(prices, config, problems)
    problems.raise_if_any()
    return Series(problems.file, held_until(series.utc_s), prices)


def _columns(config: PriceSeries, titles: tuple[str, ...], problems: Problems) -> tuple[str, str]:
    """Titles of the time stamps and of the prices."""
    check_columns([name for name in (config.time, config.column) if name is not None], titles, problems)
    problems.raise_if_any()
    time = titles[0] if config.time is None else config.time
    if config.column is not None:
        return time, config.column
    others = [title for title in titles if title != time]
    if len(others) != 1:
        names = ", ".join(others) or "none"
        raise problems.fail(f"which column holds the prices? ({names})", "name it in `column`", line=1)
    return time, others[0]


def _report_gaps(utc_s: IntArray, problems: Problems) -> None:
    """Steps of half as much again as is usual around them; a row that was not read is no gap."""
    rows = np.flatnonzero(utc_s != UNREADABLE)
    if len(rows) < 2:
        if not problems:
            problems.add("at least two rows with a time and a price are needed")
        return
    steps = np.diff(utc_s[rows])
    onward = steps > 0  # the others are told already
    if not onward.any():
        return
    later = rows[1:][onward]
    usual, length = np.zeros(len(utc_s)), np.zeros(len(utc_s))
    usual[later], length[later] = _usual(steps[onward]), (steps * (np.diff(rows) == 1))[onward]
    problems.rows(
        length > 1.5 * usual,
        lambda row: f"gap of {timedelta(seconds=length[row])}, {timedelta(seconds=usual[row])} is usual here",
        "fill the gap; nothing is filled silently",
    )


def _usual(steps: IntArray) -> FloatArray:
    """Median of the steps around each; a file may pass from hourly to quarter-hourly prices."""
    width = min(len(steps), 2 * _NEIGHBOURS + 1)
    windows = np.lib.stride_tricks.sliding_window_view(steps, width)
    medians = np.quantile(windows, 0.5, axis=1, method="lower")
    nearby = np.clip(np.arange(len(steps)) - _NEIGHBOURS, 0, len(windows) - 1)
    return np.asarray(medians[nearby], dtype=np.float64)


def _report_size(prices: FloatArray, config: PriceSeries, problems: Problems) -> None:
    """Report prices that only a wrong unit explains."""
    worst = int(np.argmax(np.abs(prices)))
    if abs(prices[worst]) > _HIGHEST:
        problems.add(
            f"{prices[worst]:g} EUR/kWh is not plausible (read as {config.unit})",
            "name the `unit`: " + ", ".join(_EUR_PER_KWH),
            worst,
        )
