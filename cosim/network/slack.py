"""The voltage of the grid above as a series from a CSV file: read, checked by row, aligned to the clock."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.core.clock import Clock
from cosim.errors import NetworkError, Problem
from cosim.network.config import NetworkConfig

_LOW_PU, _HIGH_PU = 0.5, 1.5
"""Outside of these a value is a mistake of unit (volts, percent), not a voltage in pu."""
_SHOWN = 10


def slack_series(config: NetworkConfig, clock: Clock, folder: Path) -> FloatArray | None:
    """The slack voltage in every period [pu], shape (periods,); None if the scenario names no file.

    A value holds from its time until the next one. Times carry an offset (`2016-01-10T00:00+01:00`) or are
    local times of the run's zone.

    Raises:
        NetworkError: with a problem for every wrong row, if times do not rise, or the run begins before the
            first of them.
    """
    if not isinstance(config.slack_vm_pu, str):
        return None
    file = folder / config.slack_vm_pu
    times, values = _read(file, clock)
    starts = clock.utc.astype("datetime64[s]")
    row = np.searchsorted(times, starts, side="right") - 1
    if row[0] < 0:
        raise NetworkError(
            Problem(
                f"the slack voltage begins at {times[0]} UTC, after the run ({starts[0]} UTC)",
                "start the series earlier, or the run later",
                file=file,
            )
        )
    return values[row]


def _read(file: Path, clock: Clock) -> tuple[np.ndarray, FloatArray]:
    times: list[np.datetime64] = []
    values: list[float] = []
    problems: list[Problem] = []
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            missing = {"time", "vm_pu"} - set(reader.fieldnames or ())
            if missing:
                problems.append(
                    Problem(f"there is no column {sorted(missing)[0]!r}", "the header is: time,vm_pu", line=1)
                )
            for record in reader if not missing else ():
                _take(record, reader.line_num, clock, times, values, problems)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else str(error)
        problem = Problem(f"the slack voltage cannot be read: {reason}", path="slack_vm_pu", file=file)
        raise NetworkError(problem) from error
    if not problems and not times:
        problems.append(Problem("there are no rows"))
    if problems:
        shown = problems[:_SHOWN]
        if len(problems) > _SHOWN:
            shown.append(Problem(f"... and {len(problems) - _SHOWN} more rows"))
        raise NetworkError([problem.at(file=file) for problem in shown])
    return np.array(times), np.array(values)


def _take(
    record: dict[str, str | None],
    line: int,
    clock: Clock,
    times: list[np.datetime64],
    values: list[float],
    problems: list[Problem],
) -> None:
    """Add one row, or say what is wrong with it."""
    time_text, value_text = record["time"] or "", record["vm_pu"] or ""
    try:
        moment = datetime.fromisoformat(time_text.strip())
    except ValueError:
        problems.append(Problem(f"{time_text!r} is no time", "write 2016-01-10T00:00+01:00", line=line))
        return
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=clock.zone)
    time = np.datetime64(int(moment.timestamp()), "s")
    try:
        value = float(value_text)
    except ValueError:
        value = np.nan
    if not _LOW_PU < value < _HIGH_PU:
        problems.append(Problem(f"vm_pu is {value_text!r}", "a voltage in pu, for example 1.02", line=line))
    elif times and time <= times[-1]:
        problems.append(Problem(f"{time_text} is not after the row before", "times rise", line=line))
    else:
        times.append(time)
        values.append(value)
