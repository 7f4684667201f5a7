"""The voltage of the grid above as a series from a CSV file: what is a voltage, and which one is in
force when. The file itself is read by `core.timeseries`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.core.clock import Clock
from cosim.core.problems import Problems
from cosim.core.timeseries import held_until, read_cells, require_cover, to_series
from cosim.errors import NetworkError
from cosim.network.config import NetworkConfig

_LOW_PU, _HIGH_PU = 0.5, 1.5
"""Outside of these a value is a mistake of unit (volts, percent), not a voltage in pu."""


def slack_series(config: NetworkConfig, clock: Clock, folder: Path) -> FloatArray | None:
    """The slack voltage in every period [pu], shape (periods,); None if the scenario names no file.

    A value holds from its time until the next one, the last for as long as the one before. A period takes the
    one in force when it begins. Steps need not be equal. Times carry an offset (`2016-01-10T00:00+01:00`), or
    are local times of the run's zone.

    Raises:
        NetworkError: with a problem for every wrong row, or if the series does not cover the clock.
    """
    if not isinstance(config.slack_vm_pu, str):
        return None
    problems = Problems(folder / config.slack_vm_pu, error=NetworkError, path="slack_vm_pu")
    series = to_series(read_cells(problems), "time", ["vm_pu"], clock.zone, problems, "voltage")
    values = series.values[:, 0]
    problems.rows(
        (values <= _LOW_PU) | (values >= _HIGH_PU),
        lambda row: f"{values[row]:g} is not a voltage in pu",
        "for example 1.02",
    )
    if len(values) == 1:
        problems.add("one row does not say for how long it holds", "give two, or a number for `slack_vm_pu`")
    problems.raise_if_any()
    edges = held_until(series.utc_s)
    require_cover(edges, clock, "slack voltages", problems)
    starts = clock.utc.astype("datetime64[s]").astype(np.int64)
    in_force: FloatArray = values[np.searchsorted(edges, starts, side="right") - 1]
    return in_force
