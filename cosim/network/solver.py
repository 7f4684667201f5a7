"""AC power flow of a grid: power at the buses in, `Flow` out. Two solvers stand behind one protocol:
power-grid-model, which is fast, and pandapower, to which it is held. No limit is known here (limits.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.core.records import Flow
from cosim.network.config import NetworkConfig
from cosim.network.grid import NO_BRANCH, Grid


@runtime_checkable
class PowerFlow(Protocol):
    """A solver of one grid. What it returns depends on nothing but the arguments of the call."""

    def solve(self, p_kw: FloatArray, q_kvar: FloatArray, slack_vm_pu: float | None = None) -> Flow:
        """The state of the grid at one instant.

        Args:
            p_kw: Power drawn at every bus of the grid (injection negative), shape (buses,).
            q_kvar: Reactive power drawn, shape (buses,).
            slack_vm_pu: Voltage of the grid above; None: as in the grid file.

        Returns:
            The flow; if none was found, `converged` is False and every figure NaN.

        Raises:
            ValueError: if a power is not finite, or is drawn at a bus that is not fed.
        """
        ...

    def solve_many(
        self, p_kw: FloatArray, q_kvar: FloatArray, slack_vm_pu: FloatArray | float | None = None
    ) -> Sequence[Flow]:
        """The states at several instants, shapes (instants, buses); otherwise like `solve`."""
        ...


def create(grid: Grid, config: NetworkConfig) -> PowerFlow:
    """The solver that a scenario asks for. `config.slack_vm_pu`, if a number, replaces the grid file's."""
    slack = config.slack_vm_pu if isinstance(config.slack_vm_pu, float) else None
    if config.solver == "pandapower":
        from cosim.network.pandapower_flow import PandapowerFlow

        return PandapowerFlow(grid, slack)
    from cosim.network.fast_flow import FastFlow

    return FastFlow(grid, slack)


def diverged(grid: Grid) -> Flow:
    """The flow that says that none was found."""
    return Flow(
        converged=False,
        vm_pu=np.full(len(grid.buses.name), np.nan),
        line_loading_percent=np.full(len(grid.lines.name), np.nan),
        trafo_loading_percent=np.full(len(grid.transformers.name), np.nan),
        slack_kw=np.nan,
        losses_kw=np.nan,
    )


def idle_loading(grid: Grid) -> tuple[FloatArray, FloatArray]:
    """Loading of lines and of transformers that are out of service, or open at both ends [percent].

    It is 0 where one of their buses is fed, else NaN; NaN, too, for those in service, whose loading is to be
    computed. (pandapower gives NaN or 0 for a line that is open, depending on how.)
    """
    fed = grid.buses.fed
    line, trafo = grid.lines, grid.transformers
    off_line = (line.branch == NO_BRANCH) & (fed[line.from_bus] | fed[line.to_bus])
    off_trafo = (trafo.branch == NO_BRANCH) & (fed[trafo.hv_bus] | fed[trafo.lv_bus])
    return np.where(off_line, 0.0, np.nan), np.where(off_trafo, 0.0, np.nan)


class Intake:
    """Checks the power at buses and adds it up by node of the circuit."""

    def __init__(self, grid: Grid) -> None:
        buses = grid.buses
        self._count = len(buses.node)
        self._nodes = len(grid.circuit.node_kv)
        self._fed = buses.fed
        self._all_fed = bool(buses.fed.all())
        self._node = np.where(buses.fed, buses.node, 0)
        # the usual case, every bus one node of its own, needs no adding up
        self._order = (
            np.argsort(buses.node)
            if self._all_fed and np.array_equal(np.sort(buses.node), np.arange(self._nodes))
            else None
        )

    def by_node(self, power: FloatArray) -> FloatArray:
        """Power by node, shape (..., nodes), of power by bus, shape (..., buses)."""
        power = np.asarray(power, dtype=float)
        if power.shape[-1:] != (self._count,):
            raise ValueError(f"power at {power.shape} buses, the grid has {self._count}")
        # the sum is finite only if every value is (a sum of finite kW that overflows is no power either)
        if not np.isfinite(power.sum()):
            raise ValueError("power at a bus is not a finite number")
        if self._order is not None:
            return power[..., self._order]
        if not self._all_fed and np.any(power[..., ~self._fed]):
            raise ValueError("power is drawn at a bus that no source feeds")
        if power.ndim == 1:
            summed = np.bincount(self._node, weights=power, minlength=self._nodes)
            return summed.astype(np.float64, copy=False)
        rows = np.zeros((len(power), self._nodes))
        np.add.at(rows.T, self._node, power.T)
        return rows


def check_slack(value: float) -> float:
    """The slack voltage, if it is one.

    Raises:
        ValueError: if it is not a positive number.
    """
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"slack voltage of {value} pu")
    return value
