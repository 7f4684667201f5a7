"""The page about the command line: every command and exit code is on it."""

from __future__ import annotations

import re
from pathlib import Path

import typer

from cosim.cli import INTERRUPTED, LIMITS_BROKEN, TERMINATED, app
from cosim.cli.bench import bench
from cosim.errors import CosimError, InputError

PAGE = (Path(__file__).parents[2] / "docs" / "commands.md").read_text()


def _names(commands: typer.Typer) -> set[str]:
    found = (one.name or getattr(one.callback, "__name__", "") for one in commands.registered_commands)
    return set(found)


def test_every_command_is_explained() -> None:
    assert _names(app) | {"bench"} == set(re.findall(r"^\| `cosim (\w+)", PAGE, re.MULTILINE))
    row = next(line for line in PAGE.splitlines() if line.startswith("| `cosim bench"))
    assert _names(bench) <= set(re.findall(r"`(\w+)`", row))


def test_every_exit_code_is_explained() -> None:
    told = re.findall(r"^\| ([\d, ]+) \|", PAGE, re.MULTILINE)
    codes = {int(code) for cell in told for code in cell.split(",")}
    assert codes == {0, CosimError.exit_code, InputError.exit_code, LIMITS_BROKEN, INTERRUPTED, TERMINATED}
