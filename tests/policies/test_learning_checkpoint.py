"""Files of what was learnt: what is taken, and what is refused with a reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cosim.errors import InputError, PolicyError
from cosim.policies import Policy, create
from cosim.policies.learning.checkpoint import Checkpoint, checkpoint_of, read, start_from, write
from cosim.policies.sample import sample_spec

USUAL = "fixed-reservation:value=0.25:bid_margin=0:ask_margin=0:expects=market"
"""The rule that it starts from, with all its parameters."""
SPEC = sample_spec("reservation", devices=("battery",))


def made(**parameters: Any) -> Policy:
    return create("mf-ppo", SPEC, 3, 1, **parameters)


def kept(checkpoint: Checkpoint, folder: Path) -> Path:
    path = folder / "default.pt"
    with path.open("wb") as file:
        write(checkpoint, file)
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    own = checkpoint_of(made())
    found = read(kept(own, tmp_path))
    assert replace(found, weights={}) == replace(own, weights={})
    assert found.basis == f"a departure from {USUAL}, held for 24 h"
    assert all((found.weights[name] == array).all() for name, array in own.weights.items())


@pytest.mark.parametrize(
    ("parameters", "there"),
    [
        ({"start": "self-consumption"}, "a departure from self-consumption, held for 24 h"),
        (
            {"start": "fixed-reservation:value=0.9"},
            "a departure from fixed-reservation:value=0.9:.*, held for 24 h",
        ),
        ({"decide_hours": 12.0}, f"a departure from {USUAL}, held for 12 h"),
    ],
    ids=str,
)
def test_a_departure_from_another_rule_is_refused(
    parameters: dict[str, Any], there: str, tmp_path: Path
) -> None:
    path = kept(checkpoint_of(made(**parameters)), tmp_path)
    here = f"here it is a departure from {USUAL}, held for 24 h"
    with pytest.raises(InputError, match=f"it learnt {there}, {here}"):
        start_from(made(), path)
    start_from(made(**parameters), path)


def test_the_same_rule_written_in_another_way_is_the_same(tmp_path: Path) -> None:
    path = kept(checkpoint_of(made(start="price-taker:confidence=0")), tmp_path)
    start_from(made(start="price-taker:horizon_hours=24.0:confidence=0.0"), path)


def test_a_basis_that_is_no_text_is_refused() -> None:
    policy = made()
    policy.__class__ = type("Own", (type(policy),), {"basis": np.eye(2)})
    with pytest.raises(PolicyError, match="has a `basis` that is no text"):
        checkpoint_of(policy)


def test_a_file_from_before_that_was_kept_is_taken(tmp_path: Path) -> None:
    path = kept(checkpoint_of(made(start="self-consumption")), tmp_path)
    content = torch.load(path, weights_only=True)
    del content["basis"]
    torch.save(content, path)
    assert read(path).basis == ""
    start_from(made(), path)


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_weights_that_are_no_finite_numbers_are_refused(number: float, tmp_path: Path) -> None:
    own = checkpoint_of(made())
    bad = {**own.weights, "actor.1": np.full_like(own.weights["actor.1"], number)}
    with pytest.raises(InputError, match=r"no finite number in actor\.1 .*train anew"):
        read(kept(replace(own, weights=bad), tmp_path))


def test_complex_weights_are_refused(tmp_path: Path) -> None:
    path = kept(checkpoint_of(made()), tmp_path)
    content = torch.load(path, weights_only=True)
    content["weights"]["actor.1"] = content["weights"]["actor.1"].to(torch.complex64)
    torch.save(content, path)
    with pytest.raises(InputError, match="weights have to be real numbers"):
        read(path)
