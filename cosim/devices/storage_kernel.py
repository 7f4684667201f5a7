"""The arithmetic of stores in one period, compiled: one loop over the devices. What the equations mean is in
`storage` and `ev`; what goes wrong is reported there.

Minimum and maximum are numpy's: a NaN has to stay one, so that it is found.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from cosim.core.arrays import FloatArray, IntArray

ROUNDING_KWH = 1e-9
"""Rounding that an energy may show before it counts as outside its bounds."""


@njit(cache=True)
def cut(values: FloatArray, low: FloatArray, high: FloatArray, kept: FloatArray) -> int:
    """Values between their bounds.

    Args:
        values: What is wanted, shape (d,).
        low: Lower bounds.
        high: Upper bounds.
        kept: Result: the values cut to their bounds.

    Returns:
        The row that lies outside by most, -1 if none does by more than rounding.
    """
    size, worst, found = 1.0, 0.0, -1
    for row in range(len(values)):
        size = np.maximum(size, abs(high[row]))
    for row in range(len(values)):
        kept[row] = np.minimum(np.maximum(values[row], low[row]), high[row])
        beyond = abs(values[row] - kept[row])
        if not beyond <= ROUNDING_KWH * size and (found < 0 or beyond > worst):  # NaN, too
            worst, found = beyond, row
    return found


@njit(cache=True)
def charge_limit_kwh(stored_kwh: float, full_kwh: float, terminal_kwh: float, efficiency: float) -> float:
    """Largest energy that can be drawn [kWh]: what the terminal passes and what is free inside."""
    return float(np.maximum(np.minimum(terminal_kwh, (full_kwh - stored_kwh) / efficiency), 0.0))


@njit(cache=True)
def discharge_limit_kwh(stored_kwh: float, floor_kwh: float, terminal_kwh: float, efficiency: float) -> float:
    """Largest energy that can be given [kWh], positive: what the terminal passes and what is inside."""
    return float(np.maximum(np.minimum(terminal_kwh, (stored_kwh - floor_kwh) * efficiency), 0.0))


@njit(cache=True)
def store_ranges(  # noqa: PLR0913, PLR0917  # a kernel takes arrays, not objects
    hours: float,
    inside_kwh: FloatArray,
    retention: FloatArray,
    floor_kwh: FloatArray,
    full_kwh: FloatArray,
    charge_kw: FloatArray,
    discharge_kw: FloatArray,
    charge_efficiency: FloatArray,
    discharge_efficiency: FloatArray,
    span: FloatArray,
) -> None:
    """What stores that are always connected can do: `ConnectedStore.ranges`.

    Args:
        hours: Length of the period [h].
        inside_kwh: Energy inside at its start, shape (d,).
        retention: Share of it that is left at the end.
        floor_kwh: Least energy inside.
        full_kwh: Most energy inside.
        charge_kw: Largest power drawn.
        discharge_kw: Largest power given.
        charge_efficiency: Energy stored per energy drawn.
        discharge_efficiency: Energy given per energy taken out.
        span: Result: low, base and high, shape (3, d).
    """
    low, base, high = span
    for row in range(len(inside_kwh)):
        kept = inside_kwh[row] * retention[row]
        most = discharge_kw[row] * hours
        low[row] = -discharge_limit_kwh(kept, floor_kwh[row], most, discharge_efficiency[row])
        base[row] = 0.0
        most = charge_kw[row] * hours
        high[row] = charge_limit_kwh(kept, full_kwh[row], most, charge_efficiency[row])


@njit(cache=True)
def store_after(
    inside_kwh: FloatArray,
    drawn_kwh: FloatArray,
    retention: FloatArray,
    charge_efficiency: FloatArray,
    discharge_efficiency: FloatArray,
    floor_kwh: FloatArray,
    full_kwh: FloatArray,
    after: FloatArray,
) -> int:
    """Energy inside after a period: the equation at the top of `storage`.

    Args:
        inside_kwh: Energy inside before, shape (d,).
        drawn_kwh: Energy at the terminal, drawn positive.
        retention: Share of what was inside that is left.
        charge_efficiency: Energy stored per energy drawn.
        discharge_efficiency: Energy given per energy taken out.
        floor_kwh: Least energy inside.
        full_kwh: Most energy inside.
        after: Result: energy inside, as it follows and with rounding cut off, shape (2, d).

    Returns:
        The row that leaves its window by most, -1 if none does by more than rounding.
    """
    stored, kept = after
    for row in range(len(inside_kwh)):
        charged = np.maximum(drawn_kwh[row], 0.0) * charge_efficiency[row]
        given = np.minimum(drawn_kwh[row], 0.0) / discharge_efficiency[row]
        stored[row] = inside_kwh[row] * retention[row] + charged + given
    worst: int = cut(stored, floor_kwh, full_kwh, kept)
    return worst


@njit(cache=True)
def vehicle_ranges(  # noqa: PLR0913, PLR0917  # a kernel takes arrays, not objects
    index: int,
    hours: float,
    begin: IntArray,
    end: IntArray,
    soc_kwh: FloatArray,
    wanted_kwh: FloatArray,
    charge_kw: FloatArray,
    discharge_kw: FloatArray,
    charge_efficiency: FloatArray,
    discharge_efficiency: FloatArray,
    span: FloatArray,
) -> None:
    """What vehicles can do, with the least-laxity rule at the top of `ev`: `Ev.ranges`.

    Args:
        index: The period.
        hours: Its length [h].
        begin: First period of the stay that lasts or comes next, shape (d,).
        end: First period after it.
        soc_kwh: Energy inside.
        wanted_kwh: Energy wanted at departure.
        charge_kw: Largest power drawn.
        discharge_kw: Largest power given.
        charge_efficiency: Energy stored per energy drawn.
        discharge_efficiency: Energy given per energy taken out.
        span: Result: low, base and high, shape (3, d).
    """
    low, base, high = span
    for row in range(len(soc_kwh)):
        soc, wanted, efficiency = soc_kwh[row], wanted_kwh[row], charge_efficiency[row]
        plugged = begin[row] <= index < end[row]
        terminal = charge_kw[row] * hours if plugged else 0.0
        given = discharge_kw[row] * hours if plugged else 0.0
        periods_after = end[row] - index - 1 if plugged else 0
        later = periods_after * terminal * efficiency
        must = (wanted - soc - later) / efficiency
        high[row] = charge_limit_kwh(soc, wanted, terminal, efficiency)
        base[row] = np.minimum(np.maximum(must, 0.0), high[row])
        reachable_from = np.maximum(wanted - later, 0.0)
        gives = discharge_limit_kwh(soc, reachable_from, given, discharge_efficiency[row])
        low[row] = base[row] if base[row] > 0.0 else -gives
