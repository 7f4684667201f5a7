"""What holds for every heat source, whatever it burns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.devices.base import Ranges
from cosim.errors import AuditError

POWER = st.floats(0.0, 30.0)
SHARE = st.floats(0.0, 1.0)
SETTINGS = {
    "boiler": st.fixed_dictionaries({"max_heat_kw": POWER, "efficiency": st.floats(0.3, 1.11)}),
    "electric_heater": st.fixed_dictionaries({"max_kw": POWER, "efficiency": st.floats(0.01, 1.0)}),
    "heat_pump": st.fixed_dictionaries(
        {
            "max_heat_kw": POWER,
            "minimum_load": SHARE,
            "source": st.sampled_from(["air", "ground"]),
            "heating": st.sampled_from(["radiators", "floor"]),
            "lowest_flow_c": st.floats(20.0, 60.0),
            "brine_c": st.floats(-5.0, 15.0),
            "field_factor": st.floats(0.3, 1.0),
            "capacity_loss_per_k": st.floats(0.0, 0.1),
        }
    ),
    "chp": st.fixed_dictionaries(
        {
            "max_heat_kw": POWER,
            "minimum_load": SHARE,
            "electrical_efficiency": st.floats(0.05, 0.5),
            "thermal_efficiency": st.floats(0.1, 0.5),
            "ramp_per_minute": st.floats(0.001, 0.2),
        }
    ),
}
ANY = st.sampled_from(sorted(SETTINGS)).flatmap(lambda kind: st.tuples(st.just(kind), SETTINGS[kind]))
ACTIONS = st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=12)
MINUTES = st.sampled_from([5, 15, 60])


@dataclass
class Air:
    """The same weather of two days whoever asks: from -20 to 28 degC."""

    ticks: int = 2 * 24 * 12 * 2

    def values(self, quantity: str, first: int, last: int) -> np.ndarray:
        assert quantity == "temperature_c" and 0 <= first < last <= self.ticks
        return 4.0 + 24.0 * np.sin(np.arange(first, last) * 0.7)


def source(kit: Any, kind: str, settings: dict[str, Any], minutes: int = 60, ticks: int = 1) -> Any:
    site = replace(kit.site(kit.clock(minutes=minutes), ticks=ticks), weather=Air())
    return kit.device(kit.request(kind, settings), kind, site)


def allowed(ranges: Ranges, energy: np.ndarray) -> np.ndarray:
    """What is done once on and off is settled by the nearer of zero and the minimum."""
    if ranges.minimum_kwh is None:
        return energy
    left = ranges.switched(-energy >= 0.5 * ranges.minimum_kwh)
    assert (left.low_kwh <= left.base_kwh).all() and (left.base_kwh <= left.high_kwh).all()
    return np.clip(energy, left.low_kwh, left.high_kwh)


def driven(device: Any, clock: Any, actions: list[float]) -> Iterator[tuple[Any, Any, Ranges, np.ndarray]]:
    """Period, state before it, ranges and heat of every period under these actions."""
    state = device.initial_state()
    for index, action in enumerate(actions):
        period = clock.period(index)
        ranges = device.ranges(state, period)
        energy = allowed(ranges, device.setpoint(ranges, np.array([action])))
        yield period, state, ranges, energy
        state = device.commit(state, period, energy)


@given(which=ANY, actions=ACTIONS, minutes=MINUTES, ticks=st.sampled_from([1, 2]))
def test_every_action_can_be_carried_out(
    kit: Any, which: tuple[str, dict[str, Any]], actions: list[float], minutes: int, ticks: int
) -> None:
    kind, settings = which
    device = source(kit, kind, settings, minutes, ticks)
    for _, _, ranges, energy in driven(device, kit.clock(minutes=minutes), actions):
        assert ranges.low_kwh <= ranges.base_kwh <= ranges.high_kwh <= 0.0
        assert ranges.low_kwh <= energy <= ranges.high_kwh
        least = 0.0 if ranges.minimum_kwh is None else ranges.minimum_kwh
        assert energy == 0.0 or -energy >= least * (1.0 - 1e-12)


@given(which=ANY, actions=ACTIONS, minutes=MINUTES)
def test_energy_balances_over_any_sequence(
    kit: Any, which: tuple[str, dict[str, Any]], actions: list[float], minutes: int
) -> None:
    kind, settings = which
    device = source(kit, kind, settings, minutes)
    drawn, heat, from_outside = {"gas": 0.0, "electricity": 0.0}, 0.0, 0.0
    for period, state, _, energy in driven(device, kit.clock(minutes=minutes), actions):
        heat -= float(energy[0])
        for carrier, per_kwh in device.inputs(state, period).items():
            drawn[carrier] += float(per_kwh[0] * energy[0])
        if kind == "heat_pump":
            from_outside += float(-energy[0] * (1.0 - 1.0 / device.cop(period.index, 1)[0, 0]))
    efficiency = {
        "boiler": settings.get("efficiency"),
        "electric_heater": settings.get("efficiency"),
        "chp": settings.get("electrical_efficiency", 0.0) + settings.get("thermal_efficiency", 0.0),
        "heat_pump": 1.0,
    }[kind]
    taken = drawn["gas"] + max(drawn["electricity"], 0.0) + from_outside
    given_away = heat - min(drawn["electricity"], 0.0)
    assert given_away == pytest.approx(efficiency * taken, rel=1e-9, abs=1e-9)
    assert from_outside >= 0.0 and drawn["gas"] >= 0.0


@given(which=ANY, actions=ACTIONS, minutes=MINUTES)
def test_planners_see_all_that_can_be_done(
    kit: Any, which: tuple[str, dict[str, Any]], actions: list[float], minutes: int
) -> None:
    kind, settings = which
    device = source(kit, kind, settings, minutes)
    steps = list(driven(device, kit.clock(minutes=minutes), actions))
    for begin, (period, state, ranges, _) in enumerate(steps):
        rest = steps[begin:]
        plan = device.envelope(state, period.index, len(rest))
        assert plan.carrier == "heat" and plan.store is None and plan.total_kwh is None
        assert plan.low_kwh.shape == plan.high_kwh.shape == (len(rest), 1)
        assert plan.low_kwh[0] == ranges.low_kwh and plan.high_kwh[0] == ranges.high_kwh
        for row, (later, before, _, energy) in enumerate(rest):
            assert plan.low_kwh[row] - 1e-9 <= energy <= plan.high_kwh[row] + 1e-9
            for carrier, per_kwh in device.inputs(before, later).items():
                assert plan.inputs[carrier][row] == per_kwh


@given(which=ANY, action=st.floats(-1.0, 1.0))
def test_setpoints_go_from_off_to_all_it_can_give(
    kit: Any, which: tuple[str, dict[str, Any]], action: float
) -> None:
    device = source(kit, *which)
    ranges = device.ranges(device.initial_state(), kit.clock().period(0))
    assert device.setpoint(ranges, np.array([-1.0])) == 0.0
    assert device.setpoint(ranges, np.array([1.0])) == ranges.low_kwh
    energy = device.setpoint(ranges, np.array([action]))
    if ranges.low_kwh < -1e-3:
        assert device.action_of(ranges, energy) == pytest.approx([action], abs=1e-9)


@pytest.mark.parametrize("kind", sorted(SETTINGS))
@pytest.mark.parametrize("energy", [-1000.0, 0.1, float("nan")])
def test_what_is_not_possible_is_a_breach(kit: Any, kind: str, energy: float) -> None:
    device = source(kit, kind, {})
    with pytest.raises(AuditError, match=f"period 0: {kind} 0"):
        device.commit(device.initial_state(), kit.clock().period(0), np.array([energy]))


@pytest.mark.parametrize("kind", ["heat_pump", "chp"])
def test_less_than_the_minimum_load_is_a_breach(kit: Any, kind: str) -> None:
    device = source(kit, kind, {})
    period, state = kit.clock().period(0), device.initial_state()
    least = device.ranges(state, period).minimum_kwh
    device.commit(state, period, -least)
    for share in (0.4, 0.99):
        with pytest.raises(AuditError, match="below the minimum"):
            device.commit(state, period, -share * least)


@pytest.mark.parametrize("kind", sorted(SETTINGS))
def test_rounding_is_no_breach(kit: Any, kind: str) -> None:
    device = source(kit, kind, {})
    period, state = kit.clock().period(0), device.initial_state()
    ranges = device.ranges(state, period)
    for exact in (ranges.low_kwh, np.zeros(1), -ranges.low_kwh * 0.0):
        for off in (-1e-10, 1e-10):
            after = device.commit(state, period, exact + off)
            assert all((after[name] >= 0.0).all() for name in after)


@pytest.mark.parametrize("kind", sorted(SETTINGS))
def test_a_source_without_power_does_nothing(kit: Any, kind: str) -> None:
    device = source(kit, kind, {"max_kw" if kind == "electric_heater" else "max_heat_kw": 0.0})
    state, period = device.initial_state(), kit.clock().period(0)
    ranges = device.ranges(state, period)
    assert ranges.low_kwh == ranges.high_kwh == 0.0
    left = ranges.switched(np.array([True]))
    assert left.low_kwh == left.high_kwh == 0.0
    assert np.isfinite(device.observe(state, period, ranges)).all()


@pytest.mark.parametrize("kind", sorted(SETTINGS))
def test_it_takes_what_it_says(kit: Any, kind: str) -> None:
    device = source(kit, kind, {})
    inputs = device.inputs(device.initial_state(), kit.clock().period(0))
    assert tuple(inputs) == device.takes
    assert device.role == "conversion" and device.carrier == "heat" and device.flexible


@pytest.mark.parametrize("kind", sorted(SETTINGS))
def test_observations_are_as_announced(kit: Any, kind: str) -> None:
    device = source(kit, kind, {})
    state, period = device.initial_state(), kit.clock().period(0)
    ranges = device.ranges(state, period)
    seen = device.observe(state, period, ranges)
    assert seen.shape == (1, len(device.observations))
    assert device.observations[0].name == "max_heat_kwh" and seen[0, 0] == -ranges.low_kwh
    for value, field in zip(seen[0], device.observations, strict=True):
        assert field.low <= value <= field.high
