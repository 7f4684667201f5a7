"""What the schema says about a place in a document: which keys it may have and what they are for. Only
messages use it; checking is pydantic's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from cosim.scenario.yaml_file import Location

Node = dict[str, Any]


class Structure:
    """The JSON Schema of a scenario, asked by location."""

    def __init__(self, schema: Node) -> None:
        self._schema = schema

    @cached_property
    def _definitions(self) -> dict[str, Node]:
        definitions: dict[str, Node] = self._schema.get("$defs", {})
        return definitions

    def keys(self, data: Any, location: Location) -> list[str]:
        """Keys that a mapping at this location may have."""
        names: dict[str, None] = {}
        for node in self._at(data, location):
            names |= dict.fromkeys(node.get("properties", {}))
        return list(names)

    def about(self, data: Any, location: Location) -> str:
        """What the setting at this location is for, in one sentence, with its unit."""
        *parent, key = location
        for node in self._at(data, tuple(parent)):
            described = node.get("properties", {}).get(key)
            if described and "description" in described:
                unit = described.get("unit", "1")
                text = str(described["description"]).split(". ")[0].removesuffix(".")
                return text if unit == "1" else f"{text} [{unit}]"
        return ""

    def takes_switch(self, data: Any, location: Location) -> bool:
        """Whether true or false may stand at this location (or nothing is known of it)."""
        nodes = self._at(data, location)
        switches = [node for node in nodes if "boolean" in _types(node) or node.get("const") in (True, False)]
        return bool(switches) or not nodes or any(not _types(node) and "const" not in node for node in nodes)

    def _at(self, data: Any, location: Location) -> list[Node]:
        nodes = list(self._forms(self._schema, data))
        for part in location:
            data = _inside(data, part)
            nodes = [
                form for node in nodes for child in _child(node, part) for form in self._forms(child, data)
            ]
        return nodes

    def _forms(self, node: Node, data: Any) -> Iterator[Node]:
        """The alternatives of a node that the data may mean: those whose constants (`source: csv`) agree."""
        if "$ref" in node:
            yield from self._forms(self._definitions[node["$ref"].rpartition("/")[2]], data)
            return
        alternatives = [*node.get("anyOf", ()), *node.get("oneOf", ()), *node.get("allOf", ())]
        for alternative in alternatives:
            yield from self._forms(alternative, data)
        if not alternatives and self._agrees(node, data):
            yield node

    @staticmethod
    def _agrees(node: Node, data: Any) -> bool:
        if not isinstance(data, Mapping):
            return True
        fixed = {key: item["const"] for key, item in node.get("properties", {}).items() if "const" in item}
        return all(data.get(key, value) == value for key, value in fixed.items())


def _types(node: Node) -> list[str]:
    kinds = node.get("type", [])
    return [kinds] if isinstance(kinds, str) else list(kinds)


def _inside(data: Any, part: str | int) -> Any:
    if isinstance(data, Mapping):
        return data.get(part)
    if isinstance(data, list) and isinstance(part, int) and part < len(data):
        return data[part]
    return None


def _child(node: Node, part: str | int) -> Iterator[Node]:
    if isinstance(part, int):
        items = node.get("prefixItems", ())
        if part < len(items):
            yield items[part]
        elif isinstance(node.get("items"), dict):
            yield node["items"]
        return
    if part in node.get("properties", {}):
        yield node["properties"][part]
        return
    yield from node.get("patternProperties", {}).values()
    if isinstance(node.get("additionalProperties"), dict):
        yield node["additionalProperties"]
