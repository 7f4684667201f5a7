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
        imported, bought = flows[IMPORT, i], flows[BOUGHT, i]
        utility = rate[ENERGY] + rate[NETWORK] + rate[LEVIES]
        on_top = rate[P2P_NETWORK] + rate[P2P_LEVIES]
        eur[0, i] = flows[COST, i]
        eur[1, i] = rate[ENERGY] * imported
        eur[2, i] = rate[NETWORK] * imported + rate[P2P_NETWORK] * bought
        eur[3, i] = rate[LEVIES] * imported + rate[P2P_LEVIES] * bought
        eur[4, i] = rate[VAT] * utility * imported + rate[P2P_VAT] * (flows[PAID, i] + on_top * bought)
        eur[5, i] = -rate[FEED_IN] * flows[EXPORT, i]
    return eur


@njit(cache=True)
def received(tariff: IntArray, rates: FloatArray, flows: FloatArray) -> float:
    """What retailer, network operator and state receive in all [EUR].

    Computed from the energies of each tariff, not from bills, so that it can stand against them.
    """
    volume = np.zeros((len(rates), FLOWS))
    for i in range(len(tariff)):
        for flow in (BOUGHT, IMPORT, EXPORT, PAID):
            volume[tariff[i], flow] += flows[flow, i]
    total = 0.0
    for t in range(len(rates)):
        rate, part = rates[t], volume[t]
        utility = rate[ENERGY] + rate[NETWORK] + rate[LEVIES]
        on_top = rate[P2P_NETWORK] + rate[P2P_LEVIES]
        total += utility * (1.0 + rate[VAT]) * part[IMPORT] - rate[FEED_IN] * part[EXPORT]
        total += on_top * (1.0 + rate[P2P_VAT]) * part[BOUGHT] + rate[P2P_VAT] * part[PAID]
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
