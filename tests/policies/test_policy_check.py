"""check_policy finds nothing in what is shipped, and finds each way of breaking the contract."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cosim.core.arrays import FloatArray
from cosim.errors import InputError, PolicyError, UnknownNameError
from cosim.policies import Finding, Policy, PolicyInputs, RoundView, Transition, check_policy, names
from cosim.policies.sample import sample_spec


@pytest.mark.parametrize("name", names())
def test_shipped_policies_keep_the_contract(name: str) -> None:
    assert check_policy(name) == []


def test_shipped_policies_keep_the_contract_with_other_parameters() -> None:
    assert check_policy("zero-intelligence", devices="random") == []
    assert check_policy("fixed-reservation", value=1.0, bid_margin=1.0, ask_margin=0.0) == []


class Good(Policy):
    name = "good"
    summary = "returns the baseline"

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        return inputs.rule_action.copy()


class Peeping(Good):
    """Follows the crowd by looking at the others' rows."""

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        return inputs.rule_action * np.tanh(inputs.observation[:, :1].mean() if self.n else 1.0)


class PeepingAllowed(Peeping):
    """The same, declared."""

    needs = ("own", "public", "everybody")

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        assert inputs.everybody is not None
        return super().act(inputs, explore)


class Remembering(Good):
    """Remembers another's data and uses it a period later."""

    seen = 0.0

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        action = inputs.rule_action * np.tanh(self.seen)
        self.seen = float(inputs.observation[-1, 0]) if self.n else 0.0
        return action

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "seen": self.seen}

    def load_state_dict(self, state: Any) -> None:
        super().load_state_dict(state)
        self.seen = state["seen"]


class DrawingByNeed(Good):
    """Draws only for those who trade, so that draws depend on who else does."""

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        action = inputs.rule_action.copy()
        rows = np.flatnonzero(inputs.observation[::-1, 0] > 0.0)
        action[::-1][rows, 0] = self.rng.uniform(-1.0, 1.0, len(rows))
        return action


class DrawingABlock(Good):
    """Draws everybody's actions at once, as wide as the union of all devices."""

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        return self.rng.uniform(-1.0, 1.0, inputs.rule_action.shape)


class DrawingInOneRow(Good):
    """Draws field by field, but from one generator: a field more moves those after it."""

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        columns = [self.rng.uniform(-1.0, 1.0, self.n) for _ in self.spec.action]
        return np.column_stack(columns)


class DrawingByField(Good):
    """As it should be."""

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        columns = [self.draw(item.name).uniform(-1.0, 1.0, self.n) for item in self.spec.action]
        return np.column_stack(columns)


class Forgetful(Good):
    """Its state lacks what it counts."""

    count = 0

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        self.count += 1
        return inputs.rule_action / self.count


class Aliasing(Good):
    """Hands out its own array as state and goes on changing it."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self.total = np.zeros(1)

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        self.total += 1.0
        return inputs.rule_action / self.total

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "total": self.total}

    def load_state_dict(self, state: Any) -> None:
        super().load_state_dict(state)
        self.total = state["total"].copy()


class Global(Good):
    """Draws from nobody's generator."""

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        return np.random.default_rng().uniform(-1.0, 1.0, inputs.rule_action.shape)


class Loud(Good):
    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        return inputs.rule_action * 3.0


class NotFinite(Good):
    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        return inputs.rule_action * np.nan


class Single(Good):
    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        return inputs.rule_action.astype(np.float32)  # type: ignore[return-value] # that is the mistake


class Flat(Good):
    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        return inputs.rule_action.ravel()


class NeedsSomebody(Good):
    """Falls over without prosumers."""

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        return inputs.rule_action * np.tanh(np.abs(inputs.rule_action).max())


class Scribbling(Good):
    """Writes into its inputs."""

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        inputs.rule_action[:] = 0.0
        return inputs.rule_action


class TrustsMasked(Good):
    """Uses what the baseline says about devices that are not there."""

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        return np.tanh(inputs.rule_action.sum(axis=1, keepdims=True) + 0.0 * inputs.rule_action)


class DivergingLearner(Good):
    learns = True

    def learn(self, transition: Transition) -> dict[str, float]:
        return {"loss": float("inf")}


class BadEnding(Good):
    learns = True

    def finish(self) -> dict[str, float]:
        raise RuntimeError("nothing collected")


