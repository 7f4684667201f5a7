"""A run's folder: made once, never over something that is there; its manifest says at any time what state the
run is in. Tables are the recorder's business, figures those of whoever hands them in."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from cosim.errors import InputError, OutputError, Problem
from cosim.results import manifest as manifests
from cosim.results.files import TEMPORARY, explain, plain, write_json, write_text
from cosim.results.manifest import Manifest, Status
from cosim.results.recorder import Recorder

OUTPUTS = Path("outputs")
"""Where runs go if nothing else is said, below the working folder."""
_LONGEST_NAME = 80


def folder_name(name: str) -> str:
    """A scenario's name as a folder's: letters, digits, `-`, `_` and `.`; it cannot lead elsewhere."""
    plain = re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).strip(".-")
    return plain[:_LONGEST_NAME] or "run"


def make_folder(name: str, output: Path | None = None, root: Path = OUTPUTS) -> Path:
    """A new, empty folder for a run.

    Args:
        name: Name of the scenario.
        output: Where the user wants it; None for root/NAME-YYYYmmdd-HHMMSS.
        root: Parent of the folders that are named automatically.

    Raises:
        InputError: if `output` exists and is not an empty folder.
        OutputError: if it cannot be made.
    """
    if output is not None:
        return _asked_for(output)
    stem = f"{folder_name(name)}-{datetime.now():%Y%m%d-%H%M%S}"
    for number in range(1, 1000):
        path = root / (stem if number == 1 else f"{stem}-{number}")
        try:
            path.mkdir(parents=True)
        except FileExistsError:  # another run of the same second
            if path.exists():
                continue
            raise OutputError(f"{root} is not a folder (choose another place with --output)") from None
        except OSError as error:
            raise OutputError(explain(error, path)) from error
        return path
    raise OutputError(f"there are too many runs {root / stem}*")


def _asked_for(output: Path) -> Path:
    try:
        if output.exists() and not output.is_dir():
            raise InputError(
                Problem(f"{output} is a file", "name a folder that does not exist", path="--output")
            )
        if output.is_dir() and any(output.iterdir()):
            raise InputError(
                Problem(
                    f"{output} exists and is not empty",
                    "nothing is ever overwritten: name another folder, or remove this one",
                    path="--output",
                )
            )
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(explain(error, output)) from error
    return output


class RunFolder:
    """The folder of one run, used as a context manager around the simulation.

    Leaving the block without `complete` marks the run as interrupted (Ctrl-C) or failed, keeps what was
    recorded so far as parts, and lets the exception pass.

    Args:
        path: The folder, from `make_folder`.
        manifest: From `manifest.begun`.
        scenario: Text of the resolved scenario, for scenario.yaml.

    Raises:
        OutputError: if the first files cannot be written.
    """

    def __init__(self, path: Path, manifest: Manifest, scenario: str) -> None:
        self.path = path
        self.manifest = manifest
        self._recorder: Recorder | None = None
        self._tables: list[Path] | None = None
        self._write_manifest()
        try:
            write_text(path / "scenario.yaml", scenario)
        except OutputError as error:  # nobody enters a folder that could not be begun, so nobody leaves it
            self._stop("failed", str(error), error)
            raise

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.manifest.status != "running":
            return
        if error is None:
            self._stop("failed", "the run ended without being completed")
        elif isinstance(error, Exception):
            self._stop("failed", str(error) or type(error).__name__, error)
        else:  # KeyboardInterrupt, SystemExit
            self._stop("interrupted", "stopped by the user", error)

    def attach(self, recorder: Recorder) -> Recorder:
        """Let the folder know who records, so that an early end keeps what was recorded."""
        self._recorder = recorder
        return recorder

    def join(self) -> list[Path]:
        """Join the parts of all tables; returns the tables' paths. Once: a second call does nothing more.

        Raises:
            OutputError: if a table cannot be written.
        """
        if self._tables is None:
            self._tables = [] if self._recorder is None else self._recorder.close()
        return self._tables

    def complete(
        self,
        summary: Mapping[str, Any],
        *,
        seconds: Mapping[str, float] | None = None,
        audit: Mapping[str, float] | None = None,
    ) -> list[Path]:
        """Join the tables, write summary.json, and only then say that the run is complete.

        Args:
            summary: The indicators.
            seconds: Wall-clock time by phase [s].
            audit: Largest relative residual of each balance.

        Returns:
            Paths of tables and summary.

        Raises:
            OutputError: if something cannot be written.
        """
        self.manifest.seconds = dict(seconds or {})
        self.manifest.audit = dict(audit or {})
        written = self.join()
        write_json(self.path / "summary.json", summary)
        self._finish("complete", "")
        return [*written, self.path / "summary.json"]

    def _stop(self, status: Status, message: str, error: BaseException | None = None) -> None:
        """An early end. What goes wrong here is noted on the error that ended the run, which stays the one to
        report."""
        try:
            if self._recorder is not None:
                self._recorder.flush()
            for leftover in self.path.rglob(f"*{TEMPORARY}"):  # only now: nothing is being written any more
                leftover.unlink(missing_ok=True)
        except (OSError, OutputError) as second:
            if error is not None:
                error.add_note(f"what was recorded last is lost: {second}")
        try:
            self._finish(status, message)
        except OutputError as second:  # the manifest on disk still says "running", which is not "complete"
            if error is not None:
                error.add_note(str(second))

    def _finish(self, status: Status, message: str) -> None:
        if self._recorder is not None:
            self.manifest.periods_done = self._recorder.periods_done
        self.manifest.status = status
        self.manifest.message = message
        self.manifest.finished = manifests.now()
        try:
            self._write_manifest()
        except OutputError:
            if status == "complete":
                raise
            self._overwrite_manifest()

    def _write_manifest(self) -> None:
        write_json(self.path / manifests.FILE, self.manifest.content())

    def _overwrite_manifest(self) -> None:
        """The last resort on a full disk: into the space that the old manifest has. If this is cut short, the
        manifest cannot be read, and the run does not look whole either."""
        path = self.path / manifests.FILE
        text = json.dumps(plain(self.manifest.content()))
        try:
            with path.open("r+", encoding="utf-8") as file:
                file.write(text)
                file.truncate()
        except OSError as error:
            raise OutputError(explain(error, path)) from error
