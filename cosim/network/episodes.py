"""Episodes: the steps in which one element breaks one kind of limit, without a break. Streaming: each row
gets the id of its episode, and how long it has lasted, at once; what is kept does not grow with the run.

A step that diverged says nothing of voltages and loadings, so it neither ends an episode nor counts into it:
if the first step that converges again breaks the same limit, the episode goes on; if not, it ended before
them. Diverged steps in a row are an episode of their own kind.
"""

from __future__ import annotations

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.records import Elements, Violations
from cosim.network.limits import DIVERGED, KINDS, LINE_OVERLOAD, TRANSFORMER_OVERLOAD

_NEVER = -2
"""Step before which nothing has been: no step follows it directly."""


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
        # of the latest episode in each slot: its last step, its number, the steps that were seen of it
        self._last_step = np.full(starts[-1], _NEVER, dtype=np.int64)
        self._number = np.full(starts[-1], -1, dtype=np.int64)
        self._seen = np.zeros(starts[-1], dtype=np.int64)
        self._hours = step_minutes / 60.0
        self._begun = 0
        self._step = -1
        self._converged = -1  # the last step that did

    def add(self, violations: Violations) -> tuple[IntArray, FloatArray]:
        """Take the violations of the next step; call it for every step, also if there are none.

        Returns:
            For every row the id of its episode, counted up from 0 in the order in which they begin, and how
            long the limit was seen broken in it, this step included [h]; shape (v,) each.
        """
        self._step += 1
        failed = len(violations) == 1 and violations.kind[0] == DIVERGED
        # an episode goes on if the step before broke the limit as well; for all but divergence itself, steps
        # that diverged do not count
        before = self._step - 1 if failed else self._converged
        if not failed:
            self._converged = self._step
        if not len(violations):
            return np.empty(0, dtype=np.int64), np.empty(0)
        slot = np.array([self._first[kind] for kind in violations.kind]) + violations.element
        fresh = slot[self._last_step[slot] < before]
        self._number[fresh] = self._begun + np.arange(len(fresh))
        self._seen[fresh] = 0
        self._begun += len(fresh)
        self._seen[slot] += 1
        self._last_step[slot] = self._step
        return self._number[slot], self._seen[slot] * self._hours
