"""The compiled loops of settlement, over plain columns. What a bill is made of is written down in `bills`."""

from __future__ import annotations

import numpy as np
from numba import njit

from cosim.core.arrays import FloatArray, IntArray
from cosim.settlement.components import COMPONENTS, row_of
from cosim.settlement.rates import (
    CARBON,
    ENERGY,
    FEED_IN,
    GAS,
    LEVIES,
    LONG,
    NETWORK,
    P2P_LEVIES,
    P2P_NETWORK,
    P2P_VAT,
    SHORT,
    VAT,
)

NET, BOUGHT, SOLD, IMPORT, EXPORT, LOST, IMBALANCE, COST, PAID = range(9)
"""Rows of `flows`: energies of a `Position` [kWh], money of its trades [EUR]."""
FLOWS = 9
LEAST_KWH = 1e-3
"""Energy below which a relative tolerance stays absolute: rounding of nothing is not a breach."""

ROWS = len(COMPONENTS)
TRADE_EUR = row_of("trade")
ENERGY_EUR = row_of("energy")
NETWORK_EUR = row_of("network")
LEVIES_EUR = row_of("levies")
VAT_EUR = row_of("vat")
FEED_IN_EUR = row_of("feed_in")
IMBALANCE_EUR = row_of("imbalance")
HEAT_EUR = row_of("heat_trade")
GAS_EUR = row_of("gas")
CARBON_EUR = row_of("carbon")


@njit(cache=True)
def components(
    tariff: IntArray, rates: FloatArray, flows: FloatArray, heat_cost: FloatArray, gas: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Components of every bill [EUR], shape (ROWS, n), in the order of `COMPONENTS`, and their sums, (n,).

    Args:
        tariff: Tariff of every prosumer, shape (n,).
        rates: Shape (tariffs, RATES).
        flows: Electricity, shape (FLOWS, n).
        heat_cost: Paid less received for heat [EUR], shape (n,).
        gas: Gas burnt [kWh], shape (n,).
    """
    n = len(tariff)
    eur = np.zeros((ROWS, n))
    total = np.zeros(n)
    for i in range(n):
        rate = rates[tariff[i]]
        drawn = max(flows[NET, i], 0.0)
        from_others = min(flows[BOUGHT, i], drawn)
        from_utility = drawn - from_others
        charges = rate[NETWORK] + rate[LEVIES]
        on_top = rate[P2P_NETWORK] + rate[P2P_LEVIES]
        energy = rate[ENERGY] * flows[IMPORT, i]
        short = rate[SHORT] * max(flows[IMBALANCE, i], 0.0)
        eur[TRADE_EUR, i] = flows[COST, i]
        eur[ENERGY_EUR, i] = energy
        eur[NETWORK_EUR, i] = rate[NETWORK] * from_utility + rate[P2P_NETWORK] * from_others
        eur[LEVIES_EUR, i] = rate[LEVIES] * from_utility + rate[P2P_LEVIES] * from_others
        eur[VAT_EUR, i] = rate[VAT] * (energy + short + charges * from_utility)
        eur[VAT_EUR, i] += rate[P2P_VAT] * (flows[PAID, i] + on_top * from_others)
        eur[FEED_IN_EUR, i] = -rate[FEED_IN] * flows[EXPORT, i]
        eur[IMBALANCE_EUR, i] = short - rate[LONG] * max(-flows[IMBALANCE, i], 0.0)
        eur[HEAT_EUR, i] = heat_cost[i]
        if gas[i] != 0.0:  # who burns none may have a tariff without a gas price
            eur[GAS_EUR, i] = rate[GAS] * gas[i]
            eur[CARBON_EUR, i] = rate[CARBON] * gas[i]
        # Row by row, whatever the number of prosumers: the sum of an array depends on its shape.
        for row in range(ROWS):
            total[i] += eur[row, i]
    return eur, total


@njit(cache=True)
def due(tariff: IntArray, rates: FloatArray, flows: FloatArray, gas: FloatArray) -> FloatArray:
    """What the receivers of every component receive from all prosumers [EUR], shape (ROWS,).

    Computed from the energies of each tariff, not from bills, and the draw from what was paired, not from the
    meter, so that it can stand against them. What prosumers pay each other is nothing in all.
    """
    volume = np.zeros((len(rates), FLOWS))
    from_utility, from_others = np.zeros(len(rates)), np.zeros(len(rates))
    short, long, burnt = np.zeros(len(rates)), np.zeros(len(rates)), np.zeros(len(rates))
    for i in range(len(tariff)):
        t = tariff[i]
        for flow in (IMPORT, EXPORT, PAID):
            volume[t, flow] += flows[flow, i]
        deviation = flows[IMBALANCE, i]
        beyond, below = (deviation, 0.0) if deviation > 0.0 else (0.0, -deviation)
        short[t] += beyond
        long[t] += below
        burnt[t] += gas[i]
        # What is given in the same period takes the place of what the utility provides, then of purchases.
        provided = flows[IMPORT, i] + beyond
        given = flows[SOLD, i] + flows[EXPORT, i] + below
        from_utility[t] += max(provided - given, 0.0)
        from_others[t] += max(flows[BOUGHT, i] - max(given - provided, 0.0), 0.0)
    total = np.zeros(ROWS)
    for t in range(len(rates)):
        rate, part = rates[t], volume[t]
        energy, deviations = rate[ENERGY] * part[IMPORT], rate[SHORT] * short[t]
        network, levies = rate[P2P_NETWORK] * from_others[t], rate[P2P_LEVIES] * from_others[t]
        taxed = energy + deviations + (rate[NETWORK] + rate[LEVIES]) * from_utility[t]
        total[ENERGY_EUR] += energy
        total[NETWORK_EUR] += rate[NETWORK] * from_utility[t] + network
        total[LEVIES_EUR] += rate[LEVIES] * from_utility[t] + levies
        total[VAT_EUR] += rate[VAT] * taxed + rate[P2P_VAT] * (part[PAID] + network + levies)
        total[FEED_IN_EUR] -= rate[FEED_IN] * part[EXPORT]
        total[IMBALANCE_EUR] += deviations - rate[LONG] * long[t]
        if burnt[t] != 0.0:
            total[GAS_EUR] += rate[GAS] * burnt[t]
            total[CARBON_EUR] += rate[CARBON] * burnt[t]
    return total


@njit(cache=True)
def first_unbalanced(flows: FloatArray, nothing: int, tolerance: float) -> int:
    """First prosumer whose energy of a carrier does not balance, to a tolerance relative to its own energies;
    -1 if there is none.

    Net must be `bought - (sold + lost) + import - export + imbalance`; all but net and imbalance must be
    positive or zero; the row `nothing` must be zero.
    """
    for i in range(flows.shape[1]):
        bought, sold, lost = flows[BOUGHT, i], flows[SOLD, i], flows[LOST, i]
        imported, exported, deviation = flows[IMPORT, i], flows[EXPORT, i], flows[IMBALANCE, i]
        error = abs(flows[NET, i] - (bought - (sold + lost) + imported - exported + deviation))
        size = bought + sold + imported + exported + lost + abs(deviation)
        allowed = tolerance * max(size, LEAST_KWH)
        # Written so that NaN fails too.
        if not (error <= allowed and min(bought, sold, imported, exported, lost) >= -allowed):
            return i
        if not abs(flows[nothing, i]) <= allowed:
            return i
    return -1
