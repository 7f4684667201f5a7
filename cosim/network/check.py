"""What a pandapower net must hold to be a grid of cosim: findings as problems, nothing is solved here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from cosim.errors import Problem
from cosim.network.injections import GENERATORS, LOADS
from cosim.network.tables import column, unique_names

_REQUIRED = {
    "line": ("r_ohm_per_km", "x_ohm_per_km", "c_nf_per_km", "length_km", "max_i_ka"),
    "trafo": ("sn_mva", "vn_hv_kv", "vn_lv_kv", "vk_percent", "vkr_percent", "pfe_kw", "i0_percent"),
    "ext_grid": ("vm_pu",),
    "bus": ("vn_kv",),
}
"""Numbers without which a row in service has no model."""
_POSITIVE = {
    "line": ("length_km", "max_i_ka"),
    "trafo": ("sn_mva", "vn_hv_kv", "vn_lv_kv", "vk_percent"),
    "ext_grid": ("vm_pu",),
    "bus": ("vn_kv",),
}
_NOT_REPRESENTED = {
    "gen": "a generator that holds its voltage: write it as a static generator (sgen)",
    "xward": "an extended ward: write it as a ward",
    "dcline": "a DC line",
    "trafo3w": "a transformer of three windings: write it as two transformers",
    "svc": "a static var compensator",
    "tcsc": "a thyristor-controlled series capacitor",
    "ssc": "a static synchronous compensator",
    "vsc": "a converter",
    "line_dc": "a DC line",
    "bus_dc": "a DC bus",
}
_ENDS: dict[str, tuple[str, ...]] = {
    "bus": (),
    "line": ("from_bus", "to_bus"),
    "trafo": ("hv_bus", "lv_bus"),
    "ext_grid": ("bus",),
    **dict.fromkeys((*LOADS, *GENERATORS), ("bus",)),
}
"""Columns of each table that name a bus."""
_SHOWN = 5
"""Problems of one kind that are listed one by one."""


def check_net(net: Any) -> list[Problem]:
    """Every reason why the net cannot be used, at most `_SHOWN` of a kind."""
    if not len(net.bus):
        return [Problem("the grid has no buses")]
    misshapen = list(_misshapen(net))
    if misshapen:
        return misshapen
    problems = list(_not_represented(net))
    if not len(net.ext_grid) or not net.ext_grid["in_service"].any():
        problems.append(
            Problem("the grid has no connection to the one above", "add an ext_grid in service (slack bus)")
        )
    problems += _shortened(list(_dangling(net)), "bus")
    for table in _REQUIRED:
        problems += _shortened(list(_numbers(net, table)), table)
    problems += _shortened(list(_bands(net)), "bus")
    return problems


def _shortened(problems: list[Problem], table: str) -> list[Problem]:
    rest = len(problems) - _SHOWN
    return problems if rest <= 0 else [*problems[:_SHOWN], Problem(f"... and {rest} more in table {table!r}")]


def _not_represented(net: Any) -> Iterator[Problem]:
    for table, what in _NOT_REPRESENTED.items():
        rows = net.get(table, ())
        if len(rows) and ("in_service" not in rows or rows["in_service"].any()):
            yield Problem(
                f"the grid holds what cosim does not model: {what}", f"{len(rows)} in table {table!r}"
            )


def _numbers(net: Any, table: str) -> Iterator[Problem]:
    """Rows in service with a number that is missing, or not positive where it must be."""
    rows = net[table]
    if not len(rows):
        return
    on = rows["in_service"].to_numpy(dtype=bool)
    names = unique_names(rows, "transformer" if table == "trafo" else table)
    for key in _REQUIRED[table]:
        values = column(rows, key)
        for row in np.flatnonzero(on & ~np.isfinite(values)):
            yield Problem(f"{names[row]!r} has no {key}", f"table {table!r} of the grid file")
        if key in _POSITIVE[table]:
            for row in np.flatnonzero(on & (values <= 0)):
                yield Problem(f"{names[row]!r} has {key} {values[row]:g}", "it must be above 0")
    if table == "line":
        zero = (column(rows, "r_ohm_per_km") == 0) & (column(rows, "x_ohm_per_km") == 0)
        for row in np.flatnonzero(on & zero):
            yield Problem(f"{names[row]!r} has no impedance", "join its buses by a closed switch instead")


def _misshapen(net: Any) -> Iterator[Problem]:
    """Tables without a column that all else needs, or whose rows cannot be told apart."""
    for table, ends in _ENDS.items():
        rows = net.get(table, ())
        if not len(rows):
            continue
        for key in (*ends, "in_service"):
            if key not in rows:
                yield Problem(f"table {table!r} of the grid file has no column {key!r}")
        if not rows.index.is_unique or rows.index.dtype.kind not in "iu":
            yield Problem(f"the index of table {table!r} must be whole numbers, each once")


def _dangling(net: Any) -> Iterator[Problem]:
    """Rows that name a bus that is not there."""
    known = net.bus.index
    for table, ends in _ENDS.items():
        rows = net.get(table, ())
        for key in ends if len(rows) else ():
            for index, bus in rows[key][~rows[key].isin(known)].items():
                yield Problem(f"{table} {index} is at bus {bus}, which is not in the grid file")


def _bands(net: Any) -> Iterator[Problem]:
    low, high = column(net.bus, "min_vm_pu"), column(net.bus, "max_vm_pu")
    names = unique_names(net.bus, "bus")
    for row in np.flatnonzero(low > high):
        yield Problem(
            f"{names[row]!r} has min_vm_pu {low[row]:g} and max_vm_pu {high[row]:g}",
            "the band is upside down",
        )
