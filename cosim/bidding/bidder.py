"""The bidding of a community for one period, carrier after carrier: heat, then the electricity that follows
from it; and what everybody does when it comes to it. The sessions in between are the community's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from cosim.bidding.electricity import ElectricityBidder, ElectricityPlan
from cosim.bidding.fields import Mode, action_fields
from cosim.bidding.heat import HeatBidder
from cosim.bidding.heat_records import Costs, HeatBids, HeatLoop, HeatPlan, Inputs, heat_prices
from cosim.bidding.rows import Bids, by_owner_and_kind
from cosim.bidding.thermal import Curve, Sources, curve_of, heat_at, steps_of
from cosim.core.arrays import FloatArray, IntArray, clipped, sum_by
from cosim.core.carriers import Carrier
from cosim.core.dispatch import Dispatch
from cosim.core.records import Clearing, Prices
from cosim.devices.base import Ranges
from cosim.devices.fleet import Fleet


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a period when it is bid for, and again when it is delivered."""

    ranges: Mapping[str, Ranges]
    """What the devices can do."""
    inputs: Inputs
    """What they draw from other carriers."""
    prices: Prices
    """What the utility asks and pays."""
    gas_eur_per_kwh: FloatArray
    """Shape (n,)."""


@dataclass(frozen=True, slots=True)
class Offers:
    """What is for trade in the electricity market, and what it is based on."""

    ranges: dict[str, Ranges]
    """What the devices on electricity can do, those with a minimum on or off."""
    heat: HeatBids | None
    heat_plan: HeatPlan | None
    sources: Sources | None
    bids: Bids


@dataclass(frozen=True, slots=True)
class Plan:
    """What is contracted for a period."""

    offers: Offers
    electricity: ElectricityPlan
    heat: HeatPlan | None
    """With the sources as the electricity market left them."""
    dispatch: Dispatch
    """What happens if all is as it was forecast."""


