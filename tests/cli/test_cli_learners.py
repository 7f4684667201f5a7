"""Learners at the command line: their weights in another scenario, and what a user does wrong with them:
a line on standard error; nothing is lost, nothing half-made is left."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner, Result

from cosim import cli
from cosim.results.read import load

PARAMETER = "policies.default.parameters."


@pytest.fixture(scope="module")
def checkpoint(small_text: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the learner of the small scenario learnt."""
    folder = tmp_path_factory.mktemp("learnt")
    (folder / "small.yaml").write_text(small_text)
    arguments = ["run", str(folder / "small.yaml"), "--output", str(folder / "run"), "--quiet"]
    result = CliRunner().invoke(cli.app, arguments)
    assert result.exit_code == 0, result.output
    return folder / "run" / "checkpoints" / "default.pt"


@pytest.mark.parametrize("command", ["check", "run"])
@pytest.mark.parametrize(
    ("change", "line", "what"),
    [
        (
            ("hidden: 8", "device: cuda"),
            14,
            "default.parameters.device: cuda was asked for, and torch finds no GPU (write auto or cpu)",
        ),
        (
            ("hidden: 8", "leaves: [battery]"),
            14,
            "default.parameters.leaves: 'battery' is no field of the action (valid: bid_margin, ask_margin, "
            "battery.value)",
        ),
        (
            (
                "mf-ppo\n    parameters:\n      hidden: 8\n      epochs: 2",
                "maddpg\n    parameters:\n      memory_gib: 0.00001",
            ),
            12,
            "default.kind: policy 'maddpg': critics that read what all 4 prosumers did",
        ),
    ],
)
def test_a_learner_that_cannot_be_made_leaves_nothing(
    cosim: Callable[..., Result],
    small: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    change: tuple[str, str],
    line: int,
    what: str,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    small.write_text(small.read_text().replace(*change))
    result = cosim(command, small, *(["--output", tmp_path / "run"] if command == "run" else []))
    assert result.exit_code == 2
    assert result.stderr.startswith(f"{small}:{line}: policies.{what}") and result.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_what_was_learnt_starts_another_scenario(
    cosim: Callable[..., Result], small: Path, tmp_path: Path, checkpoint: Path
) -> None:
    (tmp_path / "kept.pt").write_bytes(checkpoint.read_bytes())
    small.write_text(
        small.read_text()
        .replace("count: 4", "count: 6")
        .replace("hidden: 8", "hidden: 8\n      weights: kept.pt")
    )
    assert cosim("check", small).exit_code == 0
    result = cosim("run", small, "--output", tmp_path / "run", "--quiet", "--set", f"{PARAMETER}freeze=true")
    assert result.exit_code == 0, result.stderr
    assert not load(tmp_path / "run").has("learning")  # it learns nothing any more
    again = cosim("run", tmp_path / "run" / "scenario.yaml", "--output", tmp_path / "again", "--quiet")
    assert again.exit_code == 0, again.stderr  # the path goes on leading to the same file
    assert load(tmp_path / "again").trades.equals(load(tmp_path / "run").trades)


@pytest.mark.parametrize("command", ["check", "run"])
@pytest.mark.parametrize(
    ("change", "what"),
    [
        (("kept.pt", "kpet.pt"), "kpet.pt: no such file (did you mean 'kept.pt'?)"),
        (("kept.pt", "small.yaml"), "is no checkpoint of a policy: it is not of plain numbers and names"),
        (("hidden: 8", "sharing: none"), "it was learnt with sharing 'federated', here it is 'none'"),
        (("hidden: 8", "hidden: 9"), "actor.from.retail_price has shape (1, 8), not (1, 9)"),
        (
            ("battery: {capacity_kwh: 6}", "ev: {}"),
            "it lacks action ev.value; it has action battery.value, unknown",
        ),
        (("battery: {capacity_kwh: 6}", "ev: {}"), "it lacks input ev.plugged, ev.soc, ev.need"),
    ],
)
def test_weights_that_do_not_fit(
    cosim: Callable[..., Result],
    small: Path,
    tmp_path: Path,
    checkpoint: Path,
    command: str,
    change: tuple[str, str],
    what: str,
) -> None:
    (tmp_path / "kept.pt").write_bytes(checkpoint.read_bytes())
    text = small.read_text().replace("      update_hours: 2", "      update_hours: 2\n      weights: kept.pt")
    small.write_text(text.replace(*change))
    result = cosim(command, small)
    assert result.exit_code == 2
    assert what in result.stderr and result.stderr.count("\n") == 1
    assert result.stderr.startswith(f"{small}:18: policies.default.parameters.weights: {tmp_path}")


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        ("cosim_checkpoint", 99, "has format 99, written by cosim"),
        ("policy", "mf-other", "(of policy 'mf-other', 4 prosumers, cosim"),
        ("inputs", None, "is no checkpoint of a policy: TypeError"),
        ("weights", {"actor.0": "many"}, "is no checkpoint of a policy: AttributeError"),
    ],
)
def test_a_checkpoint_of_something_else(
    cosim: Callable[..., Result],
    small: Path,
    tmp_path: Path,
    checkpoint: Path,
    key: str,
    value: Any,
    what: str,
) -> None:
    content = torch.load(checkpoint, weights_only=True)
    torch.save(content | {key: value}, tmp_path / "kept.pt")
    result = cosim("check", small, "--set", f"{PARAMETER}weights=kept.pt")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"--set {PARAMETER}weights: {tmp_path / 'kept.pt'} ")
    assert what in result.stderr


