"""Gates that close ahead of delivery, forecasts that err, and heat that is traded: what holds in any run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

from cosim.community.community import Community, Turn
from cosim.core.arrays import sum_by
from cosim.core.dispatch import Dispatch, Position
from cosim.results.read import load
from cosim.results.tables import TABLES
from cosim.scenario.schema import Scenario
from cosim.simulation import Simulation, run

Build = Callable[..., Scenario]
every_mode = pytest.mark.parametrize("bidding", ["reservation", "setpoint"])
every_closure = pytest.mark.parametrize("closure", [0, 1, 4])
BOLD = {"default": {"kind": "zero-intelligence", "parameters": {"devices": "random"}}}
"""Whatever can be decided is drawn."""


def turns(scenario: Scenario) -> Iterator[tuple[Community, Turn]]:
    """Every period of a run, and its community."""
    simulation = Simulation(scenario)
    while not simulation.done:
        simulation.step()
        yield simulation.communities[0], simulation.communities[0].turn
    simulation.finish()


def assert_balanced(community: Community, turn: Turn) -> None:
    """Energy and money of both carriers, and gas."""
    fleet, dispatch = community.fleet, turn.dispatch
    heat = dispatch.heat
    assert heat is not None
    for position, drawn in (
        (dispatch.electricity, dispatch.electricity_kwh),
        (heat, {name: dispatch.device_kwh[name] for name in fleet.of("heat")}),
    ):
        metered = np.zeros(fleet.prosumers)
        for name, energy in drawn.items():
            metered += sum_by(fleet.kinds[name].prosumer, energy, fleet.prosumers)
        np.testing.assert_allclose(position.net_kwh, metered, rtol=0, atol=1e-9)
        paired = position.bought_kwh - position.sold_kwh - position.lost_kwh
        paired = paired + position.import_kwh - position.export_kwh + position.imbalance_kwh
        np.testing.assert_allclose(position.net_kwh, paired, rtol=0, atol=1e-9)
        assert position.bought_kwh.sum() == pytest.approx(position.sold_kwh.sum(), abs=1e-9)
        assert position.trade_cost_eur.sum() == pytest.approx(0.0, abs=1e-9)
    loop = community.outlooks.loop
    loss = 0.0 if loop is None else loop.loss_factor
    np.testing.assert_allclose(heat.lost_kwh, heat.sold_kwh * loss / (1.0 - loss), rtol=0, atol=1e-9)
    prices, bill, done = community.tariffs.prices(turn.period.index), turn.bill, dispatch.electricity
    long, short = np.minimum(done.imbalance_kwh, 0.0), np.maximum(done.imbalance_kwh, 0.0)
    expected = (
        prices.retail_eur_per_kwh * done.import_kwh
        - prices.feed_in_eur_per_kwh * done.export_kwh
        + done.trade_cost_eur
        + heat.trade_cost_eur
        + 0.09 * dispatch.gas_kwh
        + 0.40 * short
        + 0.02 * long
    )
    np.testing.assert_allclose(bill.total_eur, expected, rtol=0, atol=1e-9)


@every_closure
@every_mode
@pytest.mark.parametrize("forecast", ["perfect", "persistence", "noisy"])
def test_energy_and_money_balance(village: Build, bidding: str, closure: int, forecast: str) -> None:
    """Over two days; whatever the closure, the first periods have no gate, and nobody errs who knows all
    that is ahead."""
    scenario = village(closure, bidding, policies=BOLD, forecast=forecast, horizon={"duration": "2 days"})
    traded = wrong = heated = 0.0
    for community, turn in turns(scenario):
        assert_balanced(community, turn)
        dispatch, index = turn.dispatch, turn.period.index
        assert turn.gate.period.index == index
        assert dispatch.heat is not None
        if index < closure:
            assert not dispatch.electricity.bought_kwh.any() and not dispatch.heat.bought_kwh.any()
        traded += float(dispatch.electricity.bought_kwh.sum())
        heated += float(dispatch.heat.bought_kwh.sum())
        error = float(np.abs(dispatch.electricity.imbalance_kwh).max())
        wrong = max(wrong, error)
        assert forecast != "perfect" or error < 1e-9
    assert traded > 5.0 and heated > 0.5, "otherwise this shows nothing"
    assert forecast == "perfect" or wrong > 0.05


@every_mode
def test_what_is_contracted_is_what_was_foreseen(village: Build, bidding: str) -> None:
    """Contracts are those of the session four periods before; what was foreseen then differs from what is."""
    scenario = village(4, bidding, policies=BOLD, forecast="noisy")
    simulation, agreed = Simulation(scenario), {}
    (community,) = simulation.communities
    while not simulation.done:
        index = simulation.index
        simulation.step()
        gate, turn = community.gate, community.turn
        if gate is not None:
            assert gate.period.index == index + 4
            agreed[index + 4] = gate
        if index in agreed:
            assert turn.gate is agreed[index]
            contract, done = turn.gate.plan.dispatch, turn.dispatch
            for name in ("bought_kwh", "sold_kwh", "import_kwh", "export_kwh", "trade_cost_eur"):
                found = getattr(done.electricity, name)
                assert (found == getattr(contract.electricity, name)).all(), name
            assert done.heat is not None and contract.heat is not None
            assert (done.heat.bought_kwh == contract.heat.bought_kwh).all()
            more = done.electricity.net_kwh - contract.electricity.net_kwh
            np.testing.assert_allclose(done.electricity.imbalance_kwh, more, rtol=0, atol=1e-12)
        else:
            assert index < 4


def test_no_gate_opens_that_would_close_after_the_end(village: Build) -> None:
    simulation = Simulation(village(4))
    (community,) = simulation.communities
    opened = []
    while not simulation.done:
        simulation.step()
        opened.append(community.gate is not None)
    assert opened == [True] * 20 + [False] * 4
    assert not community.contracts


def test_a_run_shorter_than_the_gate_is_all_without_trade(village: Build) -> None:
    scenario = village(30)
    for community, turn in turns(scenario):
        assert community.gate is None
        assert not turn.dispatch.electricity.bought_kwh.any()
        assert turn.bill.total_eur == pytest.approx(turn.shadow_bill.total_eur, abs=1e-9)


@every_closure
@every_mode
@pytest.mark.parametrize("loop", [True, False])
def test_the_utility_alone_saves_exactly_nothing(
    village: Build, bidding: str, closure: int, loop: bool
) -> None:
    """With perfect forecasts: its shadow does the same, in electricity, heat and gas."""
    scenario = village(closure, bidding, loop, policies={"default": "utility-only"})
    burnt = 0.0
    for _, turn in turns(scenario):
        np.testing.assert_allclose(turn.bill.total_eur, turn.shadow_bill.total_eur, rtol=0, atol=1e-9)
        np.testing.assert_allclose(turn.reward_eur, 0.0, rtol=0, atol=1e-9)
        for name, energy in turn.dispatch.device_kwh.items():
            np.testing.assert_allclose(energy, turn.shadow.device_kwh[name], rtol=0, atol=1e-9, err_msg=name)
        for carrier in ("electricity", "heat"):
            own, shadow = getattr(turn.dispatch, carrier), getattr(turn.shadow, carrier)
            np.testing.assert_allclose(own.import_kwh, shadow.import_kwh, rtol=0, atol=1e-9)
        burnt += float(turn.dispatch.gas_kwh.sum())
        if closure == 0:
            assert (turn.bill.total_eur == turn.shadow_bill.total_eur).all()
    assert burnt > 10.0


@every_mode
@pytest.mark.parametrize("closure", [0, 2])
def test_the_same_seed_gives_the_same_run(village: Build, bidding: str, closure: int) -> None:
    def figures(seed: int) -> list[np.ndarray]:
        scenario = village(closure, bidding, policies=BOLD, forecast="noisy", seed=seed)
        found = []
        for _, turn in turns(scenario):
            found += [*_columns(turn.dispatch), turn.bill.eur, turn.shadow_bill.eur, turn.reward_eur]
        return found

    first, second, other = figures(7), figures(7), figures(8)
    assert all((one == two).all() for one, two in zip(first, second, strict=True))
    assert any((one != two).any() for one, two in zip(first, other, strict=True))


def test_the_same_seed_gives_the_same_tables(village: Build, tmp_path: Path) -> None:
    scenario = village(2, policies=BOLD, forecast="noisy")
    first, second = (load(run(scenario, tmp_path / name).folder) for name in ("first", "second"))
    assert float(first.steps.p2p_kwh.sum()) > 1.0, "something was traded"
    for name in (*TABLES, "prosumer_totals"):
        assert first.has(name) == second.has(name)
        if first.has(name):
            assert_frame_equal(first.table(name), second.table(name))


def _columns(dispatch: Dispatch) -> list[np.ndarray]:
    positions = [dispatch.electricity, dispatch.heat]
    columns = [getattr(position, name) for position in positions for name in Position.__slots__]
    return [*columns, *dispatch.device_kwh.values(), dispatch.gas_kwh]


def stored_eur_ahead(community: Community) -> np.ndarray:
    """What the stores of a community hold more than with the utility alone, in money, shape (n,)."""
    return sum(
        price
        * (
            community.fleet.stored_kwh(community.state, carrier)
            - community.counterfactual.stored_kwh(carrier)
        )
        for carrier, price in community.rewards.stored_eur_per_kwh.items()
    )


def test_heat_that_is_not_to_be_had_counts_in_rewards(village: Build) -> None:
    """The scenario's price of heat that others would have had comes off what is saved and stored."""
    scenario = village(
        2,
        "setpoint",
        policies=BOLD,
        forecast="noisy",
        heat={"loop": {"loss_factor": 0.1}, "unserved_eur_per_kwh": 2.0},
    )
    lacking, ahead = 0.0, 0.0
    for community, turn in turns(scenario):
        saving = turn.shadow_bill.total_eur - turn.bill.total_eur
        assert turn.dispatch.heat is not None and turn.shadow.heat is not None
        more = turn.dispatch.heat.import_kwh - turn.shadow.heat.import_kwh
        before, ahead = ahead, stored_eur_ahead(community)
        np.testing.assert_allclose(turn.reward_eur, saving - 2.0 * more + ahead - before, rtol=0, atol=1e-12)
        lacking += float(np.abs(more).sum())
    assert lacking > 0.1, "otherwise this shows nothing"
