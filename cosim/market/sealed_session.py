"""Sessions of mechanisms that clear once: quotes are kept until everybody has arrived, then the mechanism
matches them and the session carries the matches out. See `one_shot` for the rules."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.records import BUY, NO_LIMIT, SELL, Band, Orders
from cosim.market import rows as state
from cosim.market import sealed_kernel as kernel
from cosim.market.mechanism import Fills, Rows
from cosim.market.one_shot import Matches
from cosim.market.session import RowSession

Clear = Callable[[Orders, np.random.Generator, Band], Matches]

_ROUNDING = 1e-9
"""Share of a quantity by which matches may exceed it."""


class SealedSession(RowSession):
    """One gate of a mechanism that clears once; see `mechanism.Session` for what each method promises.

    It clears when every row has arrived, or when it closes with some that have not: these stay out. Quotes
    that are replaced and rows that are cancelled before then count as they stand; later nothing is matched.
    """

    def __init__(
        self, orders: Orders, rng: np.random.Generator, band: Band, clear: Clear, pro_rata: bool
    ) -> None:
        super().__init__(orders, rng)
        self._band = band
        self._match = clear
        self._pro_rata = pro_rata
        self._cleared = False
        self._best = (np.nan, np.nan)

    def advance(self, count: int | None = None) -> Fills:
        """Let rows of the one round arrive; see `Session.advance`."""
        if not self._cleared:
            return super().advance(count)
        self._check_open()
        return self._fills

    def replace(
        self,
        rows: Rows,
        price_eur_per_kwh: FloatArray | float,
        quantity_kwh: FloatArray | float | None = None,
    ) -> None:
        """Quote `rows` anew before the clearing; see `Session.replace`."""
        if self._cleared:
            raise RuntimeError("this mechanism clears once, and has: quotes cannot be replaced any more")
        super().replace(rows, price_eur_per_kwh, quantity_kwh)

    def limit_prices(self) -> FloatArray:
        """The price of each row as quoted last, shape (k,): no other was ever matched."""
        return self._rows["price"].copy()

    def _run(self, count: int) -> None:
        kernel.arrive(self._rows, self._queue, count, self._book)
        if self._book[0]["position"] >= len(self._queue):
            self._clear()

    def _finish(self) -> None:
        if not self._cleared and self.round >= 0:
            self._clear()

    def _best_prices(self) -> tuple[float, float]:
        return self._best

    def _clear(self) -> None:
        self._cleared = True
        live = self._live()
        side, price = self._rows["side"][live], self._rows["price"][live]
        best_first = np.argsort(-side * price, kind="stable")
        quantity = np.empty(len(live))
        quantity[best_first] = kernel.capped(self._rows, live[best_first], self._shared)
        owner = self._rows["owner"][live]
        by_owner = live[np.lexsort((-side * price, side == SELL, owner))]
        some = quantity > 0.0
        if (side[some] == BUY).any() and (side[some] == SELL).any():
            orders = Orders(
                owner=owner[some],
                side=side[some],
                price_eur_per_kwh=price[some],
                quantity_kwh=quantity[some],
                limit=np.full(some.sum(), NO_LIMIT),
                weight=np.zeros(some.sum()),
                shared=np.zeros(0),
                capacity_kwh=self._orders.capacity_kwh,
            )
            matches = self._match(orders, self._rng, self._band)
            _check(orders, matches)
            self._carry_out(live[some], by_owner, matches)
        # What an owner has left on both sides, and would rather give to itself.
        kernel.transfer_all(self._rows, self._shared, self._rows["open"].copy(), by_owner)
        self._best = kernel.best_left(self._rows, self._shared, live)

    def _live(self) -> IntArray:
        """Rows that arrived and stand, in the order of arrival; those quoted anew since come last."""
        book = self._book[0]
        queued = self._queue[: book["position"]]
        anew = self._waiting[: book["listed"]]
        place = self._rows["place"]
        live: IntArray = np.concatenate((queued[place[queued] >= 0], anew[place[anew] == state.NEXT]))
        return live

    def _carry_out(self, live: IntArray, by_owner: IntArray, matches: Matches) -> None:
        rows, capacity = self._rows, self._orders.capacity_kwh
        order = _pools(matches.price_eur_per_kwh)
        rank = np.empty(len(rows), np.int64)
        rank[by_owner] = np.arange(len(by_owner))
        before = rows["open"].copy()
        trades = np.empty(2 * len(order), state.TRADE)
        count = kernel.carry_out(
            rows,
            self._shared,
            rank,
            (
                live[matches.buy_row[order]],
                live[matches.sell_row[order]],
                np.asarray(matches.quantity_kwh[order], dtype=np.float64),
                np.asarray(matches.price_eur_per_kwh[order], dtype=np.float64),
            ),
            np.inf if self._pro_rata else capacity,
            trades,
        )
        trades = trades[:count]
        if self._pro_rata and trades["quantity"].sum() > capacity:
            trades["quantity"] *= capacity / trades["quantity"].sum()
            trades = trades[trades["quantity"] > 0.0]
        self._trades = trades
        self._book["trades"] = len(trades)
        self._write(before)

    def _write(self, before: FloatArray) -> None:
        """Put trades into the rows, given what was open before."""
        rows, trades = self._rows, self._trades
        pairs = np.concatenate((trades["buy"], trades["sell"]))
        quantity = np.concatenate((trades["quantity"], trades["quantity"]))
        paid = trades["price"] * trades["quantity"]
        rows["traded"] = np.bincount(pairs, quantity, len(rows))
        rows["paid"] = np.bincount(pairs, np.concatenate((paid, -paid)), len(rows))
        filled = rows["traded"] + rows["internal"]
        rows["open"] = np.maximum(before - filled, 0.0)
        linked = rows["limit"] != NO_LIMIT
        if linked.any():
            used = np.bincount(rows["limit"][linked], (rows["weight"] * filled)[linked], len(self._shared))
            self._shared = np.maximum(self._orders.shared - used, 0.0)


def _pools(price: FloatArray) -> IntArray:
    """Matches sorted so that those of one price are together, the price that came first in front."""
    if (price == price[:1]).all():
        return np.arange(len(price))
    _, first, of_match = np.unique(price, return_index=True, return_inverse=True)
    order: IntArray = np.argsort(first[of_match], kind="stable")
    return order


def _check(orders: Orders, matches: Matches) -> None:
    """Matches that cannot be carried out are a mistake of the mechanism.

    Raises:
        ValueError: naming the match or the row.
    """
    buy, sell, quantity = matches.buy_row, matches.sell_row, matches.quantity_kwh
    if not len(buy) == len(sell) == len(quantity) == len(matches.price_eur_per_kwh):
        raise ValueError("clear() gave columns of different lengths")
    for rows, side, name in ((buy, BUY, "bid"), (sell, SELL, "ask")):
        if len(rows) and (rows.min() < 0 or rows.max() >= len(orders) or (orders.side[rows] != side).any()):
            raise ValueError(f"clear() matched a row that is no {name}")
    if not (np.isfinite(quantity).all() and np.isfinite(matches.price_eur_per_kwh).all()):
        raise ValueError("clear() gave a quantity or price that is not finite")
    if (quantity < 0.0).any():
        raise ValueError("clear() gave a negative quantity")
    filled = np.bincount(np.concatenate((buy, sell)), np.concatenate((quantity, quantity)), len(orders))
    beyond = filled > orders.quantity_kwh + _ROUNDING * (orders.quantity_kwh + quantity.sum())
    if beyond.any():
        row = int(np.argmax(beyond))
        raise ValueError(
            f"clear() gave row {row} {filled[row]:.12g} kWh of {orders.quantity_kwh[row]:.12g} kWh"
        )
