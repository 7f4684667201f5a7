"""Policies of a user's own at the command line: what they do wrong is a line on standard error that names the
policy, the group and the step; nothing is lost, nothing half-made is left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from cosim.results.read import load

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


@pytest.fixture
def own(small: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small scenario's file, with modules of own policies beside it on the Python path."""
    (small.parent / "own_late.py").write_text(OWN)
    (small.parent / "own_broken.py").write_text("import no_such_package")
    monkeypatch.syspath_prepend(small.parent)
    monkeypatch.delitem(sys.modules, "own_late", raising=False)  # that of another folder
    return small


def bare(scenario: Path) -> str:
    """A scenario's text up to the parameters of its policy."""
    text = scenario.read_text()
    return text[: text.index("    parameters")]


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
    cosim: Callable[..., Result], own: Path, tmp_path: Path, policy: str, what: str
) -> None:
    own.write_text(bare(own).replace("mf-ppo", f"own_late:{policy}") + "outputs: {report: false}\n")
    result = cosim("run", own, "--output", tmp_path / "run", "--quiet")
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
    cosim: Callable[..., Result], own: Path, tmp_path: Path, command: str, policy: str, what: str
) -> None:
    own.write_text(bare(own).replace("mf-ppo", policy))
    result = cosim(command, own, *(["--output", tmp_path / "run"] if command == "run" else []))
    assert result.exit_code == 2
    told = f"{own}:12: policies.default.kind: policy {policy!r}{what}\n"
    assert result.stderr == told.replace("{}", str(tmp_path))
    assert not (tmp_path / "run").exists()


def test_mistakes_of_several_policies_are_told_at_once(cosim: Callable[..., Result], own: Path) -> None:
    second = "  - {name: others, count: 2, policy: own, devices: {battery: {capacity_kwh: 6}}}\npolicies:\n"
    text = own.read_text().replace("policies:\n", second + "  own: own_late:Unlicensed\n")
    own.write_text(text.replace("hidden: 8", "leaves: [battery]"))
    result = cosim("check", own)
    assert result.exit_code == 2
    first, other = sorted(result.stderr.splitlines())
    assert first.startswith(f"{own}:12: policies.own.kind: policy 'own_late:Unlicensed' raised RuntimeError")
    assert other.startswith(f"{own}:16: policies.default.parameters.leaves: 'battery' is no field")


@pytest.mark.parametrize(("policy", "needed"), [("own_late:Late", False), ("zip", False), ("mf-ppo", True)])
def test_check_imports_torch_for_learners_alone(own: Path, policy: str, needed: bool) -> None:
    own.write_text(bare(own).replace("mf-ppo", policy))
    code = (
        "import sys, cosim.cli\n"
        f"try: cosim.cli.app(['check', {str(own)!r}, '--quiet'], prog_name='cosim')\n"
        "except SystemExit as end: assert not end.code\n"
        "print('torch' in sys.modules)"
    )
    paths = os.pathsep.join([str(own.parent), *sys.path])
    command = [sys.executable, "-c", code]
    environment = {**os.environ, "PYTHONPATH": paths}
    result = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert result.stdout.strip() == str(needed)


def test_weights_that_cannot_be_kept_cost_nothing_else(
    cosim: Callable[..., Result], own: Path, tmp_path: Path
) -> None:
    text = bare(own).replace("mf-ppo", "own_late:ListsLate")
    own.write_text(text + "outputs: {report: true}\n")
    assert cosim("check", own).exit_code == 0
    result = cosim("run", own, "--output", tmp_path / "run", "--quiet")
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
