from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from cosim.errors import PolicyError
from cosim.policies import PolicyInputs, SingleAgentPolicy, check_policy, create, decide_rows
from cosim.policies.sample import sample_inputs, sample_spec

SPEC = sample_spec()


def inputs_of(n: int = 4) -> PolicyInputs:
    return sample_inputs(SPEC, n, np.random.default_rng(0))


class Noisy(SingleAgentPolicy):
    """Random margins, a counter and a memory: everything that may go wrong with state."""

    name = "noisy"
    summary = "an agent with a memory"

    def begin(self) -> None:
        self.count = 0
        self.seen: list[float] = []

    def decide(self, observation: Mapping[str, float], rule: Mapping[str, float]) -> Mapping[str, float]:
        self.count += 1
        self.seen.append(observation["net_forecast_kwh"])
        margin = self.rng.uniform(-1.0, 1.0) / self.count
        return {"bid_margin": margin, "ask_margin": np.tanh(self.seen[0])}


def test_adapter_keeps_the_contract() -> None:
    assert check_policy(Noisy) == []


def test_every_prosumer_has_an_agent_of_its_own() -> None:
    action = create(Noisy, SPEC, 4, 1).act(inputs_of())
    assert len(np.unique(action[:, SPEC.action_index("bid_margin")])) == 4
    expected = np.tanh(inputs_of().observation[:, SPEC.observation_index("net_forecast_kwh")])
    assert action[:, SPEC.action_index("ask_margin")] == pytest.approx(expected)


def test_what_is_left_out_follows_the_baseline() -> None:
    inputs = inputs_of()
    action = create(Noisy, SPEC, 4, 1).act(inputs)
    battery = SPEC.action_index("battery.value")
    assert np.array_equal(action[:, battery], inputs.rule_action[:, battery])


def test_agent_knows_its_own_row_the_public_and_its_parameters() -> None:
    inputs = inputs_of(2)
    inputs = PolicyInputs(
        inputs.observation,
        inputs.mean_field,
        inputs.rule_action,
        np.array([[True] * 4, [True, True, True, False]]),
        {"battery.charge_efficiency": np.array([0.9, 0.8])},
    )
    seen = []

    def decide(observation: Mapping[str, float], rule: Mapping[str, float]) -> Mapping[str, float]:
        seen.append((dict(observation), dict(rule)))
        return {}

    assert np.array_equal(decide_rows([decide, decide], SPEC, inputs), inputs.rule_action)
    observation, rule = seen[1]
    assert (
        observation["net_forecast_kwh"] == inputs.observation[1, SPEC.observation_index("net_forecast_kwh")]
    )
    assert observation["last_price"] == inputs.mean_field[1, 0]
    assert observation["battery.charge_efficiency"] == 0.8
    assert list(rule) == ["bid_margin", "ask_margin", "battery.value"]


def test_unknown_action_names_the_nearest() -> None:
    with pytest.raises(PolicyError, match=r"prosumer 1 decided on 'bid_margn'.*did you mean 'bid_margin'"):
        decide_rows([lambda o, r: {}, lambda o, r: {"bid_margn": 0.0}], SPEC, inputs_of(2))


def test_action_that_is_no_number() -> None:
    with pytest.raises(PolicyError, match="prosumer 0 decided bid_margin = 'high', which is no number"):
        decide_rows([lambda o, r: {"bid_margin": "high"}], SPEC, inputs_of(1))
