"""Where prosumers are on the grid, and which of the grid's own loads and generators stay.

Loads and generators of the grid file stand for customers. Where prosumers take over loads
(`in_place_of_loads`), the others stay as passive customers, and so do the generators; otherwise the
prosumers are all customers that there are, and the file's loads and generators are left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.core.arrays import IntArray
from cosim.core.streams import Streams
from cosim.errors import Problem
from cosim.network.grid import Grid, check_placement, find_buses
from cosim.scenario.groups import AtBuses, Group, InPlaceOfLoads
from cosim.scenario.schema import Scenario

HOUSEHOLD = "H0"
"""Prefix of SimBench's household profiles: such loads are taken over first."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Buses of the prosumers, and what stays of the grid's own loads and generators."""

    bus: IntArray
    """Row of the grid's buses for every prosumer, shape (n,)."""
    passive_loads: IntArray
    """Rows of `grid.loads` that stay."""
    passive_generators: IntArray
    """Rows of `grid.generators` that stay."""


def place(scenario: Scenario, grid: Grid, streams: Streams) -> tuple[Placement, list[Problem]]:
    """Put everybody on a bus.

    Args:
        scenario: Groups and single prosumers.
        grid: The community's grid.
        streams: Randomness of the community.

    Returns:
        The placement, and a problem for each prosumer that cannot be where it should (its bus is 0 then);
        paths of problems are those of the scenario.
    """
    problems: list[Problem] = []
    free = _loads_to_take(grid, streams)
    taken = spread = 0
    bus: list[IntArray] = []
    for number, group in enumerate(scenario.groups):
        path = f"groups[{number}].place"
        if isinstance(group.place, InPlaceOfLoads):
            rows = free[taken : taken + group.count]
            taken += group.count
            if len(rows) < group.count:
                problems.append(_too_many(grid, group, len(rows), path))
            bus.append(np.resize(grid.loads.bus[rows], group.count) if len(rows) else _nowhere(group))
        elif isinstance(group.place, AtBuses):
            bus.append(np.resize(_at(grid, group.place.buses, f"{path}.buses", problems), group.count))
        else:
            bus.append(_spread(grid, spread, group, streams, problems, path))
            spread += group.count
    placed = np.concatenate(bus)
    _move_singles(scenario, grid, placed, problems)
    stays = taken > 0
    loads = np.sort(free[taken:]) if stays else np.zeros(0, dtype=np.int64)
    generators = np.flatnonzero(grid.buses.fed[grid.generators.bus]) if stays else np.zeros(0, dtype=np.int64)
    return Placement(placed, loads, generators), problems


def _loads_to_take(grid: Grid, streams: Streams) -> IntArray:
    """The grid's own loads on fed buses in the order in which they are taken over: households first."""
    order = streams.generator("placement", "loads").permutation(len(grid.loads))
    order = order[grid.buses.fed[grid.loads.bus[order]]]
    household = np.array([str(grid.loads.profile[row]).startswith(HOUSEHOLD) for row in order], dtype=bool)
    return np.concatenate([order[household], order[~household]])


def _at(grid: Grid, names: tuple[str, ...], path: str, problems: list[Problem]) -> IntArray:
    """Rows of named buses; a problem, at its place in the list, for each that is not there or not fed."""
    rows, _ = find_buses(grid, names)
    for index, name in enumerate(names):
        at = f"{path}[{index}]"
        _, unknown = find_buses(grid, [name], at)
        problems += unknown or check_placement(grid, rows[index : index + 1], at)
    return np.maximum(rows, 0)


def _spread(
    grid: Grid, before: int, group: Group, streams: Streams, problems: list[Problem], path: str
) -> IntArray:
    """Evenly over the fed buses that have loads in the grid file, in an order drawn from the seed; a group
    goes on where the `before` prosumers of earlier groups ended."""
    candidates = np.unique(grid.loads.bus)
    candidates = candidates[grid.buses.fed[candidates]]
    if not len(candidates):
        problems.append(
            Problem("the grid file has no loads to spread prosumers over", "name buses instead", path)
        )
        return _nowhere(group)
    order = streams.generator("placement", "spread").permutation(candidates)
    return order[(before + np.arange(group.count)) % len(order)]


def _too_many(grid: Grid, group: Group, left: int, path: str) -> Problem:
    return Problem(
        f"group {group.name!r} has {group.count} prosumers, but only {left} of the grid's "
        f"{len(grid.loads)} loads are left to take over",
        f"at most {left}, or `spread: true`",
        path,
    )


def _move_singles(scenario: Scenario, grid: Grid, bus: IntArray, problems: list[Problem]) -> None:
    """Prosumers that name a bus of their own."""
    names = [name for group in scenario.groups for name in group.names()]
    index = {name: position for position, name in enumerate(names)}
    for name, single in scenario.prosumers.items():
        if single.bus is None:
            continue
        path = f"prosumers.{name}.bus"
        found, unknown = find_buses(grid, [single.bus], path)
        problems += unknown or check_placement(grid, found, path)
        bus[index[name]] = max(int(found[0]), 0)


def _nowhere(group: Group) -> IntArray:
    return np.zeros(group.count, dtype=np.int64)
