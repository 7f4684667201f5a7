"""The audit of a market session in compiled form: whether anything is wrong, not what. The rules are those of
`audit`, which looks again wherever this is not content; so it may be too strict, and never too lenient."""

from __future__ import annotations

import numpy as np
from numba import njit

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.records import BUY, NO_LIMIT, SELL, Clearing, Orders

RELATIVE = 0.999e-9
"""Rounding that is let pass: a little less than in `audit`, as sums are taken in another order here."""
_WIDEST = 16
"""Owners are told apart by an array of at most so many times the rows (and _FEW more)."""
_FEW = 1024
_FLOAT, _INT = np.dtype(np.float64), np.dtype(np.int64)

# Without inlining, handing arrays from function to function takes most of the time.
_inlined = njit(cache=True, forceinline=True)


def sound(orders: Orders, clearing: Clearing, limit_price_eur_per_kwh: FloatArray) -> bool:
    """Whether nothing at all is wrong with a session; arguments as in `audit.check`. False also where it
    cannot tell, for example for columns of another type or length than they should have."""
    trades, public = clearing.trades, clearing.public
    rows, count = (len(orders),), (len(trades),)
    columns = (
        (orders.owner, rows, _INT),
        (orders.side, rows, _INT),
        (orders.limit, rows, _INT),
        (orders.quantity_kwh, rows, _FLOAT),
        (orders.weight, rows, _FLOAT),
        (orders.shared, (len(orders.shared),), _FLOAT),
        (limit_price_eur_per_kwh, rows, _FLOAT),
        (clearing.traded_kwh, rows, _FLOAT),
        (clearing.internal_kwh, rows, _FLOAT),
        (clearing.paid_eur, rows, _FLOAT),
        (trades.buy_row, count, _INT),
        (trades.sell_row, count, _INT),
        (trades.quantity_kwh, count, _FLOAT),
        (trades.price_eur_per_kwh, count, _FLOAT),
    )
    for column, shape, kind in columns:
        if column.shape != shape or column.dtype != kind:
            return False
    if public.trades != len(trades):
        return False
    return bool(
        _sound(
            *(column for column, _, _ in columns),
            float(orders.capacity_kwh),
            float(public.volume_traded),
            float(public.mean_price),
            float(public.last_price),
            float(public.volume_asked_for),
            float(public.volume_offered),
        )
    )


@njit(cache=True)
def _sound(  # noqa: PLR0913, PLR0917 - columns one by one: compiled code takes no records
    owner: IntArray,
    side: IntArray,
    limit: IntArray,
    quantity: FloatArray,
    weight: FloatArray,
    shared: FloatArray,
    limit_price: FloatArray,
    traded: FloatArray,
    internal: FloatArray,
    paid: FloatArray,
    buy: IntArray,
    sell: IntArray,
    trade_kwh: FloatArray,
    price: FloatArray,
    capacity: float,
    volume_traded: float,
    mean_price: float,
    last_price: float,
    asked_for: float,
    offered: float,
) -> bool:
    """All rules; columns by row of the orders, from `buy` to `price` by trade, then what was published."""
    if not _rows(side, quantity, traded, internal, paid, asked_for, offered):
        return False
    if not _trades(owner, side, limit_price, traded, paid, buy, sell, trade_kwh, price):
        return False
    if not _public(trade_kwh, price, capacity, volume_traded, mean_price, last_price):
        return False
    return bool(_limits(limit, weight, shared, traded, internal) and _internal(owner, side, internal))


