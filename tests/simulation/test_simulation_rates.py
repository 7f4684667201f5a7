"""Power flows more and less often than the market settles, passive customers, clock changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cosim.results.read import Run
from cosim.scenario.schema import Scenario
from cosim.simulation import Simulation

RunScenario = Callable[[Scenario], Run]


def same(left: Any, right: Any, absolute: float) -> None:
    np.testing.assert_allclose(np.asarray(left), np.asarray(right), rtol=0.0, atol=absolute)


def test_the_grid_more_often_than_the_market(five: Callable[..., Scenario], run_of: RunScenario) -> None:
    """Two power flows an hour from half-hourly profiles: their mean is what is metered."""
    coarse = run_of(five())
    fine = run_of(five(network={"step": 30}))
    assert len(fine.steps) == 24 and len(fine.buses) == 2 * len(coarse.buses)
    assert fine.buses.time.diff().max().total_seconds() == 1800
    for column in ("net_kwh", "p2p_kwh", "cost_eur", "generation_kwh"):
        same(fine.steps[column], coarse.steps[column], 1e-9)
    steps = fine.steps
    same(steps.slack_kwh, steps.net_kwh + steps.passive_kwh + steps.losses_kwh, 1e-5)
    at_bus = fine.buses.groupby(["period", "bus"], observed=True).p_kw
    mean = at_bus.mean().groupby("period").sum()
    same(mean, steps.net_kwh, 1e-4)
    assert (at_bus.max() - at_bus.min()).max() > 0.05, "power varies within the hour"
    # Losses grow with the square of power: those of the mean are the smaller ones.
    assert steps.losses_kwh.sum() > coarse.steps.losses_kwh.sum()


def test_the_grid_less_often_than_the_market(five: Callable[..., Scenario], run_of: RunScenario) -> None:
    every = run_of(five())
    seldom = run_of(five(network={"step": 180}))
    assert len(seldom.steps) == 24 and len(seldom.buses) * 3 == len(every.buses)
    solved = seldom.steps.iloc[::3]
    same(solved.vm_min_pu, every.steps.vm_min_pu.iloc[::3], 0.0)
    assert seldom.steps.drop(solved.index).vm_min_pu.isna().all()
    for column in ("net_kwh", "p2p_kwh", "cost_eur"):
        same(seldom.steps[column], every.steps[column], 0.0)
    assert set(seldom.buses.period) == set(range(0, 24, 3))
    # One power flow stands for three hours, with the utility alone as well: each of them books its own.
    for column in ("slack_kwh", "losses_kwh", "passive_kwh", "counterfactual_losses_kwh"):
        same(seldom.steps[column], np.repeat(every.steps[column].iloc[::3], 3), 0.0)
    assert seldom.steps.violations.drop(solved.index).sum() == 0
    assert seldom.summary["network"]["losses_kwh"] == pytest.approx(seldom.steps.losses_kwh.sum())


def test_losses_of_a_grid_that_is_solved_once_an_hour(
    five: Callable[..., Scenario], run_of: RunScenario
) -> None:
    """Energies of smooth loads and sun are much the same as from four times as many power flows, and none is
    unknown."""
    written = five().model_dump(mode="json")
    group = written["groups"][0]
    group["devices"] = {"pv": group["devices"]["pv"]}
    changes = {"horizon": written["horizon"] | {"step_minutes": 15}, "groups": [group]}
    quarters = run_of(five(**changes))
    hours = run_of(five(**changes, network={"step": 60}))
    assert len(hours.steps) == 96 and 4 * len(hours.buses) == len(quarters.buses)
    for column in ("losses_kwh", "counterfactual_losses_kwh", "slack_kwh"):
        assert hours.steps[column].sum() == pytest.approx(quarters.steps[column].sum(), rel=0.03)
    assert hours.summary["money"]["notes"] == quarters.summary["money"]["notes"] == []


def test_hours_of_broken_limits_are_those_of_the_violations(
    five: Callable[..., Scenario], run_of: RunScenario
) -> None:
    """Also where a power flow stands for several periods."""
    for minutes, hours in ((240, 4.0), (30, 0.5)):
        run = run_of(five(network={"step": minutes, "limits": {"vm_pu": [0.9999, 1.0001]}}))
        instants = run.violations.time.nunique()
        assert instants > 3
        assert run.steps.broken_h.sum() == run.summary["violations"]["hours"] == instants * hours


def test_the_run_does_not_depend_on_the_counterfactual_in_the_grid(
    five: Callable[..., Scenario], run_of: RunScenario
) -> None:
    """Solved in one call with it or alone: the same to the last bit."""
    for minutes in (60, 30):
        pair = [
            run_of(
                five(network={"step": minutes, "counterfactual": wanted, "limits": {"vm_pu": [0.999, 1.001]}})
            )
            for wanted in (True, False)
        ]
        with_it, without = pair
        assert "counterfactual_losses_kwh" not in without.steps or (
            without.steps.counterfactual_losses_kwh.isna().all()
        )
        for table in ("buses", "branches", "violations"):
            assert getattr(with_it, table).equals(getattr(without, table))
        for column in ("slack_kwh", "losses_kwh", "vm_min_pu", "violations"):
            same(with_it.steps[column], without.steps[column], 0.0)


def test_passive_customers_stay(five: Callable[..., Scenario], run_of: RunScenario) -> None:
    """The grid file's other loads draw what it says, on their buses."""
    group = five().model_dump(mode="json")["groups"][0] | {"place": {"in_place_of_loads": True}}
    run = run_of(five(groups=[group]))
    simulation = Simulation(five(groups=[group]))
    grid = simulation.communities[0].feeder.grid
    taken = set(simulation.communities[0].members.bus.tolist())
    assert len(taken) == 5
    stay = [row for row in range(len(grid.loads)) if int(grid.loads.bus[row]) not in taken]
    passive = float(grid.loads.p_kw[stay].sum())
    assert len(stay) == len(grid.loads) - 5 and passive > 100.0
    same(run.steps.passive_kwh, np.full(24, passive), 1e-6)
    steps = run.steps
    same(steps.slack_kwh, steps.net_kwh + steps.passive_kwh + steps.losses_kwh, 1e-3)
    # Trade does not see them.
    assert steps.import_kwh.max() < passive


@pytest.mark.parametrize(
    ("start", "days", "periods"), [("2016-03-26 00:00", 2, 48), ("2016-10-29 00:00", 3, 72)]
)
def test_a_run_across_a_clock_change(
    five: Callable[..., Scenario],
    run_of: RunScenario,
    tmp_path_factory: pytest.TempPathFactory,
    kit: Any,
    start: str,
    days: int,
    periods: int,
) -> None:
    """Hours are equal in physical time; vehicles keep to the local clock; nothing is missing or double."""
    folder = tmp_path_factory.mktemp("clock")
    kit.profiles(folder, start[:10], days + 1)
    run = run_of(
        five(
            folder=str(folder),
            horizon={"start": start, "zone": "Europe/Berlin", "duration": f"{days} days"},
        )
    )
    assert len(run.steps) == periods
    assert run.steps.time.diff().dropna().nunique() == 1 and run.steps.time.is_unique
    same(run.steps.slack_kwh, run.steps.net_kwh + run.steps.passive_kwh + run.steps.losses_kwh, 1e-5)
