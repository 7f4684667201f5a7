"""What the commands have in common: the application, their options, and how what goes wrong becomes lines on
standard error and an exit code. No command is here."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cosim.errors import CosimError, InputError

if TYPE_CHECKING:
    from cosim.scenario.load import Loaded

LIMITS_BROKEN = 4
INTERRUPTED = 130
TERMINATED = 143
WIDE = 8
"""Columns that a table in the terminal may have."""
HOURS_OF_DAY = 24

app = typer.Typer(
    help="Local energy markets with their grid: prosumers trade, every step is an AC power flow.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

ScenarioFile = Annotated[Path, typer.Argument(metavar="SCENARIO", help="A scenario file (YAML).")]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="The output folder of a run.")]
Seed = Annotated[int | None, typer.Option(help="Take the place of the scenario's seed.")]
Days = Annotated[float | None, typer.Option(help="Take the place of the scenario's duration [days].")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY.PATH=VALUE", help="Change a setting; may be repeated."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON to standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but mistakes.")]


@contextmanager
def reported() -> Iterator[None]:
    """Turns what goes wrong into lines on standard error and an exit code; tracebacks for developers."""
    try:
        yield
    except CosimError as error:
        if os.environ.get("COSIM_DEBUG"):
            raise
        lines = map(str, error.problems) if isinstance(error, InputError) else [str(error)]
        for line in lines:
            typer.echo(line, err=True)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        typer.echo("stopped by Ctrl-C; a run that was going on is marked as interrupted", err=True)
        raise typer.Exit(INTERRUPTED) from None
    except (typer.Exit, typer.Abort, BrokenPipeError):
        raise
    except OSError as error:  # the system refuses, for example to print on a full disk
        if os.environ.get("COSIM_DEBUG"):
            raise
        typer.echo(f"cosim failed: {error.filename or 'the output'}: {error.strerror or error}", err=True)
        raise typer.Exit(1) from None
    except Exception as error:
        if os.environ.get("COSIM_DEBUG"):
            raise
        typer.echo(f"cosim failed: {type(error).__name__}: {error}", err=True)
        typer.echo("this is a defect of cosim; with COSIM_DEBUG=1 the command shows where", err=True)
        raise typer.Exit(1) from None


def settings(set_: list[str] | None) -> list[tuple[str, Any]]:
    """Paths and values of all --set; every one that is wrong is reported."""
    from cosim.errors import Problem, ScenarioError
    from cosim.scenario.overrides import parse_override

    found: list[tuple[str, Any]] = []
    problems: list[Problem] = []
    for text in set_ or ():
        try:
            found.append(parse_override(text))
        except ScenarioError as error:
            problems += error.problems
    if problems:
        raise ScenarioError(problems)
    return found


def opened(file: Path, overrides: list[tuple[str, Any]], seed: int | None, days: float | None) -> Loaded:
    """A scenario; if it is wrong, with the mistakes that only a room can find among the others."""
    from cosim.scenario.load import load

    try:
        return load(file, overrides, seed=seed, days=days)
    except InputError:
        from cosim.scenario.check import check as check_scenario

        check_scenario(file, overrides, seed=seed, days=days)
        raise


def put(*parts: Any) -> None:
    """Print what rich can print: texts and tables."""
    from rich.console import Console

    if sys.stdout is None:  # closed by the caller
        return
    console = Console(width=None if sys.stdout.isatty() else 160)  # a file or a pipe has no width of its own
    for part in parts:
        console.print(part, highlight=False, markup=False)


def put_json(content: Any) -> None:
    """Print as JSON."""
    import json

    typer.echo(json.dumps(content, indent=2, ensure_ascii=False, default=str))
