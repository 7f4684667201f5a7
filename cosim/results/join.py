"""Parts of a table joined into its final file, one row group in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from cosim.core.arrays import FloatArray
from cosim.errors import OutputError
from cosim.results.arrow import numbers, published_file
from cosim.results.files import TEMPORARY
from cosim.results.tables import DURATION, field

Durations = dict[int, FloatArray]
GROUP_ROWS = 131_072
"""A row group ends with the part that reaches this number of rows."""


def join(folder: Path, target: Path, schema: pa.Schema) -> list[Path]:
    """Join all parts in `folder` into the Parquet file `target`, and remove the folder.

    Violations also get the duration of their whole episode, and a copy as CSV.

    Returns:
        The files that were written.

    Raises:
        OutputError: if a part cannot be read or the table not be written; parts stay then.
    """
    written = [target]
    lasting: Durations | None = None
    if target.stem == "violations":
        lasting = _durations(folder)
        schema = schema.append(field(DURATION, "UTC")).with_metadata(schema.metadata)
        written.append(target.with_suffix(".csv"))
        _write_csv(_groups(folder, schema, lasting), written[-1], schema)
    _write_parquet(_groups(folder, schema, lasting), target, schema)
    if folder.is_dir():
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
    return written


def parts(folder: Path) -> list[Path]:
    """The finished parts, in order."""
    return sorted(path for path in folder.glob("*.arrow") if not path.name.endswith(TEMPORARY))


def read_part(path: Path) -> pa.Table:
    """One part.

    Raises:
        OutputError: if it cannot be read.
    """
    try:
        return pa.ipc.open_file(pa.py_buffer(path.read_bytes())).read_all()
    except (OSError, pa.ArrowInvalid) as error:
        raise OutputError(f"{path} cannot be read: {error}") from error


def _groups(folder: Path, schema: pa.Schema, lasting: Durations | None) -> Iterator[pa.Table]:
    """Row groups: as many whole parts as it takes."""
    gathered: list[pa.Table] = []
    for path in parts(folder):
        rows = read_part(path)
        if lasting is not None:
            duration = _looked_up(lasting, rows)
            rows = rows.append_column(schema.field(DURATION.name), numbers(duration, pa.float64()))
        gathered.append(rows)
        if sum(map(len, gathered)) >= GROUP_ROWS:
            yield _together(gathered)
            gathered = []
    if gathered:
        yield _together(gathered)


def _together(tables: list[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables).unify_dictionaries()


def _durations(folder: Path) -> Durations:
    """How long each episode lasts [h]: the longest that its rows have seen. By community (its code), then
    by the episode's number."""
    lasting: Durations = {}
    for path in parts(folder):
        rows = read_part(path)
        owner = rows["community"].combine_chunks().indices.to_numpy()
        episode, lasted = rows["episode"].to_numpy(), rows["lasted_h"].to_numpy()
        for community in np.unique(owner).tolist():
            mine = owner == community
            known = lasting.get(community, np.zeros(0))
            missing = int(episode[mine].max()) + 1 - len(known)
            known = np.pad(known, (0, max(0, missing)))
            np.maximum.at(known, episode[mine], lasted[mine])
            lasting[community] = known
    return lasting


def _looked_up(lasting: Durations, rows: pa.Table) -> FloatArray:
    owner = rows["community"].combine_chunks().indices.to_numpy()
    episode = rows["episode"].to_numpy()
    found = np.zeros(len(rows))
    for community in np.unique(owner).tolist():
        mine = owner == community
        found[mine] = lasting[community][episode[mine]]
    return found


def _write_parquet(groups: Iterator[pa.Table], target: Path, schema: pa.Schema) -> None:
    from pyarrow import parquet

    keys = [kind.name for kind in schema if not pa.types.is_floating(kind.type)]
    with (
        published_file(target) as file,
        parquet.ParquetWriter(
            file,
            schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=keys,
            write_statistics=["time", "period"],
        ) as writer,
    ):
        for rows in groups:
            writer.write_table(rows, row_group_size=max(len(rows), 1))


def _write_csv(groups: Iterator[pa.Table], target: Path, schema: pa.Schema) -> None:
    from pyarrow import csv

    plain = pa.schema([_without_dictionary(kind) for kind in schema])
    with published_file(target) as file, csv.CSVWriter(file, plain) as writer:
        for rows in groups:
            writer.write_table(rows.cast(plain))


def _without_dictionary(kind: pa.Field) -> pa.Field:
    return pa.field(kind.name, pa.string()) if pa.types.is_dictionary(kind.type) else kind
