"""The reference solver: pandapower's Newton-Raphson on the net itself, read again from its origin. Slow; it
takes nothing from the compiled circuit but the order of elements.

Newton's method can end in the solution of low voltage where feed-in is many times what a grid is built for
(measured from twenty times a transformer's rating on); fast_flow.py says more.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.core.records import Flow
from cosim.network.grid import Grid
from cosim.network.solver import Intake, check_slack, diverged, idle_loading


class PandapowerFlow:
    """pandapower on one grid; see `PowerFlow`.

    Args:
        grid: The grid; its origin is read again.
        slack_vm_pu: Slack voltage unless a call says otherwise; None: as in the grid file.
        net: The pandapower net, if it is at hand; it is changed.

    Attributes:
        net: The net that is solved, with one load at every bus that is fed.
        fed: Rows of these buses.

    Raises:
        NetworkError: if the origin can no longer be read.
    """

    def __init__(self, grid: Grid, slack_vm_pu: float | None = None, net: Any = None) -> None:
        from cosim.network.injections import take_out_injections
        from cosim.network.reference import REFERENCE_OPTIONS, tolerance_mva
        from cosim.network.sources import load_net

        self._grid = grid
        self.net = load_net(grid.origin) if net is None else net
        take_out_injections(self.net)
        self.fed = np.flatnonzero(grid.buses.fed)
        self._add_loads()
        self._base_slack = self.net.ext_grid["vm_pu"].to_numpy(dtype=float, copy=True)
        if slack_vm_pu is not None:
            self._base_slack[:] = check_slack(slack_vm_pu)
        self._options = REFERENCE_OPTIONS | {"numba": True, "tolerance_mva": tolerance_mva(grid.circuit)}
        self._intake = Intake(grid)
        self._idle_lines, self._idle_trafos = idle_loading(grid)

    def _add_loads(self) -> None:
        """One load at every bus that is fed."""
        import pandapower

        with warnings.catch_warnings():
            # pandapower fills its tables by pandas calls that will change
            warnings.simplefilter("ignore", FutureWarning)
            pandapower.create_loads(self.net, buses=self.net.bus.index[self.fed], p_mw=0.0, q_mvar=0.0)

    def solve(self, p_kw: FloatArray, q_kvar: FloatArray, slack_vm_pu: float | None = None) -> Flow:
        """See `PowerFlow.solve`."""
        import pandapower
        from pandapower.auxiliary import LoadflowNotConverged

        self._intake.by_node(p_kw)
        self._intake.by_node(q_kvar)
        net = self.net
        net.load["p_mw"] = np.asarray(p_kw, dtype=float)[self.fed] * 1e-3
        net.load["q_mvar"] = np.asarray(q_kvar, dtype=float)[self.fed] * 1e-3
        net.ext_grid["vm_pu"] = self._base_slack if slack_vm_pu is None else check_slack(slack_vm_pu)
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                # pandapower and scipy warn of overflow on the way to not converging, and of pandas' future
                warnings.simplefilter("ignore")
                pandapower.runpp(net, **self._options)
        except LoadflowNotConverged:
            return diverged(self._grid)
        return self._flow()

    def solve_many(
        self, p_kw: FloatArray, q_kvar: FloatArray, slack_vm_pu: FloatArray | float | None = None
    ) -> list[Flow]:
        """See `PowerFlow.solve_many`; one after the other."""
        slack: list[float | None] = [None] * len(p_kw)
        if slack_vm_pu is not None:
            slack = [float(v) for v in np.broadcast_to(np.asarray(slack_vm_pu, dtype=float), len(p_kw))]
        return [self.solve(p, q, v) for p, q, v in zip(p_kw, q_kvar, slack, strict=True)]

    def _flow(self) -> Flow:
        net = self.net
        losses_mw = sum(
            float(np.nansum(net[table][column]))
            for table, column in (
                ("res_line", "pl_mw"),
                ("res_trafo", "pl_mw"),
                ("res_impedance", "pl_mw"),
                ("res_shunt", "p_mw"),
                ("res_ward", "p_mw"),
            )
            if table in net and len(net[table])
        )
        return Flow(
            converged=True,
            vm_pu=net.res_bus["vm_pu"].to_numpy(dtype=float, copy=True),
            line_loading_percent=_filled(net.res_line, self._idle_lines),
            trafo_loading_percent=_filled(net.res_trafo, self._idle_trafos),
            slack_kw=1e3 * float(np.nansum(net.res_ext_grid["p_mw"])),
            losses_kw=1e3 * losses_mw,
            iterations=int(net._ppc["iterations"]),
        )


def _filled(results: Any, idle: FloatArray) -> FloatArray:
    """The loading of a result table, with that of what is out of service."""
    loading = results["loading_percent"].to_numpy(dtype=float)
    return np.where(np.isnan(idle), loading, idle)
