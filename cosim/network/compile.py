"""From a pandapower net to a `Grid`: pandapower builds its internal model (ppc) once, and its rows are taken
over as they are. Reading a net is sources.py's, solving one solver.py's."""

from __future__ import annotations

from typing import Any

import numpy as np

from cosim.core.arrays import BoolArray, IntArray
from cosim.errors import NetworkError, Problem
from cosim.network.check import check_net
from cosim.network.grid import (
    NO_BRANCH,
    NO_NODE,
    Buses,
    Circuit,
    Grid,
    Lines,
    Origin,
    Sources,
    Transformers,
)
from cosim.network.injections import (
    GENERATORS,
    LOADS,
    at_fed_buses,
    notes_on,
    read_injections,
    take_out_injections,
)
from cosim.network.reference import run_reference
from cosim.network.tables import column, coordinates, rows_of, unique_names

# Columns of pandapower's internal bus and branch tables (pandapower.pypower.idx_bus and idx_brch; they follow
# MATPOWER's case format).
_BUS_TYPE, _GS, _BS, _BASE_KV = 1, 4, 5, 9
_NOT_IN_SERVICE = 4
_FROM, _TO, _R, _X, _B, _TAP, _SHIFT = 0, 1, 2, 3, 4, 8, 9
_ASYMMETRIC = (21, 22, 24, 25)
_G = 23


def compile_net(net: Any, origin: Origin) -> Grid:
    """The grid of a pandapower net. The net is used up: its loads and generators are taken out of it.

    Raises:
        NetworkError: for what cosim cannot represent (check.py), or if not even the empty grid can be solved.
    """
    problems = check_net(net)
    if problems:
        raise NetworkError(problems)
    names = unique_names(net.bus, "bus")
    position = {index: row for row, index in enumerate(net.bus.index)}
    loads = read_injections(net, LOADS, position)
    generators = read_injections(net, GENERATORS, position)
    notes = notes_on(net)
    take_out_injections(net)
    run_reference(net)

    node, fed = _nodes(net)
    circuit, branch_row = _circuit(net)
    x, y = coordinates(net.bus)
    buses = Buses(
        name=names,
        vn_kv=column(net.bus, "vn_kv"),
        fed=fed,
        node=node,
        x=x,
        y=y,
        vm_min_pu=column(net.bus, "min_vm_pu"),
        vm_max_pu=column(net.bus, "max_vm_pu"),
    )
    if not fed.all():
        notes.append(f"{int((~fed).sum())} of {len(fed)} buses are isolated: no source feeds them")
    return Grid(
        origin=origin,
        buses=buses,
        lines=_lines(net, position, branch_row),
        transformers=_transformers(net, position, branch_row),
        loads=at_fed_buses(loads, fed, "loads", notes),
        generators=at_fed_buses(generators, fed, "generators", notes),
        sources=_sources(net, position, node),
        circuit=circuit,
        notes=tuple(notes),
    )


def _nodes(net: Any) -> tuple[IntArray, BoolArray]:
    """Node of every bus in pandapower's internal model and whether it is fed, shape (buses,)."""
    lookup = net._pd2ppc_lookups["bus"]
    inner = np.asarray(lookup)[net.bus.index.to_numpy()]
    kind = net._ppc["bus"][:, _BUS_TYPE].real
    known = inner >= 0
    fed = known & (kind[np.where(known, inner, 0)] != _NOT_IN_SERVICE)
    fed &= net.bus["in_service"].to_numpy(dtype=bool)
    return np.where(fed, inner, NO_NODE).astype(np.int64), fed


def _circuit(net: Any) -> tuple[Circuit, dict[str, IntArray]]:
    """The circuit, and for lines and transformers the branch of each row (`NO_BRANCH`: out of service).

    pandapower moves nodes that are not in service to the end, so that the first ones keep their numbers.
    """
    ppc = net._ppc
    bus = ppc["bus"].real
    nodes = int((bus[:, _BUS_TYPE] != _NOT_IN_SERVICE).sum())
    bus = bus[:nodes]
    on = np.asarray(ppc["internal"]["branch_is"], dtype=bool)
    every = ppc["branch"].real
    branch = every[on]
    if np.any(np.nan_to_num(branch[:, list(_ASYMMETRIC)])):
        raise NetworkError(
            Problem("the grid has impedances that differ by direction", "use symmetric impedance elements")
        )
    tap = branch[:, _TAP]
    shunt = np.flatnonzero((bus[:, _GS] != 0) | (bus[:, _BS] != 0))
    circuit = Circuit(
        base_mva=float(ppc["baseMVA"]),
        node_kv=bus[:, _BASE_KV].copy(),
        from_node=branch[:, _FROM].astype(np.int64),
        to_node=branch[:, _TO].astype(np.int64),
        r=branch[:, _R].copy(),
        x=branch[:, _X].copy(),
        g=branch[:, _G].copy(),
        b=branch[:, _B].copy(),
        tap=np.where(tap == 0, 1.0, tap),  # MATPOWER writes 0 for a line
        shift_degree=branch[:, _SHIFT].copy(),
        shunt_node=shunt.astype(np.int64),
        shunt_mw=bus[shunt, _GS],
        shunt_mvar=-bus[shunt, _BS],  # BS is injected at 1 pu
    )
    number = np.where(on, np.cumsum(on) - 1, NO_BRANCH).astype(np.int64)
    ranges = net._pd2ppc_lookups["branch"]
    return circuit, {key: number[slice(*ranges[key])] for key in ("line", "trafo") if key in ranges}


def _lines(net: Any, position: dict[int, int], branch: dict[str, IntArray]) -> Lines:
    table = net.line
    rating = column(table, "max_i_ka") * column(table, "df", 1.0) * column(table, "parallel", 1.0)
    return Lines(
        name=unique_names(table, "line"),
        from_bus=rows_of(table, "from_bus", position),
        to_bus=rows_of(table, "to_bus", position),
        length_km=column(table, "length_km"),
        max_i_ka=rating,
        branch=branch.get("line", np.empty(0, dtype=np.int64)),
        max_loading_percent=column(table, "max_loading_percent"),
    )


def _transformers(net: Any, position: dict[int, int], branch: dict[str, IntArray]) -> Transformers:
    table = net.trafo
    units = column(table, "df", 1.0) * column(table, "parallel", 1.0)
    return Transformers(
        name=unique_names(table, "transformer"),
        hv_bus=rows_of(table, "hv_bus", position),
        lv_bus=rows_of(table, "lv_bus", position),
        sn_kva=1e3 * column(table, "sn_mva") * units,
        vn_hv_kv=column(table, "vn_hv_kv"),
        vn_lv_kv=column(table, "vn_lv_kv"),
        branch=branch.get("trafo", np.empty(0, dtype=np.int64)),
        max_loading_percent=column(table, "max_loading_percent"),
    )


def _sources(net: Any, position: dict[int, int], node: IntArray) -> Sources:
    table = net.ext_grid[net.ext_grid["in_service"].to_numpy(dtype=bool)]
    bus = rows_of(table, "bus", position)
    # two connections at one node are one source
    _, first = np.unique(node[bus], return_index=True)
    keep = np.sort(first)
    return Sources(
        bus=bus[keep],
        vm_pu=column(table, "vm_pu")[keep],
        va_degree=column(table, "va_degree", 0.0)[keep],
    )
