from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cosim.devices.chp import ChpConfig
from cosim.errors import AuditError


def chp(kit: Any, settings: dict[str, Any], minutes: int = 60) -> Any:
    return kit.device(kit.request("chp", settings), "chp", kit.site(kit.clock(minutes=minutes)))


def test_gas_becomes_heat_and_electricity(kit: Any) -> None:
    """10 kWh of heat at 60 % are 16.67 kWh of gas, of which 30 % are 5 kWh of electricity given."""
    device = chp(kit, {"electrical_efficiency": 0.3, "thermal_efficiency": 0.6})
    inputs = device.inputs(device.initial_state(), kit.clock().period(0))
    heat = np.array([-10.0])
    assert inputs["gas"] * heat == pytest.approx([50.0 / 3.0])
    assert inputs["electricity"] * heat == pytest.approx([-5.0])


def test_the_default_is_one_kilowatt_of_electricity(kit: Any) -> None:
    """Vaillant ecoPOWER 1.0: 1.0 kW electric, 2.5 kW heat."""
    device = chp(kit, {})
    period = kit.clock().period(0)
    heat = device.ranges(device.initial_state(), period).low_kwh
    assert heat == pytest.approx([-2.5])
    assert device.inputs({}, period)["electricity"] * heat == pytest.approx([-1.0], rel=1e-3)


def test_a_sequence_computed_by_hand(kit: Any) -> None:
    """12 kW, at least 3 kW, 1 kW a minute: 5 kW from one 5-minute period to the next."""
    settings = {"max_heat_kw": 12, "minimum_load": 0.25, "ramp_per_minute": 1 / 12}
    device, clock = chp(kit, settings, minutes=5), kit.clock(minutes=5)
    state = device.initial_state()
    # output wanted, least that is possible (0: may be off), most, all in kW
    steps = [
        (5.0, 0.0, 5.0),  # from off up to the ramp
        (10.0, 0.0, 10.0),  # 5 kW can stop at once
        (12.0, 5.0, 12.0),  # 10 kW cannot
        (7.0, 7.0, 12.0),
        (3.0, 3.0, 12.0),  # 7 - 5 = 2 is below the minimum: 3 kW, not 0
        (0.0, 0.0, 8.0),
        (0.0, 0.0, 5.0),
    ]
    for index, (output, least, most) in enumerate(steps):
        span = device.ranges(state, clock.period(index))
        assert -span.low_kwh * 12 == pytest.approx([most])
        assert -span.base_kwh * 12 == pytest.approx([least])
        assert span.high_kwh == span.base_kwh
        assert span.minimum_kwh * 12 == pytest.approx([3.0])
        left = span.switched(np.array([False]))
        assert (left.base_kwh == span.base_kwh) if least else (left.low_kwh == 0.0)
        state = device.commit(state, clock.period(index), np.array([-output / 12]))
        assert state["output_kw"] == pytest.approx([output])


def test_a_large_minimum_is_reached_in_one_step(kit: Any) -> None:
    """Start and stop jump over the gap that the ramp alone could not cross."""
    device = chp(kit, {"max_heat_kw": 10, "minimum_load": 0.8, "ramp_per_minute": 0.01}, minutes=5)
    clock, state = kit.clock(minutes=5), device.initial_state()
    span = device.ranges(state, clock.period(0))
    assert span.low_kwh == pytest.approx([-8.0 / 12]) and span.base_kwh == 0.0
    state = device.commit(state, clock.period(0), span.low_kwh)
    span = device.ranges(state, clock.period(1))
    assert span.low_kwh == pytest.approx([-8.5 / 12]) and span.base_kwh == 0.0
    state = device.commit(state, clock.period(1), span.low_kwh)
    assert device.ranges(state, clock.period(2)).base_kwh == pytest.approx([-8.0 / 12])


@given(
    ramp=st.floats(0.001, 0.3),
    minimum=st.floats(0.0, 1.0),
    actions=st.lists(st.floats(-1.0, 1.0), min_size=2, max_size=20),
)
def test_the_ramp_is_kept(kit: Any, ramp: float, minimum: float, actions: list[float]) -> None:
    device = chp(kit, {"max_heat_kw": 10, "minimum_load": minimum, "ramp_per_minute": ramp}, minutes=5)
    clock, state = kit.clock(minutes=5), device.initial_state()
    change, before = 10.0 * ramp * 5.0, 0.0
    for index, action in enumerate(actions):
        span = device.ranges(state, clock.period(index))
        energy = device.setpoint(span, np.array([action]))
        left = span.switched(-energy >= 0.5 * span.minimum_kwh)
        state = device.commit(state, clock.period(index), np.clip(energy, left.low_kwh, left.high_kwh))
        output = float(state["output_kw"][0])
        if before > 0.0 and output > 0.0:
            assert abs(output - before) <= change + 1e-9
        else:  # starting and stopping
            assert abs(output - before) <= max(change, 10.0 * minimum) + 1e-7
        before = output


def test_stopping_too_fast_is_a_breach(kit: Any) -> None:
    device = chp(kit, {"max_heat_kw": 12, "minimum_load": 0.25, "ramp_per_minute": 1 / 12}, minutes=5)
    period = kit.clock(minutes=5).period(1)
    running = {"output_kw": np.array([12.0])}
    device.commit(running, period, np.array([-7.0 / 12]))
    for output in (0.0, 6.9):
        with pytest.raises(AuditError, match="period 1: chp 0"):
            device.commit(running, period, np.array([-output / 12]))


def test_it_sees_what_it_must_give(kit: Any) -> None:
    device = chp(kit, {"max_heat_kw": 12, "minimum_load": 0.25, "ramp_per_minute": 1 / 12}, minutes=5)
    state, period = {"output_kw": np.array([11.0])}, kit.clock(minutes=5).period(1)
    seen = device.observe(state, period, device.ranges(state, period))
    assert seen == pytest.approx(np.array([[1.0, 0.5, 1.0]]))
    off = device.observe(device.initial_state(), period, device.ranges(device.initial_state(), period))
    assert off == pytest.approx(np.array([[5.0 / 12, 0.0, 0.0]]))


def test_planners_see_how_far_it_can_get(kit: Any) -> None:
    device = chp(kit, {"max_heat_kw": 12, "minimum_load": 0.25, "ramp_per_minute": 1 / 24}, minutes=5)
    plan = device.envelope({"output_kw": np.array([9.0])}, 0, 5)
    assert -plan.low_kwh[:, 0] * 12 == pytest.approx([11.5, 12.0, 12.0, 12.0, 12.0])
    assert -plan.high_kwh[:, 0] * 12 == pytest.approx([6.5, 4.0, 3.0, 0.0, 0.0])
    plan = device.envelope(device.initial_state(), 0, 5)
    assert -plan.low_kwh[:, 0] * 12 == pytest.approx([3.0, 5.5, 8.0, 10.5, 12.0])
    assert (plan.high_kwh == 0.0).all()


def test_more_energy_than_the_gas_holds_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"can add up to 1\.1, more than the gas holds"):
        ChpConfig(electrical_efficiency=0.4, thermal_efficiency=0.7)
    with pytest.raises(ValidationError, match="their sum is at most 1"):
        ChpConfig.model_validate({"electrical_efficiency": {"uniform": [0.2, 0.4]}})
    ChpConfig(electrical_efficiency=0.3, thermal_efficiency=0.7)


@pytest.mark.parametrize("settings", [{"minimum_load": 1.1}, {"ramp_per_minute": 0}, {"max_heat_kw": -1}])
def test_what_cannot_be_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ChpConfig.model_validate(settings)
