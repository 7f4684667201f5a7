"""Variants of a scenario: `--vary market.mechanism=call-auction,muda --vary forecast=perfect,noisy` are four.
It says what differs between them; nothing is loaded or run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from cosim.errors import Problem, ScenarioError
from cosim.scenario.overrides import Override
from cosim.scenario.yaml_file import parse_value


@dataclass(frozen=True, slots=True)
class Variant:
    """One variant."""

    name: str
    """In tables: `muda, noisy`."""
    folder: str
    """Name of its folder, made of letters, digits, `-`, `_` and `.`."""
    overrides: tuple[Override, ...]


def variants(texts: Sequence[str]) -> list[Variant]:
    """Every combination of what is varied, the last one changing fastest.

    Args:
        texts: Each `key.path=value,value,...`; values are read as YAML, so `{...}` and `[...]` hold together.

    Raises:
        ScenarioError: with every text that cannot be understood.
    """
    axes: list[list[tuple[str, Override]]] = []
    problems: list[Problem] = []
    for text in texts:
        try:
            path, values = _parsed(text)
        except ScenarioError as error:
            problems += error.problems
            continue
        axes.append([(_named(path, value), (path, value)) for value in values])
    paths = [axis[0][1][0] for axis in axes]
    problems += [
        Problem("is varied twice", "give all its values in one --vary", f"--vary {path}")
        for path in dict.fromkeys(paths)
        if paths.count(path) > 1
    ]
    if problems:
        raise ScenarioError(problems)
    found = [_combined(choice) for choice in product(*axes)]
    return [
        Variant(one.name, _distinct(one, found, number), one.overrides) for number, one in enumerate(found)
    ]


def _parsed(text: str) -> tuple[str, list[Any]]:
    """Path and values of one `--vary`."""
    path, equals, written = text.partition("=")
    place = f"--vary {text}"
    if not equals or not path.strip():
        raise ScenarioError(Problem("is not of the form key.path=value,value", path=place))
    try:
        values = parse_value(f"[{written}]")
    except ScenarioError as error:
        message = error.problems[0].message
        raise ScenarioError(Problem(f"the list of values {message}", "quote it?", path=place)) from error
    if not isinstance(values, list) or not values:
        raise ScenarioError(Problem("has no values", "write key.path=value,value", path=place))
    twice = [value for number, value in enumerate(values) if value in values[:number]]
    if twice:
        raise ScenarioError(Problem(f"has {twice[0]!r} twice", path=place))
    return path.strip(), values


def _named(path: str, value: Any) -> str:
    """A value as it stands in a table: words for themselves, other values with what they are of."""
    if isinstance(value, str) and value:
        return value
    if isinstance(value, dict):
        for key in ("mechanism", "kind", "name"):  # a section that says by itself what it is
            if key in value:
                rest = [f"{name}={item}" for name, item in value.items() if name != key]
                return " ".join([str(value[key]), *rest])
    key = path.rsplit(".", maxsplit=1)[-1]
    return f"{key}={str(value).lower() if isinstance(value, bool) else value}"


def _combined(choice: Sequence[tuple[str, Override]]) -> Variant:
    names = [name for name, _ in choice]
    return Variant(
        ", ".join(names),
        "_".join(re.sub(r"[^A-Za-z0-9.-]+", "-", name).strip(".-") or "variant" for name in names)[:100],
        tuple(override for _, override in choice),
    )


def _distinct(one: Variant, every: Sequence[Variant], number: int) -> str:
    """The folder's name; with a number where two would be alike."""
    alike = [index for index, other in enumerate(every) if other.folder == one.folder]
    return one.folder if len(alike) == 1 else f"{one.folder}-{alike.index(number) + 1}"
