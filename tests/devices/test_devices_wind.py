"""Kinds that follow a series on another carrier or with another source: heat demand and wind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st


def wind(kit: Any, config: dict[str, Any], per_kw: Any, ticks: int = 1) -> Any:
    return kit.device(kit.request("wind", config), "wind", kit.site(kit.clock(), {"wind": per_kw}, ticks))


@pytest.mark.parametrize(("curtailable", "high"), [(True, 0.0), (False, -3.0)])
def test_wind_produces_its_profile(kit: Any, curtailable: bool, high: float) -> None:
    device = wind(kit, {"rated_kw": 10, "curtailable": curtailable}, [[0.3]])
    period = kit.clock().period(0)
    span = device.ranges({}, period)
    assert span.low_kwh == pytest.approx([-3.0]) and span.base_kwh == pytest.approx([-3.0])
    assert span.high_kwh == pytest.approx([high])
    assert device.observe({}, period, span) == pytest.approx(np.array([[3.0]]))
    assert device.reservation(np.array([0.2])) == (0.0, 0.0)
    assert (device.carrier, device.role, device.follows) == ("electricity", "generation", "wind")


@given(
    rated=st.floats(0.0, 100.0),
    per_kw=st.lists(st.floats(0.0, 1.0), min_size=4, max_size=4),
    action=st.floats(-1.0, 1.0),
)
def test_wind_within_a_period_keeps_the_mean(
    kit: Any, rated: float, per_kw: list[float], action: float
) -> None:
    device = wind(kit, {"rated_kw": rated}, np.array(per_kw)[:, None], ticks=4)
    period = kit.clock().period(0)
    span = device.ranges({}, period)
    energy = span.setpoint(np.array([action]))
    assert -rated * np.mean(per_kw) - 1e-9 <= energy <= 0.0
    deviation = device.within_period_kw(period, energy)
    assert deviation.mean() == pytest.approx(0.0, abs=1e-9)
    assert (energy + deviation <= 1e-9).all()


def test_heat_demand_draws_its_profile(kit: Any) -> None:
    site = kit.site(kit.clock(minutes=30), {"heat_demand": [[2.0], [6.0]]}, 2)
    device = kit.device(kit.request("heat_demand", {}), "heat_demand", site)
    period = kit.clock(minutes=30).period(0)
    span = device.ranges({}, period)
    assert span.low_kwh == span.base_kwh == span.high_kwh == 2.0
    assert device.observe({}, period, span) == pytest.approx(np.array([[2.0]]))
    assert (device.carrier, device.role, device.follows) == ("heat", "load", "heat")
    assert not device.flexible
    assert device.within_period_kw(period, span.base_kwh) is None, "no electricity"


@pytest.mark.parametrize("kind", ["wind", "heat_demand"])
def test_what_follows_a_series_is_given_to_planners_as_it_is(kit: Any, kind: str) -> None:
    series = [[0.3], [0.5], [0.1]]
    config = {"rated_kw": 10.0} if kind == "wind" else {}
    device = kit.device(kit.request(kind, config), kind, kit.site(kit.clock(), {kind: series}))
    envelope = device.envelope({}, 1, 2)
    assert envelope.carrier == device.carrier and envelope.store is None
    if kind == "wind":
        assert envelope.low_kwh.tolist() == [[-5.0], [-1.0]] and not envelope.high_kwh.any()
    else:
        assert envelope.low_kwh.tolist() == envelope.high_kwh.tolist() == [[0.5], [0.1]]
