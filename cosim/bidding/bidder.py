"""Decisions and device ranges -> orders; fills -> dispatch. Both bidding modes:

- `reservation`: the action is the value of stored energy. The firm position (what must be drawn or given)
  enters the book as one order, each flexible device as two conditional ones: draw more if cheaper than its
  value, draw less if dearer.
- `setpoint`: the action is the energy of every flexible device. All of it is firm: one order a prosumer.

The utility is everybody's outside option: no bid is above what the utility asks, no ask below what it pays.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cosim.bidding.behind_the_meter import INDIFFERENT_EUR_PER_KWH, settle_behind_the_meter
from cosim.bidding.fields import Mode, action_columns, action_fields
from cosim.bidding.rows import Bids, Rows
from cosim.core.arrays import BoolArray, FloatArray, IntArray, sum_by
from cosim.core.records import BUY, NO_LIMIT, SELL, Clearing, Dispatch, Orders, Prices
from cosim.devices.base import Device, Ranges
from cosim.devices.fleet import Fleet

APART_EUR_PER_KWH = 1e-9
"""A device bids at least this much below what it asks: at equal prices the two orders would fill each other,
and its flexibility would be gone for nothing."""


class Bidder:
    """Bidding of one community.

    Args:
        fleet: Its devices.
        mode: How actions are read.
    """

    def __init__(self, fleet: Fleet, mode: Mode) -> None:
        self.fleet = fleet
        self.mode: Mode = mode
        self.rows = Rows.of(fleet)
        self.fields = action_fields(fleet, mode)
        self._columns = {
            name: action_columns(self.fields, device, mode)
            for name, device in fleet.kinds.items()
            if device.flexible
        }

    def bids(self, ranges: Mapping[str, Ranges], action: FloatArray, prices: Prices) -> Bids:
        """What everybody would trade at which limit price.

        Args:
            ranges: What the devices can do in this period.
            action: Decisions, shape (n, len(fields)), in [-1, 1].
            prices: What the utility asks and pays.
        """
        rows, n = self.rows, self.fleet.prosumers
        quantity = np.zeros(len(rows.owner))
        reservation = np.zeros(len(rows.owner))
        base = {}
        for name, device in self.fleet.kinds.items():
            span = ranges[name]
            chosen = self._columns.get(name)
            own = None if chosen is None else action[device.prosumer, chosen]
            if self.mode == "setpoint" and own is not None:
                base[name] = span.setpoint(own)
                continue
            base[name] = span.base_kwh
            quantity[rows.up[name]] = span.high_kwh - span.base_kwh
            quantity[rows.down[name]] = span.base_kwh - span.low_kwh
            value = _value(device, own, prices)
            draw, give = device.reservation(value)
            # Below zero losses turn the two round, but a device never deals with itself.
            reservation[rows.up[name]], reservation[rows.down[name]] = np.minimum(draw, give), give
        firm = self.fleet.total_by_prosumer(base)
        side = rows.side.copy()
        side[:n] = np.where(firm >= 0.0, BUY, SELL)
        quantity[:n] = np.abs(firm)
        reservation[:n] = np.where(firm >= 0.0, prices.retail_eur_per_kwh, prices.feed_in_eur_per_kwh)
        weight = np.divide(1.0, quantity, out=np.zeros_like(quantity), where=quantity > 0.0)
        limit_price = _limit_price(rows.owner, side, reservation, prices)
        for name in rows.up:
            own_ask = limit_price[rows.down[name]] - APART_EUR_PER_KWH
            limit_price[rows.up[name]] = np.minimum(limit_price[rows.up[name]], own_ask)
        return Bids(side, quantity, reservation, limit_price, weight, base, firm)

    def quotes(self, bids: Bids, margins: FloatArray, prices: Prices) -> FloatArray:
        """Prices that are quoted [EUR/kWh], shape (k,): the limit price less (bids) or plus (asks) a margin.

        Args:
            bids: What is for trade.
            margins: Bid and ask margin of every prosumer in [-1, 1], shape (n, 2).
            prices: The band: bids go down to feed-in, asks up to retail.
        """
        owner, limit = self.rows.owner, bids.limit_price_eur_per_kwh
        far_bid = np.minimum(limit, prices.ask_floor_eur_per_kwh[owner])
        far_ask = np.maximum(limit, prices.bid_ceiling_eur_per_kwh[owner])
        buying = bids.side == BUY
        share = 0.5 * (np.where(buying, margins[owner, 0], margins[owner, 1]) + 1.0)
        quote: FloatArray = limit + share * (np.where(buying, far_bid, far_ask) - limit)
        return quote

    def orders(
        self, bids: Bids, quotes: FloatArray, prices: Prices, trading: BoolArray
    ) -> tuple[Orders, IntArray]:
        """Orders for the market and the row of each.

        Left out are empty rows, prosumers that do not trade, bids below the owner's own feed-in price and
        asks above its own ceiling: nobody with the same tariff would take them, and no other prosumer's data
        are looked at.
        """
        rows = self.rows
        limit_price, owner = bids.limit_price_eur_per_kwh, rows.owner
        hopeful = np.where(
            bids.side == BUY,
            limit_price >= prices.ask_floor_eur_per_kwh[owner],
            limit_price <= prices.bid_ceiling_eur_per_kwh[owner],
        )
        share = self._beyond_own_need(bids, prices)
        quantity = bids.quantity_kwh * share
        flexible = rows.limit != NO_LIMIT
        shared = np.ones(
            rows.devices
        )  # what a device keeps for its owner, its other row cannot use up either
        np.minimum.at(shared, rows.limit[flexible], share[flexible])
        chosen = np.flatnonzero((quantity > 0.0) & hopeful & trading[owner])
        orders = Orders(
            owner[chosen],
            bids.side[chosen],
            quotes[chosen],
            quantity[chosen],
            rows.limit[chosen],
            bids.weight[chosen],
            shared,
        )
        return orders, chosen

    def _beyond_own_need(self, bids: Bids, prices: Prices) -> FloatArray:
        """Share of every row that goes to the market, shape (k,).

        What a prosumer wants for certain (its deficit, and devices that would draw even from the utility)
        comes first from its own surplus, then from its devices that give for less than retail; these offer
        only what they can beyond it. Likewise devices that take the own surplus bid only for what they can
        take beyond it. What the market leaves is then matched behind the meter. Else a prosumer would sell
        and buy from the utility in the same period.
        """
        n, owner = self.fleet.prosumers, self.rows.owner
        price, quantity, buying = bids.reservation_eur_per_kwh, bids.quantity_kwh, bids.side == BUY
        flexible = self.rows.limit != NO_LIMIT
        from_utility = price >= (prices.retail_eur_per_kwh - INDIFFERENT_EUR_PER_KWH)[owner]
        deficit = np.where(buying[:n], quantity[:n], 0.0)
        surplus = quantity[:n] - deficit
        wanted = sum_by(owner, np.where(flexible & buying & from_utility, quantity, 0.0), n)
        kept = np.minimum(surplus, wanted)
        gives = flexible & ~buying & ~from_utility
        takes = flexible & buying & (price > prices.feed_in_eur_per_kwh[owner])
        share = np.ones(len(owner))
        share[:n] = _share_left(quantity[:n], kept)
        for rows, need in ((gives, deficit + wanted - kept), (takes, surplus)):
            able = sum_by(owner, np.where(rows, quantity, 0.0), n)
            share = np.where(rows, _share_left(able, need)[owner], share)
        return share

    def dispatch(
        self, bids: Bids, prices: Prices, clearing: Clearing | None = None, chosen: IntArray | None = None
    ) -> Dispatch:
        """What every device does after gate closure; without a clearing: with the utility alone.

        Args:
            bids: What was for trade.
            prices: What the utility asks and pays.
            clearing: The session's result.
            chosen: Row of every order in it.
        """
        rows, n = self.rows, self.fleet.prosumers
        traded = np.zeros(len(rows.owner))
        internal = np.zeros(len(rows.owner))
        cost, paid = np.zeros(n), np.zeros(n)
        if clearing is not None and chosen is not None:
            traded[chosen] = clearing.traded_kwh
            internal[chosen] = clearing.internal_kwh
            cost = sum_by(rows.owner[chosen], clearing.paid_eur, n)
            bought_eur = np.where(bids.side[chosen] == BUY, clearing.paid_eur, 0.0)
            paid = sum_by(rows.owner[chosen], bought_eur, n)
        filled = traded + internal
        remaining = bids.quantity_kwh - filled
        shared = np.ones(rows.devices)
        np.subtract.at(shared, rows.limit[n:], (bids.weight * filled)[n:])
        own = np.zeros_like(filled)
        utility = np.zeros_like(filled)
        settle_behind_the_meter(
            rows.by_owner,
            rows.owner_start,
            bids.side,
            bids.reservation_eur_per_kwh,
            rows.limit,
            bids.weight,
            prices.retail_eur_per_kwh,
            prices.feed_in_eur_per_kwh,
            remaining,
            shared,
            own,
            utility,
        )
        done = filled + own + utility
        device_kwh = {
            name: energy + done[rows.up[name]] - done[rows.down[name]]
            for name, energy in bids.base_kwh.items()
        }
        buying = bids.side == BUY
        return Dispatch(
            device_kwh=device_kwh,
            net_kwh=self.fleet.total_by_prosumer(device_kwh),
            bought_kwh=sum_by(rows.owner, np.where(buying, traded, 0.0), n),
            sold_kwh=sum_by(rows.owner, np.where(buying, 0.0, traded), n),
            import_kwh=sum_by(rows.owner, np.where(buying, utility, 0.0), n),
            export_kwh=sum_by(rows.owner, np.where(buying, 0.0, utility), n),
            trade_cost_eur=cost,
            trade_paid_eur=paid,
        )


def _share_left(able_kwh: FloatArray, need_kwh: FloatArray) -> FloatArray:
    """What is left of `able_kwh` after `need_kwh`, as a share; 1 where there is nothing, shape (n,)."""
    left = np.maximum(able_kwh - need_kwh, 0.0)
    return np.divide(left, able_kwh, out=np.ones_like(able_kwh), where=able_kwh > 0.0)


def _value(device: Device, action: FloatArray | None, prices: Prices) -> FloatArray:
    """Value of energy inside [EUR/kWh] for actions in [-1, 1]; zero for devices that decide nothing."""
    if action is None:
        return np.zeros(len(device))
    owner = device.prosumer
    low, high = device.value_range(prices.low_eur_per_kwh[owner], prices.high_eur_per_kwh[owner])
    return low + 0.5 * (action + 1.0) * (high - low)


def _limit_price(owner: IntArray, side: IntArray, reservation: FloatArray, prices: Prices) -> FloatArray:
    """Worst trade price by row: what a purchase costs on top is taken off, the utility is the alternative."""
    worth = (reservation - prices.trade_adder_eur_per_kwh[owner]) / prices.trade_factor[owner]
    bid = np.minimum(worth, prices.bid_ceiling_eur_per_kwh[owner])
    ask = np.maximum(reservation, prices.ask_floor_eur_per_kwh[owner])
    return np.where(side == BUY, bid, ask)
