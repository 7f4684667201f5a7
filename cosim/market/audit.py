"""The audit of a market session: every kWh submitted is traded, transferred or unfilled, and money that is
paid is received. It checks a Clearing against its Orders, whatever the mechanism, and repairs nothing.

What the rules are, and how a breach is worded, is here. In almost every session nothing is wrong:
`audit_kernel` finds that out in a tenth of the time, and where it does not, this looks again.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cosim.core.arrays import BoolArray, FloatArray, IntArray
from cosim.core.records import BUY, NO_LIMIT, SELL, Clearing, Orders
from cosim.errors import AuditError

RELATIVE = 1e-9
"""Rounding that is let pass, relative to the quantity or the money at stake."""
_TINY = float(np.finfo(np.float64).tiny)
"""Below this [kWh], numbers have too few digits left for a relative tolerance."""


def check(orders: Orders, clearing: Clearing, limit_price_eur_per_kwh: FloatArray | None = None) -> None:
    """Check a session.

    Args:
        orders: As submitted.
        clearing: What came out.
        limit_price_eur_per_kwh: What no row may trade beyond, shape (k,), where orders were replaced
            (`Session.limit_prices`); without it, the price that was submitted.

    Raises:
        AuditError: naming everything that is broken.
    """
    limit_price = orders.price_eur_per_kwh if limit_price_eur_per_kwh is None else limit_price_eur_per_kwh
    from cosim.market.audit_kernel import sound  # numba loads with it

    if sound(orders, clearing, limit_price):
        return
    found = list(findings(orders, clearing, limit_price))
    if found:
        raise AuditError("market audit: " + "; ".join(found))


def findings(orders: Orders, clearing: Clearing, limit_price: FloatArray) -> Iterator[str]:
    """Everything that is broken, in words; arguments as in `check`. Nothing, if all is well."""
    wrong = list(_shapes(orders, clearing))
    if wrong:
        yield from wrong
        return
    yield from _quantities(orders, clearing)
    yield from _trades(orders, clearing, limit_price)
    yield from _internal(orders, clearing)
    yield from _limits(orders, clearing)
    yield from _capacity(orders, clearing)
    yield from _public(orders, clearing)


def _shapes(orders: Orders, clearing: Clearing) -> Iterator[str]:
    """Columns that cannot be compared at all."""
    for name in ("traded_kwh", "internal_kwh", "paid_eur"):
        column = getattr(clearing, name)
        if column.shape != (len(orders),):
            yield f"{name} has shape {column.shape}, not ({len(orders)},)"
        elif not np.isfinite(column).all():
            yield f"row {_first(~np.isfinite(column))}: {name} is not finite"
    trades = clearing.trades
    for name in ("buy_row", "sell_row"):
        rows: IntArray = getattr(trades, name)
        outside = (rows < 0) | (rows >= len(orders))
        if outside.any():
            yield f"trade {_first(outside)}: {name} {rows[_first(outside)]} is not a row of the orders"


def _quantities(orders: Orders, clearing: Clearing) -> Iterator[str]:
    """Submitted = traded + internal + unfilled, none of them negative."""
    for name in ("traded_kwh", "internal_kwh"):
        column = getattr(clearing, name)
        if (column < 0.0).any():
            yield f"row {_first(column < 0.0)}: {name} is negative"
    filled = clearing.traded_kwh + clearing.internal_kwh
    beyond = filled > orders.quantity_kwh * (1.0 + RELATIVE)
    if beyond.any():
        row = _first(beyond)
        yield f"row {row}: filled {filled[row]:.12g} kWh of {orders.quantity_kwh[row]:.12g} kWh submitted"
    buying = orders.side == BUY
    bought, sold = clearing.traded_kwh[buying].sum(), clearing.traded_kwh[~buying].sum()
    if _differ(bought, sold, max(bought, sold)):
        yield f"bought {bought:.12g} kWh, sold {sold:.12g} kWh"
    paid, received = clearing.paid_eur[buying].sum(), -clearing.paid_eur[~buying].sum()
    if _differ(paid, received, np.abs(clearing.paid_eur).sum()):
        yield f"buyers paid {paid:.12g} EUR, sellers received {received:.12g} EUR"


def _trades(orders: Orders, clearing: Clearing, limit_price: FloatArray) -> Iterator[str]:
    """Trades pair a bid and an ask of two owners within both limit prices, and add up to the columns."""
    trades = clearing.trades
    buy, sell, price, quantity = (
        trades.buy_row,
        trades.sell_row,
        trades.price_eur_per_kwh,
        trades.quantity_kwh,
    )
    slack = RELATIVE * np.abs(price)
    rules = {
        "its bid is not an order to buy": orders.side[buy] != BUY,
        "its ask is not an order to sell": orders.side[sell] != SELL,
        "an owner trades with itself": orders.owner[buy] == orders.owner[sell],
        "its quantity is not positive": ~(quantity > 0.0),
        "its quantity is not finite": ~np.isfinite(quantity),
        "its price is not finite": ~np.isfinite(price),
        "its price is beyond the limit price of the buyer": ~(price <= limit_price[buy] + slack),
        "its price is beyond the limit price of the seller": ~(price >= limit_price[sell] - slack),
    }
    for what, broken in rules.items():
        if broken.any():
            yield f"trade {_first(broken)}: {what}"
    if rules["its quantity is not positive"].any():
        return
    size = len(orders)
    rows = np.concatenate((buy, sell))
    traded = np.bincount(rows, np.concatenate((quantity, quantity)), size)
    money = price * quantity
    paid = np.bincount(rows, np.concatenate((money, -money)), size)
    at_stake = np.bincount(rows, np.abs(np.concatenate((money, money))), size)
    off = np.abs(traded - clearing.traded_kwh) > RELATIVE * traded
    if off.any():
        row = _first(off)
        yield f"row {row}: traded_kwh is {clearing.traded_kwh[row]:.12g}, its trades make {traded[row]:.12g}"
    off = np.abs(paid - clearing.paid_eur) > RELATIVE * at_stake
    if off.any():
        row = _first(off)
        yield f"row {row}: paid_eur is {clearing.paid_eur[row]:.12g}, its trades make {paid[row]:.12g}"


def _internal(orders: Orders, clearing: Clearing) -> Iterator[str]:
    """What an owner takes from itself is what it gives itself."""
    if not clearing.internal_kwh.any():
        return
    owners, of_row = np.unique(orders.owner, return_inverse=True)
    balance = np.bincount(of_row, orders.side * clearing.internal_kwh, len(owners))
    volume = np.bincount(of_row, clearing.internal_kwh, len(owners))
    off = np.abs(balance) > RELATIVE * volume
    if off.any():
        owner = _first(off)
        yield f"owner {owners[owner]}: internal transfers do not balance, by {balance[owner]:.12g} kWh"


def _limits(orders: Orders, clearing: Clearing) -> Iterator[str]:
    """No shared limit gives more than it held."""
    linked = orders.limit != NO_LIMIT
    if not linked.any():
        return
    filled = clearing.traded_kwh[linked] + clearing.internal_kwh[linked]
    used = np.bincount(orders.limit[linked], orders.weight[linked] * filled, len(orders.shared))
    beyond = used > orders.shared * (1.0 + RELATIVE)
    if beyond.any():
        limit = _first(beyond)
        yield f"shared limit {limit}: used {used[limit]:.12g} of {orders.shared[limit]:.12g}"


def _capacity(orders: Orders, clearing: Clearing) -> Iterator[str]:
    """Not more is traded between owners than the network passes."""
    traded = float(clearing.trades.quantity_kwh.sum())
    if traded > orders.capacity_kwh * (1.0 + RELATIVE) + _TINY:
        yield f"traded {traded:.12g} kWh between owners, the capacity is {orders.capacity_kwh:.12g} kWh"


def _public(orders: Orders, clearing: Clearing) -> Iterator[str]:
    """Public information agrees with the trades, and internal transfers are not in it."""
    trades, public = clearing.trades, clearing.public
    volume = float(trades.quantity_kwh.sum())
    if public.trades != len(trades):
        yield f"public information counts {public.trades} trades, there are {len(trades)}"
    if _differ(public.volume_traded, volume, volume):
        yield f"public information has {public.volume_traded:.12g} kWh traded, trades make {volume:.12g}"
    if len(trades):
        value = float(trades.quantity_kwh @ trades.price_eur_per_kwh)
        at_stake = float(trades.quantity_kwh @ np.abs(trades.price_eur_per_kwh))
        if _differ(public.mean_price * volume, value, at_stake):
            yield f"public information has {public.mean_price:.12g} as its mean price"
        if public.last_price != trades.price_eur_per_kwh[-1]:
            yield f"public information has {public.last_price:.12g} as its last price"
    others = orders.quantity_kwh - clearing.internal_kwh
    for name, side in (("volume_asked_for", BUY), ("volume_offered", SELL)):
        stated, expected = getattr(public, name), float(others[orders.side == side].sum())
        if _differ(stated, expected, float(orders.quantity_kwh.sum())):
            yield f"public information has {stated:.12g} kWh as {name}, orders make {expected:.12g}"


def _differ(first: float, second: float, scale: float) -> bool:
    """Whether two sums differ by more than rounding; also if one is not a number."""
    return not abs(first - second) <= RELATIVE * abs(scale)


def _first(broken: BoolArray) -> int:
    return int(np.argmax(broken))
