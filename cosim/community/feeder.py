"""Where a community meets its grid: who is on which bus, what else draws power there, and the power flows of a
period. The grid and its solvers are the network room's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.clock import Clock, Period
from cosim.core.records import Dispatch, Flow, Series, Violations
from cosim.devices.fleet import Fleet
from cosim.network.episodes import EpisodeTracker
from cosim.network.grid import Grid
from cosim.network.limits import Limits, find
from cosim.network.solver import PowerFlow
from cosim.errors import AuditError

SLACK_TOLERANCE = 1e-6
"""Relative; the solvers' own tolerance."""


@dataclass(frozen=True, slots=True)
class Connection:
    """Loads or generators on buses, whose power follows a series."""

    bus: IntArray
    """Shape (columns,)."""
    active_kw: Series
    reactive_kvar: Series | None = None


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
    episode: IntArray
    """Episode of every violation, shape (violations,)."""
    lasted_h: FloatArray
    passive_kw: float
    """Drawn by the grid's own loads less its own generation."""


class Feeder:
    """The grid of one community.

    Args:
        grid: Plain arrays of the grid.
        power_flow: The solver.
        limits: What must hold.
        bus: Bus of every prosumer, shape (n,).
        passive: The grid's own loads and generators that stay; generators as negative power.
        settlement: Clock of the settlement periods.
        rate: Clock of the power flows: its step is a divisor or a multiple of the settlement's.
        reactive_share: kvar per kW of inflexible load.
        slack_vm_pu: Voltage of the grid above by power flow; None leaves the grid file's.
    """

    def __init__(
        self,
        grid: Grid,
        power_flow: PowerFlow,
        limits: Limits,
        bus: IntArray,
        passive: tuple[tuple[Connection, float], ...],
        settlement: Clock,
        rate: Clock,
        reactive_share: float,
        slack_vm_pu: FloatArray | None = None,
    ) -> None:
        self.grid = grid
        self.limits = limits
        self.bus = bus
        self.rate = rate
        self.episodes = EpisodeTracker(rate.step_minutes)
        self._power_flow = power_flow
        self._passive = passive
        self._per_period = max(settlement.step_minutes // rate.step_minutes, 1)
        self._every = max(rate.step_minutes // settlement.step_minutes, 1)
        self._reactive_share = reactive_share
        self._slack = slack_vm_pu
        self._buses = len(grid.buses.name)

    def solve(self, period: Period, dispatch: Dispatch, load_kwh: FloatArray, fleet: Fleet) -> list[Snapshot]:
        """The power flows of a period; none where the grid is solved less often than the market settles.

        Args:
            period: The settlement period.
            dispatch: What the prosumers draw.
            load_kwh: Their inflexible load, of which reactive power follows, shape (n,).
            fleet: Their devices, for power within the period.

        Raises:
            AuditError: if the grid above does not deliver what is drawn plus what is lost.
        """
        if period.index % self._every:
            return []
        first = period.index * self._per_period // self._every
        return [
            self._snapshot(tick, power, reactive)
            for tick, power, reactive in self._power_by_tick(first, period, dispatch, load_kwh, fleet)
        ]

    def _power_by_tick(
        self, first: int, period: Period, dispatch: Dispatch, load_kwh: FloatArray, fleet: Fleet
    ) -> Iterator[tuple[int, FloatArray, FloatArray]]:
        """Number, active and reactive power of the prosumers [kW, kvar] for each power flow of the period."""
        net_kw = dispatch.net_kwh / period.hours
        load_kw = load_kwh / period.hours
        if self._per_period == 1:
            yield first, net_kw, load_kw * self._reactive_share
            return
        deviation = fleet.within_period_kw(period, dispatch.device_kwh, self._per_period)
        load_deviation = fleet.within_period_kw(period, dispatch.device_kwh, self._per_period, only=("load",))
        for step in range(self._per_period):
            reactive = (load_kw + load_deviation[step]) * self._reactive_share
            yield first + step, net_kw + deviation[step], reactive

    def _snapshot(self, tick: int, active_kw: FloatArray, reactive_kvar: FloatArray) -> Snapshot:
        p_kw = np.bincount(self.bus, active_kw, self._buses)
        q_kvar = np.bincount(self.bus, reactive_kvar, self._buses)
        passive_kw = 0.0
        for connection, sign in self._passive:
            power = sign * connection.active_kw.power_kw(tick, tick + 1)[0]
            passive_kw += float(power.sum())
            p_kw += np.bincount(connection.bus, power, self._buses)
            if connection.reactive_kvar is not None:
                reactive = sign * connection.reactive_kvar.power_kw(tick, tick + 1)[0]
                q_kvar += np.bincount(connection.bus, reactive, self._buses)
        slack = None if self._slack is None else float(self._slack[tick])
        flow = self._power_flow.solve(p_kw, q_kvar, slack)
        self._balanced(tick, flow, float(p_kw.sum()))
        violations = find(flow, self.limits, self.grid.elements)
        episode, lasted_h = self.episodes.step(tick, violations)
        return Snapshot(tick, p_kw, q_kvar, flow, violations, episode, lasted_h, passive_kw)

    def _balanced(self, tick: int, flow: Flow, drawn_kw: float) -> None:
        if not flow.converged:
            return
        missing = flow.slack_kw - drawn_kw - flow.losses_kw
        if abs(missing) > SLACK_TOLERANCE * max(abs(flow.slack_kw), abs(drawn_kw), 1.0):
            raise AuditError(
                f"power flow {tick}: the grid above delivers {flow.slack_kw:.9g} kW, "
                f"drawn and lost are {drawn_kw:.9g} + {flow.losses_kw:.9g} kW"
            )
