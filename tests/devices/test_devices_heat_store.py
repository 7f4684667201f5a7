from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cosim.devices.heat_store import HeatStoreConfig
from cosim.errors import AuditError

STORES = st.fixed_dictionaries(
    {
        "volume_l": st.floats(0.0, 2000.0),
        "spread_k": st.floats(0.0, 60.0),
        "max_charge_kw": st.floats(0.0, 30.0),
        "max_discharge_kw": st.floats(0.0, 30.0),
        "charge_efficiency": st.floats(0.3, 1.0),
        "discharge_efficiency": st.floats(0.3, 1.0),
        "loss_per_hour": st.floats(0.0, 1.0),
        "initial_soc": st.floats(0.0, 1.0),
    }
)


def store(kit: Any, config: dict[str, Any], minutes: int = 60, count: int = 1) -> Any:
    request = kit.request("heat_store", config, prosumer=range(count))
    return kit.device(request, "heat_store", kit.site(kit.clock(minutes=minutes)))


def test_heat_from_volume_and_temperatures(kit: Any) -> None:
    """500 l x 35 K x 4.187 kJ/(kg K) = 73.3 MJ = 20.35 kWh; or as given."""
    assert store(kit, {}).limits.full_kwh == pytest.approx([500 * 35 * 4.187 / 3600], rel=1e-4)
    given_kwh = store(kit, {"capacity_kwh": {"choice": [7.0]}, "volume_l": 300})
    assert given_kwh.limits.full_kwh == given_kwh.columns["capacity_kwh"] == 7.0
    assert store(kit, {}).columns["capacity_kwh"] == pytest.approx([20.35], abs=0.01), "what policies see"


def test_it_is_a_store_of_heat(kit: Any) -> None:
    device = store(kit, {})
    assert (device.carrier, device.role, device.flexible) == ("heat", "storage", True)


@pytest.mark.parametrize("minutes", [15, 60])
def test_left_alone_it_cools_exponentially(kit: Any, minutes: int) -> None:
    """10 kWh, 2 % an hour: 10 x 0.98^24 after a day, whatever the period."""
    config = {"capacity_kwh": 20, "initial_soc": 0.5, "loss_per_hour": 0.02}
    device, clock = store(kit, config, minutes), kit.clock(minutes=minutes, periods=96)
    state = device.initial_state()
    for index in range(24 * 60 // minutes):
        span = device.ranges(state, clock.period(index))
        state = device.commit(state, clock.period(index), span.base_kwh)
    assert state["heat_kwh"] == pytest.approx([10.0 * 0.98**24]) == device.stored_kwh(state)


def test_what_is_lost_makes_room(kit: Any) -> None:
    """Full with 10 kWh, 10 % an hour: 1 kWh is lost, so 1 / 0.8 kWh can be drawn; 9 x 0.5 can be given."""
    config = {
        "capacity_kwh": 10,
        "initial_soc": 1.0,
        "loss_per_hour": 0.1,
        "charge_efficiency": 0.8,
        "discharge_efficiency": 0.5,
    }
    device, period = store(kit, config), kit.clock().period(0)
    state = device.initial_state()
    span = device.ranges(state, period)
    assert span.high_kwh == pytest.approx([1.25]) and span.low_kwh == pytest.approx([-4.5])
    assert device.commit(state, period, span.high_kwh)["heat_kwh"] == pytest.approx([10.0])
    assert device.commit(state, period, span.low_kwh)["heat_kwh"] == pytest.approx([0.0])
    seen = device.observe(state, period, span)
    assert seen == pytest.approx(np.array([[1.0, 10.0, 1.25, 4.5]]))


@given(
    config=STORES,
    actions=st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=12),
    minutes=st.sampled_from([5, 15, 60]),
)
def test_every_action_is_feasible_and_heat_balances(
    kit: Any, config: dict[str, Any], actions: list[float], minutes: int
) -> None:
    device, clock = store(kit, config, minutes), kit.clock(minutes=minutes)
    state = device.initial_state()
    capacity = config["volume_l"] * config["spread_k"] * 1.163e-3
    inside, lost = config["initial_soc"] * capacity, 0.0
    for index, action in enumerate(actions):
        span = device.ranges(state, clock.period(index))
        assert span.low_kwh <= span.base_kwh == 0.0 <= span.high_kwh
        assert -config["max_discharge_kw"] * clock.hours - 1e-12 <= span.low_kwh
        assert span.high_kwh <= config["max_charge_kw"] * clock.hours + 1e-12
        energy = span.setpoint(np.array([action]))
        lost += float(state["heat_kwh"][0]) * (1.0 - (1.0 - config["loss_per_hour"]) ** clock.hours)
        inside += float(np.maximum(energy, 0.0)[0]) * config["charge_efficiency"]
        inside += float(np.minimum(energy, 0.0)[0]) / config["discharge_efficiency"]
        state = device.commit(state, clock.period(index), energy)
        assert 0.0 <= state["heat_kwh"] <= device.limits.full_kwh
    assert float(state["heat_kwh"][0]) == pytest.approx(inside - lost, abs=1e-9 * max(1.0, capacity))


@pytest.mark.parametrize("energy", [10.2, -10.0])
def test_more_than_is_possible_is_a_breach(kit: Any, energy: float) -> None:
    device = store(kit, {"capacity_kwh": 20, "initial_soc": 0.5, "loss_per_hour": 0.01})
    with pytest.raises(AuditError, match="period 0: heat_store 0"):
        device.commit(device.initial_state(), kit.clock().period(0), np.array([energy]))


def test_no_number_is_a_breach(kit: Any) -> None:
    device = store(kit, {})
    with pytest.raises(AuditError):
        device.commit(device.initial_state(), kit.clock().period(0), np.array([np.nan]))


@pytest.mark.parametrize(
    "config",
    [
        {"volume_l": -1},
        {"loss_per_hour": 1.5},
        {"charge_efficiency": 0.0},
        {"initial_soc": 1.1},
        {"capacity_kwh": -3},
    ],
)
def test_what_cannot_be_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HeatStoreConfig.model_validate(config)
