"""Carries out the matches of a mechanism that clears once, compiled: pairing, netting by owner, shared limits
and capacity. What is matched, and at which price, is the mechanism's business."""

from __future__ import annotations

import numpy as np
from numba import njit

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.records import BUY, NO_LIMIT
from cosim.market.rows import QUEUED, Records

_compiled = njit(cache=True, error_model="numpy")


@_compiled
def pair(bids: IntArray, asks: IntArray, accepted: FloatArray) -> tuple[IntArray, IntArray, FloatArray]:
    """Rows of bids and asks in turn, and how much of the two is matched [kWh]."""
    most = len(bids) + len(asks)
    buy, sell, quantity = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most)
    count, i, j = 0, 0, 0
    wanted = accepted[bids[0]] if len(bids) > 0 else 0.0
    offered = accepted[asks[0]] if len(asks) > 0 else 0.0
    while i < len(bids) and j < len(asks):
        amount = min(wanted, offered)
        buy[count], sell[count], quantity[count] = bids[i], asks[j], amount
        count += 1
        done_buying, done_selling = amount == wanted, amount == offered
        wanted -= amount
        offered -= amount
        if done_buying:
            i += 1
            wanted = accepted[bids[i]] if i < len(bids) else 0.0
        if done_selling:
            j += 1
            offered = accepted[asks[j]] if j < len(asks) else 0.0
    return buy[:count], sell[:count], quantity[:count]


@_compiled
def capped(rows: Records, best_first: IntArray, shared: FloatArray) -> FloatArray:
    """What the orders of one side can get of their shared limits if the better ones take theirs first [kWh].

    `best_first` are rows with the best price of each side first; quantities come in its order.
    """
    left = np.empty((2, len(shared)))
    left[0] = shared
    left[1] = shared
    quantity = np.empty(len(best_first))
    for position in range(len(best_first)):
        row = rows[best_first[position]]
        amount = row["open"]
        limit = row["limit"]
        if limit != NO_LIMIT:
            side = 0 if row["side"] == BUY else 1
            amount = min(amount, left[side, limit] / row["weight"])
            left[side, limit] = max(left[side, limit] - row["weight"] * amount, 0.0)
        quantity[position] = amount
    return quantity


@_compiled
def _available(rows: Records, shared: FloatArray, number: int, most: float) -> float:
    """The least of `most`, what is open and what the shared limit holds."""
    row = rows[number]
    amount = min(most, row["open"])
    if row["limit"] == NO_LIMIT:
        return float(amount)
    return float(min(amount, shared[row["limit"]] / row["weight"]))


@_compiled
def _both(rows: Records, shared: FloatArray, bid: int, ask: int) -> float:
    """What a shared limit lets a bid and an ask have of each other if both draw on it, else infinity."""
    limit = rows[bid]["limit"]
    if limit == NO_LIMIT or limit != rows[ask]["limit"]:
        return np.inf
    return float(shared[limit] / (rows[bid]["weight"] + rows[ask]["weight"]))


@_compiled
def _take(rows: Records, shared: FloatArray, accepted: FloatArray, number: int, amount: float) -> None:
    """Take a fill off an order, off what is accepted of it and off its shared limit."""
    row = rows[number]
    row["open"] -= amount
    accepted[number] -= amount
    limit = row["limit"]
    if limit != NO_LIMIT:
        shared[limit] = max(shared[limit] - row["weight"] * amount, 0.0)


@_compiled
def _transfer(
    rows: Records, shared: FloatArray, accepted: FloatArray, by_owner: IntArray, first: int, last: int
) -> None:
    """Net the bids and asks of one owner while they cross.

    They are `by_owner[first:last]`, bids first, on each side the best first.
    """
    asks = first
    while asks < last and rows[by_owner[asks]]["side"] == BUY:
        asks += 1
    i, j = first, asks
    while i < asks and j < last:
        bid, ask = by_owner[i], by_owner[j]
        if rows[bid]["price"] < rows[ask]["price"]:
            return
        wanted = _available(rows, shared, bid, accepted[bid])
        offered = _available(rows, shared, ask, accepted[ask])
        joint = _both(rows, shared, bid, ask)
        amount = min(wanted, offered, joint)
        if wanted > rows[bid]["dust"] and offered > rows[ask]["dust"]:
            for number in (bid, ask):
                _take(rows, shared, accepted, number, amount)
                rows[number]["internal"] += amount
        # Whichever bound it is done, whatever rounding has left of it.
        if amount in (wanted, joint):
            i += 1
        if amount in (offered, joint):
            j += 1


