"""The command line: what it prints, where, and with which exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cosim import cli
from cosim.results.read import load

TINY = """\
name: tiny
horizon: {start: 2016-06-15 10:00, duration: 3 hours, step_minutes: 60}
tariffs: {default: {retail: 0.30, feed_in: 0.08}}
groups:
  - name: homes
    count: 6
    devices:
      pv: {peak_kw: 8}
policies: {default: fixed-reservation}
outputs: {report: false}
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run that breaks limits: a narrow voltage band."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "tiny.yaml").write_text(TINY)
    arguments = ["run", str(folder / "tiny.yaml"), "--output", str(folder / "run"), "--quiet", "--set"]
    result = CliRunner().invoke(cli.app, [*arguments, "network.limits.vm_pu=[0.999, 1.001]"])
    assert result.exit_code == 0, result.output
    yield folder / "run"


def test_help_lists_the_commands(cosim: Callable[..., Result]) -> None:
    text = cosim("--help").output
    for command in (
        "init",
        "check",
        "run",
        "list",
        "schema",
        "violations",
        "compare",
        "bound",
        "report",
        "bench",
    ):
        assert f"  {command} " in text


def test_init_writes_what_check_accepts_and_run_runs(cosim: Callable[..., Result], tmp_path: Path) -> None:
    folder = tmp_path / "new"
    assert cosim("init", folder).exit_code == 0
    scenario = folder / "scenario.yaml"
    assert scenario.read_text().startswith("# yaml-language-server: $schema=scenario.schema.json")
    assert "$defs" in json.loads((folder / "scenario.schema.json").read_text())
    assert cosim("check", scenario).exit_code == 0
    assert cosim("run", scenario, "--days", 0.125, "--output", tmp_path / "run", "--quiet").exit_code == 0


def test_init_overwrites_nothing(cosim: Callable[..., Result], tmp_path: Path) -> None:
    file = tmp_path / "scenario.yaml"
    file.write_text("mine")
    result = cosim("init", tmp_path)
    assert result.exit_code == 2
    assert "exists already" in result.stderr
    assert file.read_text() == "mine"
    assert not (tmp_path / "scenario.schema.json").exists()


def test_check_prints_an_account(cosim: Callable[..., Result], tiny: Path) -> None:
    result = cosim("check", tiny)
    assert result.exit_code == 0
    assert "tiny: no mistakes found" in result.stdout
    assert "6 pv (48 kWp)" in result.stdout
    account = json.loads(cosim("check", tiny, "--json").stdout)
    assert account["prosumers"] == "6 (6 homes)"
    assert cosim("check", tiny, "--quiet").stdout == ""


def test_mistakes_are_lines_on_standard_error(cosim: Callable[..., Result], tiny: Path) -> None:
    tiny.write_text(TINY.replace("count: 6", "cuont: 6").replace("peak_kw: 8", "peak_kw: -8"))
    for command in ("check", "run"):
        result = cosim(command, tiny)
        assert result.exit_code == 2
        assert result.stdout == ""
        first, second = result.stderr.splitlines()
        assert first.startswith(f"{tiny}:6: groups[0].cuont: unknown key")
        assert second.startswith(f"{tiny}:8: groups[0].devices.pv.peak_kw: -8")
    assert sorted(path.name for path in tiny.parent.iterdir()) == ["tiny.yaml"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "nowhere.yaml"],
        ["run", "{tiny}", "--set", "nonsense"],
        ["run", "{tiny}", "--set", "market.rouds=2"],
        ["run", "{tiny}", "--days", "-1"],
        ["run", "{tiny}", "--days", "soon"],
        ["run", "{tiny}", "--unknown"],
        ["list", "cars"],
        ["bench", "everything"],
        ["unknown"],
    ],
)
def test_wrong_calls_exit_with_2(cosim: Callable[..., Result], tiny: Path, arguments: list[str]) -> None:
    result = cosim(*[argument.format(tiny=tiny) for argument in arguments])
    assert result.exit_code == 2
    assert result.stderr
    assert "Traceback" not in result.output


