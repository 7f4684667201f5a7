"""A grid as plain arrays: its buses, lines, transformers, own loads and generators, and the circuit that a
solver needs. No pandapower object is in it, so that a cached grid opens without pandapower."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cosim.core.arrays import BoolArray, FloatArray, IntArray
from cosim.core.records import Elements
from cosim.core.registry import nearest
from cosim.errors import NetworkError, Problem
from cosim.network.config import NetworkConfig

Names = NDArray[np.object_]

NO_BRANCH = -1
"""In `Lines.branch` and `Transformers.branch`: the element is out of service."""
NO_NODE = -1
"""In `Buses.node`: no source feeds the bus."""


@dataclass(frozen=True, slots=True)
class Buses:
    """One row per bus of the grid file, in its order."""

    name: Names
    """Unique; see `Grid`."""
    vn_kv: FloatArray
    """Nominal voltage, line to line."""
    fed: BoolArray
    """False where no source reaches the bus (out of service, or behind an open switch)."""
    node: IntArray
    """Row of the circuit's nodes; buses joined by closed switches share one; `NO_NODE` if not fed."""
    x: FloatArray
    """Longitude or map coordinate; NaN where the file has none."""
    y: FloatArray
    vm_min_pu: FloatArray
    """Limits of the grid file; NaN where it has none."""
    vm_max_pu: FloatArray


@dataclass(frozen=True, slots=True)
class Lines:
    """One row per line (or cable) of the grid file, in its order."""

    name: Names
    from_bus: IntArray
    to_bus: IntArray
    length_km: FloatArray
    max_i_ka: FloatArray
    """Rated current of all parallel systems together, derating included."""
    branch: IntArray
    """Row of the circuit's branches or `NO_BRANCH`."""
    max_loading_percent: FloatArray
    """Limit of the grid file; NaN where it has none."""


@dataclass(frozen=True, slots=True)
class Transformers:
    """One row per two-winding transformer of the grid file, in its order."""

    name: Names
    hv_bus: IntArray
    lv_bus: IntArray
    sn_kva: FloatArray
    """Rated power of all parallel units together, derating included."""
    vn_hv_kv: FloatArray
    """Rated voltage of the winding."""
    vn_lv_kv: FloatArray
    branch: IntArray
    """Row of the circuit's branches or `NO_BRANCH`."""
    max_loading_percent: FloatArray
    """Limit of the grid file; NaN where it has none."""


@dataclass(frozen=True, slots=True)
class Injections:
    """Loads (drawn power positive) or generators (produced power positive) that the grid file brings along.

    They are not part of the circuit: who uses the grid decides which of them stay.
    """

    name: Names
    bus: IntArray
    p_kw: FloatArray
    """Rated power in the file, scaling included."""
    q_kvar: FloatArray
    profile: Names
    """Name of the SimBench profile, or ""."""

    def __len__(self) -> int:
        return len(self.bus)


@dataclass(frozen=True, slots=True)
class Sources:
    """Connections to the grid above (slack buses)."""

    bus: IntArray
    vm_pu: FloatArray
    va_degree: FloatArray

    def __len__(self) -> int:
        return len(self.bus)


@dataclass(frozen=True, slots=True)
class Circuit:
    """What is in service and fed, in per unit on `base_mva` and the voltage of the *to* side.

    Branch model (MATPOWER, Zimmerman and Murillo-Sanchez, user's manual, section 3.2): an ideal transformer
    of ratio tap : 1 and phase `shift_degree` at the from side, then a pi with series impedance r + jx and
    total charging g + jb, half at each end.
    """

    base_mva: float
    node_kv: FloatArray
    from_node: IntArray
    to_node: IntArray
    r: FloatArray
    x: FloatArray
    g: FloatArray
    b: FloatArray
    tap: FloatArray
    shift_degree: FloatArray
    shunt_node: IntArray
    shunt_mw: FloatArray
    """Drawn at 1 pu."""
    shunt_mvar: FloatArray
    """Drawn at 1 pu; a capacitor is negative."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a grid was read from, so that the reference solver can read it again."""

    source: str
    name: str
    file: Path | None = None

    @property
    def simbench_scenario(self) -> int:
        """Number of the SimBench scenario, for the series of the grid's own loads and generators: the last
        but one part of a code ("1-LV-rural2--1-sw": 1); 0, today's, for a grid from elsewhere."""
        return int(self.name.split("-")[-2]) if self.source == "simbench" else 0


