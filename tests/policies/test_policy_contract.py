from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from cosim.core.records import BUY, SELL, Field, PublicInformation
from cosim.errors import PolicyError, UnknownNameError
from cosim.policies import Policy, PolicyInputs, Shout, Spec, board, create
from cosim.policies.sample import sample_inputs, sample_spec


def field(name: str) -> Field:
    return Field(name, "1", -1.0, 1.0, "")


class Still(Policy):
    name = "still"
    summary = "does nothing"

    def act(self, inputs: PolicyInputs, explore: bool = True) -> np.ndarray:
        return np.zeros((self.n, len(self.spec.action)))


def test_columns_are_found_by_name() -> None:
    spec = Spec(
        (field("a"), field("b")), (field("last_price"),), (field("bid_margin"), field("battery.value"))
    )
    assert spec.observation_index("b") == 1
    assert spec.mean_field_index("last_price") == 0
    assert spec.action_index("battery.value") == 1
    assert spec.observes("a") and not spec.observes("last_price")
    assert spec.acts("bid_margin") and not spec.acts("ask_margin")


def test_unknown_column_names_the_nearest() -> None:
    spec = sample_spec()
    with pytest.raises(UnknownNameError, match=r"did you mean 'battery\.value'"):
        spec.action_index("batery.value")


@pytest.mark.parametrize(
    "spec",
    [
        lambda: Spec((field("a"), field("a")), (), ()),
        lambda: Spec((field("a"),), (field("a"),), ()),
        lambda: Spec((), (), (field("x"), field("x"))),
    ],
)
def test_names_are_unique(spec) -> None:
    with pytest.raises(ValueError, match="named twice"):
        spec()


def test_board_shows_the_last_trade_and_the_best_open_quotes() -> None:
    public = PublicInformation(0.2, 0.19, 0.15, 0.25, 1.0, 2.0, 2.0, 7)
    assert board(public, 5) == (Shout(0, 0.2, True), Shout(BUY, 0.15, False), Shout(SELL, 0.25, False))


def test_board_is_silent_on_what_did_not_happen() -> None:
    nan = float("nan")
    assert board(PublicInformation(0.2, 0.2, nan, nan, 1.0, 2.0, 2.0, 7), 7) == ()
    assert board(PublicInformation(nan, nan, nan, 0.3, 0.0, 2.0, 0.0, 0), 0) == (Shout(SELL, 0.3, False),)


def test_defaults_are_those_of_a_rule() -> None:
    policy = create(Still, sample_spec(), 2, 1)
    assert (policy.trades, policy.requotes, policy.learns, policy.needs) == (True, False, False, ("own",))
    assert policy.requote(None) is None and policy.learn(None) == {} and policy.weights() == {}
    policy.load_weights({})
    policy.reset()


def test_rule_takes_no_weights() -> None:
    with pytest.raises(PolicyError, match="takes no weights; got actor"):
        create(Still, sample_spec(), 2, 1).load_weights({"actor": np.zeros(2)})


def test_state_of_another_policy_or_size_is_refused() -> None:
    spec = sample_spec()
    state = create("zero-intelligence", spec, 3, 1).state_dict()
    with pytest.raises(PolicyError, match="zero-intelligence"):
        create("zip", spec, 3, 1).load_state_dict({**create("zip", spec, 3, 1).state_dict(), **state})
    with pytest.raises(PolicyError, match="n 3 cannot be loaded into n 4"):
        create("zero-intelligence", spec, 4, 1).load_state_dict(state)


def test_draws_come_from_seed_and_label() -> None:
    spec = sample_spec()
    inputs = sample_inputs(spec, 4, np.random.default_rng(0))

    def act(seed: int, label: str) -> np.ndarray:
        return create("zero-intelligence", spec, 4, seed, label=label).act(inputs)

    assert np.array_equal(act(1, "houses"), act(1, "houses"))
    assert not np.array_equal(act(1, "houses"), act(2, "houses"))
    assert not np.array_equal(act(1, "houses"), act(1, "farms"))


def test_importing_policies_and_creating_rules_loads_nothing_heavy() -> None:
    """Learners are imported, too: torch comes when one is made."""
    code = (
        "import sys\nfrom cosim.policies import create, load, names\n"
        "from cosim.policies.sample import sample_spec\n"
        "[create(name, sample_spec(), 2, 1) for name in names() if not load(name).learns]\n"
        "heavy = {'numba', 'pandas', 'torch', 'mesa', 'pandapower'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
