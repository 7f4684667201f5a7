"""One market session of a community: rounds, and new quotes of those who quote anew. Matching is the
mechanism's, pricing of rows the bidder's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.bidding.quoting import quotes
from cosim.bidding.rows import Bids, Rows
from cosim.community.deciders import Deciders, PolicyGroup
from cosim.core.arrays import FloatArray, IntArray, sum_by
from cosim.core.records import BUY, NO_LIMIT, SELL, Band, Clearing, Orders, Prices
from cosim.errors import CosimError, RunError
from cosim.market.audit import check
from cosim.market.mechanism import Mechanism, Session
from cosim.policies.contract import RoundView, board
from cosim.policies.validation import checked_requote


@dataclass(frozen=True, slots=True)
class Traded:
    """A session that is over."""

    orders: Orders
    rows: IntArray
    """Row of the community's bids of every order, shape (k,)."""
    clearing: Clearing
    worth_eur_per_kwh: FloatArray
    """Limit price of every order before any margin, shape (k,)."""


@dataclass(frozen=True, slots=True)
class Counter:
    """What a session is about: who bids what, and between which prices."""

    rows: Rows
    bids: Bids
    prices: Prices
    margins: FloatArray
    """Bid and ask margin of every prosumer, shape (n, 2)."""
    orders: Orders
    chosen: IntArray
    """Row of every order, shape (k,)."""


def run_session(
    mechanism: Mechanism,
    counter: Counter,
    requoting: Deciders | None,
    rng: np.random.Generator,
    band: Band,
    step: int,
) -> Traded:
    """Trade until gate closure.

    Args:
        mechanism: Rules of the market.
        counter: What is for trade.
        requoting: Who may quote anew after each round; None: nobody.
        rng: Order of arrival.
        band: Public prices of the utility.
        step: Number of the period, for messages.

    Raises:
        AuditError: if the clearing breaks a rule that holds for any market.
        PolicyError: if a policy quotes what the contract does not allow.
        RunError: if the mechanism raises.
    """
    orders = counter.orders
    try:
        session = mechanism.open(orders, rng, band)
        if requoting is not None and requoting.requotes:
            _rounds(session, counter, requoting, mechanism.rounds, step)
        else:
            session.advance()
        limit_prices = session.limit_prices()
        clearing = session.close()
    except CosimError:
        raise
    except Exception as error:  # a mechanism may be somebody else's code
        name = type(mechanism).__qualname__
        raise RunError(
            f"period {step}: the market mechanism {name} raised {type(error).__name__}: {error}"
        ) from error
    check(orders, clearing, limit_prices)
    worth = counter.bids.limit_price_eur_per_kwh[counter.chosen]
    return Traded(orders, counter.chosen, clearing, worth)


def _rounds(session: Session, counter: Counter, deciders: Deciders, rounds: int, step: int) -> None:
    """Rounds with new quotes after each."""
    orders, chosen = counter.orders, counter.chosen
    margins = counter.margins.copy()
    overridden = list(deciders.overrides)
    quote = orders.price_eur_per_kwh.copy()
    trades_before = 0
    for number in range(rounds):
        filled = session.advance().filled_kwh
        view = _Board(session, counter, quote, _open_kwh(orders, filled), trades_before)
        trades_before = view.public.trades
        for group in deciders.groups:
            if group.policy.requotes:
                answer = checked_requote(group.policy, view.of(group, number), group.title, step)
                if answer is not None:
                    margins[group.rows] = answer
            else:  # as decided, also where an earlier policy decides for the same prosumer
                margins[group.rows] = counter.margins[group.rows]
        margins[overridden] = counter.margins[overridden]  # the policy does not decide for them
        fresh = quotes(counter.rows, counter.bids, margins, counter.prices)[chosen]
        changed = np.flatnonzero((fresh != quote) & (view.open_kwh > 0.0))
        if number + 1 < rounds and len(changed):
            session.replace(changed, fresh[changed])
            quote[changed] = fresh[changed]


def _open_kwh(orders: Orders, filled_kwh: FloatArray) -> FloatArray:
    """What every order can still be filled with, shared limits counted, shape (k,)."""
    limited = orders.limit != NO_LIMIT
    used = sum_by(orders.limit[limited], (orders.weight * filled_kwh)[limited], len(orders.shared))
    left = np.full(len(orders), np.inf)
    left[limited] = np.maximum(orders.shared - used, 0.0)[orders.limit[limited]]
    by_limit = np.divide(left, orders.weight, out=np.full(len(orders), np.inf), where=orders.weight > 0.0)
    still: FloatArray = np.maximum(np.minimum(orders.quantity_kwh - filled_kwh, by_limit), 0.0)
    return still


class _Board:
    """What can be seen after a round, cut to size for each policy."""

    def __init__(
        self,
        session: Session,
        counter: Counter,
        quote: FloatArray,
        open_kwh: FloatArray,
        trades_before: int,
    ) -> None:
        orders = counter.orders
        self.public = session.public()
        self.open_kwh = open_kwh
        self._prices = counter.prices
        self.shouts = board(self.public, trades_before)
        n = counter.rows.prosumers
        limit = counter.bids.limit_price_eur_per_kwh[counter.chosen]
        self._reservation = _best(orders, limit, self.open_kwh, n)
        self._quote = _best(orders, quote, self.open_kwh, n)
        column = np.where(orders.side == BUY, 0, 1)
        self._remaining = np.zeros((n, 2))
        np.add.at(self._remaining, (orders.owner, column), self.open_kwh)

    def of(self, group: PolicyGroup, number: int) -> RoundView:
        """The view of one policy: its own prosumers' rows and the public board."""
        own = group.rows
        far = np.column_stack(
            [self._prices.ask_floor_eur_per_kwh[own], self._prices.bid_ceiling_eur_per_kwh[own]]
        )
        return RoundView(
            round=number,
            public=self.public,
            shouts=self.shouts,
            reservation_eur_per_kwh=self._reservation[own],
            far_end_eur_per_kwh=far,
            quote_eur_per_kwh=self._quote[own],
            remaining_kwh=self._remaining[own],
        )


def _best(orders: Orders, price: FloatArray, open_kwh: FloatArray, prosumers: int) -> FloatArray:
    """Best open price of every prosumer and side, shape (n, 2).

    Where everything is filled it is the best price of what was for trade, so that a trader who is done still
    learns from the board; NaN only where nothing was.
    """
    best = np.full((prosumers, 2), np.nan)
    for column, side, better in ((0, BUY, np.fmax), (1, SELL, np.fmin)):
        own = orders.side == side
        still = own & (open_kwh > 0.0)
        better.at(best[:, column], orders.owner[still], price[still])
        done = own & np.isnan(best[orders.owner, column])
        ever = np.full(prosumers, np.nan)
        better.at(ever, orders.owner[done], price[done])
        best[:, column] = np.where(np.isnan(best[:, column]), ever, best[:, column])
    return best
