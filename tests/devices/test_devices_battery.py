from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cosim.devices.battery import BatteryConfig
from cosim.errors import AuditError

ACTIONS = st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=12)
BATTERIES = st.fixed_dictionaries(
    {
        "capacity_kwh": st.floats(0.0, 50.0),
        "c_rate": st.floats(0.0, 3.0),
        "charge_efficiency": st.floats(0.3, 1.0),
        "discharge_efficiency": st.floats(0.3, 1.0),
        "min_soc": st.floats(0.0, 0.5),
        "initial_soc": st.floats(0.5, 1.0),
    }
)


def battery(kit: Any, settings: dict[str, Any], minutes: int = 60) -> Any:
    site = kit.site(kit.clock(minutes=minutes))
    return kit.device(kit.request("battery", settings), "battery", site)


def test_a_sequence_computed_by_hand(kit: Any) -> None:
    """10 kWh, 5 kW, 0.9 in and 0.8 out, between 1 and 10 kWh, periods of an hour."""
    device = battery(
        kit,
        {
            "capacity_kwh": 10,
            "c_rate": 0.5,
            "charge_efficiency": 0.9,
            "discharge_efficiency": 0.8,
            "min_soc": 0.1,
            "initial_soc": 0.5,
        },
    )
    clock, state = kit.clock(), device.initial_state()
    # drawn, largest discharge, largest charge, stored afterwards
    steps = [
        (5.0, -3.2, 5.0, 9.5),  # 5 + 0.9 x 5; could give (5 - 1) x 0.8
        (0.5 / 0.9, -5.0, 0.5 / 0.9, 10.0),  # full after 0.5 kWh inside; (9.5 - 1) x 0.8 = 6.8 > 5
        (-5.0, -5.0, 0.0, 3.75),  # 10 - 5 / 0.8
        (-2.2, -2.2, 5.0, 1.0),  # (3.75 - 1) x 0.8
        (2.0, 0.0, 5.0, 2.8),  # 1 + 0.9 x 2
    ]
    for index, (drawn, low, high, stored) in enumerate(steps):
        span = device.ranges(state, clock.period(index))
        assert span.low_kwh == pytest.approx([low])
        assert span.base_kwh == pytest.approx([0.0])
        assert span.high_kwh == pytest.approx([high])
        state = device.commit(state, clock.period(index), np.array([drawn]))
        assert state["soc_kwh"] == pytest.approx([stored])
        assert device.stored_kwh(state) == pytest.approx([stored])


@given(settings=BATTERIES, actions=ACTIONS, minutes=st.sampled_from([5, 15, 60]))
def test_every_action_is_feasible_and_no_energy_is_created(
    kit: Any, settings: dict[str, Any], actions: list[float], minutes: int
) -> None:
    device = battery(kit, settings, minutes)
    clock, state = kit.clock(minutes=minutes), device.initial_state()
    start = state["soc_kwh"].copy()
    drawn, given_back = 0.0, 0.0
    for index, action in enumerate(actions):
        span = device.ranges(state, clock.period(index))
        assert span.low_kwh <= span.base_kwh <= span.high_kwh
        power = settings["capacity_kwh"] * settings["c_rate"] * clock.hours
        assert -power - 1e-12 <= span.low_kwh and span.high_kwh <= power + 1e-12
        energy = span.setpoint(np.array([action]))
        drawn += float(np.maximum(energy, 0.0)[0])
        given_back -= float(np.minimum(energy, 0.0)[0])
        state = device.commit(state, clock.period(index), energy)
        assert settings["capacity_kwh"] * settings["min_soc"] <= state["soc_kwh"] <= settings["capacity_kwh"]
    change = float((state["soc_kwh"] - start)[0])
    inside = drawn * settings["charge_efficiency"] - given_back / settings["discharge_efficiency"]
    assert change == pytest.approx(inside, abs=1e-9 * max(1.0, settings["capacity_kwh"]))
    assert given_back <= drawn + float(start[0]) + 1e-9


@given(settings=BATTERIES, share=st.floats(0.0, 1.0))
def test_everything_between_low_and_high_can_be_committed(
    kit: Any, settings: dict[str, Any], share: float
) -> None:
    device = battery(kit, settings)
    period, state = kit.clock().period(0), device.initial_state()
    span = device.ranges(state, period)
    energy = span.low_kwh + share * (span.high_kwh - span.low_kwh)
    after = device.commit(state, period, energy)
    assert after is not state and "soc_kwh" in after


def test_commit_leaves_the_old_state_alone(kit: Any) -> None:
    device = battery(kit, {"capacity_kwh": 10})
    state = device.initial_state()
    device.commit(state, kit.clock().period(0), np.array([2.0]))
    assert state["soc_kwh"] == pytest.approx([5.0])


@pytest.mark.parametrize("energy", [6.0, -6.0])
def test_more_than_is_possible_is_a_breach(kit: Any, energy: float) -> None:
    device = battery(kit, {"capacity_kwh": 10})
    with pytest.raises(AuditError, match="period 0: battery 0"):
        device.commit(device.initial_state(), kit.clock().period(0), np.array([energy]))


def test_the_value_of_stored_energy_covers_the_losses(kit: Any) -> None:
    device = battery(kit, {"capacity_kwh": 10, "charge_efficiency": 0.9, "discharge_efficiency": 0.8})
    draw, give = device.reservation(np.array([0.2]))
    assert draw == pytest.approx([0.18]) and give == pytest.approx([0.25])


def test_the_ends_of_the_value_mean_any_price(kit: Any) -> None:
    device = battery(kit, {"capacity_kwh": 10, "charge_efficiency": 0.9, "discharge_efficiency": 0.8})
    low, high = device.value_range(np.array([0.08]), np.array([0.3]))
    assert device.reservation(low)[1] == pytest.approx([0.08])  # gives at the lowest feed-in price
    assert device.reservation(high)[0] == pytest.approx([0.3])  # draws at the highest retail price


def test_a_battery_without_capacity_does_nothing(kit: Any) -> None:
    device = battery(kit, {"capacity_kwh": 0.0})
    state = device.initial_state()
    span = device.ranges(state, kit.clock().period(0))
    assert span.low_kwh == span.high_kwh == 0.0
    assert np.isfinite(device.observe(state, kit.clock().period(0), span)).all()


def test_it_sees_its_state_and_what_it_can_do(kit: Any) -> None:
    device = battery(kit, {"capacity_kwh": 10, "initial_soc": 0.5})
    state, period = device.initial_state(), kit.clock().period(0)
    seen = device.observe(state, period, device.ranges(state, period))
    assert [field.name for field in device.observations] == [
        "soc",
        "capacity",
        "max_charge_kwh",
        "max_discharge_kwh",
    ]
    assert seen == pytest.approx(np.array([[0.5, 10.0, 5.0, 4.75]]))


@pytest.mark.parametrize(
    "settings",
    [
        {"capacity_kwh": -1},
        {"capacity_kwh": {"uniform": [-1, 4]}},
        {"capacity_kwh": 5, "charge_efficiency": 1.1},
        {"capacity_kwh": 5, "charge_efficiency": 0.0},
        {"capacity_kwh": 5, "min_soc": 0.6},
        {"capacity_kwh": 5, "initial_soc": {"uniform": [0.1, 0.9]}, "min_soc": 0.2},
        {"capacity_kwh": 5, "capacity": 5},
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        BatteryConfig.model_validate(settings)
