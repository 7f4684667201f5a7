"""The folder of a study: one JSON file for each unit that is done, written whole or not at all, and what
policies learnt. A file is read again only if it is of this very unit."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cosim.errors import InputError, OutputError, Problem
from cosim.policies.learning.checkpoint import Checkpoint
from cosim.results.files import explain, write_json
from cosim.results.weights import weights_file, write_weights
from cosim.studies.study import Study
from cosim.studies.units import Result, Unit

STUDY, UNITS, WEIGHTS = "study.json", "units", "weights"


class Store:
    """Keeps the units of a study in a folder.

    Args:
        folder: Made if it is not there.

    Raises:
        OutputError: if it cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            for part in (UNITS, WEIGHTS):
                (folder / part).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(explain(error, folder)) from error

    def begin(self, study: Study, units: Iterable[Unit]) -> set[str]:
        """Names of the units that are done already.

        Units of the same scenario and windows that this study does not ask for (other policies, other seeds)
        may be there, too.

        Raises:
            InputError: if the folder holds something of another study.
        """
        planned = {unit.name: unit for unit in units}
        done: set[str] = set()
        problems: list[Problem] = []
        for file in sorted((self.folder / UNITS).glob("*.json")):
            found, unit = _read(file), planned.get(file.stem)
            expected = found.get("digest") if unit is None else unit.digest()
            if found.get("study") != study.digest() or found.get("digest") != expected:
                problems.append(_foreign(file, same_study=found.get("study") == study.digest()))
            elif unit is not None:
                done.add(file.stem)
        if problems:
            raise InputError(problems)
        write_json(self.folder / STUDY, study.content())
        return done

    def write(self, unit: Unit, result: Result) -> None:
        """Keep what came of a unit; what it learnt first, so that a unit that is done is whole.

        Raises:
            OutputError: if it cannot be written, or a file that it was computed from is not what it was when
                the study began.
        """
        changed = unit.study.sources.changed()
        if changed:
            raise OutputError(
                f"{unit.name} is not kept: {', '.join(changed)} changed while the study ran (start it again)"
            )
        self.keep(unit, result.learnt)
        content = {
            "study": unit.study.digest(),
            "digest": unit.digest(),
            "kind": unit.kind,
            "policy": {"name": unit.contender.name, **unit.contender.content()},
            "seed": unit.seed,
            "window": None if unit.window is None else unit.window.content(),
            "result": result.values,
        }
        write_json(self.folder / UNITS / f"{unit.name}.json", content)

    def keep(self, unit: Unit, learnt: Mapping[str, Checkpoint]) -> list[Path]:
        """Keep what a unit learnt, by label; alone this does not make it done.

        Raises:
            OutputError: if it cannot be written.
        """
        folder = self.folder / WEIGHTS / unit.name
        files = {folder / weights_file(label): checkpoint for label, checkpoint in learnt.items()}
        for file, checkpoint in files.items():
            write_weights(file, checkpoint)
        return list(files)

    def read(self, unit: Unit) -> dict[str, Any]:
        """The values of a unit that is done.

        Raises:
            OutputError: if it is not, or its file cannot be read.
        """
        found = _read(self.folder / UNITS / f"{unit.name}.json")
        if found.get("digest") != unit.digest():
            raise OutputError(f"{self.folder}: {unit.name} was changed while the study ran")
        values: dict[str, Any] = found["result"]
        return values


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(f"{file} cannot be read: {error} (remove it, and it is computed again)") from error
    return found if isinstance(found, dict) else {}


def _foreign(file: Path, *, same_study: bool) -> Problem:
    what = "has other parameters" if same_study else "is of another study"
    remedy = "nothing is ever overwritten: name another folder, or remove what is not wanted any more"
    return Problem(f"{file} {what}", remedy, path="--output")
