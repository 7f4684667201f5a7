from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st


def pv(kit: Any, settings: dict[str, Any], per_kwp: Any, minutes: int = 60, ticks: int = 1) -> Any:
    site = kit.site(kit.clock(minutes=minutes), {"pv": per_kwp}, ticks)
    return kit.device(kit.request("pv", settings), "pv", site)


def test_load_draws_its_profile(kit: Any) -> None:
    site = kit.site(kit.clock(minutes=15), {"load": [[0.4], [1.2]]})
    load = kit.device(kit.request("load", {}), "load", site)
    for index, kw in enumerate((0.4, 1.2)):
        span = load.ranges({}, kit.clock(minutes=15).period(index))
        assert span.low_kwh == span.base_kwh == span.high_kwh
        assert span.base_kwh == pytest.approx([kw * 0.25])
        assert load.observe({}, kit.clock().period(index), span) == pytest.approx(np.array([[kw * 0.25]]))
    assert not load.flexible and load.role == "load"
    assert load.commit({}, kit.clock().period(0), np.array([0.1])) == {}


def test_pv_produces_its_profile_behind_its_inverter(kit: Any) -> None:
    device = pv(kit, {"peak_kw": 10, "inverter_share": 0.7}, [[0.5], [0.9]])
    clock = kit.clock()
    span = device.ranges({}, clock.period(0))
    assert span.low_kwh == pytest.approx([-5.0]) and span.base_kwh == pytest.approx([-5.0])
    span = device.ranges({}, clock.period(1))
    assert span.low_kwh == pytest.approx([-7.0]), "the inverter cuts 9 kW to 7 kW"
    assert device.observe({}, clock.period(1), span) == pytest.approx(np.array([[7.0]]))


def test_the_inverter_cuts_peaks_within_a_period(kit: Any) -> None:
    """Half an hour at 9 kW, half at 1 kW: cut to 7 and 1, not the mean of 5 to 5."""
    device = pv(kit, {"peak_kw": 10, "inverter_share": 0.7}, [[0.9], [0.1]], ticks=2)
    assert device.ranges({}, kit.clock().period(0)).base_kwh == pytest.approx([-4.0])


@pytest.mark.parametrize(("curtailable", "high"), [(True, 0.0), (False, -5.0)])
def test_curtailable_or_not(kit: Any, curtailable: bool, high: float) -> None:
    device = pv(kit, {"peak_kw": 10, "curtailable": curtailable}, [[0.5]])
    assert device.ranges({}, kit.clock().period(0)).high_kwh == pytest.approx([high])


def test_producing_less_is_worth_nothing(kit: Any) -> None:
    device = pv(kit, {"peak_kw": 10}, [[0.5]])
    draw, give = device.reservation(np.array([0.2]))
    assert draw == 0.0 and give == 0.0


@given(
    peak=st.floats(0.0, 100.0),
    share=st.floats(0.0, 1.0),
    per_kwp=st.lists(st.floats(0.0, 1.1), min_size=4, max_size=4),
    action=st.floats(-1.0, 1.0),
)
def test_production_stays_within_sun_and_inverter(
    kit: Any, peak: float, share: float, per_kwp: list[float], action: float
) -> None:
    device = pv(kit, {"peak_kw": peak, "inverter_share": share}, np.array(per_kwp)[:, None], ticks=4)
    span = device.ranges({}, kit.clock().period(0))
    assert span.low_kwh <= span.base_kwh <= span.high_kwh <= 0.0
    energy = span.setpoint(np.array([action]))
    assert -peak * np.mean(per_kwp) - 1e-9 <= energy
    assert -peak * share - 1e-9 <= energy <= 0.0


@given(
    kw=st.lists(st.floats(0.0, 10.0), min_size=3, max_size=3),
    curtailed_to=st.floats(0.0, 1.0),
)
def test_power_within_a_period_keeps_the_mean(kit: Any, kw: list[float], curtailed_to: float) -> None:
    clock = kit.clock()
    site = kit.site(clock, {"load": np.array(kw)[:, None], "pv": np.array(kw)[:, None] / 10.0}, 3)
    load = kit.device(kit.request("load", {}), "load", site)
    deviation = load.within_period_kw(clock.period(0), load.ranges({}, clock.period(0)).base_kwh)
    assert deviation.shape == (3, 1)
    assert deviation.mean() == pytest.approx(0.0, abs=1e-12)
    assert deviation[:, 0] + np.mean(kw) == pytest.approx(np.array(kw), abs=1e-12)

    plant = kit.device(kit.request("pv", {"peak_kw": 10}), "pv", site)
    energy = plant.ranges({}, clock.period(0)).base_kwh * curtailed_to
    deviation = plant.within_period_kw(clock.period(0), energy)
    assert deviation.mean() == pytest.approx(0.0, abs=1e-12)
    power = energy + deviation[:, 0]  # an hour: kWh are kW
    assert (power <= 1e-12).all(), "a curtailed plant never draws"
    assert power == pytest.approx(-np.array(kw) * curtailed_to, abs=1e-9)


def test_no_deviation_where_a_period_is_one_tick(kit: Any) -> None:
    site = kit.site(kit.clock(), {"load": [[1.0]]})
    load = kit.device(kit.request("load", {}), "load", site)
    assert load.within_period_kw(kit.clock().period(0), np.array([1.0])) is None
