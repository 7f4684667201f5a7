"""A device that somebody else wrote, from its contract to the tables of a run: examples/device_plugin.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.devices import registry
from cosim.errors import ScenarioError
from cosim.scenario.load import load_scenario
from cosim.scenario.schema import Scenario

EXAMPLES = Path(__file__).parents[2] / "examples"
NAME = "device_plugin:SolarThermal"


@pytest.fixture(scope="module", autouse=True)
def _importable() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLES))
        yield


@dataclass
class Weather:
    """Sun and air by tick."""

    ghi_w_per_m2: np.ndarray
    temperature_c: np.ndarray

    def values(self, quantity: str, first: int, last: int) -> np.ndarray:
        found: np.ndarray = getattr(self, quantity)[first:last]
        return found


def collectors(kit: Any, settings: dict[str, Any], sun: Any, air: Any, ticks: int = 1) -> Any:
    weather = Weather(np.asarray(sun, dtype=float), np.asarray(air, dtype=float))
    site = replace(kit.site(kit.clock(), ticks=ticks), weather=weather)
    return registry.load(NAME).build([kit.request(NAME, settings)], site)


def test_the_example_is_short() -> None:
    assert len((EXAMPLES / "device_plugin.py").read_text().splitlines()) < 80


def test_heat_is_that_of_the_collector_equation(kit: Any) -> None:
    """5 m2, 40 K above the air: 0.78 x 800 - 3.5 x 40 - 0.015 x 1600 = 460 W/m2; nothing from 100 W/m2."""
    device = collectors(kit, {"area_m2": 5}, sun=[800.0, 100.0], air=[10.0, 10.0])
    clock, state = kit.clock(), device.initial_state()
    bright, dull = (device.ranges(state, clock.period(index)) for index in (0, 1))
    assert bright.low_kwh == pytest.approx([-2.3]) and bright.base_kwh == bright.high_kwh == 0.0
    assert dull.low_kwh == dull.high_kwh == 0.0
    pump = device.inputs(state, clock.period(0))["electricity"] * bright.low_kwh
    assert pump == pytest.approx([0.046])
    assert device.observe(state, clock.period(0), bright) == pytest.approx(np.array([[2.3]]))
    both = collectors(kit, {"area_m2": 5}, sun=[800.0, 100.0], air=[10.0, 10.0], ticks=2)
    assert both.ranges(state, clock.period(0)).low_kwh == pytest.approx([-1.15])


@given(
    settings=st.fixed_dictionaries(
        {"area_m2": st.floats(0.0, 30.0), "water_c": st.floats(20.0, 90.0), "pump_share": st.floats(0.0, 0.1)}
    ),
    sun=st.lists(st.floats(0.0, 1200.0), min_size=24, max_size=24),
    air=st.floats(-20.0, 35.0),
    actions=st.lists(st.floats(-1.0, 1.0), min_size=24, max_size=24),
)
def test_no_more_heat_than_sun(
    kit: Any, settings: dict[str, float], sun: list[float], air: float, actions: list[float]
) -> None:
    device = collectors(kit, settings, sun, np.full(24, air))
    clock, state, heat = kit.clock(), device.initial_state(), 0.0
    plan = device.envelope(state, 0, 24)
    for index, action in enumerate(actions):
        span = device.ranges(state, clock.period(index))
        energy = device.setpoint(span, np.array([action]))
        assert span.low_kwh <= energy <= span.high_kwh <= 0.0
        assert plan.low_kwh[index] == span.low_kwh and plan.high_kwh[index] == span.high_kwh
        assert plan.inputs["electricity"][index] * energy >= 0.0
        state = device.commit(state, clock.period(index), energy)
        heat -= float(energy[0])
    assert heat <= settings["area_m2"] * sum(sun) / 1000.0 + 1e-9


@pytest.mark.parametrize("bidding", ["reservation", "setpoint"])
@pytest.mark.parametrize("policy", ["self-consumption", "zero-intelligence", "utility-only"])
def test_it_runs_from_a_scenario(
    five: Callable[..., Scenario], tmp_path: Path, policy: str, bidding: str
) -> None:
    # Here, so that what concerns the contract alone needs no more than it.
    from cosim.results.read import load
    from cosim.simulation import run

    group = five().model_dump(mode="json")["groups"][0]
    group["devices"]["heat_demand"] = {"annual_heat_kwh": 8000, "hot_water_kwh": 3000}
    group["devices"]["boiler"] = {}
    group["devices"][NAME] = {"share": 0.6, "area_m2": {"uniform": [3, 6]}}
    scenario = five(
        groups=[group],
        weather={"source": "demandlib"},
        tariffs={"default": {"retail": 0.30, "feed_in": 0.08, "gas": 0.10}},
        policies={"default": policy},
        market={"bidding": bidding},
        prosumers={"homes-004": {"devices": {NAME: {"area_m2": 5.0}, "battery": None}}},
    )
    out = load(run(scenario, tmp_path / "out").folder)
    table = out.prosumers.assign(prosumer=out.prosumers.prosumer.astype(str))
    heat = -table.groupby("prosumer")["solar-thermal_kwh"].sum()
    assert 3 <= (heat > 0.0).sum() <= 4 and heat["homes-004"] > 0.0
    # A day of June has at most 9 kWh/m2 of sun, of which a collector can use 78 %.
    assert heat.between(0.0, 6.0 * 9.0 * 0.78).all()
    # The sun costs less than gas: the boiler gives what is left, and nothing else makes heat.
    balance = table["heat_demand_kwh"] + table["boiler_kwh"] + table["solar-thermal_kwh"]
    np.testing.assert_allclose(balance, 0.0, atol=1e-9)
    if policy == "utility-only":
        assert (table.cost_eur == table.counterfactual_cost_eur).all()
    # The resolved scenario names the device as it was written, and runs again.
    again = load_scenario(out.path / "scenario.yaml")
    assert NAME in again.groups[0].devices


def test_what_is_wrong_with_its_settings_is_told_like_any_other(tmp_path: Path) -> None:
    text = (
        "name: own\nhorizon: {start: 2016-06-06, duration: 1 day}\n"
        "tariffs: {default: {retail: 0.3, feed_in: 0.08}}\npolicies: {default: utility-only}\n"
        "groups:\n- name: homes\n  count: 2\n  devices:\n"
        f"    {NAME}:\n      area_m: 5\n      pump_share: -1\n"
    )
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)
    problems = {problem.line: str(problem) for problem in caught.value.problems}
    assert set(problems) == {10, 11}
    assert "area_m2" in problems[10] and "-1" in problems[11]
