"""The rules of jobs that can wait in one period, compiled: one loop over the devices. What they mean is in
`deferrable`; what goes wrong is reported there."""

from __future__ import annotations

import numpy as np
from numba import njit

from cosim.core.arrays import BoolArray, FloatArray, IntArray
from cosim.devices.storage_kernel import ROUNDING_KWH


@njit(cache=True)
def job_ranges(
    index: int,
    begin: IntArray,
    end: IntArray,
    step_kwh: FloatArray,
    possible_kwh: FloatArray,
    pausing: BoolArray,
    done_kwh: FloatArray,
    span: FloatArray,
) -> None:
    """What jobs can draw: nothing without one, else the two rules at the top of `deferrable`.

    Args:
        index: The period.
        begin: First period of the window, shape (d,).
        end: First period after it.
        step_kwh: Most that the job draws in a period, 0 without a job.
        possible_kwh: The job, or what its window has room for.
        pausing: Whether it can be interrupted.
        done_kwh: What it has drawn so far.
        span: Result: low (which is base, too), high and minimum, shape (3, d).
    """
    low, high, minimum = span
    for row in range(len(begin)):
        step = step_kwh[row]
        left = end[row] - index if begin[row] <= index else 0
        missing = np.maximum(possible_kwh[row] - done_kwh[row], 0.0) if left > 0 else 0.0
        if pausing[row]:
            high[row] = np.minimum(step, missing)
            must = missing - (left - 1) * step
            low[row] = np.minimum(np.maximum(must, 0.0), high[row])
            minimum[row] = 0.0
        else:
            steps_missing = np.rint(missing / np.maximum(step, 1e-12))
            runs = done_kwh[row] > 0.0 or left <= steps_missing
            whole = step if steps_missing > 0.0 else 0.0
            low[row] = whole if runs else 0.0
            high[row] = whole
            minimum[row] = whole


@njit(cache=True)
def whole_steps(
    energy_kwh: FloatArray,
    low_kwh: FloatArray,
    high_kwh: FloatArray,
    pausing: BoolArray,
    allowed: FloatArray,
) -> None:
    """Bounds of what was drawn: the range; what cannot be interrupted is at the end of it that is nearer.

    Args:
        energy_kwh: What was drawn, shape (d,).
        low_kwh: Least that can be drawn.
        high_kwh: Most.
        pausing: Whether the job can be interrupted.
        allowed: Result: lower and upper bound, shape (2, d).
    """
    for row in range(len(energy_kwh)):
        low, high = low_kwh[row], high_kwh[row]
        if not pausing[row] and low < energy_kwh[row] < high:
            low = high = low if 2.0 * energy_kwh[row] < high else high
        allowed[0, row], allowed[1, row] = low, high


@njit(cache=True)
def work(
    index: int,
    begin: IntArray,
    end: IntArray,
    job_kwh: FloatArray,
    drawn_kwh: FloatArray,
    done_kwh: FloatArray,
    unserved_kwh: FloatArray,
    after: FloatArray,
) -> None:
    """Jobs go on; what they lack counts as unserved when their window closes with this period.

    Args:
        index: The period.
        begin: First period of the window, shape (d,).
        end: First period after it.
        job_kwh: Energy of the job.
        drawn_kwh: What it drew in the period.
        done_kwh: What it had drawn before.
        unserved_kwh: What jobs lacked so far.
        after: Result: what it has drawn, and what jobs lacked, shape (2, d).
    """
    work_done, unserved = after
    for row in range(len(begin)):
        done = done_kwh[row] + drawn_kwh[row]
        closing = begin[row] <= index and end[row] == index + 1
        lacking = job_kwh[row] - done
        work_done[row] = 0.0 if closing else done
        unserved[row] = unserved_kwh[row] + (lacking if closing and lacking > ROUNDING_KWH else 0.0)


@njit(cache=True)
def observe_jobs(  # noqa: PLR0913, PLR0917  # a kernel takes arrays, not objects
    index: int,
    hours: float,
    begin: IntArray,
    end: IntArray,
    possible_kwh: FloatArray,
    done_kwh: FloatArray,
    base_kwh: FloatArray,
    high_kwh: FloatArray,
    seen: FloatArray,
) -> None:
    """`Deferrable.observations`; result in `seen`, shape (d, 4), all else of shape (d,).

    Args:
        index: The period.
        hours: Its length [h].
        begin: First period of the window.
        end: First period after it.
        possible_kwh: The job, or what its window has room for; 0 without a job.
        done_kwh: What it has drawn so far.
        base_kwh: What has to be drawn in this period.
        high_kwh: What is possible at most.
        seen: Result.
    """
    for row in range(len(begin)):
        is_open = begin[row] <= index and possible_kwh[row] > 0.0
        seen[row, 0] = np.maximum(possible_kwh[row] - done_kwh[row], 0.0) if is_open else 0.0
        seen[row, 1] = (end[row] - index) * hours if is_open else 0.0
        seen[row, 2] = base_kwh[row]
        seen[row, 3] = high_kwh[row]
