"""Replay memory: the last decisions of n prosumers and what followed, as arrays that are made once and
written over. Storage alone; what is in it and how it is learnt from is the learner's affair."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.core.arrays import FloatArray, IntArray


class Replay:
    """Keeps the last `size` entries; the next one replaces the oldest.

    Args:
        size: Most entries that are kept, at least 1.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._fields: dict[str, NDArray[Any]] = {}
        self._added = 0

    def __len__(self) -> int:
        return min(self._added, self.size)

    def add(self, **entry: FloatArray) -> None:
        """One more entry: the same fields of the same shapes every time; kept in single precision."""
        if not self._fields:
            self._fields = {
                name: np.zeros((self.size, *values.shape), dtype=np.float32) for name, values in entry.items()
            }
        for name, kept in self._fields.items():
            kept[self._added % self.size] = entry[name]
        self._added += 1

    def draw(self, count: int, rng: np.random.Generator) -> IntArray:
        """Places of `count` entries, each as likely as any other, with replacement; there has to be one."""
        return rng.integers(len(self), size=count)

    def at(self, places: IntArray) -> dict[str, NDArray[Any]]:
        """The fields of these entries, shape (len(places), ...) each."""
        return {name: kept[places] for name, kept in self._fields.items()}

    def state(self) -> dict[str, Any]:
        """A copy of what is kept."""
        filled = {name: kept[: len(self)].copy() for name, kept in self._fields.items()}
        return {"fields": filled, "added": self._added}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`."""
        self._added, self._fields = int(state["added"]), {}
        for name, filled in state["fields"].items():
            self._fields[name] = np.zeros((self.size, *filled.shape[1:]), dtype=np.float32)
            self._fields[name][: len(filled)] = filled
