"""The best use of one store over some periods, exactly: dynamic programming on marginal values. It knows
neither prosumers nor carriers; what energy costs is a convex curve for each period.

With y = retention e + inflow before the terminal's energy, and e' = y + d after it, the value of what is
stored at the beginning of a period is

    U(y) = max over d of  W(y + d) - G(d),

W the value at the period's end, concave, and G(d) the cost of moving the content by d, convex. Both are
piecewise linear, so that U is too, and its slopes are those of W and of G merged in falling order (supremal
convolution of concave functions: Rockafellar, "Convex Analysis", 1970, section 16). Nothing is rounded to a
grid. Where prices are below zero G is not convex (losses would pay); its convex hull is taken, which is what
a linear programme does with charging and discharging at once.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from cosim.core.arrays import FloatArray, IntArray

LEAST_RETENTION = 1e-6
"""A store that loses more than all but this share in a period keeps nothing."""
NEAR_KWH = 1e-9
"""A content this close to a step of the curve is at it."""
SAME_EUR_PER_KWH = 1e-12
"""Slopes closer than this are one."""


@njit(cache=True)
def plan_stores(  # noqa: PLR0913, PLR0917  # a kernel takes arrays, not objects
    residual: FloatArray,
    edge: FloatArray,
    cost: FloatArray,
    owner: IntArray,
    low: FloatArray,
    high: FloatArray,
    energy: FloatArray,
    floor: FloatArray,
    full: FloatArray,
    charge: FloatArray,
    discharge: FloatArray,
    retention: FloatArray,
    inflow: FloatArray,
    end_value: FloatArray,
    reluctance: float,
    plan: FloatArray,
    value: FloatArray,
) -> None:
    """Plan d stores one after the other, each against what its owner's earlier ones have left.

    Where the floor cannot be reached it is approached as fast as possible, and so is the ceiling.

    Args:
        residual: Owner's net energy by period without the stores [kWh], shape (n, H); the plans are added.
        edge: Net energies at which its marginal cost changes, rising, shape (n, H, K - 1).
        cost: Marginal cost of net energy between them [EUR/kWh], not falling, shape (n, H, K).
        owner: Shape (d,).
        low: Least energy at the terminal, drawn positive, shape (d, H).
        high: Most, shape (d, H).
        energy: Inside before the first period, shape (d,).
        floor: Least inside after each period, shape (d, H).
        full: Most inside, shape (d, H).
        charge: Efficiency, shape (d,).
        discharge: Efficiency, shape (d,).
        retention: Share kept over each period, shape (d, H).
        inflow: Beside the terminal, shape (d, H).
        end_value: Of energy inside after the last period [EUR/kWh], shape (d,).
        reluctance: What the future is distrusted by [EUR/kWh a period]: storing costs that much more, giving
            brings that much less, for each period that it lies ahead. So ties go to what can be done now.
        plan: Energy at the terminal, shape (d, H); written.
        value: What a kWh more inside would be worth in the first period [EUR/kWh], U' above, shape (d,);
            written. At a step, midway between the two slopes. Whoever draws for less than it and gives for
            more does what was planned, as long as prices are what was expected.
    """
    count = low.shape[1]
    pieces = cost.shape[2] + 1
    size = 1 + count * pieces
    start = np.empty(count)
    pieces_of = np.empty(count, np.int64)
    widths, values = np.empty((count, size)), np.empty((count, size))
    flow_width, flow_value = np.empty(pieces), np.empty(pieces)
    for d in range(len(owner)):
        row, last = owner[d], count - 1
        start[last], pieces_of[last] = floor[d, last], 1
        widths[last, 0], values[last, 0] = max(full[d, last] - floor[d, last], 0.0), end_value[d]
        for t in range(last, 0, -1):
            k = _flow(
                residual[row, t], edge[row, t], cost[row, t], low[d, t], high[d, t],
                charge[d], discharge[d], reluctance * t, flow_width, flow_value,
            )  # fmt: skip
            most = _inside(high[d, t], charge[d], discharge[d])
            kept = max(retention[d, t], LEAST_RETENTION)
            pieces_of[t - 1] = _merged(
                widths[t], values[t], pieces_of[t], flow_width, flow_value, k, kept,
                widths[t - 1], values[t - 1],
            )  # fmt: skip
            begins = (start[t] - most - inflow[d, t]) / kept
            start[t - 1], pieces_of[t - 1] = _clipped(
                widths[t - 1], values[t - 1], pieces_of[t - 1], begins, floor[d, t - 1], full[d, t - 1]
            )
        inside = energy[d]
        for t in range(count):
            k = _flow(
                residual[row, t], edge[row, t], cost[row, t], low[d, t], high[d, t],
                charge[d], discharge[d], reluctance * t, flow_width, flow_value,
            )  # fmt: skip
            most = _inside(high[d, t], charge[d], discharge[d])
            least = _inside(low[d, t], charge[d], discharge[d])
            before = max(retention[d, t], LEAST_RETENTION) * inside + inflow[d, t]
            along = before - (start[t] - most)
            kept_inside, slope = _taken(
                widths[t], values[t], pieces_of[t], flow_width, flow_value, k, along, end_value[d]
            )
            moved = min(max(start[t] + kept_inside - before, least), most)
            inside = before + moved
            energy_kwh = moved / charge[d] if moved > 0.0 else moved * discharge[d]
            plan[d, t] = min(max(energy_kwh, low[d, t]), high[d, t])
            if t == 0:
                value[d] = slope
        for t in range(count):
            residual[row, t] += plan[d, t]


@njit(cache=True)
def _inside(terminal: float, charge: float, discharge: float) -> float:
    """What energy at the terminal does to the content."""
    return terminal * charge if terminal > 0.0 else terminal / discharge


@njit(cache=True)
def _flow(  # noqa: PLR0913, PLR0917  # a kernel takes arrays, not objects
    rest: float,
    edge: FloatArray,
    cost: FloatArray,
    low: float,
    high: float,
    charge: float,
    discharge: float,
    reluctance: float,
    width: FloatArray,
    value: FloatArray,
) -> int:
    """Pieces of the cost of moving the content, from the most drawn to the most given: their widths inside,
    and what a kWh more inside beforehand is worth on each, falling. Returns their number."""
    found = 0
    k = len(cost) - 1
    at = high
    while at > low:
        while k > 0 and edge[k - 1] - rest >= at:
            k -= 1
        to = low
        if k > 0:
            to = max(to, edge[k - 1] - rest)
        if at > 0.0:
            to = max(to, 0.0)
            inside, worth = (at - to) * charge, (cost[k] + reluctance) / charge
        else:
            inside, worth = (at - to) / discharge, (cost[k] - reluctance) * discharge
        place = found
        while place > 0 and value[place - 1] < worth:  # only where prices are below zero: the convex hull
            width[place], value[place] = width[place - 1], value[place - 1]
            place -= 1
        width[place], value[place] = inside, worth
        found += 1
        at = to
    return found


@njit(cache=True)
def _merged(  # noqa: PLR0913, PLR0917  # a kernel takes arrays, not objects
    width: FloatArray,
    value: FloatArray,
    count: int,
    flow_width: FloatArray,
    flow_value: FloatArray,
    flows: int,
    kept: float,
    new_width: FloatArray,
    new_value: FloatArray,
) -> int:
    """Slopes of both in falling order, as slopes in what is there before losses; returns their number."""
    i, j, found = 0, 0, 0
    while i < count or j < flows:
        if j >= flows or (i < count and value[i] >= flow_value[j]):
            w, v = width[i] / kept, value[i] * kept
            i += 1
        else:
            w, v = flow_width[j] / kept, flow_value[j] * kept
            j += 1
        if w <= 0.0:
            continue
        if found > 0 and abs(new_value[found - 1] - v) <= SAME_EUR_PER_KWH:
            new_width[found - 1] += w
        else:
            new_width[found], new_value[found] = w, v
            found += 1
    return found


@njit(cache=True)
def _clipped(
    width: FloatArray, value: FloatArray, count: int, begins: float, floor: float, full: float
) -> tuple[float, int]:
    """Cut a curve that begins at a content to a window, in place; returns where it begins then, and its
    pieces. A window that lies wholly beside the curve leaves the window's nearest point."""
    total = 0.0
    for i in range(count):
        total += width[i]
    if begins >= full:
        return full, 0
    if begins + total <= floor:
        return floor, 0
    skipped = max(floor - begins, 0.0)
    room = max(full, floor) - max(begins, floor)
    found = 0
    for i in range(count):
        w, v = width[i], value[i]
        cut = min(w, skipped)
        skipped -= cut
        w = min(w - cut, room)
        room -= w
        if w > 0.0:
            width[found], value[found] = w, v
            found += 1
    return max(begins, floor), found


@njit(cache=True)
def _taken(
    width: FloatArray,
    value: FloatArray,
    count: int,
    flow_width: FloatArray,
    flow_value: FloatArray,
    flows: int,
    along: float,
    otherwise: float,
) -> tuple[float, float]:
    """How much of the way along the merged slopes is content that stays (the other part is what is not drawn,
    or given), and the slope there: midway between two at a step. The same order as in `_merged`."""
    i, j, kept, left, slope = 0, 0, 0.0, along, otherwise
    first = True
    while i < count or j < flows:
        of_content = j >= flows or (i < count and value[i] >= flow_value[j])
        piece, worth = (width[i], value[i]) if of_content else (flow_width[j], flow_value[j])
        if of_content:
            i += 1
        else:
            j += 1
        if piece <= 0.0:
            continue
        if left <= NEAR_KWH and not first:
            slope = 0.5 * (slope + worth)  # at the step between two pieces
            break
        slope, first = worth, False
        step = min(piece, max(left, 0.0))
        left -= step
        if of_content:
            kept += step
        if step < piece - NEAR_KWH:
            break
    return kept, slope
