"""Decisions that `mf-ppo` learns from, as tensors, with what came of each. How that is worked out, and what
is learnt from it, is in `ppo`."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Remembered:
    """Decisions to learn from, for G networks and B decisions each."""

    rows: Tensor
    knowing: Tensor
    """Rows, and what hindsight tells, (G, B, F + K)."""
    taken: Tensor
    """What was tried, as the distribution has it, (G, B, A)."""
    mask: Tensor
    """1 where the learner decided, (G, B, A)."""
    before: Tensor
    """Logarithm of the probability that clipping refers to, (G, B)."""
    likely: Tensor
    """By how much it counts, (G, B)."""
    own: Tensor
    """1 where nobody else decided, (G, B)."""
    departed: Tensor
    """1 where the policy decided, 0 where one was held to the rule, (G, B)."""
    target: Tensor
    """Return, in units of the root mean square reward, (G, B)."""
    advantage: Tensor
    """Of mean square one where the policy decided, 0 elsewhere, (G, B)."""
    explained: float
    """Share of the variance of returns that the baseline foresaw."""

    def of(self, places: slice) -> Remembered:
        """What some of the networks learn from."""
        names = (item.name for item in fields(self) if item.name != "explained")
        return replace(self, **{name: getattr(self, name)[places] for name in names})
