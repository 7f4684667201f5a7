"""Where a community meets its grid: who draws what on which bus, at which instant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import acos, tan
from typing import Any

import numpy as np
import pytest

from cosim.community import build
from cosim.community.community import Community, Turn
from cosim.community.feeder import Passive
from cosim.errors import AuditError
from cosim.network.grid import Grid, Origin, load_grid
from cosim.profiles.passive import passive_loads
from cosim.scenario.schema import Scenario
from cosim.simulation import Simulation


def simulated(scenario: Scenario) -> tuple[Simulation, Community]:
    simulation = Simulation(scenario)
    return simulation, simulation.communities[0]


def after(simulation: Simulation, periods: int) -> Turn:
    for _ in range(periods):
        simulation.step()
    return simulation.communities[0].turn


def test_power_at_the_buses(five: Callable[..., Scenario]) -> None:
    simulation, community = simulated(five())
    turn = after(simulation, 13)
    (snapshot,) = turn.snapshots
    names = list(community.feeder.grid.buses.name)
    net = turn.dispatch.electricity.net_kwh  # an hour: kWh are kW
    load = community.inflexible_kwh()
    for prosumer, bus in enumerate(["Bus R11", "Bus R15", "Bus R16", "Bus R17", "Bus R18"]):
        assert snapshot.p_kw[names.index(bus)] == pytest.approx(net[prosumer])
        # Reactive power comes from the inflexible load alone, at a power factor of 0.95.
        assert snapshot.q_kvar[names.index(bus)] == pytest.approx(load[prosumer] * tan(acos(0.95)))
    assert snapshot.p_kw.sum() == pytest.approx(net.sum())
    assert np.count_nonzero(snapshot.p_kw) == 5


def test_several_prosumers_share_a_bus(five: Callable[..., Scenario]) -> None:
    group = five().model_dump(mode="json")["groups"][0] | {"place": {"buses": ["Bus R11", "Bus R15"]}}
    simulation, community = simulated(five(groups=[group]))
    turn = after(simulation, 13)
    names = list(community.feeder.grid.buses.name)
    p_kw, net = turn.snapshots[0].p_kw, turn.dispatch.electricity.net_kwh
    assert p_kw[names.index("Bus R11")] == pytest.approx(net[[0, 2, 4]].sum())
    assert p_kw[names.index("Bus R15")] == pytest.approx(net[[1, 3]].sum())


@pytest.mark.parametrize(
    ("minutes", "index", "expected"), [(None, 4, [4.0]), (120, 4, [4.0]), (120, 5, []), (30, 4, [8.0, 9.0])]
)
def test_passive_customers_draw_what_they_do_at_that_moment(
    five: Callable[..., Scenario], kit: Any, minutes: int | None, index: int, expected: list[float]
) -> None:
    """A load whose power is the number of the tick [kW], on the finer of the two clocks."""
    simulation, community = simulated(five(network={"step": minutes}))
    series = kit.series(np.arange(48.0)[:, None])
    own = Passive(np.array([3]), series, kit.series([[0.0]]), 1.0)
    community.feeder.site = replace(community.feeder.site, passive=(own,))
    assert [snapshot.passive_kw for snapshot in after(simulation, index + 1).snapshots] == expected


def test_passive_customers_follow_the_series_of_their_grid_s_scenario(
    five: Callable[..., Scenario], monkeypatch: pytest.MonkeyPatch
) -> None:
    """SimBench's loads that stand for a whole village differ between today and the future."""
    plain = load_grid(five().network, five().base)
    names = np.full(len(plain.loads), "lv_rural1", dtype=object)

    def grid_of(code: str) -> Grid:
        loads = replace(plain.loads, profile=names)
        return replace(plain, origin=Origin("simbench", code), loads=loads)

    group = five().model_dump(mode="json")["groups"][0] | {"place": {"in_place_of_loads": True}}
    scenario = five(groups=[group])
    clock = scenario.horizon.clock()
    drawn = []
    for number in (0, 2):
        code = f"1-MV-rural--{number}-sw"
        monkeypatch.setattr(build, "load_grid", lambda *_, code=code: grid_of(code))
        (passive,) = simulated(scenario)[1].feeder.site.passive
        nominal = plain.loads.p_kw[np.isin(plain.loads.bus, passive.bus)]
        expected, _ = passive_loads(["lv_rural1"] * len(nominal), nominal, nominal, clock, number)
        drawn.append(passive.active_kw.power_kw(0, 24).sum(axis=1))
        np.testing.assert_allclose(drawn[-1], expected.power_kw(0, 24).sum(axis=1), rtol=1e-12)
    assert np.abs(drawn[1] - drawn[0]).max() > 0.01 * drawn[0].max()


def test_generation_counts_negative(five: Callable[..., Scenario], kit: Any) -> None:
    simulation, community = simulated(five())
    plant = Passive(np.array([3]), kit.series([[7.0]]), kit.series([[0.0]]), -1.0)
    community.feeder.site = replace(community.feeder.site, passive=(plant,))
    (snapshot,) = after(simulation, 1).snapshots
    assert snapshot.passive_kw == -7.0
    assert snapshot.flow.slack_kw == pytest.approx(snapshot.p_kw.sum() + snapshot.flow.losses_kw, abs=1e-5)


def test_energy_that_goes_missing_in_the_grid_is_a_breach(five: Callable[..., Scenario]) -> None:
    simulation, community = simulated(five())
    solve_many = community.feeder._power_flow.solve_many

    class Leaky:
        def solve_many(self, *power: Any) -> Any:
            return [replace(flow, slack_kw=flow.slack_kw + 0.01) for flow in solve_many(*power)]

    community.feeder._power_flow = Leaky()  # type: ignore[assignment]  # a solver that is wrong
    with pytest.raises(AuditError, match="power flow 0: the grid above delivers"):
        after(simulation, 1)


def test_a_flow_that_does_not_converge_is_told(five: Callable[..., Scenario]) -> None:
    """A load far beyond what the line carries: a status of its own, no values."""
    _, community = simulated(five())
    net = np.zeros(5)
    net[4] = 1e6
    community.observe(0)
    community.decide()
    community.trade()
    community.plan()
    turn = community.turn
    turn.dispatch = replace(turn.dispatch, electricity=replace(turn.dispatch.electricity, net_kwh=net))
    community.solve()
    (snapshot,) = turn.snapshots
    assert not snapshot.flow.converged and np.isnan(snapshot.flow.vm_pu).all()
    assert list(snapshot.violations.kind) == ["diverged"]
