"""Problems of a file, row by row: gathered, cut to what one can read, raised together. What is a problem is
the business of whoever reads the file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cosim.core.arrays import BoolArray, IntArray
from cosim.errors import InputError, Problem, ProfileError

SHOWN = 20
"""Problems of one file that are listed; the rest are counted."""
SHOWN_OF_A_KIND = 8
"""Problems of one kind that are listed, so that one kind does not hide the others."""


@dataclass
class Problems:
    """What was found wrong with one file."""

    file: Path
    first_line: int = 2
    """Line of the first row of data, from 1."""
    error: type[InputError] = ProfileError
    """What is raised."""
    path: str = ""
    """Where the scenario names the file, counted from the room's settings."""
    lines: Callable[[], IntArray] | None = None
    """Line of every row, if rows need not be on consecutive lines; asked for only if a row is wrong."""
    _found: list[tuple[int | None, Problem]] = field(default_factory=list)
    _more: int = 0

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, message: str, remedy: str = "", row: int | None = None, *, line: int | None = None) -> None:
        """One problem, of a row (from 0), of a line (from 1) or of the whole file."""
        self._found.append((row, Problem(message, remedy, path=self.path, file=self.file, line=line)))

    def rows(self, wrong: BoolArray, message: Callable[[int], str], remedy: str = "") -> None:
        """One problem for every row where `wrong` is true; of many, the first few and a count."""
        rows = np.flatnonzero(wrong)
        for row in rows[:SHOWN_OF_A_KIND].tolist():
            self.add(message(row), remedy, row)
        self._more += max(len(rows) - SHOWN_OF_A_KIND, 0)

    def fail(self, message: str, remedy: str = "", *, line: int | None = None) -> InputError:
        """The error to raise at once, if the file is of no use without what is missing."""
        self.add(message, remedy, line=line)
        return self._error()

    def raise_if_any(self) -> None:
        """Raise what was found, in the order of the file.

        Raises:
            InputError: of the kind `error`, if there is any.
        """
        if self._found:
            raise self._error()

    def _error(self) -> InputError:
        of_rows = any(row is not None for row, _ in self._found)
        lines = self.lines() if self.lines and of_rows else None
        placed = [
            problem if row is None else problem.at(line=self._line(row, lines))
            for row, problem in self._found
        ]
        found = sorted(placed, key=lambda problem: problem.line or 0)
        more = self._more + max(len(found) - SHOWN, 0)
        shown = found[:SHOWN]
        if more:
            kinds = "problem of this kind" if more == 1 else "problems of these kinds"
            shown.append(Problem(f"and {more} more {kinds}", path=self.path, file=self.file))
        return self.error(shown)

    def _line(self, row: int, lines: IntArray | None) -> int:
        return self.first_line + row if lines is None else int(lines[row])
