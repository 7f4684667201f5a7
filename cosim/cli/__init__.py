"""The command line: arguments in, text out, exit code. What a command does is elsewhere and imported when it
is called, so that `cosim --help` is there at once.

Exit codes: 0 done; 1 failed while running; 2 the scenario or the call is wrong; 4 done, but limits were
broken and --fail-on-violation was given; 130 stopped by Ctrl-C, 143 by SIGTERM.
"""

from __future__ import annotations

import signal
from typing import Any

import typer

from cosim.cli.base import INTERRUPTED, LIMITS_BROKEN, TERMINATED, app
from cosim.cli.bench import bench
from cosim.cli.bounding import bound
from cosim.cli.comparing import compare
from cosim.cli.evaluating import evaluate
from cosim.cli.runs import day, report, violations
from cosim.cli.scenarios import check, init, list_, run, schema

__all__ = ["INTERRUPTED", "LIMITS_BROKEN", "TERMINATED", "app", "main"]

for command in (init, check, run, list_, schema, violations, compare, bound, evaluate, day, report):
    app.command(command.__name__.rstrip("_"))(command)
app.add_typer(bench, name="bench")


def main() -> None:
    """Entry point of the command `cosim`."""
    signal.signal(signal.SIGTERM, _terminated)
    app(prog_name="cosim")


def _terminated(*_: Any) -> None:
    """A batch system or a container wants an end: the run is marked, as after Ctrl-C."""
    typer.echo("stopped by SIGTERM; a run that was going on is marked as interrupted", err=True)
    raise SystemExit(TERMINATED)
