"""A prosumer's decision rests on its own data and on what is public, on nothing of another prosumer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cosim.bidding.bidder import Known
from cosim.bidding.observation import COMMON, Observer
from cosim.community.build import build_community
from cosim.core.clock import Period
from cosim.core.records import PUBLIC_FIELDS
from cosim.core.streams import Streams
from cosim.devices.fleet import Fleet, FleetState
from cosim.scenario.schema import Scenario
from cosim.simulation import Simulation


def fleet_of(kit: Any, order: list[int]) -> tuple[Fleet, Any]:
    """Four prosumers with devices of their own; prosumer 0 stays, the data of the others are exchanged."""
    clock = kit.clock("2016-06-06 20:00")
    load = np.array([1.0, 2.0, 3.0, 4.0])
    battery = np.array([6.0, 7.0, 8.0, 9.0])
    site = kit.site(clock, {"load": load[order][None, :]})
    requests = {
        "load": [kit.request("load", {}, prosumer=range(4))],
        "battery": [
            kit.request("battery", {"capacity_kwh": float(battery[who])}, prosumer=(number,))
            for number, who in enumerate(order)
        ],
        "ev": [kit.request("ev", {"capacity_kwh": 40.0 + order.index(2)}, prosumer=(order.index(2),))],
    }
    return kit.fleet(requests, site, 4), clock


def known_of(kit: Any, fleet: Fleet, state: FleetState, period: Period) -> Known:
    """What is known of a period by everybody together."""
    n = fleet.prosumers
    spans, inputs = fleet.ranges(state, period), fleet.inputs(state, period)
    return Known(spans, inputs, kit.prices(n), np.full(n, 0.1))


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [0, 3, 2, 1], [0, 2, 3, 1]])
def test_observations_hold_nothing_of_others(kit: Any, order: list[int]) -> None:
    seen = []
    for arrangement in ([0, 1, 2, 3], order):
        fleet, clock = fleet_of(kit, arrangement)
        observer, state = Observer(fleet), fleet.initial_state()
        period = clock.period(0)
        known = known_of(kit, fleet, state, period)
        seen.append(observer.observe(state, period, known, np.full(4, 0.3))[0])
    assert (seen[0] == seen[1]).all()


def test_observations_by_hand(kit: Any) -> None:
    fleet, clock = fleet_of(kit, [0, 1, 2, 3])
    observer, state, period = Observer(fleet), fleet.initial_state(), clock.period(0)
    seen = observer.observe(state, period, known_of(kit, fleet, state, period), np.full(4, 0.25))
    names = [field.name for field in observer.fields]
    assert names[: len(COMMON)] == [field.name for field in COMMON]
    row = dict(zip(names, seen[0], strict=True))
    assert row["net_forecast_kwh"] == 1.0 and row["load.kwh"] == 1.0
    assert row["battery.capacity"] == 6.0 and row["battery.soc"] == 0.5
    assert row["ev.plugged"] == row["ev.soc"] == row["ev.max_charge_kwh"] == 0.0, "it has none"
    assert row["hour_sin"] == pytest.approx(np.sin(20 / 12 * np.pi)) and row["weekend"] == 0.0
    assert seen[2][names.index("ev.plugged")] == 1.0
    assert row["lowest_retail_ahead"] == 0.25


def test_a_second_device_has_fields_of_its_own(kit: Any) -> None:
    site = kit.site(kit.clock(), {"load": [[1.0, 1.0]]})
    requests = {
        "load": [kit.request("load", {}, prosumer=(0, 1))],
        "battery": [
            kit.request("battery", {"capacity_kwh": 5}, prosumer=(0, 1)),
            kit.request("battery", {"capacity_kwh": 9}, prosumer=(1,)),
        ],
    }
    fleet = kit.fleet(requests, site, 2)
    observer, state = Observer(fleet), fleet.initial_state()
    period = kit.clock().period(0)
    seen = observer.observe(state, period, known_of(kit, fleet, state, period), np.full(2, 0.3))
    names = [field.name for field in observer.fields]
    assert seen[:, names.index("battery.capacity")].tolist() == [5.0, 5.0]
    assert seen[:, names.index("battery_2.capacity")].tolist() == [0.0, 9.0]


def test_what_a_policy_gets_of_others_does_not_grow_with_them(five: Callable[..., Scenario]) -> None:
    """The mean field is the public information of the last period and of a day before."""
    scenario = five()
    community = build_community(scenario, scenario.horizon.clock(), Streams(1))
    community.observe(0)
    assert community.gate is not None
    knowledge = community.gate.knowledge
    assert knowledge.mean_field.shape == (2 * len(PUBLIC_FIELDS),)
    assert np.isfinite(knowledge.mean_field).all() and np.isfinite(knowledge.observation).all()
    # Before the first session: prices in the middle of the band, no volume.
    assert knowledge.mean_field[0] == pytest.approx(0.19) and knowledge.mean_field[4] == 0.0


def test_the_public_memory_shows_the_last_period_and_the_same_hour_yesterday(
    five: Callable[..., Scenario],
) -> None:
    simulation = Simulation(five(horizon={"duration": "2 days"}))
    published: list[np.ndarray] = []
    for index in range(30):
        simulation.step()
        turn = simulation.communities[0].turn
        seen = turn.gate.knowledge.mean_field
        size = len(PUBLIC_FIELDS)
        for values, past in ((seen[:size], index - 1), (seen[size:], index - 24)):
            if past >= 0:
                known = published[past]
                assert np.where(np.isnan(known), values, known) == pytest.approx(values)
        published.append(turn.gate.electricity.clearing.public.values())
    assert any(row[-1] > 0 for row in published), "something was traded"


def test_a_phase_before_its_turn_is_an_error(five: Callable[..., Scenario]) -> None:
    scenario = five()
    community = build_community(scenario, scenario.horizon.clock(), Streams(1))
    community.observe(0)
    with pytest.raises(AttributeError):
        community.trade()
