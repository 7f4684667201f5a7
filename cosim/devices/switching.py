"""What devices with a minimum can do once it is settled which of them are on. Who settles that is the
bidding's affair."""

from __future__ import annotations

from numba import njit

from cosim.core.arrays import BoolArray, FloatArray


@njit(cache=True)
def switch(  # a kernel takes arrays, not objects
    low: FloatArray,
    base: FloatArray,
    high: FloatArray,
    minimum: FloatArray,
    on: BoolArray,
    new_low: FloatArray,
    new_base: FloatArray,
    new_high: FloatArray,
) -> None:
    """Fill in the new bounds: see `Ranges.switched`.

    Args:
        low: Least energy, drawn positive.
        base: Energy when nobody asks; one that is not zero means that the device is on already.
        high: Most energy.
        minimum: Smallest magnitude besides zero; none where it is not positive.
        on: Which devices are on.
        new_low: Result.
        new_base: Result.
        new_high: Result.
    """
    for row in range(len(low)):
        if minimum[row] <= 0.0 or base[row] != 0.0:
            new_low[row], new_base[row], new_high[row] = low[row], base[row], high[row]
        elif not on[row]:
            new_low[row], new_base[row], new_high[row] = 0.0, 0.0, 0.0
        elif low[row] < 0.0:
            new_low[row], new_base[row], new_high[row] = low[row], -minimum[row], -minimum[row]
        else:
            new_low[row], new_base[row], new_high[row] = minimum[row], minimum[row], high[row]
