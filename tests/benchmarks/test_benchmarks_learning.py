"""The whole of `cosim bench learning` on a hamlet, and its command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cosim import cli
from cosim.benchmarks import learning
from cosim.benchmarks.learning import Bench, cases, page, scale
from cosim.benchmarks.learning.cases import FULL, QUICK, RULES, Extent
from cosim.errors import InputError
from cosim.scenario.load import load_scenario
from cosim.scenario.schema import Scenario
from cosim.simulation.processes import Message, Work, silent
from cosim.studies.evaluate import News
from cosim.studies.study import RULE, Study
from cosim.studies.units import Unit
from cosim.studies.windows import windows_of

HAMLET = f"""\
name: reference-100
horizon: {{start: 2016-06-15 00:00, duration: 2 hours, step_minutes: 60}}
network: {{source: json, name: {Path(__file__).resolve().parents[2] / "networks" / "village.json"}}}
tariffs: {{default: {{retail: 0.30, feed_in: 0.08}}}}
groups:
  - name: homes
    count: 4
    devices:
      pv: {{share: 0.5, peak_kw: 8}}
      battery: {{share: 0.5, of: pv, capacity_kwh: 5}}
policies: {{default: self-consumption}}
"""
TINY = Extent(
    seeds=1,
    train_days=1.0,
    test_days=0.125,
    cases=("reference-100",),
    biddings=("reservation",),
    rules=tuple(rule for rule in RULES if rule.kind in {"utility-only", "self-consumption"}),
    learners=("mf-ppo",),
    ablations=("no mean field",),
    prudences=(0.0, 3.0),
    sizes=(4,),
    scale_days=1,
    warm_up_days=1,
    quality_sizes=(4,),
    best=1,
    regret=False,
)


def _here(works: Sequence[Work], at_once: int, tell: Any) -> list[Message]:
    """Work stays in this process, which knows the hamlet."""
    for work in works:
        work(silent)
    return [Message(number, "done") for number in range(len(works))]


@pytest.fixture
def hamlet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scenario:
    """Four homes in the place of every reference case."""
    file = tmp_path / "hamlet.yaml"
    file.write_text(HAMLET)
    scenario = load_scenario(file)
    monkeypatch.setattr(cases, "reference", lambda name: scenario)
    monkeypatch.setattr(cases, "scaled", lambda size: scenario)
    monkeypatch.setattr(cases, "SHARING", ("federated",))
    monkeypatch.setattr(scale, "run_all", _here)
    return scenario


def test_all_of_it_and_then_nothing_again(hamlet: Scenario, tmp_path: Path) -> None:
    news: list[News] = []
    bench = Bench(TINY, tmp_path / "bench", 0, news.append, lambda line: None)
    found = bench.sections()
    assert bench.failed == [] and set(found) == set(page.SECTIONS)
    for name in ("utility-only", "self-consumption", "mf-ppo, federated"):
        assert f"| {name} | " in found["quality"]
    assert "| mf-ppo, federated; no mean field | " in found["ablation"]
    assert "| mf-ppo, federated; prudence 3 | " in found["prudence"] and "| dear days | " in found["prudence"]
    assert "### 4 prosumers" in found["size"] and "| mf-ppo, federated | 4 | " in found["scale"]
    done = [one.unit.name for one in news if one.state == "done"]
    assert "mf-ppo-federated_reservation_1" in done and len(done) > 10
    shown = [*(tmp_path / "bench").glob("*/results.html")]
    assert shown and all(
        "The dashed line is self-consumption" in file.read_text(encoding="utf-8") for file in shown
    )
    # The learner as it is was judged for the table of quality; its ablation takes that.
    first = [one.unit.name for one in news if one.unit.study.digest() == news[0].unit.study.digest()]
    assert "mf-ppo-federated-no-mean-field_reservation_1" in first
    again: list[News] = []
    assert Bench(TINY, tmp_path / "bench", 0, again.append, lambda line: None).sections() == found
    assert {one.state for one in again} == {"kept"}


def test_a_part_alone(hamlet: Scenario, tmp_path: Path) -> None:
    bench = Bench(TINY, tmp_path / "bench", 0, lambda news: None, lambda line: None)
    assert set(bench.sections("scale")) == {"scale"}
    with pytest.raises(InputError, match=r"--only: there is no part 'ablations'.*ablation"):
        bench.sections("ablations")


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the command asks for; nothing is computed."""
    calls: list[tuple[Any, ...]] = []

    class Fake:
        failed: tuple[News, ...] = ()

        def __init__(self, extent: Extent, folder: Path, jobs: int, tell: Any, say: Callable[..., None]):
            calls.append((extent, folder, jobs))

        def sections(self, only: str | None) -> dict[str, str]:
            calls.append((only,))
            return {"scale": "a table"}

    monkeypatch.setattr(learning, "Bench", Fake)
    return calls


def test_the_command(called: list[tuple[Any, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "outputs" / "bench-learning-quick").mkdir(parents=True)
    runner = CliRunner()
    assert runner.invoke(cli.app, ["bench", "learning"]).exit_code == 0
    options = ["--quick", "--seeds", "2", "--jobs", "1", "--only", "scale", "--exploitability", "3"]
    assert runner.invoke(cli.app, ["bench", "learning", *options]).exit_code == 0
    assert called[0] == (FULL, Path("outputs/bench-learning"), 2) and called[1] == (None,)
    extent, folder, jobs = called[2]
    assert (extent.seeds, extent.probe, extent.train_days) == (2, 3, QUICK.train_days)
    assert (folder, jobs, called[3]) == (Path("outputs/bench-learning-quick"), 1, ("scale",))
    for file in ("docs/results.md", "outputs/bench-learning-quick/results.md"):
        assert "a table" in (tmp_path / file).read_text()


def test_what_failed_is_told_and_the_rest_is_written(
    called: list[tuple[Any, ...]], hamlet: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = Study.of(hamlet, windows_of(2016), [RULE], (1,))
    failed = News(Unit(study, "policy", RULE, 1), "failed", 0, ("a policy broke its contract",), 1)
    monkeypatch.setattr(learning.Bench, "failed", (failed,))
    page_file = tmp_path / "page.md"
    result = CliRunner().invoke(
        cli.app, ["bench", "learning", "--page", str(page_file), "--output", str(tmp_path)]
    )
    assert result.exit_code == 1
    assert "self-consumption_reservation_1: a policy broke its contract" in result.stderr
    assert "a table" in page_file.read_text()


def test_help_lists_every_benchmark() -> None:
    text = CliRunner().invoke(cli.app, ["bench", "--help"]).output
    assert all(name in text for name in ("simulation", "market", "network", "learning"))
