"""Replay for learners that choose among levels: remembered decisions as tensors, and batches drawn from them.
What is learnt from them is in `levels.py`."""

from __future__ import annotations

from collections.abc import Sequence
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
    """Decisions as tensors: (G, B, ...) for G networks, or all that n prosumers remember, (n, T, ...)."""

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

    def at(self, places: Tensor, networks: int) -> Batch:
        """The decisions at these places of (n, T, ...), for G networks, (G, B, ...)."""

        def taken(values: Tensor) -> Tensor:
            return values[:, places].reshape(networks, -1, *values.shape[2:])

        return Batch(**{item.name: taken(getattr(self, item.name)) for item in fields(self)})

    def of_deciders(self) -> Batch:
        """Without the rows of which nothing is to be learnt; for one network."""
        keep = self.weight[0] > 0.0
        return Batch(**{item.name: getattr(self, item.name)[:, keep] for item in fields(self)})


def remembered(past: Sequence[Experience], levels: int, scale: FloatArray, device: torch.device) -> Batch:
    """Decisions of n prosumers as tensors, (n, T, ...).

    Args:
        past: T of them; their notes have `chosen` and `odds`.
        levels: L.
        scale: What rewards are divided by [EUR], shape (n,).
        device: Where tensors are to be.
    """
    import torch

    from cosim.policies.learning.networks import by_network

    def given(name: str) -> Tensor:
        return by_network(stacked(past, name), len(scale), device)

    rows = given("rows")
    places = torch.arange(levels, device=device)
    return Batch(
        rows=rows,
        knowing=torch.cat([rows, given("hindsight")], dim=-1),
        next_rows=given("next_rows"),
        mask=given("mask") * given("own").unsqueeze(-1),
        chosen=(given("chosen").unsqueeze(-1) == places).float(),
        reward=by_network(np.asarray(stacked(past, "reward") / scale), len(scale), device),
        odds=given("odds"),
        goes_on=1.0 - given("terminated"),
    )
