"""Returns and losses of learners, in formulas: what a decision brought, discounted, and how well it was
foreseen. Nothing is learnt or kept here but the scale of rewards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.core.arrays import BoolArray, FloatArray

if TYPE_CHECKING:
    from torch import Tensor

TINY = 1e-6


class Scale:
    """Root mean square of the rewards so far, each prosumer's own, or where data are pooled that of all.

    Args:
        n: Prosumers.
        pooled: Whether data are pooled.
    """

    def __init__(self, n: int, pooled: bool) -> None:
        self._pooled, self._squares, self._count = pooled, np.zeros(n), 0

    def add(self, reward: FloatArray) -> None:
        """Take in one decision's rewards, shape (n,)."""
        self._squares = self._squares + np.square(reward)
        self._count += 1

    def of(self) -> FloatArray:
        """Shape (n,), positive."""
        mean = self._squares / max(self._count, 1)
        return np.sqrt(np.full_like(mean, mean.mean()) if self._pooled and len(mean) else mean) + TINY

    def state(self) -> dict[str, Any]:
        """A copy."""
        return {"squares": self._squares.copy(), "count": self._count}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`."""
        self._squares, self._count = np.array(state["squares"], dtype=float), int(state["count"])


def lambda_returns(
    reward: FloatArray,
    next_value: FloatArray,
    terminated: FloatArray,
    joined: BoolArray,
    discount: float,
    trace: float | FloatArray,
) -> FloatArray:
    """Returns of T decisions by TD(lambda), shape (T, n): less a value of the state, the generalised
    advantage (Schulman et al. 2016, eq. 16).

        R_t = r_t + discount (1 - terminated_t) [(1 - trace) V(s_t+1) + trace R_t+1]

    Args:
        reward: Shape (T, n).
        next_value: V(s_t+1) of each, shape (T, n).
        terminated: 1 where nothing of value comes after, shape (T, n).
        joined: Whether the next decision follows on this one, shape (T,); the last of all counts as if none
            did.
        discount: From one decision to the next.
        trace: Lambda, one number or one for each decision, shape (T, n).
    """
    returns = np.zeros_like(reward)
    trust = np.broadcast_to(trace, reward.shape)
    for t in range(len(reward) - 1, -1, -1):
        goes_on = t + 1 < len(reward) and joined[t]
        after = (1.0 - trust[t]) * next_value[t] + trust[t] * returns[t + 1] if goes_on else next_value[t]
        returns[t] = reward[t] + discount * (1.0 - terminated[t]) * after
    return returns


def clipped_loss(ratio: Tensor, advantage: Tensor, clip: float) -> Tensor:
    """PPO's loss, minus the pessimistic of the plain and the clipped objective (Schulman et al. 2017, eq.
    7)."""
    import torch

    return -torch.minimum(ratio * advantage, ratio.clamp(1.0 - clip, 1.0 + clip) * advantage)


def td_target(reward: Tensor, terminated: Tensor, discount: float, values: Sequence[Tensor]) -> Tensor:
    """What critics learn (Fujimoto et al. 2018, eq. 10): `r + discount (1 - terminated) min over k of Q_k`.

    Args:
        reward: Of the decision, scaled, shape (G, B).
        terminated: 1 where nothing of value comes after, shape (G, B).
        discount: From one decision to the next.
        values: Of the following decision by each target critic, shape (G, B) each.
    """
    import torch

    return reward + discount * (1.0 - terminated) * torch.stack(list(values)).amin(0)


def normalised(advantage: FloatArray, pooled: bool) -> FloatArray:
    """Advantages of mean square one, shape (T, n).

    Args:
        advantage: By decision and prosumer, shape (T, n).
        pooled: Whether among all; else among each prosumer's own.
    """
    axis = None if pooled else 0
    count = advantage.size if pooled else max(len(advantage), 1)
    squares = np.square(advantage).sum(axis=axis, keepdims=True)
    return np.asarray(advantage / (np.sqrt(squares / count) + TINY))


def explained(target: FloatArray, prediction: FloatArray) -> float:
    """Share of the variance of a target that a prediction explains; 0 where there is none to explain."""
    variance = float(np.var(target))
    return 1.0 - float(np.var(target - prediction)) / variance if variance > 0.0 else 0.0
