"""Overrides on the command line: `--set groups.households.count=50`. They change the document before it is
checked, so that a wrong value reads like a mistake in the file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cosim.core.registry import nearest
from cosim.errors import Problem, ScenarioError
from cosim.scenario.yaml_file import Location, parse_value

Override = tuple[str, Any]
"""Path with dots (`market.parameters.rounds`, `groups[0].count`, `groups.households.count`) and new value."""


@dataclass(frozen=True, slots=True)
class Change:
    """An override and how it was written, for messages."""

    written: str
    path: str
    value: Any


_PART = re.compile(r"[^.\[\]]+|\[\d+\]")


def parse_override(text: str) -> Override:
    """Path and value of `key.path=value`; the value is read as YAML.

    Raises:
        ScenarioError: if there is no `=`, no path or the value is not YAML.
    """
    path, equals, value = text.partition("=")
    place = f"--set {text}"
    if not equals or not path.strip():
        raise ScenarioError(Problem("is not of the form key.path=value", path=place))
    try:
        return path.strip(), parse_value(value)
    except ScenarioError as error:
        message = error.problems[0].message
        raise ScenarioError(Problem(f"the value {message}", "quote it?", path=place)) from error


def apply(data: dict[str, Any], changes: Iterable[Change]) -> tuple[dict[Location, str], list[Problem]]:
    """Change the document in place.

    A path leads through what the document has; the last keys may be new (a setting that so far has its
    default), and it is the schema that says whether they exist.

    Returns:
        Location -> how the override was written, for messages; and the overrides that lead nowhere.
    """
    origin: dict[Location, str] = {}
    problems = []
    for change in changes:
        try:
            origin[_put(data, change.path, change.value)] = change.written
        except LookupError as error:
            remedy = error.args[1] if len(error.args) > 1 else ""
            problems.append(Problem(str(error.args[0]), remedy, path=change.written))
    return origin, problems


def _put(data: dict[str, Any], path: str, value: Any) -> Location:
    parts = _PART.findall(path)
    if not parts or "".join(parts).replace("[", "").replace("]", "") != re.sub(r"[.\[\]]", "", path):
        raise LookupError(f"{path!r} is not a path")
    here: Any = data
    at: list[str | int] = []
    for depth, part in enumerate(parts):
        last = depth == len(parts) - 1
        if isinstance(here, list):
            index = _index(here, part)
            at.append(index)
            if last:
                here[index] = value
            here = here[index]
        elif isinstance(here, dict):
            at.append(part)
            if last:
                here[part] = value
            else:
                if here.get(part) is None:
                    here[part] = {}
                elif isinstance(here[part], str):
                    here[part] = _in_full(at, here[part])
                here = here[part]
        else:
            where = ".".join(map(str, at))
            whole = _nested(parts[depth:], value)
            raise LookupError(
                f"{where} is the value {here!r} and has nothing inside (set it as a whole: "
                f'--set "{where}={whole}")'
            )
    return tuple(at)


def _in_full(at: list[str | int], value: str) -> Any:
    """What a name that may stand alone is short for (`default: mf-ppo`, `market: call-auction`)."""
    if at == ["market"]:
        return {"mechanism": value}
    return {"kind": value} if at[0] == "policies" and len(at) == 2 else value


def _nested(parts: list[str], value: Any) -> str:
    """A value under keys, as it would stand on the command line."""
    text = "..." if isinstance(value, dict | list) else str(value)
    for part in reversed(parts):
        text = f"{{{part}: {text}}}"
    return text


def _index(items: list[Any], part: str) -> int:
    """Number of an item, from `[0]`, `0` or the item's name."""
    digits = part.strip("[]")
    if digits.isdigit():
        if int(digits) >= len(items):
            raise LookupError(f"there is no item {digits}", f"items are counted from 0 to {len(items) - 1}")
        return int(digits)
    names = [str(item.get("name")) if isinstance(item, dict) else str(item) for item in items]
    if part not in names:
        raise LookupError(f"there is no item called {part!r}", nearest(part, set(names) - {"None"}))
    return names.index(part)