@_compiled
def transfer_all(rows: Records, shared: FloatArray, accepted: FloatArray, by_owner: IntArray) -> None:
    """Net every owner's bids and asks, as far as they are accepted and cross.

    `by_owner` are rows sorted by owner, then side (bids first), then price (the best first).
    """
    first = 0
    for position in range(1, len(by_owner) + 1):
        if position == len(by_owner) or rows[by_owner[position]]["owner"] != rows[by_owner[first]]["owner"]:
            if position > first + 1:
                _transfer(rows, shared, accepted, by_owner, first, position)
            first = position


@_compiled
def _trade(
    rows: Records,
    shared: FloatArray,
    accepted: FloatArray,
    bids: IntArray,
    asks: IntArray,
    price: float,
    capacity: FloatArray,
    trades: Records,
) -> int:
    """Match what is accepted of the bids and asks of a pool in turn; returns the number of trades.

    `capacity`, shape (1,), is what may still be traded between owners; it is changed. After netting no owner
    has anything left on both sides but what rounding leaves, which is passed over.
    """
    i, j, count = 0, 0, 0
    while i < len(bids) and j < len(asks) and capacity[0] > 0.0:
        bid, ask = bids[i], asks[j]
        wanted = _available(rows, shared, bid, accepted[bid])
        offered = _available(rows, shared, ask, accepted[ask])
        amount = min(wanted, offered, _both(rows, shared, bid, ask))
        worth = wanted > rows[bid]["dust"] and offered > rows[ask]["dust"]
        if worth and rows[bid]["owner"] != rows[ask]["owner"]:
            amount = min(amount, capacity[0])
            capacity[0] -= amount
            _take(rows, shared, accepted, bid, amount)
            _take(rows, shared, accepted, ask, amount)
            trade = trades[count]
            trade["buy"] = bid
            trade["sell"] = ask
            trade["quantity"] = amount
            trade["price"] = price
            trade["round"] = 0
            count += 1
        if amount == wanted:
            i += 1
        if amount == offered:
            j += 1
        if amount not in (wanted, offered):
            i += 1  # a limit that both draw on is used up
    return count


@_compiled
def carry_out(
    rows: Records,
    shared: FloatArray,
    rank: IntArray,
    matches: tuple[IntArray, IntArray, FloatArray, FloatArray],
    capacity: float,
    trades: Records,
) -> int:
    """Carry out matches, pool by pool; returns the number of trades, which are in `trades`.

    Args:
        rows: State of the session; `open` and `internal` are changed.
        shared: What limits hold; changed.
        rank: Place of each row when sorted as in `transfer_all`, shape (k,).
        matches: Rows of bids and of asks, quantities and prices, those of one price next to each other, shape
            (m,) each.
        capacity: That may be traded between owners [kWh].
        trades: Room for the trades, 2 m.
    """
    buy, sell, quantity, price = matches
    accepted = np.zeros(len(rows))
    seen = np.zeros(len(rows), np.bool_)
    bids, asks = np.empty(len(buy), np.int64), np.empty(len(buy), np.int64)
    left = np.full(1, capacity)
    count, end = 0, 0
    while end < len(buy):
        start, buyers, sellers = end, 0, 0
        while end < len(buy) and price[end] == price[start]:
            if not seen[buy[end]]:
                bids[buyers] = buy[end]
                buyers += 1
            if not seen[sell[end]]:
                asks[sellers] = sell[end]
                sellers += 1
            for number in (buy[end], sell[end]):
                seen[number] = True
                accepted[number] += quantity[end]
            end += 1
        pool = np.concatenate((bids[:buyers], asks[:sellers]))
        transfer_all(rows, shared, accepted, pool[np.argsort(rank[pool])])
        count += _trade(
            rows, shared, accepted, bids[:buyers], asks[:sellers], price[start], left, trades[count:]
        )
        accepted[pool] = 0.0
        seen[pool] = False
    return count


@_compiled
def arrive(rows: Records, queue: IntArray, most: int, book: Records) -> None:
    """Let the next `most` rows of `queue` arrive, from where the last call stopped."""
    position = book[0]["position"]
    while position < len(queue) and most > 0:
        row = rows[queue[position]]
        position += 1
        if row["place"] == QUEUED:
            row["place"] = book[0]["arrivals"]
            book[0]["arrivals"] += 1
            most -= 1
    book[0]["position"] = position


@_compiled
def best_left(rows: Records, shared: FloatArray, live: IntArray) -> tuple[float, float]:
    """Highest bid and lowest ask that can still be filled, market orders left out; NaN if there is none."""
    bid, ask = np.nan, np.nan
    for number in live:
        row = rows[number]
        if np.isfinite(row["price"]) and _available(rows, shared, number, row["open"]) > row["dust"]:
            if row["side"] == BUY:
                bid = row["price"] if np.isnan(bid) else max(bid, row["price"])
            else:
                ask = row["price"] if np.isnan(ask) else min(ask, row["price"])
    return bid, ask
