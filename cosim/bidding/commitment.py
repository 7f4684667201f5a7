"""Which heat sources with a minimum load are on, settled before heat is traded: each prosumer switches on
what its own need is worth, cheapest first. It plans no energy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from cosim.core.arrays import BoolArray, FloatArray, IntArray
from cosim.devices.base import Ranges

DUST_KWH = 1e-9


@dataclass(frozen=True, slots=True)
class HeatDevices:
    """All devices for heat of a community in one period, kind after kind, shape (d,) each."""

    source: BoolArray
    """Whether it makes heat of another carrier."""
    low_kwh: FloatArray
    base_kwh: FloatArray
    high_kwh: FloatArray
    minimum_kwh: FloatArray
    """Smallest output besides zero."""
    draw_eur_per_kwh: FloatArray
    """What drawing more is worth."""
    give_eur_per_kwh: FloatArray
    """What giving more costs."""

    @classmethod
    def of(cls, ranges: Ranges, source: BoolArray, draw: FloatArray, give: FloatArray) -> HeatDevices:
        """The devices of some ranges."""
        low = ranges.low_kwh
        least = np.zeros_like(low) if ranges.minimum_kwh is None else ranges.minimum_kwh
        return cls(source, low, ranges.base_kwh, ranges.high_kwh, least, draw, give)


def only(span: Ranges, chosen: BoolArray) -> Ranges:
    """What some of the devices can do; nothing for the others."""
    least = None if span.minimum_kwh is None else np.where(chosen, span.minimum_kwh, 0.0)
    low, base, high = (np.where(chosen, bound, 0.0) for bound in (span.low_kwh, span.base_kwh, span.high_kwh))
    return Ranges(low, base, high, least)


def either(chosen: BoolArray, first: Ranges, second: Ranges) -> Ranges:
    """The first where chosen, else the second; without minimum loads."""
    return Ranges(
        np.where(chosen, first.low_kwh, second.low_kwh),
        np.where(chosen, first.base_kwh, second.base_kwh),
        np.where(chosen, first.high_kwh, second.high_kwh),
    )


def switched_on(
    devices: HeatDevices, order: IntArray, start: IntArray, need_kwh: FloatArray | None = None
) -> BoolArray:
    """Which devices are on, shape (d,).

    Cheapest first, a source is on if that costs less than to leave it off: with it, its heat at the
    minimum, less what stores make of what is too much, and the rest of the need from whatever is
    cheapest; without it, the need from stores and the sources that come later. What the latter could put
    into stores is not weighed. So it is on, whatever comes of the rest, if these do not do. Devices
    without a minimum, and those that cannot stop, are on; what the latter have to give is taken off the
    need before anything else.

    Args:
        devices: What they can do.
        order: Devices ordered by owner, shape (d,).
        start: Start of every owner's devices in `order`, shape (n + 1,).
        need_kwh: Heat that every owner needs beside what its devices draw, shape (n,); None: none.
    """
    needed = np.zeros(len(start) - 1) if need_kwh is None else need_kwh
    on = np.ones(len(devices.source), dtype=bool)
    _switch(
        order,
        start,
        needed,
        devices.source,
        devices.low_kwh,
        devices.base_kwh,
        devices.high_kwh,
        devices.minimum_kwh,
        devices.draw_eur_per_kwh,
        devices.give_eur_per_kwh,
        on,
    )
    return on


@njit(cache=True)
def _cheapest(rows, source, give, done):  # type: ignore[no-untyped-def]  # inlined by numba
    """The cheapest source that was not looked at yet."""
    best = -1
    for row in rows:
        if source[row] and not done[row] and (best < 0 or give[row] < give[best]):
            best = row
    return best


@njit(cache=True)
def _cost(  # type: ignore[no-untyped-def]  # noqa: PLR0913, PLR0917  # inlined by numba, takes arrays
    rows, source, low, base, minimum, give, done, need, own, extra
):
    """What it costs to meet a need from stores, the sources that come later, and `extra` of the source `own`
    [EUR]; infinite if they do not do. A source that is off and has a minimum above the need is no help."""
    cost, left = 0.0, need
    last_price, last = -np.inf, -1
    while left > DUST_KWH:
        best, most = -1, 0.0
        for row in rows:
            can = extra if row == own else base[row] - low[row]
            if row != own and source[row] and (done[row] or (base[row] == 0.0 and minimum[row] > need)):
                continue
            if can <= 0.0 or (give[row], row) <= (last_price, last):
                continue
            if best < 0 or (give[row], row) < (give[best], best):
                best, most = row, can
        if best < 0:
            return np.inf
        moved = min(left, most)
        cost += moved * give[best]
        left -= moved
        last_price, last = give[best], best
    return cost


@njit(cache=True)
def _worth_stored(rows, source, base, high, draw, excess):  # type: ignore[no-untyped-def]  # inlined
    """What stores and buildings make of heat that nobody needs [EUR]; nothing where they have no room."""
    worth, left = 0.0, excess
    last_price, last = np.inf, -1
    while left > DUST_KWH:
        best = -1
        for row in rows:
            if source[row] or high[row] - base[row] <= 0.0 or (-draw[row], row) <= (-last_price, last):
                continue
            if best < 0 or (-draw[row], row) < (-draw[best], best):
                best = row
        if best < 0:
            break
        moved = min(left, high[best] - base[best])
        worth += moved * max(draw[best], 0.0)
        left -= moved
        last_price, last = draw[best], best
    return worth


@njit(cache=True)
def _switch(  # noqa: PLR0913, PLR0917  # a kernel takes arrays, not objects
    order: IntArray,
    start: IntArray,
    needed: FloatArray,
    source: BoolArray,
    low: FloatArray,
    base: FloatArray,
    high: FloatArray,
    minimum: FloatArray,
    draw: FloatArray,
    give: FloatArray,
    on: BoolArray,
) -> None:
    """Fill in `on`; arguments: see `HeatDevices` and `switched_on`."""
    done = np.zeros(len(source), np.bool_)
    for owner in range(len(start) - 1):
        rows = order[start[owner] : start[owner + 1]]
        need = needed[owner]
        for row in rows:
            need += base[row]
        taken = 0.0  # by the need, and beyond it by stores
        while True:
            k = _cheapest(rows, source, give, done)
            if k < 0:
                break
            done[k] = True
            worth, room = need - taken, 0.0
            for row in rows:
                if not source[row]:
                    room += high[row] - base[row]
                    if draw[row] > give[k]:
                        worth += high[row] - base[row]
            if minimum[k] <= 0.0 or base[k] != 0.0:
                taken += min(base[k] - low[k], max(worth, 0.0))
                continue
            missing, full = max(need - taken, 0.0), max(taken - need, 0.0)
            beyond = full + max(minimum[k] - missing, 0.0)
            stored = _worth_stored(rows, source, base, high, draw, beyond)
            stored -= _worth_stored(rows, source, base, high, draw, full)
            rest, extra = max(missing - minimum[k], 0.0), -low[k] - minimum[k]
            # Heat whose electricity pays for it is no reason to throw it away.
            dumped = max(minimum[k] - missing - max(room - full, 0.0), 0.0)
            with_it = (minimum[k] - dumped) * give[k] + dumped * max(give[k], 0.0) - stored
            with_it += _cost(rows, source, low, base, minimum, give, done, rest, k, extra)
            without = _cost(rows, source, low, base, minimum, give, done, missing, k, 0.0)
            on[k] = with_it < without or (without == np.inf and missing > DUST_KWH)
            if on[k]:
                taken += max(minimum[k], min(-low[k], worth))
