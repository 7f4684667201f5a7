"""What holds in every run: energy and money balance, whoever decides and however they bid."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cosim.market.surplus import call_auction_surplus
from cosim.policies.registry import names
from cosim.results.read import Run, load
from cosim.scenario.load import load_scenario
from cosim.scenario.schema import Scenario
from cosim.simulation import Simulation, columns, run

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
RULES = ["utility-only", "self-consumption", "fixed-reservation", "zero-intelligence", "zip"]
every_policy = pytest.mark.parametrize("policy", RULES)
every_mode = pytest.mark.parametrize("bidding", ["reservation", "setpoint"])


def same(left: Any, right: Any, absolute: float = 1e-9) -> None:
    np.testing.assert_allclose(np.asarray(left), np.asarray(right), rtol=0.0, atol=absolute)


def test_every_policy_is_among_those_that_are_run_here() -> None:
    assert set(RULES) <= set(names())


@every_policy
def test_nobody_sells_and_imports_in_the_same_period(policy: str, tmp_path: Path) -> None:
    """Own need comes before the market, also that of a vehicle that charges whatever the price."""
    changes = [("policies.default", policy), ("outputs.report", False), ("market.parameters.rounds", 3)]
    scenario = load_scenario(SCENARIOS / "rural-100-summer.yaml", changes, days=2)
    table = load(run(scenario, tmp_path / "run").folder).prosumers
    both = np.minimum(table.sold_kwh, table.import_kwh)
    assert float(both.max()) < 1e-9
    assert policy == "utility-only" or float(table.sold_kwh.sum()) > 100.0


@every_mode
@every_policy
def test_energy_balances_at_every_meter(run_with: Callable[..., Run], policy: str, bidding: str) -> None:
    table = run_with(policy, bidding).prosumers
    assert len(table) == 24 * 5
    paired = table.bought_kwh - table.sold_kwh + table.import_kwh - table.export_kwh
    same(table.net_kwh, paired)
    # The column load_kwh holds vehicles, too.
    devices = table.load_kwh - table.generation_kwh + table.battery_kwh
    same(table.net_kwh, devices)
    same(table.pv_kwh, -table.generation_kwh, 1e-12)
    flows = table[["bought_kwh", "sold_kwh", "import_kwh", "export_kwh", "generation_kwh", "stored_kwh"]]
    assert (flows >= 0.0).all(axis=None)


@every_mode
@every_policy
def test_what_is_bought_is_sold_in_energy_and_money(
    run_with: Callable[..., Run], policy: str, bidding: str
) -> None:
    run = run_with(policy, bidding)
    by_period = run.prosumers.groupby("period")[["bought_kwh", "sold_kwh", "trade_cost_eur"]].sum()
    same(by_period.bought_kwh, by_period.sold_kwh)
    same(by_period.trade_cost_eur, np.zeros(24))
    trades = run.trades.assign(
        buyer=run.trades.buyer.astype(str), seller=run.trades.seller.astype(str)
    ).assign(paid=run.trades.quantity_kwh * run.trades.price_eur_per_kwh)
    assert (trades.buyer != trades.seller).all()
    bought = trades.groupby(["period", "buyer"])[["quantity_kwh", "paid"]].sum()
    sold = trades.groupby(["period", "seller"])[["quantity_kwh", "paid"]].sum()
    table = run.prosumers.assign(prosumer=run.prosumers.prosumer.astype(str))
    table = table.set_index(["period", "prosumer"])
    same(table.bought_kwh, _like(bought.quantity_kwh, table))
    same(table.sold_kwh, _like(sold.quantity_kwh, table))
    cost = _like(bought.paid, table) - _like(sold.paid, table)
    same(table.trade_cost_eur, cost)
    if policy == "utility-only":
        assert len(trades) == 0
    else:
        assert len(trades) > 0, "the scenario has something to trade"


def _like(values: Any, table: pd.DataFrame) -> np.ndarray:
    found: np.ndarray = values.reindex(table.index, fill_value=0.0).to_numpy()
    return found


@every_mode
@every_policy
def test_trades_keep_between_feed_in_and_retail(
    run_with: Callable[..., Run], policy: str, bidding: str
) -> None:
    prices = run_with(policy, bidding).trades.price_eur_per_kwh
    assert prices.between(0.08 - 1e-12, 0.30 + 1e-12).all()


@every_mode
@every_policy
def test_the_grid_above_delivers_what_is_metered_and_lost(
    run_with: Callable[..., Run], policy: str, bidding: str
) -> None:
    run = run_with(policy, bidding)
    steps = run.steps
    assert steps.converged.all()
    same(steps.slack_kwh, steps.net_kwh + steps.passive_kwh + steps.losses_kwh, 1e-6)
    assert steps.passive_kwh.eq(0.0).all() and steps.losses_kwh.gt(0.0).all()
    totals = run.prosumers.groupby("period")[["net_kwh", "import_kwh", "export_kwh"]].sum()
    for column in totals:
        same(steps[column], totals[column])
    buses = run.buses.groupby("period").p_kw.sum()
    same(buses, steps.net_kwh, 1e-4)  # float32, an hour


@every_mode
@every_policy
def test_bills_are_what_the_tariff_says(run_with: Callable[..., Run], policy: str, bidding: str) -> None:
    table = run_with(policy, bidding).prosumers
    bill = 0.30 * table.import_kwh - 0.08 * table.export_kwh + table.trade_cost_eur
    same(table.cost_eur, bill)


@every_mode
@every_policy
def test_surplus_is_at_most_that_of_a_call_auction(
    run_with: Callable[..., Run], policy: str, bidding: str
) -> None:
    steps = run_with(policy, bidding).steps
    assert (steps.surplus_eur >= -1e-9).all()
    assert (steps.surplus_eur <= steps.optimal_surplus_eur + 1e-9).all()


@every_mode
def test_the_utility_alone_saves_exactly_nothing(run_with: Callable[..., Run], bidding: str) -> None:
    run = run_with("utility-only", bidding)
    assert (run.prosumers.cost_eur == run.prosumers.counterfactual_cost_eur).all()
    assert (run.steps.import_kwh == run.steps.counterfactual_import_kwh).all()
    assert (run.steps.export_kwh == run.steps.counterfactual_export_kwh).all()
    assert (run.steps.stored_kwh == run.steps.counterfactual_stored_kwh).all()
    assert not run.steps.trades.any() and not run.steps.p2p_kwh.any()
    assert run.prosumer_totals.saving_eur.eq(0.0).all() and not run.prosumer_totals.worse_off.any()
    assert run.prosumers.battery_kwh.abs().sum() > 1.0 and run.prosumers.ev_kwh.sum() > 1.0


def test_saving_of_fixed_positions(five: Callable[..., Scenario], run_of: Callable[[Scenario], Run]) -> None:
    """validation.md: with every price in [feed-in, retail] and no charges on trades, matching fixed positions
    saves (retail - feed-in) x min(wanted, offered) in every period."""
    groups = five().model_dump(mode="json")["groups"]
    del groups[0]["devices"]["ev"], groups[0]["devices"]["battery"]
    for price in ("resting", "midpoint"):
        run = run_of(five(groups=groups, market={"parameters": {"price": price}}))
        table = run.prosumers
        wanted = table.net_kwh.clip(lower=0.0).groupby(table.period).sum()
        offered = (-table.net_kwh).clip(lower=0.0).groupby(table.period).sum()
        matched = np.minimum(wanted, offered)
        assert (matched > 0.1).sum() >= 5
        saving = run.steps.counterfactual_cost_eur - run.steps.cost_eur
        same(run.steps.p2p_kwh, matched)
        same(saving, 0.22 * matched)


def test_the_money_table_adds_up(run_with: Callable[..., Run]) -> None:
    """What the prosumers save, the retailer loses or the outside no longer receives."""
    run = run_with("self-consumption", "reservation")
    money = run.summary["money"]
    saving = (run.prosumers.counterfactual_cost_eur - run.prosumers.cost_eur).sum()
    assert money["saving_eur"] == pytest.approx(saving, abs=1e-9)


def test_the_money_table_values_stores_as_the_indicators_do(
    five: Callable[..., Scenario], run_of: Callable[[Scenario], Run]
) -> None:
    """A run that ends in the afternoon, while batteries hold what trading left in them."""
    run = run_of(five(policies={"default": "self-consumption"}, horizon={"duration": "14 hours"}))
    money, cost = run.summary["money"], run.summary["cost"]
    assert cost["stored_difference_kwh"] != 0.0, "otherwise this shows nothing"
    assert set(money["stored"]["difference_kwh"]) == {"electricity"}
    difference = money["stored"]["difference_kwh"]["electricity"]
    assert difference == pytest.approx(cost["stored_difference_kwh"], abs=1e-9)
    assert money["stored"]["worth_eur"] == pytest.approx(cost["stored_difference_eur"], abs=1e-9)
    assert money["saving_with_stored_eur"] == pytest.approx(cost["saving_with_stored_eur"], abs=1e-9)


@pytest.mark.parametrize("policy", ["zero-intelligence", "zip"])
def test_surplus_counts_limit_prices_whatever_is_quoted(five: Callable[..., Scenario], policy: str) -> None:
    """A bold quote that finds nobody is a loss of surplus, not a smaller optimum."""
    simulation = Simulation(five(policies={"default": policy}, market={"parameters": {"rounds": 3}}))
    gained = 0.0
    for _ in range(24):
        simulation.step()
        (community,) = simulation.communities
        gate = community.turn.gate
        rows, done, bids = gate.electricity.rows, gate.electricity.clearing, gate.plan.offers.bids
        expected = 0.0
        for order, row in enumerate(rows):
            filled = done.traded_kwh[order] + done.internal_kwh[order]
            expected += filled * bids.limit_price_eur_per_kwh[row] * bids.side[row]
        found = columns.steps(community)
        assert found["surplus_eur"] == pytest.approx(expected, abs=1e-12)
        truthful = call_auction_surplus(gate.electricity.orders, bids.limit_price_eur_per_kwh[rows])
        assert found["optimal_surplus_eur"] == truthful
        gained += expected
    assert gained > 0.1
