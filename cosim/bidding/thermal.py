"""What a prosumer's heat sources draw of electricity, as a step curve in its price: the heat that they give
together is fixed, which of them gives it is not. A boiler takes over from a heat pump where electricity gets
dear, a CHP where it gets dearer still. Nobody else's rows are seen.

Source k gives h_k of heat, between its bounds, at the cost a_k + b_k p for each kWh of it: p is the price of
electricity, b_k what the source draws per kWh of heat (a CHP: less than zero), a_k its gas. At any p the
cheapest sources come first. As p falls, sources with larger b move ahead: k before l turns into l before k at

    p_kl = (a_k - a_l) / (b_l - b_k),     b_l > b_k,

and what can be moved from k to l then draws (b_l - b_k) more for each kWh of heat. So the electricity that is
wanted is a falling step function of its price, any point of which can be carried out: its steps are orders.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from cosim.core.arrays import FloatArray, IntArray

DUST_KWH = 1e-12
_SAME = 1e-9
"""Sources that draw so nearly the same cannot be told apart."""
_TIE_EUR_PER_KWH = 1e-12
"""Prices so near to each other are one price."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The heat sources of a community in one period, those of an owner next to each other."""

    start: IntArray
    """Start of every owner's sources, shape (n + 1,)."""
    room: IntArray
    """Start of every owner's steps in `Curve`, shape (n + 1,)."""
    heat_kwh: FloatArray
    """What each gives, positive, shape (u,)."""
    least_kwh: FloatArray
    """Shape (u,)."""
    most_kwh: FloatArray
    """Shape (u,)."""
    cost_eur_per_kwh: FloatArray
    """Of the heat, without electricity, shape (u,)."""
    electricity: FloatArray
    """Drawn per kWh of heat, shape (u,)."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The steps of all owners, from the highest price to the lowest; empty ones have no energy."""

    base_kwh: FloatArray
    """Electricity that is drawn at any price, least of all, shape (n,)."""
    price_eur_per_kwh: FloatArray
    """At which a step is worth neither more nor less, shape (steps,)."""
    energy_kwh: FloatArray
    """What is drawn more below that price, not negative, shape (steps,)."""

    def beside(self, drawn_kwh: FloatArray) -> Curve:
        """The curve with more that is drawn at any price, shape (n,)."""
        return Curve(self.base_kwh + drawn_kwh, self.price_eur_per_kwh, self.energy_kwh)


def steps_of(sources_by_owner: IntArray) -> IntArray:
    """Start of every owner's steps, shape (n + 1,), if it has so many sources: one for each pair."""
    pairs = sources_by_owner * (sources_by_owner - 1) // 2
    return np.concatenate([[0], np.cumsum(pairs)])


def curve_of(sources: Sources) -> Curve:
    """The curve of the heat that the sources give now."""
    base = np.zeros(len(sources.start) - 1)
    price, energy = np.zeros(sources.room[-1]), np.zeros(sources.room[-1])
    _curves(*_columns(sources), base, price, energy)
    return Curve(base, price, energy)


def heat_at(sources: Sources, electricity_kwh: FloatArray) -> FloatArray:
    """Heat of every source [kWh], shape (u,), if each owner's draw `electricity_kwh` together, shape (n,)."""
    heat = sources.heat_kwh.copy()
    _positions(*_columns(sources), electricity_kwh, heat)
    return heat


def _columns(sources: Sources) -> tuple[FloatArray | IntArray, ...]:
    return (
        sources.start,
        sources.room,
        sources.heat_kwh,
        sources.least_kwh,
        sources.most_kwh,
        sources.cost_eur_per_kwh,
        sources.electricity,
    )


@njit(cache=True)
def _dearest_electricity(first, last, heat, least, most, cost, electricity, given):  # type: ignore[no-untyped-def]  # inlined by numba
    """Heat of one owner's sources where electricity has no end of a price: what draws least comes first."""
    left = 0.0
    for k in range(first, last):
        given[k] = least[k]
        left += heat[k] - least[k]
    done = np.zeros(last - first, np.bool_)
    for _ in range(last - first):
        best = -1
        for k in range(first, last):
            if done[k - first]:
                continue
            if (
                best < 0
                or electricity[k] < electricity[best] - _SAME
                or (electricity[k] <= electricity[best] + _SAME and cost[k] < cost[best])
            ):
                best = k
        done[best - first] = True
        more = min(left, most[best] - least[best])
        given[best] += more
        left -= more


