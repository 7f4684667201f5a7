from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.core.records import Field
from cosim.errors import PolicyError
from cosim.policies import Spec, baseline_action
from cosim.policies.rules.baseline import device_actions
from cosim.policies.sample import sample_inputs, sample_spec


def spec_of(actions: list[str], observations: list[str], period_hours: float | None = 0.25) -> Spec:
    def fields(names: list[str]) -> tuple[Field, ...]:
        return tuple(Field(name, "", -1e9, 1e9, "") for name in names)

    return Spec(fields(observations), (), fields(actions), period_hours)


def act(actions: list[str], parameters=None, period_hours: float | None = 0.25, **observed: float) -> dict:
    """The baseline for one prosumer; `__` in a keyword stands for a dot."""
    known = {name.replace("__", "."): value for name, value in observed.items()}
    spec = spec_of(actions, list(known), period_hours)
    own = {name: np.array([value]) for name, value in (parameters or {}).items()}
    action = baseline_action(spec, np.array([list(known.values())]), own)
    return dict(zip(actions, action[0], strict=True))


PRICES = {"retail_price": 0.30, "feed_in_price": 0.08, "value_low": 0.08, "value_high": 0.48}
BATTERY = {"battery__max_charge_kwh": 2.0, "battery__max_discharge_kwh": 1.0}
EV = {
    "ev__plugged": 1.0,
    "ev__hours_left": 1.0,
    "ev__max_charge_kwh": 2.0,
    "ev__max_discharge_kwh": 0.0,
    "ev__must_kwh": 0.0,
    "ev__need_kwh": 0.0,
}


def test_margins_are_at_the_limit_price() -> None:
    assert act(["bid_margin", "ask_margin"], net_forecast_kwh=1.0) == {"bid_margin": -1.0, "ask_margin": -1.0}


def test_unknown_kind_of_device_stays_idle() -> None:
    assert act(["windmill.setpoint", "windmill.value"], net_forecast_kwh=1.0) == {
        "windmill.setpoint": 0.0,
        "windmill.value": 0.0,
    }


def test_devices_are_recognised_by_their_actions() -> None:
    spec = spec_of(["bid_margin", "battery.value", "battery_2.value", "ev.setpoint", "ev.2.value"], [])
    assert device_actions(spec) == [
        ("battery.value", "battery", "battery"),
        ("battery_2.value", "battery_2", "battery"),
        ("ev.setpoint", "ev", "ev"),
        ("ev.2.value", "ev.2", "ev"),
    ]


def test_battery_value_is_midway_between_feed_in_and_retail() -> None:
    # (0.08 + 0.30) / 2 = 0.19, on a range from 0.08 to 0.48: a share of 0.275
    assert act(["battery.value"], **PRICES)["battery.value"] == pytest.approx(2 * 0.275 - 1)


def test_battery_value_takes_losses_into_account() -> None:
    losses = {"battery.charge_efficiency": 0.8, "battery.discharge_efficiency": 0.9}
    expected = 0.5 * (0.08 / 0.8 + 0.30 * 0.9)  # = 0.185
    assert act(["battery.value"], losses, **PRICES)["battery.value"] == pytest.approx(
        2 * (expected - 0.08) / 0.40 - 1
    )


@given(
    feed_in=st.floats(0.0, 0.15),
    spread=st.floats(0.1, 0.4),
    charge=st.floats(0.85, 1.0),
    discharge=st.floats(0.85, 1.0),
)
def test_surplus_is_stored_and_deficit_is_covered_but_nothing_is_bought_to_store(
    feed_in: float, spread: float, charge: float, discharge: float
) -> None:
    retail = feed_in + spread
    share = act(
        ["battery.value"],
        {"battery.charge_efficiency": charge, "battery.discharge_efficiency": discharge},
        retail_price=retail,
        feed_in_price=feed_in,
        value_low=0.0,
        value_high=1.0,
    )["battery.value"]
    value = 0.5 * (share + 1.0)
    assert feed_in < value * charge < retail
    assert feed_in < value / discharge < retail


def test_value_range_may_come_as_a_parameter() -> None:
    own = {"value_low": 0.08, "value_high": 0.48}
    given_prices = {"retail_price": 0.30, "feed_in_price": 0.08}
    assert act(["battery.value"], own, **given_prices) == act(["battery.value"], **PRICES)


def test_missing_value_range_is_an_error() -> None:
    with pytest.raises(PolicyError, match="needs 'value_low'"):
        act(["battery.value"], retail_price=0.3, feed_in_price=0.1)


def test_value_range_without_width_gives_the_middle() -> None:
    flat = {"retail_price": 0.2, "feed_in_price": 0.2, "value_low": 0.2, "value_high": 0.2}
    assert act(["battery.value"], **flat)["battery.value"] == 0.0


@pytest.mark.parametrize(
    ("net_kwh", "setpoint"), [(-1.0, 0.5), (-5.0, 1.0), (0.0, 0.0), (0.25, -0.25), (3.0, -1.0)]
)
def test_battery_setpoint_follows_the_net_energy(net_kwh: float, setpoint: float) -> None:
    action = act(["battery.setpoint"], net_forecast_kwh=net_kwh, **BATTERY)
    assert action["battery.setpoint"] == pytest.approx(setpoint)


