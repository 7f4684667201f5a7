"""What planners are told of devices with memory: whatever can happen is in it, and there is always a plan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from cosim.core.envelope import Envelope
from cosim.core.streams import Streams

EFFICIENCY = st.floats(0.3, 1.0)
HOUR = st.floats(0.0, 23.9)
CONFIGS: dict[str, Any] = {
    "battery": {
        "capacity_kwh": st.floats(0.0, 50.0),
        "c_rate": st.floats(0.0, 3.0),
        "charge_efficiency": EFFICIENCY,
        "discharge_efficiency": EFFICIENCY,
        "min_soc": st.floats(0.0, 0.5),
        "initial_soc": st.floats(0.5, 1.0),
    },
    "ev": {
        "capacity_kwh": st.floats(5.0, 100.0),
        "max_charge_kw": st.floats(0.0, 22.0),
        "max_discharge_kw": st.one_of(st.just(0.0), st.floats(0.0, 11.0)),
        "charge_efficiency": EFFICIENCY,
        "discharge_efficiency": EFFICIENCY,
        "arrival_hour": HOUR,
        "departure_hour": HOUR,
        "hours_spread": st.floats(0.0, 6.0),
        "trip_kwh": st.floats(0.0, 60.0),
        "trip_variation": st.floats(0.0, 1.0),
        "departure_soc": st.floats(0.5, 1.0),
        "initial_soc": st.floats(0.0, 0.5),
    },
    "hydrogen": {
        "electrolyser_kw": st.floats(0.0, 20.0),
        "electrolyser_efficiency": EFFICIENCY,
        "tank_kwh": st.floats(0.0, 100.0),
        "fuel_cell_kw": st.floats(0.0, 20.0),
        "fuel_cell_efficiency": EFFICIENCY,
        "initial_soc": st.floats(0.0, 1.0),
    },
    "heat_store": {
        "capacity_kwh": st.floats(0.0, 50.0),
        "max_charge_kw": st.floats(0.0, 30.0),
        "max_discharge_kw": st.floats(0.0, 30.0),
        "charge_efficiency": EFFICIENCY,
        "discharge_efficiency": EFFICIENCY,
        "loss_per_hour": st.floats(0.0, 1.0),
        "initial_soc": st.floats(0.0, 1.0),
    },
    "building": {
        "heat_loss_w_per_k": st.floats(20.0, 500.0),
        "capacity_kwh_per_k": st.floats(0.5, 20.0),
        "t_min_c": st.floats(15.0, 18.0),
        "t_set_c": st.floats(18.0, 20.0),
        "t_max_c": st.floats(20.0, 24.0),
        "initial_temperature_c": st.floats(10.0, 28.0),
        "max_heat_kw": st.floats(0.0, 20.0),
        "internal_gains_w": st.floats(0.0, 1000.0),
        "solar_aperture_m2": st.floats(0.0, 20.0),
    },
    "deferrable": {
        "energy_kwh": st.floats(0.1, 10.0),
        "energy_variation": st.floats(0.0, 0.9),
        "duration_h": st.one_of(st.floats(0.2, 8.0), st.floats(8.0, 24.0)),
        "earliest_hour": HOUR,
        "latest_hour": HOUR,
        "hours_spread": st.floats(0.0, 8.0),
        "runs_per_week": st.floats(3.0, 7.0),
        "interruptible": st.booleans(),
    },
}
STATE = {
    "battery": "soc_kwh",
    "ev": "soc_kwh",
    "hydrogen": "hydrogen_kwh",
    "heat_store": "heat_kwh",
    "deferrable": "done_kwh",
}
ROUNDING = 1e-9
SOLVER_KWH = 1e-6
"""What the linear programmes let pass."""


@dataclass
class Wave:
    """Weather that swings with the day: cold nights, sun at noon."""

    mean_c: float
    swing_c: float
    sun_w: float

    def values(self, quantity: str, first: int, last: int) -> np.ndarray:
        turn = np.sin(np.arange(first, last) * (2.0 * np.pi / 24.0))
        return {
            "temperature_c": self.mean_c + self.swing_c * turn,
            "ghi_w_per_m2": self.sun_w * np.maximum(turn, 0.0),
        }[quantity]


WEATHERS = st.builds(Wave, st.floats(-25.0, 30.0), st.floats(0.0, 15.0), st.floats(0.0, 1000.0))


def fits(kind: str, config: dict[str, Any]) -> bool:
    if kind == "deferrable":
        return config["duration_h"] <= ((config["latest_hour"] - config["earliest_hour"]) % 24.0 or 24.0)
    return kind != "ev" or config["arrival_hour"] != config["departure_hour"]


def build(kit: Any, kind: str, config: dict[str, Any], clock: Any, weather: Any, seed: int) -> Any:
    site = replace(kit.site(clock), weather=weather)
    return kit.device(kit.request(kind, config, prosumer=(0, 1), streams=Streams(seed)), kind, site)


def inside(device: Any, state: Any) -> np.ndarray:
    if device.kind == "building":
        return np.asarray(device.stored_kwh(state))
    return np.asarray(state[STATE[device.kind]])


def told(device: Any, state: Any, period: Any, rng: np.random.Generator, most: float) -> np.ndarray:
    span = device.ranges(state, period)
    span = span.switched(rng.random(len(device)) < 0.5 * (1.0 + most))
    action = np.clip(rng.uniform(-1.0, 1.0, len(device)) + most, -1.0, 1.0)
    return np.asarray(span.setpoint(action))


def assert_there_is_a_plan(envelope: Envelope) -> None:
    """The linear programme over energies in and out of each device, least of all what is drawn."""
    store = envelope.store
    assert store is not None
    count, devices = envelope.low_kwh.shape
    for device in range(devices):
        drawn, given = store.charge_efficiency[device], 1.0 / store.discharge_efficiency[device]
        keeps = store.retention[:, device]
        # e[t] = start[t] + sum over s <= t of kept[t, s] (drawn c[s] - given d[s])
        kept, start, energy = np.zeros((count, count)), np.zeros(count), store.energy_kwh[device]
        for t in range(count):
            energy = keeps[t] * energy + store.inflow_kwh[t, device]
            start[t] = energy
            kept[t] = (keeps[t] * kept[t - 1]) if t else 0.0
            kept[t, t] = 1.0
        effect = np.hstack([kept * drawn, -kept * given])
        effect[np.abs(effect) < 1e-9] = 0.0  # losses over many periods: more digits than the solver has
        low, high = envelope.low_kwh[:, device], envelope.high_kwh[:, device]
        net = np.hstack([np.eye(count), -np.eye(count)])
        found = linprog(
            np.r_[np.full(count, 0.3), np.full(count, -0.1)],
            A_ub=np.vstack([effect, -effect, net, -net]),
            b_ub=np.r_[
                store.full_kwh[:, device] - start + SOLVER_KWH,
                start - store.floor_kwh[:, device] + SOLVER_KWH,
                high + SOLVER_KWH,
                -low + SOLVER_KWH,
            ],
            bounds=[(0.0, most) for most in (*np.maximum(high, 0.0), *np.maximum(-low, 0.0))],
        )
        assert found.status == 0, found.message


@pytest.mark.parametrize("kind", list(CONFIGS))
@settings(max_examples=40)
@given(data=st.data())
def test_whatever_happens_is_in_the_envelope(kit: Any, kind: str, data: st.DataObject) -> None:
    config = data.draw(st.fixed_dictionaries(CONFIGS[kind]).filter(lambda c: fits(kind, c)))
    clock = kit.clock("2016-03-26 00:00", data.draw(st.sampled_from([30, 60])), 120)
    weather = data.draw(WEATHERS) if kind == "building" else None
    device = build(kit, kind, config, clock, weather, data.draw(st.integers(0, 1000)))
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    most = data.draw(st.sampled_from([-1.0, 0.0, 1.0]))
    first, count = data.draw(st.integers(0, 60)), data.draw(st.integers(1, 60))
    state = device.initial_state()
    for index in range(first):
        period = clock.period(index)
        state = device.commit(state, period, told(device, state, period, rng, most))
    envelope = device.envelope(state, first, count)
    store = envelope.store
    assert store is not None and envelope.carrier == device.carrier
    assert envelope.low_kwh.shape == envelope.high_kwh.shape == store.floor_kwh.shape == (count, 2)
    assert (envelope.low_kwh <= envelope.high_kwh).all()
    np.testing.assert_allclose(store.energy_kwh, inside(device, state), atol=ROUNDING)
    assert_there_is_a_plan(envelope)
    for row in range(count):
        period = clock.period(first + row)
        energy = told(device, state, period, rng, most)
        assert (envelope.low_kwh[row] - ROUNDING <= energy).all()
        assert (energy <= envelope.high_kwh[row] + ROUNDING).all()
        expected = store.retention[row] * inside(device, state) + store.inflow_kwh[row]
        expected += store.charge_efficiency * np.maximum(energy, 0.0)
        expected += np.minimum(energy, 0.0) / store.discharge_efficiency
        state = device.commit(state, period, energy)
        found = inside(device, state)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=ROUNDING)
        scale = ROUNDING * np.maximum(1.0, np.abs(found))
        assert (store.floor_kwh[row] <= found + scale).all()
        assert (found <= store.full_kwh[row] + scale).all()


@settings(max_examples=40)
@given(data=st.data())
def test_a_vehicle_above_the_wanted_energy_has_a_plan_too(kit: Any, data: st.DataObject) -> None:
    """It may serve less of its trip, or more, than the envelope takes for certain."""
    config = data.draw(st.fixed_dictionaries(CONFIGS["ev"]).filter(lambda c: fits("ev", c)))
    config |= {"departure_soc": data.draw(st.floats(0.0, 1.0)), "initial_soc": data.draw(st.floats(0.5, 1.0))}
    clock = kit.clock("2016-10-29 00:00", 60, 96)
    device = build(kit, "ev", config, clock, None, data.draw(st.integers(0, 1000)))
    first = data.draw(st.integers(0, 30))
    rng, state = np.random.default_rng(first), device.initial_state()
    for index in range(first):
        period = clock.period(index)
        state = device.commit(state, period, told(device, state, period, rng, 0.0))
    envelope = device.envelope(state, first, 96 - first)
    assert_there_is_a_plan(envelope)
    assert envelope.store is not None
    idle, served = state, np.zeros(2)
    for index in range(first, 96):
        before = idle["soc_kwh"]
        base = device.ranges(idle, clock.period(index)).base_kwh
        idle = device.commit(idle, clock.period(index), base)
        served += before + base * config["charge_efficiency"] - idle["soc_kwh"]
        taken = -envelope.store.inflow_kwh[: index - first + 1].sum(axis=0)
        assert (taken <= served + 1e-6).all()


JOB = {"energy_kwh": 3.0, "duration_h": 3, "earliest_hour": 8, "latest_hour": 13, "hours_spread": 0.0}


def test_a_job_that_waits_may_be_drawn_in_parts(kit: Any) -> None:
    """3 kWh in steps of 1 between 8 and 13: 1, 2 and 3 kWh by the end of the last three periods."""
    clock = kit.clock()
    device = build(kit, "deferrable", JOB, clock, None, 1)
    envelope = device.envelope(device.initial_state(), 7, 6)
    assert envelope.store is not None and envelope.total_kwh is None
    assert envelope.low_kwh[:, 0].tolist() == [0, 0, 0, 0, 0, 0]
    assert envelope.high_kwh[:, 0].tolist() == [0, 1, 1, 1, 1, 1]
    assert envelope.store.floor_kwh[:, 0].tolist() == [0, 0, 0, 1, 2, 0]
    assert envelope.store.full_kwh[:, 0].tolist() == [0, 3, 3, 3, 3, 0]
    assert envelope.store.inflow_kwh[:, 0].tolist() == [0, 0, 0, 0, 0, -3]


@pytest.mark.parametrize(("interruptible", "low", "high"), [(False, 1.0, 0.0), (True, 0.0, 1.0)])
def test_a_job_that_runs_is_told_as_it_is(kit: Any, interruptible: bool, low: float, high: float) -> None:
    clock = kit.clock()
    device = build(kit, "deferrable", JOB | {"interruptible": interruptible}, clock, None, 1)
    state = device.commit(device.initial_state(), clock.period(8), np.array([1.0, 1.0]))
    envelope = device.envelope(state, 9, 4)
    assert envelope.low_kwh[:, 0].tolist() == [low, low, 0, 0]
    assert envelope.high_kwh[:, 0].tolist() == [1, 1, high, high]
    assert_there_is_a_plan(envelope)


def test_what_a_window_has_no_room_for_is_not_planned(kit: Any) -> None:
    """Jobs of 22 h in windows of 22 h that open at other times each day: some are cut short by the next."""
    clock = kit.clock(periods=240)
    config = JOB | {"duration_h": 22, "earliest_hour": 20, "latest_hour": 18, "hours_spread": 5.0}
    for interruptible in (False, True):
        device = build(kit, "deferrable", config | {"interruptible": interruptible}, clock, None, 3)
        state = device.initial_state()
        envelope = device.envelope(state, 0, 216)
        assert envelope.store is not None
        assert_there_is_a_plan(envelope)
        drawn = np.zeros(2)
        for index in range(216):
            base = device.ranges(state, clock.period(index)).base_kwh
            state, drawn = device.commit(state, clock.period(index), base), drawn + base
        lacking = np.asarray(device.unserved_kwh(state))
        closed = -envelope.store.inflow_kwh.sum(axis=0)
        np.testing.assert_allclose(drawn, closed + state["done_kwh"])
        jobs = [job for job in device._windows.between(0, 215) if (job.end <= 216).all()]
        asked = np.sum([job.kwh for job in jobs], axis=0)
        assert (lacking > 0.0).all()
        np.testing.assert_allclose(closed + lacking, asked)


RELAXED = [
    ("battery", {"capacity_kwh": 5}, ()),
    ("ev", {}, ()),
    ("ev", {"initial_soc": 0.9, "max_discharge_kw": 3}, ("energy above the wanted one is fetched back",)),
    ("boiler", {"max_heat_kw": 10}, ()),
    ("heat_pump", {"minimum_load": 0.0}, ()),
    ("heat_pump", {}, ("minimum load",)),
    ("chp", {}, ("minimum load",)),
    ("chp", {"minimum_load": 0.0, "ramp_per_minute": 0.01}, ("ramp between later periods",)),
    ("deferrable", {"interruptible": True}, ()),
    ("deferrable", {}, ("a job that may not pause is drawn in parts",)),
    ("building", {"heat_loss_w_per_k": 120}, ("comfort band where the weather leaves it",)),
]


@pytest.mark.parametrize(("kind", "settings", "expected"), RELAXED)
def test_a_device_says_what_its_envelope_leaves_out(kit, kind, settings, expected) -> None:
    device = kit.device(kit.request(kind, settings), kind, kit.site(kit.clock(minutes=15)))
    assert device.relaxed() == expected


@pytest.mark.parametrize("ticks", [1, 3])
@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("load", {}),
        ("heat_demand", {}),
        ("pv", {"peak_kw": 6.0, "inverter_share": 0.7}),
        ("pv", {"peak_kw": 6.0, "curtailable": False}),
        ("wind", {"rated_kw": 5.0}),
    ],
)
def test_what_follows_a_series_is_told_period_by_period(
    kit: Any, kind: str, config: dict[str, Any], ticks: int
) -> None:
    """The envelope takes all periods at once; exactly the same has to come out."""
    clock = kit.clock(minutes=30, periods=20)
    series = np.random.default_rng(4).uniform(0.0, 1.1, (20 * ticks, 1))
    device = kit.device(kit.request(kind, config), kind, kit.site(clock, {kind: series}, ticks))
    envelope = device.envelope(device.initial_state(), 3, 15)
    spans = [device.ranges({}, clock.period(index)) for index in range(3, 18)]
    np.testing.assert_array_equal(envelope.low_kwh, [span.low_kwh for span in spans])
    np.testing.assert_array_equal(envelope.high_kwh, [span.high_kwh for span in spans])
    assert envelope.store is None and not envelope.inputs
