"""The order book in plain Python: the reference that says what the compiled kernel must do, and a book to
look at, one order at a time. It is not used in a run, where it would be too slow.

Rules
- Price first, then time: an arriving order matches the best order of the other side again and again while
  prices cross, then rests with what is left. A partly filled order keeps its place; a replaced one does not.
- A trade's price is that of the order that was resting, or the midpoint of bid and ask.
- A market order (bid at +inf, ask at -inf) takes what it finds at the resting order's price, also under the
  midpoint rule, and is never kept: so two market orders never meet, for there is no price between them.
- Orders may draw on a shared limit: a fill of q takes weight x q from it, so that an order can get at most
  min(open, shared / weight), and two orders on one limit at most shared / (sum of their weights) from each
  other. An order whose limit is exhausted leaves the book.
- Two orders of one owner match like any two; the fill is internal: unpaid and not a trade.
- Not more than the capacity is traded between owners. Once it is used up, an arriving order matches only
  orders of its own owner, and the rest of the book may stay crossed.
- What is left of an order is dropped at or below 1e-12 of what was submitted.
- With `clear_on_trade`, a trade cancels all quotes in the book and what is left of both its parties.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass

from cosim.core.records import BUY, NO_LIMIT, SELL

DUST = 1e-12
"""Share of a submitted quantity at or below which what is left counts as nothing."""


@dataclass(slots=True)
class Order:
    """An order and what is left of it."""

    number: int
    """Names it in the book."""
    owner: int
    side: int
    price_eur_per_kwh: float
    submitted_kwh: float
    open_kwh: float
    limit: int = NO_LIMIT
    weight: float = 0.0
    arrival: int = -1

    @property
    def priority(self) -> tuple[float, int]:
        """Sorts the orders of one side, the best last."""
        return self.side * self.price_eur_per_kwh, -self.arrival


@dataclass(frozen=True, slots=True)
class Match:
    """A bid and an ask that met, by their numbers."""

    buy: int
    sell: int
    quantity_kwh: float
    price_eur_per_kwh: float
    """NaN for an internal transfer."""

    @property
    def internal(self) -> bool:
        """Whether both orders have one owner."""
        return math.isnan(self.price_eur_per_kwh)


class OrderBook:
    """Bids and asks by price, then time.

    Args:
        midpoint: Trade at the midpoint of bid and ask, not at the resting order's price.
        clear_on_trade: A trade cancels every quote.
        shared: What every shared limit holds [kWh at weight 1].
        capacity_kwh: Most that may be traded between owners.
    """

    def __init__(
        self,
        *,
        midpoint: bool = False,
        clear_on_trade: bool = False,
        shared: Sequence[float] = (),
        capacity_kwh: float = math.inf,
    ) -> None:
        if not capacity_kwh >= 0.0:
            raise ValueError("the capacity is negative or not a number")
        if not all(amount >= 0.0 for amount in shared):
            raise ValueError("a shared limit is negative or not a number")
        self.midpoint = midpoint
        self.clear_on_trade = clear_on_trade
        self.shared = list(map(float, shared))
        self.capacity_kwh = float(capacity_kwh)
        self._capacity_dust = DUST * self.capacity_kwh if math.isfinite(self.capacity_kwh) else 0.0
        self._known: dict[int, Order] = {}
        self._sides: dict[int, list[Order]] = {BUY: [], SELL: []}
        self._linked: dict[int, list[Order]] = {}
        self._arrivals = 0

    def submit(
        self,
        number: int,
        owner: int,
        side: int,
        price_eur_per_kwh: float,
        quantity_kwh: float,
        *,
        limit: int = NO_LIMIT,
        weight: float = 0.0,
    ) -> list[Match]:
        """A new order arrives; returns its matches in the order in which they happen.

        Raises:
            ValueError: if a value is not valid or the number is taken.
        """
        if number in self._known:
            raise ValueError(f"order {number} exists")
        if side not in (BUY, SELL):
            raise ValueError(f"order {number}: side is neither BUY nor SELL")
        if not 0.0 <= quantity_kwh < math.inf:
            raise ValueError(f"order {number}: quantity {quantity_kwh} is negative or not finite")
        if not NO_LIMIT <= limit < len(self.shared):
            raise ValueError(f"order {number}: there is no shared limit {limit}")
        if not 0.0 <= weight < math.inf:
            raise ValueError(f"order {number}: weight {weight} is negative or not finite")
        _check_price(number, side, price_eur_per_kwh)
        limit = limit if weight > 0.0 else NO_LIMIT
        order = Order(number, owner, side, price_eur_per_kwh, quantity_kwh, quantity_kwh, limit, weight)
        self._known[number] = order
        return self._arrive(order)

    def replace(
        self, number: int, price_eur_per_kwh: float, quantity_kwh: float | None = None
    ) -> list[Match]:
        """Quote an order anew, in the book or not: it loses its place and arrives again.

        `quantity_kwh` is what is offered from now on; without it, what was open. Returns its matches.

        Raises:
            KeyError: if there was never such an order.
            ValueError: if the price is not valid or the quantity is negative.
        """
        order = self._known[number]
        _check_price(number, order.side, price_eur_per_kwh)
        if quantity_kwh is not None and not 0.0 <= quantity_kwh < math.inf:
            raise ValueError(f"order {number}: quantity {quantity_kwh} is negative or not finite")
        self.cancel(number)
        order.price_eur_per_kwh = price_eur_per_kwh
        if quantity_kwh is not None:
            order.open_kwh = quantity_kwh
        return self._arrive(order)

    def cancel(self, number: int) -> bool:
        """Take an order out; false if it was not in the book.

        Raises:
            KeyError: if there was never such an order.
        """
        order = self._known[number]
        resting = self._sides[order.side]
        place = bisect_left(resting, order.priority, key=_priority)
        if place == len(resting) or resting[place] is not order:
            return False
        del resting[place]
        if order.limit != NO_LIMIT:
            self._linked[order.limit].remove(order)
        return True

    def available(self, number: int) -> float:
        """What an order could be filled with: the smaller of what is open and what its limit holds [kWh]."""
        return self._available(self._known[number])

    @property
    def best_bid(self) -> float:
        """Highest bid [EUR/kWh]; NaN if there is none."""
        return self._best(BUY)

    @property
    def best_ask(self) -> float:
        """Lowest ask [EUR/kWh]; NaN if there is none."""
        return self._best(SELL)

    def depth(self, side: int) -> list[tuple[float, float]]:
        """(price [EUR/kWh], available [kWh]) by price level, the best first.

        Orders on one shared limit each count with all that it holds.
        """
        levels: dict[float, float] = {}
        for order in reversed(self._sides[side]):
            price = order.price_eur_per_kwh
            levels[price] = levels.get(price, 0.0) + self._available(order)
        return list(levels.items())

    def _best(self, side: int) -> float:
        resting = self._sides[side]
        return resting[-1].price_eur_per_kwh if resting else math.nan

    def _available(self, order: Order) -> float:
        if order.limit == NO_LIMIT:
            return order.open_kwh
        return min(order.open_kwh, self.shared[order.limit] / order.weight)

    def _has_something(self, order: Order) -> bool:
        return self._available(order) > DUST * order.submitted_kwh

    def _arrive(self, order: Order) -> list[Match]:
        order.arrival = self._arrivals
        self._arrivals += 1
        matches: list[Match] = []
        alive = self._has_something(order)
        while alive and (partner := self._partner(order)) is not None:
            match, alive = self._match(order, partner)
            matches.append(match)
            if self.clear_on_trade and not match.internal:
                self._clear()
                return matches
            alive = alive and self._has_something(order)
        if alive and math.isfinite(order.price_eur_per_kwh):
            insort(self._sides[order.side], order, key=_priority)
            if order.limit != NO_LIMIT:
                self._linked.setdefault(order.limit, []).append(order)
        return matches

    def _partner(self, order: Order) -> Order | None:
        """The best order of the other side that an arriving one crosses and may match."""
        for resting in reversed(self._sides[-order.side]):
            if not _crosses(order, resting):
                break
            if self.capacity_kwh > 0.0 or order.owner == resting.owner:
                return resting
        return None

    def _match(self, order: Order, resting: Order) -> tuple[Match, bool]:
        """Fill both; returns the match and whether the arriving order goes on."""
        mine, theirs = self._available(order), self._available(resting)
        quantity = min(mine, theirs)
        joint = math.inf
        if order.limit != NO_LIMIT and order.limit == resting.limit:
            joint = self.shared[order.limit] / (order.weight + resting.weight)
        exhausted = joint <= quantity
        quantity = min(quantity, joint)
        internal = order.owner == resting.owner
        if not internal:
            exhausted = exhausted and joint <= self.capacity_kwh
            quantity = min(quantity, self.capacity_kwh)
            left = self.capacity_kwh - quantity
            self.capacity_kwh = left if left > self._capacity_dust else 0.0
        self._use(order, quantity)
        self._use(resting, quantity)
        if exhausted or quantity == theirs:
            self.cancel(resting.number)
        for limit in {order.limit, resting.limit} - {NO_LIMIT}:
            self._drop_exhausted(limit)
        if not self._has_something(resting):
            self.cancel(resting.number)
        bid, ask = (order, resting) if order.side == BUY else (resting, order)
        price = math.nan if internal else self._price(order, resting)
        return Match(bid.number, ask.number, quantity, price), not (exhausted or quantity == mine)

    def _price(self, order: Order, resting: Order) -> float:
        if self.midpoint and math.isfinite(order.price_eur_per_kwh):
            return 0.5 * (order.price_eur_per_kwh + resting.price_eur_per_kwh)
        return resting.price_eur_per_kwh

    def _use(self, order: Order, quantity: float) -> None:
        order.open_kwh -= quantity
        if order.limit != NO_LIMIT:
            self.shared[order.limit] = max(self.shared[order.limit] - order.weight * quantity, 0.0)

    def _drop_exhausted(self, limit: int) -> None:
        for order in list(self._linked.get(limit, ())):
            if not self._has_something(order):
                self.cancel(order.number)

    def _clear(self) -> None:
        for resting in self._sides.values():
            resting.clear()
        self._linked.clear()


def _priority(order: Order) -> tuple[float, int]:
    return order.priority


def _crosses(order: Order, resting: Order) -> bool:
    return order.side * order.price_eur_per_kwh >= order.side * resting.price_eur_per_kwh


def _check_price(number: int, side: int, price: float) -> None:
    if not side * price > -math.inf:
        raise ValueError(
            f"order {number}: price {price} is not a number, or is infinite on the side that can never match"
        )
