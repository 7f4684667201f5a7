"""Who owns what and where they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosim.core.streams import Streams
from cosim.network.grid import Grid, load_grid
from cosim.scenario.load import load_scenario
from cosim.scenario.placement import place
from cosim.scenario.population import Population, populate
from cosim.scenario.schema import Scenario


@pytest.fixture
def scenario(write: Callable[..., Path], good: str) -> Callable[..., Scenario]:
    path = write(good.replace("count: 20", "count: 40"))
    return lambda *overrides: load_scenario(path, overrides)


@pytest.fixture(scope="module")
def grid() -> Grid:
    from cosim.network.config import NetworkConfig

    return load_grid(NetworkConfig(name="1-LV-rural2--0-sw"), Path())


def people(scenario: Scenario) -> Population:
    return populate(scenario, Streams(scenario.seed).within("community"))


def owners(population: Population, kind: str) -> set[int]:
    return {int(row) for item in population.devices[kind] for row in item.prosumer}


def test_shares_are_exact_and_of_is_kept(scenario: Callable[..., Scenario]) -> None:
    population = people(scenario())
    assert len(owners(population, "pv")) == 20
    assert len(owners(population, "battery")) == 10
    assert owners(population, "battery") <= owners(population, "pv")
    assert owners(population, "load") == set(range(40))


def test_a_higher_share_takes_nothing_from_anybody(scenario: Callable[..., Scenario]) -> None:
    few = people(scenario(("groups[0].devices.pv.share", 0.3)))
    many = people(scenario(("groups[0].devices.pv.share", 0.7)))
    assert owners(few, "pv") < owners(many, "pv")


def test_another_seed_other_owners(scenario: Callable[..., Scenario]) -> None:
    assert owners(people(scenario()), "pv") != owners(people(scenario(("seed", 2))), "pv")


def test_single_prosumers_differ_where_they_say(scenario: Callable[..., Scenario]) -> None:
    plain = people(scenario())
    row = min(owners(plain, "battery"))
    name = plain.names[row]
    changed = people(
        scenario((f"prosumers.{name}", {"devices": {"battery": None, "ev": {}}, "policy": "other"}),
                 ("policies.other", "self-consumption"))
    )  # fmt: skip
    assert owners(changed, "battery") == owners(plain, "battery") - {row}
    assert owners(changed, "ev") == {row}
    assert changed.policies[row] == "other"
    assert set(changed.policies) == {"default", "other"}


def test_spread_is_even(scenario: Callable[..., Scenario], grid: Grid) -> None:
    made = scenario(("groups[0].count", 150))
    where, problems = place(made, grid, Streams(1))
    assert not problems
    assert set(where.bus) <= set(grid.loads.bus)
    assert max(Counter(where.bus.tolist()).values()) == 2
    assert len(where.passive_loads) == 0


def test_groups_share_the_spread(scenario: Callable[..., Scenario], grid: Grid) -> None:
    group = {"name": "more", "count": 40}
    made = scenario(("groups", [{"name": "some", "count": 40}, group]))
    where, _ = place(made, grid, Streams(1))
    assert max(Counter(where.bus.tolist()).values()) == 1


def test_in_place_of_loads_takes_households_first(scenario: Callable[..., Scenario], grid: Grid) -> None:
    made = scenario(("groups[0].place", {"in_place_of_loads": True}))
    where, problems = place(made, grid, Streams(1))
    assert not problems
    assert len(where.passive_loads) == len(grid.loads) - 40
    stay = np.array([not str(name).startswith("H0") for name in grid.loads.profile])
    assert set(np.flatnonzero(stay)) <= set(where.passive_loads.tolist())
    together = sorted([*where.bus.tolist(), *grid.loads.bus[where.passive_loads].tolist()])
    assert together == sorted(grid.loads.bus.tolist())


def test_named_buses_in_turn(scenario: Callable[..., Scenario], grid: Grid) -> None:
    names = [str(grid.buses.name[row]) for row in (3, 5)]
    where, problems = place(scenario(("groups[0].place", {"buses": names})), grid, Streams(1))
    assert not problems
    assert where.bus[:4].tolist() == [3, 5, 3, 5]


@pytest.mark.parametrize(
    ("override", "path", "message"),
    [
        (
            ("groups[0].place", {"buses": ["LV2.101 Bus 10", "LV2.101 Bus 1000"]}),
            "groups[0].place.buses[1]",
            "no bus",
        ),
        (
            ("prosumers", {"households-001": {"bus": "LV2.101 Bos 10"}}),
            "prosumers.households-001.bus",
            "no bus",
        ),
        (("groups[0].count", 140), "groups[0].place", "99 loads"),
    ],
)
def test_what_cannot_be_placed(
    scenario: Callable[..., Scenario], grid: Grid, override: tuple[str, Any], path: str, message: str
) -> None:
    more = [("groups[0].place", {"in_place_of_loads": True})] if override[0] == "groups[0].count" else []
    (problem,) = place(scenario(override, *more), grid, Streams(1))[1]
    assert problem.path == path
    assert message in problem.message
