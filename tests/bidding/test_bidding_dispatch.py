"""From decisions through the real double auction to what every device does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.bidding.electricity import ElectricityBidder as Bidder
from cosim.bidding.electricity import ElectricityPlan
from cosim.core.records import Band, Clearing, PublicInformation, Trades
from cosim.devices.fleet import Fleet
from cosim.market.audit import check
from cosim.market.registry import create

N = 5
MODES = st.sampled_from(["reservation", "setpoint"])


def community(kit: Any, seed: int, minutes: int = 30) -> tuple[Fleet, Any]:
    """Five prosumers: 0 has two batteries and two vehicles, 1 and 2 have PV (2 cannot curtail), 3 a lossless
    battery and PV, 4 nothing but a load."""
    rng = np.random.default_rng(seed)
    clock = kit.clock("2016-06-06 05:00", minutes, 8)
    site = kit.site(clock, {"load": rng.uniform(0.0, 4.0, (8, N)), "pv": rng.uniform(0.0, 1.0, (8, 3))})
    small = {"capacity_kwh": 6, "c_rate": 1.0, "initial_soc": float(rng.uniform())}
    lossless = {"capacity_kwh": 8, "charge_efficiency": 1, "discharge_efficiency": 1}
    vehicle = {
        "initial_soc": float(rng.uniform(0.5, 1.0)),
        "max_discharge_kw": 8,
        "departure_hour": 8,
        "hours_spread": 0,
    }
    requests = {
        "load": [kit.request("load", {}, prosumer=range(N))],
        "pv": [
            kit.request("pv", {"peak_kw": 6}, prosumer=(1, 3)),
            kit.request("pv", {"peak_kw": 5, "curtailable": False}, prosumer=(2,)),
        ],
        "battery": [
            kit.request("battery", small, prosumer=(0,)),
            kit.request("battery", lossless, prosumer=(0, 3)),
        ],
        "ev": [kit.request("ev", vehicle, prosumer=(0, 0))],
    }
    return kit.fleet(requests, site, N), clock


def auction(bidder: Bidder, bids: Any, quotes: Any, prices: Any, rng: Any, trading: Any = None) -> Any:
    """The clearing of the real market, audited, and the dispatch."""
    trading = np.ones(N, dtype=bool) if trading is None else trading
    orders, chosen = bidder.orders(bids, quotes, prices, trading)
    session = create().open(orders, rng, Band(0.0, 1.0))
    session.advance()
    limits = session.limit_prices()
    clearing = session.close()
    check(orders, clearing, limits)
    return orders, chosen, clearing, bidder.dispatch(bids, prices, clearing, chosen)


def assert_balanced(fleet: Fleet, plan: ElectricityPlan) -> None:
    found = plan.position
    paired = found.bought_kwh - found.sold_kwh + found.import_kwh - found.export_kwh
    assert found.net_kwh == pytest.approx(paired, abs=1e-9)
    assert found.net_kwh == pytest.approx(fleet.total_by_prosumer(plan.device_kwh), abs=1e-12)
    for column in (found.bought_kwh, found.sold_kwh, found.import_kwh, found.export_kwh):
        assert (column >= 0.0).all()
    for column in (plan.thermal_kwh, found.lost_kwh, found.imbalance_kwh):
        assert not column.any()
    assert found.bought_kwh.sum() == pytest.approx(found.sold_kwh.sum(), abs=1e-9)
    assert found.trade_cost_eur.sum() == pytest.approx(0.0, abs=1e-9)


def assert_within(spans: Any, dispatch: ElectricityPlan) -> None:
    for kind, span in spans.items():
        energy = dispatch.device_kwh[kind]
        assert (span.low_kwh - 1e-9 <= energy).all() and (energy <= span.high_kwh + 1e-9).all(), kind


@settings(max_examples=80)
@given(
    mode=MODES,
    seed=st.integers(0, 2**32 - 1),
    feed_in=st.integers(-2000, 3000).map(lambda price: price * 1e-4),
    spread=st.integers(0, 4000).map(lambda price: price * 1e-4),
    charges=st.sampled_from([(1.0, 0.0), (1.19, 0.0), (1.0, 0.05), (1.19, 0.1)]),
    bold=st.booleans(),
)
def test_energy_and_money_balance_and_devices_stay_within_what_they_can(
    kit: Any,
    mode: Any,
    seed: int,
    feed_in: float,
    spread: float,
    charges: tuple[float, float],
    bold: bool,
) -> None:
    fleet, clock = community(kit, seed)
    rng = np.random.default_rng(seed)
    bidder, state = Bidder(fleet, mode), fleet.initial_state()
    for index in range(clock.periods):
        period = clock.period(index)
        retail = feed_in + spread * rng.uniform(0.2, 1.0, N)
        prices = kit.prices(N, retail, feed_in, *charges, low=feed_in - 0.05, high=feed_in + spread + 0.05)
        action = rng.uniform(-1.0, 1.0, (N, len(bidder.fields)))
        if bold:
            action[:, :2] = -1.0
        spans = fleet.ranges(state, period)
        bids = bidder.bids(spans, action, prices)
        quotes = bidder.quotes(bids, action[:, :2], prices)
        orders, chosen, clearing, dispatch = auction(bidder, bids, quotes, prices, rng)
        assert_balanced(fleet, dispatch)
        assert_within(spans, dispatch)
        trades, limit = clearing.trades, bids.limit_price_eur_per_kwh[chosen]
        assert (trades.price_eur_per_kwh <= limit[trades.buy_row] + 1e-12).all()
        assert (trades.price_eur_per_kwh >= limit[trades.sell_row] - 1e-12).all()
        used = np.zeros(len(orders.shared))
        linked = orders.limit >= 0
        filled = (clearing.traded_kwh + clearing.internal_kwh)[linked]
        np.add.at(used, orders.limit[linked], filled * orders.weight[linked])
        assert (used <= 1.0 + 1e-9).all(), "shared limits"
        # No trade is worse than the utility: a purchase with its charges, a sale without.
        done = dispatch.position
        charges_eur = prices.trade_adder_eur_per_kwh * done.bought_kwh
        cost = prices.trade_factor * done.trade_paid_eur + charges_eur
        assert (cost <= prices.retail_eur_per_kwh * done.bought_kwh + 1e-9).all()
        earned = done.trade_paid_eur - done.trade_cost_eur
        assert (earned >= prices.feed_in_eur_per_kwh * done.sold_kwh - 1e-9).all()
        state = fleet.commit(state, period, dispatch.device_kwh)


@given(mode=MODES, seed=st.integers(0, 2**32 - 1))
def test_without_a_market_everything_settles_with_the_utility(kit: Any, mode: Any, seed: int) -> None:
    fleet, clock = community(kit, seed)
    bidder, prices = Bidder(fleet, mode), kit.prices(N)
    action = np.random.default_rng(seed).uniform(-1.0, 1.0, (N, len(bidder.fields)))
    spans = fleet.ranges(fleet.initial_state(), clock.period(0))
    bids = bidder.bids(spans, action, prices)
    alone = bidder.dispatch(bids, prices)
    assert_balanced(fleet, alone)
    assert_within(spans, alone)
    done = alone.position
    assert not done.bought_kwh.any() and not done.sold_kwh.any() and not done.trade_cost_eur.any()
    *_, nobody = auction(
        bidder, bids, bids.limit_price_eur_per_kwh, prices, np.random.default_rng(1), np.zeros(N, dtype=bool)
    )
    for kind, energy in alone.device_kwh.items():
        assert (nobody.device_kwh[kind] == energy).all()
    assert (nobody.position.import_kwh == done.import_kwh).all()


@pytest.mark.parametrize("mode", ["reservation", "setpoint"])
def test_pv_is_curtailed_where_feeding_in_costs_money(kit: Any, mode: Any) -> None:
    """6 kWh of sun, 1 kWh of load, feed-in -0.05: who can curtail feeds nothing in, who cannot pays."""
    site = kit.site(kit.clock(), {"load": [[1.0, 1.0]], "pv": [[1.0, 1.0]]})
    requests = {
        "load": [kit.request("load", {}, prosumer=(0, 1))],
        "pv": [
            kit.request("pv", {"peak_kw": 6}, prosumer=(0,)),
            kit.request("pv", {"peak_kw": 6, "curtailable": False}, prosumer=(1,)),
        ],
    }
    fleet = kit.fleet(requests, site, 2)
    bidder = Bidder(fleet, mode)
    spans = fleet.ranges(fleet.initial_state(), kit.clock().period(0))
    prices = kit.prices(2, feed_in=-0.05)
    bids = bidder.bids(spans, -np.ones((2, len(bidder.fields))), prices)
    alone = bidder.dispatch(bids, prices)
    assert alone.device_kwh["pv"] == pytest.approx([-1.0, -6.0])
    assert alone.position.export_kwh == pytest.approx([0.0, 5.0]) and not alone.position.import_kwh.any()
    # At a price of zero or more nothing is curtailed.
    for feed_in in (0.0, 0.05):
        prices = kit.prices(2, feed_in=feed_in)
        bids = bidder.bids(spans, -np.ones((2, len(bidder.fields))), prices)
        assert bidder.dispatch(bids, prices).position.export_kwh == pytest.approx([5.0, 5.0])


def test_who_can_curtail_takes_what_a_neighbour_pays_to_be_rid_of(kit: Any) -> None:
    """Prosumer 1 cannot curtail and would pay 0.05 to feed in: prosumer 0 curtails and takes it for less."""
    site = kit.site(kit.clock(), {"load": [[2.0, 0.0]], "pv": [[1.0, 1.0]]})
    requests = {
        "load": [kit.request("load", {}, prosumer=(0, 1))],
        "pv": [
            kit.request("pv", {"peak_kw": 2}, prosumer=(0,)),
            kit.request("pv", {"peak_kw": 1, "curtailable": False}, prosumer=(1,)),
        ],
    }
    fleet = kit.fleet(requests, site, 2)
    bidder, prices = Bidder(fleet, "reservation"), kit.prices(2, feed_in=-0.05)
    bids = bidder.bids(fleet.ranges(fleet.initial_state(), kit.clock().period(0)), -np.ones((2, 2)), prices)
    rng = np.random.default_rng(1)
    orders, chosen = bidder.orders(bids, bids.limit_price_eur_per_kwh, prices, np.ones(2, dtype=bool))
    session = create(price="midpoint").open(orders, rng, Band(0.0, 1.0))
    session.advance()
    dispatch = bidder.dispatch(bids, prices, session.close(), chosen)
    assert dispatch.device_kwh["pv"] == pytest.approx([-1.0, -1.0])
    done = dispatch.position
    assert done.bought_kwh == pytest.approx([1.0, 0.0])
    assert done.trade_cost_eur == pytest.approx([-0.025, 0.025], abs=1e-8)
    assert not done.import_kwh.any() and not done.export_kwh.any()


@given(mode=MODES, seed=st.integers(0, 2**32 - 1))
def test_a_prosumer_alone_makes_no_trade(kit: Any, mode: Any, seed: int) -> None:
    """Its own orders may meet in the market: behind the meter, unpaid, and not public."""
    clock = kit.clock()
    rng = np.random.default_rng(seed)
    site = kit.site(clock, {"load": rng.uniform(0, 3, (1, 1)), "pv": rng.uniform(0, 1, (1, 1))})
    requests = {
        "load": [kit.request("load", {})],
        "pv": [kit.request("pv", {"peak_kw": 6})],
        "battery": [kit.request("battery", {"capacity_kwh": 6}, prosumer=(0, 0))],
    }
    fleet = kit.fleet(requests, site, 1)
    bidder, prices = Bidder(fleet, mode), kit.prices(1)
    action = rng.uniform(-1.0, 1.0, (1, len(bidder.fields)))
    bids = bidder.bids(fleet.ranges(fleet.initial_state(), clock.period(0)), action, prices)
    quotes = bidder.quotes(bids, action[:, :2], prices)
    _, _, clearing, dispatch = auction(bidder, bids, quotes, prices, rng, np.ones(1, dtype=bool))
    assert len(clearing.trades) == 0 and clearing.public.trades == 0
    assert not clearing.paid_eur.any() and not clearing.traded_kwh.any()
    assert clearing.public.volume_traded == 0.0
    done = dispatch.position
    assert done.trade_cost_eur == 0.0 and done.bought_kwh == 0.0 and done.sold_kwh == 0.0
    assert_balanced(fleet, dispatch)


def with_fills(
    kit: Any,
    batteries: list[dict[str, float]],
    sun: float,
    fills: dict[tuple[str, str, int], tuple[float, float]],
) -> ElectricityPlan:
    """One prosumer with surplus and batteries, and fills as a market may have given them.

    Args:
        kit: Makes things.
        batteries: Their settings; the first one's energy is worth less to it than the second one's.
        sun: Surplus [kWh].
        fills: Traded and internal energy by row of the bidder.
    """
    site = kit.site(kit.clock(), {"load": [[0.0]], "pv": [[1.0]]})
    requests = {
        "load": [kit.request("load", {})],
        "pv": [kit.request("pv", {"peak_kw": sun, "curtailable": False})],
        "battery": [kit.request("battery", {"initial_soc": 0.5} | battery) for battery in batteries],
    }
    fleet = kit.fleet(requests, site, 1)
    bidder, prices = Bidder(fleet, "reservation"), kit.prices(1, retail=0.30, feed_in=0.10)
    values = [-0.5, 0.0][: len(batteries)]
    bids = bidder.bids(
        fleet.ranges(fleet.initial_state(), kit.clock().period(0)),
        np.array([[-1.0, -1.0, *values]]),
        prices,
    )
    rows = np.arange(len(bids.side))
    traded, internal = np.zeros(len(rows)), np.zeros(len(rows))
    for (name, side, number), (sold, moved) in fills.items():
        row = 0 if name == "firm" else getattr(bidder.rows, side)[name].start + number
        traded[row], internal[row] = sold, moved
    nothing = np.zeros(0)
    whole = nothing.astype(int)
    clearing = Clearing(
        traded,
        internal,
        0.2 * traded * bids.side,
        Trades(whole, whole, nothing, nothing, whole),
        PublicInformation(np.nan, np.nan, np.nan, np.nan, 0.0, 0.0, 0.0, 0),
    )
    return bidder.dispatch(bids, prices, clearing, rows)


LOSSLESS = {"capacity_kwh": 10.0, "charge_efficiency": 1.0, "discharge_efficiency": 1.0}


def test_what_a_device_sold_it_cannot_use_again(kit: Any) -> None:
    """Of 5 kWh that it could give it sold 2 (40 %): 3 of the 5 that it could draw are left for surplus."""
    dispatch = with_fills(kit, [LOSSLESS], 10.0, {("battery", "down", 0): (2.0, 0.0)})
    done = dispatch.position
    assert done.sold_kwh == pytest.approx([2.0])
    assert dispatch.device_kwh["battery"] == pytest.approx([3.0 - 2.0])
    assert done.export_kwh == pytest.approx([7.0])
    assert done.trade_cost_eur == pytest.approx([-0.4]) and done.trade_paid_eur == 0.0


def test_internal_transfers_of_the_market_stand(kit: Any) -> None:
    """The market put 1 of 2 kWh of surplus into the first battery: the second, which values it more, gets the
    rest."""
    fills = {("firm", "", 0): (0.0, 1.0), ("battery", "up", 0): (0.0, 1.0)}
    lossy = LOSSLESS | {"charge_efficiency": 0.7, "discharge_efficiency": 0.7}  # too much to pass energy on
    dispatch = with_fills(kit, [lossy, lossy], 2.0, fills)
    assert dispatch.device_kwh["battery"] == pytest.approx([1.0, 1.0])
    done = dispatch.position
    assert done.net_kwh == pytest.approx([0.0], abs=1e-12) and done.bought_kwh == 0.0
    alone = with_fills(kit, [lossy, lossy], 2.0, {})
    assert alone.device_kwh["battery"] == pytest.approx([0.0, 2.0])
