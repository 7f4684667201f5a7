"""What learners learn from: decisions, how long they stood, and what came of them. Records, and the wait
until an outcome is known; nothing is learnt here."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from cosim.core.arrays import BoolArray, FloatArray
from cosim.policies.contract import PolicyInputs, Transition


@dataclass
class Decision:
    """What n prosumers decided at one moment, and what has come of it so far."""

    rows: FloatArray
    """What the networks read, shape (n, F)."""
    shift: FloatArray
    """What was decided: by how much the action departs from the start rule's, before it is cut to [-1, 1],
    shape (n, A)."""
    mask: BoolArray
    """Where the learner decided: False where the prosumer lacks the device, the action stays the rule's, or
    the prosumer was held to the rule, (n, A)."""
    notes: dict[str, FloatArray] = field(default_factory=dict)
    """What the learner wants to remember of it, by name, one row a prosumer."""
    periods: int = 0
    """In how many periods it stood, of those whose outcome is known."""
    reward: FloatArray = field(default_factory=lambda: np.zeros(0))
    """Sum over these periods [EUR], shape (n,)."""
    own: BoolArray = field(default_factory=lambda: np.zeros(0, dtype=bool))
    """False where somebody else decided in one of them, shape (n,)."""
    net_kwh: FloatArray = field(default_factory=lambda: np.zeros((2, 0)))
    """Own inflexible energy of the periods in which it was drawn, and of those in which it was injected, both
    positive, shape (2, n)."""

    def add(self, transition: Transition, net_kwh: FloatArray) -> None:
        """The outcome of one more period is known; `net_kwh` is the inflexible energy of it, shape (n,)."""
        split = np.stack([np.maximum(net_kwh, 0.0), np.maximum(-net_kwh, 0.0)])
        first = self.periods == 0
        self.periods += 1
        self.reward = transition.reward.copy() if first else self.reward + transition.reward
        self.own = transition.own.copy() if first else self.own & transition.own
        self.net_kwh = split if first else self.net_kwh + split

    def state(self) -> dict[str, Any]:
        """A copy of plain types and arrays."""
        return {item.name: _copied(getattr(self, item.name)) for item in fields(self)}

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> Decision:
        """From `state`."""
        return cls(**{name: _copied(value) for name, value in state.items()})


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copied(item) for name, item in value.items()}
    return value.copy() if isinstance(value, np.ndarray) else value


@dataclass(frozen=True)
class Experience:
    """A decision that is over, and what followed."""

    decision: Decision
    next_rows: FloatArray
    """What the networks read when the next decision was due, shape (n, F)."""
    hindsight: FloatArray
    """What has become known while it stood and does not hang on what one prosumer does: what is public by
    now, and the own inflexible energy, shape (n, K)."""
    terminated: BoolArray
    """Nothing of value comes after, shape (n,)."""
    joined: bool
    """Whether the next experience follows on this one."""

    def state(self) -> dict[str, Any]:
        """A copy of plain types and arrays."""
        own = {item.name: _copied(getattr(self, item.name)) for item in fields(self)}
        return own | {"decision": self.decision.state()}

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> Experience:
        """From `state`."""
        own = {name: _copied(value) for name, value in state.items()}
        return cls(**(own | {"decision": Decision.of_state(state["decision"])}))


class Standing:
    """Which decision stood in which period, until what came of it is known.

    What is never learnt from (a frozen policy) is forgotten after a while.

    Args:
        most: Periods that are kept.
    """

    def __init__(self, most: int) -> None:
        self._kept: deque[tuple[FloatArray, Decision, FloatArray | None]] = deque(maxlen=most)

    def keep(self, inputs: PolicyInputs, decision: Decision, read: FloatArray | None) -> None:
        """A decision stands in the period of these inputs; `read` is what networks read of it, shape (n, F),
        if it was made there."""
        self._kept.append((inputs.observation, decision, read))

    def of(self, inputs: PolicyInputs) -> Decision | None:
        """The decision that stood in the period of these inputs, which is then over; None if none is
        known."""
        while self._kept:
            known, decision, _ = self._kept.popleft()
            if _same(known, inputs):
                return decision
        return None

    @property
    def first(self) -> Decision | None:
        """The decision that stands in the first of the periods that are kept; None if none is."""
        return self._kept[0][1] if self._kept else None

    def read_of(self, following: PolicyInputs) -> FloatArray | None:
        """What networks read of the period after that of the last `of`, shape (n, F), if a decision was made
        there already: what they would read now tells of later periods, too."""
        if self._kept and _same(self._kept[0][0], following):
            return self._kept[0][2]
        return None

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()

    def state(self, last: Decision | None) -> dict[str, Any]:
        """A copy of plain types and arrays: a decision that stood in many periods is in it once.

        Args:
            last: The decision that stands now.
        """
        found: dict[int, Decision] = {id(decision): decision for _, decision, _ in self._kept}
        if last is not None:
            found[id(last)] = last
        place = {key: number for number, key in enumerate(found)}
        return {
            "decisions": [decision.state() for decision in found.values()],
            "kept": [
                (known.copy(), place[id(decision)], None if read is None else read.copy())
                for known, decision, read in self._kept
            ],
            "last": None if last is None else place[id(last)],
        }

    def load_state(self, state: Mapping[str, Any]) -> Decision | None:
        """Go on from `state`; returns the decision that stands."""
        decisions = [Decision.of_state(each) for each in state["decisions"]]
        self._kept.clear()
        for known, number, read in state["kept"]:
            self._kept.append((np.array(known), decisions[number], None if read is None else np.array(read)))
        return None if state["last"] is None else decisions[state["last"]]


def _same(observed: FloatArray, inputs: PolicyInputs) -> bool:
    return observed is inputs.observation or np.array_equal(observed, inputs.observation)


def stacked(experiences: Sequence[Experience], name: str) -> FloatArray:
    """A field of the experiences, of their decisions or of their notes, shape (T, n, ...)."""

    def of(experience: Experience) -> Any:
        for owner in (experience, experience.decision):
            if hasattr(owner, name):
                return getattr(owner, name)
        return experience.decision.notes[name]

    return np.stack([np.asarray(of(experience), dtype=float) for experience in experiences])
