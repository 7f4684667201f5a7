from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cosim.core.records import Field
from cosim.policies import PolicyInputs, create
from cosim.policies.rules.baseline import EXPECTED_PRICE
from cosim.policies.sample import sample_inputs, sample_spec

RULES = ["utility-only", "self-consumption", "fixed-reservation", "zero-intelligence", "zip"]


def inputs_of(bidding: str = "reservation", n: int = 50) -> PolicyInputs:
    return sample_inputs(sample_spec(bidding), n, np.random.default_rng(0))


def column(
    inputs: PolicyInputs, name: str, policy: str, bidding: str = "reservation", **parameters
) -> np.ndarray:
    spec = sample_spec(bidding)
    action = create(policy, spec, len(inputs), 1, **parameters).act(inputs)
    return action[:, spec.action_index(name)]


@pytest.mark.parametrize("name", ["utility-only", "self-consumption"])
def test_baseline_policies_return_the_baseline(name: str) -> None:
    inputs = inputs_of()
    action = create(name, sample_spec(), len(inputs), 1).act(inputs)
    assert np.array_equal(action, inputs.rule_action)
    assert action is not inputs.rule_action


def test_only_utility_only_stays_out_of_the_market() -> None:
    spec = sample_spec()
    trades = {name: create(name, spec, 1, 1).trades for name in ("utility-only", "self-consumption", "zip")}
    assert trades == {"utility-only": False, "self-consumption": True, "zip": True}


def test_fixed_reservation_sets_value_and_margins() -> None:
    inputs = inputs_of()
    parameters = {"value": 0.75, "bid_margin": 0.1, "ask_margin": 0.2}
    # Without losses the range of values is the band of prices: a share of one is a share of the other.
    for name, share in (("battery.value", 0.75), ("bid_margin", 0.1), ("ask_margin", 0.2)):
        assert column(inputs, name, "fixed-reservation", **parameters) == pytest.approx(2 * share - 1)
    ev = sample_spec().action_index("ev.value")
    assert np.array_equal(column(inputs, "ev.value", "fixed-reservation"), inputs.rule_action[:, ev])


@pytest.mark.parametrize(("seen", "place"), [(0.02, -1.0), (0.04, -1.0), (0.12, 0.0), (0.2, 1.0), (0.5, 1.0)])
def test_fixed_reservation_expects_what_electricity_cost_yesterday(seen: float, place: float) -> None:
    """Between feed-in at 0.04 and retail at 0.20."""
    spec = sample_spec()
    spec = replace(spec, action=(*spec.action, Field(EXPECTED_PRICE, "1", -1.0, 1.0, "Expected.")))
    given = sample_inputs(spec, 3, np.random.default_rng(0))
    own, public = given.observation.copy(), given.mean_field.copy()
    for name, price in (("feed_in_price", 0.04), ("retail_price", 0.2)):
        own[:, spec.observation_index(name)] = price
    public[:, spec.mean_field_index("yesterday.mean_price")] = seen
    inputs = replace(given, observation=own, mean_field=public)
    column = spec.action_index(EXPECTED_PRICE)
    found = create("fixed-reservation", spec, 3, 1).act(inputs)[:, column]
    np.testing.assert_allclose(found, place, atol=1e-12)
    by_tariff = create("fixed-reservation", spec, 3, 1, expects="tariff").act(inputs)[:, column]
    np.testing.assert_array_equal(by_tariff, inputs.rule_action[:, column])


@pytest.mark.parametrize(("share", "price"), [(0.0, 0.04), (0.5, 0.245), (1.0, 0.45)])
def test_fixed_reservation_is_a_price_whatever_the_losses(share: float, price: float) -> None:
    # Prices of the sample's run: 0.04 to 0.45. The second prosumer has no battery.
    efficiencies = {"charge_efficiency": [0.8, 0.0], "discharge_efficiency": [0.9, 0.0]}
    own = {f"battery.{name}": np.array(values) for name, values in efficiencies.items()}
    inputs = replace(inputs_of(n=2), parameters=own)
    action = column(inputs, "battery.value", "fixed-reservation", value=share)
    low, high = np.array([0.04 * 0.9, 0.04]), np.array([0.45 / 0.8, 0.45])
    assert low + 0.5 * (action + 1.0) * (high - low) == pytest.approx(np.full(2, price))


def test_fixed_reservation_leaves_setpoints_to_the_rule() -> None:
    inputs = inputs_of("setpoint")
    battery = sample_spec("setpoint").action_index("battery.setpoint")
    found = column(inputs, "battery.setpoint", "fixed-reservation", "setpoint", value=0.9)
    assert np.array_equal(found, inputs.rule_action[:, battery])


@pytest.mark.parametrize("name", ["bid_margin", "ask_margin"])
def test_zero_intelligence_margins_are_uniform(name: str) -> None:
    drawn = np.sort(column(inputs_of(n=5_000), name, "zero-intelligence"))
    uniform = np.linspace(-1.0, 1.0, len(drawn))
    assert np.abs(drawn - uniform).max() / 2 < 1.63 / np.sqrt(len(drawn))  # Kolmogorov-Smirnov at 1 %


def test_zero_intelligence_draws_anew_and_never_alike() -> None:
    inputs = inputs_of()
    policy = create("zero-intelligence", sample_spec(), len(inputs), 1)
    first, second = policy.act(inputs)[:, :2], policy.act(inputs)[:, :2]
    assert len(np.unique(np.concatenate([first, second]))) == 4 * len(inputs)


def test_zero_intelligence_devices_follow_the_rule_or_are_drawn() -> None:
    inputs = inputs_of()
    battery = sample_spec().action_index("battery.value")
    rule = column(inputs, "battery.value", "zero-intelligence")
    assert np.array_equal(rule, inputs.rule_action[:, battery])
    drawn = column(inputs, "battery.value", "zero-intelligence", devices="random")
    assert len(np.unique(drawn)) == len(inputs)


@pytest.mark.parametrize(
    "name", ["utility-only", "self-consumption", "fixed-reservation", "zero-intelligence", "zip"]
)
def test_rules_cope_with_a_group_without_devices_or_margins(name: str) -> None:
    spec = replace(sample_spec(devices=()), action=(), mean_field=())
    inputs = sample_inputs(spec, 3, np.random.default_rng(0))
    assert create(name, spec, 3, 1).act(inputs).shape == (3, 0)
