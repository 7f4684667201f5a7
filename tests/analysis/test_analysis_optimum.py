"""The bound of a scenario: closed forms, what a bound has to keep, and the programme against the bills."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cosim.analysis import optimum
from cosim.analysis.end_value import EndPrices, end_value_eur
from cosim.analysis.hindsight import Hindsight, hindsight
from cosim.analysis.optimum import Bound, bound, bound_of, each_alone, utility_alone
from cosim.analysis.regret import best_response_eur
from cosim.community.build import build_community
from cosim.core.dispatch import Dispatch, Position
from cosim.core.streams import Streams
from cosim.errors import InputError, PolicyError
from cosim.policies.planning.programme import optimise
from cosim.policies.planning.solution import Solution
from cosim.scenario.schema import Scenario
from cosim.simulation import Simulation

CHARGED = {
    "retail": {
        "energy": 0.11,
        "network": {"price": 0.09, "p2p": True},
        "levies": {"price": 0.04, "p2p": False},
        "vat": {"share": 0.19, "p2p": False},
    },
    "feed_in": 0.08,
}
"""As in scenarios/rural-100-winter.yaml."""


@pytest.fixture
def pair(
    five: Callable[..., Scenario], scenario_data: Callable[[], dict[str, Any]]
) -> Callable[..., Scenario]:
    """One prosumer with PV, one without; nothing can be moved. The tariff may be another."""

    def build(tariff: dict[str, Any] | None = None) -> Scenario:
        home = scenario_data()["groups"][0]
        plant = {"pv": home["devices"]["pv"] | {"share": 1.0, "peak_kw": 4.0}}
        groups = [
            home | {"name": "roof", "count": 1, "place": {"buses": ["Bus R11"]}, "devices": plant},
            home | {"name": "flat", "count": 1, "place": {"buses": ["Bus R15"]}, "devices": {}},
        ]
        return five(groups=groups, tariffs={"default": tariff or {"retail": 0.30, "feed_in": 0.08}})

    return build


def net_of(look: Hindsight) -> np.ndarray:
    """Net energy of firm prosumers, shape (H, n); PV in full."""
    net = np.zeros((look.outlook.count, len(look.outlook)))
    for owned in look.outlook.devices.values():
        np.add.at(net.T, owned.owner, owned.envelope.low_kwh.T)
    return net


@pytest.mark.parametrize(("tariff", "charge"), [(None, 0.0), (CHARGED, 0.09)], ids=["plain", "charges"])
def test_surplus_and_deficit_meet_and_save_the_gap(pair, tariff, charge) -> None:
    look = hindsight(pair(tariff))
    found, net = bound_of(look), net_of(look)
    surplus, deficit = np.maximum(-net, 0.0).sum(axis=1), np.maximum(net, 0.0).sum(axis=1)
    met = np.minimum(surplus, deficit)
    retail, feed_in = look.outlook.retail[0, 0], look.outlook.feed_in[0, 0]
    assert met.sum() > 1.0
    assert found.greedy_eur == pytest.approx(retail * deficit.sum() - feed_in * surplus.sum(), rel=1e-9)
    assert found.alone_eur == pytest.approx(found.greedy_eur, rel=1e-9)
    saved = (retail - feed_in - charge) * met.sum()
    assert found.greedy_eur - found.optimum_eur == pytest.approx(saved, rel=1e-9)
    assert found.traded_kwh == pytest.approx(met, abs=1e-9)
    # The longer side sets the price: what it is paid, or pays after charges, outside.
    trading = met > 1e-9
    clearing = np.where(surplus > deficit, feed_in, retail - charge)
    assert found.shadow_price[trading] == pytest.approx(clearing[trading], abs=1e-5)
    assert np.isnan(found.heat_shadow_price).all()
    assert found.notes == ()


def test_share_captured(pair) -> None:
    found = bound(pair())
    assert found.share_captured(found.greedy_eur) == 0.0
    assert found.share_captured(found.optimum_eur) == 1.0
    assert found.share_captured(0.5 * (found.greedy_eur + found.optimum_eur)) == pytest.approx(0.5)
    assert found.share_captured(found.greedy_eur + 1.0) < 0.0


def test_nothing_to_capture_is_none(five) -> None:
    """Without a gap between retail and feed-in, trade and storing save nothing."""
    found = bound(five(tariffs={"default": {"retail": 0.2, "feed_in": 0.2}}, groups=[_only_load(five)]))
    assert found.greedy_eur == pytest.approx(found.optimum_eur)
    assert found.share_captured(found.greedy_eur) is None


def _only_load(five) -> dict[str, Any]:
    group = five().groups[0].model_dump(mode="json")
    return {key: group[key] for key in ("name", "count", "place", "load")} | {"devices": {}}


def run_of(scenario: Scenario) -> tuple[Simulation, float]:
    """A simulation that is over, and what it cost in terms of a bound."""
    simulation = Simulation(scenario)
    community, cost = simulation.communities[0], 0.0
    while not simulation.done:
        simulation.step()
        cost += float(community.turn.bill.total_eur.sum())
        heat = community.turn.dispatch.heat
        if heat is not None:
            cost += community.unserved_eur_per_kwh * float(heat.import_kwh.sum())
    return simulation, cost - float(end_value_eur(community, community.state).sum())


@pytest.fixture(scope="module")
def stores(five) -> tuple[Scenario, Bound]:
    """Five homes with batteries and vehicles that give back, time-of-use prices, two days."""
    windows = [{"from": "17:00", "to": "21:00", "price": 0.25}]
    scenario = five(
        horizon={"duration": "2 days"},
        tariffs={"default": {"retail": {"energy": {"windows": windows, "default": 0.15}}, "feed_in": 0.06}},
    )
    return scenario, bound(scenario)


def test_the_optimum_is_below_every_run_and_the_planner_comes_near(stores, five) -> None:
    scenario, found = stores
    assert found.optimum_eur < found.alone_eur < found.greedy_eur
    shares = {}
    for kind in ("utility-only", "self-consumption", "zero-intelligence", "community-planner"):
        simulation, cost = run_of(
            five(
                horizon={"duration": "2 days"},
                tariffs=scenario.model_dump(mode="json")["tariffs"],
                policies={"default": kind},
                market={"bidding": "setpoint"},
            )
        )
        assert simulation.done
        assert cost >= found.optimum_eur - 1e-6
        shares[kind] = found.share_captured(cost)
    assert shares["utility-only"] < shares["self-consumption"] < shares["community-planner"] < 1.0
    assert shares["community-planner"] > 0.8


def test_the_counterfactual_alone_is_that_of_a_run(stores) -> None:
    scenario, found = stores
    community = build_community(scenario, scenario.horizon.clock(), Streams(scenario.seed))
    bills, unserved = utility_alone(community)
    simulation = Simulation(scenario)
    recorded = np.zeros_like(bills)
    while not simulation.done:
        simulation.step()
        recorded[simulation.index - 1] = simulation.communities[0].turn.shadow_bill.total_eur
    np.testing.assert_array_equal(bills, recorded)
    np.testing.assert_array_equal(unserved, 0.0)
    shadow = simulation.communities[0]
    held = end_value_eur(shadow, shadow.counterfactual.state)
    assert found.greedy_cost_eur == pytest.approx(recorded.sum(axis=0) - held, rel=1e-12)
    assert found.greedy_bills_eur == pytest.approx(recorded.sum(), rel=1e-12)


def billed(look: Hindsight, found: Solution, price: np.ndarray) -> np.ndarray:
    """What settlement bills each prosumer for a plan whose trades are at `price` [EUR/kWh], shape (n,)."""
    flows, gas = found.flows_kwh, found.gas_kwh
    total = np.zeros(len(look.outlook))
    for t in range(look.outlook.count):
        bought, sold, imported, exported = (
            flows[name][t].copy() for name in ("bought", "sold", "import", "export")
        )
        nothing = np.zeros_like(bought)
        electricity = Position(
            net_kwh=bought - sold + imported - exported,
            bought_kwh=bought,
            sold_kwh=sold,
            import_kwh=imported,
            export_kwh=exported,
            lost_kwh=nothing,
            imbalance_kwh=nothing,
            trade_cost_eur=price[t] * (bought - sold),
            trade_paid_eur=price[t] * bought,
        )
        dispatch = Dispatch({}, {}, electricity, None, gas[t].copy())
        total += look.community.tariffs.bill(t, dispatch).total_eur
    return total


@pytest.mark.parametrize("vat", [False, True], ids=["vat-on-utility-alone", "vat-on-trades-too"])
def test_a_plan_costs_what_settlement_bills(five, vat) -> None:
    """With network charges, levies and VAT; with VAT on trades when these are at the lowest ask floor."""
    retail = CHARGED["retail"] | {"vat": {"share": 0.19, "p2p": vat}}
    look = hindsight(five(tariffs={"default": {"retail": retail, "feed_in": 0.08}}))
    found = optimise(look.outlook)
    assert found.flows_kwh["bought"].sum() > 1.0
    assert found.at_once_kwh == pytest.approx(0.0, abs=1e-9)
    floor = look.outlook.ask_floor.min(axis=1)
    assert billed(look, found, floor).sum() == pytest.approx(found.cost_eur, rel=1e-9)
    dearer = billed(look, found, floor + 0.05).sum()
    if vat:
        assert dearer == pytest.approx(found.cost_eur + 0.19 * 0.05 * found.flows_kwh["bought"].sum())
        assert any(note.startswith("approximated: VAT") for note in look.notes)
    else:
        assert dearer == pytest.approx(found.cost_eur, rel=1e-9)
        assert look.notes == ()
    # And its own plan captures all there is.
    own = bound_of(look)
    assert own.share_captured(float(look.cost_eur(found).sum())) == pytest.approx(1.0, abs=1e-9)


def test_interior_points_and_prosumers_one_by_one_find_the_same(stores, monkeypatch) -> None:
    scenario, found = stores
    monkeypatch.setattr(optimum, "LARGE", 0)
    monkeypatch.setattr(optimum, "TOGETHER", 1)
    other = bound(scenario)
    assert other.optimum_eur == pytest.approx(found.optimum_eur, rel=1e-7)
    assert other.alone_cost_eur == pytest.approx(found.alone_cost_eur, rel=1e-7)
    assert other.notes == found.notes


def test_energy_at_the_end_is_worth_the_middle_of_the_tariff(five) -> None:
    community = Simulation(five()).communities[0]
    prices = EndPrices.of(community)
    assert prices.electricity == pytest.approx(np.full(5, 0.19))
    assert prices.heat == pytest.approx(np.zeros(5))
    held = community.fleet.stored_kwh(community.state)
    assert held.sum() > 0.0
    assert end_value_eur(community, community.state) == pytest.approx(0.19 * held)


def heated(five, scenario_data, **changes: Any) -> Scenario:
    """Homes that heat: pumps and buildings, boilers and tanks, a loop; six hours of winter."""
    home = scenario_data()["groups"][0]
    pump = {
        "building": {"heat_loss_w_per_k": 120},
        "heat_pump": {"max_heat_kw": 8},
        "electric_heater": {"max_kw": 6},
        "heat_store": {"volume_l": 400},
        "heat_demand": {"annual_heat_kwh": 0, "hot_water_kwh": 2000},
    }
    engine = {
        "heat_demand": {"annual_heat_kwh": 20000, "hot_water_kwh": 2000},
        "chp": {"max_heat_kw": 6, "ramp_per_minute": 0.005},
        "boiler": {"max_heat_kw": 20},
        "heat_store": {"volume_l": 600},
        "deferrable": {"energy_kwh": 1.2, "earliest_hour": 1.0, "latest_hour": 5.0},
    }
    groups = [
        home | {"name": "pumps", "count": 3, "place": {"buses": ["Bus R11"]}, "devices": pump},
        home | {"name": "engines", "count": 2, "place": {"buses": ["Bus R15"]}, "devices": engine},
    ]
    settings = {
        "horizon": {"duration": "6 hours"},
        "weather": {"source": "demandlib", "region": 4},
        "heat": {"loop": {"loss_factor": 0.08, "capacity_kw": 50}},
        "tariffs": {"default": {"retail": 0.30, "feed_in": 0.08, "gas": 0.09}},
        "groups": groups,
    }
    return five(**settings | changes)


def test_with_heat_the_bound_holds_and_says_what_is_relaxed(five, scenario_data) -> None:
    scenario = heated(five, scenario_data)
    found = bound(scenario)
    _, cost = run_of(scenario)
    assert found.optimum_eur < found.alone_eur < found.greedy_eur
    assert found.optimum_eur < cost
    assert np.isfinite(found.heat_shadow_price).all()
    said = "\n".join(found.notes)
    for words in (
        "heat_pump: minimum load",
        "chp: minimum load",
        "chp: ramp",
        "building: comfort band",
        "parts",
    ):
        assert f"{words}" in said, said


def test_heat_is_worth_what_its_cheapest_source_takes_for_it(five, scenario_data) -> None:
    """Electricity inside is worth 0.19. Boiler 0.09 / 0.98 a kWh; CHP (0.09 - 0.263 x 0.19) / 0.657."""
    community = Simulation(heated(five, scenario_data)).communities[0]
    prices = EndPrices.of(community)
    engines = np.flatnonzero([group == "engines" for group in community.members.groups])
    assert prices.heat[engines] == pytest.approx(np.full(2, (0.09 - 0.263 * 0.19) / 0.657))
    pump = community.fleet.kinds["heat_pump"]
    cop = -1.0 / pump.envelope({}, 0, 6).inputs["electricity"]
    assert prices.heat[pump.prosumer] == pytest.approx((0.19 / cop).mean(axis=0))


def test_forecasts_that_err_change_nothing(five, stores) -> None:
    scenario, found = stores
    tariffs = scenario.model_dump(mode="json")["tariffs"]
    other = bound(five(horizon={"duration": "2 days"}, tariffs=tariffs, forecast={"kind": "persistence"}))
    assert other.optimum_eur == pytest.approx(found.optimum_eur, rel=1e-9)
    assert other.greedy_eur == pytest.approx(found.greedy_eur, rel=1e-12)


def test_prices_are_those_of_every_day(five) -> None:
    """A planner sees the coming day again and again; hindsight sees the days as they are."""
    windows = [{"from": "00:00", "to": "00:00", "days": "tue", "price": 0.50}]
    tariffs = {"default": {"retail": {"energy": {"windows": windows, "default": 0.30}}, "feed_in": 0.08}}
    look = hindsight(five(horizon={"duration": "2 days"}, tariffs=tariffs))
    assert look.outlook.retail[:, 0] == pytest.approx(np.repeat([0.30, 0.50], 24))  # from Monday


def test_a_gate_that_closes_early_and_cheap_imbalance_are_said(five) -> None:
    tariff = {"retail": 0.30, "feed_in": 0.08, "imbalance": {"short": 0.20, "long": 0.05}}
    look = hindsight(five(tariffs={"default": tariff}, market={"gate_closure": 2}))
    assert len(look.notes) == 2
    assert "imbalance is at times cheaper" in look.notes[0]
    assert "first 2 periods" in look.notes[1]


def test_where_feeding_in_costs_money_the_optimum_curtails(five) -> None:
    """At noon a kWh fed in costs 0.05; at other times all is produced."""
    windows = [{"from": "10:00", "to": "14:00", "price": -0.05}]
    tariff = {"retail": 0.30, "feed_in": {"windows": windows, "default": 0.08}}
    look = hindsight(five(tariffs={"default": tariff}))
    pv = look.outlook.devices["pv"]
    low, high = pv.envelope.low_kwh, pv.envelope.high_kwh
    noon = np.isin(np.arange(24), range(10, 14))
    np.testing.assert_array_equal(high[~noon], low[~noon])
    np.testing.assert_array_equal(high[noon], 0.0)
    found = optimise(look.outlook)
    assert found.flows_kwh["export"][noon].sum() == pytest.approx(0.0, abs=1e-9)
    assert (found.energy_kwh["pv"] - low)[noon].sum() > 0.1


def test_too_large_is_an_error_with_the_days_that_are_not(five, scenario_data, monkeypatch) -> None:
    monkeypatch.setattr(optimum, "MOST", 5 * 24 * 2)
    bound(five())
    with pytest.raises(
        InputError, match=r"5 prosumers over 72 periods .* \(at most 2 days of it: --days 2\)"
    ):
        bound(five(horizon={"duration": "3 days"}))
    warm = heated(five, scenario_data, horizon={"duration": "12 hours"})  # heats: each counts as 6
    monkeypatch.setattr(optimum, "MOST", 5 * 12 * 6 - 1)
    with pytest.raises(InputError, match="5 prosumers over 12 periods"):
        bound(warm)
    monkeypatch.setattr(optimum, "MOST", 10)
    with pytest.raises(InputError, match="fewer prosumers"):
        bound(five())


def test_best_response_of_firm_prosumers_by_hand(pair) -> None:
    """Who cannot move anything buys at the market where there was one, with the charges, and sells there."""
    look = hindsight(pair(CHARGED))
    net, retail = net_of(look), look.outlook.retail[0, 0]
    price = np.full(24, np.nan)
    price[10:14] = 0.12
    price[18] = 0.25  # and 0.09 on top: dearer than the utility
    buy, sell = np.full(24, retail), np.full(24, 0.08)
    buy[10:14], sell[10:14] = 0.12 + 0.09, 0.12
    sell[18] = 0.25
    expected = buy @ np.maximum(net, 0.0) - sell @ np.maximum(-net, 0.0)
    assert best_response_eur(look, price) == pytest.approx(expected, rel=1e-9)


def test_at_the_shadow_prices_nobody_regrets_the_optimum(stores) -> None:
    """Prices at which the optimum clears leave no prosumer anything to gain (second welfare theorem): in all,
    best responses to them cost what the optimum does."""
    scenario, found = stores
    look = hindsight(scenario)
    best = best_response_eur(look, found.shadow_price)
    assert best.sum() == pytest.approx(found.optimum_eur, abs=1e-3)
    assert (best <= each_alone(look, look.outlook) + 1e-9).all()


def test_a_programme_without_solution_says_so(stores) -> None:
    from dataclasses import replace

    look = hindsight(stores[0])
    devices = dict(look.outlook.devices)
    battery = devices["battery"]
    low = battery.envelope.high_kwh + 1.0  # has to draw more than it can
    devices["battery"] = replace(battery, envelope=replace(battery.envelope, low_kwh=low))
    with pytest.raises(PolicyError, match="was not solved: infeasible"):
        optimise(replace(look.outlook, devices=devices))
