"""Learners at the command line: their weights in another scenario, and what a user does wrong with them and
with policies of one's own. Each is a line on standard error; nothing is lost, nothing half-made is left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner, Result

from cosim import cli
from cosim.results.read import load

SMALL = """\
name: small
horizon: {start: 2016-06-15 18:00, duration: 5 hours, step_minutes: 60}
tariffs: {default: {retail: 0.30, feed_in: 0.08}}
groups:
  - name: homes
    count: 4
    devices:
      pv: {peak_kw: 8}
      battery: {capacity_kwh: 6}
policies:
  default:
    kind: mf-ppo
    parameters:
      hidden: 8
      epochs: 2
      decide_hours: 1
      update_hours: 2
outputs: {report: false}
"""
OWN = """\
import numpy as np

from cosim.policies import Policy


class Late(Policy):
    name = "late"
    calls = 0

    def act(self, inputs, explore=True):
        self.calls += 1
        action = inputs.rule_action.copy()
        return action if self.calls < 3 else self.wrong(action)


class NoNumber(Late):
    def wrong(self, action):
        action[1, 0] = np.nan
        return action


class TooLarge(Late):
    def wrong(self, action):
        return action + 2.5


class Narrow(Late):
    def wrong(self, action):
        return action[:, :1]


class Raises(Late):
    def wrong(self, action):
        return {}["price"]


class Misspells(Late):
    def wrong(self, action):
        return self.spec.observation_index("batery.soc")


class Unlicensed(Late):
    def __init__(self, *arguments, **options):
        raise RuntimeError("no licence")


class MisspellsAtOnce(Late):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.soc = self.spec.observation_index("batery.soc")


class Lists(Late):
    learns = True

    def weights(self):
        return {"x": [1, 2]}


class ListsLate(Late):
    learns = True

    def wrong(self, action):
        return action

    def weights(self):
        return {"x": np.zeros(2) if self.calls < 3 else [1, 2]}
"""


def line_of(text: str) -> str:
    """How messages end that name a line of own policies; {} stands for their folder."""
    before = OWN[: OWN.index(text)]
    return f"(at {{}}/own_late.py:{len(before.splitlines())})"


KIND = "policies.default.kind="
PARAMETER = "policies.default.parameters."


@pytest.fixture
def cosim() -> Callable[..., Result]:
    runner = CliRunner()
    return lambda *arguments: runner.invoke(cli.app, [str(argument) for argument in arguments])


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "small.yaml").write_text(SMALL)
    (tmp_path / "own_late.py").write_text(OWN)
    (tmp_path / "own_broken.py").write_text("import no_such_package")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_late", raising=False)  # that of another folder
    return tmp_path / "small.yaml"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the learner of the small scenario learnt."""
    folder = tmp_path_factory.mktemp("learnt")
    (folder / "small.yaml").write_text(SMALL)
    arguments = ["run", str(folder / "small.yaml"), "--output", str(folder / "run"), "--quiet"]
    result = CliRunner().invoke(cli.app, arguments)
    assert result.exit_code == 0, result.output
    return folder / "run" / "checkpoints" / "default.pt"


@pytest.mark.parametrize(
    ("policy", "what"),
    [
        ("NoNumber", "returned bid_margin = nan for prosumer 1, which is not a finite number"),
        ("TooLarge", "returned bid_margin = 1.5 for prosumer 0, which is outside [-1, 1]"),
        ("Narrow", "returned shape (4, 1), not (4, 3) (bid_margin, ask_margin, battery.value)"),
        ("Raises", f"raised KeyError: 'price' {line_of('return {}[')}"),
        (
            "Misspells",
            "raised UnknownNameError: unknown observation 'batery.soc' (did you mean 'battery.soc'?) "
            + line_of("return self.spec"),
        ),
    ],
)
def test_a_policy_that_breaks_its_contract_fails_the_run(
    cosim: Callable[..., Result], small: Path, tmp_path: Path, policy: str, what: str
) -> None:
    small.write_text(SMALL[: SMALL.index("    parameters")] + "outputs: {report: false}\n")
    result = cosim("run", small, "--output", tmp_path / "run", "--quiet", "--set", f"{KIND}own_late:{policy}")
    assert result.exit_code == 1
    assert result.stderr == f"period 2: policy 'late' of 'default' {what.replace('{}', str(tmp_path), 1)}\n"
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert (manifest["status"], manifest["periods_done"]) == ("failed", 2)
    assert len(load(tmp_path / "run", partial=True).steps) == 2


