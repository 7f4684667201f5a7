"""What is drawn for a prosumer and field hangs on nobody else's devices and data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from cosim.core.arrays import FloatArray
from cosim.core.streams import Streams
from cosim.errors import PolicyError
from cosim.policies import Policy, PolicyInputs, create
from cosim.policies.sample import sample_inputs, sample_spec, sample_view

UNIONS: list[tuple[str, ...]] = [(), ("battery",), ("ev",), ("ev", "battery")]
DEFAULT = ("battery", "ev")


def acted(name: str, owned: tuple[str, ...], rounds: int = 2, **parameters: Any) -> dict[str, FloatArray]:
    """Actions by field over three periods, shape (3, n)."""
    spec = sample_spec("reservation", owned)
    policy = create(name, spec, 6, 1, label="houses", **parameters)
    views = np.random.default_rng(4)
    actions = []
    for seed in range(3):
        inputs = sample_inputs(spec, 6, np.random.default_rng(seed))
        actions.append(policy.act(inputs))
        if policy.requotes:
            for number in range(rounds):
                policy.requote(sample_view(number, 6, views))
    return {item.name: np.stack(actions)[:, :, column] for column, item in enumerate(spec.action)}


@pytest.mark.parametrize("devices", UNIONS)
@pytest.mark.parametrize(
    ("name", "parameters"),
    [("zero-intelligence", {}), ("zero-intelligence", {"devices": "random"}), ("zip", {})],
)
def test_draws_of_a_field_do_not_hang_on_the_other_fields(
    name: str, parameters: dict[str, Any], devices: tuple[str, ...]
) -> None:
    drawn = ["bid_margin", "ask_margin"]
    if parameters:
        drawn += [f"{device}.value" for device in devices]
    all_fields, fewer = acted(name, DEFAULT, **parameters), acted(name, devices, **parameters)
    for field in drawn:
        assert (all_fields[field] == fewer[field]).all()
        assert len(np.unique(all_fields[field][0])) == 6


def test_fields_draw_differently() -> None:
    fields = list(acted("zero-intelligence", DEFAULT, devices="random").values())
    assert len(np.unique(np.stack(fields))) == 4 * 3 * 6


def test_zip_draws_the_same_however_much_is_on_the_board() -> None:
    """Otherwise what others trade would move its draws."""
    spec, view = sample_spec(), sample_view(0, 6, np.random.default_rng(4))
    policies = [create("zip", spec, 6, 1) for _ in range(2)]
    for policy, shouts in zip(policies, (view.shouts, view.shouts[:1]), strict=True):
        policy.requote(replace(view, shouts=shouts))
    first, second = (policy.draw("target").random(3) for policy in policies)
    assert (first == second).all()


class Drawing(Policy):
    name = "drawing"
    summary = "draws under two names"

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        return np.zeros(inputs.rule_action.shape)


def test_a_generator_comes_from_seed_label_and_name() -> None:
    policy = create(Drawing, sample_spec(), 2, 3, label="houses")
    expected = Streams(3).generator("policy", "houses", "bid_margin").random(4)
    policy.rng.random(100)
    policy.draw("ask_margin").random(100)
    assert (policy.draw("bid_margin").random(4) == expected).all()
    assert policy.draw("bid_margin") is policy.draw("bid_margin")


def test_the_state_holds_all_generators() -> None:
    policy, other = (create(Drawing, sample_spec(), 2, seed, label="houses") for seed in (3, 3))
    names = ("bid_margin", "ask_margin")
    policy.rng.random(2)
    for count, name in enumerate(names):
        policy.draw(name).random(count + 1)
    state = policy.state_dict()
    expected = [policy.rng.random(3), *(policy.draw(name).random(3) for name in (*names, "later"))]
    held = other.draw("bid_margin")  # a policy may keep the object
    other.draw("later").random(5)  # not drawn from when the state was saved
    for _ in range(2):
        other.load_state_dict(state)
        found = [other.rng.random(3), *(other.draw(name).random(3) for name in (*names, "later"))]
        assert [row.tolist() for row in found] == [row.tolist() for row in expected]
    assert held is other.draw("bid_margin")


def test_a_state_without_generators_is_refused() -> None:
    policy = create(Drawing, sample_spec(), 2, 3)
    with pytest.raises(PolicyError, match="state of policy 'drawing' lacks generators"):
        policy.load_state_dict({"policy": "drawing", "n": 2})
