"""What every session of this room keeps: rows as quoted now, who waits and who is out, and the records that
come of them. Which orders match is for the subclasses."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.records import Clearing, Orders, PublicInformation, Trades
from cosim.market import rows as state
from cosim.market.mechanism import Fills, Rows
from cosim.market.public import public_information

_WORDS = {
    state.BAD_SIDE: "side is neither BUY (1) nor SELL (-1)",
    state.BAD_PRICE: "price is not a number, or is infinite on the side that can never match",
    state.BAD_QUANTITY: "quantity is negative, infinite or not a number",
    state.BAD_LIMIT: "limit is not the index of a shared limit",
    state.BAD_WEIGHT: "weight is negative, infinite or not a number",
    state.BAD_ROW: "there is no such row in this session",
    state.TOO_MUCH: "quantity is above what was submitted and is not filled",
}


def _complain(code: int, number: int) -> None:
    if code == state.BAD_CAPACITY:
        raise ValueError("the capacity is negative or not a number")
    if code == state.BAD_SHARED:
        raise ValueError(f"shared limit {number}: it is negative or not a number")
    if code != state.VALID:
        raise ValueError(f"row {number}: {_WORDS[code]}")


class RowSession(ABC):
    """One gate; see `mechanism.Session` for what each method promises.

    A subclass lets rows arrive in `_run`, tells the best prices that are left, and keeps `_trades`, of which
    the first `_book[0]["trades"]` count.
    """

    def __init__(self, orders: Orders, rng: np.random.Generator) -> None:
        size = len(orders)
        self._orders = orders
        self._rng = rng
        self._shared = np.array(orders.shared, dtype=np.float64)
        self._rows = _copied(orders)
        self._trades = np.empty(size, state.TRADE)
        self._waiting = np.empty(size, np.int64)
        self._queue = self._waiting[:0]
        self._book = np.zeros(1, state.BOOK)
        self._book["capacity"] = orders.capacity_kwh
        self._book["round"] = -1
        self._closed = False
        _complain(*state.open_rows(self._rows, self._shared, self._waiting, self._book))
        self._fills = Fills(_read_only(self._rows["traded"]), _read_only(self._rows["internal"]))

    @abstractmethod
    def _run(self, count: int) -> None:
        """Let the next `count` rows of the queue arrive."""

    @abstractmethod
    def _best_prices(self) -> tuple[float, float]:
        """Highest bid and lowest ask left [EUR/kWh]; NaN where there is none."""

    @property
    def round(self) -> int:
        """The current round, from 0; -1 before the first arrival."""
        return int(self._book[0]["round"])

    def advance(self, count: int | None = None) -> Fills:
        """Let rows of the current round arrive; see `Session.advance`."""
        self._check_open()
        if self._book[0]["position"] >= len(self._queue):
            self._begin_round()
        self._run(len(self._queue) if count is None else count)
        return self._fills

    def replace(
        self,
        rows: Rows,
        price_eur_per_kwh: FloatArray | float,
        quantity_kwh: FloatArray | float | None = None,
    ) -> None:
        """Quote `rows` anew; see `Session.replace`."""
        self._check_open()
        numbers = _whole(rows)
        price = _spread(price_eur_per_kwh, numbers)
        quantity = price[:0] if quantity_kwh is None else _spread(quantity_kwh, numbers)
        _complain(*state.replace_rows(self._rows, numbers, price, quantity, self._waiting, self._book))

    def cancel(self, rows: Rows) -> None:
        """Take `rows` out; see `Session.cancel`."""
        self._check_open()
        _complain(*state.cancel_rows(self._rows, _whole(rows)))

    def public(self) -> PublicInformation:
        """What anybody could know by now."""
        return public_information(self._orders, self.trades(), self._fills.internal_kwh, *self._best_prices())

    def trades(self, first: int = 0) -> Trades:
        """The trades so far, from number `first` on."""
        done = self._trades[first : self._book[0]["trades"]]
        return Trades(
            buy_row=done["buy"].copy(),
            sell_row=done["sell"].copy(),
            quantity_kwh=done["quantity"].copy(),
            price_eur_per_kwh=done["price"].copy(),
            round=done["round"].copy(),
        )

    def limit_prices(self) -> FloatArray:
        """The most generous price that each row has quoted, shape (k,)."""
        return self._rows["extreme"].copy()

    def close(self) -> Clearing:
        """End the session."""
        self._check_open()
        self._finish()
        self._closed = True
        trades = self.trades()
        internal = self._rows["internal"].copy()
        return Clearing(
            traded_kwh=self._rows["traded"].copy(),
            internal_kwh=internal,
            paid_eur=self._rows["paid"].copy(),
            trades=trades,
            public=public_information(self._orders, trades, internal, *self._best_prices()),
        )

    def _finish(self) -> None:
        """What is left to do when the session closes."""
        return

    def _begin_round(self) -> None:
        kept = state.begin_round(self._rows, self._waiting, self._book)
        self._queue = self._rng.permutation(self._waiting[:kept])

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("the session is closed")


def _copied(orders: Orders) -> state.Records:
    """The columns of `orders` as rows of a session, not checked yet."""
    rows = np.empty(len(orders), state.ROW)
    columns = {
        "owner": orders.owner,
        "side": orders.side,
        "price": orders.price_eur_per_kwh,
        "quantity": orders.quantity_kwh,
        "limit": orders.limit,
        "weight": orders.weight,
    }
    for name, column in columns.items():
        if len(column) != len(orders):
            raise ValueError(f"orders: the column {name} has {len(column)} rows, not {len(orders)}")
        rows[name] = column
    return rows


def _whole(rows: Rows) -> IntArray:
    numbers = np.asarray(rows)
    if numbers.dtype.kind not in "iu" and numbers.size:
        raise ValueError("rows are given by their numbers, as integers")
    return np.ascontiguousarray(np.atleast_1d(numbers), np.int64)


def _spread(value: FloatArray | float, numbers: IntArray) -> FloatArray:
    """One value for every row of `numbers`."""
    values = np.empty(len(numbers))
    values[:] = value
    return values


def _read_only(column: FloatArray) -> FloatArray:
    column.flags.writeable = False
    return column