@_inlined
def _rows(
    side: IntArray,
    quantity: FloatArray,
    traded: FloatArray,
    internal: FloatArray,
    paid: FloatArray,
    asked_for: float,
    offered: float,
) -> bool:
    """Rows are filled as far as they go, both sides alike, and what was for trade is what was published."""
    bought = sold = spent = received = wanted = given = stake = submitted = 0.0
    for row in range(len(side)):
        if not (traded[row] >= 0.0 and internal[row] >= 0.0 and np.isfinite(paid[row])):
            return False
        filled = traded[row] + internal[row]
        if not (filled <= quantity[row] * (1.0 + RELATIVE) and np.isfinite(filled)):
            return False
        stake += abs(paid[row])
        submitted += quantity[row]
        if side[row] == BUY:
            bought += traded[row]
            spent += paid[row]
            wanted += quantity[row] - internal[row]
        else:
            sold += traded[row]
            received -= paid[row]
            if side[row] == SELL:
                given += quantity[row] - internal[row]
    return (
        abs(bought - sold) <= RELATIVE * max(bought, sold)
        and abs(spent - received) <= RELATIVE * stake
        and abs(asked_for - wanted) <= RELATIVE * submitted
        and abs(offered - given) <= RELATIVE * submitted
    )


@_inlined
def _trades(  # noqa: PLR0913, PLR0917, PLR0911 - as above; each rule ends it
    owner: IntArray,
    side: IntArray,
    limit_price: FloatArray,
    traded: FloatArray,
    paid: FloatArray,
    buy: IntArray,
    sell: IntArray,
    quantity: FloatArray,
    price: FloatArray,
) -> bool:
    """Trades pair a bid and an ask of two owners within both limit prices, and add up to the columns."""
    rows = len(owner)
    kwh, eur, stake = np.zeros(rows), np.zeros(rows), np.zeros(rows)
    for trade in range(len(buy)):
        bid, ask, at = buy[trade], sell[trade], price[trade]
        if not (0 <= bid < rows and 0 <= ask < rows):
            return False
        if side[bid] != BUY or side[ask] != SELL or owner[bid] == owner[ask]:
            return False
        if not (quantity[trade] > 0.0 and np.isfinite(quantity[trade]) and np.isfinite(at)):
            return False
        slack = RELATIVE * abs(at)
        if not (limit_price[ask] - slack <= at <= limit_price[bid] + slack):
            return False
        money = at * quantity[trade]
        for row, sign in ((bid, 1.0), (ask, -1.0)):
            kwh[row] += quantity[trade]
            eur[row] += sign * money
            stake[row] += abs(money)
    for row in range(rows):
        if not abs(kwh[row] - traded[row]) <= RELATIVE * kwh[row]:
            return False
        if not abs(eur[row] - paid[row]) <= RELATIVE * stake[row]:
            return False
    return True


@_inlined
def _public(
    quantity: FloatArray,
    price: FloatArray,
    capacity: float,
    volume_traded: float,
    mean_price: float,
    last_price: float,
) -> bool:
    """What was published agrees with the trades, and these pass through the network."""
    volume = value = stake = 0.0
    for trade in range(len(quantity)):
        volume += quantity[trade]
        value += quantity[trade] * price[trade]
        stake += quantity[trade] * abs(price[trade])
    if not (volume <= capacity * (1.0 + RELATIVE) and abs(volume_traded - volume) <= RELATIVE * volume):
        return False
    if not len(price):
        return True
    return abs(mean_price * volume - value) <= RELATIVE * stake and last_price == price[-1]


@_inlined
def _limits(
    limit: IntArray, weight: FloatArray, shared: FloatArray, traded: FloatArray, internal: FloatArray
) -> bool:
    """No shared limit gives more than it held."""
    used = np.zeros(len(shared))
    for row in range(len(limit)):
        if limit[row] != NO_LIMIT:
            if not 0 <= limit[row] < len(shared):
                return False
            used[limit[row]] += weight[row] * (traded[row] + internal[row])
    return bool((used <= shared * (1.0 + RELATIVE)).all())


@_inlined
def _internal(owner: IntArray, side: IntArray, internal: FloatArray) -> bool:
    """What an owner takes from itself is what it gives itself."""
    if not internal.any():
        return True
    owners = owner.max() + 1
    if owner.min() < 0 or owners > _WIDEST * len(owner) + _FEW:
        return False
    balance, volume = np.zeros(owners), np.zeros(owners)
    for row in range(len(owner)):
        balance[owner[row]] += side[row] * internal[row]
        volume[owner[row]] += internal[row]
    return bool((np.abs(balance) <= RELATIVE * volume).all())
