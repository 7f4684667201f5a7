"""States of torch's objects: as plain arrays, which can be kept without a pickle, and the way back; Adam's
without zeros, which are slow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch.optim import Optimizer

LEAST_SQUARE = 2.0**-125
"""Twice the least normal number in single precision: its root is far below the last digit of what Adam adds
to roots (1e-8), so that weights stay the same."""


def plain(value: Any) -> Any:
    """The same with arrays in the place of tensors, a copy."""
    import torch

    if isinstance(value, torch.Tensor):
        return value.detach().cpu().numpy().copy()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def without_zeros(optimiser: Optimizer) -> None:
    """Let mean squares of gradients be no less than LEAST_SQUARE: those of weights that nothing depends on
    are 0, and on CPUs torch's vector library takes some 20 times as long for the root of 0 as for others."""
    for kept in optimiser.state.values():
        kept["exp_avg_sq"].clamp_(min=LEAST_SQUARE)


def tensors(value: Any) -> Any:
    """The way back."""
    import torch

    if isinstance(value, np.ndarray):
        return torch.as_tensor(value.copy())
    if isinstance(value, dict):
        return {key: tensors(item) for key, item in value.items()}
    if isinstance(value, list):
        return [tensors(item) for item in value]
    return value
