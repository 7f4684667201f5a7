"""What a market mechanism is: the contract that the simulation relies on. The mechanisms themselves are
elsewhere; it imports without numba, since the scenario's schema is built from their settings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.config import Config as Parameters
from cosim.core.records import Band, Clearing, Orders, PublicInformation, Trades

Rows = IntArray | Sequence[int]
"""Rows of the orders that a session was opened with."""


@dataclass(frozen=True, slots=True)
class Fills:
    """What every row has got so far, as read-only arrays that follow the session."""

    traded_kwh: FloatArray
    """Filled by other owners, shape (k,)."""
    internal_kwh: FloatArray
    """Filled by the same owner, shape (k,)."""

    @property
    def filled_kwh(self) -> FloatArray:
        """Both together, shape (k,)."""
        return self.traded_kwh + self.internal_kwh


@runtime_checkable
class Session(Protocol):
    """One gate: orders arrive, match and are quoted again, until it closes.

    In one round every row that waits arrives once, in random order: at first all rows, later those that were
    replaced. A row that nobody replaces keeps its place in the book and does not arrive again.
    """

    @property
    def round(self) -> int:
        """The current round, from 0; -1 before the first arrival."""
        ...

    def advance(self, count: int | None = None) -> Fills:
        """Let the next `count` rows of the current round arrive, or all that are left of it.

        A call never goes beyond the end of a round; one that finds the round over begins the next, if the
        mechanism has more than one.
        """
        ...

    def replace(
        self,
        rows: Rows,
        price_eur_per_kwh: FloatArray | float,
        quantity_kwh: FloatArray | float | None = None,
    ) -> None:
        """Quote `rows` anew at `price_eur_per_kwh`, shape (rows,) or one for all.

        A row that is in the book leaves it, loses its priority and arrives again in the next round; one that
        still waits in this round keeps its turn. So does a cancelled row come back. `quantity_kwh` is what is
        offered from now on, at most what was submitted and is not filled; without it, what was open stays so.

        Raises:
            ValueError: naming the row, for a price that is NaN, a quantity that is negative or too large.
            RuntimeError: after the last round of a mechanism that has a last one (`multi_round` is False).
        """
        ...

    def cancel(self, rows: Rows) -> None:
        """Take `rows` out of the book and of the current round. What they got stays theirs."""
        ...

    def public(self) -> PublicInformation:
        """What anybody could know by now."""
        ...

    def trades(self, first: int = 0) -> Trades:
        """The trades so far, from number `first` on."""
        ...

    def limit_prices(self) -> FloatArray:
        """The price beyond which no row may trade, shape (k,): the most generous that it has quoted while it
        could be matched."""
        ...

    def close(self) -> Clearing:
        """End the session. What is unmatched stays so; further calls raise RuntimeError."""
        ...


class NoParameters(Parameters):
    """This mechanism has no parameters."""


class Mechanism(ABC):
    """Rules of a market.

    A subclass sets `name` and `summary`, names its `Config` and implements `open`; one that clears once is
    made more easily from `cosim.market.one_shot.OneShot`.

    Args:
        config: An instance of its `Config`; None takes the defaults.
    """

    name: ClassVar[str] = ""
    summary: ClassVar[str] = ""
    """One line for `cosim list mechanisms`."""
    multi_round: ClassVar[bool] = False
    """True: trade goes on over rounds, and quotes may be replaced between them. False: it clears once, at the
    end of the first round."""
    Config: ClassVar[type[Parameters]] = NoParameters
    """Its parameters; part of the scenario's schema."""

    config: Parameters

    def __init__(self, config: Parameters | None = None) -> None:
        self.config = self.Config() if config is None else config

    @property
    def rounds(self) -> int:
        """How often per session everybody may quote; 1 unless `multi_round`."""
        return 1

    @abstractmethod
    def open(self, orders: Orders, rng: np.random.Generator, band: Band) -> Session:
        """A session for `orders`; nothing has arrived yet.

        Args:
            orders: Who wants what. Not more than `orders.capacity_kwh` may be traded between owners.
            rng: Draws the order of arrival, and whatever lot the mechanism draws.
            band: Public prices of the utility in this period.

        Raises:
            ValueError: naming the row, if an order is not valid.
        """
