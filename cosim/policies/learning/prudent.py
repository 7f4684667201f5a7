"""Learners that follow their rule where departing from it is not known to pay, if they are asked to. What is
known is `prudence`'s; this is when it is asked, what it is told, and that it is kept."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.core.config import Config as Parameters
from cosim.core.config import setting
from cosim.errors import InputError, PolicyError, Problem
from cosim.policies.contract import PolicyInputs, Spec
from cosim.policies.learning.config import LearnerConfig
from cosim.policies.learning.experience import Decision, Experience
from cosim.policies.learning.prudence import Leave, Prudence, evenly, foretold_rows
from cosim.policies.learning.rehearsal import Rehearsing
from cosim.policies.learning.start import SELDOM

LOOKS_AGAIN_H = 7.0
"""So long before a decision ends the coming day is looked at once more, at five in the evening if it ends at
midnight: what is held from the evening peak on is for tomorrow [h]."""


class PrudentConfig(LearnerConfig):
    """Parameters of such learners."""

    prudence: float = setting(
        0.0,
        about="By how many standard errors departing from the rule has to pay, by what was learnt so far of "
        "days like the one foretold; else the rule is followed. 0: whatever the policy says is done. 5: the "
        "worst days cost a fraction, and the first weeks or months save nothing. Only where it decides at "
        "most twice a day.",
        ge=0,
        le=10,
    )


class Prudent(Rehearsing):
    """A family implements `_expected`, `_brought` and `_foreseen`; its parameters have `prudence`."""

    config: PrudentConfig

    def __init__(
        self, spec: Spec, n: int, config: Parameters | None = None, *, seed: int = 0, label: str = ""
    ) -> None:
        super().__init__(spec, n, config, seed=seed, label=label)
        asked, names = self.config.prudence, [item.name for item in spec.action]
        if asked > 0.0 and self.decisions_per_day > SELDOM:
            every = f"{24.0 / self.decisions_per_day:g} h"
            raise InputError(
                Problem(
                    f"is for policies that decide at most twice a day; this one decides every {every}",
                    "leave it out, or set decide_hours: 24",
                    path="prudence",
                )
            )
        self.prudence = Prudence(self.networks, names, asked, self.decisions_per_day) if asked > 0.0 else None
        """Where departing pays; None: whatever the policy says is done."""
        self._leave: Leave | None = None

    @abstractmethod
    def _expected(self, rows: FloatArray) -> FloatArray:
        """Mean departure by the policy, whatever is learnt of it, shape (n, A)."""

    @abstractmethod
    def _brought(self, experience: Experience) -> FloatArray:
        """What a decision brought, and what it is worth to be where it led, in units of the root mean square
        reward, shape (n,)."""

    @abstractmethod
    def _foreseen(self, experience: Experience, departed: bool) -> FloatArray:
        """That, by the baseline of those who depart or of those who are held to the rule, shape (n,)."""

    # When it is asked

    @property
    def _looks_again(self) -> bool:
        """Whether the coming day is looked at once more."""
        before = round(LOOKS_AGAIN_H / (self.spec.period_hours or LOOKS_AGAIN_H))
        return self._leave is not None and not self._leave.seen_again and 0 < self.spans.left <= before

    @property
    def looks_now(self) -> bool:
        """Also when a decision is looked at once more."""
        return super().looks_now or (self._looks_again and self.foresight and not self.fallen)

    def _anew(self, inputs: PolicyInputs, rows: FloatArray, tries: bool) -> Decision:
        decision = super()._anew(inputs, rows, tries)
        if self.prudence is None:
            return decision
        mean = self._expected(decision.rows) if tries else decision.shift
        expected = np.where(decision.mask, mean, 0.0)
        foretold, drawn = self._foretold(inputs), evenly(self.draw("prudence"), self.n)
        share = self.prudence.share(foretold, expected, self._finds_out(tries))
        self._leave = Leave(drawn, share, expected)
        held = self._leave.held
        kept = {
            "foretold": foretold,
            "expected": share[:, None] * expected,
            "share": share,
            "held": held.astype(float),
            "could": decision.mask.astype(float),
        }
        shift, mask = np.where(held[:, None], 0.0, decision.shift), decision.mask & ~held[:, None]
        return Decision(decision.rows, shift, mask, decision.notes | kept)

    def _departure(self, inputs: PolicyInputs, decision: Decision, explore: bool) -> FloatArray:
        """Without what is taken back."""
        if self._leave is None or self.prudence is None:
            return decision.shift
        again = self._looks_again and inputs.outlook is not None
        self._leave.seen_again |= again
        if again and self._sees_a_day(inputs):
            foretold, tries = self._foretold(inputs), explore and not self.config.freeze
            self._leave.narrow(self.prudence.share(foretold, self._leave.expected, self._finds_out(tries)))
        return np.where(self._leave.held[:, None], 0.0, decision.shift)

    def _finds_out(self, tries: bool) -> bool:
        return tries and self.learns

    @property
    def _day(self) -> int:
        """Periods in 24 hours."""
        return max(round(24.0 / (self.spec.period_hours or 24.0)), 1)

    def _sees_a_day(self, inputs: PolicyInputs) -> bool:
        """Whether the outlook goes so far: what is left of a last night is no day."""
        return inputs.outlook is not None and inputs.outlook.count >= self._day

    def _foretold(self, inputs: PolicyInputs) -> FloatArray:
        return foretold_rows(inputs if self.foresight else replace(inputs, outlook=None), self._day)

    # What it is told

    def _departed(self, decision: Decision) -> FloatArray:
        """1 for whose decision is the policy's, shape (n,): all, unless some may be held to the rule."""
        if self.prudence is None:
            return np.ones(self.n)
        return decision.mask.any(axis=1).astype(float)

    def _collect(self, experience: Experience) -> bool:
        """Who was held teaches what the rule brings, and nothing about what to try."""
        is_time, notes, own = super()._collect(experience), experience.decision.notes, experience.decision.own
        if self.prudence is not None:
            could = (notes["could"] > 0.0) & own[:, None]
            beyond = np.where(could, experience.decision.shift - notes["expected"], 0.0)
            earned = self._brought(experience) - self._whoever_departs(experience)
            self.prudence.learn(notes["foretold"], notes["expected"], beyond, earned)
        return is_time

    def _whoever_departs(self, experience: Experience) -> FloatArray:
        """What was foreseen before it was drawn who is held, shape (n,)."""
        share = experience.decision.notes["share"]
        departing, held = self._foreseen(experience, True), self._foreseen(experience, False)
        return np.asarray(share * departing + (1.0 - share) * held)

    def _told(self) -> dict[str, float]:
        """Metrics of the last decision that is over."""
        if self.prudence is None:
            return {}
        notes = self.memory[-1].decision.notes
        decides = notes["could"].any(axis=1)
        return {"held": float(notes["held"][decides].mean())} if decides.any() else {}

    # What is kept

    def reset(self) -> None:
        """Nobody has leave any more."""
        super().reset()
        self._leave = None

    def _beside(self) -> dict[str, FloatArray]:
        return super()._beside() | ({} if self.prudence is None else self.prudence.weights())

    def load_weights(self, weights: Mapping[str, FloatArray]) -> None:
        """Start from weights learnt elsewhere.

        Raises:
            PolicyError: if they do not fit, or were learnt with prudence, and none is asked for.
        """
        if self.prudence is None and any(name.startswith("prudence.") for name in weights):
            raise PolicyError(
                f"weights do not fit policy {self.name!r}: they were learnt with prudence, and it is 0 here "
                "(set it as it was, or take weights that were learnt without)"
            )
        super().load_weights(weights)

    def _load(self, weights: Mapping[str, FloatArray]) -> None:
        super()._load(weights)
        if self.prudence is not None:
            self.prudence.load(weights)

    def state_dict(self) -> dict[str, Any]:
        """Who has leave as well."""
        return {**super().state_dict(), "leave": None if self._leave is None else self._leave.state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See `Policy.load_state_dict`."""
        super().load_state_dict(state)
        self._leave = None if state["leave"] is None else Leave.of_state(state["leave"])