@njit(cache=True)
def _swaps(first, last, cost, electricity, price, give, take):  # type: ignore[no-untyped-def]  # inlined by numba
    """Pairs of one owner's sources by the price at which they change places, highest first; how many.

    Where several meet at one price (all that burn no gas do, at zero), those that draw less go first, so that
    only neighbours in the order of merit change places.
    """
    count = 0
    for k in range(first, last):
        for j in range(first, last):
            if electricity[j] <= electricity[k] + _SAME:
                continue
            at = (cost[k] - cost[j]) / (electricity[j] - electricity[k])
            position = count
            while position > 0:
                before = position - 1
                if price[before] > at + _TIE_EUR_PER_KWH:
                    break
                if price[before] >= at - _TIE_EUR_PER_KWH:
                    less = electricity[give[before]] - electricity[k]
                    if less < 0.0 or (less == 0.0 and electricity[take[before]] <= electricity[j]):
                        break
                price[position] = price[position - 1]
                give[position] = give[position - 1]
                take[position] = take[position - 1]
                position -= 1
            price[position], give[position], take[position] = at, k, j
            count += 1
    return count


@njit(cache=True)
def _curves(  # noqa: PLR0913, PLR0917  # a kernel takes arrays, not objects
    start: IntArray,
    room: IntArray,
    heat: FloatArray,
    least: FloatArray,
    most: FloatArray,
    cost: FloatArray,
    electricity: FloatArray,
    base: FloatArray,
    step_price: FloatArray,
    step_kwh: FloatArray,
) -> None:
    """Fill in `base`, `step_price` and `step_kwh`; the rest: see `Sources`."""
    given = np.empty(len(heat))
    widest = 1
    for owner in range(len(start) - 1):
        widest = max(widest, room[owner + 1] - room[owner])
    price = np.empty(widest)
    give, take = np.empty(widest, np.int64), np.empty(widest, np.int64)
    for owner in range(len(start) - 1):
        first, last = start[owner], start[owner + 1]
        if first == last:
            continue
        _dearest_electricity(first, last, heat, least, most, cost, electricity, given)
        for k in range(first, last):
            base[owner] += given[k] * electricity[k]
        count = _swaps(first, last, cost, electricity, price, give, take)
        for step in range(count):
            k, j = give[step], take[step]
            moved = min(given[k] - least[k], most[j] - given[j])
            if moved > DUST_KWH:
                given[k] -= moved
                given[j] += moved
                step_kwh[room[owner] + step] = moved * (electricity[j] - electricity[k])
            step_price[room[owner] + step] = price[step]


@njit(cache=True)
def _positions(  # noqa: PLR0913, PLR0917  # a kernel takes arrays, not objects
    start: IntArray,
    room: IntArray,
    heat: FloatArray,
    least: FloatArray,
    most: FloatArray,
    cost: FloatArray,
    electricity: FloatArray,
    drawn: FloatArray,
    given: FloatArray,
) -> None:
    """Fill in `given`, the heat of every source at a point of its owner's curve; the rest: see `Sources`."""
    widest = 1
    for owner in range(len(start) - 1):
        widest = max(widest, room[owner + 1] - room[owner])
    price = np.empty(widest)
    give, take = np.empty(widest, np.int64), np.empty(widest, np.int64)
    for owner in range(len(start) - 1):
        first, last = start[owner], start[owner + 1]
        if last - first < 2:
            continue
        _dearest_electricity(first, last, heat, least, most, cost, electricity, given)
        left = drawn[owner]
        for k in range(first, last):
            left -= given[k] * electricity[k]
        count = _swaps(first, last, cost, electricity, price, give, take)
        for step in range(count):
            if left <= DUST_KWH:
                break
            k, j = give[step], take[step]
            more = electricity[j] - electricity[k]
            moved = min(given[k] - least[k], most[j] - given[j], left / more)
            if moved > 0.0:
                given[k] -= moved
                given[j] += moved
                left -= moved * more
