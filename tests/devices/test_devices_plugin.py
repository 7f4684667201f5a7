"""A device that somebody else wrote, from a scenario to the tables: examples/device_plugin.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.devices import registry
from cosim.errors import ScenarioError
from cosim.results.read import load
from cosim.scenario.load import load_scenario
from cosim.scenario.schema import Scenario
from cosim.simulation import run

EXAMPLES = Path(__file__).parents[2] / "examples"
NAME = "device_plugin:WaterHeater"


@pytest.fixture(scope="module", autouse=True)
def _importable() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLES))
        yield


def test_the_example_is_short() -> None:
    assert len((EXAMPLES / "device_plugin.py").read_text().splitlines()) < 80


@given(
    settings=st.fixed_dictionaries(
        {name: st.floats(0.0, 20.0) for name in ("tank_kwh", "power_kw", "daily_kwh")}
    ),
    actions=st.lists(st.floats(-1.0, 1.0), min_size=24, max_size=24),
)
def test_heat_balances(kit: Any, settings: dict[str, float], actions: list[float]) -> None:
    clock = kit.clock()
    device = registry.load(NAME).build([kit.request(NAME, settings)], kit.site(clock))
    state, drawn = device.initial_state(), 0.0
    for index, action in enumerate(actions):
        span = device.ranges(state, clock.period(index))
        assert span.low_kwh <= span.base_kwh <= span.high_kwh <= settings["power_kw"]
        energy = span.setpoint(np.array([action]))
        drawn += float(energy[0])
        state = device.commit(state, clock.period(index), energy)
        assert 0.0 <= state["heat_kwh"] <= settings["tank_kwh"]
    served = settings["daily_kwh"] - float(state["unserved_kwh"][0])
    change = float(state["heat_kwh"][0]) - 0.5 * settings["tank_kwh"]
    assert drawn == pytest.approx(served + change, abs=1e-9)


@pytest.mark.parametrize("bidding", ["reservation", "setpoint"])
@pytest.mark.parametrize("policy", ["self-consumption", "zero-intelligence", "utility-only"])
def test_it_runs_from_a_scenario(
    five: Callable[..., Scenario], tmp_path: Path, policy: str, bidding: str
) -> None:
    group = five().model_dump(mode="json")["groups"][0]
    group["devices"][NAME] = {"share": 0.6, "tank_kwh": {"uniform": [6, 12]}}
    scenario = five(
        groups=[group],
        policies={"default": policy},
        market={"bidding": bidding},
        prosumers={"homes-004": {"devices": {NAME: {"power_kw": 3.0}, "battery": None}}},
    )
    out = load(run(scenario, tmp_path / "out").folder)
    table = out.prosumers.assign(prosumer=out.prosumers.prosumer.astype(str))
    drawn = table.groupby("prosumer")["water-heater_kwh"].sum()
    assert 3 <= (drawn > 0.0).sum() <= 4 and drawn["homes-004"] > 0.0
    # 6 kWh are used; a tank starts half full and ends between empty and full.
    assert drawn[drawn > 0.0].le(6.0 + 6.0).all()
    devices = table.load_kwh - table.generation_kwh + table.battery_kwh
    np.testing.assert_allclose(table.net_kwh, devices, atol=1e-9)
    if policy == "utility-only":
        assert (table.cost_eur == table.counterfactual_cost_eur).all()
    # The resolved scenario names the device as it was written, and runs again.
    again = load_scenario(out.path / "scenario.yaml")
    assert NAME in again.groups[0].devices


def test_what_is_wrong_with_its_settings_is_told_like_any_other(
    five: Callable[..., Scenario], tmp_path: Path
) -> None:
    text = (
        "name: own\nhorizon: {start: 2016-06-06, duration: 1 day}\n"
        "tariffs: {default: {retail: 0.3, feed_in: 0.08}}\npolicies: {default: utility-only}\n"
        "groups:\n- name: homes\n  count: 2\n  devices:\n"
        f"    {NAME}:\n      tank_kw: 5\n      power_kw: -1\n"
    )
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)
    problems = {problem.line: str(problem) for problem in caught.value.problems}
    assert set(problems) == {10, 11}
    assert "tank_kwh" in problems[10] and "-1" in problems[11]
