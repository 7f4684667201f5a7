"""Tables on disk while a run goes on: rows gather in buffers, full buffers become part files, parts are
joined at the end. It knows tables, not where their values come from.

Parts are written by a thread of their own. They are Arrow IPC files (LZ4): measured on 100 prosumers, writing
one and reading it back costs a third of what a Parquet part costs, and each row is encoded as Parquet only
once, when parts are joined. Joined tables are Parquet, ZSTD level 1. Which rows make a part or a row group
depends on the period's number and the number of rows alone, so that the same seed gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cosim.core.clock import Clock
from cosim.core.outputs import Detail, OutputsConfig, periods_per_block
from cosim.errors import OutputError
from cosim.results.arrow import coded, distinct, names, numbers, published_file
from cosim.results.buffers import BlockBuffer, Buffer, Columns, EventBuffer
from cosim.results.join import join
from cosim.results.tables import LEARNED, TABLES, Column, Table

PARTS = "parts"
"""Folder of the parts inside a run's folder."""
SLOTS = 96
"""Periods (or blocks) in a part, at most."""
_LZ4 = pa.ipc.IpcWriteOptions(compression="lz4")
PART_ROWS = 131_072
"""Rows in a part of a table with the same rows in every period, at most (unless one period has more)."""


@dataclass(frozen=True)
class Members:
    """Names of what a community consists of, in the order of its arrays."""

    community: str
    prosumers: Sequence[str]
    buses: Sequence[str] = ()
    lines: Sequence[str] = ()
    trafos: Sequence[str] = ()

    def rows(self, table: Table) -> int:
        """Rows that the community has in each period of a table."""
        return {
            "community": 1,
            "prosumer": len(self.prosumers),
            "bus": len(self.buses),
            "branch": len(self.lines) + len(self.trafos),
            "event": 0,
        }[table.rows]


class Recorder:
    """Records the tables of one run.

    Args:
        folder: The run's folder; it must exist.
        clock: Settlement periods.
        members: One entry a community.
        outputs: What is recorded, how finely.
        network_clock: Instants of the power flow, if they differ from the settlement periods.
        extra: Further columns by table, for example those of device kinds.
        learning: Whether a policy learns: only then there are tables of it.

    Raises:
        InputError: if steps cannot be grouped into hours or days.
    """

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        members: Sequence[Members],
        outputs: OutputsConfig | None = None,
        *,
        network_clock: Clock | None = None,
        extra: Mapping[str, Sequence[Column]] | None = None,
        learning: bool = False,
    ) -> None:
        self.folder = folder
        self.periods_done = 0
        self._last_community = len(members) - 1
        self._thread = ThreadPoolExecutor(1, "cosim-parts")
        record = (outputs or OutputsConfig()).record
        self.tables: dict[str, _TableWriter] = {}
        for name, table in TABLES.items():
            ticks = network_clock if network_clock and table.network_rate else clock
            every = _every(table, getattr(record, name), ticks)
            has_rows = table.rows == "event" or sum(part.rows(table) for part in members) > 0
            if every and has_rows and (learning or name not in LEARNED):
                self.tables[name] = _TableWriter(
                    folder / PARTS / name,
                    _with(table, (extra or {}).get(name, ())),
                    getattr(record, name),
                    every,
                    ticks,
                    clock,
                    members,
                    self._thread,
                )

    def add(self, table: str, period: int, columns: Columns, community: int = 0) -> None:
        """Take the rows of one table for one period and community.

        Periods come in order; within a period the communities come in order. Tables that are not recorded
        are passed over. Arrays of events (trades, violations) must not be changed afterwards.

        Args:
            table: Name of the table.
            period: Number of the settlement period, or of the power flow for tables at its rate.
            columns: Column name -> array (one value a row) or number.
            community: Index of the community.

        Raises:
            ValueError: if columns are missing or unknown, or periods are out of order.
            OutputError: if an earlier part could not be written.
        """
        writer = self.tables.get(table)
        if writer is not None:
            writer.add(period, columns, community)
        if table == "steps" and community == self._last_community:
            self.periods_done = period + 1

    def flush(self, *, complete: bool = False) -> None:
        """Write what the buffers hold as last, shorter parts (when a run ends early).

        Raises:
            OutputError: if a part cannot be written.
        """
        failures: list[OutputError] = []
        for writer in self.tables.values():
            try:
                writer.flush(complete=complete)
            except OutputError as error:  # the other tables are not to suffer
                failures.append(error)
        for writer in self.tables.values():
            try:
                writer.wait()
            except OutputError as error:
                failures.append(error)
        if failures:
            raise failures[0]

    def close(self) -> list[Path]:
        """Join all parts into the final tables and remove them; returns the tables' paths.

        Raises:
            OutputError: if a table cannot be written.
        """
        self.flush(complete=True)
        self._thread.shutdown()
        with ThreadPoolExecutor(2) as pool:  # Arrow works outside the interpreter's lock
            joined = [
                pool.submit(join, self.folder / PARTS / name, self.folder / f"{name}.parquet", writer.schema)
                for name, writer in self.tables.items()
            ]
        written = [path for each in joined for path in each.result()]
        parts = self.folder / PARTS
        if parts.is_dir():
            parts.rmdir()
        return written


