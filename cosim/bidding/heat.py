"""Decisions and device ranges -> heat for trade; fills -> what every device for heat does. There is no
utility for heat: whatever is traded, each prosumer's heat balances. Both bidding modes:

- `reservation`: each prosumer first plans for itself (its cheapest sources meet its need and fill its stores
  up to what stored heat is worth), then offers what its sources could give beyond that, and asks for what
  they give, each at the cost of the source: so what is bought is cheaper than the cheapest other source of
  that heat, and what is sold dearer than the one that makes it. What a source costs follows from the price of
  gas and from the price of electricity that the prosumer expects.
- `setpoint`: actions set sources and
stores; the rest of the need is one order a prosumer. What the market leaves of it the sources make up for.

On the way to the buyer a share of the heat is lost: the market trades what is delivered, the seller gives
more. Heat that is needed and not to be had is counted as imported (unserved), heat that nobody can take as
exported (dumped)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

import numpy as np

from cosim.bidding import quoting
from cosim.bidding.commitment import DUST_KWH, HeatDevices, only, switched_on
from cosim.bidding.electricity import value_of
from cosim.bidding.fields import EXPECTED_PRICE, Mode, action_columns, column_of, decided
from cosim.bidding.heat_balance import balance
from cosim.bidding.heat_records import Costs, HeatBids, HeatLoop, HeatPlan, Inputs, costs_of, position_of
from cosim.bidding.rows import Bids, Rows
from cosim.core.arrays import BoolArray, FloatArray, IntArray, clipped, sum_by
from cosim.core.records import BUY, SELL, Clearing, Field, Orders, Prices
from cosim.devices.base import Ranges
from cosim.devices.fleet import Fleet

FIRST_EUR_PER_KWH = 1e6
"""Price at which need comes before everything and surplus goes before everything."""
Values = TypeVar("Values", FloatArray, BoolArray)
LAST_EUR_PER_KWH = 1e3
"""Price at which a store whose set-point is given is moved after everything else."""


class HeatBidder:
    """Bidding of one community for heat.

    Args:
        fleet: Its devices.
        mode: How actions are read.
        fields: Fields of an action.
        loop: Who may trade with whom; None: nobody.
    """

    def __init__(
        self, fleet: Fleet, mode: Mode, fields: tuple[Field, ...], loop: HeatLoop | None = None
    ) -> None:
        self.fleet = fleet
        self.mode: Mode = mode
        self.loop = loop
        self.kinds = fleet.of("heat")
        self.sources = {name: device for name, device in self.kinds.items() if device.role == "conversion"}
        self.rows = Rows.of(fleet.prosumers, self.kinds)
        self._columns = {
            name: action_columns(fields, device, mode)
            for name, device in self.kinds.items()
            if decided(device, mode)
        }
        self._expected = column_of(fields, EXPECTED_PRICE.name)
        owner = np.concatenate([device.prosumer for device in self.kinds.values()])
        self._order = np.argsort(owner, kind="stable")
        self._start = np.searchsorted(np.sort(owner), np.arange(fleet.prosumers + 1))
        sizes = [len(device) for device in self.kinds.values()]
        ends = np.cumsum(sizes).tolist()
        self._parts = {
            name: slice(end - size, end) for name, size, end in zip(self.kinds, sizes, ends, strict=True)
        }
        """Kind -> where its devices are among all."""
        self._makes_heat = np.repeat([name in self.sources for name in self.kinds], sizes)

    def expected_price(self, action: FloatArray, net_kwh: FloatArray, prices: Prices) -> FloatArray:
        """Price of electricity that everybody reckons with [EUR/kWh], shape (n,).

        In mode `setpoint` nobody says: it is the utility's for whoever lacks electricity (`net_kwh`, without
        heat sources), and what the utility pays for whoever has too much.
        """
        if self._expected is None:
            share = np.where(net_kwh < 0.0, 0.0, 1.0)
        else:
            share = 0.5 * (action[:, self._expected] + 1.0)
        span = prices.retail_eur_per_kwh - prices.feed_in_eur_per_kwh
        expected: FloatArray = prices.feed_in_eur_per_kwh + share * span
        return expected

    def costs(self, inputs: Inputs, gas: FloatArray, electricity: FloatArray) -> Costs:
        """See `costs_of`."""
        owners = {name: device.prosumer for name, device in self.sources.items()}
        return costs_of(inputs, owners, gas, electricity)

    def values(self, action: FloatArray, prices: Prices) -> dict[str, FloatArray]:
        """Value of energy inside stores and buildings [EUR/kWh] by kind, from actions on values."""
        return {
            name: value_of(device, action[device.prosumer, self._columns[name]], prices)
            for name, device in self.kinds.items()
            if name in self._columns and device.role != "conversion"
        }

    def bids(
        self, ranges: Mapping[str, Ranges], action: FloatArray, prices: Prices, costs: Costs
    ) -> HeatBids:
        """What everybody would trade at which limit price.

        Args:
            ranges: What the devices can do in this period.
            action: Decisions, shape (n, A).
            prices: The band of heat prices (`heat_prices`).
            costs: What heat of each source costs.
        """
        if self.mode == "setpoint":
            return self._by_setpoint(ranges, action, prices, costs)
        draw, give = self._worth(costs, self.values(action, prices))
        spans = self.switched(ranges, draw, give)
        base = {name: span.base_kwh for name, span in spans.items()}
        alone, missing = self.balanced(spans, base, draw, give, np.zeros(self.fleet.prosumers))
        made = HeatBids(ranges, spans, costs, draw, give, alone, missing, self._nothing())
        return replace(made, bids=self._around(made, prices))

    def _by_setpoint(
        self, ranges: Mapping[str, Ranges], action: FloatArray, prices: Prices, costs: Costs
    ) -> HeatBids:
        """All heat devices as their actions say; what is missing is for trade."""
        draw, give = self._worth(costs, {})
        spans, alone = {}, {}
        for name, device in self.kinds.items():
            span = ranges[name]
            if name not in self._columns:
                spans[name], alone[name] = span, span.base_kwh
                continue
            told = device.setpoint(span, action[device.prosumer, self._columns[name]])
            if span.minimum_kwh is not None:
                span = span.switched(np.abs(told) >= 0.5 * span.minimum_kwh)
            spans[name], alone[name] = span, clipped(told, span.low_kwh, span.high_kwh)
        missing = self.fleet.total_by_prosumer(alone)
        made = HeatBids(ranges, spans, costs, draw, give, alone, missing, self._nothing())
        return replace(made, bids=self._firm(made, prices))

    def _worth(
        self, costs: Costs, values: Mapping[str, FloatArray]
    ) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
        """What drawing more is worth and giving more costs, by kind; what is not valued is moved last."""
        draw, give = {}, {}
        for name, device in self.kinds.items():
            if name in costs.total_eur_per_kwh:
                draw[name] = give[name] = costs.total_eur_per_kwh[name]
            elif name in values:
                most, least = device.reservation(values[name])
                draw[name], give[name] = np.minimum(most, least), least
            elif device.flexible:
                draw[name] = np.full(len(device), -LAST_EUR_PER_KWH)
                give[name] = np.full(len(device), LAST_EUR_PER_KWH)
            else:
                most, least = device.reservation(np.zeros(len(device)))
                draw[name], give[name] = np.minimum(most, least), least
        return draw, give

    def switched(
        self,
        ranges: Mapping[str, Ranges],
        draw: Mapping[str, FloatArray],
        give: Mapping[str, FloatArray],
    ) -> dict[str, Ranges]:
        """Ranges in which it is settled which sources are on; see `commitment`."""
        spans = {name: ranges[name] for name in self.kinds}
        if all(span.minimum_kwh is None for span in spans.values()):
            return spans
        on = self._on(spans, draw, give)
        return {name: span.switched(on[name]) for name, span in spans.items()}

    def _on(
        self,
        ranges: Mapping[str, Ranges],
        draw: Mapping[str, FloatArray],
        give: Mapping[str, FloatArray],
        need_kwh: FloatArray | None = None,
    ) -> dict[str, BoolArray]:
        """Which devices are on, by kind; see `commitment`."""
        devices = HeatDevices.of(ranges, self._makes_heat, self._flat(draw), self._flat(give))
        return self._by_kind(switched_on(devices, self._order, self._start, need_kwh))

    def balanced(
        self,
        spans: Mapping[str, Ranges],
        planned_kwh: Mapping[str, FloatArray],
        draw: Mapping[str, FloatArray],
        give: Mapping[str, FloatArray],
        given_away_kwh: FloatArray,
        firm_only: bool = False,
    ) -> tuple[dict[str, FloatArray], FloatArray]:
        """What the devices do once each prosumer's heat balances, by kind, and what is missing even so
        (negative: left over), shape (n,).

        Args:
            spans: What they can do.
            planned_kwh: What they would do.
            draw: What drawing more is worth.
            give: What giving more costs.
            given_away_kwh: Net heat that goes to others, shape (n,).
            firm_only: Move devices only as far as the balance needs it.
        """
        energy = self._flat(planned_kwh)
        missing = np.empty(self.fleet.prosumers)
        balance(
            self._order,
            self._start,
            np.concatenate([spans[name].low_kwh for name in self.kinds]),
            np.concatenate([spans[name].high_kwh for name in self.kinds]),
            self._flat(draw),
            self._flat(give),
            given_away_kwh,
            firm_only,
            energy,
            missing,
        )
        return self._by_kind(energy), missing

    def _flat(self, by_kind: Mapping[str, FloatArray]) -> FloatArray:
        """Values of all devices, kind after kind, shape (d,): a copy."""
        return np.concatenate([by_kind[name] for name in self.kinds])

    def _by_kind(self, flat: Values) -> dict[str, Values]:
        """Values of all devices, by kind."""
        return {name: flat[part] for name, part in self._parts.items()}

    def served(
        self,
        plan: HeatBids,
        able: Mapping[str, Ranges],
        spans: Mapping[str, Ranges],
        told_kwh: Mapping[str, FloatArray],
        given_away_kwh: FloatArray,
    ) -> tuple[dict[str, FloatArray], FloatArray]:
        """Devices that do what they are told but for what the balance needs, and what is missing even so;
        before anybody is cold, sources come on that were off.

        Args:
            plan: For what drawing is worth and giving costs.
            able: What the devices can do.
            spans: The same with sources on or off.
            told_kwh: What they are told.
            given_away_kwh: Net heat that goes to others, shape (n,).
        """
        draw, give = plan.draw_eur_per_kwh, plan.give_eur_per_kwh
        done, missing = self.balanced(spans, told_kwh, draw, give, given_away_kwh, firm_only=True)
        if not (missing > DUST_KWH).any():
            return done, missing
        off = {name: (span.low_kwh == 0.0) & (span.high_kwh == 0.0) for name, span in spans.items()}
        if not any(off[name].any() for name in self.sources):
            return done, missing
        resort = {name: only(able[name], off[name] & (name in self.sources)) for name in spans}
        on = self._on(resort, draw, give, np.maximum(missing, 0.0))
        spans = {
            name: able[name].switched(on[name] | ~off[name]) if name in self.sources else span
            for name, span in spans.items()
        }
        told = {name: clipped(told_kwh[name], span.low_kwh, span.high_kwh) for name, span in spans.items()}
        return self.balanced(spans, told, draw, give, given_away_kwh, firm_only=True)

    def _nothing(self) -> Bids:
        """No bids."""
        size = len(self.rows.owner)
        none = np.zeros(size)
        return Bids(self.rows.side, none, none, none, none, {}, none[: self.fleet.prosumers])

    def _around(self, plan: HeatBids, prices: Prices) -> Bids:
        """Bids around what everybody would do alone."""
        rows = self.rows
        quantity, reservation = np.zeros(len(rows.owner)), np.zeros(len(rows.owner))
        for name, span in plan.ranges.items():
            alone = plan.alone_kwh[name]
            quantity[rows.up[name]] = np.maximum(span.high_kwh - alone, 0.0)
            quantity[rows.down[name]] = np.maximum(alone - span.low_kwh, 0.0)
            reservation[rows.up[name]] = plan.draw_eur_per_kwh[name]
            reservation[rows.down[name]] = plan.give_eur_per_kwh[name]
        firm = np.where(plan.missing_kwh >= 0.0, FIRST_EUR_PER_KWH, 0.0)
        return self._rows_of(quantity, reservation, firm, plan.missing_kwh, prices)

    def _firm(self, plan: HeatBids, prices: Prices) -> Bids:
        """One order a prosumer: what is missing, at the cost of the cheapest own source that could give more;
        what is left over, at the cost of the dearest that could give less."""
        n = self.fleet.prosumers
        dearest, cheapest = np.zeros(n), np.full(n, FIRST_EUR_PER_KWH)
        for name in self.sources:
            owner, cost = self.kinds[name].prosumer, plan.costs.total_eur_per_kwh[name]
            alone = plan.alone_kwh[name]
            more, less = alone > plan.able[name].low_kwh, alone < plan.ranges[name].high_kwh
            np.minimum.at(cheapest, owner[more], cost[more])
            np.maximum.at(dearest, owner[less], cost[less])
        none = np.zeros(len(self.rows.owner))
        firm = np.where(plan.missing_kwh >= 0.0, cheapest, dearest)
        return self._rows_of(none, none.copy(), firm, plan.missing_kwh, prices)

    def _rows_of(
        self,
        quantity: FloatArray,
        reservation: FloatArray,
        firm: FloatArray,
        missing_kwh: FloatArray,
        prices: Prices,
    ) -> Bids:
        """Bids by row; what is sold counts as it is delivered, so at a price that pays for what is lost."""
        rows, n = self.rows, self.fleet.prosumers
        side = rows.side.copy()
        side[:n] = np.where(missing_kwh >= 0.0, BUY, SELL)
        quantity[:n], reservation[:n] = np.abs(missing_kwh), firm
        delivered = 1.0 - (self.loop.loss_factor if self.loop is not None else 0.0)
        selling = side == SELL
        quantity[selling] *= delivered
        reservation[selling] /= delivered
        limit_price = quoting.limit_prices(rows, side, reservation, prices)
        return Bids(side, quantity, reservation, limit_price, quoting.weights(quantity), {}, missing_kwh)

    def orders(
        self, bids: Bids, quotes: FloatArray, prices: Prices, trading: BoolArray
    ) -> tuple[Orders, IntArray]:
        """Orders of the members of the loop and the row of each; see `quoting.orders`.

        Raises:
            ValueError: if there is no loop.
        """
        if self.loop is None:
            raise ValueError("there is no heat loop to trade in")
        who = trading & self.loop.member
        capacity = self.loop.capacity_kwh
        return quoting.orders(self.rows, bids, quotes, prices, who, capacity_kwh=capacity)

    def dispatch(
        self, plan: HeatBids, clearing: Clearing | None = None, chosen: IntArray | None = None
    ) -> HeatPlan:
        """What every device for heat does after the heat market; without a clearing: nothing is traded."""
        rows, n = self.rows, self.fleet.prosumers
        got = quoting.fills(rows, plan.bids, clearing, chosen)
        buying = plan.bids.side == BUY
        delivered = 1.0 - (self.loop.loss_factor if self.loop is not None else 0.0)
        # An internal transfer stays in the house: nothing is lost, so the seller's side gives what is taken.
        moved = got.traded_kwh * np.where(buying, 1.0, 1.0 / delivered) + got.internal_kwh
        device_kwh = {
            name: energy + moved[rows.up[name]] - moved[rows.down[name]]
            for name, energy in plan.alone_kwh.items()
        }
        bought = sum_by(rows.owner, np.where(buying, got.traded_kwh, 0.0), n)
        sold = sum_by(rows.owner, np.where(buying, 0.0, got.traded_kwh), n)
        lost = sold * (1.0 / delivered - 1.0)
        away = sold + lost - bought
        if self.mode == "setpoint":
            device_kwh, missing = self.served(plan, plan.able, plan.ranges, device_kwh, away)
        else:  # what was bought in place of an own source may be needed: that source makes up for it
            draw, give = plan.draw_eur_per_kwh, plan.give_eur_per_kwh
            device_kwh, missing = self.balanced(plan.ranges, device_kwh, draw, give, away, firm_only=True)
        return HeatPlan(device_kwh, position_of(self.fleet, device_kwh, bought, sold, lost, missing, got))

    def delivered(self, plan: HeatBids, done: HeatPlan, ranges: Mapping[str, Ranges]) -> HeatPlan:
        """What the devices do when it comes to it: needs and sources may differ from what was forecast, what
        was traded stays.

        Args:
            plan: What the plan was based on.
            done: The plan after the market.
            ranges: What the devices can do now.
        """
        spans, told = {}, {}
        for name, planned in done.device_kwh.items():
            span = ranges[name]
            if span.minimum_kwh is not None:
                span = span.switched(planned != 0.0)
            spans[name] = span
            shift = 0.0 if name in self.sources else span.base_kwh - plan.ranges[name].base_kwh
            told[name] = clipped(planned + shift, span.low_kwh, span.high_kwh)
        was = done.position
        away = was.sold_kwh + was.lost_kwh - was.bought_kwh
        device_kwh, missing = self.served(plan, ranges, spans, told, away)
        return HeatPlan(
            device_kwh,
            replace(
                was,
                net_kwh=self.fleet.total_by_prosumer(device_kwh),
                import_kwh=np.maximum(missing, 0.0),
                export_kwh=np.maximum(-missing, 0.0),
            ),
        )