@dataclass(frozen=True)
class Grid:
    """A grid, ready to be solved.

    Names are unique within buses, lines and transformers: an element without a name is called after its kind
    and its index in the file ("bus 12"), and elements that share a name get that appended, all of them
    ("Station (bus 12)"), so that no name means one of several.
    """

    origin: Origin
    buses: Buses
    lines: Lines
    transformers: Transformers
    loads: Injections
    generators: Injections
    sources: Sources
    circuit: Circuit
    notes: tuple[str, ...] = field(default=())
    """In words: what the file holds and cosim leaves out or treats differently."""

    @cached_property
    def elements(self) -> Elements:
        """Names in the order of `Flow`'s arrays."""
        return Elements(bus=self.buses.name, line=self.lines.name, trafo=self.transformers.name)

    @cached_property
    def _bus_index(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self.buses.name)}


def find_buses(grid: Grid, names: Sequence[str], path: str = "") -> tuple[IntArray, list[Problem]]:
    """Rows of the buses of these names (-1 where there is none), and a problem for each unknown name."""
    known = grid._bus_index
    index = np.array([known.get(name, -1) for name in names], dtype=np.int64)
    unknown = dict.fromkeys(name for name, row in zip(names, index, strict=True) if row < 0)
    return index, [Problem(f"the grid has no bus {name!r}", nearest(name, known), path) for name in unknown]


def check_placement(grid: Grid, bus: Sequence[int] | IntArray, path: str = "") -> list[Problem]:
    """A problem for each bus at which a prosumer cannot be: one that does not exist or that nothing feeds."""
    problems = []
    for row in dict.fromkeys(int(index) for index in bus):
        if not 0 <= row < len(grid.buses.name):
            problems.append(
                Problem(
                    f"the grid has no bus number {row}",
                    f"its {len(grid.buses.name)} buses are numbered from 0",
                    path,
                )
            )
        elif not grid.buses.fed[row]:
            name = grid.buses.name[row]
            remedy = nearest(name, grid.buses.name[grid.buses.fed])
            problems.append(Problem(f"bus {name!r} is isolated: no source feeds it", remedy, path))
    return problems


def load_grid(config: NetworkConfig, folder: Path) -> Grid:
    """The grid that a scenario asks for, from the user's cache where it has been read before.

    Args:
        config: What the scenario says.
        folder: Where paths in it start, the scenario file's folder.

    Raises:
        NetworkError: if there is no such grid, or it cannot be used; every problem found is in it.
    """
    from cosim.network.cache import compiled

    return compiled(find_origin(config, folder))


def find_origin(config: NetworkConfig, folder: Path) -> Origin:
    """Where the grid of a scenario is, without reading it.

    Raises:
        NetworkError: for an unknown name or a file that does not exist.
    """
    from cosim.network.registry import check_name

    if config.source != "json":
        check_name(config.source, config.name)
        return Origin(config.source, config.name)
    file = folder / config.name
    if not file.is_file():
        siblings = [entry.name for entry in file.parent.glob("*.json")] if file.parent.is_dir() else []
        remedy = nearest(file.name, siblings) if siblings else "the path is relative to the scenario file"
        raise NetworkError(Problem(f"there is no grid file {config.name!r}", remedy, path="name"))
    return Origin(config.source, config.name, file.resolve())
