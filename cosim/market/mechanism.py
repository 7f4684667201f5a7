"""What a market mechanism is: the protocols that the simulation relies on, and how one is made from its
settings. The mechanisms themselves are elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.records import Clearing, Orders, PublicInformation, Trades
from cosim.errors import CosimError, Problem, UnknownNameError
from cosim.market.config import MECHANISMS, MarketConfig

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

        A call never goes beyond the end of a round; one that finds the round over begins the next.
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
        """The most generous price that each row has quoted, shape (k,): no row may trade beyond it."""
        ...

    def close(self) -> Clearing:
        """End the session. What is unmatched stays so; further calls raise RuntimeError."""
        ...


@runtime_checkable
class Mechanism(Protocol):
    """Rules of a market. Its class takes a MarketConfig."""

    def open(self, orders: Orders, rng: np.random.Generator) -> Session:
        """A session for `orders`; nothing has arrived yet. `rng` draws the order of arrival.

        Raises:
            ValueError: naming the row, if an order is not valid.
        """
        ...


def create(config: MarketConfig) -> Mechanism:
    """The mechanism that `config` names.

    Raises:
        UnknownNameError: if there is none of that name, it cannot be made, or it has no `open`.
    """
    try:
        found = MECHANISMS.load(config.mechanism)
    except UnknownNameError as error:
        raise UnknownNameError([problem.at(path="mechanism") for problem in error.problems]) from error
    try:
        mechanism = found(config)
    except CosimError:
        raise
    except Exception as error:  # somebody else's code
        raise _no_mechanism(config, f"raised {type(error).__name__}: {error}") from error
    if not isinstance(mechanism, Mechanism):
        raise _no_mechanism(config, "is none")
    return mechanism


def _no_mechanism(config: MarketConfig, why: str) -> UnknownNameError:
    return UnknownNameError(
        Problem(
            f"market mechanism {config.mechanism!r} {why}",
            "it has to be a class that takes a MarketConfig and has a method open(orders, rng)",
            path="mechanism",
        )
    )
