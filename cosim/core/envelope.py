"""What a planner knows of a device over some periods: its part of a linear programme. It plans nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cosim.core.arrays import FloatArray
from cosim.core.carriers import Carrier


@dataclass(frozen=True, slots=True)
class Store:
    """Energy inside devices that hold some. With x drawn at the terminal [kWh] and e inside [kWh],

    e[t+1] = retention[t] e[t] + charge_efficiency max(x[t], 0) + min(x[t], 0) / discharge_efficiency
             + inflow[t],        floor[t] <= e[t+1] <= full[t].
    """

    energy_kwh: FloatArray
    """Inside before the first period, shape (d,)."""
    floor_kwh: FloatArray
    """Least inside after each period, shape (periods, d)."""
    full_kwh: FloatArray
    """Most inside after each period, shape (periods, d)."""
    charge_efficiency: FloatArray
    """Shape (d,)."""
    discharge_efficiency: FloatArray
    """Shape (d,)."""
    retention: FloatArray
    """Share of the energy that is still there one period later, shape (periods, d)."""
    inflow_kwh: FloatArray
    """What comes in (positive) or is used up (negative) beside the terminal, shape (periods, d)."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Devices of one kind over some periods.

    Where a device is not convex (minimum load, a load that must run through), this is its relaxation.
    """

    carrier: Carrier
    """Of the main terminal."""
    low_kwh: FloatArray
    """Least energy at the main terminal by period [kWh], drawn positive, shape (periods, d)."""
    high_kwh: FloatArray
    """Most, shape (periods, d). Where low equals high nothing is to be decided."""
    inputs: Mapping[Carrier, FloatArray] = field(default_factory=dict)
    """Energy drawn from other carriers per kWh drawn at the main terminal, shape (periods, d) each."""
    store: Store | None = None
    """None for devices that hold no energy."""
    total_kwh: FloatArray | None = None
    """Energy to be drawn over all these periods together, where only the sum matters (a deferrable load),
    shape (d,); None without such a condition."""
