"""Sessions of the continuous double auction on the compiled kernel. Rules of matching are explained in
`order_book`; what any session keeps is in `session`."""

from __future__ import annotations

import numpy as np

from cosim.core.records import Orders
from cosim.market import kernel
from cosim.market import rows as state
from cosim.market.session import RowSession


class DoubleAuctionSession(RowSession):
    """One gate of the double auction; see `mechanism.Session` for what each method promises.

    A market order takes what the book holds when it arrives and is never kept in it. Between two orders of
    one owner the fill is internal: unpaid, no trade, and no reason to clear the book.
    """

    def __init__(
        self, orders: Orders, rng: np.random.Generator, midpoint: bool, clear_on_trade: bool
    ) -> None:
        super().__init__(orders, rng)
        self._heaps = np.empty((2, 2 * len(orders) + 8), state.ENTRY)
        self._book["midpoint"] = midpoint
        self._book["clear_on_trade"] = clear_on_trade
        limited = np.isfinite(orders.capacity_kwh)
        self._following = state.of_one_owner(self._rows) if limited else np.empty(0, np.int64)

    def _run(self, count: int) -> None:
        kernel.run(
            self._rows,
            self._shared,
            self._following,
            self._queue,
            count,
            self._heaps,
            self._trades,
            self._book,
        )

    def _best_prices(self) -> tuple[float, float]:
        bid, ask = kernel.best_prices(self._rows, self._shared, self._heaps, self._book)
        return float(bid), float(ask)

    def _begin_round(self) -> None:
        super()._begin_round()
        room = int(self._book[0]["arrivals"]) + len(self._queue)
        if room > len(self._trades):
            grown = np.empty(2 * room, state.TRADE)
            grown[: len(self._trades)] = self._trades
            self._trades = grown
