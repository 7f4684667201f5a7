"""Studies of five prosumers in windows of hours, and a learner that fits into a few lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from cosim.core.arrays import FloatArray
from cosim.errors import PolicyError
from cosim.policies.contract import Policy, PolicyInputs, Transition
from cosim.policies.registry import REGISTRY
from cosim.scenario.schema import Scenario
from cosim.studies.contenders import contenders_of
from cosim.studies.study import Study
from cosim.studies.windows import Window, Windows


class Climber(Policy):
    """Learns one number, how far its actions are from the rule's, by finite differences: every six periods it
    goes on from the better of two neighbours. Exploring it draws beside the number."""

    name = "climber"
    summary = "climbs"
    learns = True
    every = 6

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.shift, self.side = 0.0, 1.0
        self.earned: list[float] = []
        self.updates = 0

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        noise = 0.05 * self.draw("noise").uniform(-1.0, 1.0, (self.n, 1)) if explore else 0.0
        tried = self.shift + (0.1 * self.side if explore else 0.0) + noise
        return np.clip(inputs.rule_action + tried, -1.0, 1.0)

    def learn(self, transition: Transition) -> dict[str, float]:
        self.earned.append(float(transition.reward.sum()))
        return self._climb() if len(self.earned) == 2 * self.every else {}

    def finish(self) -> dict[str, float]:
        return self._climb() if self.earned else {}

    def _climb(self) -> dict[str, float]:
        half = len(self.earned) // 2
        better = sum(self.earned[half:]) > sum(self.earned[:half])
        self.shift = float(np.clip(self.shift + (0.05 if better else -0.05), -0.5, 0.5))
        self.earned, self.updates = [], self.updates + 1
        return {"shift": self.shift}

    def state_dict(self) -> dict[str, Any]:
        return {
            **super().state_dict(),
            "shift": self.shift,
            "updates": self.updates,
            "earned": [*self.earned],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self.shift, self.updates, self.earned = state["shift"], state["updates"], [*state["earned"]]

    def weights(self) -> dict[str, FloatArray]:
        return {"shift": np.array([self.shift])}

    def load_weights(self, weights: Mapping[str, FloatArray]) -> None:
        if set(weights) != {"shift"}:
            raise PolicyError(f"weights {sorted(weights)} are not those of a climber")
        self.shift = float(weights["shift"][0])


class Forgetful(Climber):
    """Learns, and has nothing to show for it."""

    name = "forgetful"

    def weights(self) -> dict[str, FloatArray]:
        return {}


class Restless(Climber):
    """Changes what it learnt whenever it acts."""

    name = "restless"

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        self.shift += 1e-6
        return super().act(inputs, explore)


class Clone(Policy):
    """Says that it learns, and does what the rule does."""

    name = "clone"
    learns = True

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        return inputs.rule_action.copy()


class Lookout(Clone):
    """Does so, too, and remembers how many periods it was shown at most."""

    name = "lookout"
    needs = ("own", "outlook")
    horizon_hours = 6.0
    most = 0

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        assert inputs.outlook is not None
        type(self).most = max(self.most, inputs.outlook.count)
        return super().act(inputs, explore)


LEARNERS: dict[str, type[Policy]] = {
    f"own:{policy.__name__}": policy for policy in (Climber, Forgetful, Restless, Clone, Lookout)
}


@pytest.fixture
def learners(monkeypatch: pytest.MonkeyPatch) -> dict[str, type[Policy]]:
    """Makes `own:Climber` and the others known, and gives their classes."""
    find = REGISTRY.load
    monkeypatch.setattr(Lookout, "most", 0)
    monkeypatch.setattr(REGISTRY, "load", lambda name: LEARNERS.get(name) or find(name))
    return dict(LEARNERS)


WINDOWS = Windows(
    Window("train", datetime(2016, 6, 6), 1.0),
    (Window("noon", datetime(2016, 6, 7, 9), 0.25), Window("night", datetime(2016, 6, 8), 0.125)),
)


@pytest.fixture
def study(five: Callable[..., Scenario]) -> Callable[..., Study]:
    """A day of training, six and three hours to judge in, one seed unless told otherwise."""

    def build(policies: str, seeds: int = 1, bidding: str = "reservation", **changes: Any) -> Study:
        windows = changes.pop("windows", WINDOWS)
        known = {name: changes.pop(name) for name in ("passes", "regret", "rule", "probe") if name in changes}
        contenders = contenders_of([policies], bidding.split(","))
        return Study.of(five(**changes), windows, contenders, range(1, seeds + 1), **known)

    return build
