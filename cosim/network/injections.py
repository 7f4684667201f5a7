"""The loads and generators of a pandapower net: taken out of it, they are columns for cosim to use."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.core.arrays import BoolArray, FloatArray, IntArray
from cosim.network.grid import Injections
from cosim.network.tables import column, objects, rows_of, unique_names

if TYPE_CHECKING:
    import pandas as pd

LOADS = ("load", "motor", "ward", "asymmetric_load")
"""Tables whose rows draw constant power."""
GENERATORS = ("sgen", "asymmetric_sgen")
"""Tables whose rows produce constant power."""


def take_out_injections(net: Any) -> None:
    """Empty the tables of loads, generators and storages; what is left is the grid proper.

    The constant-impedance part of a ward is a shunt of the grid: it stays, only its constant power goes.
    """
    for table in ("load", "sgen", "storage", "motor", "asymmetric_load", "asymmetric_sgen"):
        if table in net:
            net[table] = net[table].iloc[:0]
    if "ward" in net:
        net.ward["ps_mw"] = 0.0
        net.ward["qs_mvar"] = 0.0


def read_injections(net: Any, tables: tuple[str, ...], position: dict[int, int]) -> Injections:
    """Rows in service of several tables, as one.

    Args:
        net: The pandapower net.
        tables: `LOADS` or `GENERATORS`.
        position: Row number of every bus index.
    """
    name: list[str] = []
    profile: list[str] = []
    bus: list[IntArray] = []
    p_kw: list[FloatArray] = []
    q_kvar: list[FloatArray] = []
    for key in tables:
        if key not in net or not len(net[key]):
            continue
        table = net[key]
        active, reactive = _power_mva(key, table)
        in_service = table["in_service"].to_numpy(dtype=bool)
        name += [str(label) for label in unique_names(table, key)[in_service]]
        texts = table["profile"] if "profile" in table else [""] * len(table)
        profile += [
            text if isinstance(text, str) else ""
            for text, kept in zip(texts, in_service, strict=True)
            if kept
        ]
        bus.append(rows_of(table, "bus", position)[in_service])
        p_kw.append(1e3 * active[in_service])
        q_kvar.append(1e3 * reactive[in_service])
    return Injections(
        name=objects(name),
        bus=np.concatenate([np.empty(0, dtype=np.int64), *bus]),
        p_kw=np.concatenate([np.empty(0), *p_kw]),
        q_kvar=np.concatenate([np.empty(0), *q_kvar]),
        profile=objects(profile),
    )


def _power_mva(key: str, table: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
    """Active and reactive power of a table's rows [MW, Mvar]."""
    scaling = column(table, "scaling", 1.0)
    if key == "ward":
        return column(table, "ps_mw", 0.0), column(table, "qs_mvar", 0.0)
    if key == "motor":
        shaft = column(table, "pn_mech_mw", 0.0) * column(table, "loading_percent", 100.0) / 100.0
        p = shaft / (column(table, "efficiency_percent", 100.0) / 100.0) * scaling
        return p, p * np.tan(np.arccos(column(table, "cos_phi", 1.0)))
    if key.startswith("asymmetric"):
        phases_mw = np.array([column(table, f"p_{phase}_mw", 0.0) for phase in "abc"])
        phases_mvar = np.array([column(table, f"q_{phase}_mvar", 0.0) for phase in "abc"])
        return phases_mw.sum(axis=0) * scaling, phases_mvar.sum(axis=0) * scaling
    return column(table, "p_mw", 0.0) * scaling, column(table, "q_mvar", 0.0) * scaling


def at_fed_buses(rows: Injections, fed: BoolArray, what: str, notes: list[str]) -> Injections:
    """The rows at buses that a source feeds; the others, which nothing can supply, are noted."""
    kept = fed[rows.bus]
    if kept.all():
        return rows
    notes.append(f"{what} at isolated buses are left out ({int((~kept).sum())})")
    return Injections(*(getattr(rows, field.name)[kept] for field in fields(rows)))


def notes_on(net: Any) -> list[str]:
    """In words: what the file holds and cosim leaves out or treats differently."""
    notes = []
    storages = int(net.storage["in_service"].sum()) if "storage" in net and len(net.storage) else 0
    if storages:
        notes.append(f"storages of the grid file are left out ({storages}): prosumers bring their own")
    for key in ("asymmetric_load", "asymmetric_sgen"):
        if key in net and len(net[key]):
            notes.append(f"single-phase elements count as symmetric ({len(net[key])} of table {key!r})")
    shares = [
        column(net.load, name, 0.0) for name in net.load if str(name).startswith(("const_z", "const_i"))
    ]
    if any(share.any() for share in shares):
        notes.append("loads that depend on the voltage count as constant power")
    if "controller" in net and len(net.controller):
        notes.append(f"controllers of pandapower do not act ({len(net.controller)})")
    return notes
