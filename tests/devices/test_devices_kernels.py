"""Compiled kernels against the same equations written once more, column by column."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.devices.base import Ranges
from cosim.devices.conversion import within_ranges
from cosim.devices.storage import within_range
from cosim.errors import AuditError, RunError

SEEDS = st.integers(0, 2**32 - 1)
DEVICES = 40


def close(expected: np.ndarray) -> Any:
    """Equal but for the order of rounding."""
    return pytest.approx(expected, rel=1e-12, abs=1e-12)


class Weather:
    """Four days at random, from frost to summer, by day and by night."""

    def __init__(self, seed: int, ticks: int) -> None:
        draw = np.random.default_rng(seed)
        self.columns = {
            "temperature_c": draw.uniform(-20.0, 30.0, ticks),
            "ghi_w_per_m2": np.maximum(draw.uniform(-500.0, 900.0, ticks), 0.0),
        }

    def values(self, quantity: str, first: int, last: int) -> np.ndarray:
        return self.columns[quantity][first:last]


def devices(kit: Any, kind: str, settings: Mapping[str, Any], ticks: int = 1, seed: int = 1) -> Any:
    """As many devices as there are draws of the settings; pairs of numbers are drawn between them."""
    drawn = {
        name: {"uniform": list(value)} if isinstance(value, tuple) else value
        for name, value in settings.items()
    }
    clock = kit.clock(minutes=30, periods=192)
    site = replace(kit.site(clock, ticks=ticks), weather=Weather(seed, 192 * ticks))
    return kit.device(kit.request(kind, drawn, range(DEVICES)), kind, site)


def some(seed: int, low: Any, high: Any) -> np.ndarray:
    return np.random.default_rng(seed).uniform(low, high, DEVICES)


# Stores


@given(seed=SEEDS)
def test_stores_do_what_the_equation_says(kit: Any, seed: int) -> None:
    settings = {"loss_per_hour": (0.0, 0.2), "charge_efficiency": (0.5, 1), "discharge_efficiency": (0.5, 1)}
    device = devices(kit, "heat_store", {"max_charge_kw": (0, 30), "max_discharge_kw": (0, 30), **settings})
    c, own, period = device.columns, device.limits, device.site.clock.period(3)
    state = {"heat_kwh": some(seed, 0.0, own.full_kwh)}
    kept = state["heat_kwh"] * own.retention
    span = device.ranges(state, period)
    free = np.maximum(own.full_kwh - kept, 0.0) / c["charge_efficiency"]
    assert span.high_kwh == close(np.minimum(c["max_charge_kw"] * 0.5, free))
    held = kept * c["discharge_efficiency"]
    assert span.low_kwh == close(-np.minimum(c["max_discharge_kw"] * 0.5, held))
    assert (span.base_kwh == 0.0).all()

    drawn = some(seed + 1, span.low_kwh, span.high_kwh)
    factor = np.where(drawn > 0.0, c["charge_efficiency"], 1.0 / c["discharge_efficiency"])
    after = device.commit(state, period, drawn)["heat_kwh"]
    assert after == close(np.clip(kept + factor * drawn, 0.0, own.full_kwh))

    seen = device.observe(state, period, span)
    soc = state["heat_kwh"] / own.full_kwh
    expected = np.column_stack([soc, own.full_kwh, span.high_kwh, -span.low_kwh])
    assert seen == close(expected)


def test_what_is_no_number_is_found(kit: Any) -> None:
    """Not lost between a minimum and a maximum."""
    clock = kit.clock()
    fleet = kit.fleet({"battery": [kit.request("battery", {"capacity_kwh": 10}, [0, 1])]}, kit.site(clock), 2)
    state = {"battery": {"soc_kwh": np.array([5.0, np.nan])}}
    with pytest.raises(RunError, match="prosumer 1"):
        fleet.ranges(state, clock.period(0))
    device = fleet.kinds["battery"]
    with pytest.raises(AuditError, match="period 0: battery 1: nan kWh stored"):
        device.commit(device.initial_state(), clock.period(0), np.array([0.0, np.nan]))


@given(seed=SEEDS)
def test_the_worst_row_is_named(seed: int) -> None:
    low, high = -some(seed, 0.0, 2.0), some(seed + 1, 0.0, 2.0)
    energy = some(seed + 2, -3.0, 3.0)
    beyond = np.abs(energy - np.clip(energy, low, high))
    with pytest.raises(AuditError, match=f"^it {beyond.argmax()}: {energy[beyond.argmax()]:.9f} kWh drawn"):
        within_range(energy, low, high, "it")


def test_rounding_is_cut_off() -> None:
    low, high = np.array([-1.0, -1.0]), np.array([1.0, 1.0])
    assert (within_range(np.array([1.0 + 5e-10, -1.0 - 5e-10]), low, high, "it") == [1.0, -1.0]).all()


# Vehicles


@given(seed=SEEDS, index=st.integers(0, 190))
def test_vehicles_follow_the_least_laxity_rule(kit: Any, seed: int, index: int) -> None:
    hours = {"arrival_hour": (6.0, 20.0), "departure_hour": (1.0, 5.0), "hours_spread": 3.0}
    powers = {"max_discharge_kw": (0, 8), "max_charge_kw": (1, 11), "capacity_kwh": (20, 60)}
    device = devices(kit, "ev", {**hours, **powers, "departure_soc": (0.3, 1.0), "initial_soc": 1.0})
    c, period = device.columns, device.site.clock.period(index)
    soc = some(seed, 0.0, c["capacity_kwh"])
    state = {"soc_kwh": soc, "unserved_kwh": np.zeros(DEVICES)}
    left, wanted = device.periods_left(period), c["capacity_kwh"] * c["departure_soc"]
    eta, home = c["charge_efficiency"], left > 0
    power = np.where(home, c["max_charge_kw"] * 0.5, 0.0)
    high = np.clip((wanted - soc) / eta, 0.0, power)
    later = np.maximum(left - 1, 0) * power * eta
    base = np.clip((wanted - soc - later) / eta, 0.0, high)
    spare = np.maximum(soc - np.maximum(wanted - later, 0.0), 0.0) * c["discharge_efficiency"]
    gives = np.minimum(spare, np.where(home, c["max_discharge_kw"] * 0.5, 0.0))
    low = np.where(base > 0.0, base, -gives)
    span = device.ranges(state, period)
    for found, expected in ((span.low_kwh, low), (span.base_kwh, base), (span.high_kwh, high)):
        assert found == close(expected)

    need = np.where(home, np.maximum(wanted - soc, 0.0), 0.0)
    shares = [home, soc / c["capacity_kwh"], need, left * 0.5, base, high, np.maximum(-low, 0.0)]
    assert device.observe(state, period, span) == close(np.column_stack(shares))


# Jobs


@given(seed=SEEDS, index=st.integers(0, 190), interruptible=st.booleans())
def test_jobs_keep_to_their_two_rules(kit: Any, seed: int, index: int, interruptible: bool) -> None:
    settings = {"energy_kwh": (0.5, 3.0), "duration_h": (0.3, 4.0), "hours_spread": 3.0}
    device = devices(kit, "deferrable", {**settings, "interruptible": interruptible, "runs_per_week": 6})
    job = device._windows.current(index)
    periods = np.ceil(device.columns["duration_h"] / 0.5 - 1e-9)
    step = job.kwh / periods
    # what a job has drawn so far is any number of steps, or of parts of steps
    had = some(seed, 0.0, periods)
    done = np.where(job.begin < index, (had if interruptible else np.floor(had)) * step, 0.0)
    left = np.where(job.begin <= index, job.end - index, 0)
    room = np.minimum(periods, job.end - job.begin) * step
    missing = np.where(left > 0, np.maximum(room - done, 0.0), 0.0)
    if interruptible:
        high = np.minimum(step, missing)
        low, minimum = np.clip(missing - (left - 1) * step, 0.0, high), np.zeros(DEVICES)
    else:
        steps = np.rint(missing / np.maximum(step, 1e-12))
        high = minimum = np.where(steps > 0, step, 0.0)
        low = np.where((done > 0.0) | (left <= steps), high, 0.0)
    state = {"done_kwh": done, "unserved_kwh": np.ones(DEVICES)}
    span, period = device.ranges(state, device.site.clock.period(index)), device.site.clock.period(index)
    columns = (span.low_kwh, span.base_kwh, span.high_kwh, span.minimum_kwh)
    for found, expected in zip(columns, (low, low, high, minimum), strict=True):
        assert found == close(expected)

    drawn = some(seed + 1, low, high) if interruptible else high
    after, closing = device.commit(state, period, drawn), (job.begin <= index) & (job.end == index + 1)
    assert after["done_kwh"] == close(np.where(closing, 0.0, done + drawn))
    lacking = np.where(closing, np.maximum(job.kwh - done - drawn, 0.0), 0.0)
    assert after["unserved_kwh"] == pytest.approx(1.0 + lacking, abs=1e-8)  # less is rounding


# Heat


@given(seed=SEEDS, index=st.integers(0, 191), ticks=st.integers(1, 3))
def test_buildings_cool_as_the_equation_says(kit: Any, seed: int, index: int, ticks: int) -> None:
    settings = {"heat_loss_w_per_k": (60, 400), "internal_gains_w": (0, 3000), "solar_aperture_m2": (1, 20)}
    device = devices(kit, "building", {**settings, "max_heat_kw": (1, 9)}, ticks, seed)
    c, period = device.columns, device.site.clock.period(index)
    air, sun = (
        device.site.weather.values(quantity, index * ticks, (index + 1) * ticks).mean()
        for quantity in ("temperature_c", "ghi_w_per_m2")
    )
    loss = c["heat_loss_w_per_k"] / 1000.0
    gains = (c["internal_gains_w"] + sun * c["solar_aperture_m2"]) / 1000.0
    a = np.exp(-0.5 * loss / c["capacity_kwh_per_k"])
    b = (1.0 - a) / (loss * 0.5)
    before = some(seed, 15.0, 25.0)
    unheated = a * before + (1.0 - a) * air + b * gains * 0.5
    span = device.ranges({"temperature_c": before, "unserved_kwh": np.zeros(DEVICES)}, period)
    for found, wanted in ((span.low_kwh, 19.0), (span.base_kwh, 20.0), (span.high_kwh, 22.0)):
        assert found == pytest.approx(np.clip((wanted - unheated) / b, 0.0, c["max_heat_kw"] * 0.5), abs=1e-9)

    state = {"temperature_c": before, "unserved_kwh": np.ones(DEVICES)}
    heat = some(seed + 1, span.low_kwh, span.high_kwh)
    after = device.commit(state, period, heat)
    assert after["temperature_c"] == pytest.approx(unheated + b * heat, abs=1e-9)
    held = unheated + a * np.maximum(19.0 - before, 0.0)
    lacking = np.maximum((19.0 - held) / b - c["max_heat_kw"] * 0.5, 0.0)
    assert after["unserved_kwh"] == pytest.approx(1.0 + lacking, abs=1e-9)


@given(seed=SEEDS, ticks=st.integers(1, 3), ground=st.booleans())
def test_heat_pumps_of_one_period_and_of_many_agree(kit: Any, seed: int, ticks: int, ground: bool) -> None:
    settings = {"lowest_flow_c": (20, 50), "field_factor": (0.5, 1.0), "capacity_loss_per_k": (0.0, 0.05)}
    source = {"source": "ground" if ground else "air", "brine_c": (-5, 10)}
    device = devices(kit, "heat_pump", {**settings, **source}, ticks, seed)
    c, clock = device.columns, device.site.clock
    air = device.site.weather.columns["temperature_c"][: 8 * ticks].reshape(8, ticks, 1)
    one, linear, square = (10.29, -0.21, 0.0012) if ground else (6.08, -0.09, 0.0005)
    flow = np.maximum(40.0 - air, c["lowest_flow_c"])
    lift = np.clip(flow - (c["brine_c"] if ground else air), 15.0, -linear / (2 * square))
    cop = np.maximum(c["field_factor"] * (one + linear * lift + square * lift**2), 1.0)
    lost = 0.0 if ground else c["capacity_loss_per_k"] * np.maximum(7.0 - air, 0.0).mean(axis=1)
    most = c["max_heat_kw"] * 0.5 * np.maximum(1.0 - lost, 0.0)
    plan = device.envelope({}, 0, 8)
    assert plan.inputs["electricity"] == close(-(1.0 / cop).mean(axis=1))
    assert plan.low_kwh == close(-np.broadcast_to(most, (8, DEVICES)))
    for index in range(8):
        span, inputs = device.ranges({}, clock.period(index)), device.inputs({}, clock.period(index))
        assert (span.low_kwh == plan.low_kwh[index]).all()
        assert (inputs["electricity"] == plan.inputs["electricity"][index]).all()


@given(seed=SEEDS)
def test_engines_of_one_period_and_of_many_agree(kit: Any, seed: int) -> None:
    settings = {"max_heat_kw": (1, 12), "minimum_load": (0.0, 1.0), "ramp_per_minute": (0.001, 0.05)}
    device = devices(kit, "chp", settings)
    full = device.columns["max_heat_kw"]
    output = some(seed, -0.5 * full, full)
    output = np.where(output < device.columns["minimum_load"] * full, 0.0, output)
    change = full * device.columns["ramp_per_minute"] * 30.0
    least = full * device.columns["minimum_load"]
    leap, ahead = np.maximum(change, least), np.arange(6)[:, None]
    top = np.minimum(np.where(output > 0.0, output + change, leap) + ahead * change, full)
    before = output - ahead * change
    bottom = np.where(before > leap * (1 + 1e-9), np.minimum(np.maximum(before - change, least), top), 0.0)
    plan, span = (
        device.envelope({"output_kw": output}, 0, 6),
        device.ranges({"output_kw": output}, device.site.clock.period(0)),
    )
    assert plan.low_kwh == close(-top * 0.5)
    assert plan.high_kwh == close(-bottom * 0.5)
    assert (span.low_kwh == plan.low_kwh[0]).all() and (span.base_kwh == plan.high_kwh[0]).all()
    assert span.minimum_kwh == close(least * 0.5)


@given(seed=SEEDS, least=st.one_of(st.none(), st.floats(0.0, 1.0)))
def test_a_source_gives_nothing_or_its_minimum_at_least(seed: int, least: float | None) -> None:
    most, zero = some(seed, 0.5, 10.0), np.zeros(DEVICES)
    minimum = None if least is None else least * most
    ranges = Ranges(-most, zero, zero, minimum)
    energy = -some(seed + 1, 0.0 if minimum is None else minimum, most)
    energy[::3] = 0.0
    assert within_ranges(energy, ranges, "it") == close(energy)
    for row, wrong in ((7, -most[7] - 0.1), (8, 0.1), (9, np.nan), (10, -0.4 * (least or 0.0) * most[10])):
        if row == 10 and wrong > -1e-6:
            continue
        off = energy.copy()
        off[row] = wrong
        with pytest.raises(AuditError, match=f"^it {row}: "):
            within_ranges(off, ranges, "it")


# What kernels are given


def test_any_memory_layout_gives_the_same(kit: Any) -> None:
    """Energies may be a column of a table, or not to be written to."""
    device = devices(kit, "battery", {"capacity_kwh": (5, 10)})
    state, period = device.initial_state(), device.site.clock.period(0)
    energy = 0.1 * device.ranges(state, period).high_kwh
    expected = device.commit(state, period, energy)["soc_kwh"]
    table = np.tile(energy[:, None], (1, 3))
    frozen = energy.copy()
    frozen.flags.writeable = False
    for given_kwh in (table[:, 1], frozen):
        assert (device.commit(state, period, given_kwh)["soc_kwh"] == expected).all()


def test_nothing_is_compiled_before_it_is_used() -> None:
    """Importing every kind has to stay quick, also where no kernel is cached."""
    code = (
        "import sys\n"
        "from cosim.devices import registry\n"
        "for name in registry.names(): registry.load(name)\n"
        "kernels = {k for n, m in list(sys.modules.items()) if n.startswith('cosim.devices.')\n"
        "           for k in vars(m).values() if hasattr(k, 'signatures')}\n"
        "print(len(kernels) > 10, any(k.signatures for k in kernels))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]