def test_second_battery_takes_what_the_first_leaves() -> None:
    action = act(
        ["battery.setpoint", "battery_2.setpoint"],
        net_forecast_kwh=-3.0,
        battery_2__max_charge_kwh=4.0,
        battery_2__max_discharge_kwh=4.0,
        **BATTERY,
    )
    assert action == {"battery.setpoint": 1.0, "battery_2.setpoint": pytest.approx(0.25)}


def test_full_or_absent_battery_stays_idle() -> None:
    assert act(["battery.setpoint"], net_forecast_kwh=-3.0)["battery.setpoint"] == 0.0


@pytest.mark.parametrize(
    ("need", "hours_left", "share"),
    [(0.0, 1.0, 0.0), (4.0, 1.0, 0.5), (8.0, 1.0, 1.0), (20.0, 1.0, 1.0), (2.0, 0.25, 1.0), (4.0, 2.0, 0.25)],
)
def test_ev_value_grows_with_urgency(need: float, hours_left: float, share: float) -> None:
    # Charging 2 kWh a quarter of an hour: 8 kWh an hour.
    known = {**PRICES, **EV, "feed_in_price": 0.0, "ev__need_kwh": need, "ev__hours_left": hours_left}
    assert act(["ev.value"], **known)["ev.value"] == pytest.approx(2 * share - 1)


def test_ev_without_urgency_charges_from_own_surplus_but_not_from_the_grid() -> None:
    value = 0.08 + 0.5 * (act(["ev.value"], **PRICES, **EV)["ev.value"] + 1) * 0.40
    assert 0.08 < value < 0.09


def test_ev_that_can_discharge_is_worth_at_least_a_battery() -> None:
    known = {**PRICES, **EV, "ev__max_discharge_kwh": 1.0}
    assert act(["ev.value"], **known)["ev.value"] == act(["battery.value"], **PRICES)["battery.value"]


@pytest.mark.parametrize(
    ("net_kwh", "need", "must", "setpoint"),
    [
        (-1.0, 0.0, 0.0, 0.5),  # own surplus
        (1.0, 0.0, 0.0, 0.0),  # nothing wanted, nothing there
        (1.0, 4.0, 0.0, 0.5),  # evenly: 1 kWh in each of four periods
        (-1.5, 4.0, 0.0, 0.75),  # surplus beyond that
        (2.0, 8.0, 1.0, 1.0),  # 2 kWh wanted: all of the way from the 1 kWh that it must
        (0.0, 0.0, 0.5, 0.0),  # what it must charge is set-point 0 and part of the forecast
    ],
)
def test_ev_setpoint(net_kwh: float, need: float, must: float, setpoint: float) -> None:
    known = {**EV, "ev__need_kwh": need, "ev__must_kwh": must}
    assert act(["ev.setpoint"], net_forecast_kwh=net_kwh, **known)["ev.setpoint"] == pytest.approx(setpoint)


def test_ev_covers_a_deficit_only_with_what_is_not_wanted() -> None:
    known = {**EV, "ev__max_discharge_kwh": 2.0}
    assert act(["ev.setpoint"], net_forecast_kwh=1.0, **known)["ev.setpoint"] == pytest.approx(-0.5)
    known["ev__need_kwh"] = 1e-6
    assert act(["ev.setpoint"], net_forecast_kwh=1.0, **known)["ev.setpoint"] >= 0.0


def test_ev_comes_before_the_battery_and_its_charge_is_covered_by_it() -> None:
    known = {**EV, **BATTERY, "ev__need_kwh": 4.0}
    action = act(["battery.setpoint", "ev.setpoint"], net_forecast_kwh=-3.0, **known)
    assert action == {"battery.setpoint": pytest.approx(0.5), "ev.setpoint": 1.0}
    action = act(["battery.setpoint", "ev.setpoint"], net_forecast_kwh=0.0, **known)
    assert action == {"battery.setpoint": -1.0, "ev.setpoint": pytest.approx(0.5)}


def test_ev_needs_the_length_of_a_period() -> None:
    with pytest.raises(PolicyError, match="period_hours"):
        act(["ev.setpoint"], period_hours=None, net_forecast_kwh=0.0, **EV)


@pytest.mark.parametrize("bidding", ["reservation", "setpoint"])
@pytest.mark.parametrize("extreme", [False, True])
def test_any_inputs_give_an_action_within_bounds(bidding: str, extreme: bool) -> None:
    spec = sample_spec(bidding)
    inputs = sample_inputs(spec, 500, np.random.default_rng(3), extreme)
    action = baseline_action(spec, inputs.observation)
    assert np.isfinite(action).all() and np.abs(action).max() <= 1.0


def test_rows_do_not_depend_on_each_other() -> None:
    spec = sample_spec()
    inputs = sample_inputs(spec, 20, np.random.default_rng(4))
    together = baseline_action(spec, inputs.observation)
    alone = [baseline_action(spec, inputs.observation[row : row + 1]) for row in range(20)]
    assert np.array_equal(together, np.concatenate(alone))


def test_fields_that_are_absent_count_as_zero() -> None:
    spec = replace(sample_spec("setpoint"), observation=())
    assert np.array_equal(baseline_action(spec, np.zeros((2, 0))), [[-1.0, -1.0, 0.0, 0.0]] * 2)
