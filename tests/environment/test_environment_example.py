"""The page's code runs, and the example trains with a library of somebody else's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import cosim

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "environment.md").read_text()
EXAMPLE = ROOT / "examples" / "train_outside.py"


def test_code_on_the_page_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    known: dict[str, object] = {}
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    exec(compile(block.replace("days=1", "days=0.125"), "environment.md", "exec"), known)
    env = known["env"]
    assert env.agents == [] and len(env.possible_agents) == 100
    assert all(known["truncated"].values()) and len(known["rewards"]) == 100


def test_the_page_names_every_argument_and_info() -> None:
    for name in ("label", "agents", "days", "random_start", "uniform"):
        assert f"| `{name}` |" in PAGE
    for name in ("cost_eur", "counterfactual_cost_eur", "net_kwh", "bought_kwh", "sold_kwh", "rule_action"):
        assert f"`{name}`" in PAGE


def test_the_example_is_short() -> None:
    assert len(EXAMPLE.read_text().splitlines()) < 60


def test_the_example_learns_to_save(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fifth of reference-100 for two days, five times: too little to be good, enough to be better."""
    monkeypatch.syspath_prepend(str(EXAMPLE.parent))
    from train_outside import train

    counts = [(f"groups[{number}].count", count) for number, count in enumerate((8, 4, 8))]
    scenario = cosim.load_scenario(ROOT / "scenarios" / "reference-100.yaml", counts, days=2)
    before, after = train(scenario, episodes=5)
    assert after > before + 0.02
