"""How far ahead policies are shown: as far as each wants, whoever else looks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from cosim.community.deciders import PolicyGroup
from cosim.core.arrays import FloatArray
from cosim.policies import PolicyInputs
from cosim.scenario.schema import Scenario
from cosim.simulation import Simulation


def shown(simulation: Simulation) -> dict[str, list[int]]:
    """By label, how many periods ahead each policy was shown in every period."""
    (community,) = simulation.communities
    found: dict[str, list[int]] = {group.label: [] for group in community.deciders.groups}

    def watch(group: PolicyGroup) -> None:
        act = group.policy.act

        def watched(inputs: PolicyInputs, explore: bool = True) -> FloatArray:
            found[group.label].append(0 if inputs.outlook is None else inputs.outlook.count)
            return act(inputs, explore)

        group.policy.act = watched  # type: ignore[method-assign]

    for group in community.deciders.groups:
        watch(group)
    while not simulation.done:
        simulation.step()
    return found


@pytest.mark.parametrize("others", [3.0, 6.0])
def test_each_is_shown_as_far_as_it_wants(others: float, five: Callable[..., Scenario]) -> None:
    near = {"kind": "price-taker", "parameters": {"horizon_hours": 2.0}}
    far = {"kind": "price-taker", "parameters": {"horizon_hours": others}}
    scenario = five(
        policies={"default": {"kind": "self-consumption"}, "near": near, "far": far},
        prosumers={"homes-001": {"policy": "near"}, "homes-002": {"policy": "far"}},
    )
    found = shown(Simulation(scenario))
    count = scenario.horizon.periods
    per_hour = round(60 / scenario.horizon.step_minutes)
    left = count - np.arange(count)
    assert set(found["default"]) == {0}
    assert found["near"] == np.minimum(2 * per_hour, left).tolist()
    assert found["far"] == np.minimum(round(others * per_hour), left).tolist()
