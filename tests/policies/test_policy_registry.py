from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

import pytest

from cosim.core.arrays import FloatArray
from cosim.core.config import Config
from cosim.errors import InputError, PolicyError, Problem, UnknownNameError
from cosim.policies import Policy, PolicyInputs, create, load, names
from cosim.policies.rules.zip import ZeroIntelligencePlus
from cosim.policies.sample import sample_spec

SHIPPED = [
    "utility-only",
    "self-consumption",
    "fixed-reservation",
    "zero-intelligence",
    "zip",
    "price-taker",
    "community-planner",
    "mf-ppo",
    "mf-q",
    "mf-ac",
    "mf-td3",
    "maddpg",
    "da-maddpg",
]


def write_module(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(folder))


def test_shipped_policies_are_registered_in_order() -> None:
    assert names()[: len(SHIPPED)] == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_name_in_the_registry_is_the_class_name(name: str) -> None:
    assert load(name).name == name


@pytest.mark.parametrize("name", SHIPPED)
def test_every_parameter_explains_itself_and_has_a_default(name: str) -> None:
    config = load(name).Config
    assert issubclass(config, Config)
    config()
    assert all(item.description for item in config.model_fields.values())


def test_by_module_and_class() -> None:
    policy = create("cosim.policies.rules.zip:ZeroIntelligencePlus", sample_spec(), 2, 1)
    assert type(policy) is ZeroIntelligencePlus


def test_by_class() -> None:
    assert isinstance(create(ZeroIntelligencePlus, sample_spec(), 2, 1), Policy)


def test_unknown_name_tells_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'zero-intelligence'"):
        load("zero-inteligence")


def test_module_that_is_not_there() -> None:
    with pytest.raises(UnknownNameError, match="cannot import 'no_such_module'"):
        load("no_such_module:Policy")


def test_class_that_is_not_a_policy() -> None:
    with pytest.raises(UnknownNameError, match=r"subclass of cosim\.policies\.Policy"):
        load("pathlib:Path")


def test_module_that_raises_when_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_module(tmp_path, monkeypatch, "broken_plugin_a", "1 / 0\n")
    with pytest.raises(UnknownNameError, match="its module raised ZeroDivisionError"):
        load("broken_plugin_a:Mine")


def test_policy_that_raises_when_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "from cosim.policies import Policy\n"
        "class Mine(Policy):\n"
        "    def __init__(self, *args, **keywords):\n"
        "        raise RuntimeError('no luck')\n"
        "    def act(self, inputs, explore=True):\n"
        "        return None\n"
    )
    write_module(tmp_path, monkeypatch, "broken_plugin_b", text)
    place = re.escape(f"(at {tmp_path / 'broken_plugin_b.py'}:4)")
    with pytest.raises(
        PolicyError,
        match=f"^policy 'broken_plugin_b:Mine' raised RuntimeError when it was made: no luck {place}$",
    ):
        create("broken_plugin_b:Mine", sample_spec(), 1, 1)


class Starting(Policy):
    """Raises when it is made what it is told to."""

    class Parameters(Config):
        rate: float = 0.5

    Config = Parameters
    error: ClassVar[Exception]

    def prepare(self) -> None:
        raise self.error

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        return inputs.rule_action


@pytest.mark.parametrize(
    "error",
    [InputError("no sun"), InputError([Problem("too slow", path="rate"), Problem("?", path="speed")])],
)
def test_an_error_of_cosims_that_is_about_no_parameter_is_the_policys(error: InputError) -> None:
    Starting.error = error
    with pytest.raises(PolicyError, match="Starting' raised InputError when it was made: "):
        create(Starting, sample_spec(), 1, 1)


def test_an_error_about_a_parameter_stays_one() -> None:
    Starting.error = InputError(Problem("too slow", path="rate"))
    with pytest.raises(InputError, match=r"^rate: too slow$"):
        create(Starting, sample_spec(), 1, 1)


def test_what_a_policy_says_when_it_is_made_gets_its_name() -> None:
    Starting.error = PolicyError("has no licence")
    with pytest.raises(PolicyError, match=r"^policy '.*:Starting': has no licence \(at "):
        create(Starting, sample_spec(), 1, 1)


def test_class_with_abstract_methods_cannot_be_made() -> None:
    class Unfinished(Policy):
        name = "unfinished"

    with pytest.raises(PolicyError, match="act"):
        create(Unfinished, sample_spec(), 1, 1)


def test_all_wrong_parameters_are_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        create("fixed-reservation", sample_spec(), 1, 1, value=2.0, bid_margn=0.1)
    told = sorted(map(str, caught.value.problems))
    assert len(told) == 2
    assert "bid_margn" in told[0] and "did you mean 'bid_margin'" in told[0]
    assert "value" in told[1] and "2.0" in told[1]


@pytest.mark.parametrize("key", ["learning_rate", "momentum", "initial_margin"])
@pytest.mark.parametrize("span", [(0.5, 0.1), (-0.1, 0.5), (0.5, 1.5)])
def test_zip_refuses_ranges_that_make_no_sense(key: str, span: tuple[float, float]) -> None:
    with pytest.raises(InputError, match=key):
        create("zip", sample_spec(), 1, 1, **{key: span})
