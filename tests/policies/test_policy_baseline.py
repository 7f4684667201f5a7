from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.bidding.observation import COMMON
from cosim.core.records import Field
from cosim.devices.battery import Battery
from cosim.devices.ev import Ev
from cosim.errors import PolicyError
from cosim.policies import Spec, baseline_action
from cosim.policies.rules.baseline import EDGE_EUR_PER_KWH, device_actions
from cosim.policies.sample import sample_inputs, sample_spec


def spec_of(actions: list[str], observations: list[str]) -> Spec:
    def fields(names: list[str]) -> tuple[Field, ...]:
        return tuple(Field(name, "", -1e9, 1e9, "") for name in names)

    return Spec(fields(observations), (), fields(actions))


def act(actions: list[str], parameters=None, **observed: float) -> dict:
    """The baseline for one prosumer; `__` in a keyword stands for a dot."""
    known = {name.replace("__", "."): value for name, value in observed.items()}
    spec = spec_of(actions, list(known))
    own = {name: np.array([value]) for name, value in (parameters or {}).items()}
    action = baseline_action(spec, np.array([list(known.values())]), own)
    return dict(zip(actions, action[0], strict=True))


def priced(
    device: str, parameters: Mapping[str, float] | None = None, **observed: float
) -> tuple[float, float, float]:
    """What the baseline's action means: the value of energy inside, the highest price at which the device
    draws, and the lowest at which it gives; computed by the devices' own code."""
    share = 0.5 * (act([f"{device}.value"], parameters, **observed)[f"{device}.value"] + 1.0)
    own = dict(parameters or {})
    efficiencies = {
        name: np.array([own.get(f"{device}.{name}", 1.0)])
        for name in ("charge_efficiency", "discharge_efficiency")
    }
    devices = object.__new__(Battery)
    devices.columns = efficiencies
    low, high = devices.value_range(np.array([observed["value_low"]]), np.array([observed["value_high"]]))
    value = low + share * (high - low)
    draws, gives = devices.reservation(value)
    return value.item(), draws.item(), gives.item()


