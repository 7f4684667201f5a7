"""Runs that do not come to their end say so, and what looks whole is whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosim.core.arrays import FloatArray
from cosim.errors import AuditError, InputError, OutputError, PolicyError, RunError
from cosim.policies.contract import Policy, PolicyInputs
from cosim.policies.registry import REGISTRY
from cosim.results.read import load
from cosim.scenario.schema import Scenario
from cosim.simulation import Progress, run


class FailsLate(Policy):
    """Returns no number in the sixth period."""

    summary = "NaN after a while"

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        self.count = getattr(self, "count", 0) + 1
        return inputs.rule_action if self.count < 6 else np.full_like(inputs.rule_action, np.nan)


@pytest.fixture
def fails_late(monkeypatch: pytest.MonkeyPatch) -> str:
    find = REGISTRY.load
    monkeypatch.setattr(REGISTRY, "load", lambda name: FailsLate if name == "own:FailsLate" else find(name))
    return "own:FailsLate"


def manifest(folder: Path) -> Any:
    return json.loads((folder / "manifest.json").read_text())


def test_a_finished_run_is_complete(five: Callable[..., Scenario], folder: Path) -> None:
    seen: list[Progress] = []
    outcome = run(five(), folder, progress=seen.append)
    assert outcome.folder == folder and manifest(folder)["status"] == "complete"
    assert manifest(folder)["periods_done"] == 24
    assert [progress.done for progress in seen] == list(range(1, 25))
    table = load(folder)
    assert seen[-1].p2p_kwh == pytest.approx(table.steps.p2p_kwh.sum())
    saving = table.steps.counterfactual_cost_eur.sum() - table.steps.cost_eur.sum()
    assert seen[-1].saving_eur == pytest.approx(saving)
    assert seen[-1].violations == outcome.violations == len(table.violations)
    assert {path.name for path in outcome.files} >= {"summary.json", "steps.parquet", "trades.parquet"}
    assert all(path.is_file() for path in outcome.files)
    assert not (folder / "parts").exists()


def test_an_interrupted_run_says_so(five: Callable[..., Scenario], folder: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(five(), folder, progress=stop)
    found = manifest(folder)
    assert found["status"] == "interrupted" and found["periods_done"] == 7
    assert not (folder / "summary.json").exists() and not list(folder.glob("*.parquet"))
    with pytest.raises(OutputError, match="was interrupted after 7 of 24 periods"):
        load(folder)
    part = load(folder, partial=True)
    assert len(part.steps) == 7 and len(part.prosumers) == 7 * 5


def test_a_policy_that_returns_no_number_ends_the_run(
    five: Callable[..., Scenario], folder: Path, fails_late: str
) -> None:
    with pytest.raises(
        PolicyError, match=r"period 5: policy 'FailsLate' of 'default' returned bid_margin = nan"
    ):
        run(five(policies={"default": fails_late}), folder)
    found = manifest(folder)
    assert found["status"] == "failed" and found["periods_done"] == 5
    assert "bid_margin = nan" in found["message"]
    assert len(load(folder, partial=True).steps) == 5


def test_energy_that_goes_missing_ends_the_run(
    five: Callable[..., Scenario], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from cosim.bidding.electricity import ElectricityBidder

    dispatch = ElectricityBidder.dispatch

    def leaky(self: ElectricityBidder, *args: Any) -> Any:
        done = dispatch(self, *args)
        position = replace(done.position, import_kwh=done.position.import_kwh + 1e-3)
        return replace(done, position=position)

    monkeypatch.setattr(ElectricityBidder, "dispatch", leaky)
    with pytest.raises(AuditError, match="period 0"):
        run(five(), folder)
    assert manifest(folder)["status"] == "failed"


def test_a_mechanism_that_raises_ends_the_run(
    five: Callable[..., Scenario], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cosim.market.double_auction.DoubleAuction.open", lambda *_: 1 / 0)
    with pytest.raises(RunError, match="period 0: the market mechanism DoubleAuction raised ZeroDivision"):
        run(five(), folder)
    assert manifest(folder)["status"] == "failed"


def test_a_report_that_cannot_be_written_leaves_a_complete_run(
    five: Callable[..., Scenario], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Any) -> Path:
        raise OutputError("the disk is full")

    monkeypatch.setattr("cosim.simulation.runner.write_report", full)
    with pytest.raises(OutputError, match=r"the disk is full; .* `cosim report .*` writes the report later"):
        run(five(outputs={"report": True}), folder)
    assert load(folder).complete


def test_nothing_is_written_for_a_scenario_that_cannot_be_built(
    five: Callable[..., Scenario], folder: Path
) -> None:
    group = five().model_dump(mode="json")["groups"][0] | {"place": {"buses": ["Bus R1l"]}}
    with pytest.raises(InputError, match="did you mean"):
        run(five(groups=[group]), folder)
    assert not folder.exists()


def test_a_folder_that_holds_something_is_left_alone(five: Callable[..., Scenario], folder: Path) -> None:
    folder.mkdir()
    (folder / "thesis.tex").write_text("mine")
    with pytest.raises(InputError, match="is not empty"):
        run(five(), folder)
    assert [path.name for path in folder.iterdir()] == ["thesis.tex"]
