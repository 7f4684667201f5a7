from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pytest

from cosim.errors import InputError, PolicyError, Problem
from cosim.policies import (
    Policy,
    PolicyInputs,
    RoundView,
    Transition,
    checked_act,
    checked_action,
    checked_finish,
    checked_learn,
    checked_margins,
    checked_requote,
    create,
)
from cosim.policies.sample import sample_inputs, sample_spec, sample_view
from cosim.policies.validation import checked_weights

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


class Falling(Policy):
    """Raises what it is told to in every method, on the line after the method's first."""

    name = "falling"
    summary = "raises"
    wanted = "batery.soc"
    known: ClassVar[dict[str, float]] = {}

    def look(self) -> Any:
        return self.known[self.wanted] if self.wanted == "price" else self.spec.observation_index(self.wanted)

    def act(self, inputs: PolicyInputs, explore: bool = True) -> np.ndarray:
        return self.look()

    def requote(self, view: RoundView) -> np.ndarray:
        return self.look()

    def learn(self, transition: Transition) -> dict[str, float]:
        return self.look()

    def finish(self) -> dict[str, float]:
        return self.look()


def transition(n: int = 2) -> Transition:
    inputs = sample_inputs(SPEC, n, np.random.default_rng(0))
    flags = np.zeros(n, dtype=bool)
    return Transition(inputs, inputs.rule_action, np.zeros(n), inputs, flags, flags, ~flags)


CALLS: dict[str, tuple[str, Callable[[Policy], object]]] = {
    "act": ("", lambda policy: checked_act(policy, transition().inputs, True, LABEL, 3)),
    "requote": (
        ", requoting,",
        lambda policy: checked_requote(policy, sample_view(0, 2, np.random.default_rng(0)), LABEL, 3),
    ),
    "learn": (", learning,", lambda policy: checked_learn(policy, transition(), LABEL, 3)),
    "finish": (", finishing,", lambda policy: checked_finish(policy, LABEL, 3)),
}


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize(
    ("wanted", "what"),
    [
        ("price", "KeyError: 'price'"),
        (
            "batery.soc",
            "UnknownNameError: unknown observation 'batery.soc' (did you mean 'battery.soc'?)",
        ),
    ],
)
def test_what_a_policy_raises_is_told_with_policy_period_and_line(
    method: str, wanted: str, what: str
) -> None:
    """The line is the policy's own, also where cosim's code raised for it."""
    phase, call = CALLS[method]
    policy = Falling(SPEC, 2)
    policy.wanted = wanted
    with pytest.raises(PolicyError) as caught:
        call(policy)
    line = Falling.look.__code__.co_firstlineno + 1
    assert str(caught.value) == f"period 3: {LABEL}{phase} raised {what} (at {__file__}:{line})"


def test_every_problem_of_an_error_is_on_the_one_line() -> None:
    class Twice(Falling):
        def look(self) -> Any:
            raise InputError([Problem("no sun"), Problem("no wind")])

    with pytest.raises(PolicyError, match=r"raised InputError: no sun; no wind \(at .*\)$"):
        checked_finish(Twice(SPEC, 2), LABEL, 3)


def test_an_error_outside_the_policys_own_lines_has_its_last_one() -> None:
    policy = Falling(SPEC, 2)
    policy.finish = partial(json.loads, "{")  # type: ignore[method-assign] # code of somebody else's alone
    with pytest.raises(PolicyError, match=r"finishing, raised JSONDecodeError: .* \(at .*decoder\.py:\d+\)$"):
        checked_finish(policy, LABEL, 3)


def test_a_method_that_takes_other_arguments_has_no_line_to_name() -> None:
    class Short(Falling):
        def act(self, inputs: PolicyInputs) -> np.ndarray:  # type: ignore[override] # it is the mistake
            return inputs.rule_action

    with pytest.raises(
        PolicyError, match=f"period 3: {LABEL} raised TypeError: .* takes 2 positional .*given$"
    ):
        CALLS["act"][1](Short(SPEC, 2))


class Learner(Policy):
    """Returns the metrics that it is given, or raises what it is given."""

    name = "learner"
    summary = "learns what it is told"
    learns = True
    outcome: object = None
    kept: object = None

    def act(self, inputs: PolicyInputs, explore: bool = True) -> np.ndarray:
        return inputs.rule_action.copy()

    def learn(self, transition: Transition) -> dict[str, float]:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    def weights(self) -> Any:
        return self.kept


def learn(outcome: object) -> dict[str, float]:
    policy = Learner(SPEC, 2)
    policy.outcome = outcome
    return checked_learn(policy, transition(), LABEL, 3)


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
    with pytest.raises(PolicyError) as caught:
        learn(PolicyError("diverged"))
    line = Learner.learn.__code__.co_firstlineno + 2
    assert str(caught.value) == f"period 3: {LABEL}, learning, diverged (at {__file__}:{line})"


def test_what_cosim_itself_says_of_a_policy_is_told_as_it_is() -> None:
    with pytest.raises(PolicyError) as caught:
        checked_act(create("maddpg", SPEC, 2, 1), transition().inputs, True, LABEL, 3)
    said = "has to be told everybody's data (`PolicyInputs.everybody`)"
    assert str(caught.value) == f"period 3: {LABEL}: {said}"


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (None, "returned NoneType, not a dict of arrays"),
        ({1: np.zeros(2)}, "returned the name 1, which is no text"),
        ({"x": [1.0, 2.0]}, "returned list as 'x', not an array"),
        ({"x": np.zeros(2, dtype=int)}, "returned int64 as 'x', not float64"),
        ({"x": np.array([1.0, np.inf])}, "returned 'x' with numbers that are not finite"),
    ],
)
def test_weights_are_finite_floats_by_name(weights: object, words: str) -> None:
    policy = Learner(SPEC, 2)
    policy.kept = weights
    with pytest.raises(PolicyError) as caught:
        checked_weights(policy, LABEL)
    assert str(caught.value) == f"{LABEL}, asked for its weights, {words}"


def test_weights_that_are_right_pass_untouched() -> None:
    policy = Learner(SPEC, 2)
    policy.kept = {"x": np.zeros((2, 3)), "y": np.ones(1, dtype=np.float32), "none": np.zeros(0)}
    assert checked_weights(policy, LABEL) is policy.kept
    assert checked_weights(Falling(SPEC, 2), LABEL) == {}
