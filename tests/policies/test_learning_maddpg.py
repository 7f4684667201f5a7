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
@pytest.mark.parametrize("following", [False, True])
def test_critics_read_what_the_others_observed_and_did(sharing: str, following: bool) -> None:
    """Values, and slopes along weights and own action, are those of a critic that is shown `critic_width`
    numbers of every decision."""
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
    private = [
        column
        for column, name in enumerate(policy.input_names)
        if name not in policy.view.encoder.mean_field.names
    ]
    others = own if following else did
    read = np.zeros((n, times, policy.critic_width))
    for i in range(n):
        for t in range(times):
            crowd = [np.concatenate([rows[k, t, private], others[k, t]]) * (k != i) for k in range(n)]
            read[i, t] = np.concatenate([rows[i, t], own[i, t], *crowd])
    critic = policy.critics[0]
    weights = [
        torch.tensor(rng.normal(size=part.shape), dtype=torch.float32, requires_grad=True)
        for part in critic.parameters
    ]
    acting, plain = shaped(own).requires_grad_(), shaped(read).requires_grad_()
    found = policy._value(critic, weights, batch, acting, following)
    slopes = torch.autograd.grad(found.sum(), [acting, *weights])
    expected = critic.apply(plain, weights).squeeze(-1)
    in_full = torch.autograd.grad(expected.sum(), [plain, *weights])
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(slopes[0], in_full[0][..., wide : wide + acts])
    for slope, other in zip(slopes[1:], in_full[1:], strict=True):
        torch.testing.assert_close(slope, other, atol=1e-5, rtol=1e-5)


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
    small, large = make(10, sharing="none"), make(20, sharing="none")
    assert 3.0 < large.memory_gib() / small.memory_gib() < 4.0  # weights grow with the square
    shared = make(20, sharing="group").memory_gib() / make(10, sharing="group").memory_gib()
    assert 1.0 < shared < 2.0  # and where they are shared with the number
    with pytest.raises(PolicyError, match=r"all 20 prosumers did .* more than memory_gib = 0\.001"):
        make(20, sharing="none", memory_gib=0.001)