def _every(table: Table, detail: Detail, ticks: Clock) -> int:
    """Periods in a row, 0 for none; events are not put together: whoever hands them in has done it."""
    if table.rows == "event":
        return int(detail != "none")
    return periods_per_block(detail, ticks.step_minutes)


class _TableWriter:
    """One table: its buffer, and the part that the buffer belongs to."""

    def __init__(
        self,
        folder: Path,
        table: Table,
        detail: Any,
        every: int,
        ticks: Clock,
        clock: Clock,
        members: Sequence[Members],
        thread: Executor,
    ) -> None:
        self._folder = folder
        self._thread = thread
        self._pending: Future[None] | None = None
        self._every = every
        self._columns = table.recorded(detail)
        self.schema = table.schema(detail, str(clock.zone), ticks.hours * every)
        counts = [part.rows(table) for part in members]
        busiest = sum(counts) or sum(len(part.prosumers) for part in members)
        self._slots = max(1, min(SLOTS, PART_ROWS // max(busiest, 1)))
        self._buffer: Buffer = (
            EventBuffer(self._columns)
            if table.rows == "event"
            else BlockBuffer(self._columns, counts, self._slots, every)
        )
        self._names = _Names(table, self._columns, members)
        self._time = ticks.utc[::every].astype("datetime64[ms]")
        per_tick = ticks.step_minutes * every
        self._period = (np.arange(len(self._time)) * per_tick // clock.step_minutes).astype(np.int32)
        self._part = 0
        self._last = -1
        self._dirty = False
        self._failed = False

    def add(self, index: int, columns: Columns, community: int) -> None:
        slot = index // self._every
        if index < self._last or slot >= len(self._time):
            raise ValueError(f"period {index} is out of order or after the end")
        self._last = index
        part = slot // self._slots
        if part != self._part:
            self.flush()
            self._part = part
        self._dirty = True
        self._buffer.add(slot - part * self._slots, community, columns)

    def flush(self, *, complete: bool = True) -> None:
        """Have the buffer written as a part, if anything came since the last one; no more than one part a
        table is on its way at any time."""
        self.wait()
        if not self._dirty or self._failed:  # no part behind one that is missing
            return
        self._dirty = False
        slots, owners, columns = self._buffer.take(complete=complete)
        slots = slots + self._part * self._slots
        arrays: dict[str, Any] = {
            "time": self._time[slots],
            "period": self._period[slots],
            **self._names.keys(owners),
            **self._names.encode(columns, owners),
        }
        typed = [
            value if isinstance(value, pa.DictionaryArray) else numbers(value, kind.type)
            for kind, value in ((kind, arrays[kind.name]) for kind in self.schema)
        ]
        path = self._folder / f"{self._part:06d}.arrow"
        self._pending = self._thread.submit(
            self._write, path, pa.Table.from_arrays(typed, schema=self.schema)
        )

    def wait(self) -> None:
        """Wait for the part that is being written; its error is raised here, once."""
        pending, self._pending = self._pending, None
        if pending is not None:
            try:
                pending.result()
            except OutputError:
                self._failed = True
                raise

    def _write(self, path: Path, rows: pa.Table) -> None:
        if not self._folder.is_dir():
            self._folder.mkdir(parents=True, exist_ok=True)
        with published_file(path) as file, pa.ipc.new_file(file, rows.schema, options=_LZ4) as writer:
            writer.write_table(rows)


class _Names:
    """Names as dictionary arrays, without a string being touched twice."""

    def __init__(self, table: Table, columns: tuple[Column, ...], members: Sequence[Members]) -> None:
        self._community = names([part.community for part in members])
        self._columns = columns
        prosumers = [name for part in members for name in part.prosumers]
        self._prosumer, self._prosumer_code = distinct(prosumers)
        self._offset = np.cumsum([0, *(len(part.prosumers) for part in members)])[:-1]
        self._static: dict[str, tuple[pa.Array, NDArray[np.int32]]] = {}
        if table.rows == "prosumer":
            self._static["prosumer"] = (self._prosumer, self._prosumer_code)
        elif table.rows == "bus":
            self._static["bus"] = distinct([name for part in members for name in part.buses])
        elif table.rows == "branch":
            self._static["kind"] = distinct([kind for part in members for kind in _kinds(part)])
            self._static["branch"] = distinct(
                [name for part in members for name in (*part.lines, *part.trafos)]
            )

    def keys(self, owners: NDArray[np.int64]) -> dict[str, pa.DictionaryArray]:
        """The columns that say whose a row is."""
        found = {"community": coded(owners.astype(np.int32), self._community)}
        for name, (known, codes) in self._static.items():
            found[name] = coded(np.resize(codes, len(owners)), known)
        return found

    def encode(self, columns: dict[str, Any], owners: NDArray[np.int64]) -> dict[str, Any]:
        """The columns, with indices of prosumers as their names."""
        for column in self._columns:
            if column.members:
                rows = columns[column.name] + self._offset[owners]
                columns[column.name] = coded(self._prosumer_code[rows], self._prosumer)
        return columns


def _kinds(part: Members) -> Iterator[str]:
    yield from ("line" for _ in part.lines)
    yield from ("transformer" for _ in part.trafos)


def _with(table: Table, extra: Sequence[Column]) -> Table:
    return Table(table.name, table.about, table.rows, (*table.columns, *extra), table.network_rate)
