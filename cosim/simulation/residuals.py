"""What the audits of a period leave, relative to what is at stake: rounding, if all is well. Whether it
is an error is decided in the settlement room."""

from __future__ import annotations

import numpy as np
from numba import njit

from cosim.core.arrays import FloatArray
from cosim.core.dispatch import Position


def unpaired(position: Position) -> float:
    """By how much anybody's energy differs from what it was paired with, relative to the largest net."""
    return float(
        _unpaired(
            position.net_kwh,
            position.bought_kwh,
            position.sold_kwh,
            position.lost_kwh,
            position.import_kwh,
            position.export_kwh,
            position.imbalance_kwh,
        )
    )


def unbalanced(paid_eur: FloatArray) -> float:
    """What payments among prosumers do not add up to zero, relative to what is paid."""
    return float(_unbalanced(paid_eur))


@njit(cache=True)
def _unpaired(
    net: FloatArray,
    bought: FloatArray,
    sold: FloatArray,
    lost: FloatArray,
    imported: FloatArray,
    exported: FloatArray,
    imbalance: FloatArray,
) -> float:
    most, scale = 0.0, 1e-3
    for row in range(len(net)):
        paired = bought[row] - (sold[row] + lost[row]) + imported[row] - exported[row] + imbalance[row]
        off = abs(net[row] - paired)
        if np.isnan(off):
            return np.nan
        most = max(most, off)
        scale = max(scale, abs(net[row]))
    return most / scale


@njit(cache=True)
def _unbalanced(paid_eur: FloatArray) -> float:
    total, stake = 0.0, 0.0
    for row in range(len(paid_eur)):
        total += paid_eur[row]
        stake += abs(paid_eur[row])
    return abs(total) / max(stake, 1e-3)
