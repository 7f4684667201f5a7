"""The planners as policies: what they read, what they return, and that they say so when they cannot plan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cosim.core.envelope import Envelope
from cosim.core.records import Field
from cosim.errors import InputError, PolicyError
from cosim.policies import PolicyInputs, Spec, check_policy, checked_act, create
from cosim.policies.outlook import action_name
from cosim.policies.planning import community_planner
from cosim.policies.planning.household import plan_households
from cosim.policies.planning.price_taker import expected_heat_prices, expected_prices
from cosim.policies.sample import sample_inputs, sample_spec
from cosim.policies.sample_outlook import sample_outlook, with_outlook

PLANNERS = ["price-taker", "community-planner"]
ALONE = {"price-taker": {"confidence": 0.0}, "community-planner": {}}
"""Parameters with which neither expects a market."""


def spec_of(*names: str) -> Spec:
    return Spec((), (), tuple(Field(name, "1", -1.0, 1.0, "") for name in names), period_hours=1.0)


def inputs_for(spec: Spec, look) -> PolicyInputs:
    n, a = len(look), len(spec.action)
    return PolicyInputs(
        np.zeros((n, 0)), np.zeros((n, 0)), np.full((n, a), -1.0), np.ones((n, a), bool), outlook=look
    )


def action_of(policy: str, spec: Spec, look, **parameters) -> dict[str, np.ndarray]:
    action = create(policy, spec, len(look), 1, **parameters).act(inputs_for(spec, look))
    return {item.name: action[:, column] for column, item in enumerate(spec.action)}


def test_what_they_say_they_read() -> None:
    spec = sample_spec()
    assert create("price-taker", spec, 1, 1).needs == ("own", "public", "outlook")
    assert "everybody" in create("community-planner", spec, 1, 1).needs
    assert create("price-taker", spec, 1, 1, horizon_hours=12).horizon_hours == 12


@pytest.mark.parametrize("policy", PLANNERS)
def test_without_an_outlook_they_say_so(policy: str) -> None:
    spec = sample_spec()
    inputs = sample_inputs(spec, 2, np.random.default_rng(0))
    with pytest.raises(PolicyError, match=f"period 7: group: policy '{policy}' needs an outlook"):
        checked_act(create(policy, spec, 2, 1), inputs, True, "group", 7)


@pytest.mark.parametrize("policy", PLANNERS)
def test_without_devices_they_do_as_the_rule(policy: str, make) -> None:
    spec = spec_of("bid_margin", "ask_margin")
    look = make.outlook({"load": make.firm([0, 1], np.ones((4, 2)))}, [0.3] * 4, [0.1] * 4, n=2)
    action = create(policy, spec, 2, 1).act(inputs_for(spec, look))
    assert np.array_equal(action, np.full((2, 2), -1.0))


@pytest.mark.parametrize("policy", PLANNERS)
def test_setpoint_is_the_first_step_of_the_plan(policy: str, make) -> None:
    # Surplus now, need in two hours: 0.5 kWh of 2 kWh that could be drawn.
    devices = {
        "load": make.firm([0], [[-0.5], [0.0], [0.5]]),
        "battery": make.battery([0], 3, power=2.0, full=4.0),
    }
    look = make.outlook(devices, [0.3] * 3, [0.05] * 3)
    action = action_of(policy, spec_of("battery.setpoint"), look, **ALONE[policy])
    assert action["battery.setpoint"] == pytest.approx([0.25])


@pytest.mark.parametrize("policy", PLANNERS)
def test_value_is_what_stored_energy_saves(policy: str, make) -> None:
    """An empty battery, need later at 0.40, nothing to store now but at 0.30: worth between the two. Values
    from 0 to 1 EUR/kWh are actions from -1 to 1."""
    devices = {
        "load": make.firm([0], [[1.0], [1.0]]),
        "battery": make.battery([0], 2, power=1.0, full=1.0, energy=1.0),
    }
    look = make.outlook(devices, [0.30, 0.40], [0.05, 0.05])
    action = action_of(policy, spec_of("battery.value"), look, **ALONE[policy])
    value = 0.5 * (action["battery.value"] + 1.0)
    assert 0.30 <= value[0] <= 0.40


def test_second_device_has_a_field_of_its_own(make) -> None:
    assert [action_name("battery", slot, "value") for slot in range(3)] == [
        "battery.value",
        "battery_2.value",
        "battery_3.value",
    ]
    devices = {
        "load": make.firm([0, 1], [[-1.5, -1.5], [3.0, 3.0]]),
        "battery": make.battery([0, 1, 0], 2, power=1.0, full=4.0),
    }
    look = make.outlook(devices, [0.3] * 2, [0.05] * 2, n=2)
    action = action_of("price-taker", spec_of("battery.setpoint", "battery_2.setpoint"), look, confidence=0.0)
    assert action["battery.setpoint"] == pytest.approx([1.0, 1.0])
    assert action["battery_2.setpoint"] == pytest.approx([0.5, -1.0])  # 1 has no second: the rule's, ignored


def test_set_points_of_devices_and_sources(make) -> None:
    source = make.source([0, 1], 1, 4.0, gas=1.0)
    assert source.setpoint_of(np.array([0.0, -4.0])) == pytest.approx([-1.0, 1.0])
    battery = make.battery([0, 1], 1, power=2.0)
    assert battery.setpoint_of(np.array([-1.0, 2.0])) == pytest.approx([-0.5, 1.0])
    still = make.firm([0], [[1.0]])
    assert still.setpoint_of(np.array([1.0])) == pytest.approx([0.0])
    assert battery.value_action_of(np.array([0.25, 2.0])) == pytest.approx([-0.5, 1.0])


def test_expected_prices(make) -> None:
    """Retail 0.30, feed-in 0.10, 0.05 on each purchase."""
    load = {"load": make.firm([0], np.zeros((4, 1)))}
    look = make.outlook(load, [0.30] * 4, [0.10] * 4, charge=0.05, market=[0.20, 0.28, 0.05, 0.10])
    buy, sell = expected_prices(look)
    assert buy[:, 0] == pytest.approx([0.25, 0.30, 0.10, 0.15])
    assert sell[:, 0] == pytest.approx([0.20, 0.28, 0.10, 0.10])
    buy, sell = expected_prices(look, 0.5)
    assert buy[0, 0] == pytest.approx(0.275) and sell[0, 0] == pytest.approx(0.15)
    buy, sell = expected_prices(look, 0.0)
    assert buy[:, 0] == pytest.approx(look.retail[:, 0]) and sell[:, 0] == pytest.approx(look.feed_in[:, 0])
    assert expected_heat_prices(look) == (None, None)
    cost, brings = expected_heat_prices(replace(look, heat_market_price=np.full(4, 0.1), loss_factor=0.2))
    assert cost[0, 0] == pytest.approx(0.1) and brings[0, 0] == pytest.approx(0.08)


def test_heat_comes_from_the_cheapest_source(make) -> None:
    """Heat pump (COP 3) at 0.30 EUR/kWh: 0.10; with own surplus at 0.06: 0.02. Boiler: 0.08 EUR/kWh."""
    devices = {
        "load": make.firm([0], [[1.0], [-1.0], [-0.5]]),
        "heat_load": make.firm([0], [[2.0], [2.0], [2.0]], "heat"),
        "heat_pump": make.source([0], 3, 5.0, electricity=1.0 / 3.0),
        "boiler": make.source([0], 3, 5.0, gas=0.8),
    }
    look = make.outlook(devices, [0.30] * 3, [0.06] * 3, gas=0.1)
    plan = plan_households(look, look.retail, look.feed_in)
    # By night the boiler, with a surplus the pump, as far as the surplus goes (0.5 kWh, 1.5 kWh of heat).
    assert plan.energy_kwh["heat_pump"][:, 0] == pytest.approx([0.0, -2.0, -1.5])
    assert plan.energy_kwh["boiler"][:, 0] == pytest.approx([-2.0, 0.0, -0.5])
    assert plan.electricity_kwh[:, 0] == pytest.approx([1.0, -1.0 + 2.0 / 3.0, 0.0])
    assert plan.heat_kwh[:, 0] == pytest.approx([0.0, 0.0, 0.0])
    action = action_of(
        "price-taker", spec_of("heat_pump.setpoint", "boiler.setpoint", "expected_price"), look
    )
    assert action["heat_pump.setpoint"] == pytest.approx([-1.0])
    assert action["boiler.setpoint"] == pytest.approx([2.0 * 2.0 / 5.0 - 1.0])
    assert action["expected_price"] == pytest.approx([1.0])  # it buys: retail


@pytest.mark.parametrize("market", [0.05, 0.50, None])
def test_sources_that_are_set_count_on_nobody(make, market: float | None) -> None:
    """A boiler at 0.20 EUR/kWh. Where heat costs 0.05 everybody would leave his off, and nobody would sell;
    where it brings 0.50 everybody would run his in full, and nobody would buy."""
    devices = {"heat_load": make.firm([0], [[1.0]], "heat"), "boiler": make.source([0], 1, 4.0, gas=1.0)}
    look = make.outlook(devices, [0.3], [0.1], gas=0.2, heat_market=market)
    action = action_of("price-taker", spec_of("boiler.setpoint"), look)
    assert action["boiler.setpoint"] == pytest.approx([2.0 * 1.0 / 4.0 - 1.0])


def test_a_tank_is_filled_when_heat_is_cheap(make) -> None:
    devices = {
        "load": make.firm([0], [[-1.0], [1.0]]),
        "heat_load": make.firm([0], [[1.0], [2.0]], "heat"),
        "heat_pump": make.source([0], 2, 5.0, electricity=1.0 / 3.0),
        "tank": make.battery([0], 2, power=5.0, full=5.0, carrier="heat"),
    }
    look = make.outlook(devices, [0.30] * 2, [0.06] * 2)
    plan = plan_households(look, look.retail, look.feed_in)
    # The surplus makes 3 kWh of heat at 0.02, one for now and two for later.
    assert plan.energy_kwh["tank"][:, 0] == pytest.approx([2.0, -2.0])
    assert plan.energy_kwh["heat_pump"][:, 0] == pytest.approx([-3.0, 0.0])


def test_heat_is_sold_and_bought_where_that_pays(make) -> None:
    """Heat market at 0.10: who makes it for 0.05 sells all it can, who needs 0.20 for it buys."""
    devices = {
        "heat_load": make.firm([0, 1], [[1.0, 1.0]], "heat"),
        "boiler": make.source([0, 1], 1, 4.0, gas=1.0),
    }
    look = make.outlook(devices, [0.3], [0.1], n=2, heat_market=0.10)
    look = replace(look, gas_price=np.array([[0.05, 0.20]]))
    plan = plan_households(look, look.retail, look.feed_in, *expected_heat_prices(look))
    assert plan.energy_kwh["boiler"][0] == pytest.approx([-4.0, 0.0])
    assert plan.heat_kwh[0] == pytest.approx([-3.0, 1.0])


def test_a_load_with_a_deadline_runs_when_energy_is_cheapest(make) -> None:
    most = np.full((4, 1), 1.0)
    washer = make.owned(
        [0], "load", Envelope("electricity", np.zeros((4, 1)), most, total_kwh=np.array([1.5]))
    )
    look = make.outlook({"washer": washer}, [0.3, 0.2, 0.4, 0.25], [0.1] * 4)
    for energy in (
        plan_households(look, look.retail, look.feed_in).energy_kwh["washer"],
        community_planner.optimise(look).energy_kwh["washer"],
    ):
        assert energy[:, 0] == pytest.approx([0.0, 1.0, 0.0, 0.5])


def test_price_taker_knows_nothing_of_others() -> None:
    """Each prosumer plans the same alone and among others, in any order."""
    spec = sample_spec("setpoint")
    inputs = with_outlook(sample_inputs(spec, 6, np.random.default_rng(3)), spec)
    together = create("price-taker", spec, 6, 1).act(inputs)
    for rows in (np.array([2]), np.array([5, 0, 3])):
        part = PolicyInputs(
            inputs.observation[rows], inputs.mean_field[rows], inputs.rule_action[rows],
            inputs.action_mask[rows], outlook=inputs.outlook.of(rows),
        )  # fmt: skip
        assert create("price-taker", spec, len(rows), 1).act(part) == pytest.approx(together[rows], abs=1e-12)


def test_outlook_of_some() -> None:
    spec = sample_spec()
    whole = sample_outlook(sample_inputs(spec, 5, np.random.default_rng(1)), spec)
    some = whole.of(np.array([4, 1]))
    assert len(some) == 2 and some.count == whole.count == 96
    assert np.array_equal(some.retail, whole.retail[:, [4, 1]])
    assert some.devices["battery"].owner.tolist() == [0, 1]
    full = whole.devices["battery"].envelope.store.full_kwh
    assert np.array_equal(some.devices["battery"].envelope.store.full_kwh, full[:, [4, 1]])


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts how often a programme is solved."""
    calls: list[int] = []
    solve = community_planner.optimise

    def optimise(*args, **keywords):
        calls.append(1)
        return solve(*args, **keywords)

    monkeypatch.setattr(community_planner, "optimise", optimise)
    return calls


