"""Heat and the electricity that follows from it: figures computed by hand, in periods of an hour.

A CHP (0.6 heat, 0.3 electricity, gas at 0.09) makes heat for 0.15 less half the price of electricity; a
boiler of 0.75 makes it for 0.12; a heating rod of efficiency 1 for the price of electricity, 0.10 to 0.30.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from cosim.bidding import quoting
from cosim.bidding.bidder import Bidder, Known, Plan
from cosim.bidding.fields import Mode, action_fields
from cosim.bidding.heat_records import HeatBids, HeatLoop, heat_prices, quote_band, usual_costs
from cosim.bidding.observation import Observer
from cosim.core.records import BUY, SELL, Band
from cosim.devices.fleet import Fleet
from cosim.market.registry import create

CHP = {
    "max_heat_kw": 6,
    "minimum_load": 0.0,
    "ramp_per_minute": 1.0,
    "electrical_efficiency": 0.3,
    "thermal_efficiency": 0.6,
}
BOILER = {"max_heat_kw": 15, "efficiency": 0.75}
ROD = {"max_kw": 2, "efficiency": 1.0}
STORE = {"capacity_kwh": 10, "initial_soc": 0.2, "loss_per_hour": 0.0}


Devices = Mapping[str, Sequence[tuple[int, Mapping[str, Any]]]]
"""Kind -> who has one, and its settings."""


@dataclass
class Street:
    """Some homes, what they need, and one period of trade among them."""

    kit: Any
    load: Sequence[float]
    heat: Sequence[float]
    devices: Devices
    mode: Mode = "reservation"
    loss: float = 0.25
    capacity: float = 1e9
    sun: float = 0.0
    bidder: Bidder = field(init=False)
    known: Known = field(init=False)

    def __post_init__(self) -> None:
        clock = self.kit.clock(periods=4)
        site = self.kit.site(clock, {"load": [self.load], "heat_demand": [self.heat], "pv": [[self.sun]]})
        requests = {
            "load": [self.kit.request("load", {}, prosumer=range(self.n))],
            "heat_demand": [self.kit.request("heat_demand", {}, prosumer=range(self.n))],
        } | {
            kind: [self.kit.request(kind, config, prosumer=(who,)) for who, config in asked]
            for kind, asked in self.devices.items()
        }
        fleet: Fleet = self.kit.fleet(requests, site, self.n)
        loop = HeatLoop(np.ones(self.n, dtype=bool), self.loss, self.capacity)
        self.bidder = Bidder(fleet, self.mode, loop)
        state, period = fleet.initial_state(), clock.period(0)
        self.known = Known(
            fleet.ranges(state, period),
            fleet.inputs(state, period),
            self.kit.prices(self.n, retail=0.30, feed_in=0.10),
            np.full(self.n, 0.09),
        )

    @property
    def n(self) -> int:
        return len(self.load)

    def action(self, **fields: float | Sequence[float]) -> np.ndarray:
        """Truthful margins, an expected price in the middle; `fields` by name, with _ for the dot."""
        action = np.zeros((self.n, len(self.bidder.fields)))
        for column, item in enumerate(self.bidder.fields):
            if item.name.endswith("margin"):
                action[:, column] = -1.0
            action[:, column] = fields.get(item.name.replace(".", "_"), action[:, column])
        return action

    def heat_bids(self, **fields: float | Sequence[float]) -> HeatBids:
        bids = self.bidder.heat_bids(self.known, self.action(**fields))
        assert bids is not None
        return bids

    def traded(self, **fields: float | Sequence[float]) -> Plan:
        """Both markets at midpoint prices."""
        action, bidder = self.action(**fields), self.bidder
        heat, everybody = self.heat_bids(**fields), np.ones(self.n, dtype=bool)
        assert bidder.heat is not None
        prices = heat_prices(self.known.prices)
        band = quote_band(self.known.prices, self.known.gas_eur_per_kwh)
        quote = quoting.quotes(bidder.heat.rows, heat.bids, action[:, 2:4], band)
        offers = bidder.offers(
            self.known, action, heat, *cleared(*bidder.heat.orders(heat.bids, quote, prices, everybody))
        )
        quote = bidder.electricity.quotes(offers.bids, action[:, :2], self.known.prices)
        orders = bidder.electricity.orders(offers.bids, quote, self.known.prices, everybody)
        return bidder.plan(self.known, offers, *cleared(*orders))


def cleared(orders: Any, rows: Any) -> Any:
    session = create(price="midpoint").open(orders, np.random.default_rng(1), Band(0.0, 1.0))
    session.advance()
    return session.close(), rows


def two(kit: Any, **changes: Any) -> Street:
    """0 has a CHP and needs 2 kWh of heat, 1 a boiler and needs 3."""
    devices = {"chp": [(0, CHP)], "boiler": [(1, BOILER)]}
    return Street(kit, (1.0, 1.0), (2.0, 3.0), devices, **changes)


def test_fields_with_heat(kit: Any) -> None:
    devices = {"chp": [(0, CHP)], "heat_store": [(0, STORE), (0, STORE)]}
    street = Street(kit, (1.0,), (2.0,), devices)
    margins = ["bid_margin", "ask_margin", "heat_bid_margin", "heat_ask_margin"]
    names = [field.name for field in street.bidder.fields]
    assert names == [*margins, "expected_price", "heat_store.value", "heat_store_2.value"]
    names = [field.name for field in Street(kit, (1.0,), (2.0,), devices, "setpoint").bidder.fields]
    assert names == [*margins, "chp.setpoint", "heat_store.setpoint", "heat_store_2.setpoint"]
    alone = [field.name for field in action_fields(street.bidder.fleet, "reservation")]
    assert alone == ["bid_margin", "ask_margin", "expected_price", "heat_store.value", "heat_store_2.value"]


def test_what_is_for_trade_by_hand(kit: Any) -> None:
    """At 0.20 a kWh of electricity the CHP's heat costs 0.05, 0.0667 with a quarter lost on the way."""
    street = two(kit)
    made, heat = street.heat_bids(), street.bidder.heat
    assert heat is not None
    assert made.costs.total_eur_per_kwh["chp"] == pytest.approx([0.05])
    assert made.costs.total_eur_per_kwh["boiler"] == pytest.approx([0.12])
    assert made.alone_kwh["chp"] == pytest.approx([-2.0]) and made.alone_kwh["boiler"] == pytest.approx(
        [-3.0]
    )
    expected = {
        ("chp", "up"): (BUY, 2.0, 0.05),
        ("chp", "down"): (SELL, 3.0, 0.05 / 0.75),
        ("boiler", "up"): (BUY, 3.0, 0.12),
        ("boiler", "down"): (SELL, 9.0, 0.16),
    }
    for (kind, direction), (side, kwh, price) in expected.items():
        row = getattr(heat.rows, direction)[""].start + made.parts[kind].start
        found = made.bids.side[row], made.bids.quantity_kwh[row], made.bids.limit_price_eur_per_kwh[row]
        assert found == pytest.approx((side, kwh, price), abs=1e-8), (kind, direction)
    assert not made.bids.quantity_kwh[:2].any(), "nothing is firm: both could do it alone"


