"""For how long decisions stand: spans of the local clock, so that who decides once a day decides at the same
hour before and after a clock change. What is decided is not known here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from cosim.policies.contract import PolicyInputs, Spec
from cosim.policies.learning.encoding import HOUR

ROUNDING = 1e-6
CLOCK_CHANGE_H = 1.0
"""By how much clocks are put forward or back at most [h]; a longer leap is a gap in the record."""


class Spans:
    """Counts periods from one decision to the next. The hour is read off the observation; where it is not
    observed, a day has always 24 hours.

    Where clocks are put back, a span is as much longer; where they are put forward, as much shorter. An end
    that is left out then comes with the next period, or one later if nobody could foresee it; the next span
    ends in time. Spans no longer than the leap stay as they are.

    Args:
        spec: Names the columns, and says how long a period is.
        hours: How long a decision stands [h].
    """

    def __init__(self, spec: Spec, hours: float) -> None:
        self._period_hours = spec.period_hours
        self.periods = 1 if spec.period_hours is None else max(round(hours / spec.period_hours), 1)
        """In how many periods a decision stands, clock changes aside."""
        self.per_day = 1.0 if spec.period_hours is None else 24.0 / (spec.period_hours * self.periods)
        """Decisions in 24 hours."""
        seen = spec.period_hours is not None and all(map(spec.observes, HOUR))
        self._columns = [spec.observation_index(name) for name in HOUR] if seen else []
        self.reset()

    def reset(self) -> None:
        """A decision is due in the coming period."""
        self._age, self._hour = self.periods, float("nan")

    @property
    def due(self) -> bool:
        """Whether one is due in the coming period, unless clocks are put back before it."""
        return self._age >= self.periods

    @property
    def left(self) -> int:
        """Periods of the span that remain, the coming one among them."""
        return self.periods - self._age

    def begins(self, following: PolicyInputs) -> bool:
        """Whether one is due in the coming period, whose inputs are known."""
        return self.due and self._moved(self._hour_of(following)) >= 0

    def enter(self, inputs: PolicyInputs) -> bool:
        """The coming period begins, with at least one prosumer: whether a decision is due in it."""
        begins, hour = self.begins(inputs), self._hour_of(inputs)
        self._age += self._moved(hour) - (self.periods if begins else 0)
        self._hour = (hour + (self._period_hours or 0.0)) % 24.0
        return begins

    def leave(self) -> None:
        """That period is over."""
        self._age += 1

    def _hour_of(self, inputs: PolicyInputs) -> float:
        """Local hour at which a period starts; NaN where it is not observed."""
        if not self._columns:
            return float("nan")
        sine, cosine = inputs.observation[0, self._columns]
        if abs(np.hypot(sine, cosine) - 1.0) > ROUNDING:  # made up: no hour of a clock
            return float("nan")
        return float(np.arctan2(sine, cosine) * 12.0 / np.pi) % 24.0

    def _moved(self, hour: float) -> int:
        """By how many periods clocks were put forward just before a period that starts at `hour`, whole spans
        aside."""
        leap = (hour - self._hour + 12.0) % 24.0 - 12.0
        if self._period_hours is None or not abs(leap) < CLOCK_CHANGE_H + ROUNDING:
            return 0
        return int(math.fmod(round(leap / self._period_hours), self.periods))

    def state(self) -> dict[str, Any]:
        """Where in a span it is, as plain values."""
        return {"age": self._age, "hour": self._hour}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`."""
        self._age, self._hour = int(state["age"]), float(state["hour"])
