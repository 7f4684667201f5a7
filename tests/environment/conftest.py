"""A scenario of ten with both carriers, heat traded in a loop, and forecasts that err."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import cosim
from cosim.scenario.schema import Scenario

MIXED = Path(__file__).parents[2] / "scenarios" / "mixed-energy.yaml"


@pytest.fixture(scope="session")
def both_carriers() -> Callable[[int], Scenario]:
    """The shipped one for a quarter of a day, smaller; its argument is the gate closure in periods."""

    def build(closure: int) -> Scenario:
        counts = [(f"groups[{number}].count", count) for number, count in enumerate((4, 3, 3))]
        return cosim.load_scenario(MIXED, [*counts, ("market.gate_closure", closure)], days=0.25)

    return build
