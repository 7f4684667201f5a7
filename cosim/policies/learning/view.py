"""What the networks of a learner read of a period, and what it remembers for that. How it is encoded is in
`encoding` and `mean_field`; nothing is drawn here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

import numpy as np

from cosim.core.arrays import BoolArray, FloatArray
from cosim.errors import PolicyError
from cosim.policies.contract import PolicyInputs, Spec
from cosim.policies.learning.encoding import DayAhead, Encoder, OwnDay, energy_rows
from cosim.policies.learning.mean_field import MeanField

HINDSIGHT = ("own.drawn", "own.injected")
"""What hindsight has beside what is public by then."""


class Others(Protocol):
    """What a family wants to know of others besides the mean field, such as their mean action."""

    @property
    def names(self) -> tuple[str, ...]:
        """Its columns."""

    def of(self, inputs: PolicyInputs, low: FloatArray, high: FloatArray) -> FloatArray:
        """Of one period, shape (n, columns), given the own price band."""

    def remember(self, inputs: PolicyInputs) -> None:
        """Take in the period that is decided."""

    def forget(self) -> None:
        """An episode starts over."""

    def state(self) -> dict[str, Any]:
        """What it remembers, a copy."""

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""


class View:
    """Rows for networks: own fields, mean field, own last day, own coming day, and others.

    Args:
        spec: Names the columns.
        n: Prosumers.
        mean_field: What stands for the others.
        foresight: Whether the own forecast of the coming day is read.
        begins_blind: Whether what tells of the last day is 0 until a day has been seen.
        others: What else is known of others.
    """

    def __init__(
        self,
        spec: Spec,
        n: int,
        mean_field: MeanField,
        *,
        foresight: bool,
        begins_blind: bool,
        others: Others | None = None,
    ) -> None:
        self.encoder = Encoder(spec, mean_field)
        self.begins_blind = begins_blind
        self._day, self._others, self._foresight = OwnDay(spec, n), others, foresight
        more = () if others is None else others.names
        self.names = (*self.encoder.names, *OwnDay.names, *(DayAhead.names if foresight else ()), *more)
        """What networks read, by name."""
        self.hindsight_names = (*(f"after.{name}" for name in mean_field.names), *HINDSIGHT)
        """What hindsight tells, by name."""
        past = {*mean_field.names, *OwnDay.names, *more}
        self._of_last_day: BoolArray = np.array([name in past for name in self.names], dtype=bool)
        self._last: tuple[PolicyInputs | None, FloatArray] = (None, np.zeros(0))

    def rows(self, inputs: PolicyInputs) -> FloatArray:
        """What networks read of a period, shape (n, F): the same object while the period is the same.

        Raises:
            PolicyError: if the coming day is to be read, and there is no outlook.
        """
        if self._last[0] is not inputs:
            parts = [self.encoder.encode(inputs), self._day.encode()]
            if self._foresight:
                if inputs.outlook is None:
                    raise PolicyError("a learner with `foresight` needs an outlook and was given none")
                parts.append(DayAhead.encode(inputs.outlook))
            if self._others is not None:
                parts.append(self._others.of(inputs, *self.encoder.band(inputs)))
            rows = np.hstack(parts)
            if self.begins_blind and not self._day.complete:
                rows = np.where(self._of_last_day, 0.0, rows)
            self._last = (inputs, rows)
        return self._last[1]

    def looking_away(self, rows: FloatArray, away: BoolArray) -> FloatArray:
        """The same without what tells of the last day, for those who look away, shape (n,)."""
        return np.where(self._of_last_day & away[:, None], 0.0, rows)

    def hindsight(self, following: PolicyInputs, net_kw: FloatArray) -> FloatArray:
        """What is known when a decision is over, and does not hang on what one prosumer does, shape (n, K).

        Args:
            following: Inputs of the period after.
            net_kw: Own inflexible power while it stood, drawn and injected, shape (2, n).
        """
        public = self.encoder.mean_field.of(following, *self.encoder.band(following))
        return np.hstack([public, energy_rows(net_kw)])

    def hindsight_columns(self, which: Literal["all", "public", "none"]) -> list[int]:
        """Places of what hindsight tells: all of it, what became public alone, or nothing."""
        if which == "none":
            return []
        return [
            column
            for column, name in enumerate(self.hindsight_names)
            if which == "all" or name not in HINDSIGHT
        ]

    def net_kwh(self, inputs: PolicyInputs) -> FloatArray:
        """Own inflexible energy of a period, shape (n,)."""
        return self._day.net_kwh(inputs)

    def remember(self, inputs: PolicyInputs) -> None:
        """Take in the period that is decided."""
        self._day.remember(inputs)
        self.encoder.mean_field.remember(inputs)
        if self._others is not None:
            self._others.remember(inputs)

    def forget(self) -> None:
        """An episode starts over."""
        self._day.forget()
        self.encoder.mean_field.forget()
        if self._others is not None:
            self._others.forget()
        self._last = (None, np.zeros(0))

    def state(self) -> dict[str, Any]:
        """What it remembers, a copy."""
        others = None if self._others is None else self._others.state()
        return {"day": self._day.state(), "mean_field": self.encoder.mean_field.state(), "others": others}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`."""
        self._day.load_state(state["day"])
        self.encoder.mean_field.load_state(state["mean_field"])
        if self._others is not None:
            self._others.load_state(state["others"])
        self._last = (None, np.zeros(0))
