"""Replay for learners that choose among levels: remembered decisions as tensors, and batches drawn from them.
What is learnt from them is in `levels.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.policies.learning.experience import Experience, stacked

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Decisions as tensors: (G, B, ...) for G networks, or all T that n prosumers remember, (G, n / G, T,
    ...)."""

    rows: Tensor
    knowing: Tensor
    """Rows, and what hindsight tells."""
    next_rows: Tensor
    mask: Tensor
    """1 where the learner decided, (G, B, A)."""
    chosen: Tensor
    """1 at the level that was chosen, (G, B, A, L)."""
    reward: Tensor
    """In units of the root mean square reward, (G, B)."""
    odds: Tensor
    """Probabilities that levels were chosen with, (G, B, A, L)."""
    goes_on: Tensor
    """0 where nothing of value comes after, (G, B)."""

    @property
    def weight(self) -> Tensor:
        """1 where there is something to learn: the learner decided something, (G, B)."""
        found: Tensor = self.mask.amax(-1)
        return found

    def of(self, places: slice) -> Batch:
        """What some of the networks learn from."""
        return self._each(lambda values: values[places])

    def at(self, times: Tensor) -> Batch:
        """The decisions at these places of T that are remembered, (G, n / G, T, ...), as (G, B, ...)."""
        return self._each(lambda values: values[:, :, times].flatten(1, 2))

    def of_deciders(self) -> Batch:
        """Without the rows of which nothing is to be learnt; for one network."""
        keep = self.weight[0] > 0.0
        return self._each(lambda values: values[:, keep])

    def _each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        return Batch(**{item.name: change(getattr(self, item.name)) for item in fields(self)})


def remembered(
    past: Sequence[Experience], networks: int, levels: int, scale: FloatArray, device: torch.device
) -> Batch:
    """Decisions of n prosumers as tensors, (G, n / G, T, ...).

    Args:
        past: T of them; their notes have `chosen` and `odds`.
        networks: G.
        levels: L.
        scale: What rewards are divided by [EUR], shape (n,).
        device: Where tensors are to be.
    """
    import torch

    from cosim.policies.learning.networks import by_network

    def shaped(values: FloatArray) -> Tensor:
        each = by_network(values, len(scale), device)
        return each.reshape(networks, len(scale) // networks, *each.shape[1:])

    def given(name: str) -> Tensor:
        return shaped(stacked(past, name))

    rows = given("rows")
    places = torch.arange(levels, device=device)
    return Batch(
        rows=rows,
        knowing=torch.cat([rows, given("hindsight")], dim=-1),
        next_rows=given("next_rows"),
        mask=given("mask") * given("own").unsqueeze(-1),
        chosen=(given("chosen").unsqueeze(-1) == places).float(),
        reward=shaped(np.asarray(stacked(past, "reward") / scale)),
        odds=given("odds"),
        goes_on=1.0 - given("terminated"),
    )
