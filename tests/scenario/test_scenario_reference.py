"""The schema file and the reference page are those of the code, and say what each key is for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cosim.devices import registry
from cosim.policies.registry import names
from cosim.scenario import reference

ROOT = Path(__file__).parents[2]
HOW = "run `make docs`"


def test_the_schema_file_is_fresh() -> None:
    assert (ROOT / reference.SCHEMA_FILE).read_text(encoding="utf-8") == reference.schema_text(), HOW


def test_the_page_is_fresh() -> None:
    assert (ROOT / reference.PAGE_FILE).read_text(encoding="utf-8") == reference.page_text(), HOW


def nodes(node: Any, at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        yield at, node
        for key, child in node.items():
            yield from nodes(child, f"{at}/{key}")
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from nodes(child, f"{at}/{index}")


def test_every_key_explains_itself() -> None:
    silent = [
        f"{at}/{key}"
        for at, node in nodes(reference.schema())
        if isinstance(node.get("properties"), dict)
        for key, item in node["properties"].items()
        if not any("description" in part for _, part in nodes(item)) and "$ref" not in json.dumps(item)
    ]
    assert silent == []


def test_unknown_keys_are_forbidden_everywhere() -> None:
    open_objects = [
        at
        for at, node in nodes(reference.schema())
        if "properties" in node
        and node.get("type") == "object"
        and node.get("additionalProperties") is not False
    ]
    assert open_objects == ["/$defs/TariffsConfig"], "only tariffs take names of one's own beside their keys"


def test_every_device_and_policy_is_in_the_schema_and_on_the_page() -> None:
    text, page = reference.schema_text(), reference.page_text()
    for kind in registry.names():
        assert f'"{kind}"' in text
    for name in names():
        assert f'"{name}"' in text
        assert f"`kind: {name}`" in page
    for unit in ("kWh", "kWp", "EUR/kWh", "min", "pu"):
        assert f"| {unit} |" in page


@pytest.mark.parametrize("file", sorted((ROOT / "scenarios").glob("*.yaml")), ids=lambda file: file.stem)
def test_shipped_scenarios_point_editors_at_the_schema(file: Path) -> None:
    first = file.read_text(encoding="utf-8").splitlines()[0]
    assert first == f"# yaml-language-server: $schema={reference.SCHEMA_FILE.name}"
