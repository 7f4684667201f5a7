"""Things found by name: built-in ones (imported only when asked for), those of installed packages (entry
points), and `module:Class`. One registry per kind of thing."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from importlib import metadata
from typing import Any

from cosim.errors import Problem, UnknownNameError

_LISTED, _FIRST = 40, 10
"""More names than that are not listed whole, but the first of them."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A remedy that names the nearest valid name, or all of them (the first, of very many)."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    if len(names) > _LISTED:
        names = [*names[:_FIRST], f"... and {len(names) - _FIRST} more"]
    return "valid: " + ", ".join(names) if names else "there is none"


class Registry:
    """Names of one kind of thing.

    Args:
        kind: What it holds, for messages: "policy".
        group: Entry-point group in which other packages announce theirs: "cosim.policies".
        builtin: name -> "module:Class", imported lazily.
    """

    def __init__(self, kind: str, group: str, builtin: dict[str, str]) -> None:
        self.kind = kind
        self.group = group
        self._targets = dict(builtin)
        self._scanned = False

    def names(self) -> list[str]:
        """All registered names, built-in first."""
        self._scan()
        return list(self._targets)

    def register(self, name: str, target: str) -> None:
        """Add a name for this process; a name that exists already raises.

        Raises:
            ValueError: if the name is taken.
        """
        if self._targets.get(name, target) != target:
            raise ValueError(f"{self.kind} {name!r} is registered already, as {self._targets[name]}")
        self._targets[name] = target

    def load(self, name: str) -> Any:
        """The class of that name, or of `module:Class`.

        Raises:
            UnknownNameError: if there is no such name, or the module or class cannot be imported.
        """
        self._scan()
        target = name if ":" in name else self._targets.get(name)
        if target is None:
            raise UnknownNameError(
                Problem(
                    f"unknown {self.kind} {name!r}",
                    f"{nearest(name, self._targets)}; a class of your own is written module:Class",
                )
            )
        module_name, _, attribute = target.partition(":")
        try:
            module = importlib.import_module(module_name)
        except ImportError as error:
            raise UnknownNameError(
                Problem(
                    f"{self.kind} {name!r}: cannot import {module_name!r}: {error}",
                    "is the module on the Python path?",
                )
            ) from error
        except Exception as error:  # somebody else's code
            raise UnknownNameError(
                Problem(f"{self.kind} {name!r}: its module raised {type(error).__name__}: {error}")
            ) from error
        try:
            return getattr(module, attribute)
        except AttributeError as error:
            public = [key for key in vars(module) if not key.startswith("_")]
            raise UnknownNameError(
                Problem(
                    f"{self.kind} {name!r}: module {module_name!r} has no {attribute!r}",
                    nearest(attribute, public),
                )
            ) from error

    def _scan(self) -> None:
        """Entry points of installed packages, once."""
        if self._scanned:
            return
        self._scanned = True
        for point in metadata.entry_points(group=self.group):
            self.register(point.name, point.value)
