"""Problems of a file, row by row: gathered, cut to what one can read, raised together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cosim.core.arrays import BoolArray
from cosim.errors import Problem, ProfileError

SHOWN = 20
"""Problems of one file that are listed; the rest are counted."""
SHOWN_OF_A_KIND = 8
"""Problems of one kind that are listed, so that one kind does not hide the others."""


@dataclass
class Problems:
    """What was found wrong with one file."""

    file: Path
    first_line: int
    """Line of the first row of data, from 1."""
    _found: list[Problem] = field(default_factory=list)
    _more: int = 0

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, message: str, remedy: str = "", row: int | None = None) -> None:
        """One problem, of a row (from 0) or of the whole file."""
        line = None if row is None else self.first_line + row
        self._found.append(Problem(message, remedy, file=self.file, line=line))

    def rows(self, wrong: BoolArray, message: Callable[[int], str], remedy: str = "") -> None:
        """One problem for every row where `wrong` is true; of many, the first few and a count."""
        rows = np.flatnonzero(wrong)
        for row in rows[:SHOWN_OF_A_KIND].tolist():
            self.add(message(row), remedy, row)
        self._more += max(len(rows) - SHOWN_OF_A_KIND, 0)

    def extend(self, problems: Iterable[Problem]) -> None:
        """Problems that somebody else found."""
        self._found.extend(problems)

    def raise_if_any(self) -> None:
        """Raise what was found, in the order of the file.

        Raises:
            ProfileError: if there is any.
        """
        if not self._found:
            return
        found = sorted(self._found, key=lambda problem: problem.line or 0)
        more = self._more + max(len(found) - SHOWN, 0)
        shown = found[:SHOWN]
        if more:
            shown.append(Problem(f"and {more} more problems of these kinds", file=self.file))
        raise ProfileError(shown)
