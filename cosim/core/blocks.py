"""Rows of a run computed a block (a day) at a time, the last few kept: whoever reads a window that moves on
by a tick and straddles two days computes no day twice. What the rows are is not its business."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from cosim.core.arrays import FloatArray


@dataclass
class Blocks:
    """Rows 0 to `rows` - 1 in blocks of `size`."""

    compute: Callable[[int, int], FloatArray]
    """Rows first to last - 1 of one block, shape (last - first, columns)."""
    rows: int
    size: int
    keep: int = 4
    """Blocks held at a time: enough for a window of a day and the day before it."""
    _held: dict[int, FloatArray] = field(default_factory=dict, init=False, repr=False)

    def window(self, first: int, last: int) -> FloatArray:
        """Rows `first` to `last` - 1, shape (last - first, columns), not to be written to.

        Raises:
            IndexError: if there are no such rows.
        """
        if not 0 <= first <= last <= self.rows:
            raise IndexError(f"ticks {first} to {last} of {self.rows}")
        if first == last:
            return self.compute(first, first)
        block = first // self.size
        start = block * self.size
        if last <= start + self.size:
            return self._of(block)[first - start : last - start]
        parts = [
            self._of(number)[max(first - number * self.size, 0) : last - number * self.size]
            for number in range(block, -(-last // self.size))
        ]
        return np.concatenate(parts)

    def _of(self, block: int) -> FloatArray:
        found = self._held.get(block)
        if found is None:
            start = block * self.size
            found = self.compute(start, min(start + self.size, self.rows)).view()
            found.flags.writeable = False
            if len(self._held) >= self.keep:
                del self._held[next(iter(self._held))]  # the one computed first
            self._held[block] = found
        return found