class Bidder:
    """Bidding of one community.

    Args:
        fleet: Its devices.
        mode: How actions are read.
        loop: Who may trade heat with whom; None: nobody.
    """

    def __init__(self, fleet: Fleet, mode: Mode, loop: HeatLoop | None = None) -> None:
        self.fleet = fleet
        self.mode: Mode = mode
        self.fields = action_fields(fleet, mode, loop is not None)
        self.heat = HeatBidder(fleet, mode, self.fields, loop) if fleet.of("heat") else None
        sources = self.heat.sources if self.heat is not None else {}
        self._owner = np.concatenate(
            [device.prosumer for device in sources.values()] or [np.zeros(0, np.int64)]
        )
        kinds = {} if self.heat is None else self.heat.kinds
        self._pumped = [
            name for name, device in kinds.items() if "electricity" in device.takes and name not in sources
        ]
        """Kinds for heat that draw electricity but are no sources: what they do is settled with the heat."""
        sizes = {name: len(device) for name, device in sources.items()}
        self._order: IntArray = by_owner_and_kind(self._owner, sizes)
        count = np.bincount(self._owner, minlength=fleet.prosumers)
        self._start = np.concatenate([[0], np.cumsum(count)])
        self._room = steps_of(count if mode == "reservation" else np.zeros_like(count))
        steps = np.repeat(np.arange(fleet.prosumers), np.diff(self._room))
        self.electricity = ElectricityBidder(fleet, mode, self.fields, steps)

    def costs(self, known: Known, action: FloatArray) -> Costs:
        """What heat of each source costs at the electricity price that everybody reckons with."""
        if self.heat is None:
            return Costs({}, {}, {})
        net = self.fleet.total_by_prosumer(
            {name: known.ranges[name].base_kwh for name in self.electricity.kinds}
        )
        expected = self.heat.expected_price(action, net, known.prices)
        return self.heat.costs(known.inputs, known.gas_eur_per_kwh, expected)

    def heat_bids(self, known: Known, action: FloatArray) -> HeatBids | None:
        """Heat for trade; None where nobody has a device for heat."""
        if self.heat is None:
            return None
        prices = heat_prices(known.prices)
        return self.heat.bids(known.ranges, action, prices, self.costs(known, action))

    def offers(
        self,
        known: Known,
        action: FloatArray,
        heat: HeatBids | None,
        clearing: Clearing | None = None,
        chosen: IntArray | None = None,
    ) -> Offers:
        """Electricity for trade, after the heat market.

        Args:
            known: What is known of the period.
            action: Decisions, shape (n, A).
            heat: What was for trade there.
            clearing: Its result; None: no heat was traded.
            chosen: Row of every order in it.
        """
        ranges = self.electricity.switched(known.ranges, action, known.prices)
        plan, sources, curve = None, None, None
        if self.heat is not None and heat is not None:
            plan = self.heat.dispatch(heat, clearing, chosen)
            if len(self._owner):
                sources = self._sources(heat, plan)
                curve = self._curve(sources)
            if self._pumped:
                none, drawn = np.zeros(0), self._drawn_by_pumps(known.inputs, plan)
                curve = Curve(drawn, none, none) if curve is None else curve.beside(drawn)
        bids = self.electricity.bids(ranges, action, known.prices, curve, known.ranges)
        return Offers(ranges, heat, plan, sources, bids)

    def _drawn_by_pumps(self, inputs: Inputs, plan: HeatPlan) -> FloatArray:
        """Electricity of the devices for heat that are no sources, shape (n,)."""
        return self._drawn("electricity", inputs, {name: plan.device_kwh[name] for name in self._pumped})

    def _sources(self, heat: HeatBids, plan: HeatPlan) -> Sources:
        """The heat sources by owner."""

        def column(by_kind: Mapping[str, FloatArray]) -> FloatArray:
            return np.concatenate([by_kind[name] for name in heat.costs.total_eur_per_kwh])[self._order]

        given = column({name: -energy for name, energy in plan.device_kwh.items()})
        least = column({name: -span.high_kwh for name, span in heat.ranges.items()})
        most = column({name: -span.low_kwh for name, span in heat.ranges.items()})
        return Sources(
            self._start,
            self._room,
            given,
            np.minimum(least, given),
            np.maximum(most, given),
            column(heat.costs.other_eur_per_kwh),
            column(heat.costs.electricity),
        )

    def _curve(self, sources: Sources) -> Curve:
        """What the sources draw; in mode `setpoint` as they are set."""
        if self.mode == "reservation":
            return curve_of(sources)
        owner = self._owner[self._order]
        base = sum_by(owner, sources.heat_kwh * sources.electricity, self.fleet.prosumers)
        none = np.zeros(0)
        return Curve(base, none, none)

    def plan(
        self,
        known: Known,
        offers: Offers,
        clearing: Clearing | None = None,
        chosen: IntArray | None = None,
    ) -> Plan:
        """What is contracted after the electricity market; without a clearing: with the utility alone."""
        electricity = self.electricity.dispatch(offers.bids, known.prices, clearing, chosen)
        heat = offers.heat_plan
        if heat is not None and offers.sources is not None and self.mode == "reservation":
            drawn = electricity.thermal_kwh
            if self._pumped:
                drawn = drawn - self._drawn_by_pumps(known.inputs, heat)
            given = heat_at(offers.sources, drawn)
            heat = replace(heat, device_kwh={**heat.device_kwh, **self._by_kind(-given)})
        return Plan(offers, electricity, heat, self._dispatch(known.inputs, electricity, heat))

    def _by_kind(self, by_owner: FloatArray) -> dict[str, FloatArray]:
        """Values of the sources, ordered by owner, back to their kinds."""
        if self.heat is None:
            return {}
        values = np.empty_like(by_owner)
        values[self._order] = by_owner
        sizes = [len(device) for device in self.heat.sources.values()]
        parts = np.split(values, np.cumsum(sizes)[:-1])
        return dict(zip(self.heat.sources, parts, strict=True))

    def _dispatch(self, inputs: Inputs, electricity: ElectricityPlan, heat: HeatPlan | None) -> Dispatch:
        """All devices together."""
        device_kwh = dict(electricity.device_kwh)
        if heat is not None:
            device_kwh |= heat.device_kwh
        drawn = {
            name: taken["electricity"] * device_kwh[name]
            for name, taken in inputs.items()
            if "electricity" in taken
        }
        return Dispatch(
            device_kwh={name: device_kwh[name] for name in self.fleet.kinds},
            electricity_kwh={**electricity.device_kwh, **drawn},
            electricity=electricity.position,
            heat=None if heat is None else heat.position,
            gas_kwh=self._drawn("gas", inputs, device_kwh),
        )

    def _drawn(self, carrier: Carrier, inputs: Inputs, device_kwh: Mapping[str, FloatArray]) -> FloatArray:
        """What everybody's devices of these kinds draw from a carrier as an input, shape (n,)."""
        return self.fleet.total_by_prosumer(
            {
                name: taken[carrier] * device_kwh[name]
                for name, taken in inputs.items()
                if carrier in taken and name in device_kwh
            }
        )

    def delivered(self, plan: Plan, known: Known) -> Dispatch:
        """What happens when it comes to it: what was traded and contracted stays, what differs is imbalance.

        Devices do what was planned, shifted by as much as their need or production differs, as far as they
        can; heat balances (`HeatBidder.delivered`).

        Args:
            plan: What was contracted.
            known: What is known now; its prices play no part.
        """
        device_kwh = {}
        for name, planned in plan.electricity.device_kwh.items():
            span = known.ranges[name]
            if span.minimum_kwh is not None:
                span = span.switched(planned != 0.0)
            shift = span.base_kwh - plan.offers.ranges[name].base_kwh
            device_kwh[name] = clipped(planned + shift, span.low_kwh, span.high_kwh)
        heat = plan.heat
        if self.heat is not None and heat is not None and plan.offers.heat is not None:
            heat = self.heat.delivered(plan.offers.heat, heat, known.ranges)
        sources = {} if heat is None else heat.device_kwh
        thermal = self._drawn("electricity", known.inputs, sources)
        net = self.fleet.total_by_prosumer(device_kwh) + thermal
        was = plan.electricity.position
        position = replace(was, net_kwh=net, imbalance_kwh=net - was.net_kwh)
        return self._dispatch(known.inputs, ElectricityPlan(device_kwh, thermal, position), heat)

    def alone(self, known: Known, action: FloatArray) -> Dispatch:
        """What everybody does with the utility alone."""
        offers = self.offers(known, action, self.heat_bids(known, action))
        return self.plan(known, offers).dispatch
