"""Where a community meets its grid: who is on which bus, what else draws power there, and the power flows
of a period. The grid and its solvers are the network room's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cosim.core.arrays import FloatArray, IntArray, sum_by
from cosim.core.clock import Clock, Period
from cosim.core.dispatch import Dispatch
from cosim.core.records import Flow, Series, Violations
from cosim.devices.fleet import Fleet
from cosim.errors import AuditError
from cosim.network.grid import Grid
from cosim.network.limits import Limits, find
from cosim.network.solver import PowerFlow

SLACK_TOLERANCE = 1e-6
"""Relative; the solvers' own tolerance."""


@dataclass(frozen=True, slots=True)
class Passive:
    """Loads or generators on buses that decide nothing: their power follows a series."""

    bus: IntArray
    """Shape (columns,)."""
    active_kw: Series
    """On the finer of the two clocks, of settlement and of power flows."""
    reactive_kvar: Series
    sign: float
    """1 for loads, -1 for generators."""


@dataclass(frozen=True, slots=True)
class Connections:
    """Who is on which bus."""

    bus: IntArray
    """Bus of every prosumer, shape (n,)."""
    reactive_share: float
    """Reactive power of the prosumers' inflexible load [kvar per kW]."""
    passive: tuple[Passive, ...] = ()


@dataclass(frozen=True, slots=True)
class Rates:
    """How often the grid is solved against how often the market settles."""

    settlement: Clock
    flows: Clock
    """Its step is a divisor or a multiple of the settlement's."""

    @property
    def per_period(self) -> int:
        """Power flows in one settlement period (1 if solved less often)."""
        return max(self.settlement.step_minutes // self.flows.step_minutes, 1)

    @property
    def every(self) -> int:
        """A power flow every so many settlement periods (1 if solved as often, or more)."""
        return max(self.flows.step_minutes // self.settlement.step_minutes, 1)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The grid at one instant of power flow."""

    tick: int
    """Number of the power flow, from 0."""
    p_kw: FloatArray
    """Drawn at each bus, shape (buses,)."""
    q_kvar: FloatArray
    flow: Flow
    violations: Violations
    passive_kw: float
    """Drawn by the grid's own loads less its own generation."""


class Feeder:
    """The grid of one community.

    Args:
        grid: Plain arrays of the grid.
        power_flow: The solver.
        limits: What must hold.
        site: Who is where.
        rates: How often is solved.
        slack_vm_pu: Voltage of the grid above by power flow; None leaves the grid file's.
    """

    def __init__(
        self,
        grid: Grid,
        power_flow: PowerFlow,
        limits: Limits,
        site: Connections,
        rates: Rates,
        slack_vm_pu: FloatArray | None = None,
    ) -> None:
        self.grid = grid
        self.limits = limits
        self.site = site
        self.rates = rates
        self._power_flow = power_flow
        self._slack = slack_vm_pu
        self._buses = len(grid.buses.name)

    def solve(
        self, period: Period, runs: Sequence[Dispatch], load_kwh: FloatArray, fleet: Fleet
    ) -> list[list[Snapshot]]:
        """The power flows of a period; where the grid is solved less often than the market settles, one in
        each first of so many periods.

        Args:
            period: The settlement period.
            runs: What the prosumers draw, and what they might have drawn instead. All are solved in one call;
                the power flows of one do not depend on which others there are, to the last bit.
            load_kwh: Their inflexible load, of which reactive power follows, shape (n,).
            fleet: Their devices, for power within the period.

        Returns:
            The snapshots of every run.

        Raises:
            AuditError: if the grid above does not deliver what is drawn plus what is lost.
        """
        if period.index % self.rates.every:
            return [[] for _ in runs]
        ticks = self.rates.per_period
        first = period.index * ticks // self.rates.every
        numbers = range(first, first + ticks)
        p_kw = np.empty((len(runs), ticks, self._buses))
        q_kvar = np.empty_like(p_kw)
        for run, dispatch in enumerate(runs):
            active, reactive = self._power(period, dispatch, load_kwh, fleet)
            for step in range(ticks):
                p_kw[run, step] = sum_by(self.site.bus, active[step], self._buses)
                q_kvar[run, step] = sum_by(self.site.bus, reactive[step], self._buses)
        passive_kw = [
            self._add_passive(tick, p_kw[:, step], q_kvar[:, step]) for step, tick in enumerate(numbers)
        ]
        power = p_kw.reshape(-1, self._buses), q_kvar.reshape(-1, self._buses)
        slack = None if self._slack is None else np.tile(self._slack[numbers], len(runs))
        flows = self._power_flow.solve_many(*power, slack)
        rows = zip([*numbers] * len(runs), *power, flows, passive_kw * len(runs), strict=True)
        found = [self._snapshot(*row) for row in rows]
        return [found[start : start + ticks] for start in range(0, len(found), ticks)]

    def _power(
        self, period: Period, dispatch: Dispatch, load_kwh: FloatArray, fleet: Fleet
    ) -> tuple[FloatArray, FloatArray]:
        """Active and reactive power of the prosumers [kW, kvar] at each power flow of the period, shape
        (power flows, n) each."""
        net_kw = (dispatch.electricity.net_kwh / period.hours)[np.newaxis]
        load_kw = (load_kwh / period.hours)[np.newaxis]
        ticks = self.rates.per_period
        if ticks > 1:
            device_kwh = dispatch.device_kwh
            net_kw = net_kw + fleet.within_period_kw(period, device_kwh, ticks)
            load_kw = load_kw + fleet.within_period_kw(period, device_kwh, ticks, only=("load",))
        return net_kw, load_kw * self.site.reactive_share

    def _add_passive(self, tick: int, p_kw: FloatArray, q_kvar: FloatArray) -> float:
        """Add the power of passive customers at a power flow to that at the buses, shape (runs, buses); their
        active power [kW]."""
        total = 0.0
        now = tick * self.rates.every
        for passive in self.site.passive:
            active = passive.sign * passive.active_kw.power_kw(now, now + 1)[0]
            reactive = passive.sign * passive.reactive_kvar.power_kw(now, now + 1)[0]
            total += float(active.sum())
            p_kw += sum_by(passive.bus, active, self._buses)
            q_kvar += sum_by(passive.bus, reactive, self._buses)
        return total

    def _snapshot(
        self, tick: int, p_kw: FloatArray, q_kvar: FloatArray, flow: Flow, passive_kw: float
    ) -> Snapshot:
        """The snapshot of a flow, audited, with the limits that it breaks."""
        self._balanced(tick, flow, float(p_kw.sum()))
        violations = find(flow, self.limits, self.grid.elements)
        return Snapshot(tick, p_kw, q_kvar, flow, violations, passive_kw)

    def _balanced(self, tick: int, flow: Flow, drawn_kw: float) -> None:
        if not flow.converged:
            return
        missing = flow.slack_kw - drawn_kw - flow.losses_kw
        if abs(missing) > SLACK_TOLERANCE * max(abs(flow.slack_kw), abs(drawn_kw), 1.0):
            raise AuditError(
                f"power flow {tick}: the grid above delivers {flow.slack_kw:.9g} kW, "
                f"drawn and lost are {drawn_kw:.9g} + {flow.losses_kw:.9g} kW"
            )
