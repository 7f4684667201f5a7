"""The base of mechanisms that clear once: sealed bids, one set of matches. A subclass says in `clear` who
trades how much at which price; `sealed_session` sees to all the rest. It imports without numba."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.records import BUY, Band, Orders
from cosim.market.mechanism import Mechanism

if TYPE_CHECKING:
    from cosim.market.sealed_session import SealedSession


@dataclass(frozen=True, slots=True)
class Matches:
    """Bids and asks that trade, in the order in which they are carried out."""

    buy_row: IntArray
    """Row of the bid in the orders that were cleared, shape (m,)."""
    sell_row: IntArray
    """Row of the ask, shape (m,)."""
    quantity_kwh: FloatArray
    """Not negative, shape (m,)."""
    price_eur_per_kwh: FloatArray
    """Shape (m,). Matches at the same price make a pool, see `OneShot.clear`."""

    @staticmethod
    def none() -> Matches:
        """Nobody trades."""
        nothing = np.empty(0, np.int64)
        return Matches(nothing, nothing, np.empty(0), np.empty(0))

    def at(self, price_eur_per_kwh: FloatArray | float) -> Matches:
        """The same matches at other prices, one for all or one each."""
        price = np.empty(len(self.buy_row))
        price[:] = price_eur_per_kwh
        return Matches(self.buy_row, self.sell_row, self.quantity_kwh, price)

    def __add__(self, other: Matches) -> Matches:
        """These matches, then those."""
        return Matches(
            np.concatenate((self.buy_row, other.buy_row)),
            np.concatenate((self.sell_row, other.sell_row)),
            np.concatenate((self.quantity_kwh, other.quantity_kwh)),
            np.concatenate((self.price_eur_per_kwh, other.price_eur_per_kwh)),
        )


def matched(
    orders: Orders, accepted_kwh: FloatArray, price_eur_per_kwh: float = 0.0, sequence: IntArray | None = None
) -> Matches:
    """Matches that give every order what was accepted of it: the first bid with the first ask, and so on.

    Where more is accepted on one side than on the other, what comes last of it goes without.

    Args:
        orders: What was cleared.
        accepted_kwh: Shape (k,).
        price_eur_per_kwh: Of all matches.
        sequence: Rows in the order of their turn, shape (k,) or fewer; without it, as they arrived.
    """
    from cosim.market.sealed_kernel import pair  # numba loads with it

    turn = np.arange(len(orders)) if sequence is None else sequence
    turn = turn[accepted_kwh[turn] > 0.0]
    buying = orders.side[turn] == BUY
    buy, sell, quantity = pair(turn[buying], turn[~buying], accepted_kwh)
    return Matches(buy, sell, quantity, np.full(len(buy), price_eur_per_kwh))


class OneShot(Mechanism):
    """A mechanism that clears once, at the end of the first round or when the session closes.

    A subclass sets `name`, `summary` and `Config` and implements `clear`.
    """

    pro_rata: ClassVar[bool] = False
    """What happens when matches exceed the capacity between owners. False: they are carried out in their
    order until it is used up. True: every trade is cut by the same share."""

    @abstractmethod
    def clear(self, orders: Orders, rng: np.random.Generator, band: Band) -> Matches:
        """Who trades how much at which price.

        It is a pure function: it changes none of its arguments, and all chance comes from `rng`.

        What the session does with the matches: those at one price make a pool. In a pool an owner's accepted
        bids and asks are netted first, as an internal transfer (unpaid, no trade), and what remains is
        matched in the order of the rows' first appearance. Each match is cut to what shared limits and the
        capacity still hold. Last, an owner's bids and asks that are left over and cross are transferred
        internally.

        Args:
            orders: Those that arrived and stand, in the order of arrival (so a row's number is its time
                priority), as quoted last; at least one bid and one ask. Quantities are above zero and cut
                already to what shared limits allow the orders of one side, best price first; the limits
                themselves are taken out.
            rng: For lots.
            band: Public prices of the utility.
        """

    def open(self, orders: Orders, rng: np.random.Generator, band: Band) -> SealedSession:
        """A session for `orders`; see `Mechanism.open`."""
        from cosim.market.sealed_session import SealedSession  # numba loads with it

        return SealedSession(orders, rng, band, self.clear, self.pro_rata)