@pytest.mark.parametrize(
    ("expected_price", "cost"), [(-1.0, 0.10), (0.0, 0.05), (1.0, 0.0)], ids=["feed-in", "middle", "retail"]
)
def test_heat_of_a_chp_costs_less_the_more_its_electricity_is_worth(
    kit: Any, expected_price: float, cost: float
) -> None:
    made = two(kit).heat_bids(expected_price=expected_price)
    assert made.costs.total_eur_per_kwh["chp"] == pytest.approx([cost])
    assert made.costs.total_eur_per_kwh["boiler"] == pytest.approx([0.12]), "no electricity in it"


def test_a_chp_heats_the_neighbour_by_hand(kit: Any) -> None:
    """The boiler would pay 0.12 for 3 kWh, the CHP gives 4 of which 3 arrive, for 0.0667 each: at 0.0933. It
    then gives 6 kWh of heat, 3 of electricity: 1 for itself, 1 for the other at 0.20, 1 for the utility."""
    plan = two(kit).traded()
    heat, electricity = plan.dispatch.heat, plan.dispatch.electricity
    assert heat is not None
    assert plan.dispatch.device_kwh["chp"] == pytest.approx([-6.0])
    assert plan.dispatch.device_kwh["boiler"] == pytest.approx([0.0])
    assert heat.sold_kwh == pytest.approx([3.0, 0.0]) and heat.bought_kwh == pytest.approx([0.0, 3.0])
    assert heat.lost_kwh == pytest.approx([1.0, 0.0]) and heat.net_kwh == pytest.approx([-4.0, 3.0])
    price = 0.5 * (0.12 + 0.05 / 0.75)
    assert heat.trade_cost_eur == pytest.approx([-3.0 * price, 3.0 * price])
    assert not heat.import_kwh.any() and not heat.export_kwh.any()
    assert plan.dispatch.gas_kwh == pytest.approx([10.0, 0.0])
    assert electricity.net_kwh == pytest.approx([-2.0, 1.0])
    assert electricity.sold_kwh == pytest.approx([1.0, 0.0])
    assert electricity.export_kwh == pytest.approx([1.0, 0.0])
    assert electricity.trade_cost_eur == pytest.approx([-0.2, 0.2])


