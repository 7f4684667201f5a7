"""Turns pydantic's errors into problems in plain words: where in the document, what is wrong, what would be
right."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from cosim.core.registry import nearest
from cosim.errors import Problem
from cosim.scenario.structure import Structure
from cosim.scenario.yaml_file import Location, dotted

Error = dict[str, Any]

_EXPECTED = {
    "bool": "true or false",
    "dict": "keys and values",
    "float": "a number",
    "finite": "a finite number",
    "int": "a whole number",
    "list": "a list, like [a, b]",
    "mapping": "keys and values",
    "model": "keys and values",
    "string": "text",
    "tuple": "a list, like [a, b]",
}
"""First word of pydantic's type errors (`float_parsing`) -> what should be there."""

_BOUNDS = {
    "greater_than": ("gt", "must be above {}"),
    "greater_than_equal": ("ge", "must be at least {}"),
    "less_than": ("lt", "must be below {}"),
    "less_than_equal": ("le", "must be at most {}"),
    "multiple_of": ("multiple_of", "must be a multiple of {}"),
}


def problems(
    errors: Iterable[Error], data: dict[str, Any], structure: Structure
) -> list[tuple[Location, Problem]]:
    """Location in the document and wording of each mistake, in the order of the document's keys."""
    found: dict[Location, dict[str, Problem]] = defaultdict(dict)
    for group in _by_mistake(errors, data):
        for location, item in _without_echoes(group, data):
            problem = _worded(item, location, data, structure)
            found[location].setdefault(str(problem), problem)
    return [(location, problem) for location, texts in found.items() for problem in texts.values()]


def _by_mistake(errors: Iterable[Error], data: Any) -> Iterable[list[tuple[Location, Error]]]:
    """Errors with their location in the document; of the alternatives of one value only the closest is kept.

    Pydantic tries every alternative of a union and puts its name into the location, where the document has
    no such key.
    """
    single: list[tuple[Location, Error]] = []
    unions: dict[Location, dict[str, list[tuple[Location, Error]]]] = defaultdict(lambda: defaultdict(list))
    for item in errors:
        location, union, branch = _in_document(item, data)
        if branch is None:
            single.append((location, item))
        else:
            unions[union][branch].append((location, item))
    yield single
    for union, branches in unions.items():
        yield min(branches.values(), key=lambda found: _distance(union, found))


def _without_echoes(found: list[tuple[Location, Error]], data: Any) -> Iterable[tuple[Location, Error]]:
    """Leaves out what only follows from another mistake: the key that a misspelt one was meant to be, and a
    list that is short because its items are wrong."""
    unknown: dict[Location, list[str]] = defaultdict(list)
    for location, item in found:
        if item["type"] == "extra_forbidden":
            unknown[location[:-1]].append(str(location[-1]))
    for location, item in found:
        if item["type"] == "missing" and get_close_matches(str(location[-1]), unknown[location[:-1]]):
            continue
        if item["type"] == "too_short" and len(_at(data, location)) >= item["ctx"]["min_length"]:
            continue
        yield location, item


def _at(data: Any, location: Location) -> Any:
    for part in location:
        data = data[part]
    return data


def _in_document(item: Error, data: Any) -> tuple[Location, Location, str | None]:
    """Location in the document, that of the first union on the way, and the alternative taken there."""
    here: Any = data
    location: list[str | int] = []
    union: Location = ()
    branch: str | None = None
    parts = item["loc"]
    for depth, part in enumerate(parts):
        is_key = (isinstance(here, dict) and part in here) or (
            isinstance(here, list | tuple) and isinstance(part, int) and part < len(here)
        )
        is_new_key = depth == len(parts) - 1 and item["type"] in ("missing", "unknown_name")
        if is_key or is_new_key:
            location.append(part)
            here = here[part] if is_key else None
        elif branch is None and isinstance(part, str):
            union, branch = tuple(location), part
    return tuple(location), union, branch


def _distance(union: Location, found: list[tuple[Location, Error]]) -> tuple[int, int]:
    """How far a value is from what an alternative asks for: wrong type first, then keys that do not fit."""
    kinds = [item["type"] for location, item in found if location == union]
    wrong_type = sum(kind.rpartition("_")[2] in ("type", "parsing") for kind in kinds)
    keys = sum(item["type"] in ("missing", "extra_forbidden") for _, item in found)
    return wrong_type + sum(kind == "model_type" for kind in kinds), keys


