"""Updates that diverge are undone. What then happens is the learner's affair."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

MOST_WEIGHT = 1e4
"""A weight beyond has diverged, and so has one that is no number: those that are learnt are of order one."""


def unless_diverged(
    update: Callable[[], dict[str, float]], numbers: Mapping[str, Tensor]
) -> tuple[dict[str, float], list[str]]:
    """Do an update; undo it if it diverged.

    Args:
        update: Learns, and returns metrics.
        numbers: All that it changes, by name.

    Returns:
        The metrics, and what is no longer finite, or absurd, by name: empty if all is well.
    """
    import torch

    before = {name: part.detach().clone() for name, part in numbers.items()}
    metrics = update()
    wrong = [name for name, part in numbers.items() if not bool((part.abs() < MOST_WEIGHT).all())]
    wrong += [name for name, value in metrics.items() if not np.isfinite(value)]
    if wrong:
        with torch.no_grad():
            for name, part in numbers.items():
                part.copy_(before[name])
    return metrics, wrong
