"""A run read back: `cosim.load(RUN)` gives its tables as pandas frames, read when first asked for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

from cosim.core.carriers import Carrier
from cosim.errors import InputError, OutputError, Problem
from cosim.results.carriers import FURTHER
from cosim.results.join import parts, read_part
from cosim.results.manifest import FILE
from cosim.results.recorder import PARTS
from cosim.results.tables import FORMAT, LEARNED, PROSUMERS, TABLES, TOTALS

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def load(run: str | Path, *, partial: bool = False) -> Run:
    """A run's results.

    Args:
        run: Folder of the run.
        partial: Also accept a run that did not come to its end: what it had recorded by then.

    Raises:
        InputError: if it is no run.
        OutputError: if it is one that did not end well, or one of a newer cosim.
    """
    path = Path(run)
    manifest = _manifest(path)
    if manifest.get("format", 0) > FORMAT:
        wrote = manifest.get("versions", {}).get("cosim", "newer")
        raise OutputError(
            f"{path} was written by cosim {wrote}, in format {manifest['format']}; this cosim reads up to "
            f"format {FORMAT} (install the newer one)"
        )
    status = manifest.get("status")
    if status != "complete" and not partial:
        done, total = manifest.get("periods_done", 0), manifest.get("horizon", {}).get("periods", "?")
        how = {
            "running": "is still running, or was killed",
            "interrupted": f"was interrupted after {done} of {total} periods",
            "failed": f"failed after {done} of {total} periods: {manifest.get('message', '')}",
        }.get(str(status), f"has the unknown status {status!r}")
        raise OutputError(f"the run in {path} {how} (what it had recorded: cosim.load(..., partial=True))")
    return Run(path, manifest)


def _manifest(path: Path) -> dict[str, Any]:
    try:
        content = json.loads((path / FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(Problem(f"{path} is no run: there is no {FILE} in it", _runs_near(path))) from None
    except (OSError, ValueError) as error:
        raise OutputError(f"{path / FILE} cannot be read: {error}") from error
    if not isinstance(content, dict) or "status" not in content:
        raise OutputError(f"{path / FILE} is not the manifest of a run")
    return content


def _runs_near(path: Path) -> str:
    """A remedy: the runs in that folder, or in the one where it would be."""
    for folder in (path, path.parent):
        if folder.is_dir():
            found = sorted(folder.glob(f"*/{FILE}"), key=lambda file: file.stat().st_mtime, reverse=True)
            if found:
                return f"did you mean {found[0].parent}?"
    return "name the folder that cosim run printed at its end"


class Run:
    """One run: its tables as pandas frames, its indicators and its manifest."""

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        self.path = path
        self.manifest = manifest

    def __repr__(self) -> str:
        return f"<Run {self.path} ({self.manifest['status']})>"

    @property
    def name(self) -> str:
        """Name of the scenario."""
        return str(self.manifest["name"])

    @property
    def complete(self) -> bool:
        """Whether the run came to its end."""
        return str(self.manifest["status"]) == "complete"

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The indicators; empty if the run did not come to its end."""
        path = self.path / "summary.json"
        if not path.exists() and not self.complete:
            return {}
        try:
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise OutputError(f"{path} cannot be read: {error}") from error
        return content

    @cached_property
    def steps(self) -> pd.DataFrame:
        """Totals of each community in each period."""
        return self.table("steps")

    @cached_property
    def prosumers(self) -> pd.DataFrame:
        """What each prosumer used, traded and paid."""
        return self.table("prosumers")

    @cached_property
    def trades(self) -> pd.DataFrame:
        """Every trade."""
        return self.table("trades")

    @cached_property
    def buses(self) -> pd.DataFrame:
        """Voltage at each bus."""
        return self.table("buses")

    @cached_property
    def branches(self) -> pd.DataFrame:
        """Loading of each line and transformer."""
        return self.table("branches")

    @cached_property
    def violations(self) -> pd.DataFrame:
        """Every broken limit."""
        return self.table("violations")

    @cached_property
    def learning(self) -> pd.DataFrame:
        """What learning policies measured, a row a metric."""
        return self.table("learning")

    @cached_property
    def actions(self) -> pd.DataFrame:
        """What learning policies did, by day and hour of the day."""
        return self.table("actions")

    @cached_property
    def prosumer_totals(self) -> pd.DataFrame:
        """Each prosumer over the whole run."""
        return self.table("prosumer_totals")

    def has(self, table: str) -> bool:
        """Whether the table was recorded."""
        return self._file(table).exists() or bool(parts(self.path / PARTS / table))

    def hours(self, table: str) -> float:
        """What one row of a table covers [h].

        Raises:
            OutputError: as for `table`.
        """
        return float(self._read(table, []).schema.metadata[b"cosim_hours"])

    def days(self) -> list[date]:
        """The days that the run covers, in its own zone."""
        horizon = self.manifest["horizon"]
        start = datetime.fromisoformat(horizon["start"]).astimezone(ZoneInfo(horizon["zone"]))
        minutes = horizon["step_minutes"] * horizon["periods"]
        last = start.astimezone(UTC) + timedelta(minutes=minutes) - timedelta(microseconds=1)
        count = (last.astimezone(start.tzinfo).date() - start.date()).days + 1
        return [start.date() + timedelta(days=number) for number in range(count)]

    def carriers(self) -> dict[str, Carrier]:
        """Columns of `prosumers` that hold the energy of a kind of device, and the carrier of each.

        Raises:
            OutputError: as for `table`.
        """
        fixed = {column.name for column in (*PROSUMERS.keys, *PROSUMERS.columns)}
        fixed |= {column.name for part in FURTHER.values() for column in part.prosumers}
        found: dict[str, Carrier] = {}
        for kind in self._read("prosumers", None, [("period", "<", 0)]).schema:
            if kind.name not in fixed:  # runs of older versions know electricity alone
                found[kind.name] = cast(
                    Carrier, (kind.metadata or {}).get(b"carrier", b"electricity").decode()
                )
        return found

    def day(self, prosumer: str, day: date, community: str = "") -> pd.DataFrame:
        """Rows of `prosumers` of one prosumer on one day, local time; nothing else is read into memory.

        Raises:
            OutputError: as for `table`.
        """
        import pandas as pd

        zone = self.manifest["horizon"]["zone"]
        first = pd.Timestamp(day).tz_localize(zone)
        last = pd.Timestamp(day + timedelta(days=1)).tz_localize(zone)
        filters = [("time", ">=", first), ("time", "<", last), ("prosumer", "=", prosumer)]
        filters += [("community", "=", community)] if community else []
        frame: pd.DataFrame = self._read("prosumers", None, filters).to_pandas()
        return frame

    def table(self, table: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """One table, or some of its columns. Names come as pandas categories.

        Raises:
            OutputError: if there is no such table, it was not recorded, or it cannot be read.
        """
        if table not in TABLES and table != TOTALS.name:
            raise OutputError(f"there is no table {table!r} (there are {', '.join([*TABLES, TOTALS.name])})")
        frame: pd.DataFrame = self._read(table, columns).to_pandas()
        return frame

    def _file(self, table: str) -> Path:
        return self.path / f"{table}.parquet"

    def _read(
        self, table: str, columns: Sequence[str] | None, filters: list[tuple[str, str, Any]] | None = None
    ) -> pa.Table:
        import pyarrow as pa
        from pyarrow import parquet

        path = self._file(table)
        unfinished = parts(self.path / PARTS / table)
        if not path.exists() and unfinished:
            rows = pa.concat_tables([read_part(part) for part in unfinished]).unify_dictionaries()
            rows = rows if filters is None else rows.filter(parquet.filters_to_expression(filters))
            return rows if columns is None else rows.select(list(columns))
        if not path.exists():
            recorded = self.manifest.get("tables", {}).get(table, "")
            why = "no policy of it learns" if table in LEARNED else "no file is there"
            why = "its record is none in the scenario's outputs" if recorded == "none" else why
            raise OutputError(f"the table {table!r} of {self.path} was not recorded: {why}")
        try:
            chosen = None if columns is None else list(columns)
            return parquet.read_table(path, columns=chosen, filters=filters)
        except (OSError, pa.ArrowInvalid) as error:
            raise OutputError(f"{path} cannot be read: {error}") from error
