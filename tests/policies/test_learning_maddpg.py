"""MADDPG: what its critics read of the others, and where it refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from cosim.errors import InputError, PolicyError
from cosim.policies import PolicyInputs, create, load, names
from cosim.policies.learning.maddpg import MADDPG
from cosim.policies.sample import sample_inputs, sample_spec, with_everybody

SPEC = sample_spec("reservation", devices=("battery",))


def make(n: int = 3, **parameters: Any) -> MADDPG:
    policy = create("maddpg", SPEC, n, 1, hidden=8, foresight=False, **parameters)
    assert isinstance(policy, MADDPG)
    return policy


def sample(n: int) -> PolicyInputs:
    return with_everybody(sample_inputs(SPEC, n, np.random.default_rng(0)), SPEC)


@pytest.mark.parametrize("sharing", ["none", "group"])
def test_critics_read_what_the_others_observed_and_did(sharing: str) -> None:
    n, times, policy = 3, 2, make(3, sharing=sharing)
    rng = np.random.default_rng(4)
    wide, acts = len(policy.input_names), len(SPEC.action)
    rows, did = rng.normal(size=(n, times, wide)), rng.normal(size=(n, times, acts))
    own = rng.normal(size=(n, times, acts))

    def shaped(values: np.ndarray) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.float32).reshape(
            policy.networks, n * times // policy.networks, -1
        )

    batch = {"rows": shaped(rows), "shift": shaped(did), "hindsight": shaped(rows)[..., :0]}
    batch |= {"next_rows": batch["rows"], "next_hindsight": batch["hindsight"]}
    found = policy._read(batch, shaped(own)).numpy().reshape(n, times, policy.critic_width)
    following = (
        policy._read(batch, shaped(own), following=True).numpy().reshape(n, times, policy.critic_width)
    )
    public = len(policy.view.encoder.mean_field.names)
    private = [
        column
        for column, name in enumerate(policy.input_names)
        if name not in policy.view.encoder.mean_field.names
    ]
    assert len(private) == wide - public
    for i in range(n):
        for t in range(times):
            for read, others in ((found, did), (following, own)):
                crowd = [np.concatenate([rows[k, t, private], others[k, t]]) * (k != i) for k in range(n)]
                expected = np.concatenate([rows[i, t], own[i, t], *crowd])
                np.testing.assert_allclose(read[i, t], expected, atol=1e-6)


def test_width_grows_by_what_one_more_prosumer_observes_and_does() -> None:
    policy = make(3)
    each = len(policy.input_names) - len(policy.view.encoder.mean_field.names) + len(SPEC.action)
    assert policy.critic_width == len(policy.input_names) + len(SPEC.action) + 3 * each
    assert make(13).critic_width - policy.critic_width == 10 * each


def test_it_alone_of_the_learners_is_told_everybodys_data() -> None:
    told = {name for name in names() if load(name).learns and "everybody" in load(name).needs}
    assert told == {"maddpg"}
    assert "everybody" not in create("da-maddpg", SPEC, 2, 1).needs


def test_it_says_what_it_is_not_told() -> None:
    with pytest.raises(PolicyError, match="has to be told everybody's data"):
        make(3).act(replace(sample(3), everybody=None))


def test_it_has_to_decide_for_all() -> None:
    inputs = replace(sample(3), everybody=sample(5).everybody)
    with pytest.raises(PolicyError, match=r"decides for 3 of 5 prosumers.*da-maddpg"):
        make(3).act(inputs)


def test_it_is_not_federated() -> None:
    with pytest.raises(InputError, match="private data of all: write `none` or `group`"):
        make(3, sharing="federated")


def test_what_does_not_fit_into_memory_is_refused() -> None:
    small, large = make(10), make(20)
    assert 3.0 < large.memory_gib() / small.memory_gib() < 4.0  # what is read grows with the square
    with pytest.raises(PolicyError, match=r"all 20 prosumers did .* more than memory_gib = 0\.001"):
        make(20, memory_gib=0.001)
