"""The fast solver: a grid's circuit handed to power-grid-model as it is, element for element.

Nodes become nodes, branches `generic_branch` (k is the tap at the from side, theta the phase shift,
impedances on the base of the to side), a source of infinite short-circuit power holds the slack voltage, and
every node has one load. So both solvers compute the same circuit, and differ by rounding alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from power_grid_model import (
    CalculationMethod,
    ComponentType,
    DatasetType,
    LoadGenType,
    PowerGridModel,
    initialize_array,
)
from power_grid_model.errors import IterationDiverge, PowerGridBatchError, SparseMatrixError

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.records import Flow
from cosim.network.grid import NO_BRANCH, Grid
from cosim.network.solver import Intake, check_slack, diverged, idle_loading

_SHORT_CIRCUIT_VA = 1e20
"""Makes the source's own impedance vanish beside the grid's: the slack voltage is held to rounding."""
_METHOD = CalculationMethod.iterative_current
"""Fixed-point iteration on the currents. It converges to the solution that a grid operates at, or not at all.
Newton-Raphson, measured on four grids with feed-in of five to fifty times the transformer's rating, diverged
or ended in the other solution, of low voltage, without a sign of it (pandapower's ended there less often).
"""
_TOLERANCE_PU = 1e-11
"""Of the last change of a voltage. The convergence is linear: with a rate q the error left is at most
q / (1 - q) times this, so under 1e-9 pu up to q = 0.99, close to the limit of what a grid can carry.
"""
_ITERATIONS = 500
_OUTPUT = [ComponentType.node, ComponentType.generic_branch, ComponentType.source]


class FastFlow:
    """power-grid-model on one grid; see `PowerFlow`.

    Args:
        grid: The grid.
        slack_vm_pu: Slack voltage unless a call says otherwise; None: as in the grid file.
    """

    def __init__(self, grid: Grid, slack_vm_pu: float | None = None) -> None:
        self._grid = grid
        self._intake = Intake(grid)
        components = _components(grid)
        self._model = PowerGridModel(components)
        self._load = _update_of(components, ComponentType.sym_load)
        self._source = _update_of(components, ComponentType.source)
        self._base_slack: FloatArray = components[ComponentType.source]["u_ref"].copy()
        if slack_vm_pu is not None:
            self._base_slack[:] = check_slack(slack_vm_pu)
        self._slack_now: float | None = np.nan  # none of these was handed over yet
        self._readout = _Readout(grid)

    def solve(self, p_kw: FloatArray, q_kvar: FloatArray, slack_vm_pu: float | None = None) -> Flow:
        """See `PowerFlow.solve`."""
        drawn_kw = self._intake.by_node(p_kw)
        self._load["p_specified"] = drawn_kw * 1e3
        self._load["q_specified"] = self._intake.by_node(q_kvar) * 1e3
        update = {ComponentType.sym_load: self._load}
        if slack_vm_pu != self._slack_now:
            self._source["u_ref"] = self._base_slack if slack_vm_pu is None else check_slack(slack_vm_pu)
            update[ComponentType.source] = self._source
        self._model.update(update_data=update)
        self._slack_now = slack_vm_pu
        try:
            result = self._model.calculate_power_flow(
                error_tolerance=_TOLERANCE_PU,
                max_iterations=_ITERATIONS,
                calculation_method=_METHOD,
                output_component_types=_OUTPUT,
            )
        except (IterationDiverge, SparseMatrixError):
            return diverged(self._grid)
        return self._readout.flow(*(result[component] for component in _OUTPUT))

    def solve_many(
        self, p_kw: FloatArray, q_kvar: FloatArray, slack_vm_pu: FloatArray | float | None = None
    ) -> list[Flow]:
        """See `PowerFlow.solve_many`; the instants are one batch."""
        p_w = self._intake.by_node(p_kw) * 1e3
        q_var = self._intake.by_node(q_kvar) * 1e3
        if p_w.ndim != 2 or p_w.shape != q_var.shape:
            raise ValueError("power at several instants has the shape (instants, buses)")
        if not len(p_w):
            return []
        if len(p_w) == 1:  # to the bit the same as a batch of one, in half the time
            slack = None if slack_vm_pu is None else float(np.ravel(slack_vm_pu)[0])
            return [self.solve(p_kw[0], q_kvar[0], slack)]
        load = np.repeat(self._load[np.newaxis], len(p_w), axis=0)
        load["p_specified"] = p_w
        load["q_specified"] = q_var
        update = {ComponentType.sym_load: load}
        if slack_vm_pu is not None:
            source = np.repeat(self._source[np.newaxis], len(p_w), axis=0)
            source["u_ref"] = self._slack_of(slack_vm_pu, len(p_w))
            update[ComponentType.source] = source
        elif self._slack_now is not None:  # the model keeps its own from then on
            self._source["u_ref"] = self._base_slack
            self._model.update(update_data={ComponentType.source: self._source})
            self._slack_now = None
        try:
            result = self._model.calculate_power_flow(
                error_tolerance=_TOLERANCE_PU,
                max_iterations=_ITERATIONS,
                calculation_method=_METHOD,
                update_data=update,
                output_component_types=_OUTPUT,
                continue_on_batch_error=True,
            )
        except PowerGridBatchError as error:  # power-grid-model raises it only for what is not a scenario's
            raise RuntimeError(f"power-grid-model refused a batch: {error}") from error
        failed = self._failed()
        return [
            diverged(self._grid)
            if row in failed
            else self._readout.flow(*(result[component][row] for component in _OUTPUT))
            for row in range(len(p_w))
        ]

    @staticmethod
    def _slack_of(slack_vm_pu: FloatArray | float, instants: int) -> FloatArray:
        """Slack voltage of every source, shape (instants, sources)."""
        values = np.full(instants, slack_vm_pu, dtype=np.float64)
        for value in values:
            check_slack(float(value))
        return values.reshape(-1, 1)

    def _failed(self) -> frozenset[int]:
        """Rows of the last batch that did not converge.

        Raises:
            RuntimeError: if a row failed for another reason, which is a defect.
        """
        error = self._model.batch_error
        if error is None:
            return frozenset()
        for reason in error.errors:
            if not isinstance(reason, IterationDiverge | SparseMatrixError):
                raise RuntimeError(f"power-grid-model failed: {reason}")
        return frozenset(int(row) for row in error.failed_scenarios)


class _Readout:
    """From power-grid-model's tables to `Flow`."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._fed = None if grid.buses.fed.all() else grid.buses.fed
        self._node = np.where(grid.buses.fed, grid.buses.node, 0)
        self._from, self._to = _percent_per_ampere(grid)
        idle_lines, idle_trafos = idle_loading(grid)
        self._lines = _Rows(grid.lines.branch, idle_lines)
        self._trafos = _Rows(grid.transformers.branch, idle_trafos)
        circuit = grid.circuit
        self._shunt_node = circuit.shunt_node
        self._shunt_kw = circuit.shunt_mw * 1e3

    def flow(self, node: Any, branch: Any, source: Any) -> Flow:
        """The flow of one instant."""
        voltage = node["u_pu"]
        loading = np.maximum(branch["i_from"] * self._from, branch["i_to"] * self._to)
        vm_pu = voltage[self._node]
        if self._fed is not None:
            vm_pu[~self._fed] = np.nan
        losses = 1e-3 * float(branch["p_from"].sum() + branch["p_to"].sum())
        if len(self._shunt_node):
            losses += float((self._shunt_kw * voltage[self._shunt_node] ** 2).sum())
        return Flow(
            converged=True,
            vm_pu=vm_pu,
            line_loading_percent=self._lines.of(loading),
            trafo_loading_percent=self._trafos.of(loading),
            slack_kw=1e-3 * float(source["p"].sum()),
            losses_kw=losses,
        )


class _Rows:
    """Loadings of lines or transformers out of those of all branches."""

    def __init__(self, branch: IntArray, idle: FloatArray) -> None:
        self._branch = np.where(branch == NO_BRANCH, 0, branch)
        self._off = branch == NO_BRANCH
        self._complete = not self._off.any()
        self._value_off = idle[self._off]

    def of(self, loading: FloatArray) -> FloatArray:
        """Loading of every row [percent]."""
        if self._complete:
            return loading[self._branch]
        rows = loading[self._branch] if len(loading) else np.zeros(len(self._branch))
        rows[self._off] = self._value_off
        return rows


def _percent_per_ampere(grid: Grid) -> tuple[FloatArray, FloatArray]:
    """Loading in percent that one ampere makes at the from and at the to side of every branch.

    As pandapower defines it: of a line's rated current, and with trafo_loading="current" of the current that
    the transformer's rated power is at the rated voltage of the winding. Other branches have no limit: 0.
    """
    at_from = np.zeros(len(grid.circuit.r))
    at_to = np.zeros(len(grid.circuit.r))
    line, trafo = grid.lines, grid.transformers
    on = line.branch != NO_BRANCH
    at_from[line.branch[on]] = at_to[line.branch[on]] = 0.1 / line.max_i_ka[on]
    on = trafo.branch != NO_BRANCH
    at_from[trafo.branch[on]] = 100.0 * np.sqrt(3) * trafo.vn_hv_kv[on] / trafo.sn_kva[on]
    at_to[trafo.branch[on]] = 100.0 * np.sqrt(3) * trafo.vn_lv_kv[on] / trafo.sn_kva[on]
    return at_from, at_to


def _components(grid: Grid) -> dict[ComponentType, Any]:
    """power-grid-model's input tables; ids count through nodes, branches, loads, shunts, sources."""
    circuit = grid.circuit
    nodes, branches = len(circuit.node_kv), len(circuit.r)
    shunts, sources = len(circuit.shunt_node), len(grid.sources)
    start = np.cumsum([0, nodes, branches, nodes, shunts])

    node = initialize_array(DatasetType.input, ComponentType.node, nodes)
    node["id"] = np.arange(nodes)
    node["u_rated"] = circuit.node_kv * 1e3

    load = initialize_array(DatasetType.input, ComponentType.sym_load, nodes)
    load["id"] = start[2] + np.arange(nodes)
    load["node"] = np.arange(nodes)
    load["status"] = 1
    load["type"] = LoadGenType.const_power
    load["p_specified"] = load["q_specified"] = 0.0

    shunt = initialize_array(DatasetType.input, ComponentType.shunt, shunts)
    shunt["id"] = start[3] + np.arange(shunts)
    shunt["node"] = circuit.shunt_node
    shunt["status"] = 1
    kv = circuit.node_kv[circuit.shunt_node]
    shunt["g1"] = shunt["g0"] = circuit.shunt_mw / kv**2
    shunt["b1"] = shunt["b0"] = -circuit.shunt_mvar / kv**2

    source = initialize_array(DatasetType.input, ComponentType.source, sources)
    source["id"] = start[4] + np.arange(sources)
    source["node"] = grid.buses.node[grid.sources.bus]
    source["status"] = 1
    source["u_ref"] = grid.sources.vm_pu
    source["u_ref_angle"] = np.deg2rad(grid.sources.va_degree)
    source["sk"] = _SHORT_CIRCUIT_VA

    components = {
        ComponentType.node: node,
        ComponentType.generic_branch: _branches(grid, int(start[1])),
        ComponentType.sym_load: load,
        ComponentType.source: source,
    }
    return components | ({ComponentType.shunt: shunt} if shunts else {})


def _branches(grid: Grid, first_id: int) -> Any:
    circuit = grid.circuit
    branch = initialize_array(DatasetType.input, ComponentType.generic_branch, len(circuit.r))
    branch["id"] = first_id + np.arange(len(circuit.r))
    branch["from_node"] = circuit.from_node
    branch["to_node"] = circuit.to_node
    branch["from_status"] = branch["to_status"] = 1
    base_ohm = circuit.node_kv[circuit.to_node] ** 2 / circuit.base_mva
    branch["r1"] = circuit.r * base_ohm
    branch["x1"] = circuit.x * base_ohm
    branch["g1"] = circuit.g / base_ohm
    branch["b1"] = circuit.b / base_ohm
    branch["k"] = circuit.tap
    branch["theta"] = np.deg2rad(circuit.shift_degree)
    branch["sn"] = circuit.base_mva * 1e6  # only power-grid-model's own loading uses it
    return branch


def _update_of(components: dict[ComponentType, Any], component: ComponentType) -> Any:
    """An update table for all rows of a component, filled with what it starts from."""
    rows = components[component]
    update = initialize_array(DatasetType.update, component, len(rows))
    for name in update.dtype.names:
        update[name] = rows[name]
    return update
