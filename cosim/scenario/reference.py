"""The scenario's JSON Schema and the reference page made from it: `python -m cosim.scenario.reference` writes
both, and a test fails when one of them is stale. Nothing here is written by hand twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cosim.scenario.schema import Scenario

SCHEMA_FILE = Path("scenarios/scenario.schema.json")
PAGE_FILE = Path("docs/scenario.md")

Node = dict[str, Any]

_INTRO = """# The scenario file

<!-- Generated from the schema by `python -m cosim.scenario.reference`; do not edit. -->

A scenario is a YAML file. Every key that it may have is listed here, with unit, default and meaning; a key
that is not listed is an error. `cosim check FILE` reports all mistakes at once, `cosim schema` prints the
JSON Schema from which editors complete, and `cosim init DIR` writes a scenario to start from.

A value that is *drawn* for each device is a number, `{uniform: [4, 12]}`, `{choice: [3.7, 11]}` or
`{normal: {mean: 3500, std: 900, low: 500, high: 9000}}`. Paths start at the folder of the file.
Power drawn from the grid is positive, injection negative; charging is positive.
"""


def schema() -> Node:
    """The JSON Schema of a scenario file."""
    made = Scenario.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "cosim scenario"}


def schema_text() -> str:
    """The schema as `cosim schema` prints it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def page_text() -> str:
    """The reference page."""
    return _Page(schema()).text()


class _Page:
    """Walks the schema from the top and writes a section for each object on the way."""

    def __init__(self, root: Node) -> None:
        self.root = root
        self.sections: list[str] = []
        self.done: set[str] = set()

    def text(self) -> str:
        self._section("The top level", "", self.root)
        return _INTRO + "\n" + "\n".join(self.sections)

    def _section(self, title: str, path: str, node: Node) -> None:
        lines = [f"## {title}\n"]
        if "description" in node:
            lines.append(_paragraph(node["description"]) + "\n")
        lines += ["| key | type | unit | default | meaning |", "|---|---|---|---|---|"]
        required = node.get("required", ())
        for key, item in node.get("properties", {}).items():
            lines.append(self._row(key, item, key in required))
        self.sections.append("\n".join(lines) + "\n")
        for key, item in node.get("properties", {}).items():
            self._below(f"{path}.{key}" if path else key, item)

    def _row(self, key: str, item: Node, required: bool) -> str:
        default = "required" if required else _default(item.get("default", ""))
        cells = (f"`{key}`", self._type(item), _unit(item), default, _paragraph(self._about(item)))
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    def _below(self, path: str, item: Node) -> None:
        """Sections of the objects that a key may hold."""
        objects = list(self._objects(item))
        for suffix, name, node in objects:
            where = path + suffix
            label = node.get("title", name)
            identity = name or f"{where}:{label}"
            several = sum(other == suffix for other, _, _ in objects) > 1
            if identity in self.done or "properties" not in node:
                continue
            self.done.add(identity)
            variant = _variant(node) or (f" ({label})" if several else "")
            self._section(f"`{where}`{variant}", where, node)

    def _objects(self, item: Node) -> Iterator[tuple[str, str, Node]]:
        """Path below the key, name and schema of every object that a value may be or contain."""
        if "$ref" in item:
            name = item["$ref"].rpartition("/")[2]
            yield from self._of(name, self.root["$defs"][name])
            return
        for alternative in (*item.get("anyOf", ()), *item.get("oneOf", ()), *item.get("allOf", ())):
            yield from self._objects(alternative)
        if isinstance(item.get("items"), dict):
            for suffix, name, node in self._objects(item["items"]):
                yield "[]" + suffix, name, node
        for named in _named(item):
            for suffix, name, node in self._objects(named):
                yield ".NAME" + suffix, name, node
        if item.get("type") == "object" and "properties" in item:
            yield from self._of("", item)

    def _of(self, name: str, node: Node) -> Iterator[tuple[str, str, Node]]:
        if name in ("Uniform", "Normal", "Choice", "NormalParameters"):
            return
        yield "", name, node
        for named in _named(node):
            for suffix, inner, child in self._objects(named):
                yield ".NAME" + suffix, inner, child

    def _about(self, item: Node) -> str:
        if "description" in item:
            return str(item["description"])
        found = [node.get("description", "") for _, _, node in self._objects(item)]
        return str(found[0]) if found else ""

    def _type(self, item: Node) -> str:
        """Type in words."""
        words = list(dict.fromkeys(self._types(item)))
        if "a distribution" in words:
            return "drawn"
        return " or ".join(words) or "any"

    def _types(self, item: Node) -> Iterator[str]:
        if "$ref" in item:
            name = item["$ref"].rpartition("/")[2]
            if name in ("Uniform", "Normal", "Choice"):
                yield "a distribution"
            else:
                yield from self._types(self.root["$defs"][name])
            return
        alternatives = (*item.get("anyOf", ()), *item.get("oneOf", ()), *item.get("allOf", ()))
        for alternative in alternatives:
            yield from self._types(alternative)
        if alternatives:
            return
        if "const" in item:
            const = item["const"]
            yield f"`{const if isinstance(const, str) else json.dumps(const)}`"
        elif "enum" in item:
            yield from (f"`{value}`" for value in item["enum"])
        elif item.get("type") == "array":
            yield "list"
        else:
            kinds = item.get("type", [])
            for kind in [kinds] if isinstance(kinds, str) else kinds:
                yield _KINDS.get(kind, kind)


_KINDS = {
    "boolean": "true or false",
    "integer": "whole number",
    "null": "nothing",
    "number": "number",
    "object": "section",
    "string": "text",
}


def _named(item: Node) -> Iterator[Node]:
    """What stands behind keys that the user chooses."""
    for child in (item.get("additionalProperties"), *item.get("patternProperties", {}).values()):
        if isinstance(child, dict):
            yield child


def _variant(node: Node) -> str:
    """What tells one alternative from another: `source: csv`."""
    fixed = [
        f"`{key}: {item['const']}`"
        for key, item in node.get("properties", {}).items()
        if isinstance(item.get("const"), str)
    ]
    return f" with {', '.join(fixed)}" if fixed else ""


def _unit(item: Node) -> str:
    return str(item.get("unit", ""))


def _default(value: Any) -> str:
    if value == "" or isinstance(value, dict):
        return ""
    return "left out" if value is None else f"`{json.dumps(value, ensure_ascii=False)}`"


def _paragraph(text: str) -> str:
    return " ".join(str(text).split())


def write(root: Path = Path()) -> list[Path]:
    """Write schema and page below a folder; the files."""
    files = [root / SCHEMA_FILE, root / PAGE_FILE]
    for file, text in zip(files, (schema_text(), page_text()), strict=True):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return files


if __name__ == "__main__":
    write()
