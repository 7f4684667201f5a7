from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cosim.devices.hydrogen import HydrogenConfig
from cosim.errors import AuditError

PLANTS = st.fixed_dictionaries(
    {
        "electrolyser_kw": st.floats(0.0, 50.0),
        "electrolyser_efficiency": st.floats(0.3, 0.9),
        "tank_kwh": st.floats(0.0, 500.0),
        "fuel_cell_kw": st.floats(0.0, 50.0),
        "fuel_cell_efficiency": st.floats(0.3, 0.9),
        "initial_soc": st.floats(0.0, 1.0),
    }
)


def plant(kit: Any, config: dict[str, Any], minutes: int = 60) -> Any:
    site = kit.site(kit.clock(minutes=minutes))
    return kit.device(kit.request("hydrogen", config), "hydrogen", site)


def test_a_round_trip_by_hand(kit: Any) -> None:
    """10 kW x 0.6 in, 4 kW / 0.5 out: of 10 kWh of electricity 3 come back."""
    config = {
        "electrolyser_kw": 10,
        "electrolyser_efficiency": 0.6,
        "fuel_cell_kw": 4,
        "fuel_cell_efficiency": 0.5,
        "tank_kwh": 100,
        "initial_soc": 0.0,
    }
    device, clock = plant(kit, config), kit.clock()
    state = device.initial_state()
    span = device.ranges(state, clock.period(0))
    assert (span.low_kwh, span.base_kwh, span.high_kwh) == (0.0, 0.0, 10.0)
    state = device.commit(state, clock.period(0), span.high_kwh)
    assert state["hydrogen_kwh"] == pytest.approx([6.0]) == device.stored_kwh(state)
    span = device.ranges(state, clock.period(1))
    assert span.low_kwh == pytest.approx([-3.0])
    assert device.observe(state, clock.period(1), span) == pytest.approx(np.array([[0.06, 100.0, 10.0, 3.0]]))
    state = device.commit(state, clock.period(1), span.low_kwh)
    assert state["hydrogen_kwh"] == pytest.approx([0.0])


def test_its_efficiencies_go_by_the_names_that_every_store_has(kit: Any) -> None:
    device = plant(kit, {})
    assert device.columns["charge_efficiency"] == 0.65 and device.columns["discharge_efficiency"] == 0.5
    draw, give = device.reservation(np.array([0.2]))
    assert draw == pytest.approx([0.13]) and give == pytest.approx([0.4])
    assert (device.carrier, device.role, device.flexible) == ("electricity", "storage", True)


@given(
    config=PLANTS,
    actions=st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=12),
    minutes=st.sampled_from([15, 60]),
)
def test_every_action_is_feasible_and_hydrogen_balances(
    kit: Any, config: dict[str, Any], actions: list[float], minutes: int
) -> None:
    device, clock = plant(kit, config, minutes), kit.clock(minutes=minutes)
    state = device.initial_state()
    inside = config["initial_soc"] * config["tank_kwh"]
    for index, action in enumerate(actions):
        span = device.ranges(state, clock.period(index))
        assert -config["fuel_cell_kw"] * clock.hours <= span.low_kwh <= 0.0
        assert 0.0 <= span.high_kwh <= config["electrolyser_kw"] * clock.hours
        energy = span.setpoint(np.array([action]))
        inside += float(np.maximum(energy, 0.0)[0]) * config["electrolyser_efficiency"]
        inside += float(np.minimum(energy, 0.0)[0]) / config["fuel_cell_efficiency"]
        state = device.commit(state, clock.period(index), energy)
        assert 0.0 <= state["hydrogen_kwh"] <= config["tank_kwh"]
    assert float(state["hydrogen_kwh"][0]) == pytest.approx(inside, abs=1e-9 * max(1.0, config["tank_kwh"]))


def test_more_than_the_tank_holds_is_a_breach(kit: Any) -> None:
    device = plant(kit, {"tank_kwh": 10, "initial_soc": 0.9})
    with pytest.raises(AuditError, match="period 0: hydrogen 0"):
        device.commit(device.initial_state(), kit.clock().period(0), np.array([3.0]))


@pytest.mark.parametrize(
    "config", [{"electrolyser_efficiency": 1.2}, {"tank_kwh": -1}, {"initial_soc": 2}, {"capacity_kwh": 5}]
)
def test_what_cannot_be_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HydrogenConfig.model_validate(config)
