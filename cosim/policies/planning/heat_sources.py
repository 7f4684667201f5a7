"""What heat costs each prosumer, and which of its sources give it: the merit order of heat pumps, boilers,
heaters and CHPs in every period. It stores nothing and trades nothing.

A source that draws electricity has two steps: up to the own surplus it uses what would otherwise be sold, and
beyond that what is bought. A source that gives electricity has two steps the other way round.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from cosim.core.arrays import FloatArray


@njit(cache=True)
def heat_curve(  # noqa: PLR0913, PLR0917  # a kernel takes arrays, not objects
    capacity: FloatArray,
    electricity: FloatArray,
    fuel_cost: FloatArray,
    net_electricity: FloatArray,
    sell: FloatArray,
    buy: FloatArray,
    least: FloatArray,
    most: FloatArray,
    edge: FloatArray,
    cost: FloatArray,
    source: FloatArray,
    price: FloatArray,
) -> None:
    """Marginal cost of a prosumer's net heat demand, every source in two steps, cheapest first.

    Args:
        capacity: Most heat that a source gives [kWh], positive, shape (n, H, S).
        electricity: Electricity that it draws per kWh of heat given; negative where it gives some, (n, H, S).
        fuel_cost: Cost of gas per kWh of heat given [EUR/kWh], shape (n, H, S).
        net_electricity: Net energy without the sources [kWh], shape (n, H).
        sell: What a kWh of electricity brings [EUR/kWh], shape (n, H).
        buy: What it costs, shape (n, H).
        least: Lower bound of what heat is worth: what a buyer pays, or 0 for heat that is dumped, (n, H).
        most: Upper bound: what it costs from others, or to go without, shape (n, H).
        edge: Net heat demands at which the marginal cost changes, shape (n, H, 2 S + 1); written.
        cost: Marginal cost between them [EUR/kWh], shape (n, H, 2 S + 2); written.
        source: Number of the source that gives between edge k and k + 1, shape (n, H, 2 S); written.
        price: What its heat costs there, whatever the bounds [EUR/kWh], shape (n, H, 2 S); written.
    """
    n, count, sources = capacity.shape
    for i in range(n):
        for t in range(count):
            found = 0
            for s in range(sources):
                per_kwh, fuel = electricity[i, t, s], fuel_cost[i, t, s]
                first_price, then_price = sell[i, t], buy[i, t]
                room = max(-net_electricity[i, t], 0.0)
                if per_kwh < 0.0:
                    first_price, then_price, room = buy[i, t], sell[i, t], max(net_electricity[i, t], 0.0)
                whole = capacity[i, t, s]
                first = whole if per_kwh == 0.0 else min(whole, room / abs(per_kwh))
                for step in range(2):
                    width = first if step == 0 else whole - first
                    own = fuel + per_kwh * (first_price if step == 0 else then_price)
                    place = found
                    while place > 0 and price[i, t, place - 1] > own:
                        price[i, t, place] = price[i, t, place - 1]
                        edge[i, t, place + 1] = edge[i, t, place]
                        source[i, t, place] = source[i, t, place - 1]
                        place -= 1
                    price[i, t, place] = own
                    edge[i, t, place + 1] = width  # turned into an edge below
                    source[i, t, place] = s
                    found += 1
            edge[i, t, 0] = 0.0
            cost[i, t, 0] = least[i, t]
            for k in range(1, found + 1):
                edge[i, t, k] += edge[i, t, k - 1]
                cost[i, t, k] = min(max(price[i, t, k - 1], least[i, t]), most[i, t])
            cost[i, t, found + 1] = most[i, t]


@njit(cache=True)
def give_heat(
    demand: FloatArray, edge: FloatArray, price: FloatArray, source: FloatArray, least: FloatArray,
    most: FloatArray, trades: FloatArray, given: FloatArray,
) -> None:  # fmt: skip
    """Which source gives how much, shape (n, H, S); written to `given`, which starts at zero.

    Whoever trades heat (`trades` above 0, shape (n, H)) also gives what costs less than buyers pay (`least`),
    and leaves to others what costs more than they ask (`most`).
    """
    n, count = demand.shape
    for i in range(n):
        for t in range(count):
            need = max(demand[i, t], 0.0)
            for k in range(source.shape[2]):
                width = edge[i, t, k + 1] - edge[i, t, k]
                amount = min(max(need - edge[i, t, k], 0.0), width)
                if trades[i, t] > 0.0:
                    if price[i, t, k] < least[i, t]:
                        amount = width
                    elif price[i, t, k] > most[i, t]:
                        amount = 0.0
                given[i, t, int(source[i, t, k])] += amount


def cost_at(demand: FloatArray, edge: FloatArray, cost: FloatArray) -> FloatArray:
    """Marginal cost at a net demand [EUR/kWh], shape (n, H)."""
    piece = (edge < demand[..., None]).sum(axis=-1)
    found: FloatArray = np.take_along_axis(cost, piece[..., None], axis=-1)[..., 0]
    return found
