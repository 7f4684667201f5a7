"""Makes recorded days ready for the diversifier: sharpens or blunts their peaks until the coincidence factor
of a trial population follows Rusck's curve, while the mean of the group stays what it was.

Rusck, S. (1956): The simultaneous effect of power demands in electricity distribution, ERA Journal: n alike
and independent consumers have a coincidence factor of g + (1 - g)/sqrt(n).
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.core.cache import cached_arrays, key_of
from cosim.profiles.days import DayTable
from cosim.profiles.diversify import Diversified, SimilarDays, day_kind

SHARPENING = 1.3
"""Exponent put on the recorded power before its peaks are bounded."""
BEND = 4.0
"""How sharply a peak bends towards its bound."""
TRIAL = 100
"""Households of the trial population."""
SIZES = (2, 5, 10, 20, 50, 100)
"""Numbers of households at which the trial is compared with the curve."""
CLOSE_ENOUGH = 0.002
"""Mean deviation from the curve at which the search ends."""
VERSION = 2
"""Part of the cache key: to be raised when the method changes."""


def rusck(n: FloatArray | float, g: float) -> FloatArray | float:
    """Coincidence factor of n households after Rusck (1956)."""
    return g + (1.0 - g) / np.sqrt(n)


def coincidence(power_kw: FloatArray, size: int) -> float:
    """Peak of the sum over the sum of peaks, mean over disjoint groups of `size` columns.

    Args:
        power_kw: Shape (steps, n) with n >= size.
        size: Columns of a group.
    """
    groups = power_kw.shape[1] // size
    used = power_kw[:, : groups * size]
    together = used.reshape(len(used), groups, size).sum(2).max(0)
    alone = used.max(0).reshape(groups, size).sum(1)
    return float(np.mean(together / alone))


def prepare(table: DayTable, g: float) -> DayTable:
    """Recorded days whose diversified households follow Rusck's curve with that g (cached).

    Columns are normalised to a mean of 1 kW. Where the recorded shapes cannot come close, the nearest that
    was found is taken; the coincidence factor that results is in the account of `cosim check`.
    """
    values = table.values_kw / table.values_kw.mean((0, 2))[:, None]
    digest = hashlib.sha256(values.tobytes()).hexdigest()
    name = "diversified-" + key_of("diversified", VERSION, table.first_day, table.slots, g, digest)
    relative = replace(table, values_kw=values)
    found = cached_arrays(name, lambda: {"values": _calibrated(relative, g).values_kw})
    return replace(table, values_kw=found["values"])


def _calibrated(table: DayTable, g: float) -> DayTable:
    """Secant search for the bound of the peaks, in its logarithm."""
    target = np.array([rusck(size, g) for size in SIZES])

    def trial(log_bound: float) -> tuple[float, DayTable]:
        shaped = with_peaks_bounded(table, float(np.exp(log_bound)))
        power = trial_population(shaped)
        reached = np.array([coincidence(power, size) for size in SIZES])
        return float(np.mean(reached - target)), shaped

    # The first guess fits SimBench's household shapes.
    low = np.log(6.0 * (0.31 / g) ** 0.82)
    high = low + 0.1
    (error_low, best), (error_high, other) = trial(low), trial(high)
    for _ in range(6):
        if abs(error_high) < abs(error_low):
            low, high, error_low, error_high, best, other = high, low, error_high, error_low, other, best
        if abs(error_low) < CLOSE_ENOUGH or error_high == error_low:
            break
        step = -error_low * (high - low) / (error_high - error_low)
        high, error_high = low, error_low
        other = best
        low = float(np.clip(low + np.clip(step, -0.5, 0.5), np.log(2.0), np.log(60.0)))
        error_low, best = trial(low)
    return best if abs(error_low) <= abs(error_high) else other


def with_peaks_bounded(table: DayTable, bound: float) -> DayTable:
    """v -> w / (1 + (w / bound)^b)^(1/b) with w = v^a, times what restores the group's mean in every slot
    (mean over all columns and similar days).

    Args:
        table: Days whose columns have a mean of 1 kW.
        bound: What peaks bend towards, as a multiple of the mean.
    """
    sharp = table.values_kw**SHARPENING
    sharp /= sharp.mean()
    bent = sharp / (1.0 + (sharp / bound) ** BEND) ** (1.0 / BEND)
    wanted, got = _group_mean(table, table.values_kw), _group_mean(table, bent)
    restore = np.divide(wanted, got, out=np.zeros_like(got), where=got > 0)
    shaped = bent * restore[:, None, :]
    return replace(table, values_kw=shaped / shaped.mean((0, 2))[:, None])


def trial_population(table: DayTable) -> FloatArray:
    """Power of the trial population over the recorded days, every mean 1 kW, shape (steps, TRIAL)."""
    source = Diversified(table, np.ones(TRIAL), key=(1, 2))
    slots = np.arange(table.slots)
    days = range(table.first_day, table.first_day + table.days)
    power = np.concatenate([source.relative(day, slots).astype(np.float32) for day in days])
    return np.asarray(power / power.mean(0))


def _group_mean(table: DayTable, values_kw: FloatArray) -> FloatArray:
    """Mean over the columns and the days similar to each day, shape (days, slots)."""
    by_day = values_kw.mean(1)
    similar = SimilarDays(table)
    kinds = day_kind(table.weekday)
    return np.stack([by_day[similar.of(day, int(kinds[day]))].mean(0) for day in range(table.days)])
