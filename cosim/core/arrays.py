"""Names for the array types used in signatures (shapes are given in the docstrings), and sums by index."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


def clipped(values: FloatArray, low: FloatArray | float, high: FloatArray | float) -> FloatArray:
    """`np.clip` without its detours: on columns of a community these take most of its time."""
    return np.minimum(np.maximum(values, low), high)


def sum_by(index: IntArray, values: FloatArray, count: int) -> FloatArray:
    """Sums of `values` that share an index, shape (count,)."""
    # numpy's stubs know bincount's counts alone, not its weighted sums
    return cast(FloatArray, np.bincount(index, weights=values, minlength=count))
