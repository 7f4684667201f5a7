from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from cosim.core.streams import Streams
from cosim.devices.ev import EvConfig

EVS = st.fixed_dictionaries(
    {
        "capacity_kwh": st.floats(5.0, 100.0),
        "max_charge_kw": st.floats(0.0, 22.0),
        "max_discharge_kw": st.floats(0.0, 11.0),
        "charge_efficiency": st.floats(0.3, 1.0),
        "discharge_efficiency": st.floats(0.3, 1.0),
        "arrival_hour": st.floats(0.0, 23.9),
        "departure_hour": st.floats(0.0, 23.9),
        "hours_spread": st.floats(0.0, 6.0),
        "trip_kwh": st.floats(0.0, 40.0),
        "trip_variation": st.floats(0.0, 1.0),
        "departure_soc": st.floats(0.0, 1.0),
        "initial_soc": st.floats(0.0, 1.0),
    }
).filter(lambda ev: ev["arrival_hour"] != ev["departure_hour"])
STARTS = st.sampled_from(["2016-06-06 00:00", "2016-06-06 13:00", "2016-03-26 00:00", "2016-10-29 00:00"])
FIXED = {"hours_spread": 0.0, "trip_variation": 0.0}


def ev(kit: Any, config: dict[str, Any], clock: Any, seed: int = 1) -> Any:
    return kit.device(kit.request("ev", config, streams=Streams(seed)), "ev", kit.site(clock))


