"""What the README says is so: its scenario is the shipped one, its files exist, its Python runs."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


def test_the_scenario_is_quoted_from_the_file() -> None:
    assert blocks("yaml")[0] in (ROOT / "scenarios" / "quickstart.yaml").read_text(encoding="utf-8")


def test_links_lead_to_files() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        if "://" not in target:
            assert (ROOT / target).exists(), target


def test_every_shipped_scenario_is_listed() -> None:
    for file in (ROOT / "scenarios").glob("*.yaml"):
        assert f"(scenarios/{file.name})" in TEXT


def test_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "scenarios", tmp_path / "scenarios")
    monkeypatch.chdir(tmp_path)
    for block in blocks("python"):
        exec(compile(block.replace("days=1", "days=0.125"), "README.md", "exec"), {})
    assert list((tmp_path / "outputs").iterdir())
