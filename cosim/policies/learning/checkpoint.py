"""Files of what a policy learnt: numbers and names, nothing that could run when it is read. A header says
what they are of. Where files lie, and when they are written, is the affair of who calls this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from cosim import __version__
from cosim.core.arrays import FloatArray
from cosim.core.registry import nearest
from cosim.errors import InputError, PolicyError, Problem
from cosim.policies.contract import Policy

FORMAT = 1
"""Version of the file's layout; raised when an older cosim could not read it."""
ENDING = ".pt"
_MOST_NAMED = 5
_TEXTS = ("policy", "sharing", "cosim")


@dataclass(frozen=True)
class Checkpoint:
    """What was learnt, and what it is of."""

    policy: str
    """Name of the policy."""
    sharing: str
    """Its parameter of that name; empty where it has none."""
    prosumers: int
    """For how many it decided."""
    inputs: tuple[str, ...]
    """Fields that it read: observation and mean field."""
    actions: tuple[str, ...]
    """Fields of its action."""
    weights: Mapping[str, FloatArray]
    """`Policy.weights`."""
    cosim: str = __version__
    """Version that wrote it."""


def checkpoint_of(policy: Policy) -> Checkpoint:
    """What a policy has learnt so far."""
    spec = policy.spec
    return Checkpoint(
        policy=policy.name,
        sharing=str(policy.config.model_dump().get("sharing", "")),
        prosumers=policy.n,
        inputs=tuple(item.name for item in (*spec.observation, *spec.mean_field)),
        actions=tuple(item.name for item in spec.action),
        weights=policy.weights(),
    )


def write(checkpoint: Checkpoint, file: BinaryIO) -> None:
    """Write a checkpoint; the same one gives the same bytes."""
    import torch

    content = {
        "cosim_checkpoint": FORMAT,
        **{name: getattr(checkpoint, name) for name in _TEXTS},
        "prosumers": checkpoint.prosumers,
        "inputs": list(checkpoint.inputs),
        "actions": list(checkpoint.actions),
        "weights": {name: torch.tensor(_short(array)) for name, array in checkpoint.weights.items()},
    }
    torch.save(content, file)


def _short(array: FloatArray) -> Any:
    """In single precision if nothing is lost by it, as networks compute."""
    with np.errstate(over="ignore"):
        short = array.astype(np.float32)
    return short if np.array_equal(short, array, equal_nan=True) else array


def read(path: Path) -> Checkpoint:
    """A checkpoint; no code in the file is run.

    Raises:
        InputError: if there is no such file, it is none, or of a newer cosim.
    """
    if not path.is_file():
        beside = [other.name for other in path.parent.glob(f"*{ENDING}")] if path.parent.is_dir() else []
        remedy = nearest(path.name, beside) if beside else "a run leaves them as RUN/checkpoints/LABEL.pt"
        raise InputError(Problem(f"{path}: no such file", remedy))
    content = _content(path)
    layout, writer = content["cosim_checkpoint"], content.get("cosim", "unknown")
    if layout != FORMAT:
        raise InputError(
            Problem(
                f"{path} has format {layout!r}, written by cosim {writer}; this is cosim {__version__}, "
                f"which reads format {FORMAT}",
                "use the cosim that wrote it, or train anew",
            )
        )
    try:
        return Checkpoint(
            **{name: str(content[name]) for name in _TEXTS},
            prosumers=int(content["prosumers"]),
            inputs=tuple(map(str, content["inputs"])),
            actions=tuple(map(str, content["actions"])),
            weights={str(name): part.numpy().astype(float) for name, part in content["weights"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(_no_checkpoint(path, f"{type(error).__name__}: {error}")) from error


def _content(path: Path) -> dict[str, Any]:
    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever bytes there are
        raise InputError(_no_checkpoint(path, "it is not of plain numbers and names")) from error
    if not isinstance(content, dict) or "cosim_checkpoint" not in content:
        raise InputError(_no_checkpoint(path, "it does not say so"))
    return content


def _no_checkpoint(path: Path, reason: str) -> Problem:
    return Problem(
        f"{path} is no checkpoint of a policy: {reason}", "cosim run leaves them in RUN/checkpoints/"
    )


def start_from(policy: Policy, path: Path) -> None:
    """Let a policy go on from what was learnt elsewhere.

    Raises:
        InputError: if the file cannot be read, is of another policy, or its fields or shapes differ.
    """
    found = read(path)
    differences = _differences(found, policy)
    if not differences:
        try:
            policy.load_weights(found.weights)
            return
        except PolicyError as error:
            differences = [str(error)]
    raise InputError(
        Problem(
            f"{path} (of policy {found.policy!r}, {found.prosumers} prosumers, cosim {found.cosim}) does not "
            f"fit: {'; '.join(differences)}",
            "name the checkpoint of a scenario with the same devices, market and parameters of the policy",
        )
    )


def _differences(found: Checkpoint, policy: Policy) -> list[str]:
    """What the header says that is not so here."""
    if found.policy != policy.name:
        return [f"this is policy {policy.name!r}"]
    own = checkpoint_of(policy)
    differences = []
    if found.sharing != own.sharing:
        differences.append(f"it was learnt with sharing {found.sharing!r}, here it is {own.sharing!r}")
    elif own.sharing == "none" and found.prosumers != own.prosumers:
        differences.append(
            f"with sharing 'none' each prosumer has networks of its own: {found.prosumers} there, "
            f"{own.prosumers} here"
        )
    for what, there, here in (("input", found.inputs, own.inputs), ("action", found.actions, own.actions)):
        differences += _fields(f"lacks {what}", [name for name in here if name not in there])
        differences += _fields(f"has {what}", [name for name in there if name not in here], ", unknown here")
    return differences


def _fields(head: str, names: list[str], tail: str = "") -> list[str]:
    """A phrase that names fields, the first of many; none where there is no field."""
    if not names:
        return []
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return [f"it {head} {', '.join(names[:_MOST_NAMED])}{more}{tail}"]
