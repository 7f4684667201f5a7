"""Many small networks of one shape, evaluated and trained in one batched computation: one a prosumer, or one
for all. Plain feed-forward networks, their names and their gradients; what they mean is the learner's
affair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from cosim.core.arrays import FloatArray
from cosim.errors import InputError, Problem


class Networks:
    """G feed-forward networks with tanh between their layers.

    Weights have names: the first layer one for each field of the input, the last one for each field of the
    output. So they find their place in another scenario, whatever the order of its fields, and what does not
    fit has a name.

    Args:
        name: Of the networks, such as `actor`.
        inputs: Fields of the input.
        hidden: Widths of the hidden layers, at least one.
        outputs: Fields of the output.
        count: Networks, G.
        rng: Draws the weights: Xavier's uniform distribution (Glorot and Bengio, AISTATS 2010), the same for
            all networks.
        device: Where they are.
        last: Factor on the weights of the last layer; 0: the output is 0 to begin with.
    """

    def __init__(
        self,
        name: str,
        inputs: Sequence[str],
        hidden: Sequence[int],
        outputs: Sequence[str],
        *,
        count: int,
        rng: np.random.Generator,
        device: torch.device,
        last: float = 1.0,
    ) -> None:
        self.name, self.inputs, self.outputs, self.count = name, tuple(inputs), tuple(outputs), count
        self.parameters: list[Tensor] = []
        """Weights (G, in, out) and biases (G, 1, out) of each layer in turn; written into and never replaced,
        since `some` shares them."""
        sizes = (len(inputs), *hidden, len(outputs))
        for layer, (wide, out) in enumerate(pairwise(sizes)):
            bound = (last if layer == len(hidden) else 1.0) * np.sqrt(6.0 / max(wide + out, 1))
            drawn = rng.uniform(-1.0, 1.0, (1, wide, out)) * bound
            for part in (np.repeat(drawn, count, axis=0), np.zeros((count, 1, out))):
                self.parameters.append(
                    torch.tensor(part, dtype=torch.float32, device=device, requires_grad=True)
                )

    def __call__(self, rows: Tensor) -> Tensor:
        """From (G, B, in) to (G, B, out)."""
        return self.apply(rows, self.parameters)

    def apply(self, rows: Tensor, parameters: Sequence[Tensor], besides: Tensor | None = None) -> Tensor:
        """The same with other weights of the same shapes, such as those of a target network.

        Args:
            rows: Shape (G, B, in), or the first fields of it alone.
            parameters: Weights.
            besides: What the other fields add in the first layer, shape (G, B, hidden); None: there are none.
        """
        hidden = rows
        for layer in range(0, len(parameters), 2):
            weight, bias = parameters[layer : layer + 2]
            if layer == 0 and besides is not None:
                hidden = torch.baddbmm(bias, hidden, weight[:, : rows.shape[-1]]) + besides
            else:
                hidden = torch.baddbmm(bias, hidden, weight)
            if layer + 2 < len(parameters):
                hidden = torch.tanh(hidden)
        return hidden

    def some(self, places: slice) -> Networks:
        """Some of the networks: they share their weights with these, and have gradients of their own."""
        found = copy(self)
        found.parameters = [each.detach()[places].requires_grad_() for each in self.parameters]
        found.count = len(range(self.count)[places])
        return found

    def weights(self) -> dict[str, FloatArray]:
        """The weights by name, a copy: `actor.from.FIELD` (G, out), `actor.to.FIELD` (G, in + 1, the bias
        last), and the layers between by number."""
        parts = [part.detach().cpu().numpy().astype(float) for part in self.parameters]
        found = {
            f"{self.name}.from.{field}": parts[0][:, place].copy() for place, field in enumerate(self.inputs)
        }
        for layer, part in enumerate(parts[1:-2]):
            found[f"{self.name}.{layer + 1}"] = part.copy()
        last = np.concatenate(parts[-2:], axis=1)
        return found | {
            f"{self.name}.to.{field}": last[:, :, place].copy() for place, field in enumerate(self.outputs)
        }

    def load(self, weights: Mapping[str, FloatArray]) -> None:
        """Take over weights; they have the names and shapes of `weights`."""
        parts = [np.stack([weights[f"{self.name}.from.{field}"] for field in self.inputs], axis=1)]
        parts += [weights[f"{self.name}.{layer + 1}"] for layer in range(len(self.parameters) - 3)]
        last = np.stack([weights[f"{self.name}.to.{field}"] for field in self.outputs], axis=2)
        parts += [last[:, :-1], last[:, -1:]]
        with torch.no_grad():
            for own, part in zip(self.parameters, parts, strict=True):
                own.copy_(torch.as_tensor(part))


def clip_gradients(parameters: Sequence[Tensor], most: float) -> Tensor:
    """Scale each network's gradient down to a Euclidean norm of at most `most`; the norms before, shape
    (G,)."""
    given = [part.grad for part in parameters if part.grad is not None]
    norm = torch.stack([gradient.square().flatten(1).sum(1) for gradient in given]).sum(0).sqrt()
    factor = (most / (norm + 1e-8)).clamp(max=1.0)
    for gradient in given:
        gradient.mul_(factor.view(-1, *[1] * (gradient.dim() - 1)))
    return norm


def by_network(values: FloatArray, count: int, device: torch.device) -> Tensor:
    """Values of T decisions of n prosumers, shape (T, n, ...), as (G, B, ...) for G networks: each
    prosumer's T where it has a network of its own (G = n), prosumer after prosumer where there is one for
    all (G = 1)."""
    times, n = values.shape[:2]
    rows = np.ascontiguousarray(np.swapaxes(values, 0, 1), dtype=np.float32)
    return torch.as_tensor(rows.reshape(count, n * times // max(count, 1), *values.shape[2:]), device=device)


def as_floats(values: Tensor) -> FloatArray:
    """Numbers of a tensor, in double precision."""
    return np.asarray(values.detach().cpu().numpy(), dtype=float)


def by_prosumer(values: Tensor, n: int) -> FloatArray:
    """The way back for one number each: (G, B) to (T, n)."""
    return as_floats(values).reshape(n, -1).T


def follow(target: Sequence[Tensor], weights: Sequence[Tensor], share: float) -> None:
    """Move slow copies by a share of the way towards the weights (Polyak averaging)."""
    with torch.no_grad():
        for slow, part in zip(target, weights, strict=True):
            slow.lerp_(part, share)


def chosen_device(wanted: str) -> torch.device:
    """Where networks are computed. On a CPU with one thread: sums are then the same on every machine, and
    small networks are no slower.

    Raises:
        InputError: if a GPU is asked for and there is none.
    """
    found = torch.cuda.is_available()
    if wanted == "cuda" and not found:
        raise InputError(
            Problem("cuda was asked for, and torch finds no GPU", "write auto or cpu", path="device")
        )
    if wanted == "cpu" or not found:
        torch.set_num_threads(1)
        return torch.device("cpu")
    return torch.device("cuda")