def test_a_mistake_that_only_a_room_finds_has_its_line(cosim: Callable[..., Result], tiny: Path) -> None:
    tiny.write_text(TINY.replace("count: 6", "count: 6\n    place: {buses: [nowhere]}"))
    result = cosim("run", tiny)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"{tiny}:7: groups[0].place.buses[0]: the grid has no bus 'nowhere'")


def test_an_output_folder_that_exists_is_kept(
    cosim: Callable[..., Result], tiny: Path, tmp_path: Path
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.txt").write_text("years of work")
    result = cosim("run", tiny, "--output", tmp_path / "taken")
    assert result.exit_code == 2
    assert "not empty" in result.stderr
    assert [path.name for path in (tmp_path / "taken").iterdir()] == ["thesis.txt"]


def test_run_writes_and_says_what(cosim: Callable[..., Result], tiny: Path, tmp_path: Path) -> None:
    result = cosim("run", tiny, "--output", tmp_path / "run", "--seed", 3)
    assert result.exit_code == 0
    assert "summary.json" in result.stdout
    assert "EUR" in result.stdout
    assert load(tmp_path / "run").manifest["seed"] == 3


def test_run_as_json(cosim: Callable[..., Result], tiny: Path, tmp_path: Path) -> None:
    result = cosim("run", tiny, "--output", tmp_path / "run", "--json")
    content = json.loads(result.stdout)
    assert Path(content["folder"]) == tmp_path / "run"
    assert content["summary"]["prosumers"] == 6


def test_the_resolved_scenario_gives_the_same_tables(
    cosim: Callable[..., Result], tiny: Path, tmp_path: Path
) -> None:
    cosim("run", tiny, "--output", tmp_path / "a", "--quiet", "--seed", 4)
    assert (
        cosim("run", tmp_path / "a" / "scenario.yaml", "--output", tmp_path / "b", "--quiet").exit_code == 0
    )
    first, second = load(tmp_path / "a"), load(tmp_path / "b")
    for table in ("steps", "prosumers", "trades", "buses", "branches"):
        assert first.table(table).equals(second.table(table)), table


def test_broken_limits_exit_with_4_if_asked(cosim: Callable[..., Result], tiny: Path, tmp_path: Path) -> None:
    narrow = "network.limits.vm_pu=[0.999, 1.001]"
    arguments = ["run", tiny, "--quiet", "--set", narrow]
    assert cosim(*arguments, "--output", tmp_path / "a", "--fail-on-violation").exit_code == 4
    assert cosim(*arguments, "--output", tmp_path / "b").exit_code == 0
    assert load(tmp_path / "a").complete


def test_ctrl_c_is_130_and_the_run_does_not_look_whole(
    cosim: Callable[..., Result], tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cosim.simulation import Simulation

    monkeypatch.setattr(Simulation, "step", _interrupt)
    result = cosim("run", tiny, "--output", tmp_path / "run")
    assert result.exit_code == cli.INTERRUPTED
    assert "Traceback" not in result.output
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["status"] == "interrupted"
    assert cosim("violations", tmp_path / "run").exit_code == 1


def _interrupt(_: Any) -> None:
    raise KeyboardInterrupt


def test_sigterm_is_143_and_the_run_is_marked(
    cosim: Callable[..., Result], tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cosim.simulation import Simulation

    monkeypatch.setattr(Simulation, "step", cli._terminated)
    result = cosim("run", tiny, "--output", tmp_path / "run")
    assert result.exit_code == cli.TERMINATED
    assert result.stderr.startswith("stopped by SIGTERM")
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["status"] == "interrupted"


def test_what_the_system_refuses_is_no_defect(
    cosim: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cosim.benchmarks.measure", lambda _: [{"rows": 1}])
    result = cosim("bench", "market", "--json", tmp_path / "nowhere" / "x.json")
    assert result.exit_code == 1
    assert result.stderr == f"cosim failed: {tmp_path / 'nowhere' / 'x.json'}: No such file or directory\n"


def test_a_closed_output_is_no_mistake(tiny: Path, tmp_path: Path) -> None:
    command = f"{sys.executable} -m cosim run {tiny} --output {tmp_path / 'run'} >&-"
    found = subprocess.run(command, shell=True, stderr=subprocess.PIPE, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")
    assert load(tmp_path / "run").complete


def test_a_defect_is_told_in_a_line(
    cosim: Callable[..., Result], tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cosim.simulation import Simulation

    monkeypatch.setattr(Simulation, "step", lambda self: 1 / 0)
    monkeypatch.delenv("COSIM_DEBUG", raising=False)
    result = cosim("run", tiny, "--output", tmp_path / "a")
    assert result.exit_code == 1
    assert "ZeroDivisionError" in result.stderr
    assert "Traceback" not in result.output
    monkeypatch.setenv("COSIM_DEBUG", "1")
    assert isinstance(cosim("run", tiny, "--output", tmp_path / "b").exception, ZeroDivisionError)


@pytest.mark.parametrize(
    ("what", "name"),
    [
        ("policies", "zero-intelligence"),
        ("devices", "battery"),
        ("mechanisms", "double-auction"),
        ("networks", "1-LV-rural2--0-sw"),
    ],
)
def test_lists(cosim: Callable[..., Result], what: str, name: str) -> None:
    assert name in [line.split()[0] for line in cosim("list", what).stdout.splitlines()]
    assert name in [row["name"] for row in json.loads(cosim("list", what, "--json").stdout)]


def test_scenarios_are_listed_from_the_working_folder(
    cosim: Callable[..., Result], tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.write_text("# yaml-language-server: $schema=x\n# Six homes.\n" + TINY)
    monkeypatch.chdir(tiny.parent)
    assert cosim("list", "scenarios").stdout.split() == ["tiny.yaml", "Six", "homes."]


def test_schema_is_json(cosim: Callable[..., Result]) -> None:
    assert json.loads(cosim("schema").stdout)["title"] == "cosim scenario"


@pytest.mark.parametrize("by", ["element", "hour", "episode", "row"])
def test_violations_by_everything(cosim: Callable[..., Result], finished: Path, by: str) -> None:
    result = cosim("violations", finished, "--by", by)
    assert result.exit_code == 0
    assert "violations" in result.stdout
    assert json.loads(cosim("violations", finished, "--by", by, "--json").stdout)


def test_violations_are_filtered(cosim: Callable[..., Result], finished: Path) -> None:
    rows = json.loads(
        cosim("violations", finished, "--by", "row", "--hours", "11-12", "--top", 1000, "--json").stdout
    )
    expected = load(finished).violations
    assert len(rows) == int((expected["time"].dt.hour == 11).sum()) > 0
    assert "None passes" in cosim("violations", finished, "--from", "2017-01-01").stdout
    assert cosim("violations", finished, "--hours", "noon").exit_code == 2
    assert cosim("violations", finished, "--kind", "fire").exit_code == 2


def test_every_hour_is_in_the_json(cosim: Callable[..., Result], finished: Path) -> None:
    rows = json.loads(cosim("violations", finished, "--by", "hour", "--json").stdout)
    assert [row["hour"] for row in rows] == list(range(24))


def test_compare_shows_runs_side_by_side(cosim: Callable[..., Result], finished: Path) -> None:
    result = cosim("compare", finished, finished)
    assert result.exit_code == 0
    assert "run (1)" in result.stdout
    assert json.loads(cosim("compare", finished, finished, "--json").stdout)


def test_what_is_no_run_is_said_so(cosim: Callable[..., Result], tmp_path: Path) -> None:
    for command in ("violations", "compare", "report"):
        result = cosim(command, tmp_path)
        assert result.exit_code == 2
        assert "is no run" in result.stderr


def test_report_is_written(cosim: Callable[..., Result], finished: Path) -> None:
    result = cosim("report", finished)
    assert result.exit_code == 0, result.output
    assert (finished / "report.html").stat().st_size > 1000
