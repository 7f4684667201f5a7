"""Profiles on the ticks of a clock: what every source of this room hands to the simulation. Power is computed
block by block (a day), so memory does not grow with the horizon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.blocks import Blocks
from cosim.core.clock import Clock
from cosim.profiles.resample import overlap


class Source(Protocol):
    """Rows of power on slots of equal length, along an axis of the source's own."""

    @property
    def slot_s(self) -> int:
        """Length of a slot [s]."""
        ...

    @property
    def columns(self) -> int:
        """How many columns a row has."""
        ...

    def rows(self, slots: IntArray) -> FloatArray:
        """Mean power [kW] in slots counted from zero of the source's axis, shape (slots, columns)."""
        ...


@dataclass(frozen=True, slots=True)
class Origin:
    """What is known of profiles without running them, for `cosim check`."""

    name: str
    """Where they come from, in words."""
    shapes: int
    """Recorded shapes behind them."""
    distinct: int
    """Members that differ by more than a factor."""
    annual_kwh: FloatArray
    """Energy of every member in a year of 8,760 h (PV: per kWp, the full-load hours), shape (n,)."""
    notes: tuple[str, ...] = ()


@dataclass
class Profiles:
    """Power of `n` loads (drawn positive) or plants (produced positive) on the ticks of a clock."""

    clock: Clock
    n: int
    source: Source
    axis_s: IntArray
    """Start of every tick on the source's axis [s], shape (periods,)."""
    origin: Origin
    _blocks: Blocks = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._blocks = Blocks(self._compute, self.clock.periods, self.clock.periods_per_day)

    def power_kw(self, first: int, last: int) -> FloatArray:
        """Mean power of the ticks `first` to `last` - 1 [kW], shape (last - first, n), not to be written to.

        Raises:
            IndexError: if the clock has no such ticks.
        """
        return self._blocks.window(first, last)

    def _compute(self, first: int, last: int) -> FloatArray:
        if first == last:
            return np.empty((0, self.n))
        covered = overlap(self.axis_s[first:last], self.clock.step_minutes * 60, self.source.slot_s)
        slots = covered.slots()
        return covered.apply(slots, self.source.rows(slots))


@dataclass(frozen=True)
class Picked:
    """Columns of a source, each with a factor: n members from fewer recorded shapes."""

    source: Source
    column: IntArray
    """Column of the source for every member, shape (n,)."""
    factor: FloatArray
    """Shape (n,)."""

    @property
    def slot_s(self) -> int:
        """Length of a slot [s]."""
        return self.source.slot_s

    @property
    def columns(self) -> int:
        """How many members there are."""
        return len(self.column)

    def rows(self, slots: IntArray) -> FloatArray:
        """Mean power [kW], shape (slots, n)."""
        return self.source.rows(slots)[:, self.column] * self.factor


@dataclass(frozen=True)
class Blended:
    """Mixtures of the columns of a source: each member has its own proportions."""

    source: Source
    weights: FloatArray
    """Shape (columns of the source, n)."""

    @property
    def slot_s(self) -> int:
        """Length of a slot [s]."""
        return self.source.slot_s

    @property
    def columns(self) -> int:
        """How many members there are."""
        return int(self.weights.shape[1])

    def rows(self, slots: IntArray) -> FloatArray:
        """Mean power [kW], shape (slots, n)."""
        return self.source.rows(slots) @ self.weights


def in_turn(n: int, columns: int) -> IntArray:
    """Column of every member when columns are handed out in turn: the same for member i whatever n is."""
    return np.arange(n) % columns


def named(names: Sequence[str], limit: int = 6) -> str:
    """A list of names for a message, cut where it gets long."""
    head = ", ".join(names[:limit])
    return f"{head} and {len(names) - limit} more" if len(names) > limit else head
