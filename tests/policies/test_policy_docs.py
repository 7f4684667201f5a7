"""docs/policies.md tells the truth: its code runs, and it names every policy, parameter and field."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cosim.policies import load, names
from cosim.policies.sample import sample_spec

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "policies.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


def test_code_on_the_page_runs() -> None:
    known: dict[str, object] = {"__name__": "page"}
    for block in BLOCKS:
        exec(block, known)
    assert known["action"].shape == (100, 3)
    assert known["check_policy"](known["Thrifty"]) == []


def test_example_is_quoted_from_its_file() -> None:
    assert (ROOT / "examples" / "policy_plugin.py").read_text() in BLOCKS


@pytest.mark.parametrize("name", names())
def test_shipped_policies_and_their_parameters_are_named(name: str) -> None:
    assert f"| `{name}` |" in PAGE
    assert all(f"`{parameter}`" in PAGE for parameter in load(name).Config.model_fields)


def test_sample_fields_are_named() -> None:
    spec = sample_spec()
    assert len(spec.mean_field) == 35, "as in a community where electricity is traded"
    names_of_fields = {item.name for item in (*spec.observation, *spec.mean_field, *spec.action)}
    latest = {name.removeprefix("yesterday.") for name in names_of_fields}
    later = {name for name in latest if re.match(r"in_\d+h\.", name) and not name.startswith("in_3h.")}
    named = {*(latest - later), *(name.partition(".")[0] for name in later)}
    assert {name for name in named if f"`{name}`" not in PAGE} == set()
