"""Networks of one's own for many prosumers are learnt some at a time: a block of them takes all steps of an
update before the next one begins, so that what every step reads and writes stays near the processor. Which
networks are learnt together changes nothing in what is learnt; how they are learnt is in a file for each
family."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim import AdamW

from cosim.policies.learning.networks import Networks
from cosim.policies.learning.torch_state import plain, tensors

LANES = 64
"""A block begins at a multiple of so many networks and has at least so many, unless there are fewer: torch
sums along shorter rows in another order, and what is learnt would hang on the blocks in its last digits."""
MOST_WEIGHTS = 6 * 2**20
"""Weights of a block at most, or those of its least number of networks: with gradients and Adam's averages 96
MiB. Measured with a quarter of that, what each step costs besides begins to count; with all of 1,000 networks
at once, what a step reads and writes comes from far away every time."""

Which = Callable[[Networks], Networks]
"""Which networks of a kind are meant: those of a block, or all."""


def whole(networks: Networks) -> Networks:
    """All of them."""
    return networks


@dataclass(frozen=True)
class Block:
    """Some of a learner's networks of every kind, and what changes them."""

    places: slice
    """Which networks of each kind."""
    networks: Mapping[Networks, Networks]
    """For all networks of a kind those of this block. Weights are shared, gradients are their own."""
    optimiser: AdamW

    def __call__(self, networks: Networks) -> Networks:
        """Those of this block."""
        return self.networks[networks]

    @property
    def weights(self) -> list[Tensor]:
        """What its optimiser changes."""
        return [weight for group in self.optimiser.param_groups for weight in group["params"]]


def blocks_of(
    rates: Sequence[tuple[Networks, float]], decay: float, copies: Sequence[Networks] = ()
) -> list[Block]:
    """All networks in blocks; on a GPU, which has work for as many as there are, in one. From now on blocks
    alone have gradients.

    Args:
        rates: What AdamW changes, each kind G networks, and the size of its steps.
        decay: Weight decay.
        copies: Networks that are only read.
    """
    kinds = [*(networks for networks, _ in rates), *copies]
    found = []
    for places in _places([networks for networks, _ in rates]):
        block = {networks: networks.some(places) for networks in kinds}
        groups = [{"params": block[networks].parameters, "lr": rate} for networks, rate in rates]
        found.append(Block(places, block, AdamW(groups, weight_decay=decay)))
    for weight in (weight for networks in kinds for weight in networks.parameters):
        weight.requires_grad_(False)
    return found


def _places(kinds: Sequence[Networks]) -> list[slice]:
    """Which networks each block has."""
    count = kinds[0].count
    if count == 0 or kinds[0].parameters[0].device.type != "cpu":
        return [slice(0, count)] if count else []
    weights = sum(weight.numel() for networks in kinds for weight in networks.parameters)
    size = max(MOST_WEIGHTS * count // weights // LANES, 1) * LANES
    starts = [start for start in range(0, count, size) if start == 0 or count - start >= LANES]
    return [slice(start, stop) for start, stop in pairwise([*starts, count])]


def joined(found: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """What was found of each block, of all networks: tensors whose first axis is the networks of a block."""
    return {name: torch.cat([each[name] for each in found]) for name in found[0]}


def optimiser_state(blocks: Sequence[Block]) -> list[dict[str, Any]]:
    """What optimisers know of each weight tensor, as if there were one for all blocks; a copy. Nothing before
    their first step."""
    known = [[block.optimiser.state.get(weight, {}) for weight in block.weights] for block in blocks]
    return [
        {
            name: plain(torch.cat([each[name] for each in of_one]) if number.dim() else number)
            for name, number in of_one[0].items()
        }
        for of_one in zip(*known, strict=True)
    ]


def load_optimiser_state(blocks: Sequence[Block], state: Sequence[Mapping[str, Any]]) -> None:
    """Go on from `state`, however many blocks it came from."""
    for block in blocks:
        block.optimiser.state.clear()
        for weight, kept in zip(block.weights, state, strict=True):
            if kept:
                block.optimiser.state[weight] = {
                    name: tensors(np.asarray(number)[block.places]).to(weight.device)
                    if np.ndim(number)
                    else tensors(number)
                    for name, number in kept.items()
                }