def test_the_pipe_bounds_what_is_traded(kit: Any) -> None:
    plan = two(kit, capacity=1.5).traded()
    assert plan.dispatch.heat is not None
    assert plan.dispatch.heat.bought_kwh == pytest.approx([0.0, 1.5])
    assert plan.dispatch.device_kwh["chp"] == pytest.approx([-4.0])
    assert plan.dispatch.device_kwh["boiler"] == pytest.approx([-1.5])


def test_losses_may_eat_up_the_gain(kit: Any) -> None:
    """With 60 % lost the CHP's heat costs 0.125 at the neighbour's, more than its own."""
    plan = two(kit, loss=0.6).traded()
    assert plan.dispatch.heat is not None and not plan.dispatch.heat.bought_kwh.any()


def test_who_has_no_source_pays_direct_heating_at_most(kit: Any) -> None:
    """Nobody sells: all is missing. The CHP sells: between its cost and that of the utility's electricity."""
    alone = Street(kit, (1.0,), (3.0,), {}).traded()
    assert alone.dispatch.heat is not None
    assert alone.dispatch.heat.import_kwh == pytest.approx([3.0])
    plan = Street(kit, (1.0, 1.0), (2.0, 3.0), {"chp": [(0, CHP)]}).traded()
    heat = plan.dispatch.heat
    assert heat is not None and not heat.import_kwh.any()
    assert heat.trade_cost_eur[1] == pytest.approx(3.0 * 0.5 * (0.30 + 0.05 / 0.75))


def test_a_boiler_gives_way_to_cheap_electricity(kit: Any) -> None:
    """The rod is dear at retail, so the boiler would run; the neighbour's sun at 0.11 is cheaper than gas,
    and the rod takes all it can."""
    street = Street(
        kit,
        (0.0, 0.0),
        (3.0, 0.0),
        {"boiler": [(0, BOILER)], "electric_heater": [(0, ROD)], "pv": [(1, {"peak_kw": 5})]},
        sun=1.0,
    )
    plan = street.traded(expected_price=1.0)
    assert plan.offers.heat is not None and plan.offers.heat.alone_kwh["boiler"] == pytest.approx([-3.0])
    assert plan.dispatch.device_kwh["electric_heater"] == pytest.approx([-2.0])
    assert plan.dispatch.device_kwh["boiler"] == pytest.approx([-1.0])
    electricity = plan.dispatch.electricity
    assert electricity.bought_kwh == pytest.approx([2.0, 0.0])
    assert electricity.trade_cost_eur == pytest.approx([0.22, -0.22], abs=1e-8), "between 0.10 and 0.12"
    assert electricity.export_kwh == pytest.approx([0.0, 3.0])
    assert plan.dispatch.gas_kwh == pytest.approx([1.0 / 0.75, 0.0])


def test_a_chp_gives_way_to_the_boiler_where_electricity_is_cheap(kit: Any) -> None:
    """Own sun covers the load: its electricity is worth the feed-in price of 0.10; at 0.06 it were even."""
    devices: Devices = {"boiler": [(0, BOILER)], "chp": [(0, CHP)], "pv": [(0, {"peak_kw": 5})]}
    plan = Street(kit, (1.0,), (3.0,), devices, sun=1.0).traded()
    assert plan.dispatch.device_kwh["chp"] == pytest.approx([-3.0])
    assert plan.dispatch.electricity.export_kwh == pytest.approx([5.5])
    dear = Street(kit, (1.0,), (3.0,), {**devices, "boiler": [(0, {**BOILER, "efficiency": 0.96})]}, sun=1.0)
    # Now the boiler costs 0.09375, and the CHP is worth it from 0.1125 on.
    plan = dear.traded()
    assert plan.dispatch.device_kwh["chp"] == pytest.approx([0.0])
    assert plan.dispatch.electricity.export_kwh == pytest.approx([4.0])