def _worded(item: Error, location: Location, data: dict[str, Any], structure: Structure) -> Problem:
    kind, value = str(item["type"]), item.get("input")
    path = dotted(location)
    if kind == "missing":
        key = str(location[-1])
        return Problem(f"{key!r} is missing", structure.about(data, location), path)
    if kind == "extra_forbidden":
        return Problem(f"unknown key {str(location[-1])!r}", _nearest_key(location, data, structure), path)
    if kind in _BOUNDS:
        name, text = _BOUNDS[kind]
        return Problem(
            f"{_shown(value)} {text.format(_number(item['ctx'][name]))}",
            _unit(location, data, structure),
            path,
        )
    if kind in ("literal_error", "enum", "union_tag_invalid"):
        return _choice(item, path)
    if kind == "union_tag_not_found":
        return Problem(f"{str(item['ctx']['discriminator']).strip(chr(39))!r} is missing", "", path)
    if kind in ("value_error", "unknown_name", "place_form", "assertion_error"):
        return Problem(*_split(str(item["msg"]).removeprefix("Value error, ")), path=path)
    if kind.startswith(("too_short", "too_long", "string_too")):
        return Problem(*_length(item), path=path)
    if kind == "string_pattern_mismatch":
        return Problem(
            f"{_shown(value)} has characters that a name may not have", "letters, digits, - and _", path
        )
    return _type(kind, value, item, location, data, structure)


def _type(
    kind: str, value: Any, item: Error, location: Location, data: dict[str, Any], structure: Structure
) -> Problem:
    path = dotted(location)
    expected = _EXPECTED.get(kind.partition("_")[0])
    if expected is None:
        return Problem(f"{_shown(value)}: {item['msg']}", path=path)
    remedy = _unit(location, data, structure)
    if value is None:
        return Problem(
            f"nothing stands behind {str(location[-1])!r}, {expected} was expected"
            if location
            else f"{expected} was expected",
            remedy,
            path,
        )
    if kind.startswith("string"):
        remedy = f'quote it: "{value}"'
    return Problem(f"{_shown(value)} is not {expected}", remedy, path)


def _nearest_key(location: Location, data: dict[str, Any], structure: Structure) -> str:
    """The key that was meant, if it stands at this level; else the place where such a key belongs."""
    keys = structure.keys(data, location[:-1])
    return nearest(str(location[-1]), keys) if keys else "no keys are allowed here"


def _choice(item: Error, path: str) -> Problem:
    """A value that is not one of a list."""
    context = item["ctx"]
    if item["type"] == "union_tag_invalid":
        value = context["tag"]
        path = f"{path}.{str(context['discriminator']).strip(chr(39))}"
        names = re.findall(r"'([^']*)'", str(context["expected_tags"]))
    else:
        value = item["input"]
        names = re.findall(r"'([^']*)'", str(context["expected"]))
    if names:
        remedy = f"valid: {', '.join(names)}" if len(names) <= 6 else nearest(str(value), names)
    else:
        remedy = f"valid: {context['expected']}"
    return Problem(f"{_shown(value)} is not known here", remedy, path)


def _length(item: Error) -> tuple[str, str]:
    context, value = item["ctx"], item["input"]
    least, most = context.get("min_length"), context.get("max_length")
    if isinstance(value, str):
        return (
            (f"{_shown(value)} is too long", f"at most {most} characters")
            if least is None
            else ("is empty", "")
        )
    count = context.get("actual_length", len(value) if hasattr(value, "__len__") else 0)
    bound = f"at least {least}" if least is not None else f"at most {most}"
    return f"{count} given, {bound} needed", ""


def _split(text: str) -> tuple[str, str]:
    """Message and remedy of `message (remedy)`."""
    match = re.fullmatch(r"(.*\S) \(([^()]*(?:\([^()]*\)[^()]*)*)\)", text, flags=re.DOTALL)
    return (match[1], match[2]) if match else (text, "")


def _unit(location: Location, data: dict[str, Any], structure: Structure) -> str:
    return structure.about(data, location)


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _shown(value: Any) -> str:
    """A value as a message shows it: short, on one line."""
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