def test_code_in_a_checkpoint_is_not_run(cosim: Callable[..., Result], small: Path, tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "exploded",)

    torch.save({"cosim_checkpoint": 1, "policy": Bomb()}, tmp_path / "kept.pt")
    result = cosim("check", small, "--set", f"{PARAMETER}weights=kept.pt")
    assert result.exit_code == 2 and "it is not of plain numbers and names" in result.stderr
    assert not (tmp_path / "exploded").exists()


def test_a_learning_rate_that_is_far_too_large(
    cosim: Callable[..., Result], small: Path, tmp_path: Path
) -> None:
    wild = ["--quiet", "--set", f"{PARAMETER}learning_rate=1e9"]
    result = cosim("run", small, "--output", tmp_path / "stopped", *wild)
    assert result.exit_code == 1
    assert result.stderr.startswith("period 1: policy 'mf-ppo' of 'default', learning, diverged: actor.")
    assert result.stderr.endswith(f"is in {tmp_path / 'stopped' / 'checkpoints' / 'default.pt'}\n")
    weights = tmp_path / "stopped" / "checkpoints" / "default.pt"
    assert cosim("check", small, "--set", f"{PARAMETER}weights={weights}").exit_code == 0
    result = cosim(
        "run", small, "--output", tmp_path / "whole", *wild[1:], "--set", f"{PARAMETER}diverged=rule"
    )
    assert result.exit_code == 0
    said = " ".join(result.stdout.split())
    assert "mf-ppo (default) learned: 1 update; weights in checkpoints/default.pt" in said
    assert "Note: policy 'mf-ppo' of 'default' diverged in period 1, and followed the rule" in said


def test_list_says_what_policies_use(cosim: Callable[..., Result]) -> None:
    rows = {row["name"]: row["uses"] for row in json.loads(cosim("list", "policies", "--json").stdout)}
    assert rows["self-consumption"] == "uses own data"
    assert "everybody's private data" in rows["community-planner"]
    assert rows["mf-ppo"].startswith("uses own data, public information of the market, forecasts")
    for learner in ("mf-ppo", "mf-q", "mf-ac", "mf-td3", "da-maddpg"):
        assert "with sharing none nothing, federated (default) changes of weights, averaged" in rows[learner]
    for learner in ("mf-q", "mf-ac"):
        assert "with mean_action true what all others did" in rows[learner]
    assert "everything: critics read what all observed and did" in rows["maddpg"]
    assert "federated" not in rows["maddpg"]
    text = cosim("list", "policies").stdout.splitlines()
    line = next(number for number, row in enumerate(text) if row.startswith("price-taker"))
    assert text[line + 1].strip().startswith("uses own data, public information of the market, forecasts")
