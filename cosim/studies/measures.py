"""What a study reports, in formulas: means with intervals over seeds, the share of the possible gain that was
captured, the inequality of savings. Pure functions of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, sqrt

import numpy as np

from cosim.core.arrays import FloatArray

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and the interval in which it lies with 95 % confidence."""

    mean: float
    low: float
    high: float
    count: int
    """Values that it comes from."""

    @property
    def excludes_zero(self) -> bool:
        """Whether a difference of nothing is outside."""
        return self.low > 0.0 or self.high < 0.0


def interval(values: Sequence[float] | FloatArray, confidence: float = CONFIDENCE) -> Interval:
    """Mean and Student's t interval, mean ± t(1 - (1 - confidence) / 2, k - 1) s / sqrt(k) with the standard
    deviation s of k values (its square divided by k - 1).

    One value has a mean and no interval (NaN); none has no mean either.
    """
    from scipy.special import stdtrit

    array = np.asarray(values, dtype=float)
    count = len(array)
    if count == 0:
        return Interval(nan, nan, nan, 0)
    mean = float(array.mean())
    if count == 1:
        return Interval(mean, nan, nan, 1)
    half = float(stdtrit(count - 1, 0.5 + 0.5 * confidence)) * float(array.std(ddof=1)) / sqrt(count)
    return Interval(mean, mean - half, mean + half, count)


def share_captured(
    greedy_eur: Sequence[float], cost_eur: Sequence[float], optimum_eur: Sequence[float]
) -> float:
    """Share of what could be gained, pooled over windows: the sum of greedy - cost, divided by the sum of
    greedy - optimum.

    0: no better than everybody alone with the utility, 1: as good as the optimum. NaN where nothing can be
    gained.
    """
    gain = float(np.sum(greedy_eur) - np.sum(cost_eur))
    possible = float(np.sum(greedy_eur) - np.sum(optimum_eur))
    return gain / possible if possible > 0.0 else nan


def gini(values: Sequence[float] | FloatArray) -> float:
    """Inequality of values that may be negative: 0 if all are equal, 1 if one has all gains and another all
    losses (or nobody else anything).

        G = sum over i, j of |x_i - x_j| / (2 (n - 1) (T+ + T-)),   T+ sum of gains, T- of losses as a number

    Without negative values this is n / (n - 1) times the usual coefficient. NaN if nobody has anything, or
    there is only one.

    Source: E. Raffinetti, E. Siletti, A. Vernizzi, "On the Gini coefficient normalization when attributes
    with negative values are considered", Statistical Methods & Applications 24 (2015) 507-521, DOI
    10.1007/s10260-014-0293-4.
    """
    ordered = np.sort(np.asarray(values, dtype=float))
    count, total = len(ordered), float(np.abs(ordered).sum())
    if count < 2 or total == 0.0:
        return nan
    ranks = 2.0 * np.arange(1, count + 1) - count - 1.0
    return float((ranks * ordered).sum()) / ((count - 1) * total)
