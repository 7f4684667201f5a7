"""`cosim bench market`: how many orders a second the double auction matches: compiled, from Python, and
in the plain order book. It measures; that they match alike is for the tests."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from cosim.core.records import BUY, NO_LIMIT, SELL, Band, Orders
from cosim.market.double_auction import DoubleAuction
from cosim.market.order_book import OrderBook

KERNEL_ORDERS = 10_000
SESSION_ORDERS = (100, 1_000, 10_000)
REFERENCE_ORDERS = 10_000
TARGETS = {"kernel, no links": 5e6, "kernel, links": 3e6}
"""Orders per second that the kernel should reach."""
_ORDERS_PER_CASE = 400_000
_BOOKS = 5
_BAND = Band(0.08, 0.30)


def run() -> list[dict[str, Any]]:
    """Orders per second on random books, the median of repetitions after compiling.

    Returns:
        Rows with the columns case, orders, ms (of one session), orders_per_s, target (or None).
    """
    rows = [
        _row("kernel, no links", KERNEL_ORDERS, _kernel_seconds, links=False),
        _row("kernel, links", KERNEL_ORDERS, _kernel_seconds, links=True),
    ]
    for count in SESSION_ORDERS:
        rows.append(_row("session from Python, links", count, _session_seconds, links=True))
    rows.append(_row("order book in plain Python, no links", REFERENCE_ORDERS, _book_seconds, links=False))
    rows.append(_row("order book in plain Python, links", REFERENCE_ORDERS, _book_seconds, links=True))
    return rows


def random_orders(count: int, seed: int, *, links: bool) -> Orders:
    """Bids and asks on the same range of prices, two rows an owner; with links, both on one shared limit."""
    rng = np.random.default_rng(seed)
    owners = (count + 1) // 2
    owner = np.arange(count) // 2
    return Orders(
        owner=owner,
        side=np.where(np.arange(count) % 2 == 0, BUY, SELL),
        price_eur_per_kwh=rng.uniform(0.08, 0.30, count),
        quantity_kwh=rng.exponential(0.5, count),
        limit=owner.copy() if links else np.full(count, NO_LIMIT),
        weight=rng.uniform(0.9, 1.1, count),
        shared=rng.exponential(0.5, owners),
    )


def _row(case: str, count: int, seconds_of: Callable[[Orders, int], float], *, links: bool) -> dict[str, Any]:
    books = [random_orders(count, seed, links=links) for seed in range(_BOOKS)]
    seconds_of(books[0], 0)  # compiles
    repetitions = max(_ORDERS_PER_CASE // count, _BOOKS)
    if seconds_of is _book_seconds:
        repetitions = _BOOKS
    seconds = statistics.median(seconds_of(books[seed % _BOOKS], seed) for seed in range(repetitions))
    return {
        "case": case,
        "orders": count,
        "ms": 1e3 * seconds,
        "orders_per_s": count / seconds,
        "target": TARGETS.get(case),
    }


def _kernel_seconds(orders: Orders, seed: int) -> float:
    """All arrivals of a session that is open already, its order of arrival drawn."""
    session = DoubleAuction().open(orders, np.random.default_rng(seed), _BAND)
    session.advance(0)
    start = time.perf_counter()
    session.advance()
    return time.perf_counter() - start


def _session_seconds(orders: Orders, seed: int) -> float:
    """A session from its opening to its clearing, as the simulation runs it."""
    mechanism = DoubleAuction()
    rng = np.random.default_rng(seed)
    start = time.perf_counter()
    session = mechanism.open(orders, rng, _BAND)
    session.advance()
    session.close()
    return time.perf_counter() - start


def _book_seconds(orders: Orders, seed: int) -> float:
    """The same arrivals one by one in the reference book."""
    columns = (
        orders.owner,
        orders.side,
        orders.price_eur_per_kwh,
        orders.quantity_kwh,
        orders.limit,
        orders.weight,
    )
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    queue = np.random.default_rng(seed).permutation(len(orders)).tolist()
    book = OrderBook(shared=orders.shared.tolist())
    start = time.perf_counter()
    for number in queue:
        owner, side, price, quantity, limit, weight = rows[number]
        book.submit(number, owner, side, price, quantity, limit=limit, weight=weight)
    return time.perf_counter() - start