@pytest.mark.parametrize("command", ["check", "run"])
@pytest.mark.parametrize(
    ("policy", "what"),
    [
        (
            "own_broken:Any",
            ": cannot import 'own_broken': No module named 'no_such_package' "
            "(is the module on the Python path?)",
        ),
        ("own_late:Lat", ": module 'own_late' has no 'Lat' (did you mean 'Late'?)"),
        ("own_late:Unlicensed", f" raised RuntimeError when it was made: no licence {line_of('raise Run')}"),
        (
            "own_late:MisspellsAtOnce",
            " raised UnknownNameError when it was made: unknown observation 'batery.soc' (did you mean "
            f"'battery.soc'?) {line_of('self.soc = ')}",
        ),
        ("own_late:Lists", ", asked for its weights, returned list as 'x', not an array"),
    ],
)
def test_a_plug_in_that_cannot_be_made_leaves_nothing(
    cosim: Callable[..., Result], small: Path, tmp_path: Path, command: str, policy: str, what: str
) -> None:
    small.write_text(SMALL[: SMALL.index("    parameters")].replace("mf-ppo", policy))
    result = cosim(command, small, *(["--output", tmp_path / "run"] if command == "run" else []))
    assert result.exit_code == 2
    told = f"{small}:12: policies.default.kind: policy {policy!r}{what}\n"
    assert result.stderr == told.replace("{}", str(tmp_path))
    assert not (tmp_path / "run").exists()


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
    small.write_text(SMALL.replace(*change))
    result = cosim(command, small, *(["--output", tmp_path / "run"] if command == "run" else []))
    assert result.exit_code == 2
    assert result.stderr.startswith(f"{small}:{line}: policies.{what}") and result.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_mistakes_of_several_policies_are_told_at_once(cosim: Callable[..., Result], small: Path) -> None:
    second = "  - {name: others, count: 2, policy: own, devices: {battery: {capacity_kwh: 6}}}\npolicies:\n"
    text = SMALL.replace("policies:\n", second + "  own: own_late:Unlicensed\n")
    small.write_text(text.replace("hidden: 8", "leaves: [battery]"))
    result = cosim("check", small)
    assert result.exit_code == 2
    first, other = sorted(result.stderr.splitlines())
    assert first.startswith(
        f"{small}:12: policies.own.kind: policy 'own_late:Unlicensed' raised RuntimeError"
    )
    assert other.startswith(f"{small}:16: policies.default.parameters.leaves: 'battery' is no field")


@pytest.mark.parametrize(("policy", "needed"), [("own_late:Late", False), ("zip", False), ("mf-ppo", True)])
def test_check_imports_torch_for_learners_alone(small: Path, policy: str, needed: bool) -> None:
    small.write_text(SMALL[: SMALL.index("    parameters")].replace("mf-ppo", policy))
    code = (
        "import sys, cosim.cli\n"
        f"try: cosim.cli.app(['check', {str(small)!r}, '--quiet'], prog_name='cosim')\n"
        "except SystemExit as end: assert not end.code\n"
        "print('torch' in sys.modules)"
    )
    paths = os.pathsep.join([str(small.parent), *sys.path])
    command = [sys.executable, "-c", code]
    environment = {**os.environ, "PYTHONPATH": paths}
    result = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert result.stdout.strip() == str(needed)


def test_weights_that_cannot_be_kept_cost_nothing_else(
    cosim: Callable[..., Result], small: Path, tmp_path: Path
) -> None:
    text = SMALL[: SMALL.index("    parameters")].replace("mf-ppo", "own_late:ListsLate")
    small.write_text(text + "outputs: {report: true}\n")
    assert cosim("check", small).exit_code == 0
    result = cosim("run", small, "--output", tmp_path / "run", "--quiet")
    why = "policy 'late' of 'default', asked for its weights, returned list as 'x', not an array"
    assert result.exit_code == 1
    assert result.stderr == f"{why}; all else of the run is whole, in {tmp_path / 'run'}\n"
    found = load(tmp_path / "run")
    assert found.complete and len(found.steps) == 5
    assert found.manifest["notes"] == [why]
    assert why in found.summary["run"]["notes"]
    assert found.summary["learning"]["default"]["checkpoint"] is None
    assert (tmp_path / "run" / "report.html").is_file()
    assert not (tmp_path / "run" / "parts").exists()


def test_what_was_learnt_starts_another_scenario(
    cosim: Callable[..., Result], small: Path, tmp_path: Path, checkpoint: Path
) -> None:
    (tmp_path / "kept.pt").write_bytes(checkpoint.read_bytes())
    small.write_text(
        SMALL.replace("count: 4", "count: 6").replace("hidden: 8", "hidden: 8\n      weights: kept.pt")
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
        (("battery: {capacity_kwh: 6}", "ev: {}"), "it lacks input ev.plugged, ev.soc, ev.need_kwh"),
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
    text = SMALL.replace("      update_hours: 2", "      update_hours: 2\n      weights: kept.pt")
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
