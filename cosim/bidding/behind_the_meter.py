"""What happens behind each prosumer's meter after gate closure: what the market left is first used by the
prosumer's own devices where that pays, and the rest settles with the utility. Nobody else's rows are seen."""

from __future__ import annotations

from numba import njit

from cosim.core.arrays import FloatArray, IntArray

DUST_KWH = 1e-12
"""Quantities below are rounding."""
INDIFFERENT_EUR_PER_KWH = 1e-9
"""A reservation price this close to the utility's counts as equal to it: actions pass through roundings."""


@njit(cache=True)
def settle_behind_the_meter(  # noqa: PLR0913, PLR0917  # a kernel takes arrays, not objects
    by_owner: IntArray,
    owner_start: IntArray,
    side: IntArray,
    reservation: FloatArray,
    limit: IntArray,
    weight: FloatArray,
    retail: FloatArray,
    feed_in: FloatArray,
    remaining: FloatArray,
    shared: FloatArray,
    internal: FloatArray,
    utility: FloatArray,
) -> None:
    """Match each owner's rows with each other, dearest bid with cheapest ask, then with the utility.

    A firm row (no shared limit) always settles in full. A flexible row draws from the utility if its
    reservation price is at least the retail price, and gives to it if at most the feed-in price. No device
    draws at a higher reservation price than it gives at: its two rows never match each other.

    Args:
        by_owner: Rows ordered by owner, shape (k,).
        owner_start: Start of every owner's rows, shape (n + 1,).
        side: 1 draws, -1 gives, shape (k,).
        reservation: Reservation price by row [EUR/kWh].
        limit: Shared limit by row, -1 for firm rows.
        weight: What a kWh takes of the shared limit.
        retail: By owner [EUR/kWh].
        feed_in: By owner [EUR/kWh].
        remaining: Quantity left by row [kWh]; changed.
        shared: What is left of every shared limit; changed.
        internal: Result: filled by the owner's own rows [kWh].
        utility: Result: filled by the utility [kWh].
    """
    for owner in range(len(owner_start) - 1):
        rows = by_owner[owner_start[owner] : owner_start[owner + 1]]
        while True:
            bid, ask = -1, -1
            for row in rows:
                if _open_kwh(row, limit, weight, remaining, shared) <= DUST_KWH:
                    continue
                if side[row] > 0:
                    if bid < 0 or reservation[row] > reservation[bid]:
                        bid = row
                elif ask < 0 or reservation[row] < reservation[ask]:
                    ask = row
            if bid < 0 or ask < 0 or reservation[bid] <= reservation[ask]:
                break
            quantity = min(
                _open_kwh(bid, limit, weight, remaining, shared),
                _open_kwh(ask, limit, weight, remaining, shared),
            )
            for row in (bid, ask):
                internal[row] += quantity
                _take(row, quantity, limit, weight, remaining, shared)
        for row in rows:
            price = retail[owner] if side[row] > 0 else feed_in[owner]
            if limit[row] < 0 or side[row] * (reservation[row] - price) >= -INDIFFERENT_EUR_PER_KWH:
                quantity = max(_open_kwh(row, limit, weight, remaining, shared), 0.0)
                utility[row] += quantity
                _take(row, quantity, limit, weight, remaining, shared)


@njit(cache=True)
def _open_kwh(row, limit, weight, remaining, shared):  # type: ignore[no-untyped-def]  # inlined by numba
    """What a row can still be filled with."""
    if limit[row] < 0 or weight[row] <= 0.0:
        return remaining[row]
    return min(remaining[row], max(shared[limit[row]], 0.0) / weight[row])


@njit(cache=True)
def _take(row, quantity, limit, weight, remaining, shared):  # type: ignore[no-untyped-def]  # inlined
    """Take a fill off what is left."""
    remaining[row] -= quantity
    if limit[row] >= 0:
        shared[limit[row]] -= quantity * weight[row]