def test_stores_fill_up_to_what_heat_is_worth(kit: Any) -> None:
    """A store of 10 kWh holds 2. Heat worth 0.15 (action 0): the boiler fills it at 0.12. Worth nothing: it
    is emptied first."""
    street = Street(kit, (1.0,), (3.0,), {"boiler": [(0, BOILER)], "heat_store": [(0, STORE)]})
    made = street.heat_bids(heat_store_value=0.0)
    assert made.alone_kwh["heat_store"] == pytest.approx([8.0])
    assert made.alone_kwh["boiler"] == pytest.approx([-11.0])
    made = street.heat_bids(heat_store_value=-1.0)
    assert made.alone_kwh["heat_store"] == pytest.approx([-2.0])
    assert made.alone_kwh["boiler"] == pytest.approx([-1.0])


MINIMUM = {"chp": [(0, {**CHP, "minimum_load": 0.5})]}
"""Off, or 3 to 6 kWh."""


@pytest.mark.parametrize(
    ("heat", "told", "chp", "missing"),
    [
        (2.0, -1.0, -3.0, -1.0),  # told to be off; nobody helps: on, and 1 kWh is too much
        (0.0, -1.0, 0.0, 0.0),
        (4.0, 0.0, -4.0, 0.0),  # told 3
        (2.0, 0.0, -3.0, -1.0),
        (2.0, -0.6, -3.0, -1.0),  # told 1.2, which is off
        (0.0, -0.4, -3.0, -3.0),  # told 1.8, which is on
        (8.0, 1.0, -6.0, 2.0),
    ],
)
def test_setpoints_by_hand(kit: Any, heat: float, told: float, chp: float, missing: float) -> None:
    plan = Street(kit, (1.0,), (heat,), MINIMUM, "setpoint").traded(chp_setpoint=told)
    found = plan.dispatch.heat
    assert found is not None and plan.dispatch.device_kwh["chp"] == pytest.approx([chp])
    assert found.import_kwh - found.export_kwh == pytest.approx([missing], abs=1e-9)


@pytest.mark.parametrize(
    ("heat", "chp", "rod"), [(4.0, -4.0, 0.0), (2.0, -3.0, 0.0), (8.0, -6.0, -2.0), (0.0, 0.0, 0.0)]
)
def test_the_cheapest_comes_on_first_although_it_has_a_minimum(
    kit: Any, heat: float, chp: float, rod: float
) -> None:
    """Both told to be off. Heat of the CHP (3 kWh at least) costs less than that of the rod, which needs no
    minimum, so that nobody would be cold without the CHP."""
    devices = {"chp": [(0, {**CHP, "minimum_load": 0.5})], "electric_heater": [(0, {**ROD, "max_kw": 10})]}
    street = Street(kit, (1.0,), (heat,), devices, "setpoint")
    done = street.traded(chp_setpoint=-1.0, electric_heater_setpoint=-1.0).dispatch.device_kwh
    assert done["chp"] == pytest.approx([chp]) and done["electric_heater"] == pytest.approx([rod])


def test_what_is_told_stays_if_a_neighbour_helps(kit: Any) -> None:
    """Told to be off, it asks for 2 kWh at what its own heat would cost; a cheaper CHP sells them."""
    cheap = {**CHP, "thermal_efficiency": 0.68, "electrical_efficiency": 0.32}
    devices = {"chp": [(0, {**CHP, "minimum_load": 0.5}), (1, cheap)]}
    street = Street(kit, (1.0, 1.0), (2.0, 1.0), devices, "setpoint", loss=0.0)
    made = street.heat_bids(chp_setpoint=[-1.0, 0.0])
    assert made.missing_kwh == pytest.approx([2.0, -2.0])
    # Whoever lacks electricity reckons with retail: 0.15 - 0.15 = 0 and 0.1324 - 0.1412 < 0.
    assert made.bids.limit_price_eur_per_kwh[:2] == pytest.approx([0.0, 0.0], abs=1e-12)
    plan = street.traded(chp_setpoint=[-1.0, 0.0])
    assert plan.dispatch.heat is not None
    assert plan.dispatch.heat.bought_kwh == pytest.approx([2.0, 0.0])
    assert plan.dispatch.device_kwh["chp"] == pytest.approx([0.0, -3.0])