class SilentLearner(Good):
    def learn(self, transition: Transition) -> dict[str, float]:
        return None  # type: ignore[return-value] # that is the mistake


class ListedWeights(Good):
    learns = True

    def weights(self) -> dict[str, FloatArray]:
        return {"x": [1, 2]}  # type: ignore[dict-item] # that is the mistake


class WeightsOnceLearnt(Good):
    """Has none before it has learnt something."""

    learns = True
    taken = 0

    def learn(self, transition: Transition) -> dict[str, float]:
        self.taken += 1
        return {}

    def weights(self) -> dict[str, FloatArray]:
        return {"rate": np.full(1, 1 / self.taken)}

    def load_weights(self, weights: Any) -> None:
        return


class WeightsUntilLearnt(WeightsOnceLearnt):
    """Has none that are numbers once it has learnt something."""

    def weights(self) -> dict[str, FloatArray]:
        return {"rate": np.full(1, np.nan if self.taken else 1.0)}


class PeepingQuotes(Good):
    requotes = True

    def requote(self, view: RoundView) -> FloatArray:
        total = np.nansum(view.quote_eur_per_kwh)
        return np.full((self.n, 2), np.tanh(total))


class WideQuotes(Good):
    requotes = True

    def requote(self, view: RoundView) -> FloatArray:
        return np.full((self.n, 2), 1.5)


@pytest.mark.parametrize(
    ("policy", "check", "words"),
    [
        (Peeping, "privacy", "depends on others"),
        (Remembering, "privacy", "depends on others"),
        (DrawingByNeed, "privacy", "depends on others"),
        (Forgetful, "state", "after load_state_dict differ"),
        (Aliasing, "state", "no copy"),
        (Global, "same seed", "self.draw(NAME) alone"),
        (DrawingABlock, "draws", "which devices others own"),
        (DrawingInOneRow, "draws", "which devices others own"),
        (Loud, "shapes", "outside [-1, 1]"),
        (NotFinite, "shapes", "not a finite number"),
        (Single, "shapes", "float32, not float64"),
        (Flat, "shapes", "returned shape"),
        (NeedsSomebody, "shapes", "ValueError"),
        (Scribbling, "shapes", "read-only"),
        (TrustsMasked, "mask", "masked"),
        (DivergingLearner, "learning", "not finite: loss"),
        (SilentLearner, "learning", "NoneType"),
        (BadEnding, "learning", "finishing, raised RuntimeError: nothing collected"),
        (ListedWeights, "weights", "n=5, asked for its weights, returned list as 'x', not an array"),
        (WeightsOnceLearnt, "weights", "n=5, asked for its weights, raised ZeroDivisionError: "),
        (WeightsUntilLearnt, "learning", "n=5, after learning, asked for its weights, returned 'rate' with"),
        (PeepingQuotes, "requoting", "depend on others"),
        (WideQuotes, "requoting", "bid_margin = 1.5"),
    ],
)
def test_breach_is_found(policy: type[Policy], check: str, words: str) -> None:
    findings = [str(finding) for finding in check_policy(policy) if finding.check == check]
    assert any(words in finding for finding in findings), findings


def test_draws_by_field_keep_the_contract() -> None:
    assert check_policy(DrawingByField) == []


def test_needing_everybody_is_allowed_when_declared() -> None:
    assert check_policy(PeepingAllowed) == []


def test_declaration() -> None:
    class Nameless(Good):
        name = ""
        summary = "two\nlines"
        needs = ("own", "rumours")

    assert [finding.message for finding in check_policy(Nameless) if finding.check == "declaration"] == [
        "`name` is empty",
        "`summary` has to be one line of text",
        "`needs` has rumours; valid: own, public, outlook, everybody",
    ]


def test_strict_raises_with_every_finding() -> None:
    with pytest.raises(PolicyError) as caught:
        check_policy(Loud, strict=True)
    findings = check_policy(Loud)
    assert len(findings) > 1 and all(str(finding) in str(caught.value) for finding in findings)


def test_findings_are_data() -> None:
    assert str(Finding("shapes", "too wide")) == "shapes: too wide"
    assert check_policy(Good, spec=sample_spec("setpoint"), strict=True) == []


def test_wrong_call_is_the_callers_mistake() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'zip'"):
        check_policy("zipp")
    with pytest.raises(InputError, match="no parameter"):
        check_policy("zip", speed=3)
