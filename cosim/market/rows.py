"""The state of a double-auction session as arrays: its record types, and what fills and changes them outside
matching, compiled. Which orders match is decided in `kernel`."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.records import BUY, NO_LIMIT, SELL

Records = NDArray[np.void]
"""An array of one of the record types below, or one of its elements."""

ROW = np.dtype(
    [
        ("price", "f8"),  # as quoted now
        ("open", "f8"),  # still offered
        ("dust", "f8"),  # at or below this, nothing is left
        ("weight", "f8"),
        ("owner", "i8"),
        ("limit", "i8"),
        ("side", "i8"),
        ("place", "i8"),  # arrival number while in the book, else one of the three below
        ("traded", "f8"),
        ("internal", "f8"),
        ("paid", "f8"),
        ("quantity", "f8"),  # as submitted
        ("extreme", "f8"),  # the most generous price quoted so far
        ("listed", "i8"),  # 1 while in the list of rows that wait for the next round
    ]
)
ENTRY = np.dtype([("key", "f8"), ("place", "i8"), ("row", "i8")])
TRADE = np.dtype([("buy", "i8"), ("sell", "i8"), ("quantity", "f8"), ("price", "f8"), ("round", "i8")])
BOOK = np.dtype(
    [
        ("midpoint", "i8"),  # 1: trade at the midpoint of bid and ask
        ("clear_on_trade", "i8"),  # 1: a trade cancels every quote
        ("round", "i8"),
        ("bids", "i8"),  # entries in the heap of bids
        ("asks", "i8"),
        ("arrivals", "i8"),  # since the opening
        ("trades", "i8"),
        ("listed", "i8"),  # rows in the list of those that wait for the next round
        ("position", "i8"),  # in the queue of the current round
        ("capacity", "f8"),  # that may still be traded between owners
        ("capacity_dust", "f8"),  # at or below this, nothing of it is left
    ]
)

OUT = -1
"""Place of a row that is neither in the book nor on the way to it."""
NEXT = -2
"""Place of a row that waits for the next round."""
QUEUED = -3
"""Place of a row that waits for its turn in the current round."""

DUST = 1e-12
"""Share of a submitted quantity at or below which what is left counts as nothing."""

VALID = 0
BAD_SIDE = 1
BAD_PRICE = 2
BAD_QUANTITY = 3
BAD_LIMIT = 4
BAD_WEIGHT = 5
BAD_SHARED = 6
BAD_ROW = 7
TOO_MUCH = 8
BAD_CAPACITY = 9


@njit(cache=True)
def bad_order(row: Records, limits: int) -> int:
    """What is wrong with an order as submitted, or VALID."""
    if row["side"] not in (BUY, SELL):
        return BAD_SIDE
    if not row["side"] * row["price"] > -np.inf:
        return BAD_PRICE
    if not 0.0 <= row["quantity"] < np.inf:
        return BAD_QUANTITY
    if not NO_LIMIT <= row["limit"] < limits:
        return BAD_LIMIT
    return VALID if 0.0 <= row["weight"] < np.inf else BAD_WEIGHT


@njit(cache=True)
def open_rows(rows: Records, shared: FloatArray, waiting: IntArray, book: Records) -> tuple[int, int]:
    """Check orders and let all of them wait for the first round.

    `rows` has owner, side, price, quantity, limit and weight filled in, `book` the capacity.
    Returns what is wrong and the number of the row (or shared limit) at which it is.
    """
    capacity = book[0]["capacity"]
    if not capacity >= 0.0:
        return BAD_CAPACITY, 0
    book[0]["capacity_dust"] = DUST * capacity if capacity < np.inf else 0.0
    for number in range(len(shared)):
        if not shared[number] >= 0.0:
            return BAD_SHARED, number
    for number in range(len(rows)):
        row = rows[number]
        wrong = bad_order(row, len(shared))
        if wrong != VALID:
            return wrong, number
        if row["weight"] == 0.0:
            row["limit"] = NO_LIMIT  # uses nothing of it: the same, and quicker
        row["open"] = row["quantity"]
        row["dust"] = DUST * row["quantity"]
        row["place"] = NEXT
        row["traded"] = 0.0
        row["internal"] = 0.0
        row["paid"] = 0.0
        row["extreme"] = row["price"]
        row["listed"] = 1
        waiting[number] = number
    book[0]["listed"] = len(rows)
    return VALID, 0


@njit(cache=True)
def begin_round(rows: Records, waiting: IntArray, book: Records) -> int:
    """Rows that wait for the next round, put to the front of `waiting`; returns how many."""
    kept = 0
    for position in range(book[0]["listed"]):
        number = waiting[position]
        rows[number]["listed"] = 0
        if rows[number]["place"] == NEXT:
            rows[number]["place"] = QUEUED
            waiting[kept] = number
            kept += 1
    book[0]["listed"] = 0
    book[0]["position"] = 0
    book[0]["round"] += 1
    return kept


@njit(cache=True)
def replace_rows(
    rows: Records,
    numbers: IntArray,
    price: FloatArray,
    quantity: FloatArray,
    waiting: IntArray,
    book: Records,
) -> tuple[int, int]:
    """Quote rows anew; an empty `quantity` leaves what is open. Returns what is wrong and the row of it;
    then nothing has changed."""
    for position in range(len(numbers)):
        number = numbers[position]
        if not 0 <= number < len(rows):
            return BAD_ROW, number
        row = rows[number]
        if not row["side"] * price[position] > -np.inf:
            return BAD_PRICE, number
        if len(quantity) > 0:
            if not 0.0 <= quantity[position] < np.inf:
                return BAD_QUANTITY, number
            unfilled = row["quantity"] - row["traded"] - row["internal"]
            if quantity[position] > unfilled + 1e-9 * row["quantity"]:
                return TOO_MUCH, number
    for position in range(len(numbers)):
        number = numbers[position]
        row = rows[number]
        row["price"] = price[position]
        row["extreme"] = row["side"] * max(row["side"] * row["extreme"], row["side"] * price[position])
        if len(quantity) > 0:
            unfilled = max(row["quantity"] - row["traded"] - row["internal"], 0.0)
            row["open"] = min(quantity[position], unfilled)
        if row["place"] != QUEUED:
            row["place"] = NEXT
            if row["listed"] == 0:
                row["listed"] = 1
                waiting[book[0]["listed"]] = number
                book[0]["listed"] += 1
    return VALID, 0


@njit(cache=True)
def cancel_rows(rows: Records, numbers: IntArray) -> tuple[int, int]:
    """Take rows out of the book and the round. Returns what is wrong and the row of it."""
    for number in numbers:
        if not 0 <= number < len(rows):
            return BAD_ROW, number
    for number in numbers:
        rows[number]["place"] = OUT
    return VALID, 0


@njit(cache=True)
def of_one_owner(rows: Records) -> IntArray:
    """For every row the next row of the same owner, the last one leading to the first, shape (k,)."""
    order = np.argsort(rows["owner"], kind="mergesort")
    following = np.empty(len(rows), np.int64)
    first = 0
    for position in range(len(rows)):
        number = order[position]
        last = position + 1 == len(rows) or rows[order[position + 1]]["owner"] != rows[number]["owner"]
        following[number] = order[first] if last else order[position + 1]
        if last:
            first = position + 1
    return following