def test_what_is_bought_serves_the_need_before_it_replaces_a_source(kit: Any) -> None:
    """A boiler of 2 kWh cannot meet a need of 3. It asks for the kWh that is missing and for the 2 that it
    makes; of what it gets, nothing is lacking in the end."""
    devices = {"chp": [(0, CHP)], "boiler": [(1, {**BOILER, "max_heat_kw": 2})]}
    for capacity in (0.5, 1.0, 2.0, 3.0):
        plan = Street(kit, (1.0, 1.0), (2.0, 3.0), devices, capacity=capacity).traded()
        heat = plan.dispatch.heat
        assert heat is not None and heat.bought_kwh == pytest.approx([0.0, capacity])
        assert heat.import_kwh == pytest.approx([0.0, max(1.0 - capacity, 0.0)], abs=1e-9)
        assert plan.dispatch.device_kwh["boiler"] == pytest.approx([-min(2.0, 3.0 - capacity)])


def test_what_is_observed_of_heat_by_hand(kit: Any) -> None:
    """Need, cost of own heat with electricity at 0.10 and at 0.30, gas; the third has no source."""
    street = Street(kit, (1.0,) * 3, (2.0, 3.0, 4.0), {"chp": [(0, CHP)], "boiler": [(1, BOILER)]})
    fleet = street.bidder.fleet
    observer = Observer(fleet)
    period = next(iter(fleet.kinds.values())).site.clock.period(0)
    seen = observer.observe(fleet.initial_state(), period, street.known, np.full(3, 0.3))
    names = [item.name for item in observer.fields]
    expected = {
        "net_forecast_kwh": (1.0, 1.0, 1.0),
        "heat_need_kwh": (2.0, 3.0, 4.0),
        "heat_cost_low": (0.10, 0.12, 0.30),
        "heat_cost_high": (0.0, 0.12, 0.30),
        "gas_price": (0.09, 0.09, 0.09),
        "chp.max_heat_kwh": (6.0, 0.0, 0.0),
        "boiler.max_heat_kwh": (0.0, 15.0, 0.0),
    }
    for name, values in expected.items():
        assert seen[:, names.index(name)] == pytest.approx(values, abs=1e-12), name


@pytest.mark.parametrize(
    ("retail", "feed_in", "gas", "low", "high"),
    [
        (0.30, 0.08, 0.09, 0.02, 0.10),  # a heat pump from surplus, a boiler
        (0.30, 0.08, 0.0, 0.02, 0.30),  # no gas: a heating rod
        (0.30, -0.05, 0.09, 0.0, 0.10),
        (0.30, 0.60, 0.09, 0.15, 0.15),  # never the wrong way round
        (-0.10, -0.20, 0.0, 0.0, 0.0),
    ],
)
def test_what_heat_usually_costs(retail: float, feed_in: float, gas: float, low: float, high: float) -> None:
    assert [float(cost) for cost in usual_costs(retail, feed_in, gas)] == pytest.approx([low, high])


@pytest.mark.parametrize(
    ("margin", "bid", "ask"), [(-1.0, 0.12, 0.0667), (0.0, 0.0725, 0.0833), (1.0, 0.025, 0.1)]
)
def test_margins_lead_to_what_heat_usually_costs(kit: Any, margin: float, bid: float, ask: float) -> None:
    """Feed-in 0.10 makes 0.025 at least, gas at 0.09 makes 0.10 at most: the boiler bids, the CHP asks."""
    street = two(kit)
    made, heat = street.heat_bids(), street.bidder.heat
    assert heat is not None
    band = quote_band(street.known.prices, street.known.gas_eur_per_kwh)
    quote = quoting.quotes(heat.rows, made.bids, np.full((2, 2), margin), band)
    assert quote[heat.rows.up[""]][made.parts["boiler"]] == pytest.approx([bid], abs=1e-4)
    assert quote[heat.rows.down[""]][made.parts["chp"]] == pytest.approx([ask], abs=1e-4)
    # Who is beyond the band stays where it is.
    assert quote[heat.rows.down[""]][made.parts["boiler"]] == pytest.approx([0.16])
