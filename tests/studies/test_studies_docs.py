"""docs/evaluate.md tells the truth: it names every measure and option, and its code runs."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from cosim.cli.evaluating import evaluate as command
from cosim.studies import evaluate, summary
from cosim.studies.contenders import contenders_of
from cosim.studies.measured import MEASURES
from cosim.studies.study import Study

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "evaluate.md").read_text(encoding="utf-8")


def test_every_measure_and_option_is_explained() -> None:
    known = set(re.findall(r"`([a-z0-9_]+)`", PAGE))
    assert set(MEASURES) <= known
    common = {"scenario", "set_", "quiet", "json_", "tune"}
    options = {
        f"--{name.replace('_', '-')}" for name in inspect.signature(command).parameters if name not in common
    }
    assert [option for option in sorted(options) if option not in PAGE] == []


def test_its_policies_can_be_read(tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    file = tmp_path / "policies.yaml"
    file.write_text(block)
    assert [one.name for one in contenders_of([str(file)])] == ["careful", "plain"]


def test_its_python_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    called: list[Study] = []
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(evaluate, "evaluate", lambda study, folder, jobs: called.append(study))
    monkeypatch.setattr(summary, "summarise", lambda study, folder: called.append(study))
    exec(compile(block, "evaluate.md", "exec"), {})
    assert len(called) == 2 and called[0].seeds == tuple(range(1, 6))
    called[0].common()
