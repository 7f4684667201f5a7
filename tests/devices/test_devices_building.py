from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.integrate import solve_ivp

from cosim.devices.building import BuildingConfig
from cosim.errors import AuditError, InputError

BUILDINGS = st.fixed_dictionaries(
    {
        "heat_loss_w_per_k": st.floats(1.0, 600.0),
        "capacity_kwh_per_k": st.floats(0.05, 30.0),
        "t_min_c": st.floats(15.0, 18.0),
        "t_set_c": st.floats(18.0, 20.0),
        "t_max_c": st.floats(20.0, 24.0),
        "initial_temperature_c": st.floats(10.0, 28.0),
        "max_heat_kw": st.floats(0.0, 30.0),
        "internal_gains_w": st.floats(0.0, 1000.0),
        "solar_aperture_m2": st.floats(0.0, 20.0),
    }
)
DARK = {"internal_gains_w": 0.0, "solar_aperture_m2": 0.0}


@dataclass
class Fixed:
    """The same weather all the time, or by tick."""

    temperature_c: Any
    ghi_w_per_m2: Any = 0.0

    def values(self, quantity: str, first: int, last: int) -> np.ndarray:
        held = np.asarray(getattr(self, quantity), dtype=float)
        return np.full(last - first, held) if held.ndim == 0 else held[first:last]


def building(kit: Any, config: dict[str, Any], weather: Any, minutes: int = 60, ticks: int = 1) -> Any:
    site = replace(kit.site(kit.clock(minutes=minutes), ticks=ticks), weather=weather)
    return kit.device(kit.request("building", config), "building", site)


def test_unheated_it_cools_exponentially(kit: Any) -> None:
    """U / C = 0.1 / 5 per hour: after 12 h of 0 degC, 20 x exp(-0.24)."""
    config = DARK | {
        "heat_loss_w_per_k": 100,
        "capacity_kwh_per_k": 5,
        "t_min_c": 0.0,
        "t_set_c": 5.0,
        "initial_temperature_c": 20.0,
    }
    device, clock = building(kit, config, Fixed(0.0)), kit.clock()
    state = device.initial_state()
    for index in range(12):
        state = device.commit(state, clock.period(index), np.zeros(1))
    assert state["temperature_c"] == pytest.approx([20.0 * np.exp(-0.24)])


def test_the_set_point_costs_the_losses_less_the_gains(kit: Any) -> None:
    """150 W/K x (20 - -4) K - 400 W - 3 m2 x 200 W/m2 = 2.6 kW."""
    device, clock = building(kit, {}, Fixed(-4.0, 200.0), minutes=30), kit.clock(minutes=30)
    state = device.initial_state()
    for index in range(20):
        span = device.ranges(state, clock.period(index))
        assert span.base_kwh == pytest.approx([1.3])
        state = device.commit(state, clock.period(index), span.base_kwh)
        assert state["temperature_c"] == pytest.approx([20.0])
    # Up to 22 degC in half an hour: 2 K x 6.4 kWh/K and a little more, beyond the 6 kWh that 12 kW give.
    assert span.high_kwh == pytest.approx([6.0])
    # Down to 19: 1 K x 6.4 kWh/K would be more than it draws.
    assert span.low_kwh == pytest.approx([0.0])


def test_the_equation_is_solved_exactly(kit: Any) -> None:
    config = {"heat_loss_w_per_k": 230, "capacity_kwh_per_k": 3.1, "initial_temperature_c": 19.5}
    device = building(kit, config, Fixed(-7.0, 130.0))
    span = device.ranges(device.initial_state(), kit.clock().period(0))
    heat = 0.3 * span.low_kwh + 0.7 * span.high_kwh
    found = device.commit(device.initial_state(), kit.clock().period(0), heat)["temperature_c"]
    flow = float(heat[0]) + 0.4 + 3.0 * 0.13
    solved = solve_ivp(lambda _, t: (0.23 * (-7.0 - t) + flow) / 3.1, (0.0, 1.0), [19.5], rtol=1e-10)
    assert found == pytest.approx(solved.y[:, -1], abs=1e-6)


def test_weather_of_a_period_is_the_mean_of_its_ticks(kit: Any) -> None:
    changing = Fixed(np.array([-2.0, 6.0, 1.0, 3.0]), np.array([0.0, 400.0, 100.0, 300.0]))
    one, other = building(kit, {}, changing, ticks=4), building(kit, {}, Fixed(2.0, 200.0))
    period = kit.clock().period(0)
    for name in ("low_kwh", "base_kwh", "high_kwh"):
        spans = [getattr(device.ranges(device.initial_state(), period), name) for device in (one, other)]
        assert spans[0] == pytest.approx(spans[1])


def test_four_quarters_are_an_hour(kit: Any) -> None:
    hour, quarter = building(kit, {}, Fixed(-3.0)), building(kit, {}, Fixed(-3.0), minutes=15)
    state = quarter.initial_state()
    for index in range(4):
        state = quarter.commit(state, kit.clock(minutes=15).period(index), np.array([0.9]))
    whole = hour.commit(hour.initial_state(), kit.clock().period(0), np.array([3.6]))
    assert state["temperature_c"] == pytest.approx(whole["temperature_c"])