def test_plan_is_followed_until_it_is_time_for_another(make, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = counted(monkeypatch)
    devices = {"load": make.firm([0], np.ones((4, 1))), "battery": make.battery([0], 4)}
    look, spec = make.outlook(devices, [0.2, 0.4, 0.3, 0.3], [0.1] * 4), spec_of("battery.setpoint")
    policy = create("community-planner", spec, 1, 1, replan_hours=2, fine_hours=2)
    actions = [policy.act(inputs_for(spec, look))[0, 0] for _ in range(4)]
    assert actions == pytest.approx([1.0, -1.0, 1.0, -1.0]) and len(calls) == 2
    policy.act(inputs_for(spec, look))
    other = {**devices, "battery": make.battery([0, 0], 4)}
    policy.act(inputs_for(spec, replace(look, devices=other)))  # of other devices: another plan
    assert len(calls) == 4
    policy.reset()
    policy.act(inputs_for(spec, look))
    assert len(calls) == 5


def test_neighbours_share_what_one_alone_would_feed_in(make) -> None:
    """0 has a surplus, 1 a battery and a need later: alone nobody stores it, together 1 does."""
    devices = {"load": make.firm([0, 1], [[-1.0, 0.0], [0.0, 1.0]]), "battery": make.battery([1], 2)}
    look = make.outlook(devices, [0.3] * 2, [0.05] * 2, n=2, charge=0.02, market=[0.3, 0.3])
    spec = spec_of("battery.setpoint", "expected_price")
    assert action_of("price-taker", spec, look)["battery.setpoint"][1] == pytest.approx(0.0)
    planned = action_of("community-planner", spec, look)
    assert planned["battery.setpoint"][1] == pytest.approx(1.0)
    # What is given up is feed-in (0.05: -1); 1 pays 0.02 on top of it.
    assert planned["expected_price"] == pytest.approx([-1.0, 2.0 * 0.02 / 0.25 - 1.0], abs=1e-4)


def test_values_make_devices_do_what_the_plan_says(make) -> None:
    """Retail 0.30, 0.40, 0.30; feed-in 0.05: charge now, give in an hour, then rest, empty."""
    devices = {
        "load": make.firm([0], [[0.0], [1.0], [0.0]]),
        "battery": make.battery([0], 3, power=1.0, full=1.0, efficiency=0.95),
    }
    look = make.outlook(devices, [0.30, 0.40, 0.30], [0.05] * 3)
    found = community_planner.optimise(look)
    energy = found.energy_kwh["battery"][:, 0]
    value = community_planner.reservation(look, found, "battery")[:, 0]
    assert energy[0] > 0.0 and value[0] * 0.95 > 0.30
    assert energy[1] < 0.0 and value[1] / 0.95 < 0.40
    assert energy[2] == pytest.approx(0.0) and value[2] * 0.95 < 0.30 and value[2] / 0.95 >= 0.05


def test_failure_names_policy_and_step(make) -> None:
    wrong = Envelope("electricity", np.ones((2, 1)), np.array([[0.0], [2.0]]))
    look = make.outlook({"load": make.owned([0], "load", wrong)}, [0.3] * 2, [0.1] * 2)
    spec = spec_of("battery.setpoint")
    policy = create("community-planner", spec, 1, 1)
    words = (
        "period 12: houses: policy 'community-planner': the linear programme .* was not solved: infeasible"
    )
    with pytest.raises(PolicyError, match=words):
        checked_act(policy, inputs_for(spec, look), True, "houses", 12)


@pytest.mark.parametrize("parameters", [{"fine_hours": 3}, {"horizon_hours": 4}, {"confidence": 1}])
def test_parameters_that_make_no_sense(parameters: dict[str, float]) -> None:
    with pytest.raises(InputError):
        create("community-planner", sample_spec(), 1, 1, **parameters)


def test_state_brings_back_the_plan(make) -> None:
    devices = {"load": make.firm([0], np.ones((4, 1))), "battery": make.battery([0], 4)}
    look, spec = make.outlook(devices, [0.2, 0.3, 0.2, 0.3], [0.1] * 4), spec_of("battery.setpoint")
    policy = create("community-planner", spec, 1, 1, replan_hours=4)
    policy.act(inputs_for(spec, look))
    other = create("community-planner", spec, 1, 2, replan_hours=4)
    other.load_state_dict(policy.state_dict())
    empty = replace(look, devices={**devices, "load": make.firm([0], np.zeros((4, 1)))})
    assert np.array_equal(policy.act(inputs_for(spec, empty)), other.act(inputs_for(spec, empty)))
    with pytest.raises(PolicyError, match="lacks plan and at"):
        other.load_state_dict({"policy": "community-planner", "n": 1, "generators": {}})


def test_check_policy_gives_an_outlook_to_those_who_need_one() -> None:
    assert (
        check_policy("community-planner", horizon_hours=6, fine_hours=6, spec=sample_spec("setpoint")) == []
    )


def test_check_policy_finds_who_looks_at_the_outlook_of_others() -> None:
    from cosim.policies.planning.price_taker import PriceTaker

    class Peeping(PriceTaker):
        def act(self, inputs: PolicyInputs, explore: bool = True) -> np.ndarray:
            return super().act(inputs, explore) * np.tanh(inputs.outlook.stored_value.sum())

    findings = check_policy(Peeping, spec=sample_spec("setpoint"))
    assert {finding.check for finding in findings} == {"privacy"}
