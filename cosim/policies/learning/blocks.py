"""Networks of one's own for many prosumers are learnt some at a time: a block of them takes all steps of an
update before the next one begins, so that what every step reads and writes stays near the processor. Which
networks are learnt together changes nothing in what is learnt; how they are learnt is in a file for each
family."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim import AdamW

from cosim.policies.learning.networks import Networks
from cosim.policies.learning.torch_state import plain, tensors

LANES = 64
"""A block is of a multiple of so many networks: sums and functions over them fill vector instructions. What
is left over is rounded otherwise, and what is learnt would hang on the blocks in its last digits."""
MOST_WEIGHTS = 3 * 2**19
"""Weights of a block at most, or those of LANES networks: with gradients and Adam's averages 24 MiB, which is
near enough to a processor, and enough at a time that what each step costs besides does not count."""

Part = Callable[[Networks], Networks]
"""The part of networks that is meant: of a block, or all of them."""


def whole(networks: Networks) -> Networks:
    """All of them."""
    return networks


@dataclass(frozen=True)
class Block:
    """Some of a learner's networks of every kind, and what changes them."""

    places: slice
    """Which networks of each kind."""
    parts: Mapping[Networks, Networks]
    """For all networks of a kind those of this block. Weights are shared, gradients are their own."""
    optimiser: AdamW

    def __call__(self, networks: Networks) -> Networks:
        """Those of this block."""
        return self.parts[networks]


def blocks_of(
    rates: Sequence[tuple[Networks, float]], decay: float, copies: Sequence[Networks] = ()
) -> list[Block]:
    """All networks in blocks; on a GPU, which has work for as many as there are, in one.

    Args:
        rates: What AdamW changes, each kind G networks, and the size of its steps.
        decay: Weight decay.
        copies: Networks that are only read.
    """
    first = rates[0][0]
    size = max(first.count, 1)
    if first.count and first.parameters[0].device.type == "cpu":
        weights = sum(part.numel() for networks, _ in rates for part in networks.parameters)
        size = max(MOST_WEIGHTS * first.count // weights // LANES, 1) * LANES
    found = []
    for start in range(0, first.count, size):
        places = slice(start, min(start + size, first.count))
        parts = {networks: networks.part(places) for networks in (*(kind for kind, _ in rates), *copies)}
        groups = [{"params": parts[networks].parameters, "lr": rate} for networks, rate in rates]
        found.append(Block(places, parts, AdamW(groups, weight_decay=decay)))
    return found


def joined(found: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """What was found of each block, of all networks: tensors whose first axis is the networks of a block."""
    return {name: torch.cat([each[name] for each in found]) for name in found[0]}


def optimiser_state(blocks: Sequence[Block]) -> list[dict[str, Any]]:
    """What optimisers know of each parameter, as if there were one for all blocks; a copy."""
    known = [[block.optimiser.state[part] for part in _changed(block)] for block in blocks]
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
        for part, kept in zip(_changed(block), state, strict=True):
            if kept:
                block.optimiser.state[part] = {
                    name: tensors(np.asarray(number)[block.places]).to(part.device)
                    if np.ndim(number)
                    else tensors(number)
                    for name, number in kept.items()
                }


def _changed(block: Block) -> list[Tensor]:
    """What its optimiser changes."""
    return [part for group in block.optimiser.param_groups for part in group["params"]]
