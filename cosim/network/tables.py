"""Reading columns of pandapower's tables as plain arrays: numbers, row numbers, unique names, places."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.network.grid import Names

if TYPE_CHECKING:
    import pandas as pd


def unique_names(table: pd.DataFrame, kind: str) -> Names:
    """Names of a table's rows as `Grid` describes them."""
    import pandas as pd

    raw = table["name"] if "name" in table else [None] * len(table)
    given = ["" if name is None or pd.isna(name) else str(name).strip() for name in raw]
    generic = [f"{kind} {index}" for index in table.index]
    count: dict[str, int] = {}
    for name in given:
        count[name] = count.get(name, 0) + 1
    names = [
        own if not name else name if count[name] == 1 else f"{name} ({own})"
        for name, own in zip(given, generic, strict=True)
    ]
    taken: set[str] = set()
    for row, name in enumerate(names):
        while names[row] in taken:  # a bus that somebody else called "bus 12"
            names[row] += "'"
        taken.add(names[row])
        del name
    return objects(names)


def objects(values: Any) -> Names:
    """Any sequence as an array of objects."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def column(table: pd.DataFrame, name: str, default: float = np.nan) -> FloatArray:
    """A numeric column as floats; `default` where the column, or a value in it, is missing."""
    import pandas as pd

    if name not in table:
        return np.full(len(table), default)
    values = pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=float, na_value=np.nan, copy=True)
    if not np.isnan(default):
        values[np.isnan(values)] = default
    return values


def rows_of(table: pd.DataFrame, name: str, position: dict[int, int]) -> IntArray:
    """A column of bus indices as row numbers."""
    return np.array([position[index] for index in table[name]], dtype=np.int64)


def coordinates(table: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
    """Coordinates of buses, which pandapower 3 keeps as GeoJSON points."""
    points = np.full((len(table), 2), np.nan)
    for row, text in enumerate(table.get("geo", ())):
        try:
            point = json.loads(text) if isinstance(text, str) else text
            points[row] = point["coordinates"][:2]
        except (TypeError, KeyError, ValueError):
            continue  # a bus without a place, or one that is no point: it is only missing on the map
    return points[:, 0], points[:, 1]
