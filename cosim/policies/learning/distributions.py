"""How a policy tries things: distributions of the shift of each action, made of what a network puts out. What
is learnt of them is the learner's affair; nothing is drawn here, draws are given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from cosim.core.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    import torch
    from torch import Tensor
TINIEST = 1e-16
"""A uniform number may be 0, at which a normal distribution has no end."""


class Distribution(Protocol):
    """Of the shifts of A actions. Draws are uniform in (0, 1); None: the best instead."""

    def outputs(self, actions: Sequence[str]) -> tuple[str, ...]:
        """What a network puts out, by name; all 0: the distribution to begin with."""

    def take(self, out: Tensor, drawn: FloatArray | None) -> FloatArray:
        """What is taken, shape (n, A), from outputs (n, O): the shift itself, or the number of a level."""

    def shift(self, taken: FloatArray) -> FloatArray:
        """The shifts, shape (n, A)."""

    def log_probability(self, out: Tensor, taken: Tensor) -> Tensor:
        """Of what was taken, but for a constant, shape (..., A)."""

    def entropy(self, out: Tensor) -> Tensor:
        """Shape (..., A)."""

    def mean(self, out: Tensor) -> Tensor:
        """Mean shift, shape (..., A)."""


class Normal:
    """Normal distributions whose standard deviation hangs on the state.

    Args:
        first: Standard deviations to begin with, shape (A,).
        least: Least standard deviation.
        device: Where networks are.
    """

    def __init__(self, first: FloatArray, least: float, device: torch.device) -> None:
        import torch

        self._first = torch.tensor(np.log(first), dtype=torch.float32, device=device)
        self._least = float(np.log(least))

    def outputs(self, actions: Sequence[str]) -> tuple[str, ...]:
        """See `Distribution`."""
        return (*actions, *(f"log_std.{name}" for name in actions))

    def _parts(self, out: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the standard deviation."""
        mean, change = out.chunk(2, dim=-1)
        return mean, (self._first + change).clamp(self._least, 0.0)

    def take(self, out: Tensor, drawn: FloatArray | None) -> FloatArray:
        """See `Distribution`."""
        from scipy.special import ndtri

        mean, log_std = (part.cpu().numpy().astype(float) for part in self._parts(out))
        return mean if drawn is None else mean + np.exp(log_std) * ndtri(np.maximum(drawn, TINIEST))

    def shift(self, taken: FloatArray) -> FloatArray:
        """See `Distribution`."""
        return taken

    def log_probability(self, out: Tensor, taken: Tensor) -> Tensor:
        """See `Distribution`."""
        mean, log_std = self._parts(out)
        return -0.5 * ((taken - mean) / log_std.exp()).square() - log_std

    def entropy(self, out: Tensor) -> Tensor:
        """See `Distribution`."""
        _, log_std = self._parts(out)
        return log_std + 0.5 * float(np.log(2.0 * np.pi * np.e))

    def mean(self, out: Tensor) -> Tensor:
        """See `Distribution`."""
        return self._parts(out)[0]


class Levels:
    """Levels of each action, with a probability each (Tang and Agrawal, "Discretizing continuous action space
    for on-policy optimization", AAAI 2020: it beats the normal distribution where what pays has steps).

    To begin with, probabilities are those of a normal distribution at the levels. A part of them stays what
    it was, so that nothing is given up for good: seasons come back.

    Args:
        levels: Shape (L,), in units of the standard deviation `first`.
        first: Standard deviations to begin with, shape (A,).
        stays: The part that stays.
        device: Where networks are.
    """

    def __init__(self, levels: FloatArray, first: FloatArray, stays: float, device: torch.device) -> None:
        import torch

        self.levels = np.asarray(first)[:, None] * levels
        """Shape (A, L)."""
        logits = torch.tensor(-0.5 * np.square(levels), dtype=torch.float32, device=device)
        self._logits = torch.log_softmax(logits, dim=-1)
        self._first = self._logits.exp()
        self._stays = stays

    def outputs(self, actions: Sequence[str]) -> tuple[str, ...]:
        """See `Distribution`."""
        return tuple(
            f"{name}@{level:g}" for name, own in zip(actions, self.levels, strict=True) for level in own
        )

    def odds(self, out: Tensor) -> Tensor:
        """Probabilities, shape (..., A, L)."""
        import torch

        logits = out.reshape(*out.shape[:-1], *self.levels.shape) + self._logits
        return (1.0 - self._stays) * torch.softmax(logits, dim=-1) + self._stays * self._first

    def take(self, out: Tensor, drawn: FloatArray | None) -> FloatArray:
        """See `Distribution`."""
        odds = self.odds(out).cpu().numpy().astype(float)
        return np.asarray(odds.argmax(-1) if drawn is None else sampled(odds, drawn), dtype=float)

    def shift(self, taken: FloatArray) -> FloatArray:
        """See `Distribution`."""
        return np.asarray(self.levels[np.arange(len(self.levels)), taken.astype(np.int64)])

    def log_probability(self, out: Tensor, taken: Tensor) -> Tensor:
        """See `Distribution`."""
        return self.odds(out).gather(-1, taken.long().unsqueeze(-1)).squeeze(-1).log()

    def entropy(self, out: Tensor) -> Tensor:
        """See `Distribution`."""
        return entropy_of(self.odds(out))

    def mean(self, out: Tensor) -> Tensor:
        """See `Distribution`."""
        return mean_of(self.odds(out), self.levels)


def entropy_of(odds: Tensor) -> Tensor:
    """Of probabilities of levels, (..., L) to (...) [nat]."""
    return -(odds * (odds + 1e-12).log()).sum(-1)


def mean_of(odds: Tensor, levels: FloatArray) -> Tensor:
    """Mean of levels, shape (L,) or (A, L), by their probabilities, (..., A, L) to (..., A)."""
    import torch

    return (odds * torch.as_tensor(levels, dtype=odds.dtype, device=odds.device)).sum(-1)


def sampled(share: FloatArray, drawn: FloatArray) -> IntArray:
    """Levels drawn with probabilities `share`, shape (..., L), from numbers in [0, 1), shape (...)."""
    below = share.cumsum(axis=-1)
    below[..., -1] = np.inf  # rounding must not lead beyond the last level
    return np.asarray((drawn[..., None] >= below).sum(axis=-1), dtype=np.int64)
