from __future__ import annotations

import numpy as np
import pytest

from cosim.errors import PolicyError
from cosim.policies import (
    Policy,
    PolicyInputs,
    Transition,
    checked_act,
    checked_action,
    checked_learn,
    checked_margins,
)
from cosim.policies.sample import sample_inputs, sample_spec

SPEC = sample_spec()
LABEL = "policy 'mine' of group 'houses'"


def good(n: int = 3) -> np.ndarray:
    return np.full((n, 4), 0.5)


def test_what_is_right_passes_untouched() -> None:
    action = good()
    assert checked_action(action, SPEC, 3, LABEL, 7) is action
    assert checked_action(np.zeros((0, 4)), SPEC, 0, LABEL, 7).shape == (0, 4)


def test_rounding_of_a_float32_network_is_cut_off() -> None:
    action = good()
    action[1, 1] = 1.0 + 1e-7
    assert checked_action(action, SPEC, 3, LABEL, 7).max() == 1.0


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.nan, "battery.value = nan for prosumer 1, which is not a finite number"),
        (-np.inf, "battery.value = -inf for prosumer 1, which is not a finite number"),
        (1.25, r"battery.value = 1.25 for prosumer 1, which is outside \[-1, 1\]"),
    ],
)
def test_message_names_period_policy_group_field_and_prosumer(value: float, words: str) -> None:
    action = good()
    action[1, 2] = value
    with pytest.raises(PolicyError, match=f"period 7: {LABEL} returned {words}"):
        checked_action(action, SPEC, 3, LABEL, 7)


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ([[0.0] * 4], "returned list"),
        (None, "returned NoneType"),
        (np.zeros((3, 3)), r"returned shape \(3, 3\), not \(3, 4\)"),
        (np.zeros((3, 4), dtype=np.float32), "returned float32, not float64"),
        (np.zeros((3, 4), dtype=complex), "returned complex128, not float64"),
    ],
)
def test_wrong_form(action: object, words: str) -> None:
    with pytest.raises(PolicyError, match=words):
        checked_action(action, SPEC, 3, LABEL, 7)


def test_margins() -> None:
    assert checked_margins(None, 3, LABEL, 7) is None
    assert checked_margins(np.zeros((3, 2)), 3, LABEL, 7) is not None
    with pytest.raises(PolicyError, match="requoting returned ask_margin = 2 for prosumer 0"):
        checked_margins(np.array([[0.0, 2.0]]), 1, LABEL, 7)


def test_what_a_policy_raises_is_told_with_its_place() -> None:
    class Falling(Policy):
        name = "falling"
        summary = "raises"

        def act(self, inputs: PolicyInputs, explore: bool = True) -> np.ndarray:
            raise KeyError("battery.soc")

    inputs = sample_inputs(SPEC, 2, np.random.default_rng(0))
    with pytest.raises(PolicyError, match=f"period 3: {LABEL} raised KeyError: 'battery.soc'"):
        checked_act(Falling(SPEC, 2), inputs, True, LABEL, 3)


class Learner(Policy):
    """Returns the metrics that it is given, or raises what it is given."""

    name = "learner"
    summary = "learns what it is told"
    learns = True
    outcome: object = None

    def act(self, inputs: PolicyInputs, explore: bool = True) -> np.ndarray:
        return inputs.rule_action.copy()

    def learn(self, transition: Transition) -> dict[str, float]:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def learn(outcome: object) -> dict[str, float]:
    inputs = sample_inputs(SPEC, 2, np.random.default_rng(0))
    policy = Learner(SPEC, 2)
    policy.outcome = outcome
    flags = np.zeros(2, dtype=bool)
    transition = Transition(inputs, inputs.rule_action, np.zeros(2), inputs, flags, flags, ~flags)
    return checked_learn(policy, transition, LABEL, 3)


def test_metrics_are_numbers_of_any_kind() -> None:
    assert learn({}) == {}
    found = learn({"loss": np.float32(0.5), "updates": 3, "done": np.array(1.0)})
    assert found == {"loss": 0.5, "updates": 3.0, "done": 1.0}
    assert all(type(value) is float for value in found.values())


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (ZeroDivisionError("no rows"), "raised ZeroDivisionError: no rows"),
        (None, "returned NoneType, not a dict of metrics"),
        ({"loss": np.nan}, "returned metrics that are not finite: loss = nan"),
        ({"loss": 1.0, "entropy": -np.inf}, "returned metrics that are not finite: entropy = -inf"),
        ({"loss": "high"}, "returned metric loss = 'high', which is no number"),
        ({"loss": np.zeros(2)}, "returned metric loss = array(.*), which is no number"),
        ({"loss": 1.0j}, "returned metric loss = 1j, which is no number"),
    ],
)
def test_what_goes_wrong_while_learning_is_told_with_its_place(outcome: object, words: str) -> None:
    with pytest.raises(PolicyError, match=f"period 3: {LABEL}, learning, {words}"):
        learn(outcome)


def test_what_a_learner_says_itself_gets_its_place() -> None:
    where = r"^period 3: policy 'mine' of group 'houses', learning, diverged$"
    with pytest.raises(PolicyError, match=where):
        learn(PolicyError("diverged"))
