"""From the instants of a file's rows to equal steps of UTC: gaps and unequal steps, each with its row. Values
are not looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from cosim.core.arrays import BoolArray, IntArray
from cosim.core.problems import Problems
from cosim.core.timeseries import report_disorder
from cosim.core.zones import UNREADABLE, utc_offsets


@dataclass(frozen=True, slots=True)
class Axis:
    """Equal steps of UTC."""

    start_s: int
    """Start of the first step, seconds since 1970, UTC."""
    step_s: int


def regular_axis(
    utc_s: IntArray, texts: Sequence[str], problems: Problems, zone: ZoneInfo | None
) -> Axis | None:
    """The steps of a file, or None where there are problems.

    Args:
        utc_s: Instants by row, or `UNREADABLE`.
        texts: The stamps as written, for messages.
        problems: Where problems go.
        zone: The zone of stamps without offset; None where stamps carry theirs.
    """
    report_disorder(utc_s, texts, problems)
    rows = np.flatnonzero(utc_s != UNREADABLE)
    moments = utc_s[rows]
    if len(moments) < 2:
        problems.add("fewer than two rows have a usable time stamp")
        return None
    difference = np.diff(moments)
    forward = difference[difference > 0]
    if not len(forward):
        problems.add("no two time stamps follow each other")
        return None
    lengths, counts = np.unique(forward, return_counts=True)
    step = int(lengths[counts.argmax()])
    _report_steps(rows, difference, step, texts, problems, zone, moments)
    return None if problems else Axis(int(moments[0]), step)


def _report_steps(
    rows: IntArray,
    difference: IntArray,
    step: int,
    texts: Sequence[str],
    problems: Problems,
    zone: ZoneInfo | None,
    moments: IntArray,
) -> None:
    minutes = f"{step / 60:g} min"
    gap = np.zeros(rows[-1] + 1, dtype=np.int64)
    gap[rows[1:]] = difference

    def at(wrong: BoolArray) -> BoolArray:
        mask = np.zeros(rows[-1] + 1, dtype=bool)
        mask[rows[1:][wrong]] = True
        return mask

    adjacent = np.diff(rows) == 1  # a stamp that could not be read in between is reported already
    changes = np.zeros(len(difference), dtype=bool)
    if zone is not None:
        offsets = utc_offsets(moments, zone)
        changes = np.diff(offsets) < 0
    jump = (difference > step) & (difference % step == 0) & adjacent
    problems.rows(
        at(jump & ~changes),
        lambda row: f"gap: {gap[row] // step - 1} steps of {minutes} are missing before {texts[row]}",
        "fill the gap; nothing is filled silently",
    )
    problems.rows(
        at(jump & changes),
        lambda row: f"clocks go back before {texts[row]}, but the repeated hour is there only once",
        "write the hour twice, or use UTC or stamps with an offset",
    )
    problems.rows(
        at((difference > 0) & (difference % step != 0) & adjacent),
        lambda row: f"{texts[row]} is {gap[row] / 60:g} min after the row before; other steps are {minutes}",
        "steps must be equal",
    )
