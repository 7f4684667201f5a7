"""`cosim bench network`: how long one power flow takes, ours beside pandapower's own ways, in one run on one
machine. It measures; that the results are equal is for the tests."""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.network.config import NetworkConfig
from cosim.network.grid import Grid, load_grid
from cosim.network.solver import create

GRID = "1-LV-rural2--0-sw"
LARGE_GRID = "1-MVLV-semiurb-all-0-sw"
_REPETITIONS = 5


def run(*, large: bool = False, grid: str = GRID) -> list[dict[str, Any]]:
    """Milliseconds per step, the median of repetitions, and how many times longer than ours.

    Args:
        large: Also a medium-voltage grid with all low-voltage grids below it (9,099 buses).
        grid: SimBench code.

    Returns:
        Rows with the columns grid, buses, method, ms_per_step, ratio (to power-grid-model, step by step).
    """
    rows = _measure(load_grid(NetworkConfig(name=grid), Path()))
    if large:
        rows += _measure(load_grid(NetworkConfig(name=LARGE_GRID), Path()))
    return rows


def _measure(grid: Grid) -> list[dict[str, Any]]:
    small = len(grid.buses.name) < 1000
    steps, slow_steps, batch = (400, 20, 2000) if small else (40, 3, 100)
    p_kw, q_kvar = _injections(grid, batch)
    fast = create(grid, NetworkConfig())
    reference = create(grid, NetworkConfig(solver="pandapower"))
    measured = {
        "power-grid-model, step by step": _stepwise(fast, p_kw[:steps], q_kvar[:steps]),
        "power-grid-model, batch": _median_ms(lambda: fast.solve_many(p_kw, q_kvar), batch),
        "pandapower runpp": _stepwise(reference, p_kw[:slow_steps], q_kvar[:slow_steps]),
        "pandapower run_timeseries": _timeseries(reference, p_kw[:slow_steps], q_kvar[:slow_steps]),
    }
    ours = measured["power-grid-model, step by step"]
    return [
        {
            "grid": grid.origin.name,
            "buses": len(grid.buses.name),
            "method": method,
            "ms_per_step": ms,
            "ratio": ms / ours,
        }
        for method, ms in measured.items()
    ]


def _injections(grid: Grid, instants: int) -> tuple[FloatArray, FloatArray]:
    """The grid's own loads, each instant each drawn anew between nothing and its rating."""
    rng = np.random.default_rng(1)
    p_kw = np.zeros((instants, len(grid.buses.name)))
    fed = grid.buses.fed[grid.loads.bus]
    drawn = grid.loads.p_kw[fed] * rng.uniform(0, 1, (instants, int(fed.sum())))
    np.add.at(p_kw.T, grid.loads.bus[fed], drawn.T)
    return p_kw, 0.33 * p_kw


def _median_ms(work: Callable[[], object], steps: int) -> float:
    """Milliseconds per step of work that does `steps`, after one call to warm up."""
    work()
    seconds = []
    for _ in range(_REPETITIONS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return 1e3 * statistics.median(seconds) / steps


def _stepwise(solver: Any, p_kw: FloatArray, q_kvar: FloatArray) -> float:
    def work() -> None:
        for p, q in zip(p_kw, q_kvar, strict=True):
            solver.solve(p, q)

    return _median_ms(work, len(p_kw))


def _timeseries(reference: Any, p_kw: FloatArray, q_kvar: FloatArray) -> float:
    """pandapower's own loop over a series, with the net and the options of the reference solver."""
    import pandas as pd
    from pandapower.control import ConstControl
    from pandapower.timeseries import DFData, OutputWriter, run_timeseries

    net, fed = reference.net, reference.fed
    steps = range(len(p_kw))
    for column, values in (("p_mw", p_kw), ("q_mvar", q_kvar)):
        source = DFData(pd.DataFrame(values[:, fed] * 1e-3))
        ConstControl(
            net,
            "load",
            column,
            net.load.index,
            data_source=source,
            profile_name=list(range(len(fed))),
        )
    writer = OutputWriter(net, steps, output_path=None)
    for table, column in (
        ("res_bus", "vm_pu"),
        ("res_line", "loading_percent"),
        ("res_trafo", "loading_percent"),
    ):
        writer.log_variable(table, column)

    def work() -> None:
        with warnings.catch_warnings():
            # pandapower's output writer fills frames by pandas calls that will change
            warnings.simplefilter("ignore", FutureWarning)
            run_timeseries(net, steps, verbose=False, numba=True)

    return _median_ms(work, len(p_kw))
