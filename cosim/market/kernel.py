"""The double auction in compiled form: a whole session's arrivals on arrays. It does what
`order_book.OrderBook` does, trade for trade; rules are explained there. Python-side bookkeeping (random
order, rounds, records) is in `double_auction`.

Each side of the book is a binary heap on (key, arrival), the key being the price with the sign that puts the
best order first. A row that leaves the book is only marked; its entry is dropped when it comes to the top, or
when the heap is full. So an order costs O(log k).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.records import BUY, NO_LIMIT
from cosim.market.rows import OUT, QUEUED, Records

# Nothing here divides by zero: a row with a limit has a weight.
_compiled = njit(cache=True, error_model="numpy")
# Without inlining, handing seven arrays from function to function takes a third of the time.
_inlined = njit(cache=True, error_model="numpy", forceinline=True)


@_compiled
def _before(first: Records, second: Records) -> bool:
    if first["key"] == second["key"]:
        return bool(first["place"] < second["place"])
    return bool(first["key"] < second["key"])


@_compiled
def _sift_down(heap: Records, size: int, hole: int, key: float, place: int, row: int) -> None:
    """Put an entry where it belongs at or below `hole`."""
    child = 2 * hole + 1
    while child < size:
        if child + 1 < size and _before(heap[child + 1], heap[child]):
            child += 1
        below = heap[child]
        if key < below["key"] or (key == below["key"] and place < below["place"]):
            break
        entry = heap[hole]
        entry["key"] = below["key"]
        entry["place"] = below["place"]
        entry["row"] = below["row"]
        hole = child
        child = 2 * hole + 1
    entry = heap[hole]
    entry["key"] = key
    entry["place"] = place
    entry["row"] = row


@_compiled
def _push(heap: Records, size: int, key: float, place: int, row: int) -> int:
    """Add an entry, which arrived last of all; returns the new size."""
    hole = size
    while hole > 0:
        parent = (hole - 1) >> 1
        above = heap[parent]
        if above["key"] <= key:
            break
        entry = heap[hole]
        entry["key"] = above["key"]
        entry["place"] = above["place"]
        entry["row"] = above["row"]
        hole = parent
    entry = heap[hole]
    entry["key"] = key
    entry["place"] = place
    entry["row"] = row
    return size + 1


@_compiled
def _pop(heap: Records, size: int) -> int:
    """Drop the top; returns the new size."""
    size -= 1
    if size > 0:
        last = heap[size]
        _sift_down(heap, size, 0, last["key"], last["place"], last["row"])
    return size


@_inlined
def _available(rows: Records, shared: FloatArray, number: int) -> float:
    """What can still be filled: the smaller of what is open and what the shared limit holds."""
    row = rows[number]
    if row["limit"] == NO_LIMIT:
        return float(row["open"])
    return float(min(row["open"], shared[row["limit"]] / row["weight"]))


@_inlined
def _stands(rows: Records, shared: FloatArray, entry: Records) -> bool:
    """Whether an entry of a heap is an order in the book."""
    number = entry["row"]
    if rows[number]["place"] != entry["place"]:
        return False
    return bool(_available(rows, shared, number) > rows[number]["dust"])


@_inlined
def _drop_stale(rows: Records, shared: FloatArray, heap: Records, size: int) -> int:
    """Drop entries from the top until an order is there; returns the new size."""
    while size > 0 and not _stands(rows, shared, heap[0]):
        size = _pop(heap, size)
    return size


@_compiled
def _compact(rows: Records, shared: FloatArray, heap: Records, size: int) -> int:
    """Drop every entry that is not an order in the book; returns the new size."""
    kept = 0
    for number in range(size):
        if _stands(rows, shared, heap[number]):
            heap[kept]["key"] = heap[number]["key"]
            heap[kept]["place"] = heap[number]["place"]
            heap[kept]["row"] = heap[number]["row"]
            kept += 1
    for hole in range(kept // 2 - 1, -1, -1):
        entry = heap[hole]
        _sift_down(heap, kept, hole, entry["key"], entry["place"], entry["row"])
    return kept


@_compiled
def _clear(rows: Records, heap: Records, size: int) -> None:
    """Cancel every order of one side."""
    for number in range(size):
        row = rows[heap[number]["row"]]
        if row["place"] == heap[number]["place"]:
            row["place"] = OUT


@_inlined
def _use(rows: Records, shared: FloatArray, number: int, quantity: float) -> None:
    """Take a fill off an order and off its shared limit."""
    row = rows[number]
    row["open"] -= quantity
    limit = row["limit"]
    if limit != NO_LIMIT:
        shared[limit] = max(shared[limit] - row["weight"] * quantity, 0.0)


@_inlined
def _match(
    rows: Records,
    shared: FloatArray,
    number: int,
    other: int,
    trades: Records,
    book: Records,
) -> bool:
    """Match the arriving row `number` with the resting row `other`; true if that was a trade."""
    row, best = rows[number], rows[other]
    mine, theirs = _available(rows, shared, number), _available(rows, shared, other)
    quantity = min(mine, theirs)
    both = False
    if row["limit"] != NO_LIMIT and row["limit"] == best["limit"]:
        # Both draw on one limit, which must do for the two.
        joint = shared[row["limit"]] / (row["weight"] + best["weight"])
        both = joint <= quantity
        quantity = min(quantity, joint)
    internal = row["owner"] == best["owner"]
    if not internal and book[0]["capacity"] < quantity:
        quantity = book[0]["capacity"]  # ends the match, but neither of the orders
        both = False
    _use(rows, shared, number, quantity)
    _use(rows, shared, other, quantity)
    # Whichever bound the match is done, whatever rounding has left of it.
    if both or quantity == mine:
        row["place"] = OUT
    if both or quantity == theirs:
        best["place"] = OUT
    if internal:
        row["internal"] += quantity
        best["internal"] += quantity
        return False
    price = best["price"]
    if book[0]["midpoint"] == 1 and np.isfinite(row["price"]):
        price = 0.5 * (row["price"] + best["price"])
    row["traded"] += quantity
    best["traded"] += quantity
    row["paid"] += row["side"] * price * quantity
    best["paid"] += best["side"] * price * quantity
    trade = trades[book[0]["trades"]]
    trade["buy"] = number if row["side"] == BUY else other
    trade["sell"] = other if row["side"] == BUY else number
    trade["quantity"] = quantity
    trade["price"] = price
    trade["round"] = book[0]["round"]
    book[0]["trades"] += 1
    left = book[0]["capacity"] - quantity
    book[0]["capacity"] = left if left > book[0]["capacity_dust"] else 0.0
    return True


@_compiled
def _own_best(rows: Records, shared: FloatArray, following: IntArray, number: int) -> int:
    """The best order in the book of the same owner that the arriving row `number` crosses, or -1."""
    row = rows[number]
    found = -1
    least = row["side"] * row["price"]
    other = following[number]
    while other != number:
        candidate = rows[other]
        resting = candidate["place"] >= 0 and candidate["side"] != row["side"]
        if resting and _available(rows, shared, other) > candidate["dust"]:
            key = -candidate["side"] * candidate["price"]
            earlier = found < 0 or candidate["place"] < rows[found]["place"]
            if key < least or (key == least and earlier):
                found, least = other, key
        other = following[other]
    return found


@_inlined
def _arrive(
    rows: Records,
    shared: FloatArray,
    number: int,
    following: IntArray,
    heaps: Records,
    trades: Records,
    book: Records,
) -> None:
    """One order arrives: it matches what it can, and what is left of a limit order rests."""
    row = rows[number]
    place = book[0]["arrivals"]
    book[0]["arrivals"] += 1
    row["place"] = place
    buying = row["side"] == BUY
    opposite = heaps[1] if buying else heaps[0]
    size = book[0]["asks"] if buying else book[0]["bids"]
    while row["place"] == place and _available(rows, shared, number) > row["dust"]:
        if book[0]["capacity"] > 0.0:
            size = _drop_stale(rows, shared, opposite, size)
            # The key of an ask is its price, of a bid its price negated: what crosses is at or below this.
            if size == 0 or opposite[0]["key"] > row["side"] * row["price"]:
                break
            other = opposite[0]["row"]
        else:
            other = _own_best(rows, shared, following, number)
            if other < 0:
                break
        traded = _match(rows, shared, number, other, trades, book)
        if traded and book[0]["clear_on_trade"] == 1:
            row["place"] = OUT
            _clear(rows, heaps[0], book[0]["bids"] if buying else size)
            _clear(rows, heaps[1], size if buying else book[0]["asks"])
            book[0]["bids"] = 0
            book[0]["asks"] = 0
            return
    if buying:
        book[0]["asks"] = size
    else:
        book[0]["bids"] = size
    _rest(rows, shared, number, heaps, book)


@_inlined
def _rest(rows: Records, shared: FloatArray, number: int, heaps: Records, book: Records) -> None:
    """Keep what is left of a limit order in the book; a market order never stays."""
    row = rows[number]
    if row["place"] == OUT:
        return
    if not np.isfinite(row["price"]) or _available(rows, shared, number) <= row["dust"]:
        row["place"] = OUT
        return
    buying = row["side"] == BUY
    own = heaps[0] if buying else heaps[1]
    size = book[0]["bids"] if buying else book[0]["asks"]
    if size == len(own):
        size = _compact(rows, shared, own, size)
    size = _push(own, size, -row["side"] * row["price"], row["place"], number)
    if buying:
        book[0]["bids"] = size
    else:
        book[0]["asks"] = size


@_compiled
def run(
    rows: Records,
    shared: FloatArray,
    following: IntArray,
    queue: IntArray,
    most: int,
    heaps: Records,
    trades: Records,
    book: Records,
) -> None:
    """Let the next `most` rows of `queue` arrive, from where the last call stopped.

    `following` is `rows.of_one_owner`, needed only where the capacity is finite. `heaps` has shape (2, room),
    bids first, with more room than a side has rows; `trades` needs room for as many trades as there have been
    arrivals, since each match finishes at least one of its two orders; only the one that uses up the capacity
    does not.
    """
    position = book[0]["position"]
    while position < len(queue) and most > 0:
        number = queue[position]
        position += 1
        if rows[number]["place"] != QUEUED:
            continue  # cancelled since the round began
        most -= 1
        _arrive(rows, shared, number, following, heaps, trades, book)
    book[0]["position"] = position


@_compiled
def best_prices(rows: Records, shared: FloatArray, heaps: Records, book: Records) -> tuple[float, float]:
    """Highest bid and lowest ask in the book [EUR/kWh]; NaN where there is none."""
    bids, asks = heaps[0], heaps[1]
    book[0]["bids"] = _drop_stale(rows, shared, bids, book[0]["bids"])
    book[0]["asks"] = _drop_stale(rows, shared, asks, book[0]["asks"])
    bid = rows[bids[0]["row"]]["price"] if book[0]["bids"] > 0 else np.nan
    ask = rows[asks[0]["row"]]["price"] if book[0]["asks"] > 0 else np.nan
    return bid, ask
