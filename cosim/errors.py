"""The tree of exceptions. What a user did wrong is told apart from what failed while running; wording is
for people, exit codes are for scripts.

    CosimError                 1   anything that cosim raises on purpose
    ├── InputError             2   the user's input: carries every problem found, not just the first
    │   ├── ScenarioError      2   a scenario file
    │   ├── ProfileError       2   a time series (CSV, Parquet, Ausgrid)
    │   ├── NetworkError       2   a grid: unknown, unreadable, or a bus that is not fed
    │   └── UnknownNameError   2   a device, policy, mechanism, network ... that is not registered
    └── RunError               1   a run that could not be finished
        ├── AuditError         1   energy or money does not balance: a defect, never the user's fault
        ├── PolicyError        1   a policy returned what the contract does not allow
        └── OutputError        1   results could not be written or read (a full disk, a run that did not end)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in the user's input, as data; `__str__` words it."""

    message: str
    """What is wrong, with the offending value in it."""
    remedy: str = ""
    """What would be right, for example the nearest valid name."""
    path: str = ""
    """Where in the document, for example `groups[0].devices.battery.capacity_kwh`."""
    file: Path | None = None
    line: int | None = None
    """Line in the file, counted from 1."""

    def at(self, *, file: Path | None = None, line: int | None = None, path: str | None = None) -> Problem:
        """The same problem with its place filled in; what is already known stays."""
        return replace(
            self,
            file=self.file or file,
            line=self.line if self.line is not None else line,
            path=self.path or path or "",
        )

    def __str__(self) -> str:
        place = str(self.file) if self.file else ""
        if self.line is not None:
            place = f"{place}:{self.line}" if place else f"line {self.line}"
        head = ": ".join(part for part in (place, self.path) if part)
        text = f"{head}: {self.message}" if head else self.message
        return f"{text} ({self.remedy})" if self.remedy else text


class CosimError(Exception):
    """Base of everything that cosim raises on purpose."""

    exit_code = 1


class InputError(CosimError):
    """The user's input is wrong; `problems` holds every mistake that was found."""

    exit_code = 2

    def __init__(self, problems: Problem | str | Sequence[Problem]) -> None:
        if isinstance(problems, str):
            problems = Problem(problems)
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ScenarioError(InputError):
    """A scenario file cannot be used."""


class ProfileError(InputError):
    """A time series cannot be used."""


class NetworkError(InputError):
    """A grid cannot be used."""


class UnknownNameError(InputError):
    """A name is not registered."""


class RunError(CosimError):
    """A run could not be finished."""


class AuditError(RunError):
    """Energy or money does not balance."""


class PolicyError(RunError):
    """A policy returned what the contract does not allow."""


class OutputError(RunError):
    """Results could not be written or read."""
