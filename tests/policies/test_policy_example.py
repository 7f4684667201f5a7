"""The example of a policy of one's own does what its text says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cosim.policies import check_policy, create
from cosim.policies.sample import sample_inputs, sample_spec

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def examples_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))


def test_example_keeps_the_contract() -> None:
    assert check_policy("policy_plugin:PriceFollower") == []


def test_example_quotes_a_step_better_than_the_last_price() -> None:
    spec = sample_spec()
    inputs = sample_inputs(spec, 200, np.random.default_rng(2))
    last = inputs.mean_field[0, spec.mean_field_index("last_price")]
    policy = create("policy_plugin:PriceFollower", spec, 200, 1, step=0.01)
    action = policy.act(inputs, explore=False)
    ceiling, floor = (
        inputs.observation[:, spec.observation_index(name)] for name in ("bid_ceiling", "ask_floor")
    )
    share = 0.5 * (action[:, spec.action_index("bid_margin")] + 1.0)
    bid = ceiling + share * (floor - ceiling)
    assert bid == pytest.approx(np.clip(last + 0.01, floor, ceiling))


def test_example_is_short() -> None:
    assert len((EXAMPLES / "policy_plugin.py").read_text().splitlines()) < 60
