"""Records that cross from one room to another: columns of equal length, frozen, with units in their names.

Sign convention, everywhere in cosim: power or energy that a prosumer draws from a network is positive,
what it injects is negative; charging a storage is positive. Money that somebody pays is positive. In orders
and trades quantities are always positive and `side` tells the direction. Time stamps name the start of a
period.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cosim.core.arrays import FloatArray, IntArray

BUY = 1
"""Side of a bid; equal to the sign of the energy that the buyer draws."""
SELL = -1
"""Side of an ask; equal to the sign of the energy that the seller injects."""
NO_LIMIT = -1
"""Value of `Orders.limit` for an order without a shared limit."""
NET_FORECAST = "net_forecast_kwh"
"""Name of the observation of the own energy of a period if nothing is flexible."""


@dataclass(frozen=True, slots=True)
class Orders:
    """Orders of one session, one row each."""

    owner: IntArray
    """Who submits it, an index that means nothing to the market but identity, shape (k,)."""
    side: IntArray
    """`BUY` or `SELL`, shape (k,)."""
    price_eur_per_kwh: FloatArray
    """Limit price, shape (k,); +inf (bid) or -inf (ask) makes it a market order."""
    quantity_kwh: FloatArray
    """Not negative, shape (k,)."""
    limit: IntArray
    """Index of the shared limit that a fill uses up, or `NO_LIMIT`, shape (k,)."""
    weight: FloatArray
    """What one filled kWh takes from the shared limit, not negative, shape (k,)."""
    shared: FloatArray
    """What every shared limit holds at the opening, shape (limits,)."""
    capacity_kwh: float = float("inf")
    """Most that may be traded between owners in the whole session: what the network can carry."""

    def __len__(self) -> int:
        return len(self.owner)


@dataclass(frozen=True, slots=True)
class Trades:
    """Matches between two different owners, in the order in which they happened."""

    buy_row: IntArray
    """Row of the bid in `Orders`, shape (t,)."""
    sell_row: IntArray
    """Row of the ask, shape (t,)."""
    quantity_kwh: FloatArray
    price_eur_per_kwh: FloatArray
    round: IntArray
    """Round of the session, from 0."""

    def __len__(self) -> int:
        return len(self.buy_row)


@dataclass(frozen=True, slots=True)
class Band:
    """Public prices of the utility between which trade is worth while for somebody, of one period."""

    low_eur_per_kwh: float
    """What a seller gets without the market, in the default tariff."""
    high_eur_per_kwh: float
    """Highest trade price at which a buyer of the default tariff pays no more than without the market."""


PUBLIC_FIELDS = (
    ("last_price", "EUR/kWh"),
    ("mean_price", "EUR/kWh"),
    ("best_bid", "EUR/kWh"),
    ("best_ask", "EUR/kWh"),
    ("volume_traded", "kWh"),
    ("volume_offered", "kWh"),
    ("volume_asked_for", "kWh"),
    ("trades", "1"),
)
"""Names and units of the public information, in the order of `PublicInformation.values`."""


@dataclass(frozen=True, slots=True)
class PublicInformation:
    """All that anybody learns of the others: a summary of fixed size, however many trade.

    Internal transfers are not in it. `offered` is what was submitted for sale, `asked_for` what was submitted
    to buy. A price that does not exist (no trade, empty side of the book) is NaN.
    """

    last_price: float
    mean_price: float
    """Volume-weighted."""
    best_bid: float
    """Highest bid left at closure."""
    best_ask: float
    """Lowest ask left at closure."""
    volume_traded: float
    volume_offered: float
    volume_asked_for: float
    trades: int

    def values(self) -> FloatArray:
        """The fields as an array, shape (len(PUBLIC_FIELDS),)."""
        return np.array([getattr(self, name) for name, _ in PUBLIC_FIELDS], dtype=float)


@dataclass(frozen=True, slots=True)
class Clearing:
    """What came out of a session, by row of the orders that were submitted."""

    traded_kwh: FloatArray
    """Filled by other owners, shape (k,)."""
    internal_kwh: FloatArray
    """Filled by the same owner (internal transfer: unpaid, no trade), shape (k,)."""
    paid_eur: FloatArray
    """Paid (bids) or received as a negative (asks) for `traded_kwh`, shape (k,)."""
    trades: Trades
    public: PublicInformation


@dataclass(frozen=True, slots=True)
class Prices:
    """What energy costs each prosumer in one period, shape (n,) each."""

    retail_eur_per_kwh: FloatArray
    """Buying from the utility, everything included."""
    feed_in_eur_per_kwh: FloatArray
    """Selling to the utility."""
    bid_ceiling_eur_per_kwh: FloatArray
    """Highest trade price at which buying from a prosumer is not dearer than from the utility (what a
    trade costs on top is taken off)."""
    ask_floor_eur_per_kwh: FloatArray
    """Lowest trade price at which selling to a prosumer is not worse than to the utility."""
    trade_factor: FloatArray
    """What a buyer pays in all for a P2P purchase is `trade_factor * price + trade_adder` (VAT and the
    components that P2P trades pay): so `bid_ceiling = (retail - trade_adder) / trade_factor`."""
    trade_adder_eur_per_kwh: FloatArray
    low_eur_per_kwh: FloatArray
    """Lowest feed-in price of the tariff, whatever the run: lower end of the values that stored energy can
    have."""
    high_eur_per_kwh: FloatArray
    """Highest retail price of the tariff, whatever the run: upper end."""
    _made: dict[tuple[str, int], tuple[object, Prices]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """What was made of these prices so far."""

    def once(self, name: str, of: object, make: Callable[[], Prices]) -> Prices:
        """Other prices that are made of these, once as long as these hold.

        Args:
            name: Of what is made.
            of: What else it is made of; must not change.
            make: Makes it.
        """
        kept = self._made.get((name, id(of)))
        if kept is None or kept[0] is not of:
            kept = self._made[name, id(of)] = of, make()
        return kept[1]

    def at(self, owner: IntArray) -> Prices:
        """The prices of some prosumers, shape (k,) each, for example of the owner of every row of a book.

        Args:
            owner: Their numbers; the array must not change.
        """
        return self.once("at", owner, lambda: self._at(owner))

    def _at(self, owner: IntArray) -> Prices:
        return Prices(*(getattr(self, one.name)[owner] for one in fields(self) if one.init))


@dataclass(frozen=True, slots=True)
class Flow:
    """The state of a grid at one instant, or a status that says why there is none."""

    converged: bool
    vm_pu: FloatArray
    """Bus voltages, shape (buses,); NaN where not converged or not fed."""
    line_loading_percent: FloatArray
    """Shape (lines,)."""
    trafo_loading_percent: FloatArray
    """Shape (transformers,)."""
    slack_kw: float
    """Drawn by this grid from the one above [kW]."""
    losses_kw: float
    iterations: int = 0


@dataclass(frozen=True, slots=True)
class Elements:
    """Names of a grid's elements in the order of `Flow`'s arrays."""

    bus: NDArray[np.object_]
    line: NDArray[np.object_]
    trafo: NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Violations:
    """Limits broken at one instant, one row per element."""

    kind: NDArray[np.object_]
    """`undervoltage`, `overvoltage`, `line_overload`, `transformer_overload` or `diverged`, shape (v,)."""
    element: IntArray
    """Index into the arrays of `Flow`; -1 for `diverged`."""
    name: NDArray[np.object_]
    value: FloatArray
    """[pu] for voltages, [percent] for loadings; NaN for `diverged`."""
    limit: FloatArray
    excess: FloatArray
    """How far beyond the limit, positive, in the unit of `value`."""

    def __len__(self) -> int:
        return len(self.kind)


class Series(Protocol):
    """Power over time for a number of columns (households, installations)."""

    def power_kw(self, first: int, last: int) -> FloatArray:
        """Power [kW] in the ticks first to last - 1, shape (last - first, columns), not negative."""
        ...


@dataclass(frozen=True, slots=True)
class Field:
    """One column of an observation or an action."""

    name: str
    unit: str
    low: float
    high: float
    about: str
    part_of: str = ""
    """Name of an observation that this energy is counted in as well, though it hangs on what was decided
    before; empty: of none."""
