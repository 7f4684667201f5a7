"""One period of a community with heat, from any decision to what everybody does: what holds whatever is
decided, traded and drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cosim.bidding.bidder import Bidder, Known, Plan
from cosim.bidding.heat_records import HeatBids, HeatLoop, HeatPlan
from cosim.core.arrays import sum_by
from cosim.core.dispatch import Dispatch, Position
from cosim.core.records import BUY
from cosim.devices.fleet import Fleet

MODES = st.sampled_from(["reservation", "setpoint"])
SEEDS = st.integers(0, 2**32 - 1)


def assert_heat_balances(fleet: Fleet, dispatch: Dispatch, loop: HeatLoop | None) -> None:
    heat = dispatch.heat
    assert heat is not None
    paired = heat.bought_kwh - heat.sold_kwh - heat.lost_kwh + heat.import_kwh - heat.export_kwh
    np.testing.assert_allclose(heat.net_kwh, paired, rtol=0, atol=1e-9)
    own = {name: dispatch.device_kwh[name] for name in fleet.of("heat")}
    np.testing.assert_allclose(heat.net_kwh, fleet.total_by_prosumer(own), rtol=0, atol=1e-9)
    for column in (heat.bought_kwh, heat.sold_kwh, heat.lost_kwh, heat.import_kwh, heat.export_kwh):
        assert (column >= 0.0).all()
    assert not heat.imbalance_kwh.any()
    assert heat.bought_kwh.sum() == pytest.approx(heat.sold_kwh.sum(), abs=1e-9)
    assert heat.trade_cost_eur.sum() == pytest.approx(0.0, abs=1e-9)
    loss = 0.0 if loop is None else loop.loss_factor
    np.testing.assert_allclose(heat.lost_kwh, heat.sold_kwh * loss / (1.0 - loss), rtol=0, atol=1e-9)
    if loop is None:
        assert not heat.bought_kwh.any() and not heat.trade_cost_eur.any()
    else:
        assert heat.sold_kwh.sum() <= loop.capacity_kwh + 1e-9
        assert not heat.bought_kwh[~loop.member].any() and not heat.sold_kwh[~loop.member].any()


def assert_electricity_balances(fleet: Fleet, dispatch: Dispatch) -> None:
    found = dispatch.electricity
    drawn = sum(
        (
            sum_by(fleet.kinds[name].prosumer, kwh, fleet.prosumers)
            for name, kwh in dispatch.electricity_kwh.items()
        ),
        np.zeros(fleet.prosumers),
    )
    np.testing.assert_allclose(found.net_kwh, drawn, rtol=0, atol=1e-9)
    paired = found.bought_kwh - found.sold_kwh + found.import_kwh - found.export_kwh + found.imbalance_kwh
    np.testing.assert_allclose(found.net_kwh, paired, rtol=0, atol=1e-9)
    for column in (found.bought_kwh, found.sold_kwh, found.import_kwh, found.export_kwh):
        assert (column >= 0.0).all()
    assert not found.lost_kwh.any()
    assert found.bought_kwh.sum() == pytest.approx(found.sold_kwh.sum(), abs=1e-9)
    assert found.trade_cost_eur.sum() == pytest.approx(0.0, abs=1e-9)


def assert_what_is_drawn_follows(fleet: Fleet, known: Known, dispatch: Dispatch) -> None:
    """Electricity and gas of every source, from parameters rather than from what the bidder was told."""
    n, kinds, done = fleet.prosumers, fleet.kinds, dispatch.device_kwh
    boiler, chp = kinds["boiler"], kinds["chp"]
    burnt = sum_by(boiler.prosumer, -done["boiler"] / boiler.columns["efficiency"], n)
    burnt += sum_by(chp.prosumer, -done["chp"] / chp.columns["thermal_efficiency"], n)
    np.testing.assert_allclose(dispatch.gas_kwh, burnt, rtol=0, atol=1e-9)
    power = chp.columns["electrical_efficiency"] / chp.columns["thermal_efficiency"]
    np.testing.assert_allclose(dispatch.electricity_kwh["chp"], done["chp"] * power, rtol=0, atol=1e-12)
    assert set(dispatch.electricity_kwh) == {
        "load",
        "pv",
        "battery",
        "heat_pump",
        "chp",
        "electric_heater",
    }
    for name in fleet.of("electricity"):
        assert (dispatch.electricity_kwh[name] == done[name]).all()


def cold_with_something_left(fleet: Fleet, known: Known, dispatch: Dispatch) -> np.ndarray:
    """Heat that sources and stores of those who lack some could still give, shape (n,)."""
    assert dispatch.heat is not None
    left = np.zeros(fleet.prosumers)
    for name, device in fleet.of("heat").items():
        more = dispatch.device_kwh[name] - known.ranges[name].low_kwh
        left += sum_by(device.prosumer, more, fleet.prosumers)
    return np.where(dispatch.heat.import_kwh > 1e-9, left, 0.0)


def gain_eur(bidder: Bidder, bids: HeatBids, before: HeatPlan, after: HeatPlan, ceiling: np.ndarray) -> Any:
    """What trading heat is worth to everybody, at the prices that they reckoned with, shape (n,). Heat that
    nobody makes counts for what direct heating costs."""
    n = bidder.fleet.prosumers
    found = -after.position.trade_cost_eur
    found = found + ceiling * (before.position.import_kwh - after.position.import_kwh)
    for name, device in bidder.heat.kinds.items():  # type: ignore[union-attr]  # there is heat
        more = after.device_kwh[name] - before.device_kwh[name]
        if name in bids.costs.total_eur_per_kwh:
            worth = bids.costs.total_eur_per_kwh[name] * more
        elif bidder.mode == "reservation":
            draw, give = bids.draw_eur_per_kwh[name], bids.give_eur_per_kwh[name]
            worth = np.where(more > 0.0, draw, give) * more
        else:  # a store gives only when all else is at its end, and takes what is left over
            price = np.where(bids.missing_kwh >= 0.0, ceiling, 0.0)
            worth = price[device.prosumer] * more
        found = found + sum_by(device.prosumer, worth, n)
    return found


def came_on(bidder: Bidder, bids: HeatBids, plan: HeatPlan) -> np.ndarray:
    """Whose sources are on although they were told to be off, shape (n,)."""
    found = np.zeros(bidder.fleet.prosumers, dtype=bool)
    for name, span in bids.ranges.items():
        on = (plan.device_kwh[name] != 0.0) & (span.low_kwh == 0.0) & (span.high_kwh == 0.0)
        found[bidder.fleet.kinds[name].prosumer[on]] = True
    assert bidder.mode == "setpoint" or not found.any()
    return found


@settings(max_examples=60)
@given(mode=MODES, seed=SEEDS, pipes=st.booleans(), bold=st.booleans())
def test_energy_and_money_balance_whatever_is_decided(
    towns: Any, mode: Any, seed: int, pipes: bool, bold: bool
) -> None:
    town = towns.town(seed)
    loop = towns.loop(seed) if pipes else None
    bidder, rng = towns.bidder(town, mode, loop), np.random.default_rng(seed)
    fleet, state = town.fleet, town.fleet.initial_state()
    for index in range(town.clock.periods):
        period = town.clock.period(index)
        known = town.known(state, period)
        action = towns.action(bidder, rng, bold)
        agreed = towns.agreed(bidder, known, action, rng)
        dispatch = agreed.plan.dispatch
        assert_heat_balances(fleet, dispatch, loop)
        assert_electricity_balances(fleet, dispatch)
        assert_what_is_drawn_follows(fleet, known, dispatch)
        assert not dispatch.electricity.imbalance_kwh.any()
        left = cold_with_something_left(fleet, known, dispatch)
        assert left == pytest.approx(0.0, abs=1e-8), "nobody is cold while a source or a store could help"
        heat, bids = dispatch.heat, agreed.heat_bids
        assert (np.minimum(heat.sold_kwh, heat.import_kwh) <= 1e-9).all(), "what is sold is made"
        # What is bought is cheaper than own heat, what is sold brings more than it costs.
        before = bidder.heat.dispatch(bids)
        ceiling = np.maximum(town.prices.retail_eur_per_kwh, 0.0)
        after = agreed.plan.offers.heat_plan
        gain = gain_eur(bidder, bids, before, after, ceiling)
        gain[came_on(bidder, bids, before) | came_on(bidder, bids, after)] = 0.0
        assert (gain >= -1e-9).all()
        state = fleet.commit(state, period, dispatch.device_kwh)


@settings(max_examples=40)
@given(mode=MODES, seed=SEEDS)
def test_no_trade_is_beyond_a_limit_price(towns: Any, mode: Any, seed: int) -> None:
    """Of heat: the cost of the other source, or of direct heating; what making it costs, with losses."""
    town, loop = towns.town(seed), towns.loop(seed)
    bidder, rng = towns.bidder(town, mode, loop), np.random.default_rng(seed)
    known = town.known(town.fleet.initial_state(), town.clock.period(0))
    agreed = towns.agreed(bidder, known, towns.action(bidder, rng, bold=True), rng)
    bids, session = agreed.heat_bids.bids, agreed.heat
    limit, trades = bids.limit_price_eur_per_kwh[session.rows], session.clearing.trades
    price = trades.price_eur_per_kwh
    assert (price <= limit[trades.buy_row] + 1e-12).all() and (price >= limit[trades.sell_row] - 1e-12).all()
    owner = session.orders.owner
    assert (price >= 0.0).all() and (
        price <= town.prices.retail_eur_per_kwh[owner[trades.buy_row]] + 1e-12
    ).all()
    costs, rows = agreed.heat_bids.costs.total_eur_per_kwh, bidder.heat.rows
    for name, cost in costs.items():
        for side, of, share in (("up", 1.0, 1), ("down", 1.0 / (1.0 - loop.loss_factor), -1)):
            every = np.arange(len(rows.owner))[getattr(rows, side)[""]]
            own = every[agreed.heat_bids.parts[name]]
            if mode == "reservation":
                assert bids.reservation_eur_per_kwh[own] == pytest.approx(cost * of)
            assert ((bids.side[own] == BUY) == (share == 1)).all()


@settings(max_examples=30)
@given(mode=MODES, seed=SEEDS)
def test_without_trade_a_loop_changes_nothing(towns: Any, mode: Any, seed: int) -> None:
    """Everybody alone, with pipes and without: the same to the last bit."""
    town = towns.town(seed)
    with_loop, without = towns.bidder(town, mode, towns.loop(seed)), towns.bidder(town, mode)
    rng = np.random.default_rng(seed)
    action = towns.action(with_loop, rng)
    shared = [field.name for field in without.fields]
    own = action[:, [column for column, field in enumerate(with_loop.fields) if field.name in shared]]
    known = town.known(town.fleet.initial_state(), town.clock.period(0))
    nobody = np.zeros(7, dtype=bool)
    one = towns.agreed(with_loop, known, action, rng, nobody).plan.dispatch
    other = without.alone(known, own)
    for name in town.fleet.kinds:
        assert (one.device_kwh[name] == other.device_kwh[name]).all()
    for carrier in ("electricity", "heat"):
        mine, theirs = getattr(one, carrier), getattr(other, carrier)
        for column in ("net_kwh", "import_kwh", "export_kwh", "bought_kwh", "trade_cost_eur"):
            assert (getattr(mine, column) == getattr(theirs, column)).all(), (carrier, column)
    assert (one.gas_kwh == other.gas_kwh).all()


def cost_eur(town: Any, plan: Plan) -> np.ndarray:
    """What everybody pays for gas and electricity in the end, shape (n,)."""
    done, prices = plan.dispatch.electricity, town.prices
    utility = prices.retail_eur_per_kwh * done.import_kwh - prices.feed_in_eur_per_kwh * done.export_kwh
    on_top = (prices.trade_factor - 1.0) * done.trade_paid_eur
    on_top = on_top + prices.trade_adder_eur_per_kwh * done.bought_kwh
    cost: np.ndarray = town.gas * plan.dispatch.gas_kwh + utility + done.trade_cost_eur + on_top
    return cost


@settings(max_examples=60)
@given(mode=MODES, seed=SEEDS, bold=st.booleans())
def test_nobody_loses_by_the_electricity_market(towns: Any, mode: Any, seed: int, bold: bool) -> None:
    """Whoever has nothing else that gives electricity (CHP, battery, PV to curtail) pays at most what the
    utility alone would cost after the same heat market: also where boiler, pump and heater change places."""
    town, rng = towns.town(seed), np.random.default_rng(seed)
    assume((town.prices.feed_in_eur_per_kwh >= 0.0).all())
    bidder = towns.bidder(town, mode, towns.loop(seed))
    known = town.known(town.fleet.initial_state(), town.clock.period(0))
    plan = towns.agreed(bidder, known, towns.action(bidder, rng, bold), rng).plan
    alone = bidder.plan(known, plan.offers)
    without = [0, 2, 3, 4, 6]
    assert (cost_eur(town, plan)[without] <= cost_eur(town, alone)[without] + 1e-9).all()
    for name in town.fleet.of("heat"):
        if name not in bidder.heat.sources:
            assert (plan.dispatch.device_kwh[name] == alone.dispatch.device_kwh[name]).all()
    assert plan.dispatch.heat.net_kwh == pytest.approx(alone.dispatch.heat.net_kwh, abs=1e-9)


@settings(max_examples=40)
@given(mode=MODES, seed=SEEDS, pipes=st.booleans())
def test_what_was_foreseen_is_delivered_as_planned(towns: Any, mode: Any, seed: int, pipes: bool) -> None:
    town, rng = towns.town(seed, periods=3), np.random.default_rng(seed)
    bidder = towns.bidder(town, mode, towns.loop(seed) if pipes else None)
    state = town.fleet.initial_state()
    for index in range(town.clock.periods):
        period = town.clock.period(index)
        known = town.known(state, period)
        plan = towns.agreed(bidder, known, towns.action(bidder, rng), rng).plan
        done = bidder.delivered(plan, known)
        for name, energy in plan.dispatch.device_kwh.items():
            np.testing.assert_allclose(done.device_kwh[name], energy, rtol=0, atol=1e-9)
        for carrier in ("electricity", "heat"):
            before, after = getattr(plan.dispatch, carrier), getattr(done, carrier)
            for column in Position.__slots__:
                np.testing.assert_allclose(
                    getattr(after, column), getattr(before, column), rtol=0, atol=1e-9, err_msg=column
                )
        np.testing.assert_allclose(done.gas_kwh, plan.dispatch.gas_kwh, rtol=0, atol=1e-9)
        state = town.fleet.commit(state, period, done.device_kwh)


@settings(max_examples=60)
@given(mode=MODES, seed=SEEDS, pipes=st.booleans())
def test_what_nobody_foresaw_is_imbalance(towns: Any, mode: Any, seed: int, pipes: bool) -> None:
    """Load, sun, heat demand and air are others than in the forecast: contracts stay, heat balances, and the
    rest is imbalance."""
    town, rng = towns.town(seed), np.random.default_rng(seed)
    loop = towns.loop(seed) if pipes else None
    bidder, fleet, foreseen = towns.bidder(town, mode, loop), town.fleet, town.foreseen(seed)
    state = fleet.initial_state()
    for index in range(town.clock.periods):
        period = town.clock.period(index)
        expected, known = town.known(state, period, foreseen), town.known(state, period)
        plan = towns.agreed(bidder, expected, towns.action(bidder, rng), rng).plan
        done = bidder.delivered(plan, known)
        assert_heat_balances(fleet, done, loop)
        assert_electricity_balances(fleet, done)
        assert_what_is_drawn_follows(fleet, known, done)
        left = cold_with_something_left(fleet, known, done)
        assert left == pytest.approx(0.0, abs=1e-8), "nobody is cold while a source or a store could help"
        was, now = plan.dispatch, done
        for name in (
            "bought_kwh",
            "sold_kwh",
            "import_kwh",
            "export_kwh",
            "trade_cost_eur",
            "trade_paid_eur",
        ):
            assert (getattr(now.electricity, name) == getattr(was.electricity, name)).all(), name
        for name in ("bought_kwh", "sold_kwh", "lost_kwh", "trade_cost_eur", "trade_paid_eur"):
            assert (getattr(now.heat, name) == getattr(was.heat, name)).all(), name
        more = now.electricity.net_kwh - was.electricity.net_kwh
        np.testing.assert_allclose(now.electricity.imbalance_kwh, more, rtol=0, atol=1e-12)
        assert (done.device_kwh["load"] == known.ranges["load"].base_kwh).all()
        assert (done.device_kwh["heat_demand"] == known.ranges["heat_demand"].base_kwh).all()
        whole = was.device_kwh["pv"] == expected.ranges["pv"].low_kwh
        np.testing.assert_allclose(
            done.device_kwh["pv"][whole], known.ranges["pv"].low_kwh[whole], atol=1e-12
        )
        state = fleet.commit(state, period, done.device_kwh)
