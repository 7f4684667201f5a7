"""Runs of the scenario of five prosumers, each made once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from cosim.results.read import Run, load
from cosim.scenario.schema import Scenario
from cosim.simulation import run

RunOf = Callable[..., Run]


@pytest.fixture(scope="session")
def run_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Scenario], Run]:
    """Simulates a scenario and loads what it left."""

    def simulate(scenario: Scenario) -> Run:
        return load(run(scenario, tmp_path_factory.mktemp("run") / "out").folder)

    return simulate


@pytest.fixture(scope="session")
def run_with(five: Callable[..., Scenario], run_of: Callable[[Scenario], Run]) -> RunOf:
    """`run_with("zip", "setpoint")`: a day of the scenario, three rounds a session."""

    @cache
    def simulate(policy: str, bidding: str, seed: int = 1) -> Run:
        return run_of(
            five(
                policies={"default": policy},
                market={"bidding": bidding, "parameters": {"rounds": 3}},
                seed=seed,
            )
        )

    return simulate


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "out"
