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

from typing import Any

import numpy as np
from numba import njit

from cosim.core.arrays import FloatArray, IntArray

LEAST_RETENTION = 1e-6
"""A store that loses more than all but this share in a period keeps nothing."""
NEAR_KWH = 1e-9
"""A content this close to a step of the curve is at it."""
SAME_EUR_PER_KWH = 1e-12
"""Slopes closer than this are one."""
QUICK: dict[str, Any] = {"cache": True, "error_model": "numpy"}
"""No efficiency is 0, and no check for it is worth its time. Inner kernels are handed whole arrays and a
place in them for the same reason: a view of a row costs more than what is done with it."""


@njit(**QUICK)
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
    pieces_of, flows_of = np.empty(count, np.int64), np.empty(count, np.int64)
    widths, values = np.empty((count, size)), np.empty((count, size))
    flow_widths, flow_values = np.empty((count, pieces)), np.empty((count, pieces))
    for d in range(len(owner)):
        row, last = owner[d], count - 1
        for t in range(count):
            flows_of[t] = _flow(
                residual[row, t], edge, cost, row, t, low[d, t], high[d, t],
                charge[d], discharge[d], reluctance * t, flow_widths, flow_values,
            )  # fmt: skip
        start[last], pieces_of[last] = floor[d, last], 1
        widths[last, 0], values[last, 0] = max(full[d, last] - floor[d, last], 0.0), end_value[d]
        for t in range(last, 0, -1):
            most = _inside(high[d, t], charge[d], discharge[d])
            kept = max(retention[d, t], LEAST_RETENTION)
            begins = (start[t] - most - inflow[d, t]) / kept
            start[t - 1], pieces_of[t - 1] = _before(
                widths, values, pieces_of[t], flow_widths, flow_values, flows_of[t], t, kept,
                begins, floor[d, t - 1], full[d, t - 1],
            )  # fmt: skip
        inside = energy[d]
        for t in range(count):
            most = _inside(high[d, t], charge[d], discharge[d])
            least = _inside(low[d, t], charge[d], discharge[d])
            before = max(retention[d, t], LEAST_RETENTION) * inside + inflow[d, t]
            along = before - (start[t] - most)
            kept_inside, slope = _taken(
                widths, values, pieces_of[t], flow_widths, flow_values, flows_of[t], t, along, end_value[d],
            )  # fmt: skip
            moved = min(max(start[t] + kept_inside - before, least), most)
            inside = before + moved
            energy_kwh = moved / charge[d] if moved > 0.0 else moved * discharge[d]
            plan[d, t] = min(max(energy_kwh, low[d, t]), high[d, t])
            if t == 0:
                value[d] = slope
        for t in range(count):
            residual[row, t] += plan[d, t]


@njit(**QUICK)
def _inside(terminal: float, charge: float, discharge: float) -> float:
    """What energy at the terminal does to the content."""
    return terminal * charge if terminal > 0.0 else terminal / discharge


@njit(**QUICK)
def _flow(  # noqa: PLR0913, PLR0917  # a kernel takes arrays, not objects
    rest: float,
    edge: FloatArray,
    cost: FloatArray,
    row: int,
    t: int,
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
    k = cost.shape[2] - 1
    at = high
    while at > low:
        while k > 0 and edge[row, t, k - 1] - rest >= at:
            k -= 1
        to = low
        if k > 0:
            to = max(to, edge[row, t, k - 1] - rest)
        if at > 0.0:
            to = max(to, 0.0)
            inside, worth = (at - to) * charge, (cost[row, t, k] + reluctance) / charge
        else:
            inside, worth = (at - to) / discharge, (cost[row, t, k] - reluctance) * discharge
        place = found
        while place > 0 and value[t, place - 1] < worth:  # only where prices are below zero: the convex hull
            width[t, place], value[t, place] = width[t, place - 1], value[t, place - 1]
            place -= 1
        width[t, place], value[t, place] = inside, worth
        found += 1
        at = to
    return found


@njit(**QUICK)
def _before(  # noqa: PLR0912, PLR0913, PLR0917  # a kernel takes arrays, not objects, and goes through once
    width: FloatArray,
    value: FloatArray,
    count: int,
    flow_width: FloatArray,
    flow_value: FloatArray,
    flows: int,
    t: int,
    kept: float,
    begins: float,
    floor: float,
    full: float,
) -> tuple[float, int]:
    """The curve before a period: slopes of both in falling order, as slopes in what is there before losses,
    from a content `begins` on, cut to a window. Returns where it begins then, and its pieces. A window that
    lies wholly beside the curve leaves the window's nearest point."""
    if begins >= full:
        return full, 0
    skipped = max(floor - begins, 0.0)
    room = max(full, floor) - max(begins, floor)
    i, j, found, total = 0, 0, 0, 0.0
    piece, slope = 0.0, 0.0  # not yet cut: more of the same slope may follow
    while i < count or j < flows:
        if j >= flows or (i < count and value[t, i] >= flow_value[t, j]):
            w, v = width[t, i], value[t, i]
            i += 1
        else:
            w, v = flow_width[t, j], flow_value[t, j]
            j += 1
        if kept != 1.0:
            w, v = w / kept, v * kept
        if w <= 0.0:
            continue
        if piece > 0.0 and abs(slope - v) <= SAME_EUR_PER_KWH:
            piece += w
            continue
        if piece > 0.0:
            total += piece
            cut = min(piece, skipped)
            skipped -= cut
            piece = min(piece - cut, room)
            room -= piece
            if piece > 0.0:
                width[t - 1, found], value[t - 1, found] = piece, slope
                found += 1
            if room <= 0.0 and begins + total > floor:
                return max(begins, floor), found
        piece, slope = w, v
    if piece > 0.0:
        total += piece
        piece = min(piece - min(piece, skipped), room)
        if piece > 0.0:
            width[t - 1, found], value[t - 1, found] = piece, slope
            found += 1
    if begins + total <= floor:
        return floor, 0
    return max(begins, floor), found


@njit(**QUICK)
def _taken(  # noqa: PLR0913, PLR0917  # a kernel takes arrays, not objects
    width: FloatArray,
    value: FloatArray,
    count: int,
    flow_width: FloatArray,
    flow_value: FloatArray,
    flows: int,
    t: int,
    along: float,
    otherwise: float,
) -> tuple[float, float]:
    """How much of the way along the merged slopes is content that stays (the other part is what is not drawn,
    or given), and the slope there: midway between two at a step. The same order as in `_merged`."""
    i, j, kept, left, slope = 0, 0, 0.0, along, otherwise
    first = True
    while i < count or j < flows:
        of_content = j >= flows or (i < count and value[t, i] >= flow_value[t, j])
        piece, worth = (width[t, i], value[t, i]) if of_content else (flow_width[t, j], flow_value[t, j])
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
