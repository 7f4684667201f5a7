"""Learners against the closed-form equilibrium of a linear-quadratic mean-field game; see README.md."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosim.core.records import Field
from cosim.policies import Policy, PolicyInputs, Spec, Transition, create

CASE: dict[str, Any] = json.loads((Path(__file__).parent / "case.json").read_text())
SPEC = Spec(
    observation=(Field("state", "1", -5.0, 5.0, "Own state x."),),
    mean_field=(
        Field("price", "EUR/kWh", 0.0, 1.0, "(1 + mean state) / 2: its place in the band is the mean state."),
    ),
    action=(Field("store.setpoint", "1", -1.0, 1.0, "u."),),
)


@dataclass(frozen=True)
class Equilibrium:
    """u = offset - gain x for everybody, and the mean state that it holds up."""

    gain: float
    offset: float
    mean: float


def equilibrium() -> Equilibrium:
    """The closed form of the README."""
    a, q, r = CASE["retention"], CASE["weight_state"], CASE["weight_action"]
    g = CASE["discount"]
    # g P^2 + (r - g q - g a^2 r) P - q r = 0, the positive root.
    linear = r - g * q - g * a**2 * r
    p = (-linear + np.sqrt(linear**2 + 4.0 * g * q * r)) / (2.0 * g)
    gain = g * p * a / (r + g * p)
    slope = q / (1.0 - g * a * r / (r + g * p)) * g / (r + g * p)  # offset = slope (wish + imitation mean)
    mean = slope * CASE["wish"] / (1.0 - a + gain - slope * CASE["imitation"])
    return Equilibrium(gain, slope * (CASE["wish"] + CASE["imitation"] * mean), mean)


def inputs(state: np.ndarray) -> PolicyInputs:
    n = len(state)
    public = np.full((n, 1), 0.5 * (1.0 + state.mean()))
    return PolicyInputs(state[:, None], public, np.zeros((n, 1)), np.ones((n, 1), dtype=bool))


def play(policy: Policy, periods: int, learn: bool, seed: int = 5) -> list[float]:
    """Mean state of each period."""
    rng = np.random.default_rng(seed)
    n = policy.n
    state, means, ends = np.zeros(n), [], np.zeros(n, dtype=bool)
    known = inputs(state)
    for _ in range(periods):
        action = policy.act(known, explore=learn)[:, 0]
        target = CASE["wish"] + CASE["imitation"] * state.mean()
        cost = 0.5 * CASE["weight_state"] * (state - target) ** 2 + 0.5 * CASE["weight_action"] * action**2
        state = CASE["retention"] * state + action + CASE["noise"] * rng.standard_normal(n)
        following = inputs(state)
        if learn:
            policy.learn(Transition(known, action[:, None], -cost, following, ends, ends, ~ends))
        known = following
        means.append(float(state.mean()))
    return means


@pytest.mark.parametrize("kind", CASE["learners"])
def test_learners_find_the_equilibrium(kind: str) -> None:
    own, found = CASE["learners"][kind], equilibrium()
    common = {"start": "nothing", "discount": CASE["discount"], "exploration": 0.3}
    policy = create(kind, SPEC, CASE["prosumers"], 1, **common, **own["parameters"])
    play(policy, own["periods"], learn=True)
    mean = float(np.mean(play(policy, 100, learn=False)[20:]))
    state = np.linspace(found.mean - 0.6, found.mean + 0.6, CASE["prosumers"])
    policy.reset()
    action = policy.act(inputs(state), explore=False)[:, 0]
    exact = found.offset - found.gain * state
    assert mean == pytest.approx(found.mean, abs=own["tolerance_mean"])
    np.testing.assert_allclose(action, exact, atol=own["tolerance_action"])
    # To do nothing, where it started, is far from it.
    assert found.mean > 5.0 * own["tolerance_mean"]
    assert np.abs(exact).max() > 5.0 * own["tolerance_action"]