PRICES = {"retail_price": 0.30, "feed_in_price": 0.08, "value_low": 0.08, "value_high": 0.48}
LOSSES = {"battery.charge_efficiency": 0.8, "battery.discharge_efficiency": 0.9}
BATTERY = {"battery__max_charge_kwh": 2.0, "battery__max_discharge_kwh": 1.0}
EV = {
    "ev__plugged": 1.0,
    "ev__hours_left": 1.0,
    "ev__max_charge_kwh": 2.0,
    "ev__max_discharge_kwh": 0.0,
    "ev__must_kwh": 0.0,
    "ev__need": 0.0,
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
    value, draws, gives = priced("battery", LOSSES, **PRICES)
    assert value == pytest.approx(0.5 * (0.08 / 0.8 + 0.30 * 0.9))  # = 0.185
    assert (draws, gives) == (pytest.approx(0.8 * 0.185), pytest.approx(0.185 / 0.9))


def test_ends_of_the_range_are_any_price() -> None:
    # From 0.08 x 0.9 = 0.072 to 0.48 / 0.8 = 0.6: 0.185 is a share of 0.113 / 0.528.
    action = act(["battery.value"], LOSSES, **PRICES)["battery.value"]
    assert action == pytest.approx(2 * 0.113 / 0.528 - 1)
    # An EV that has to buy with a flat tariff at the run's highest price: anything, that is +1.
    dear = {**PRICES, **EV, "retail_price": 0.48, "lowest_retail_ahead": 0.48, "ev__need": 1.0}
    assert act(["ev.value"], {"ev.charge_efficiency": 0.8}, **dear)["ev.value"] == 1.0


@given(
    feed_in=st.floats(-0.05, 0.15),
    spread=st.floats(0.1, 0.4),
    charge=st.floats(0.85, 1.0),
    discharge=st.floats(0.85, 1.0),
)
def test_surplus_is_stored_and_deficit_is_covered_but_nothing_is_bought_to_store(
    feed_in: float, spread: float, charge: float, discharge: float
) -> None:
    retail = feed_in + spread
    own = {"battery.charge_efficiency": charge, "battery.discharge_efficiency": discharge}
    prices = {"retail_price": retail, "feed_in_price": feed_in, "value_low": -0.05, "value_high": 1.0}
    _, draws, gives = priced("battery", own, **prices)
    assert feed_in < draws < retail
    assert feed_in < gives < retail


@pytest.mark.parametrize("device", ["battery", "ev"])
def test_who_is_paid_for_taking_takes_and_never_gives(device: str) -> None:
    paid = {"retail_price": -0.02, "feed_in_price": -0.10, "value_low": -0.10, "value_high": 0.30}
    known = {**paid, **BATTERY, **EV, "ev__max_discharge_kwh": 1.0, "lowest_retail_ahead": -0.02}
    own = {f"{device}.charge_efficiency": 0.9, f"{device}.discharge_efficiency": 0.9}
    value, draws, gives = priced(device, own, **known)
    assert value == pytest.approx(0.0, abs=1e-12)
    assert -0.02 < draws <= gives + 1e-12  # else its own two orders would trade with each other
    action = act([f"{device}.setpoint"], own, net_forecast_kwh=1.0, **known)
    assert action[f"{device}.setpoint"] == 1.0


def test_battery_is_left_alone_where_losses_are_dearer_than_the_spread() -> None:
    prices = {**PRICES, "retail_price": 0.09}
    _, draws, gives = priced("battery", LOSSES, **prices)
    assert draws < 0.08 and gives > 0.09


@pytest.mark.parametrize("name", ["battery.charge_efficiency", "battery.discharge_efficiency"])
def test_efficiency_of_zero_means_no_such_device(name: str) -> None:
    assert act(["battery.value"], {name: 0.0}, **PRICES) == act(["battery.value"], **PRICES)


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


EV_LOSSES = {"ev.charge_efficiency": 0.8, "ev.discharge_efficiency": 0.9}
TIMES = {**PRICES, "lowest_retail_ahead": 0.20}
"""Time-of-use: 0.30 now, 0.20 later today."""
NOW = {**TIMES, "retail_price": 0.20}
"""The same tariff when it is cheapest."""
FLAT = {**PRICES, "lowest_retail_ahead": 0.30}


@pytest.mark.parametrize(
    ("prices", "buys"),
    [
        (FLAT, True),
        (TIMES, False),
        (NOW, True),
        (PRICES, True),  # what is ahead is not observed
        ({**NOW, "lowest_retail_ahead": 0.20 + 1e-12}, True),  # a tie but for rounding
        ({**NOW, "lowest_retail_ahead": 0.20 - 1e-12}, True),
        ({**FLAT, "retail_price": -0.05, "lowest_retail_ahead": -0.05, "feed_in_price": -0.1}, True),
        ({**FLAT, "retail_price": 0.05, "lowest_retail_ahead": -0.05, "feed_in_price": 0.0}, False),
    ],
)
def test_ev_that_needs_energy_buys_when_the_utility_is_cheapest_in_both_modes(
    prices: Mapping[str, float], buys: bool
) -> None:
    known = {**EV, **prices, "ev__need": 0.4, "value_low": -0.1}
    _, draws, _ = priced("ev", EV_LOSSES, **known)
    assert (draws >= known["retail_price"]) == buys
    drawn = 2.0 * act(["ev.setpoint"], EV_LOSSES, net_forecast_kwh=1.0, **known)["ev.setpoint"]
    needed = 0.4 / 0.8  # 0.4 kWh inside
    paid = known["retail_price"] < 0.0  # then all that the plug passes
    assert drawn == pytest.approx(2.0 if paid else needed if buys else 0.0)


def test_ev_that_waits_takes_what_is_cheaper_than_the_utility_will_be() -> None:
    _, draws, _ = priced("ev", EV_LOSSES, **{**TIMES, **EV, "ev__need": 1.0})
    assert draws == pytest.approx(0.20 + EDGE_EUR_PER_KWH)


@pytest.mark.parametrize("feed_in", [0.08, 0.0, -0.03])
def test_ev_without_need_takes_own_surplus_but_nothing_from_the_utility(feed_in: float) -> None:
    _, draws, _ = priced("ev", EV_LOSSES, **{**FLAT, **EV, "feed_in_price": feed_in, "value_low": -0.1})
    assert feed_in < draws < 0.09
    assert draws == pytest.approx(max(feed_in + EDGE_EUR_PER_KWH, 0.0))


@pytest.mark.parametrize("need", [0.0, 5.0])
def test_ev_that_can_discharge_gives_only_if_that_saves_more_than_filling_up_costs(need: float) -> None:
    flat = {**FLAT, **EV, "ev__max_discharge_kwh": 1.0, "ev__need": need}
    _, draws, gives = priced("ev", EV_LOSSES, **flat)
    assert gives > 0.30
    assert (gives > 0.40) == (need > 0.0)  # 0.30 / (0.8 x 0.9) = 0.417
    assert (draws >= 0.30) == (need > 0.0)
    if not need:
        assert gives == pytest.approx(0.30, abs=2e-4)  # just so that it does not give, no higher
    spread = {**flat, "lowest_retail_ahead": 0.10}  # 0.10 / 0.72 = 0.139
    _, draws, gives = priced("ev", EV_LOSSES, **spread)
    assert draws < 0.30 and 0.138 < gives < 0.30


def test_ev_that_can_discharge_is_worth_at_least_a_battery() -> None:
    known = {**PRICES, **EV, "ev__max_discharge_kwh": 1.0, "lowest_retail_ahead": 0.05}
    assert act(["ev.value"], **known)["ev.value"] == act(["battery.value"], **PRICES)["battery.value"]


@pytest.mark.parametrize("mode", ["value", "setpoint"])
def test_ev_that_is_away_is_asked_nothing(mode: str) -> None:
    away = dict.fromkeys(EV, 0.0)
    action = act([f"ev.{mode}"], EV_LOSSES, net_forecast_kwh=-1.0, **{**FLAT, **away})
    assert mode == "value" or action["ev.setpoint"] == 0.0
    assert np.isfinite(action[f"ev.{mode}"])


@pytest.mark.parametrize(
    ("net_kwh", "need", "must", "setpoint"),
    [
        (-1.0, 0.0, 0.0, 0.5),  # own surplus
        (1.0, 0.0, 0.0, 0.0),  # nothing wanted, nothing there
        (1.0, 4.0, 0.0, 0.0),  # the utility will be cheaper
        (-1.5, 4.0, 0.0, 0.75),  # but own surplus stays
        (2.0, 8.0, 1.0, 0.0),  # no more than it must
        (0.0, 0.0, 0.5, 0.0),  # what it must charge is set-point 0 and part of the forecast
        (-1.0, 8.0, 1.0, 1.0),  # a surplus of 1 kWh besides 1 kWh that it must: 2 kWh in all
    ],
)
def test_ev_setpoint_while_it_waits(net_kwh: float, need: float, must: float, setpoint: float) -> None:
    known = {**TIMES, **EV, "ev__need": need, "ev__must_kwh": must}
    assert act(["ev.setpoint"], net_forecast_kwh=net_kwh, **known)["ev.setpoint"] == pytest.approx(setpoint)


@pytest.mark.parametrize(
    ("net_kwh", "need", "must", "setpoint"),
    [
        (1.0, 1.2, 0.0, 0.75),  # what is needed: 1.2 / 0.8 = 1.5 of 2 kWh
        (1.0, 8.0, 0.0, 1.0),  # as much as the plug passes
        (-1.8, 1.2, 0.0, 0.9),  # surplus beyond that
        (2.0, 1.2, 1.0, 0.5),  # half of the way from the 1 kWh that it must to 2 kWh
    ],
)
def test_ev_setpoint_when_the_utility_is_cheapest(
    net_kwh: float, need: float, must: float, setpoint: float
) -> None:
    known = {**NOW, **EV, "ev__need": need, "ev__must_kwh": must}
    action = act(["ev.setpoint"], EV_LOSSES, net_forecast_kwh=net_kwh, **known)
    assert action["ev.setpoint"] == pytest.approx(setpoint)


@pytest.mark.parametrize("prices", [FLAT, TIMES, NOW])
def test_ev_that_cannot_reach_its_need_charges_all_it_can(prices: Mapping[str, float]) -> None:
    # What it must is what the plug passes: idle and largest charge are the same, whatever is decided.
    known = {**prices, **EV, "ev__need": 30.0, "ev__must_kwh": 2.0}
    action = act(["ev.setpoint", "battery.setpoint"], net_forecast_kwh=2.5, **known, **BATTERY)
    assert action == {"ev.setpoint": 0.0, "battery.setpoint": -1.0}  # and the battery sees those 2 kWh


def test_ev_covers_a_deficit_only_with_what_is_not_wanted_and_dear() -> None:
    known = {**TIMES, **EV, "ev__max_discharge_kwh": 2.0}
    deficit = {"net_forecast_kwh": 1.0}
    assert act(["ev.setpoint"], **deficit, **known)["ev.setpoint"] == pytest.approx(-0.5)
    assert act(["ev.setpoint"], **deficit, **{**known, "ev__need": 1e-6})["ev.setpoint"] == 0.0
    assert act(["ev.setpoint"], **deficit, **{**known, "ev__need": 1e-13})["ev.setpoint"] == -0.5
    # 0.30 x 0.72 = 0.216 covers 0.20 later; 0.30 does not cover 0.30
    assert act(["ev.setpoint"], EV_LOSSES, **deficit, **known)["ev.setpoint"] == pytest.approx(-0.5)
    assert act(["ev.setpoint"], EV_LOSSES, **deficit, **{**known, **FLAT})["ev.setpoint"] == 0.0


def test_ev_comes_before_the_battery_and_its_charge_is_covered_by_it() -> None:
    known = {**FLAT, **EV, **BATTERY, "ev__need": 4.0}
    action = act(["battery.setpoint", "ev.setpoint"], net_forecast_kwh=-3.0, **known)
    assert action == {"battery.setpoint": pytest.approx(0.5), "ev.setpoint": 1.0}
    action = act(["battery.setpoint", "ev.setpoint"], net_forecast_kwh=0.0, **known)
    assert action == {"battery.setpoint": -1.0, "ev.setpoint": 1.0}


def test_sample_fields_are_those_of_a_community() -> None:
    devices = [f"{kind.kind}.{item.name}" for kind in (Battery, Ev) for item in kind.observations]
    known = {item.name for item in sample_spec().observation}
    assert known == {"net_forecast_kwh", *(item.name for item in COMMON), *devices}


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
