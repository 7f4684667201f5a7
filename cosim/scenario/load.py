"""From a YAML file and overrides to a checked scenario, or to all that is wrong with it, line by line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cosim.errors import Problem, ScenarioError
from cosim.scenario.labels import misfits
from cosim.scenario.nested import error, unfold
from cosim.scenario.overrides import Change, apply
from cosim.scenario.schema import Scenario
from cosim.scenario.structure import Structure
from cosim.scenario.wording import problems as worded
from cosim.scenario.yaml_file import Document, Location, dotted, read


@dataclass(frozen=True)
class Source:
    """Where every value of a scenario comes from."""

    document: Document
    overridden: dict[Location, str] = field(default_factory=dict)
    """Location -> how it was set on the command line."""

    def placed(self, problem: Problem, location: Location) -> Problem:
        """The problem with file and line, or with the override that it comes from."""
        for depth in range(len(location), 0, -1):
            if location[:depth] in self.overridden:
                return Problem(problem.message, problem.remedy, path=self.overridden[location[:depth]])
        return problem.at(file=self.document.file, line=self.document.line(location), path=dotted(location))

    def located(self, problems: Iterable[Problem], at: Location) -> list[Problem]:
        """Problems of a room, whose paths start at `at`, placed in the document."""
        placed = []
        for problem in problems:
            location = (*at, *_split(problem.path))
            if problem.file is not None and (problem.line is not None or not location):
                placed.append(problem)  # in another file, for example a CSV: its own place says more
                continue
            message = f"{problem.file}: {problem.message}" if problem.file else problem.message
            if problem.file is not None and (*location, "file") in self.document.lines:
                location = (*location, "file")
            placed.append(self.placed(Problem(message, problem.remedy, dotted(location)), location))
        return placed


@dataclass(frozen=True)
class Loaded:
    """A scenario that is well-formed, and where its values come from."""

    scenario: Scenario
    source: Source


def load(
    path: str | Path,
    overrides: Sequence[tuple[str, Any]] = (),
    *,
    seed: int | None = None,
    days: float | None = None,
) -> Loaded:
    """The scenario of a file.

    Args:
        path: The YAML file.
        overrides: Path and value of settings to change: `("market.parameters.rounds", 3)`,
            `("groups[0].count", 10)`.
        seed: Takes the place of the file's seed.
        days: Takes the place of the file's duration [days].

    Raises:
        ScenarioError: if anything is wrong; it carries every mistake.
    """
    document, source, found = opened(path, overrides, seed=seed, days=days)
    scenario, mistakes = validated(document.data, document.file)
    found += [source.placed(problem, location) for location, problem in mistakes]
    if scenario is None or found:
        raise ScenarioError(in_order(found))
    return Loaded(scenario, source)


def opened(
    path: str | Path,
    overrides: Sequence[tuple[str, Any]] = (),
    *,
    seed: int | None = None,
    days: float | None = None,
) -> tuple[Document, Source, list[Problem]]:
    """The document with its overrides, where its values come from, and overrides that lead nowhere.

    Raises:
        ScenarioError: if the file is not YAML.
    """
    document = read(Path(path))
    changes = [Change(f"--set {key}", key, value) for key, value in overrides]
    if seed is not None:
        changes.append(Change("--seed", "seed", seed))
    if days is not None:
        changes.append(Change("--days", "horizon.duration", f"{days:.15g} days"))
    overridden, problems = apply(document.data, changes)
    return document, Source(document, overridden), problems


def validated(
    data: dict[str, Any], file: Path | None = None
) -> tuple[Scenario | None, list[tuple[Location, Problem]]]:
    """The scenario that a document holds, or None and its mistakes with their locations.

    `folder` becomes absolute, counted from the folder of `file`.
    """
    data = dict(data)
    if file is not None and isinstance(data.get("folder"), str | None):
        data["folder"] = str((file.parent / (data.get("folder") or ".")).resolve())
    errors = _switches(data)
    try:
        scenario = Scenario.model_validate(data)
        if not errors:
            return scenario, []
    except ValidationError as wrong:
        errors += unfold(wrong.errors(include_url=False))
    if all(item["loc"] for item in errors):
        errors += misfits(data)  # the schema looks at names only once everything else is right
    return None, worded(errors, data, structure())


def _switches(data: dict[str, Any]) -> list[dict[str, Any]]:
    """An error for each true or false where a number or text belongs: pydantic takes them for 1 and 0."""
    return [
        error(location, "value_error", f"{str(value).lower()} is not what belongs here")
        for location, value in _leaves(data, ())
        if isinstance(value, bool) and not structure().takes_switch(data, location)
    ]


def _leaves(data: Any, at: Location) -> Iterator[tuple[Location, Any]]:
    if isinstance(data, dict | list):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield from _leaves(value, (*at, key))
    else:
        yield at, data


@cache
def structure() -> Structure:
    """What the schema says about each place of a document."""
    return Structure(Scenario.model_json_schema())


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Problems in the order of the file, each once."""
    unique = {str(problem): problem for problem in problems}
    return sorted(unique.values(), key=lambda problem: (problem.line is None, problem.line or 0))


def _split(path: str) -> Location:
    """Keys and indices of `groups[0].count`."""
    parts: list[str | int] = []
    for part in path.replace("[", ".[").split("."):
        if part.startswith("[") and part[1:-1].isdigit():
            parts.append(int(part[1:-1]))
        elif part:
            parts.append(part)
    return tuple(parts)


def load_scenario(
    path: str | Path,
    overrides: Sequence[tuple[str, Any]] = (),
    *,
    seed: int | None = None,
    days: float | None = None,
) -> Scenario:
    """The scenario of a file, for use from Python; arguments and errors as of `load`."""
    return load(path, overrides, seed=seed, days=days).scenario
