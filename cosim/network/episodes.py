"""Episodes: the steps in a row in which one element breaks one kind of limit. Streaming: each step gets the
ids of its rows at once; how long an episode lasted is known at its end and stands in a table to join by id.

A step that diverged says nothing of voltages and loadings, so it neither ends an episode nor counts into it:
if the first step that converges again breaks the same limit, the episode goes on, with the diverged steps in
between counted apart (`unknown_min`); if not, it ended before them and `uncertain_end` says that the moment
is not known. Diverged steps in a row are an episode of their own kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cosim.core.arrays import BoolArray, FloatArray, IntArray
from cosim.core.records import Elements, Violations
from cosim.network.limits import DIVERGED, KINDS, LINE_OVERLOAD, TRANSFORMER_OVERLOAD

_NEVER = -2
"""Step before which nothing has been: no step follows it directly."""
_GROWTH = 1024


@dataclass(frozen=True, slots=True)
class EpisodeTable:
    """One row per episode; the row number is its id, in the order in which episodes began."""

    episode: IntArray
    kind: NDArray[np.object_]
    element: IntArray
    """As in `Violations`."""
    name: NDArray[np.object_]
    start_step: IntArray
    """Step of the power flow in which it began."""
    steps: IntArray
    """Steps in which the limit was seen broken."""
    duration_min: FloatArray
    """Their length; without the diverged steps in between."""
    unknown_min: FloatArray
    """Length of the diverged steps in between."""
    uncertain_end: BoolArray
    """True if the step after the last one seen diverged, or the run ended: it may have lasted longer."""
    worst_value: FloatArray
    """Value at the largest excess [pu or percent]; NaN for `diverged`."""
    worst_excess: FloatArray

    def __len__(self) -> int:
        return len(self.episode)


class Episodes:
    """Groups the violations of a run into episodes.

    Args:
        elements: Names of the grid's elements.
        step_minutes: Length of a step of the power flow [min].
    """

    def __init__(self, elements: Elements, step_minutes: float) -> None:
        buses, lines, trafos = len(elements.bus), len(elements.line), len(elements.trafo)
        sizes = dict.fromkeys(KINDS, buses) | {
            LINE_OVERLOAD: lines,
            TRANSFORMER_OVERLOAD: trafos,
            DIVERGED: 1,
        }
        # every (kind, element) has a slot; `diverged`, whose element is -1, has the last one
        starts = np.cumsum([0, *(sizes[kind] for kind in KINDS)])
        self._first = {kind: int(start) for kind, start in zip(KINDS, starts[:-1], strict=True)}
        self._first[DIVERGED] += 1
        self._last_step = np.full(starts[-1], _NEVER, dtype=np.int64)
        self._open = np.full(starts[-1], -1, dtype=np.int64)
        self._minutes = float(step_minutes)
        self._step = -1
        self._converged = -1  # the last step that did
        self._rows = _Growing()

    def add(self, violations: Violations) -> IntArray:
        """Take the violations of the next step; call it for every step, also if there are none.

        Returns:
            The id of the episode of every row, shape (v,).
        """
        self._step += 1
        failed = len(violations) == 1 and violations.kind[0] == DIVERGED
        # an episode goes on if the step before broke the limit as well; for all but divergence itself, steps
        # that diverged do not count
        before = self._step - 1 if failed else self._converged
        if not failed:
            self._converged = self._step
        if not len(violations):
            return np.empty(0, dtype=np.int64)
        slot = np.array([self._first[kind] for kind in violations.kind]) + violations.element
        last = self._last_step[slot]
        fresh = last < before
        self._open[slot[fresh]] = self._rows.start(self._step, violations, fresh)
        episode = self._open[slot]
        skipped = np.where(fresh, 0, self._step - 1 - last)
        self._rows.extend(episode, skipped, violations)
        self._last_step[slot] = self._step
        return episode

    def table(self) -> EpisodeTable:
        """All episodes so far; those that the last step belongs to count as ended there, uncertainly."""
        rows = self._rows.columns()
        last = rows["start_step"] + rows["steps"] + rows["skipped"] - 1
        failures = rows["start_step"][rows["kind"] == DIVERGED]
        cut_short = (rows["kind"] != DIVERGED) & np.isin(last + 1, failures)
        return EpisodeTable(
            episode=np.arange(len(last)),
            kind=rows["kind"],
            element=rows["element"],
            name=rows["name"],
            start_step=rows["start_step"],
            steps=rows["steps"],
            duration_min=rows["steps"] * self._minutes,
            unknown_min=rows["skipped"] * self._minutes,
            uncertain_end=cut_short | (last == self._step),
            worst_value=rows["worst_value"],
            worst_excess=rows["worst_excess"],
        )


class _Growing:
    """Columns to which rows are added one step at a time."""

    _TYPES: ClassVar = {
        "kind": object,
        "element": np.int64,
        "name": object,
        "start_step": np.int64,
        "steps": np.int64,
        "skipped": np.int64,
        "worst_value": np.float64,
        "worst_excess": np.float64,
    }

    def __init__(self) -> None:
        self._count = 0
        self._column: dict[str, NDArray[Any]] = {
            name: np.zeros(_GROWTH, dtype=kind) for name, kind in self._TYPES.items()
        }

    def start(self, step: int, violations: Violations, fresh: BoolArray) -> IntArray:
        """New episodes of the rows that are `fresh`; their ids."""
        ids = np.arange(self._count, self._count + int(fresh.sum()))
        self._count += len(ids)
        column = self._column
        while self._count > len(column["kind"]):
            for name, values in column.items():
                column[name] = np.concatenate([values, np.zeros_like(values)])
        column["kind"][ids] = violations.kind[fresh]
        column["element"][ids] = violations.element[fresh]
        column["name"][ids] = violations.name[fresh]
        column["start_step"][ids] = step
        column["worst_value"][ids] = np.nan
        column["worst_excess"][ids] = np.nan
        return ids

    def extend(self, episode: IntArray, skipped: IntArray, violations: Violations) -> None:
        """Another step of these episodes, each of them once."""
        column = self._column
        column["steps"][episode] += 1
        column["skipped"][episode] += skipped
        worse = ~(violations.excess <= column["worst_excess"][episode])  # also where there is none yet
        column["worst_value"][episode[worse]] = violations.value[worse]
        column["worst_excess"][episode[worse]] = violations.excess[worse]

    def columns(self) -> dict[str, NDArray[Any]]:
        """The rows so far."""
        return {name: values[: self._count].copy() for name, values in self._column.items()}