def test_what_the_emitters_lack_is_unserved_once(kit: Any) -> None:
    """At 19 degC, -21 degC outside and 150 W/K it needs 6 kW and has 4: 2 kWh are missing in the first hour,
    and no more than that in any later one, though it gets colder. When it is milder it warms up with all that
    the emitters give, and nothing is counted."""
    weather = Fixed(np.array([-21.0] * 5 + [10.0] * 40))
    config = DARK | {"max_heat_kw": 4.0, "initial_temperature_c": 19.0}
    device, clock = building(kit, config, weather), kit.clock()
    state = device.initial_state()
    for index in range(5):
        span = device.ranges(state, clock.period(index))
        assert span.low_kwh == span.base_kwh == span.high_kwh == 4.0
        state = device.commit(state, clock.period(index), span.base_kwh)
        assert device.unserved_kwh(state) == pytest.approx([2.0 * (index + 1)])
    assert state["temperature_c"] < 18.0 and device.stored_kwh(state) < 0.0
    for index in range(5, 45):
        span = device.ranges(state, clock.period(index))
        if state["temperature_c"] < 18.5:
            assert span.low_kwh == 4.0
        state = device.commit(state, clock.period(index), span.low_kwh)
    assert state["temperature_c"] == pytest.approx([19.0])
    assert device.unserved_kwh(state) == pytest.approx([10.0])


def test_in_summer_it_floats(kit: Any) -> None:
    device, clock = building(kit, {}, Fixed(28.0, 500.0)), kit.clock()
    state = device.initial_state()
    for index in range(48):
        span = device.ranges(state, clock.period(index))
        if index > 12:
            assert span.low_kwh == span.base_kwh == span.high_kwh == 0.0
        state = device.commit(state, clock.period(index), span.base_kwh)
    assert state["temperature_c"] > 28.0 and state["unserved_kwh"] == 0.0


@given(
    config=BUILDINGS,
    outside=st.lists(st.floats(-25.0, 35.0), min_size=12, max_size=12),
    sun=st.floats(0.0, 1000.0),
    actions=st.lists(st.floats(-1.0, 1.0), min_size=12, max_size=12),
    minutes=st.sampled_from([5, 15, 60]),
)
def test_every_action_keeps_the_band_where_it_can_be_kept_and_heat_balances(
    kit: Any, config: dict[str, Any], outside: list[float], sun: float, actions: list[float], minutes: int
) -> None:
    weather = Fixed(np.array(outside), np.full(12, sun))
    device, clock = building(kit, config, weather, minutes), kit.clock(minutes=minutes)
    state = device.initial_state()
    loss, capacity = config["heat_loss_w_per_k"] / 1000.0, config["capacity_kwh_per_k"]
    gains = (config["internal_gains_w"] + config["solar_aperture_m2"] * sun) / 1000.0
    for index, action in enumerate(actions):
        span = device.ranges(state, clock.period(index))
        assert 0.0 <= span.low_kwh <= span.base_kwh <= span.high_kwh <= config["max_heat_kw"] * clock.hours
        energy = span.setpoint(np.array([action]))
        before, lacked = float(state["temperature_c"][0]), float(state["unserved_kwh"][0])
        state = device.commit(state, clock.period(index), energy)
        after = float(state["temperature_c"][0])
        if energy > 0.0 and span.low_kwh < span.high_kwh:
            assert after <= config["t_max_c"] + 1e-6, "never heated beyond the band"
        if span.low_kwh < config["max_heat_kw"] * clock.hours:
            assert after >= config["t_min_c"] - 1e-6, "held where the emitters suffice"
        if float(state["unserved_kwh"][0]) > lacked:
            assert after <= config["t_min_c"] + 1e-6 and span.low_kwh == span.high_kwh
        # What came in less what went out through the walls, from the integral of the temperature.
        power = float(energy[0]) / clock.hours + gains
        settled = outside[index] + power / loss
        kept = np.exp(-clock.hours * loss / capacity)
        through = loss * clock.hours * (settled - outside[index]) + capacity * (before - settled) * (
            1.0 - kept
        )
        assert capacity * (after - before) == pytest.approx(power * clock.hours - through, abs=1e-6)


@pytest.mark.parametrize("energy", [-0.1, 12.5])
def test_heat_outside_of_its_range_is_a_breach(kit: Any, energy: float) -> None:
    device = building(kit, {}, Fixed(0.0))
    with pytest.raises(AuditError, match="period 0: building 0"):
        device.commit(device.initial_state(), kit.clock().period(0), np.array([energy]))


def test_without_weather_it_says_so(kit: Any) -> None:
    device = building(kit, {}, None)
    with pytest.raises(InputError, match="a building needs the weather"):
        device.ranges(device.initial_state(), kit.clock().period(0))
    assert device.needs_weather and device.carrier == "heat" and device.role == "load" and device.flexible


def test_what_it_sees(kit: Any) -> None:
    device = building(kit, DARK | {"initial_temperature_c": 20.5}, Fixed(0.0))
    state, period = device.initial_state(), kit.clock().period(0)
    span = device.ranges(state, period)
    seen = device.observe(state, period, span)
    names = [field.name for field in device.observations]
    assert names == ["band", "must_kwh", "idle_kwh", "max_charge_kwh"]
    assert seen == pytest.approx(np.array([[0.5, span.low_kwh[0], span.base_kwh[0], span.high_kwh[0]]]))
    assert device.stored_kwh(state) == pytest.approx([1.5 * 6.4])
    draw, give = device.reservation(np.array([0.07]))
    assert draw == give == 0.07


@pytest.mark.parametrize(
    "config",
    [
        {"t_min_c": 21.0},
        {"t_set_c": {"uniform": [20, 23]}},
        {"heat_loss_w_per_k": 0.0},
        {"capacity_kwh_per_k": 0.0},
        {"max_heat_kw": -1.0},
    ],
)
def test_what_cannot_be_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        BuildingConfig.model_validate(config)
