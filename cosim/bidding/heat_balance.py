"""The heat of each prosumer brought into balance by its own devices: need first, then whatever pays. Nobody
else's devices are seen."""

from __future__ import annotations

from numba import njit

from cosim.core.arrays import FloatArray, IntArray

DUST_KWH = 1e-12
"""Energies below are rounding."""


@njit(cache=True)
def balance(  # noqa: PLR0913, PLR0917  # a kernel takes arrays, not objects
    order: IntArray,
    start: IntArray,
    low: FloatArray,
    high: FloatArray,
    draw: FloatArray,
    give: FloatArray,
    given_away: FloatArray,
    firm_only: bool,
    energy: FloatArray,
    missing: FloatArray,
) -> None:
    """Move devices until each owner's heat balances, and no two of its devices would gain by a deal.

    What is lacking is given by the device that gives cheapest, what is left over drawn by the one to which it
    is worth most; then the device to which heat is worth most draws from the one that gives cheapest, as long
    as the first is above the second.

    Args:
        order: Devices ordered by owner, shape (d,).
        start: Start of every owner's devices in `order`, shape (n + 1,).
        low: Least energy of every device, drawn positive.
        high: Most energy.
        draw: What drawing more is worth [EUR/kWh]; no device draws at a higher price than it gives at.
        give: What giving more costs.
        given_away: Net heat that goes to others, shape (n,).
        firm_only: Move devices only as far as the balance needs it.
        energy: What every device would do; changed to what it does.
        missing: Result: what is lacking even so, negative what is left over, shape (n,).
    """
    for owner in range(len(start) - 1):
        rows = order[start[owner] : start[owner + 1]]
        lacking = given_away[owner]
        for row in rows:
            lacking += energy[row]
        while lacking > DUST_KWH:
            giver = _cheapest(rows, low, energy, give)
            if giver < 0:
                break
            moved = min(lacking, energy[giver] - low[giver])
            energy[giver] -= moved
            lacking -= moved
        while lacking < -DUST_KWH:
            taker = _dearest(rows, high, energy, draw)
            if taker < 0:
                break
            moved = min(-lacking, high[taker] - energy[taker])
            energy[taker] += moved
            lacking += moved
        missing[owner] = lacking
        while not firm_only:
            giver, taker = _cheapest(rows, low, energy, give), _dearest(rows, high, energy, draw)
            if giver < 0 or taker < 0 or not draw[taker] > give[giver]:
                break
            moved = min(energy[giver] - low[giver], high[taker] - energy[taker])
            energy[giver] -= moved
            energy[taker] += moved


@njit(cache=True)
def _cheapest(rows, low, energy, give):  # type: ignore[no-untyped-def]  # inlined by numba
    """The device that gives cheapest, of those that can give more."""
    best = -1
    for row in rows:
        if energy[row] - low[row] > DUST_KWH and (best < 0 or give[row] < give[best]):
            best = row
    return best


@njit(cache=True)
def _dearest(rows, high, energy, draw):  # type: ignore[no-untyped-def]  # inlined by numba
    """The device to which drawing is worth most, of those that can draw more."""
    best = -1
    for row in rows:
        if high[row] - energy[row] > DUST_KWH and (best < 0 or draw[row] > draw[best]):
            best = row
    return best
