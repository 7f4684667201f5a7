from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cosim.devices.heat_pump import HeatPumpConfig
from cosim.errors import InputError


@dataclass
class Air:
    temperature_c: np.ndarray

    def values(self, quantity: str, first: int, last: int) -> np.ndarray:
        assert quantity == "temperature_c"
        return self.temperature_c[first:last]


def heat_pump(kit: Any, settings: dict[str, Any], air: Any, minutes: int = 60, ticks: int = 1) -> Any:
    values = np.atleast_1d(np.asarray(air, dtype=float))
    clock = kit.clock(minutes=minutes, periods=len(values) // ticks)
    site = replace(kit.site(clock, ticks=ticks), weather=Air(values))
    return kit.device(kit.request("heat_pump", settings), "heat_pump", site)


def a_year() -> np.ndarray:
    """Hourly air temperature of a made-up central European year [degC]: mean about 9.5, January about 0, July
    about 19, days with a swing of 7 K, and a cold week down to -11."""
    hour = np.arange(8760)
    air = (
        9.5 - 9.5 * np.cos(2 * np.pi * (hour / 8760 - 0.05)) - 3.5 * np.cos(2 * np.pi * (hour % 24 - 3) / 24)
    )
    air[600:768] -= 8.0
    return air


@pytest.mark.parametrize(
    ("settings", "air", "cop"),
    [
        # flow 40, lift 40: 0.85 (6.08 - 3.6 + 0.8)
        ({}, 0.0, 0.85 * 3.28),
        # flow 47, lift 54: 0.85 (6.08 - 4.86 + 1.458)
        ({}, -7.0, 0.85 * 2.678),
        # floor: flow 33.5, lift 40.5: 0.85 (6.08 - 3.645 + 0.820125)
        ({"heating": "floor"}, -7.0, 0.85 * 3.255125),
        # lift 40 - 5 = 35: 0.85 (10.29 - 7.35 + 1.47)
        ({"source": "ground"}, 0.0, 0.85 * 4.41),
        # floor: flow 35, lift 30: 0.85 (10.29 - 6.3 + 1.08)
        ({"source": "ground", "heating": "floor"}, -10.0, 0.85 * 5.07),
        # flow 20: lift 0, counted as 15: 0.85 (6.08 - 1.35 + 0.1125)
        ({}, 20.0, 0.85 * 4.8425),
        # hot water at 50: lift 30: 0.85 (6.08 - 2.7 + 0.45)
        ({"lowest_flow_c": 50}, 20.0, 0.85 * 3.83),
        # a curve of one's own, on the test stand: flow 35, lift 28
        ({"flow_at_zero_c": 38.5, "flow_slope": 0.5, "field_factor": 1}, 7.0, 6.08 - 2.52 + 0.392),
        # one of its two parameters: flow 35 + 7, lift 49
        ({"flow_at_zero_c": 35}, -7.0, 0.85 * (6.08 - 4.41 + 1.2005)),
    ],
)
def test_the_cop_is_that_of_ruhnau_2019(kit: Any, settings: dict[str, Any], air: float, cop: float) -> None:
    device = heat_pump(kit, settings, air)
    assert device.cop(0, 1) == pytest.approx(np.array([[cop]]))
    taken = device.inputs(device.initial_state(), device.site.clock.period(0))
    assert set(taken) == {"electricity"} and taken["electricity"] == pytest.approx([-1.0 / cop])


@given(
    source=st.sampled_from(["air", "ground"]),
    cold=st.floats(-40.0, 40.0),
    warmer=st.floats(0.0, 30.0),
    factor=st.floats(0.3, 1.0),
)
def test_cold_never_makes_it_better(kit: Any, source: str, cold: float, warmer: float, factor: float) -> None:
    settings = {"source": source, "field_factor": factor, "lowest_flow_c": 55}
    cop = heat_pump(kit, settings, [cold, cold + warmer]).cop(0, 2)[:, 0]
    assert 1.0 <= cop[0] <= cop[1] * (1 + 1e-12)


@pytest.mark.parametrize(
    ("settings", "low", "high"),
    [
        # Field measurements of 77 heat pumps in existing houses: 2.6 to 5.4, on average 3.4 with outside air
        # and 4.3 with ground (Fraunhofer ISE, WP-QS im Bestand, 2025).
        ({"source": "air", "heating": "radiators"}, 2.6, 3.4),
        ({"source": "air", "heating": "floor"}, 3.0, 4.0),
        ({"source": "ground", "heating": "radiators"}, 3.6, 4.5),
        ({"source": "ground", "heating": "floor"}, 4.3, 5.4),
    ],
)
def test_seasonal_performance_is_that_of_the_field(
    kit: Any, settings: dict[str, Any], low: float, high: float
) -> None:
    air = a_year()
    heat = np.maximum(15.0 - air, 0.0)
    cop = heat_pump(kit, settings, air).cop(0, 8760)[:, 0]
    assert low <= heat.sum() / (heat / cop).sum() <= high


@pytest.mark.parametrize(("air", "heat_kw"), [(-15, 5.6), (-7, 6.8), (2, 8.2), (7, 8.5), (12, 8.4)])
def test_capacity_falls_as_certified(kit: Any, air: float, heat_kw: float) -> None:
    """Stiebel Eltron WPL 13 E, points of EN 14825 at a low flow temperature."""
    device = heat_pump(kit, {"max_heat_kw": 8.5}, air)
    assert device.capacity_kwh(0, 1)[0] == pytest.approx([heat_kw], rel=0.05)


def test_ranges_follow_the_weather(kit: Any) -> None:
    device = heat_pump(kit, {"max_heat_kw": 8, "minimum_load": 0.25}, [-13.0, 10.0], minutes=30)
    clock, state = device.site.clock, device.initial_state()
    cold, mild = (device.ranges(state, clock.period(index)) for index in (0, 1))
    assert cold.low_kwh == pytest.approx([-8 * 0.7 / 2]) and mild.low_kwh == pytest.approx([-4.0])
    assert cold.minimum_kwh == pytest.approx([0.7]) and mild.minimum_kwh == pytest.approx([1.0])
    assert cold.base_kwh == cold.high_kwh == 0.0
    ground = heat_pump(kit, {"max_heat_kw": 8, "source": "ground"}, -13.0)
    assert ground.ranges(state, clock.period(0)).low_kwh == pytest.approx([-8.0])


def test_a_period_of_several_ticks_draws_their_mean(kit: Any) -> None:
    settings = {"max_heat_kw": 10}
    one = heat_pump(kit, settings, [-9.0, 3.0, 11.0, 0.0])
    two = heat_pump(kit, settings, [-9.0, 3.0, 11.0, 0.0], ticks=2)
    assert 1.0 / two.cop(0, 2) == pytest.approx((1.0 / one.cop(0, 4)).reshape(2, 2).mean(axis=1)[:, None])
    by_tick = one.capacity_kwh(0, 4).reshape(2, 2)
    assert two.capacity_kwh(0, 2) == pytest.approx(by_tick.mean(axis=1)[:, None])


def test_a_forecast_leaves_the_device_alone(kit: Any) -> None:
    device = heat_pump(kit, {}, [0.0])
    other = device.seeing({}, Air(np.array([-7.0])))
    assert other.cop(0, 1) == pytest.approx(0.85 * 2.678)
    assert device.cop(0, 1) == pytest.approx(0.85 * 3.28)


def test_names_become_columns_and_parameters_are_drawn(kit: Any) -> None:
    site = replace(kit.site(kit.clock()), weather=Air(np.zeros(48)))
    radiators = kit.request("heat_pump", {"flow_at_zero_c": {"uniform": [38, 45]}}, prosumer=(0, 1, 2))
    floor = kit.request("heat_pump", {"source": "ground", "heating": "floor"}, prosumer=(3,))
    device = type(kit.device(floor, "heat_pump", site)).build([radiators, floor], site)
    assert device.columns["source"].tolist() == [0.0, 0.0, 0.0, 1.0]
    assert device.columns["heating"].tolist() == [0.0, 0.0, 0.0, 1.0]
    flow = device.columns["flow_at_zero_c"]
    assert ((flow[:3] >= 38) & (flow[:3] <= 45)).all() and len(set(flow[:3])) == 3 and np.isnan(flow[3])
    lift = flow[:3]
    expected = [*0.85 * (6.08 - 0.09 * lift + 0.0005 * lift**2), 0.85 * (10.29 - 0.21 * 25 + 0.0012 * 625)]
    assert device.cop(0, 1)[0] == pytest.approx(np.array(expected))


def test_it_sees_its_cop(kit: Any) -> None:
    device = heat_pump(kit, {"max_heat_kw": 8}, 10.0)
    state, period = device.initial_state(), device.site.clock.period(0)
    seen = device.observe(state, period, device.ranges(state, period))
    assert [field.name for field in device.observations] == ["max_heat_kwh", "cop"]
    assert seen == pytest.approx(np.array([[8.0, 0.85 * (6.08 - 1.8 + 0.2)]]))


def test_without_weather_it_says_so(kit: Any) -> None:
    device = kit.device(kit.request("heat_pump", {}), "heat_pump", kit.site(kit.clock()))
    with pytest.raises(InputError, match="heat_pump needs the weather"):
        device.ranges({}, kit.clock().period(0))


@pytest.mark.parametrize(
    "settings",
    [
        {"source": "water"},
        {"heating": "ceiling"},
        {"minimum_load": 1.5},
        {"field_factor": 1.2},
        {"flow_at_zero_c": {"uniform": [30, 120]}},
        {"max_heat_kw": -1},
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HeatPumpConfig.model_validate(settings)
