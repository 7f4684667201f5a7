"""What `--vary` means."""

from __future__ import annotations

import pytest

from cosim.errors import ScenarioError
from cosim.scenario.variants import variants


def test_one_axis():
    found = variants(["market.mechanism=double-auction,muda"])
    assert [one.name for one in found] == ["double-auction", "muda"]
    assert [one.folder for one in found] == ["double-auction", "muda"]
    assert found[1].overrides == (("market.mechanism", "muda"),)


def test_axes_multiply_and_the_last_changes_fastest():
    found = variants(["forecast=perfect,noisy", "market.gate_closure=0,4"])
    assert [one.name for one in found] == [
        "perfect, gate_closure=0",
        "perfect, gate_closure=4",
        "noisy, gate_closure=0",
        "noisy, gate_closure=4",
    ]
    assert found[3].folder == "noisy_gate-closure-4"
    assert found[3].overrides == (("forecast", "noisy"), ("market.gate_closure", 4))


def test_values_are_yaml_and_sections_hold_together():
    found = variants(["market={mechanism: call-auction, gate_closure: 2},{mechanism: muda}"])
    assert [one.name for one in found] == ["call-auction gate_closure=2", "muda"]
    assert found[0].overrides[0][1] == {"mechanism": "call-auction", "gate_closure": 2}
    switches = variants(["outputs.report=true,false"])
    assert [one.name for one in switches] == ["report=true", "report=false"]
    assert switches[0].overrides[0][1] is True


def test_folders_differ_where_names_are_alike():
    found = variants(["name=a b,a/b"])
    assert [one.folder for one in found] == ["a-b-1", "a-b-2"]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["market.mechanism"], "--vary market.mechanism: is not of the form"),
        (["=a,b"], "is not of the form"),
        (["seed="], "has no values"),
        (["seed=1,1"], "has 1 twice"),
        (["seed=1,[2"], "the list of values"),
        (["seed=1", "seed=2"], "--vary seed: is varied twice"),
    ],
)
def test_what_cannot_be_understood(texts, message):
    with pytest.raises(ScenarioError, match=message):
        variants(texts)


def test_all_mistakes_are_told_at_once():
    with pytest.raises(ScenarioError) as caught:
        variants(["seed", "days="])
    assert len(caught.value.problems) == 2
