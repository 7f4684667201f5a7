"""A run as it came, known from its beginning: the outlook of all its periods, made from the scenario alone,
and what a linear programme of it leaves out. It solves nothing and reads no results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from cosim.analysis.end_value import EndPrices
from cosim.community.build import build_community
from cosim.community.community import Community
from cosim.community.foresight import Foresight, known_of
from cosim.core.arrays import FloatArray
from cosim.core.streams import Streams
from cosim.policies.outlook import Outlook, Owned
from cosim.policies.planning.solution import Solution
from cosim.scenario.schema import Scenario
from cosim.settlement.rates import ENERGY, FEED_IN, LONG, SHORT
from cosim.settlement.tariffs import TariffBook

LEAST_SHARE = 1e-4
"""A smaller share of all energy that is bought or imported is rounding of the solver."""


@dataclass(frozen=True)
class Hindsight:
    """All periods of a run, H, of n prosumers, with perfect foresight whatever the scenario's forecast."""

    community: Community
    """In the state in which the run begins."""
    outlook: Outlook
    """Of the real devices and of all periods. `retail - bid_ceiling` is exactly what a purchase costs on top
    of its price; VAT on trades counts at the lowest ask floor of the period."""
    factor: FloatArray
    """A purchase at price p costs `factor p + adder` in all, shape (H, n)."""
    adder: FloatArray
    """[EUR/kWh], shape (H, n)."""
    end: EndPrices
    """Of what the stores hold at the end."""
    notes: tuple[str, ...]
    """What the programme counts otherwise than devices and bills do, one sentence each."""

    def cost_eur(self, found: Solution) -> FloatArray:
        """What a plan costs each prosumer, shape (n,): bills, unserved heat at the scenario's price, less the
        value of what is stored at the end. What prosumers pay each other is left out."""
        cost = found.bills_eur + self.unserved_eur(found.flows_kwh["unserved"].sum(axis=0))
        for kind, owned in self.outlook.devices.items():
            if kind in found.inside_kwh and owned.end_value is not None:
                np.subtract.at(cost, owned.owner, owned.end_value * found.inside_kwh[kind][-1])
        return cost

    def unserved_eur(self, unserved_kwh: FloatArray) -> FloatArray:
        """What heat that was not to be had counts for."""
        return self.community.unserved_eur_per_kwh * unserved_kwh


def hindsight(scenario: Scenario) -> Hindsight:
    """The periods of a scenario as they come.

    Raises:
        InputError: if something of the scenario cannot be used, for example a file that is gone.
    """
    community = build_community(scenario, scenario.horizon.clock(), Streams(scenario.seed))
    end = EndPrices.of(community)
    retail, feed_in, factor, adder, gas = _prices(community)
    floor = feed_in.min(axis=1, keepdims=True, initial=np.inf)
    outlook = replace(
        _outlook(community),
        retail=retail,
        feed_in=feed_in,
        ask_floor=feed_in,
        bid_ceiling=retail - (adder + (factor - 1.0) * np.maximum(floor, 0.0)),
        gas_price=gas,
    )
    kinds = community.fleet.kinds
    devices = {
        kind: replace(_producing(owned, feed_in), end_value=end.of_device(kinds[kind]))
        for kind, owned in outlook.devices.items()
    }
    notes = (*_relaxed(community), *_tariff_notes(community.tariffs, factor), *_gate_notes(scenario))
    return Hindsight(community, replace(outlook, devices=devices), factor, adder, end, notes)


def plan_notes(found: Solution) -> Iterator[str]:
    """What a plan does that no device or bill would let it do."""
    flows = found.flows_kwh
    rounding_kwh = LEAST_SHARE * float(flows["import"].sum() + flows["bought"].sum())
    if found.at_once_kwh > rounding_kwh:
        yield f"relaxed: {found.at_once_kwh:.4g} kWh are charged and discharged at once by the same store"
    if found.outside_kwh > rounding_kwh:
        yield f"{found.outside_kwh:.4g} kWh lie outside the windows of devices, for nothing"
    passed_on = np.minimum(flows["import"], flows["sold"]) + np.minimum(flows["export"], flows["bought"])
    if passed_on.sum() > rounding_kwh:
        yield (
            f"approximated: {passed_on.sum():.4g} kWh pass through a prosumer from utility to neighbours: "
            "charges on them count in full, a bill follows the meter"
        )


def _outlook(community: Community) -> Outlook:
    """Of all periods, over the real devices. Its prices are those of a planner: a day that comes again."""
    clock, known = community.clock, community.outlooks
    foresight = Foresight(community.fleet, None, community.foresight.ticks_per_period, 0)
    outlooks = replace(known, foresight=foresight)
    period = clock.period(0)
    now = known_of(community.fleet, community.state, period, community.tariffs)
    return outlooks.of(community.state, now, period, community.memory, clock.periods * clock.hours)


def _producing(owned: Owned, feed_in: FloatArray) -> Owned:
    """Plants produce what they can where feeding in costs nothing: no plan gains by curtailing there, and a
    programme with less to decide is quicker."""
    if owned.role != "generation":
        return owned
    envelope = owned.envelope
    high = np.where(feed_in[:, owned.owner] >= 0.0, envelope.low_kwh, envelope.high_kwh)
    return replace(owned, envelope=replace(envelope, high_kwh=high))


def _prices(community: Community) -> tuple[FloatArray, ...]:
    """Retail, feed-in, trade factor, trade adder and gas price of all periods, shape (H, n) each."""
    tariffs, rows = community.tariffs, []
    for index in range(community.clock.periods):
        each, gas = tariffs.prices(index), tariffs.known_gas_price(index)
        now = (each.retail_eur_per_kwh, each.feed_in_eur_per_kwh)
        rows.append([*now, each.trade_factor, each.trade_adder_eur_per_kwh, gas])
    return tuple(np.array(rows).transpose(1, 0, 2))


def _relaxed(community: Community) -> Iterator[str]:
    for kind, device in community.fleet.kinds.items():
        yield from (f"relaxed: {kind}: {what}" for what in device.relaxed())


def _tariff_notes(tariffs: TariffBook, factor: FloatArray) -> Iterator[str]:
    used = np.unique(tariffs.tariff_of_prosumer)
    rates = tariffs.rates.table[:, used]
    if (factor > 1.0).any():
        yield (
            "approximated: VAT on trades depends on their prices; it counts at the lowest feed-in price, "
            "which no trade is below"
        )
    if (rates[..., SHORT] < rates[..., ENERGY]).any() or (rates[..., LONG] > rates[..., FEED_IN]).any():
        yield (
            "imbalance is at times cheaper than the utility: the optimum keeps its contracts, and a run that "
            "breaks them may cost less"
        )
    if (tariffs.rates.feed_in[:, used] > tariffs.rates.retail[:, used]).any():
        yield "feed-in exceeds retail at times: buying in order to sell back is left out"


def _gate_notes(scenario: Scenario) -> Iterator[str]:
    if scenario.market.gate_closure:
        yield (
            f"the run trades nothing in its first {scenario.market.gate_closure} periods, whose gates closed "
            "before it began; the optimum does"
        )
