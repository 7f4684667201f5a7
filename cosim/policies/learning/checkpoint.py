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
_TEXTS = ("policy", "sharing", "basis", "cosim")
_YOUNGER = ("basis",)
"""Texts that files from before do not have."""


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
    basis: str = ""
    """`Policy.basis`; empty: nothing is known of it."""
    cosim: str = __version__
    """Version that wrote it."""


def checkpoint_of(policy: Policy, weights: Mapping[str, FloatArray] | None = None) -> Checkpoint:
    """What a policy has learnt so far; `weights` if it was asked for them already.

    Raises:
        PolicyError: if it says in no words what they are relative to.
    """
    spec = policy.spec
    if not isinstance(policy.basis, str):  # somebody else's code may mean something else by it
        raise PolicyError(f"policy {policy.name!r} has a `basis` that is no text: {policy.basis!r}")
    return Checkpoint(
        policy=policy.name,
        sharing=str(policy.config.model_dump().get("sharing", "")),
        prosumers=policy.n,
        inputs=tuple(item.name for item in (*spec.observation, *spec.mean_field)),
        actions=tuple(item.name for item in spec.action),
        weights=policy.weights() if weights is None else weights,
        basis=policy.basis,
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
        InputError: if there is no such file, it is none, of a newer cosim, or holds what is no finite number.
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
        texts = {name: content.get(name, "") if name in _YOUNGER else content[name] for name in _TEXTS}
        found = Checkpoint(
            **{name: str(text) for name, text in texts.items()},
            prosumers=int(content["prosumers"]),
            inputs=tuple(map(str, content["inputs"])),
            actions=tuple(map(str, content["actions"])),
            weights={str(name): _numbers(part) for name, part in content["weights"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(_no_checkpoint(path, f"{type(error).__name__}: {error}")) from error
    wrong = [name for name, part in found.weights.items() if not np.isfinite(part).all()]
    if wrong:
        raise InputError(
            Problem(
                f"{path} holds what is no finite number in {', '.join(wrong[:_MOST_NAMED])}",
                "the policy diverged, or the file was changed: train anew",
            )
        )
    return found


def _numbers(part: Any) -> FloatArray:
    """Of a tensor of real numbers.

    Raises:
        TypeError: if it is of something else.
    """
    if part.is_complex():
        raise TypeError("weights have to be real numbers")
    numbers: FloatArray = part.numpy().astype(float)
    return numbers


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
    if found.basis and own.basis and found.basis != own.basis:
        differences.append(f"it learnt {found.basis}, here it is {own.basis}")
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


def misfits(own: Mapping[str, FloatArray], given: Mapping[str, FloatArray]) -> list[str]:
    """How weights differ in names and shapes from those of a policy, in words."""
    problems = [f"lacks {name}" for name in own if name not in given]
    problems += [f"has {name}, which is nothing here" for name in given if name not in own]
    return problems + [
        f"{name} has shape {given[name].shape}, not {own[name].shape}"
        for name in own
        if name in given and given[name].shape != own[name].shape
    ]


def _fields(head: str, names: list[str], tail: str = "") -> list[str]:
    """A phrase that names fields, the first of many; none where there is no field."""
    if not names:
        return []
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return [f"it {head} {', '.join(names[:_MOST_NAMED])}{more}{tail}"]
