"""The table of prosumers over the whole run, written once at its end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cosim.results.arrow import published_file
from cosim.results.recorder import Members
from cosim.results.tables import TOTALS, Column, field, numpy_type


def write_totals(
    folder: Path,
    members: Sequence[Members],
    totals: Sequence[Mapping[str, Iterable[Any]]],
    extra: Sequence[Column] = (),
) -> Path:
    """Write prosumer_totals.parquet.

    Args:
        folder: The run's folder.
        members: One entry a community.
        totals: For each community, column name -> value of each prosumer (see `tables.TOTALS`). `saving_eur`
            and `worse_off` are made here from the two bills if they are not given.
        extra: Further columns that `totals` holds, for example those of device kinds.

    Raises:
        ValueError: if a column is missing.
        OutputError: if the file cannot be written.
    """
    from pyarrow import parquet

    columns = (*TOTALS.keys[2:], *TOTALS.columns, *extra)
    pieces: dict[str, list[object]] = {column.name: [] for column in columns}
    for part, given in zip(members, totals, strict=True):
        known = {**_derived(given), **given}
        pieces["community"] += [part.community] * len(part.prosumers)
        pieces["prosumer"] += part.prosumers
        for column in columns[2:]:
            value = known.get(column.name)
            if value is None:
                if not column.optional:
                    raise ValueError(f"column {column.name!r} is missing")
                value = [None if column.kind == "name" else np.nan] * len(part.prosumers)
            pieces[column.name] += list(value)
    schema = pa.schema([field(column, "UTC") for column in columns], metadata={"cosim_table": TOTALS.name})
    arrays = [
        pa.array(pieces[column.name], pa.string()).dictionary_encode()
        if column.kind == "name"
        else pa.array(np.asarray(pieces[column.name], dtype=numpy_type(column.kind)))
        for column in columns
    ]
    target = folder / f"{TOTALS.name}.parquet"
    with published_file(target) as file:
        parquet.write_table(pa.Table.from_arrays(arrays, schema=schema), file, compression="zstd")
    return target


def _derived(given: Mapping[str, Iterable[Any]]) -> dict[str, Iterable[Any]]:
    actual = np.asarray(given["cost_eur"], dtype=float)
    saving = np.asarray(given["counterfactual_cost_eur"], dtype=float) - actual
    # A bill that differs by rounding alone is not a worse one.
    worse = saving < -1e-9 * np.maximum(1.0, np.abs(actual))
    return {"saving_eur": saving.tolist(), "worse_off": worse.tolist()}
