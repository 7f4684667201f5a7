"""Reads a YAML file into plain values and remembers the line of every one of them. It runs no tags and builds
no objects, so a file can do nothing but hold data; what the data mean is the schema's business."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from cosim.errors import Problem, ScenarioError

MOST_BYTES = 5_000_000
"""Size [byte] above which a file is taken for a mistake (series belong into CSV files)."""
MOST_VALUES = 200_000
"""Values after aliases are written out: ten lines of aliases can otherwise stand for billions."""
DEEPEST = 40
"""Levels of nesting; an alias that contains itself would have no end."""

Location = tuple[str | int, ...]
"""Keys and indices from the top of a document to a value: `("groups", 0, "count")`."""

_PLAIN = "tag:yaml.org,2002:"


@dataclass(frozen=True)
class Document:
    """What a YAML file says."""

    file: Path | None
    data: dict[str, Any]
    lines: dict[Location, int] = field(default_factory=dict)
    """Location -> line from 1: of the key in a mapping, of the item in a list."""

    def line(self, location: Location) -> int | None:
        """The line of a value, or of the nearest thing around it that is in the file."""
        for depth in range(len(location), 0, -1):
            if location[:depth] in self.lines:
                return self.lines[location[:depth]]
        return 1 if self.file else None


def read(file: Path) -> Document:
    """The document in a file.

    Raises:
        ScenarioError: if the file cannot be read or is not plain YAML with a mapping at the top; it carries
            every repeated key, not only the first.
    """
    try:
        if file.stat().st_size > MOST_BYTES:
            raise ScenarioError(
                Problem(f"is larger than {MOST_BYTES:,} bytes", "series go into CSV files", file=file)
            )
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise ScenarioError(Problem("there is no such file", _files_nearby(file), file=file)) from error
    except IsADirectoryError as error:
        raise ScenarioError(Problem("is a folder, not a file", _files_in(file), file=file)) from error
    except UnicodeDecodeError as error:
        raise ScenarioError(Problem(f"is not UTF-8 text (byte {error.start})", file=file)) from error
    except OSError as error:
        raise ScenarioError(Problem(f"cannot be read: {error.strerror}", file=file)) from error
    return parse(text, file)


def parse(text: str, file: Path | None = None) -> Document:
    """The document in a text; `file` is for messages.

    Raises:
        ScenarioError: as `read`.
    """
    try:
        node = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        message, remedy = _wording(error, text, line)
        raise ScenarioError(Problem(message, remedy, file=file, line=line)) from error
    except RecursionError as error:
        raise ScenarioError(Problem("is nested too deeply", file=file)) from error
    except (YAMLError, ValueError) as error:  # a character that YAML does not allow
        what = str(error).splitlines()[0]
        raise ScenarioError(Problem(f"is not YAML: {what}", file=file)) from error
    if node is None:
        raise ScenarioError(Problem("is empty", "`cosim init DIR` writes one to start from", file=file))
    if not isinstance(node, MappingNode):
        remedy = "a scenario starts with keys such as `name:`"
        raise ScenarioError(Problem("holds no keys at its top level", remedy, file=file, line=1))
    reader = _Reader(file)
    data = reader.value(node, ())
    if reader.problems:
        raise ScenarioError(reader.problems)
    return Document(file, data, reader.lines)


def parse_value(text: str) -> Any:
    """One value as it would stand behind `key: `, for overrides.

    Raises:
        ScenarioError: as `read`.
    """
    return parse(f"value: {text}").data["value"]


class _Reader:
    """Turns composed nodes into values; collects lines and problems on the way."""

    def __init__(self, file: Path | None) -> None:
        self.file = file
        self.lines: dict[Location, int] = {}
        self.problems: list[Problem] = []
        self.count = 0

    def value(self, node: Node, at: Location) -> Any:
        self.count += 1
        if self.count > MOST_VALUES:
            raise ScenarioError(
                Problem(
                    f"holds more than {MOST_VALUES:,} values once its aliases are written out", file=self.file
                )
            )
        if len(at) > DEEPEST:
            remedy = "does an alias contain itself?"
            raise ScenarioError(Problem("is nested too deeply", remedy, file=self.file, line=_line(node)))
        if isinstance(node, MappingNode):
            return self._mapping(node, at)
        if isinstance(node, SequenceNode):
            return self._sequence(node, at)
        return self._scalar(node, at)

    def _mapping(self, node: MappingNode, at: Location) -> dict[str, Any]:
        self._plain(node, at, "map")
        values: dict[str, Any] = {}
        seen: dict[str, int] = {}
        for key_node, value_node in _merged_first(node):
            if key_node.tag == _PLAIN + "merge":
                values |= self._merge(value_node, at)
                continue
            if not isinstance(key_node, ScalarNode):
                self._problem(key_node, at, "a key must be plain text")
                continue
            key = str(key_node.value)
            if key in seen:
                self._problem(key_node, (*at, key), f"{key!r} is given twice", f"first in line {seen[key]}")
                continue
            seen[key] = self.lines[(*at, key)] = _line(key_node)
            values[key] = self.value(value_node, (*at, key))
        return values

    def _merge(self, node: Node, at: Location) -> dict[str, Any]:
        """What `<<: *name` or `<<: [*name, *other]` brings in; the first of several wins."""
        merged: dict[str, Any] = {}
        for part in reversed(node.value) if isinstance(node, SequenceNode) else [node]:
            if isinstance(part, MappingNode):
                merged |= self.value(part, at)
            else:
                self._problem(node, at, "`<<` takes a mapping", "for example `<<: *name`")
        return merged

    def _sequence(self, node: SequenceNode, at: Location) -> list[Any]:
        self._plain(node, at, "seq")
        values = []
        for index, item in enumerate(node.value):
            self.lines[(*at, index)] = _line(item)
            values.append(self.value(item, (*at, index)))
        return values

    def _scalar(self, node: Node, at: Location) -> Any:
        text = str(node.value)
        kind = str(node.tag).removeprefix(_PLAIN)
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        if kind in ("int", "float"):
            return _number(text, kind)
        if kind != "timestamp":  # a time stamp stays text: the schema says what is read from it
            self._plain(node, at, "str")
        return text

    def _plain(self, node: Node, at: Location, kind: str) -> None:
        if node.tag != _PLAIN + kind:
            self._problem(node, at, f"the tag {node.tag!r} is not allowed", "plain YAML only")

    def _problem(self, node: Node, at: Location, message: str, remedy: str = "") -> None:
        place = Problem(message, remedy, path=dotted(at), file=self.file, line=_line(node))
        self.problems.append(place)


def _number(text: str, kind: str) -> int | float | str:
    """The number that YAML sees in a text; the text itself where Python sees none."""
    plain = text.replace("_", "")
    try:
        if kind == "int":
            return int(plain, 0 if plain.lstrip("+-")[:2].lower() in ("0x", "0o") else 10)
        return float(plain.lower().replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        return text


def _merged_first(node: MappingNode) -> Iterator[tuple[Node, Node]]:
    """The pairs of a mapping, merges first, so that its own keys win."""
    yield from sorted(node.value, key=lambda pair: pair[0].tag != _PLAIN + "merge")


def dotted(location: Location) -> str:
    """`groups[0].count`, for people."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _wording(error: MarkedYAMLError, text: str, line: int | None) -> tuple[str, str]:
    """What is wrong and what would be right, in plain words for the common mistakes."""
    rows = text.splitlines()
    row = rows[line - 1] if line and line <= len(rows) else ""
    problem = str(error.problem or error.context or "")
    if "\t" in problem or "'\\t'" in problem or "\t" in row[: len(row) - len(row.lstrip())]:
        return "a tab stands where YAML wants spaces", "indent with spaces"
    if "mapping values are not allowed" in problem:
        return "a second `: ` stands in one line, or the indentation is wrong", "quote text that has a colon"
    if "expected <block end>" in problem or "block mapping" in str(error.context or ""):
        return (
            f"the indentation does not fit the lines above ({problem})",
            "keys of one level start in one column",
        )
    if "another document" in problem:
        return "a second document starts here", "one scenario a file: remove the `---`"
    if "undefined alias" in problem:
        return problem.removeprefix("found "), "write `&name` where it is first used"
    return f"is not YAML: {problem}", ""


def _files_in(folder: Path) -> str:
    names = sorted(path.name for path in folder.glob("*.y*ml"))
    return f"it holds {', '.join(names[:8])}" if names else ""


def _files_nearby(file: Path) -> str:
    from cosim.core.registry import nearest

    folder = file.parent
    names = [path.name for path in folder.glob("*.y*ml")] if folder.is_dir() else []
    return nearest(file.name, names) if names else ""
