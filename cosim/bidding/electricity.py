"""Decisions and device ranges -> electricity for trade; fills -> what every device does. Both bidding modes:

- `reservation`: the action is the value of stored energy. The firm position (what must be drawn or given)
  enters the book as one order, each flexible device as two conditional ones: draw more if cheaper than its
  value, draw less if dearer. What the heat sources draw enters as the steps of their curve (`thermal`).
- `setpoint`: the action is the energy of every flexible device. All of it is firm: one order a prosumer.

The utility is everybody's outside option: no bid is above what the utility asks, no ask below what it pays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cosim.bidding import quoting
from cosim.bidding.behind_the_meter import INDIFFERENT_EUR_PER_KWH, settle_behind_the_meter
from cosim.bidding.fields import Mode, action_columns, action_fields, decided
from cosim.bidding.own_need import beyond_own_need
from cosim.bidding.rows import Bids, Rows
from cosim.bidding.thermal import Curve
from cosim.core.arrays import BoolArray, FloatArray, IntArray, clipped, sum_by
from cosim.core.dispatch import Position
from cosim.core.records import BUY, SELL, Clearing, Field, Orders, Prices
from cosim.devices.base import Device, Ranges
from cosim.devices.fleet import Fleet


@dataclass(frozen=True, slots=True)
class ElectricityPlan:
    """What the devices on electricity do, and how it is paired."""

    device_kwh: dict[str, FloatArray]
    """Device kind -> energy, shape (d,)."""
    thermal_kwh: FloatArray
    """What heat sources draw, shape (n,)."""
    position: Position


class ElectricityBidder:
    """Bidding of one community for electricity.

    Args:
        fleet: Its devices.
        mode: How actions are read.
        fields: Fields of an action; None: those of the fleet without heat trade.
        steps: Owner of every step of its heat sources' curves, shape (steps,).
    """

    def __init__(
        self,
        fleet: Fleet,
        mode: Mode,
        fields: tuple[Field, ...] | None = None,
        steps: IntArray | None = None,
    ) -> None:
        self.fleet = fleet
        self.mode: Mode = mode
        self.kinds = fleet.of("electricity")
        self.rows = Rows.of(fleet.prosumers, self.kinds, steps)
        self.fields = action_fields(fleet, mode) if fields is None else fields
        self._columns = {
            name: action_columns(self.fields, device, mode)
            for name, device in self.kinds.items()
            if decided(device, mode)
        }
        self._fixed = {
            name: device.reservation(np.zeros(len(device)))
            for name, device in self.kinds.items()
            if name not in self._columns
        }
        """What drawing more is worth and giving more costs where nobody values it."""

    def switched(self, ranges: Mapping[str, Ranges], action: FloatArray, prices: Prices) -> dict[str, Ranges]:
        """Ranges in which it is settled which devices with a minimum are on.

        In mode `setpoint` those told to do at least half their minimum. In mode `reservation` those to which
        running is worth what it costs: the own surplus that is left is worth what the utility pays for it,
        the rest costs what the utility asks.
        """
        found = {name: ranges[name] for name in self.kinds}
        lumpy = [name for name, span in found.items() if span.minimum_kwh is not None]
        if not lumpy:
            return found
        surplus = -self.fleet.total_by_prosumer({name: span.base_kwh for name, span in found.items()})
        for name in lumpy:
            device, span = self.kinds[name], found[name]
            least = np.zeros(len(device)) if span.minimum_kwh is None else span.minimum_kwh
            own = action[device.prosumer, self._columns[name]] if name in self._columns else None
            if own is not None and self.mode == "setpoint":
                on = np.abs(device.setpoint(span, own)) >= 0.5 * least
            else:
                free = clipped(surplus[device.prosumer], 0.0, least)
                share = np.divide(free, least, out=np.zeros_like(free), where=least > 0.0)
                retail, feed_in = prices.retail_eur_per_kwh, prices.feed_in_eur_per_kwh
                cost = (share * feed_in[device.prosumer]) + (1.0 - share) * retail[device.prosumer]
                draw, give = device.reservation(value_of(device, own, prices))
                on = np.where(span.low_kwh < 0.0, give <= cost, draw >= cost - INDIFFERENT_EUR_PER_KWH)
            found[name] = span.switched(on)
        return found

    def bids(
        self,
        ranges: Mapping[str, Ranges],
        action: FloatArray,
        prices: Prices,
        thermal: Curve | None = None,
        able: Mapping[str, Ranges] | None = None,
    ) -> Bids:
        """What everybody would trade at which limit price.

        Args:
            ranges: What the devices can do in this period, those with a minimum on or off (`switched`).
            action: Decisions, shape (n, len(fields)), in [-1, 1].
            prices: What the utility asks and pays.
            thermal: What heat sources draw.
            able: What set-points are of: the ranges before `switched`; None: the same.
        """
        rows, n = self.rows, self.fleet.prosumers
        quantity = np.zeros(len(rows.owner))
        reservation = np.zeros(len(rows.owner))
        side = rows.side.copy()
        base = {}
        for name, device in self.kinds.items():
            span = ranges[name]
            chosen = self._columns.get(name)
            own = None if chosen is None else action[device.prosumer, chosen]
            if self.mode == "setpoint" and own is not None:
                whole = span if able is None else able[name]
                told = device.setpoint(whole, own)
                base[name] = told if whole is span else clipped(told, span.low_kwh, span.high_kwh)
                continue
            base[name] = span.base_kwh
            if span.low_kwh is span.high_kwh:
                continue  # it has no choice
            quantity[rows.up[name]] = span.high_kwh - span.base_kwh
            quantity[rows.down[name]] = span.base_kwh - span.low_kwh
            draw, give = self._fixed.get(name) or device.reservation(value_of(device, own, prices))
            # Below zero losses turn the two round, but a device never deals with itself.
            reservation[rows.up[name]], reservation[rows.down[name]] = np.minimum(draw, give), give
        firm = self.fleet.total_by_prosumer(base)
        if thermal is not None:
            firm += self._add_steps(thermal, side, quantity, reservation)
        side[:n] = np.where(firm >= 0.0, BUY, SELL)
        quantity[:n] = np.abs(firm)
        reservation[:n] = np.where(firm >= 0.0, prices.retail_eur_per_kwh, prices.feed_in_eur_per_kwh)
        limit_price = quoting.limit_prices(rows, side, reservation, prices)
        return Bids(side, quantity, reservation, limit_price, quoting.weights(quantity), base, firm)

    def _add_steps(
        self, curve: Curve, side: IntArray, quantity: FloatArray, reservation: FloatArray
    ) -> FloatArray:
        """Write the steps of the heat sources' curves; returns what is drawn without any of them, shape (n,).

        That is as near to nothing as the curve comes: what is drawn beyond is bid for, what is given (by a
        CHP) is offered. A step across zero counts where its larger part is.
        """
        rows = self.rows.steps
        owner = self.rows.owner[rows]
        start = np.searchsorted(owner, np.arange(self.fleet.prosumers))
        before = np.concatenate([[0.0], np.cumsum(curve.energy_kwh)])
        low = curve.base_kwh[owner] + before[:-1] - before[start][owner]
        gives = low + 0.5 * curve.energy_kwh < 0.0
        side[rows] = np.where(gives, SELL, BUY)
        quantity[rows] = curve.energy_kwh
        reservation[rows] = curve.price_eur_per_kwh
        given = sum_by(owner, np.where(gives, curve.energy_kwh, 0.0), self.fleet.prosumers)
        return curve.base_kwh + given

    def quotes(self, bids: Bids, margins: FloatArray, prices: Prices) -> FloatArray:
        """See `quoting.quotes`."""
        return quoting.quotes(self.rows, bids, margins, prices)

    def orders(
        self, bids: Bids, quotes: FloatArray, prices: Prices, trading: BoolArray
    ) -> tuple[Orders, IntArray]:
        """Orders and the row of each: what is left beyond the own need; see `quoting.orders`."""
        rows, at = self.rows, prices.at(self.rows.owner)
        retail = at.retail_eur_per_kwh - INDIFFERENT_EUR_PER_KWH
        share = beyond_own_need(
            rows.owner,
            rows.prosumers,
            bids.side == BUY,
            bids.quantity_kwh,
            bids.reservation_eur_per_kwh,
            retail,
            at.feed_in_eur_per_kwh,
        )
        return quoting.orders(rows, bids, quotes, prices, trading, share=share)

    def dispatch(
        self, bids: Bids, prices: Prices, clearing: Clearing | None = None, chosen: IntArray | None = None
    ) -> ElectricityPlan:
        """What every device does after gate closure; without a clearing: with the utility alone.

        Args:
            bids: What was for trade.
            prices: What the utility asks and pays.
            clearing: The session's result.
            chosen: Row of every order in it.
        """
        rows, n = self.rows, self.fleet.prosumers
        got = quoting.fills(rows, bids, clearing, chosen)
        filled = got.traded_kwh + got.internal_kwh
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
            bids.quantity_kwh - filled,
            quoting.left_of_limits(rows, bids, filled),
            own,
            utility,
        )
        done = filled + own + utility
        device_kwh = {
            name: energy + done[rows.up[name]] - done[rows.down[name]]
            for name, energy in bids.base_kwh.items()
        }
        devices_kwh = self.fleet.total_by_prosumer(device_kwh)
        thermal_kwh = bids.firm_kwh - self.fleet.total_by_prosumer(bids.base_kwh)
        if rows.steps.stop > rows.steps.start:
            steps = rows.steps
            thermal_kwh += sum_by(rows.owner[steps], bids.side[steps] * done[steps], n)
        buying = bids.side == BUY
        none = np.zeros(n)
        position = Position(
            net_kwh=devices_kwh + thermal_kwh,
            bought_kwh=sum_by(rows.owner, np.where(buying, got.traded_kwh, 0.0), n),
            sold_kwh=sum_by(rows.owner, np.where(buying, 0.0, got.traded_kwh), n),
            import_kwh=sum_by(rows.owner, np.where(buying, utility, 0.0), n),
            export_kwh=sum_by(rows.owner, np.where(buying, 0.0, utility), n),
            lost_kwh=none,
            imbalance_kwh=none,
            trade_cost_eur=got.cost_eur,
            trade_paid_eur=got.paid_eur,
        )
        return ElectricityPlan(device_kwh, thermal_kwh, position)


def value_of(device: Device, action: FloatArray | None, prices: Prices) -> FloatArray:
    """Value of energy inside [EUR/kWh] for actions in [-1, 1]; zero for devices that decide nothing."""
    if action is None:
        return np.zeros(len(device))
    owner = device.prosumer
    low, high = device.value_range(prices.low_eur_per_kwh[owner], prices.high_eur_per_kwh[owner])
    return low + 0.5 * (action + 1.0) * (high - low)
