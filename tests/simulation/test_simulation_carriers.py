"""What is recorded of heat, gas and imbalance: balances, bills by hand, totals, and columns only where there
is something to record."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cosim.results.carriers import FURTHER, Extent, further
from cosim.results.read import Run
from cosim.results.tables import PROSUMERS, STEPS, TRADES
from cosim.scenario.schema import Scenario

VILLAGE = Path(__file__).resolve().parents[2] / "networks" / "village.json"
RETAIL, FEED_IN, GAS, SHORT, LONG = 0.30, 0.08, 0.10, 0.35, 0.05
CARBON_EUR_PER_KWH = 45.0 / 1000.0 * 0.2
"""Of gas, at the figures below."""
HEAT: dict[str, Any] = {
    "name": "warm",
    "seed": 3,
    "horizon": {
        "start": "2015-01-12 06:00",
        "zone": "Europe/Berlin",
        "duration": "9 hours",
        "step_minutes": 60,
    },
    "network": {"source": "json", "name": str(VILLAGE)},
    "weather": {"source": "demandlib", "region": 4},
    "heat": {"loop": {"loss_factor": 0.1, "capacity_kw": 100}},
    "forecast": "noisy",
    "market": {"gate_closure": 1},
    "tariffs": {
        "default": {
            "retail": RETAIL,
            "feed_in": FEED_IN,
            "gas": GAS,
            "imbalance": {"short": SHORT, "long": LONG},
        },
        "carbon": {"price": 45, "gas_kg_per_kwh": 0.2, "electricity_kg_per_kwh": 0.4},
    },
    "groups": [
        {
            "name": "homes",
            "count": 6,
            "load": {"annual_energy_kwh": 3500},
            "devices": {
                "pv": {"share": 0.5, "peak_kw": 8},
                "heat_demand": {},
                "heat_pump": {"share": 0.5},
                "chp": {"share": 0.35},
                "boiler": {"efficiency": 0.9},
                "heat_store": {"share": 0.5},
            },
        }
    ],
    "policies": {"default": "self-consumption"},
    "outputs": {"report": False},
}


@pytest.fixture(scope="module")
def warm(run_of: Callable[[Scenario], Run]) -> Callable[..., Run]:
    """Runs of the village with heat, each made once: `warm(forecast="perfect")` changes settings."""

    known: dict[str, Run] = {}

    def simulate(**changes: Any) -> Run:
        data = {key: value for key, value in (HEAT | changes).items() if value is not None}
        if repr(changes) not in known:
            known[repr(changes)] = run_of(Scenario.model_validate(data))
        return known[repr(changes)]

    return simulate


def same(left: Any, right: Any, absolute: float = 1e-9) -> None:
    np.testing.assert_allclose(np.asarray(left), np.asarray(right), rtol=0.0, atol=absolute)


def test_both_carriers_balance_at_every_prosumer(warm: Callable[..., Run]) -> None:
    table = warm().prosumers
    assert len(table) == 9 * 6
    paired = table.bought_kwh - table.sold_kwh + table.import_kwh - table.export_kwh + table.imbalance_kwh
    same(table.net_kwh, paired)
    given = table.heat_bought_kwh - table.heat_sold_kwh - table.heat_lost_kwh
    given += table.heat_unserved_kwh - table.heat_dumped_kwh
    same(table.heat_load_kwh + table.heat_store_kwh - table.heat_produced_kwh, given)
    same(table.heat_load_kwh, table.heat_demand_kwh)
    same(table.heat_produced_kwh, -(table.heat_pump_kwh + table.chp_kwh + table.boiler_kwh))
    assert table.imbalance_kwh.abs().sum() > 0.1
    assert table.heat_sold_kwh.sum() > 1.0


def test_electricity_and_gas_follow_from_heat(warm: Callable[..., Run]) -> None:
    table = warm().prosumers
    same(table.net_kwh, table.load_kwh - table.generation_kwh)
    drawn = table.heat_pump_electricity_kwh.clip(lower=0.0)
    assert (drawn > 0.1).any()
    assert ((drawn > 0.0) == (table.heat_pump_kwh < 0.0)).all()
    chp = pd.DataFrame({"heat": -table.chp_kwh, "electricity": -table.chp_electricity_kwh})
    assert (chp.heat > 0.1).any()
    ratio = chp[chp.heat > 0.0].electricity / chp[chp.heat > 0.0].heat
    assert ratio.std() == pytest.approx(0.0, abs=1e-9)
    without = table[table.chp_kwh == 0.0]
    same(without.gas_kwh, -without.boiler_kwh / 0.9)


def test_bills_are_what_the_tariff_says(warm: Callable[..., Run]) -> None:
    table = warm().prosumers
    short, long = table.imbalance_kwh.clip(lower=0.0), (-table.imbalance_kwh).clip(lower=0.0)
    same(table.imbalance_eur, SHORT * short - LONG * long)
    same(table.gas_eur, GAS * table.gas_kwh)
    same(table.carbon_eur, CARBON_EUR_PER_KWH * table.gas_kwh)
    bill = RETAIL * table.import_kwh - FEED_IN * table.export_kwh + table.trade_cost_eur
    bill += table.heat_trade_eur + table.imbalance_eur + table.gas_eur + table.carbon_eur
    same(table.cost_eur, bill)


def test_steps_are_the_sums_of_the_prosumers(warm: Callable[..., Run]) -> None:
    run = warm()
    sums = run.prosumers.groupby("period").sum(numeric_only=True)
    shared = [name for name in sums if name in run.steps]
    assert {"heat_load_kwh", "heat_unserved_kwh", "heat_stored_kwh", "gas_kwh", "imbalance_eur"} <= set(
        shared
    )
    for name in shared:
        same(run.steps[name], sums[name])
    beyond = run.prosumers.imbalance_kwh.groupby(run.prosumers.period)
    same(run.steps.short_kwh, beyond.apply(lambda energy: energy.clip(lower=0.0).sum()))
    same(run.steps.long_kwh, beyond.apply(lambda energy: (-energy).clip(lower=0.0).sum()))
    same(run.steps.net_kwh, run.steps.delivered_import_kwh - run.steps.delivered_export_kwh)
    same(run.steps.slack_kwh, run.steps.net_kwh + run.steps.losses_kwh, 1e-6)
    electricity = run.prosumers.heat_pump_electricity_kwh + run.prosumers.chp_electricity_kwh
    same(run.steps.heat_electricity_kwh, electricity.groupby(run.prosumers.period).sum())
    same(run.steps.carbon_kg, 0.2 * run.steps.gas_kwh + 0.4 * run.steps.net_kwh.clip(lower=0.0))
    same(run.steps.unserved_penalty_eur, 1.0 * run.steps.heat_unserved_kwh)


def test_totals_are_the_sums_over_the_run(warm: Callable[..., Run]) -> None:
    run = warm()
    sums = run.prosumers.groupby("prosumer", observed=True).sum(numeric_only=True)
    totals = run.prosumer_totals.set_index("prosumer").loc[list(sums.index)]
    for name in (
        "heat_load_kwh",
        "heat_sold_kwh",
        "heat_trade_eur",
        "gas_eur",
        "imbalance_eur",
        "boiler_kwh",
    ):
        same(totals[name], sums[name])
    assert "heat_stored_kwh" not in totals
    same(totals.heat_pump_electricity_kwh, sums.heat_pump_electricity_kwh)


def test_trades_name_their_carrier(warm: Callable[..., Run]) -> None:
    run = warm()
    trades = run.trades
    by_carrier = trades.groupby("carrier", observed=True).quantity_kwh.sum()
    assert by_carrier["heat"] == pytest.approx(run.steps.heat_p2p_kwh.sum())
    assert by_carrier.get("electricity", 0.0) == pytest.approx(run.steps.p2p_kwh.sum())
    heat = trades[trades.carrier == "heat"]
    same(run.steps.heat_trades, heat.groupby("period").size().reindex(range(9), fill_value=0))
    paid = (heat.quantity_kwh * heat.price_eur_per_kwh).groupby(heat.buyer, observed=False).sum()
    received = (heat.quantity_kwh * heat.price_eur_per_kwh).groupby(heat.seller, observed=False).sum()
    traded = run.prosumers.groupby("prosumer", observed=True).heat_trade_eur.sum()
    for name, cost in traded.items():
        assert cost == pytest.approx(paid.get(name, 0.0) - received.get(name, 0.0), abs=1e-9)
    # Ten percent of what the seller gives is lost.
    same(run.steps.heat_lost_kwh, run.steps.heat_p2p_kwh / 9.0)


def test_the_summary_tells_the_same(warm: Callable[..., Run]) -> None:
    run = warm()
    found, steps = run.summary, run.steps
    assert found["heat"]["load_kwh"] == pytest.approx(steps.heat_load_kwh.sum())
    assert found["heat"]["p2p_kwh"] == pytest.approx(steps.heat_p2p_kwh.sum())
    worth = (steps.heat_mean_price * steps.heat_p2p_kwh).sum()
    assert found["heat"]["mean_price_eur_per_kwh"] == pytest.approx(worth / steps.heat_p2p_kwh.sum())
    efficiency = steps.heat_surplus_eur.sum() / steps.heat_optimal_surplus_eur.sum()
    assert found["heat"]["allocative_efficiency"] == pytest.approx(efficiency)
    assert 0.5 < efficiency <= 1.0
    assert found["gas"]["gas_eur"] == pytest.approx(GAS * steps.gas_kwh.sum())
    assert found["carbon"]["carbon_kg"] == pytest.approx(sum(found["money"]["carbon_kg"].values()))
    imbalance = found["imbalance"]
    assert imbalance["energy_kwh"] == pytest.approx((steps.short_kwh + steps.long_kwh).sum())
    assert imbalance["share_of_load"] == pytest.approx(imbalance["energy_kwh"] / steps.load_kwh.sum())
    assert set(found["audit"]) == {"energy_residual", "heat_residual", "money_residual"}
    assert max(found["audit"].values()) < 1e-9
    assert found["energy"]["self_sufficiency"] == pytest.approx(
        max(0.0, 1.0 - steps.delivered_import_kwh.sum() / steps.load_kwh.sum())
    )


def test_stored_heat_is_worth_what_heat_cost_to_produce(warm: Callable[..., Run]) -> None:
    run = warm()
    steps, heat, cost = run.steps, run.summary["heat"], run.summary["cost"]
    electricity = 0.5 * (RETAIL + FEED_IN)
    paid = steps.gas_eur.sum() + steps.carbon_eur.sum() + electricity * steps.heat_electricity_kwh.sum()
    price = paid / steps.heat_produced_kwh.sum()
    assert 0.05 < price < 0.2
    more = steps.heat_stored_kwh.iloc[-1] - steps.counterfactual_heat_stored_kwh.iloc[-1]
    assert heat["stored_difference_kwh"] == pytest.approx(more)
    assert heat["stored_difference_eur"] == pytest.approx(price * more)
    stored = run.summary["money"]["stored"]
    assert stored["difference_kwh"]["heat"] == pytest.approx(more)
    assert stored["worth_eur"] == pytest.approx(cost["stored_difference_eur"] + heat["stored_difference_eur"])
    assert run.summary["money"]["saving_with_stored_eur"] == pytest.approx(cost["saving_with_stored_eur"])


def _columns(run: Run, table: str) -> set[str]:
    return set(run.table(table).columns)


def _names(columns: Any) -> set[str]:
    return {column.name for column in columns}


def test_a_run_has_the_columns_of_what_it_has(
    warm: Callable[..., Run], five: Callable[..., Scenario], run_of: Callable[[Scenario], Run]
) -> None:
    plain = run_of(five(horizon={"duration": "2 hours"}))
    assert _columns(plain, "steps") == _names((*STEPS.keys, *STEPS.columns))
    kinds = {"pv_kwh", "battery_kwh", "ev_kwh"}
    assert _columns(plain, "prosumers") == _names((*PROSUMERS.keys, *PROSUMERS.columns)) | kinds
    assert _columns(plain, "trades") == _names((*TRADES.keys, *TRADES.columns))
    assert not {"heat", "gas", "carbon", "imbalance"} & set(plain.summary)
    everything = further(Extent(True, True, True, True, True))
    for table, columns in everything.items():
        assert _names(columns) <= _columns(warm(), table)
    alone = warm(heat=None, forecast="perfect", market=None)
    for part in ("heat_market", "imbalance"):
        assert not _names(FURTHER[part].steps) & _columns(alone, "steps")
        assert not _names(FURTHER[part].prosumers) & _columns(alone, "prosumers")
    for part in ("heat", "gas", "carbon"):
        assert _names(FURTHER[part].steps) <= _columns(alone, "steps")
    assert "carrier" not in _columns(alone, "trades")
    assert "p2p_kwh" not in alone.summary["heat"]


def test_perfect_forecasts_leave_no_imbalance(warm: Callable[..., Run]) -> None:
    run = warm(forecast="perfect")
    assert run.prosumers.imbalance_kwh.abs().max() < 1e-9
    assert run.summary["imbalance"]["cost_eur"] == pytest.approx(0.0, abs=1e-9)


def test_the_utility_alone_saves_exactly_nothing(warm: Callable[..., Run]) -> None:
    run = warm(forecast="perfect", market=None, policies={"default": "utility-only"}, heat=None)
    assert (run.prosumers.cost_eur == run.prosumers.counterfactual_cost_eur).all()
    assert (run.steps.gas_kwh == run.steps.counterfactual_gas_kwh).all()
    assert (run.steps.heat_stored_kwh == run.steps.counterfactual_heat_stored_kwh).all()
    assert (run.steps.heat_unserved_kwh == run.steps.counterfactual_heat_unserved_kwh).all()
    assert (run.steps.carbon_kg == run.steps.counterfactual_carbon_kg).all()
