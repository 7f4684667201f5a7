"""Networks learnt some at a time: what is learnt does not hang on how many at a time."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from cosim.core.arrays import FloatArray
from cosim.policies import Transition, create
from cosim.policies.contract import Policy
from cosim.policies.learning import blocks
from cosim.policies.learning.blocks import blocks_of, joined, whole
from cosim.policies.learning.networks import Networks
from cosim.policies.learning.rehearsal import Rehearsing
from cosim.policies.sample import sample_inputs, sample_spec

KINDS = pytest.mark.parametrize("kind", ["mf-ppo", "mf-q", "mf-ac"])
OFTEN: dict[str, Any] = {"sharing": "none", "decide_hours": 0.5, "update_hours": 1.0, "foresight": False}
N = 7


def made(kind: str, n: int = N, **parameters: Any) -> Rehearsing:
    policy = create(kind, sample_spec(), n, 1, **(OFTEN | parameters))
    assert isinstance(policy, Rehearsing)
    return policy


def lived(policy: Policy, periods: int, seed: int) -> tuple[FloatArray, list[dict[str, float]]]:
    """Actions and metrics of updates of a policy that goes through periods and learns."""
    rng, spec, off = np.random.default_rng(seed), sample_spec(), np.zeros(policy.n, dtype=bool)
    known = [sample_inputs(spec, policy.n, rng) for _ in range(periods + 1)]
    actions, metrics = [], []
    for inputs, following in pairwise(known):
        actions.append(policy.act(inputs))
        given = Transition(inputs, actions[-1], rng.normal(size=policy.n), following, off, off, ~off)
        metrics += [found] if (found := policy.learn(given)) else []
    return np.array(actions), metrics


def in_blocks_of(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "LANES", size)
    monkeypatch.setattr(blocks, "MOST_WEIGHTS", 1)


def networks(count: int, outputs: tuple[str, ...] = ("value",)) -> Networks:
    rng, cpu = np.random.default_rng(1), torch.device("cpu")
    return Networks("critic", ("one", "two"), (3,), outputs, count=count, rng=rng, device=cpu)


@pytest.mark.parametrize(
    "count, most, places",
    [
        (0, 64 * 13, []),
        (1, 1, [(0, 1)]),
        (64, 1, [(0, 64)]),
        (127, 1, [(0, 127)]),
        (128, 1, [(0, 64), (64, 128)]),
        (192, 128 * 13 - 1, [(0, 64), (64, 128), (128, 192)]),
        (192, 128 * 13, [(0, 128), (128, 192)]),
        (300, 128 * 13, [(0, 128), (128, 300)]),
    ],
)
def test_blocks_begin_at_whole_lanes_and_none_is_short(
    count: int, most: int, places: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Networks of 2 inputs, 3 hidden units and 1 output have 13 weights."""
    monkeypatch.setattr(blocks, "MOST_WEIGHTS", most)
    found = blocks_of([(networks(count), 0.1)], 0.0)
    assert [(block.places.start, block.places.stop) for block in found] == places


def test_a_block_changes_its_own_networks_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A first step of Adam moves a weight by its rate, whatever the size of its gradient."""
    in_blocks_of(2, monkeypatch)
    kind, copy = networks(6), networks(6)
    before = [part.detach().clone() for part in kind.parameters]
    found = blocks_of([(kind, 0.1)], 0.0, copies=[copy])
    middle = found[1]
    assert (middle(kind).count, middle(copy).count) == (2, 2)
    middle(kind).parameters[-1].sum().backward()  # type: ignore[no-untyped-call]
    middle.optimiser.step()
    moved = kind.parameters[-1] - before[-1]
    np.testing.assert_allclose(moved.detach().flatten(), [0.0, 0.0, -0.1, -0.1, 0.0, 0.0], rtol=1e-6)
    for part, old in zip(kind.parameters[:-1], before, strict=False):
        assert torch.equal(part, old)


def test_a_block_computes_what_the_whole_does(monkeypatch: pytest.MonkeyPatch) -> None:
    in_blocks_of(2, monkeypatch)
    kind = networks(5, ("up", "down"))
    with torch.no_grad():
        for number, part in enumerate(kind.parameters):
            part.add_(torch.linspace(0.0, 1.0 + number, part.numel()).reshape(part.shape))
    rows = torch.rand((5, 4, 2), generator=torch.Generator().manual_seed(1))
    found = [{"out": block(kind)(rows[block.places])} for block in blocks_of([(kind, 0.1)], 0.0)]
    np.testing.assert_allclose(
        joined(found)["out"].detach().numpy(), whole(kind)(rows).detach().numpy(), rtol=1e-6
    )


@KINDS
def test_what_is_learnt_does_not_hang_on_blocks(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    together = made(kind)
    expected, metrics = lived(together, 40, 2)
    in_blocks_of(3, monkeypatch)
    apart = made(kind)
    assert [len(policy.blocks) for policy in (together, apart)] == [1, 2]
    found, same = lived(apart, 40, 2)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    for name, weight in together.weights().items():
        np.testing.assert_allclose(apart.weights()[name], weight, rtol=1e-3, atol=1e-5, err_msg=name)
    assert len(metrics) == len(same) > 5
    for one, two in zip(metrics, same, strict=True):
        assert two == pytest.approx(one, rel=1e-3, abs=1e-5)


@KINDS
@pytest.mark.parametrize("n, places", [(71, [71]), (128, [64, 128]), (199, [64, 128, 199])])
def test_to_the_last_digit(kind: str, n: int, places: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks as they are made: none has so few networks that torch sums otherwise."""
    together = made(kind, n, hidden=8)
    monkeypatch.setattr(blocks, "MOST_WEIGHTS", 1)
    apart = made(kind, n, hidden=8)
    assert [block.places.stop for block in apart.blocks] == places
    assert len(together.blocks) == 1
    for policy in (together, apart):
        lived(policy, 10, 2)
    for name, weight in together.weights().items():
        np.testing.assert_array_equal(apart.weights()[name], weight, err_msg=name)


@KINDS
def test_a_state_goes_on_in_other_blocks(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Adam's averages among it: a fresh optimiser takes other steps."""
    first = made(kind)
    lived(first, 20, 2)
    state, start = first.state_dict(), {name: weight.copy() for name, weight in first.weights().items()}
    expected, _ = lived(first, 20, 3)
    in_blocks_of(3, monkeypatch)
    second, forgetful = made(kind), made(kind)
    second.load_state_dict(state)
    forgetful.load_state_dict(state | {"optimiser": [{} for _ in state["optimiser"]]})
    for name, weight in start.items():
        np.testing.assert_array_equal(second.weights()[name], weight, err_msg=name)
    found, _ = lived(second, 20, 3)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    lived(forgetful, 20, 3)
    away, near = (
        max(np.abs(policy.weights()[name] - weight).max() for name, weight in first.weights().items())
        for policy in (forgetful, second)
    )
    assert near < 1e-4 < away


def test_one_network_for_all_is_one_block() -> None:
    (block,) = made("mf-ppo", sharing="federated").blocks
    assert block.places == slice(0, 1)


@KINDS
def test_to_ask_for_a_state_changes_nothing(kind: str) -> None:
    """Before the first update, too."""
    asked, other = made(kind), made(kind)
    asked.state_dict()
    for policy in (asked, other):
        lived(policy, 10, 2)
    for name, weight in asked.weights().items():
        np.testing.assert_array_equal(weight, other.weights()[name], err_msg=name)
