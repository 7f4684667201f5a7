"""The shipped learners of mean-field Q against the Ising model's values; see README.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosim.core.records import Field
from cosim.policies import create
from cosim.policies.contract import Everybody, PolicyInputs, Spec, Transition
from cosim.policies.learning.levels import LevelLearner

CASE: dict[str, Any] = json.loads((Path(__file__).parent / "case.json").read_text())
SPEC = Spec((), (), (Field("spin.up", "1", -1.0, 1.0, "Down or up."),))


def among(neighbours: np.ndarray) -> PolicyInputs:
    """What one spin sees: its neighbours as they were; its own place is the first of all."""
    everybody = Everybody(np.zeros((5, 0)), np.concatenate([[[0.0]], neighbours[:, None]]), np.array([0]))
    nothing = np.zeros((1, 0))
    return PolicyInputs(nothing, nothing, np.zeros((1, 1)), np.ones((1, 1), dtype=bool), {}, everybody)


@pytest.fixture(scope="module", params=CASE["learners"])
def learnt(request: pytest.FixtureRequest) -> LevelLearner:
    own = CASE["parameters"] | CASE["learners"][request.param]
    policy = create(request.param, SPEC, 1, CASE["seed"], **own)
    assert isinstance(policy, LevelLearner)
    rng = np.random.default_rng(CASE["seed"])
    ends, own = np.zeros(1, dtype=bool), np.ones(1, dtype=bool)
    spins = rng.choice([-1.0, 1.0], size=(CASE["decisions"] + 1, CASE["neighbours"]))
    seen = [among(row) for row in spins]
    metrics: dict[str, float] = {}
    for step in range(CASE["decisions"]):
        action = policy.act(seen[step])
        reward = 0.5 * action[:, 0] * spins[step].sum()
        metrics = policy.learn(Transition(seen[step], action, reward, seen[step + 1], ends, ends, own))
    assert metrics["q_loss"] < 1e-3
    return policy


@pytest.mark.parametrize("up", range(5))
def test_values_of_down_and_up(learnt: LevelLearner, up: int) -> None:
    neighbours = np.where(np.arange(CASE["neighbours"]) < up, 1.0, -1.0)
    expected = CASE["expected_up_minus"][up]
    found = learnt.values(among(neighbours))[0, 0]
    np.testing.assert_allclose(found, [-expected, expected], atol=CASE["tolerance"])


def test_it_aligns_with_the_majority(learnt: LevelLearner) -> None:
    for up, spin in ((0, -1.0), (1, -1.0), (3, 1.0), (4, 1.0)):
        neighbours = np.where(np.arange(CASE["neighbours"]) < up, 1.0, -1.0)
        assert learnt.act(among(neighbours), explore=False)[0, 0] == spin
