"""The compiled loops of settlement, over plain columns. What a bill is made of is written down in `bills`."""

from __future__ import annotations

import numpy as np
from numba import njit

from cosim.core.arrays import FloatArray, IntArray
from cosim.settlement.rates import (
    ENERGY,
    FEED_IN,
    LEVIES,
    NETWORK,
    P2P_LEVIES,
    P2P_NETWORK,
    P2P_VAT,
    VAT,
)

NET, BOUGHT, SOLD, IMPORT, EXPORT, COST, PAID = range(7)
"""Rows of `flows`: energies of a `Dispatch` [kWh], money of its trades [EUR]."""
FLOWS = 7
LEAST_KWH = 1e-3
"""Energy below which a relative tolerance stays absolute: rounding of nothing is not a breach."""


@njit(cache=True)
def components(tariff: IntArray, rates: FloatArray, flows: FloatArray) -> FloatArray:
    """Components of every bill [EUR], shape (6, n), in the order of `bills.COMPONENTS`.

    Args:
        tariff: Tariff of every prosumer, shape (n,).
        rates: Shape (tariffs, RATES).
        flows: Shape (FLOWS, n).
    """
    eur = np.empty((6, len(tariff)))
    for i in range(len(tariff)):
        rate = rates[tariff[i]]
        drawn = max(flows[NET, i], 0.0)
        from_others = min(flows[BOUGHT, i], drawn)
        from_utility = drawn - from_others
        charges = rate[NETWORK] + rate[LEVIES]
        on_top = rate[P2P_NETWORK] + rate[P2P_LEVIES]
        energy = rate[ENERGY] * flows[IMPORT, i]
        eur[0, i] = flows[COST, i]
        eur[1, i] = energy
        eur[2, i] = rate[NETWORK] * from_utility + rate[P2P_NETWORK] * from_others
        eur[3, i] = rate[LEVIES] * from_utility + rate[P2P_LEVIES] * from_others
        eur[4, i] = rate[VAT] * (energy + charges * from_utility)
        eur[4, i] += rate[P2P_VAT] * (flows[PAID, i] + on_top * from_others)
        eur[5, i] = -rate[FEED_IN] * flows[EXPORT, i]
    return eur


@njit(cache=True)
def received(tariff: IntArray, rates: FloatArray, flows: FloatArray) -> float:
    """What retailer, network operator and state receive in all [EUR].

    Computed from the energies of each tariff, not from bills, and the draw from what was paired, not from the
    meter, so that it can stand against them.
    """
    volume = np.zeros((len(rates), FLOWS))
    charged = np.zeros((len(rates), 2))
    for i in range(len(tariff)):
        t = tariff[i]
        for flow in (IMPORT, EXPORT, PAID):
            volume[t, flow] += flows[flow, i]
        # What is given in the same period takes the place of import first, then of what was bought.
        given = flows[SOLD, i] + flows[EXPORT, i]
        charged[t, 0] += max(flows[IMPORT, i] - given, 0.0)
        charged[t, 1] += max(flows[BOUGHT, i] - max(given - flows[IMPORT, i], 0.0), 0.0)
    total = 0.0
    for t in range(len(rates)):
        rate, part = rates[t], volume[t]
        from_utility, from_others = charged[t, 0], charged[t, 1]
        charges = rate[NETWORK] + rate[LEVIES]
        on_top = rate[P2P_NETWORK] + rate[P2P_LEVIES]
        total += rate[ENERGY] * part[IMPORT] + charges * from_utility - rate[FEED_IN] * part[EXPORT]
        total += rate[VAT] * (rate[ENERGY] * part[IMPORT] + charges * from_utility)
        total += on_top * from_others + rate[P2P_VAT] * (part[PAID] + on_top * from_others)
    return total


@njit(cache=True)
def first_unbalanced(flows: FloatArray, tolerance: float) -> int:
    """First prosumer whose metered energy is not `bought - sold + import - export` with all four positive or
    zero, to a tolerance relative to its own energies; -1 if there is none."""
    for i in range(flows.shape[1]):
        bought, sold, imported, exported = (
            flows[BOUGHT, i],
            flows[SOLD, i],
            flows[IMPORT, i],
            flows[EXPORT, i],
        )
        error = abs(flows[NET, i] - (bought - sold + imported - exported))
        allowed = tolerance * max(bought + sold + imported + exported, LEAST_KWH)
        # Written so that NaN fails too.
        if not (error <= allowed and min(bought, sold, imported, exported) >= -allowed):
            return i
    return -1
