"""Turns pydantic's errors into problems in plain words: where in the document, what is wrong, what would be
right."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
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
    "path": "a path",
    "string": "text",
    "tuple": "a list, like [a, b]",
}
"""First word of pydantic's type errors (`float_parsing`) -> what should be there."""

_LISTED = ("literal_error", "enum", "union_tag_invalid")
"""The value is none of a list."""
_LENGTHS = ("too_short", "too_long", "string_too_short", "string_too_long")
_IN_WORDS = ("value_error", "unknown_name", "place_form")
"""Errors whose message was written by cosim."""
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
    message, remedy = _words(item, location, data, structure)
    path = dotted(location)
    if item["type"] == "union_tag_invalid":
        path += "." + _discriminator(item)
    return Problem(message, remedy, path)


def _words(item: Error, location: Location, data: dict[str, Any], structure: Structure) -> tuple[str, str]:
    """What is wrong and what would be right."""
    kind = str(item["type"])
    wordings: dict[str, Callable[[], tuple[str, str]]] = {
        "missing": lambda: (_missing(location[-1]), structure.about(data, location)),
        "extra_forbidden": lambda: (
            f"unknown key {str(location[-1])!r}",
            _nearest_key(item, location, data, structure),
        ),
        "union_tag_not_found": lambda: (f"{_discriminator(item)!r} is missing", ""),
        "string_pattern_mismatch": lambda: (
            f"{_shown(item['input'])} has characters that a name may not have",
            "letters, digits, - and _",
        ),
    }
    wordings |= dict.fromkeys(_BOUNDS, lambda: (_bound(item), structure.about(data, location)))
    wordings |= dict.fromkeys(_LISTED, lambda: _choice(item))
    wordings |= dict.fromkeys(_LENGTHS, lambda: _length(item))
    wordings |= dict.fromkeys(_IN_WORDS, lambda: _split(str(item["msg"]).removeprefix("Value error, ")))
    if kind in wordings:
        return wordings[kind]()
    return _type(kind, item, location, structure.about(data, location))


def _missing(key: str | int) -> str:
    return f"number {key + 1} of the list is missing" if isinstance(key, int) else f"{key!r} is missing"


def _bound(item: Error) -> str:
    name, text = _BOUNDS[item["type"]]
    return f"{_shown(item['input'])} {text.format(_number(item['ctx'][name]))}"


def _discriminator(item: Error) -> str:
    """The key that tells the alternatives apart, as `source`."""
    return str(item["ctx"]["discriminator"]).strip("'")


def _type(kind: str, item: Error, location: Location, about: str) -> tuple[str, str]:
    value = item["input"]
    expected = _EXPECTED.get(kind.partition("_")[0])
    if expected is None:
        return f"{_shown(value)}: {item['msg']}", ""
    if value is None:
        return f"{expected} was expected, nothing is there", about
    remedy = (
        f'quote it: "{value}"' if kind.startswith("string") and not isinstance(value, dict | list) else about
    )
    return f"{_shown(value)} is not {expected}", remedy


def _nearest_key(item: Error, location: Location, data: dict[str, Any], structure: Structure) -> str:
    """The key that was meant, if it stands at this level."""
    keys = item.get("known") or structure.keys(data, location[:-1])
    if location[-1] in keys:
        return "it does not go with the other keys here"
    return nearest(str(location[-1]), keys) if keys else "no keys are allowed here"


def _choice(item: Error) -> tuple[str, str]:
    """A value that is not one of a list."""
    context = item["ctx"]
    tagged = item["type"] == "union_tag_invalid"
    value = context["tag"] if tagged else item["input"]
    expected = str(context["expected_tags"] if tagged else context["expected"])
    names = re.findall(r"'([^']*)'", expected)
    if len(names) > 6:
        return f"{_shown(value)} is not known here", nearest(str(value), names)
    return f"{_shown(value)} is not known here", f"valid: {', '.join(names) or expected.lower()}"


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


def _number(value: Any) -> str:
    return f"{value:.15g}" if isinstance(value, int | float) else str(value)


def _shown(value: Any) -> str:
    """A value as a message shows it: short, on one line."""
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