@settings(max_examples=60)
@given(
    config=EVS,
    start=STARTS,
    minutes=st.sampled_from([15, 60]),
    seed=st.integers(0, 1000),
    drive=st.sampled_from(["idle", "low", "high", "random"]),
)
def test_whatever_it_is_told_it_leaves_with_what_could_be_reached(
    kit: Any, config: dict[str, Any], start: str, minutes: int, seed: int, drive: str
) -> None:
    """Over five days: ranges in order, state in its window, energy balance with trips, and at every departure
    the energy wanted, if charging at full power from arrival on would have reached it."""
    clock = kit.clock(start, minutes, 5 * 24 * 60 // minutes)
    device = ev(kit, config, clock, seed)
    state = device.initial_state()
    told = np.random.default_rng(seed).uniform(-1.0, 1.0, clock.periods)
    told = {"idle": 0.0 * told, "low": told * 0 - 1.0, "high": told * 0 + 1.0, "random": told}[drive]
    wanted = config["capacity_kwh"] * config["departure_soc"]
    trips, reachable = 0.0, None
    balance = float(state["soc_kwh"][0])
    for index in range(clock.periods):
        period = clock.period(index)
        left = int(device.periods_left(period)[0])
        stored = float(state["soc_kwh"][0])
        if left == 0:
            reachable = None
        elif reachable is None:
            most = left * config["max_charge_kw"] * clock.hours * config["charge_efficiency"]
            reachable = min(stored + most, config["capacity_kwh"])
        span = device.ranges(state, period)
        assert span.low_kwh <= span.base_kwh <= span.high_kwh
        assert -config["max_discharge_kw"] * clock.hours - 1e-9 <= span.low_kwh
        assert span.high_kwh <= config["max_charge_kw"] * clock.hours + 1e-9
        if left == 0:
            assert span.low_kwh == span.high_kwh == 0.0, "away means nothing"
        energy = span.setpoint(told[index : index + 1])
        inside = np.maximum(energy, 0.0) * config["charge_efficiency"]
        inside = inside + np.minimum(energy, 0.0) / config["discharge_efficiency"]
        before = float(state["unserved_kwh"][0])
        state = device.commit(state, period, energy)
        if left == 1:
            held = stored + float(inside[0])
            assert held >= min(wanted, reachable) - 1e-6
        used = stored + float(inside[0]) - float(state["soc_kwh"][0])  # by a trip that ended just now
        unserved = float(state["unserved_kwh"][0]) - before
        arrives = left <= 1 and index + 1 < clock.periods and device.periods_left(clock.period(index + 1)) > 0
        if not arrives and index + 1 < clock.periods:
            assert used == pytest.approx(0.0, abs=1e-9) and unserved == 0.0
        trips += used + unserved
        balance += float(inside[0])
        assert 0.0 <= state["soc_kwh"] <= config["capacity_kwh"]
    served = trips - float(state["unserved_kwh"][0])
    assert float(state["soc_kwh"][0]) == pytest.approx(balance - served, abs=1e-6)
    assert trips <= 6 * config["trip_kwh"] * (1.0 + config["trip_variation"]) + 1e-6, "one trip a day at most"


def test_least_laxity_by_hand(kit: Any) -> None:
    """Home from 18:00 to 7:00 (13 h at 11 kW x 0.5), 50 kWh wanted of 60, 40 held: 10 kWh inside need 20 kWh
    at the plug, so it can wait until 5:00."""
    clock = kit.clock("2016-06-06 18:00", 60, 24)
    config = {"departure_hour": 7, "departure_soc": 50 / 60, "initial_soc": 40 / 60, "charge_efficiency": 0.5}
    device = ev(kit, FIXED | config, clock)
    state = device.initial_state()
    drawn = []
    for index in range(14):
        period = clock.period(index)
        assert device.periods_left(period) == max(13 - index, 0)
        base = device.ranges(state, period).base_kwh
        drawn.append(float(base[0]))
        state = device.commit(state, period, base)
    assert drawn == pytest.approx([0.0] * 11 + [9.0, 11.0, 0.0])
    assert state["soc_kwh"] == pytest.approx([50.0])


def test_it_gives_back_only_what_it_can_fetch_again(kit: Any) -> None:
    """One hour after this one at 10 kW x 0.9: with 50 kWh held and 45 wanted it may go down to 36 inside."""
    clock = kit.clock("2016-06-06 05:00", 60, 4)
    config = {
        "departure_hour": 7,
        "departure_soc": 0.75,
        "initial_soc": 50 / 60,
        "max_charge_kw": 10,
        "max_discharge_kw": 100,
        "charge_efficiency": 0.9,
        "discharge_efficiency": 0.8,
    }
    device = ev(kit, FIXED | config, clock)
    state = device.initial_state()
    span = device.ranges(state, clock.period(0))
    assert span.low_kwh == pytest.approx([-(50 - 36) * 0.8])
    state = device.commit(state, clock.period(0), span.low_kwh)
    span = device.ranges(state, clock.period(1))
    assert span.low_kwh == pytest.approx([10.0]) and span.base_kwh == pytest.approx([10.0])


def test_a_trip_that_the_battery_does_not_hold_is_told(kit: Any) -> None:
    clock = kit.clock("2016-06-06 00:00", 60, 24)
    config = {"trip_kwh": 20.0, "initial_soc": 0.25, "departure_soc": 0.25, "arrival_hour": 18}
    device = ev(kit, FIXED | config, clock)  # leaves at 7:30 with 15 kWh
    state = device.initial_state()
    for index in range(18):
        state = device.commit(state, clock.period(index), device.ranges(state, clock.period(index)).base_kwh)
        if index < 17:
            assert state["unserved_kwh"] == 0.0
    assert state["soc_kwh"] == 0.0 and state["unserved_kwh"] == pytest.approx([5.0])


def test_what_it_sees(kit: Any) -> None:
    clock = kit.clock("2016-06-06 05:00", 30, 40)
    config = {"departure_hour": 7, "departure_soc": 1.0, "initial_soc": 0.5, "max_charge_kw": 10}
    device = ev(kit, FIXED | config, clock)
    state = device.initial_state()
    seen = device.observe(state, clock.period(0), device.ranges(state, clock.period(0)))
    # 30 kWh missing, 2 h left, all power needed at once
    assert seen == pytest.approx(np.array([[1.0, 0.5, 30.0, 2.0, 5.0, 5.0, 0.0]]))
    gone = device.observe(state, clock.period(4), device.ranges(state, clock.period(4)))
    assert gone == pytest.approx(np.array([[0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0]]))
    assert not np.signbit(gone).any()


@pytest.mark.parametrize(
    "config",
    [
        {"arrival_hour": 8, "departure_hour": 8},
        {"arrival_hour": 0, "departure_hour": 24},
        {"arrival_hour": 25},
        {"departure_soc": 1.2},
        {"capacity_kwh": -5},
        {"trip_kwh": {"normal": {"mean": 5, "std": 1, "low": -1}}},
    ],
)
def test_what_cannot_be_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        EvConfig.model_validate(config)
