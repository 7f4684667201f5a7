"""The market section: the mechanism by name, its parameters by its own Config, mistakes in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from cosim.core.config import Config, setting
from cosim.core.records import Band, Orders
from cosim.errors import ScenarioError
from cosim.market.call_auction import CallAuctionConfig
from cosim.market.one_shot import Matches, OneShot
from cosim.market.registry import create, names
from cosim.scenario.load import load, load_scenario, structure
from cosim.scenario.market import MarketUse
from cosim.scenario.resolved import resolved_text
from cosim.scenario.schema import Scenario

Write = Callable[..., Path]
OWN = f"{__name__}:Closed"


class ClosedConfig(Config):
    """Parameters of a market that never opens."""

    reason: str = setting("holiday", about="Why.")


class Closed(OneShot):
    """Nobody trades."""

    Config = ClosedConfig

    def clear(self, orders: Orders, rng: np.random.Generator, band: Band) -> Matches:
        return Matches.none()


def market(write: Write, good: str, text: str, *overrides: tuple[str, Any]) -> MarketUse:
    return load_scenario(write(f"{good}\n{text}\n"), overrides).market


def mistakes(write: Write, good: str, text: str, *overrides: tuple[str, Any]) -> dict[str, str]:
    with pytest.raises(ScenarioError) as caught:
        load(write(f"{good}\n{text}\n"), overrides)
    return {problem.path: str(problem) for problem in caught.value.problems}


def test_without_a_word_it_is_the_double_auction(write: Write, good: str) -> None:
    found = market(write, good, "")
    assert found.mechanism == "double-auction"
    assert (found.bidding, found.gate_closure) == ("reservation", 0)
    assert found.values() == {"price": "resting", "rounds": 1, "clear_on_trade": False}


def test_parameters_are_those_of_the_mechanism(write: Write, good: str) -> None:
    found = market(write, good, "market: {mechanism: call-auction, parameters: {k: 0.25}, gate_closure: 4}")
    assert found.parameters == CallAuctionConfig(k=0.25)
    assert found.gate_closure == 4
    assert create(found.mechanism, **found.values()).config == CallAuctionConfig(k=0.25)


@pytest.mark.parametrize("name", [*names(), OWN])
def test_the_name_alone_is_enough(write: Write, good: str, name: str) -> None:
    found = market(write, good, f'market: "{name}"')
    assert found == market(write, good, f'market: {{mechanism: "{name}"}}')
    assert found.mechanism == name


def test_overrides_reach_mechanism_and_parameters(write: Write, good: str) -> None:
    found = market(write, good, "", ("market.parameters.rounds", 3), ("market.parameters.price", "midpoint"))
    assert found.values() == {"price": "midpoint", "rounds": 3, "clear_on_trade": False}
    found = market(write, good, "", ("market.mechanism", "muda"), ("market.bidding", "setpoint"))
    assert (found.mechanism, found.bidding, found.values()) == ("muda", "setpoint", {})
    assert market(write, good, "market: {bidding: setpoint}", ("market", "muda")).mechanism == "muda"


def test_every_mistake_is_named_where_it_is(write: Write, good: str) -> None:
    text = """market:
  mechanism: call-auction
  parameters: {k: 2, rationing: time}
  biding: setpoint
  gate_closure: -1"""
    found = mistakes(write, good, text)
    assert "2 must be at most 1" in found["market.parameters.k"]
    assert "did you mean 'ration'?" in found["market.parameters.rationing"]
    assert "did you mean 'bidding'?" in found["market.biding"]
    assert "-1 must be at least 0" in found["market.gate_closure"]
    assert all("scenario.yaml:" in words for words in found.values())


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ("market: {mechanism: call-action}", "market.mechanism", "did you mean 'call-auction'?"),
        ("market: mudda", "market.mechanism", "did you mean 'muda'?"),
        ("market: {mechanism: 3}", "market.mechanism", "3 is not text"),
        ("market: {mechanism: 'nowhere:Market'}", "market.mechanism", "cannot import 'nowhere'"),
        ("market: {mechanism: 'fractions:Fraction'}", "market.mechanism", "has to be a subclass"),
        ("market: 3", "market", "3 is not keys and values"),
        ("market: {rounds: 3}", "market.rounds", "write it below `parameters`"),
        ("market: {bidding: setpiont}", "market.bidding", "valid: reservation, setpoint"),
        ("market: {parameters: {clear_on_trade: 1.5}}", "market.parameters.clear_on_trade", "true or false"),
        ("market: {parameters: {rounds: true}}", "market.parameters.rounds", "true is not what belongs here"),
        ("market: {parameters: 3}", "market.parameters", "3 is not keys and values"),
        (
            f"market: {{mechanism: '{OWN}', parameters: {{raeson: x}}}}",
            "market.parameters.raeson",
            "'reason'",
        ),
    ],
)
def test_a_mistake_says_what_would_be_right(
    write: Write, good: str, text: str, path: str, words: str
) -> None:
    found = mistakes(write, good, text)
    assert set(found) == {path}
    assert words in found[path]


def test_a_wrong_override_is_named_as_it_was_written(write: Write, good: str) -> None:
    found = mistakes(write, good, "", ("market.mechanism", "muda"), ("market.parameters.rounds", 3))
    assert set(found) == {"--set market.parameters.rounds"}


def test_a_plug_in_and_its_parameters_survive_writing_out(write: Write, good: str, tmp_path: Path) -> None:
    text = f"{good}\nmarket: {{mechanism: '{OWN}', parameters: {{reason: strike}}}}\n"
    scenario = load_scenario(write(text))
    assert scenario.market.values() == {"reason": "strike"}
    assert load_scenario(write(resolved_text(scenario), "again.yaml")) == scenario


def test_the_schema_knows_every_mechanism_and_its_parameters() -> None:
    data = {"market": {"mechanism": "call-auction", "parameters": {}}}
    assert structure().keys(data, ("market", "parameters")) == ["k", "ration"]
    assert structure().keys(data, ("market",)) == ["mechanism", "parameters", "bidding", "gate_closure"]
    forms = Scenario.model_json_schema()["properties"]["market"]["anyOf"]
    assert [form["title"] for form in forms] == [*names(), "module:Class", "name alone"]


def test_from_python_it_is_a_mapping_a_name_or_the_record() -> None:
    use = MarketUse(mechanism="call-auction", parameters=CallAuctionConfig())
    assert use.values() == {"k": 0.5, "ration": "time"}
    with pytest.raises(ValidationError):
        MarketUse(gate_closure=97)
