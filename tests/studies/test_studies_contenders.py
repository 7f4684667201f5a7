"""Policies of a study as texts and files name them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cosim.errors import InputError
from cosim.scenario.schema import Scenario
from cosim.studies.contenders import contenders_of, own_contenders


def test_names_parameters_and_lists() -> None:
    text = "zip:learning_rate=[0.1, 0.2]:relative=0.1, mine@price-taker:confidence=0.5"
    first, second, third = contenders_of([text, "self-consumption"])
    assert (first.kind, first.parameters) == ("zip", {"learning_rate": [0.1, 0.2], "relative": 0.1})
    assert first.name == "zip:learning_rate=[0.1, 0.2]:relative=0.1"
    assert (second.name, second.kind, second.parameters) == ("mine", "price-taker", {"confidence": 0.5})
    assert (third.name, third.parameters) == ("self-consumption", {})


def test_a_class_of_somebody_elses_is_named_with_its_module() -> None:
    (found,) = contenders_of(["cosim.policies.rules.zip:ZeroIntelligencePlus:relative=0.1"])
    assert found.kind == "cosim.policies.rules.zip:ZeroIntelligencePlus"
    assert found.parameters == {"relative": 0.1}


def test_each_policy_bids_in_each_mode() -> None:
    found = contenders_of(["zip,price-taker"], ["setpoint", "reservation"])
    assert [(one.name, one.bidding) for one in found] == [
        ("zip", "reservation"),
        ("price-taker", "reservation"),
        ("zip", "setpoint"),
        ("price-taker", "setpoint"),
    ]
    assert len({one.stem for one in found}) == 4


def test_a_file_has_policies_as_a_scenario_has_them(tmp_path: Path) -> None:
    file = tmp_path / "policies.yaml"
    file.write_text("plain: zip\ncalm:\n  kind: price-taker\n  parameters: {confidence: 0.2}\n")
    plain, calm = contenders_of([str(file)])
    assert (plain.name, plain.kind, plain.parameters) == ("plain", "zip", {})
    assert (calm.name, calm.kind, calm.parameters) == ("calm", "price-taker", {"confidence": 0.2})


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "policies.yaml"
    file.write_text(
        "one: 3\ntwo: {kind: zap}\nthree: {kind: zip, speed: 1}\n"
        "four: {kind: zip, parameters: fast}\nfive: {kind: zip, parameters: [1, 2]}\n"
    )
    with pytest.raises(InputError) as caught:
        contenders_of([f"price-taken,zip:relative=[,zip,zip,{file}"], ["by-hand"])
    texts = "\n".join(str(problem) for problem in caught.value.problems)
    assert "unknown policy 'price-taken'" in texts and "price-taker" in texts
    assert "'by-hand' is no way to bid (valid: reservation, setpoint)" in texts
    assert f"{file}:1: one: 3 is no policy" in texts
    assert f"{file}:2: --policies: unknown policy 'zap'" in texts
    assert f"{file}:3: three: unknown key 'speed'" in texts
    assert f"{file}:4: four: 'fast' are no parameters" in texts
    assert f"{file}:5: five: [1, 2] are no parameters (write names and values" in texts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("zip,zip", "has 'zip' twice .name one NAME@KIND"),
        ("zip:relative=0.1:momentum", "has 'momentum' after a parameter"),
        ("zip:relative={", "'relative={': the value"),
        ("", "names no policy"),
    ],
)
def test_what_is_no_policy_is_told(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        contenders_of([text])


def test_without_a_word_the_scenarios_own_policies_are_compared(five: Callable[..., Scenario]) -> None:
    policies = {"default": {"kind": "zip", "parameters": {"relative": 0.1}}}
    rule, own = own_contenders(five(policies=policies), ["setpoint"])
    assert (rule.kind, own.name, own.kind, own.bidding) == ("self-consumption", "zip", "zip", "setpoint")
    assert own.parameters["relative"] == 0.1
    assert len(own_contenders(five(), ["setpoint"])) == 1


def test_policies_of_a_scenario_whose_files_would_be_the_same_are_told(five: Callable[..., Scenario]) -> None:
    policies = {"default": "zip", "zip": {"kind": "zip", "parameters": {"relative": 0.1}}}
    with pytest.raises(InputError, match=r"^policies: has 'zip' twice \(rename the label"):
        own_contenders(five(policies=policies), ["reservation"])
