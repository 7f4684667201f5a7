"""Decisions and device ranges -> heat for trade; fills -> what every device for heat does. There is no
utility for heat: whatever is traded, each prosumer's heat balances. Both bidding modes:

- `reservation`: each prosumer first plans for itself (its cheapest sources meet its need and fill its stores
  up to what stored heat is worth), then offers what its sources could give beyond that, and asks for what
  they give, each at the cost of the source: so what is bought is cheaper than the cheapest other source of
  that heat, and what is sold dearer than the one that makes it. What a source costs follows from the price of
  gas and from the price of electricity that the prosumer expects.
- `setpoint`: actions set sources and stores; the rest of the need is one order a prosumer. What the market
  leaves of it the sources make up for.

On the way to the buyer a share of the heat is lost: the market trades what is delivered, the seller gives
more. Heat that is needed and not to be had is counted as imported (unserved), heat that nobody can take as
exported (dumped)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from cosim.bidding import quoting
from cosim.bidding.commitment import DUST_KWH, HeatDevices, either, only, switched_on
from cosim.bidding.electricity import value_of
from cosim.bidding.fields import EXPECTED_PRICE, Mode, action_columns, column_of, decided
from cosim.bidding.heat_balance import balance
from cosim.bidding.heat_records import Costs, HeatBids, HeatLoop, HeatPlan, Inputs, costs_of, position_of
from cosim.bidding.rows import Bids, Rows, by_owner_and_kind
from cosim.core.arrays import BoolArray, FloatArray, IntArray, clipped, sum_by
from cosim.core.records import BUY, SELL, Clearing, Field, Orders, Prices
from cosim.devices.base import Ranges
from cosim.devices.fleet import Fleet

FIRST_EUR_PER_KWH = 1e6
"""Price at which need comes before everything and surplus goes before everything."""
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
        self._columns = {
            name: action_columns(fields, device, mode)
            for name, device in self.kinds.items()
            if decided(device, mode)
        }
        self._expected = column_of(fields, EXPECTED_PRICE.name)
        self._owner: IntArray = np.concatenate([device.prosumer for device in self.kinds.values()])
        owner = self._owner
        sizes = {name: len(device) for name, device in self.kinds.items()}
        self._order = by_owner_and_kind(owner, sizes)
        self._start = np.searchsorted(np.sort(owner), np.arange(fleet.prosumers + 1))
        self.rows = Rows.by_side(fleet.prosumers, owner)
        self._up, self._down = self.rows.up[""], self.rows.down[""]
        ends = np.cumsum(list(sizes.values())).tolist()
        self._parts = {
            name: slice(end - size, end) for (name, size), end in zip(sizes.items(), ends, strict=True)
        }
        """Kind -> where its devices are among all."""
        none = np.zeros(len(self.rows.owner))
        self._nothing = Bids(self.rows.side, none, none, none, none, {}, none[: fleet.prosumers])
        self._makes_heat = np.repeat([name in self.sources for name in sizes], list(sizes.values()))

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
        able = self._joined(ranges)
        if self.mode == "setpoint":
            return self._by_setpoint(ranges, able, action, prices, costs)
        draw, give = self._worth(costs, self.values(action, prices))
        span = self._switched(able, draw, give)
        alone, missing = self._balanced(span, span.base_kwh, draw, give, np.zeros(self.fleet.prosumers))
        made = HeatBids(self._parts, able, span, costs, draw, give, alone, missing, self._nothing)
        return made if self.loop is None else replace(made, bids=self._around(made, prices))

    def _by_setpoint(
        self,
        ranges: Mapping[str, Ranges],
        able: Ranges,
        action: FloatArray,
        prices: Prices,
        costs: Costs,
    ) -> HeatBids:
        """All heat devices as their actions say; what is missing is for trade."""
        draw, give = self._worth(costs, {})
        told = np.concatenate(
            [
                device.setpoint(ranges[name], action[device.prosumer, self._columns[name]])
                if name in self._columns
                else ranges[name].base_kwh
                for name, device in self.kinds.items()
            ]
        )
        span = able if able.minimum_kwh is None else able.switched(np.abs(told) >= 0.5 * able.minimum_kwh)
        alone = clipped(told, span.low_kwh, span.high_kwh)
        missing = sum_by(self._owner, alone, self.fleet.prosumers)
        made = HeatBids(self._parts, able, span, costs, draw, give, alone, missing, self._nothing)
        return made if self.loop is None else replace(made, bids=self._firm(made, prices))

    def _worth(self, costs: Costs, values: Mapping[str, FloatArray]) -> tuple[FloatArray, FloatArray]:
        """What drawing more is worth and giving more costs, shape (d,); what is not valued is moved last."""
        draw, give = np.empty(len(self._owner)), np.empty(len(self._owner))
        for name, device in self.kinds.items():
            part = self._parts[name]
            if name in costs.total_eur_per_kwh:
                draw[part] = give[part] = costs.total_eur_per_kwh[name]
            elif name not in values and device.flexible:
                draw[part], give[part] = -LAST_EUR_PER_KWH, LAST_EUR_PER_KWH
            else:
                value = values[name] if name in values else np.zeros(len(device))
                draw[part], give[part] = device.reservation(value)
        return np.minimum(draw, give), give

    def _joined(self, ranges: Mapping[str, Ranges]) -> Ranges:
        """Ranges of all devices, kind after kind."""
        spans = [ranges[name] for name in self.kinds]
        minimum = None
        if any(span.minimum_kwh is not None for span in spans):
            minimum = np.concatenate(
                [np.zeros_like(one.low_kwh) if one.minimum_kwh is None else one.minimum_kwh for one in spans]
            )
        return Ranges(
            np.concatenate([span.low_kwh for span in spans]),
            np.concatenate([span.base_kwh for span in spans]),
            np.concatenate([span.high_kwh for span in spans]),
            minimum,
        )

    def _switched(self, able: Ranges, draw: FloatArray, give: FloatArray) -> Ranges:
        """Ranges in which it is settled which sources are on; see `commitment`."""
        if able.minimum_kwh is None:
            return able
        devices = HeatDevices.of(able, self._makes_heat, draw, give)
        return able.switched(switched_on(devices, self._order, self._start))

    def _balanced(
        self,
        span: Ranges,
        planned_kwh: FloatArray,
        draw: FloatArray,
        give: FloatArray,
        given_away_kwh: FloatArray,
        firm_only: bool = False,
    ) -> tuple[FloatArray, FloatArray]:
        """What the devices do once each prosumer's heat balances, shape (d,), and what is missing even so
        (negative: left over), shape (n,).

        Args:
            span: What they can do.
            planned_kwh: What they would do.
            draw: What drawing more is worth.
            give: What giving more costs.
            given_away_kwh: Net heat that goes to others, shape (n,).
            firm_only: Move devices only as far as the balance needs it.
        """
        energy, missing = planned_kwh.copy(), np.empty(self.fleet.prosumers)
        low, high = span.low_kwh, span.high_kwh
        balance(self._order, self._start, low, high, draw, give, given_away_kwh, firm_only, energy, missing)
        return energy, missing

    def _served(
        self,
        plan: HeatBids,
        able: Ranges,
        span: Ranges,
        told_kwh: FloatArray,
        given_away_kwh: FloatArray,
    ) -> tuple[FloatArray, FloatArray]:
        """Devices that do what they are told but for what the balance needs, and what is missing even so;
        before anybody is cold, sources come on that were off.

        Args:
            plan: For what drawing is worth and giving costs.
            able: What the devices can do.
            span: The same with sources on or off.
            told_kwh: What they are told.
            given_away_kwh: Net heat that goes to others, shape (n,).
        """
        if self.mode == "setpoint":
            span = self._called(plan, able, span, told_kwh, given_away_kwh)
            told_kwh = clipped(told_kwh, span.low_kwh, span.high_kwh)
        done, missing = self._balanced(span, told_kwh, plan.draw, plan.give, given_away_kwh, firm_only=True)
        if not (missing > DUST_KWH).any():
            return done, missing
        off = self._makes_heat & (span.low_kwh == 0.0) & (span.high_kwh == 0.0)
        if not off.any():
            return done, missing
        resort = HeatDevices.of(only(able, off), self._makes_heat, plan.draw, plan.give)
        on = switched_on(resort, self._order, self._start, np.maximum(missing, 0.0))
        on &= missing[self._owner] > DUST_KWH
        span = either(self._makes_heat, able.switched(on | ~off), span)
        told = clipped(told_kwh, span.low_kwh, span.high_kwh)
        return self._balanced(span, told, plan.draw, plan.give, given_away_kwh, firm_only=True)

    def _called(
        self, plan: HeatBids, able: Ranges, span: Ranges, told_kwh: FloatArray, given_away_kwh: FloatArray
    ) -> Ranges:
        """Sources that come on for what is lacking, cheapest first: a pump that is off before a heater that
        needs no minimum. Arguments: see `served`."""
        off = self._makes_heat & (span.low_kwh == 0.0) & (span.high_kwh == 0.0)
        lacking = given_away_kwh + sum_by(self._owner, told_kwh, self.fleet.prosumers)
        if not (off.any() and (lacking > DUST_KWH).any()):
            return span
        none = np.zeros(len(off))
        least = none if able.minimum_kwh is None else np.where(off, able.minimum_kwh, 0.0)
        more = Ranges(np.where(off, able.low_kwh, span.low_kwh - told_kwh), none, none, least)
        rest = HeatDevices.of(only(more, self._makes_heat), self._makes_heat, plan.draw, plan.give)
        on = switched_on(rest, self._order, self._start, np.maximum(lacking, 0.0))
        return either(self._makes_heat, able.switched(on | ~off), span)

    def _by_kind(self, flat: FloatArray) -> dict[str, FloatArray]:
        """Values of all devices, by kind."""
        return {name: flat[part] for name, part in self._parts.items()}

    def _around(self, plan: HeatBids, prices: Prices) -> Bids:
        """Bids around what everybody would do alone."""
        quantity, reservation = np.empty(len(self.rows.owner)), np.empty(len(self.rows.owner))
        quantity[self._up] = np.maximum(plan.span.high_kwh - plan.alone, 0.0)
        quantity[self._down] = np.maximum(plan.alone - plan.span.low_kwh, 0.0)
        reservation[self._up], reservation[self._down] = plan.draw, plan.give
        firm = np.where(plan.missing_kwh >= 0.0, FIRST_EUR_PER_KWH, 0.0)
        return self._rows_of(quantity, reservation, firm, plan.missing_kwh, prices)

    def _firm(self, plan: HeatBids, prices: Prices) -> Bids:
        """One order a prosumer: what is missing, at the cost of the cheapest own source that could give more;
        what is left over, at the cost of the dearest that could give less."""
        n = self.fleet.prosumers
        dearest, cheapest = np.zeros(n), np.full(n, FIRST_EUR_PER_KWH)
        more = self._makes_heat & (plan.alone > plan.able.low_kwh)
        less = self._makes_heat & (plan.alone < plan.span.high_kwh)
        np.minimum.at(cheapest, self._owner[more], plan.give[more])
        np.maximum.at(dearest, self._owner[less], plan.give[less])
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
        traded = clearing is not None and bool((clearing.traded_kwh + clearing.internal_kwh).any())
        if not traded:
            none = np.zeros(n)
            bought = sold = lost = none
            got = quoting.Fills(none, none, none, none)
            energy, missing = plan.alone, plan.missing_kwh
        else:
            got = quoting.fills(rows, plan.bids, clearing, chosen)
            buying = plan.bids.side == BUY
            delivered = 1.0 - (self.loop.loss_factor if self.loop is not None else 0.0)
            # An internal transfer stays in the house: nothing is lost, the seller's side gives what is taken.
            moved = got.traded_kwh * np.where(buying, 1.0, 1.0 / delivered) + got.internal_kwh
            energy = plan.alone + moved[self._up] - moved[self._down]
            bought = sum_by(rows.owner, np.where(buying, got.traded_kwh, 0.0), n)
            sold = sum_by(rows.owner, np.where(buying, 0.0, got.traded_kwh), n)
            lost = sold * (1.0 / delivered - 1.0)
        away = sold + lost - bought
        if self.mode == "setpoint":
            energy, missing = self._served(plan, plan.able, plan.span, energy, away)
        elif traded:  # what was bought in place of an own source may be needed: it makes up
            energy, missing = self._balanced(plan.span, energy, plan.draw, plan.give, away, firm_only=True)
        device_kwh = self._by_kind(energy)
        return HeatPlan(device_kwh, position_of(self.fleet, device_kwh, bought, sold, lost, missing, got))

    def delivered(self, plan: HeatBids, done: HeatPlan, ranges: Mapping[str, Ranges]) -> HeatPlan:
        """What the devices do when it comes to it: needs and sources may differ from what was forecast, what
        was traded stays.

        Args:
            plan: What the plan was based on.
            done: The plan after the market.
            ranges: What the devices can do now.
        """
        able = self._joined(ranges)
        planned = np.concatenate([done.device_kwh[name] for name in self.kinds])
        span = able if able.minimum_kwh is None else able.switched(planned != 0.0)
        shift = np.where(self._makes_heat, 0.0, able.base_kwh - plan.span.base_kwh)
        told = clipped(planned + shift, span.low_kwh, span.high_kwh)
        was = done.position
        away = was.sold_kwh + was.lost_kwh - was.bought_kwh
        energy, missing = self._served(plan, able, span, told, away)
        device_kwh = self._by_kind(energy)
        return HeatPlan(
            device_kwh,
            replace(
                was,
                net_kwh=self.fleet.total_by_prosumer(device_kwh),
                import_kwh=np.maximum(missing, 0.0),
                export_kwh=np.maximum(-missing, 0.0),
            ),
        )
