"""Mean and spread of what was decided, by hour of the day: sums that are updated period by period, in the way
of Chan, Golub and LeVeque (The American Statistician 37, 1983, eq. 2.1), which loses no digits."""

from __future__ import annotations

import numpy as np

from cosim.core.arrays import BoolArray, FloatArray, IntArray

HOURS = 24


class HourlyStatistics:
    """Statistics of some fields by hour of the day.

    Args:
        fields: How many.
    """

    def __init__(self, fields: int) -> None:
        self.count: IntArray = np.zeros((HOURS, fields), dtype=np.int64)
        """Numbers taken in, shape (24, fields)."""
        self._mean = np.zeros((HOURS, fields))
        self._squares = np.zeros((HOURS, fields))

    def add(self, hour: int, values: FloatArray, mask: BoolArray) -> None:
        """Take in one period.

        Args:
            hour: Of the day, 0 to 23.
            values: Shape (n, fields).
            mask: False where a number does not count, shape (n, fields).
        """
        new = mask.sum(axis=0)
        mean = np.where(mask, values, 0.0).sum(axis=0) / np.maximum(new, 1)
        squares = np.where(mask, np.square(values - mean), 0.0).sum(axis=0)
        old = self.count[hour]
        share = new / np.maximum(old + new, 1)
        apart = mean - self._mean[hour]
        self._squares[hour] += squares + np.square(apart) * old * share
        self._mean[hour] += apart * share
        self.count[hour] += new

    def mean(self) -> FloatArray:
        """Shape (24, fields); NaN where there is nothing."""
        return np.where(self.count > 0, self._mean, np.nan)

    def std(self) -> FloatArray:
        """Standard deviation of the numbers themselves (no population behind them), shape (24, fields)."""
        variance = self._squares / np.maximum(self.count, 1)
        return np.where(self.count > 0, np.sqrt(variance), np.nan)
