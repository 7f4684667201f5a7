"""The command line: arguments in, text out, exit code. What a command does is elsewhere and imported when it
is called, so that `cosim --help` is there at once.

Exit codes: 0 done; 1 failed while running; 2 the scenario or the call is wrong; 4 done, but limits were
broken and --fail-on-violation was given; 130 stopped by Ctrl-C, 143 by SIGTERM.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cosim.errors import CosimError, InputError

if TYPE_CHECKING:
    import pandas as pd

    from cosim.scenario.load import Loaded
    from cosim.simulation import Outcome

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


class Listed(StrEnum):
    """What `cosim list` can list."""

    policies = "policies"
    devices = "devices"
    mechanisms = "mechanisms"
    networks = "networks"
    scenarios = "scenarios"


class By(StrEnum):
    """How `cosim violations` sums up."""

    element = "element"
    hour = "hour"
    episode = "episode"
    row = "row"


@app.command()
def init(folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write into.")]) -> None:
    """Write a commented scenario to start from."""
    with _reported():
        from cosim.scenario.starter import write_starter

        for file in write_starter(folder):
            typer.echo(f"wrote {file}")
        typer.echo(f"next: cosim check {folder / 'scenario.yaml'}")


@app.command()
def check(
    scenario: ScenarioFile,
    seed: Seed = None,
    days: Days = None,
    set_: Set = None,
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """Report every mistake in a scenario at once, or what a good one amounts to."""
    with _reported():
        from cosim.scenario.account import account_of
        from cosim.scenario.check import check as check_scenario

        account = account_of(check_scenario(scenario, _overrides(set_), seed=seed, days=days))
        if json_:
            _print_json({"name": account.title, **dict(account.rows), "warnings": list(account.warnings)})
        elif not quiet:
            width = max(len(label) for label, _ in account.rows)
            typer.echo(f"{account.title}: no mistakes found")
            for label, text in account.rows:
                typer.echo(f"  {label:<{width}}  {text}")
        for warning in account.warnings:
            typer.echo(f"warning: {warning}", err=True)


@app.command()
def run(
    scenario: ScenarioFile,
    output: Annotated[
        Path | None, typer.Option(help="Output folder; left out: outputs/NAME-DATE-TIME.")
    ] = None,
    seed: Seed = None,
    days: Days = None,
    set_: Set = None,
    quiet: Quiet = False,
    json_: Json = False,
    fail_on_violation: Annotated[
        bool,
        typer.Option("--fail-on-violation", help=f"Exit with {LIMITS_BROKEN} if a network limit is broken."),
    ] = False,
) -> None:
    """Simulate a scenario and write its output folder."""
    with _reported():
        loaded = _loaded(scenario, _overrides(set_), seed, days)
        outcome = _simulated(loaded, output, show=not (quiet or json_))
        if json_:
            _print_json(
                {
                    "folder": str(outcome.folder),
                    "violations": outcome.violations,
                    "summary": outcome.summary,
                }
            )
        elif not quiet:
            from cosim.results.show import summary

            _show(summary(outcome.summary), "", f"Written to {outcome.folder}:")
            for file in sorted({*outcome.files, *outcome.folder.glob("*.*")}):
                typer.echo(f"  {file}")
        if fail_on_violation and outcome.violations:
            typer.echo(f"{outcome.violations} network limits were broken (--fail-on-violation)", err=True)
            raise typer.Exit(LIMITS_BROKEN)


@app.command("list")
def list_(what: Annotated[Listed, typer.Argument(help="What to list.")], json_: Json = False) -> None:
    """List what a scenario can name."""
    with _reported():
        from cosim.scenario.listing import listing

        rows = listing(what.value)
        if json_:
            _print_json([{"name": name, "about": about} for name, about in rows])
            return
        width = max((len(name) for name, _ in rows), default=0)
        for name, about in rows:
            typer.echo(f"{name:<{width}}  {about}".rstrip())


@app.command()
def schema() -> None:
    """Print the JSON Schema of scenario files, from which editors complete."""
    with _reported():
        from cosim.scenario.reference import schema_text

        typer.echo(schema_text(), nl=False)


@app.command()
def violations(  # noqa: PLR0913, PLR0917 - one option each
    run: RunFolder,
    by: Annotated[
        By, typer.Option(help="Sum up by element, hour of the day or episode, or list rows.")
    ] = By.element,
    kind: Annotated[list[str] | None, typer.Option(help="Only this kind; may be repeated.")] = None,
    element: Annotated[
        list[str] | None, typer.Option(help="Only this bus, line or transformer; * and ? work.")
    ] = None,
    from_: Annotated[str, typer.Option("--from", help="First instant, local time: 2016-01-07 18:00.")] = "",
    to: Annotated[str, typer.Option("--to", help="First instant that is not taken any more.")] = "",
    hours: Annotated[str, typer.Option(help="Hours of the day: 17-20, or 22-6 for the night.")] = "",
    top: Annotated[int, typer.Option(help="At most so many rows.", min=1)] = 20,
    json_: Json = False,
) -> None:
    """Show which network limits were broken: when, where, by how much."""
    with _reported():
        from cosim.analysis import violations as broken
        from cosim.results import show
        from cosim.results.read import load

        found = load(run)
        rows = broken.select(
            found.violations,
            kinds=kind or (),
            elements=element or (),
            start=from_,
            end=to,
            hours=broken.parse_hours(hours),
        )
        step = found.hours("violations")
        summed: dict[By, Callable[[], tuple[pd.DataFrame, Sequence[str]]]] = {
            By.element: lambda: (broken.by_element(rows, step), show.ELEMENT_COLUMNS),
            By.episode: lambda: (broken.episodes(rows, step), show.EPISODE_COLUMNS),
            By.hour: lambda: (broken.by_hour(rows).reset_index(), ()),
            By.row: lambda: (broken.worst(rows, top), show.ROW_COLUMNS),
        }
        if json_:
            most = HOURS_OF_DAY if by is By.hour else top
            typer.echo(summed[by]()[0].head(most).to_json(orient="records", date_format="iso", indent=2))
        elif not len(rows):
            typer.echo(
                "None passes the filters." if len(found.violations) else "No network limit was broken."
            )
        else:
            table, columns = summed[by]()
            title = f"{found.name}: {len(rows):,} of {len(found.violations):,} violations"
            _show(
                show.violations(table, title, columns, top)
                if columns
                else show.frame(table, title, most=HOURS_OF_DAY)
            )


@app.command()
def compare(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Output folders; the first is the reference.")
    ],
    json_: Json = False,
) -> None:
    """Put the indicators of several runs side by side."""
    with _reported():
        from cosim.analysis.compare import compare as compare_runs
        from cosim.analysis.compare import differences
        from cosim.results.read import load
        from cosim.results.show import comparison

        summaries = [load(folder).summary for folder in runs]
        labels = _labels(runs)
        table, notes = compare_runs(labels, summaries), differences(labels, summaries)
        if json_:
            typer.echo(table.to_json(orient="records", indent=2))
        else:
            _show(comparison(table, labels, notes))


@app.command()
def report(run: RunFolder) -> None:
    """Write report.html into the folder of a run."""
    with _reported():
        from cosim.report.html import write_report
        from cosim.results.read import load

        typer.echo(f"wrote {write_report(load(run))}")


@app.command()
def bench(
    name: Annotated[str, typer.Argument(help="What to measure: simulation, market or network.")],
    json_: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write the rows as JSON.")
    ] = None,
) -> None:
    """Measure speed on this machine: a table, and its JSON."""
    with _reported():
        from cosim.benchmarks import measure

        rows = measure(name)
        if json_ is not None:
            import json

            json_.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
        import pandas as pd

        from cosim.results.show import frame

        table = pd.DataFrame(rows)
        if table.shape[1] > WIDE:  # many figures of few cases read better side by side
            table = table.set_index(table.columns[0]).T.rename_axis("figure").reset_index()
        _show(frame(table, f"cosim bench {name}"))


def main() -> None:
    """Entry point of the command `cosim`."""
    signal.signal(signal.SIGTERM, _terminated)
    app(prog_name="cosim")


def _terminated(*_: Any) -> None:
    """A batch system or a container wants an end: the run is marked, as after Ctrl-C."""
    typer.echo("stopped by SIGTERM; a run that was going on is marked as interrupted", err=True)
    raise SystemExit(TERMINATED)


@contextmanager
def _reported() -> Iterator[None]:
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


def _overrides(set_: list[str] | None) -> list[tuple[str, Any]]:
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


def _loaded(file: Path, overrides: list[tuple[str, Any]], seed: int | None, days: float | None) -> Loaded:
    """A scenario; if it is wrong, with the mistakes that only a room can find among the others."""
    from cosim.scenario.load import load

    try:
        return load(file, overrides, seed=seed, days=days)
    except InputError:
        from cosim.scenario.check import check as check_scenario

        check_scenario(file, overrides, seed=seed, days=days)
        raise


def _simulated(loaded: Loaded, output: Path | None, *, show: bool) -> Outcome:
    """Run a scenario; what a room finds wrong is shown with all other mistakes, line by line."""
    from cosim.simulation import run as simulate

    try:
        if show and sys.stderr.isatty():
            from cosim.progress import progress_bar

            with progress_bar(loaded.scenario.horizon.periods) as progress:
                return simulate(loaded.scenario, output, progress)
        return simulate(loaded.scenario, output)
    except InputError as error:
        from cosim.scenario.check import facts_of

        if not any(problem.path.startswith("--") for problem in error.problems):
            facts_of(loaded)  # raises with every mistake in its place
        raise


def _labels(runs: list[Path]) -> list[str]:
    """A different name for every run: its folder's, with a number where two are alike."""
    names = [folder.resolve().name for folder in runs]
    return [f"{name} ({index + 1})" if names.count(name) > 1 else name for index, name in enumerate(names)]


def _show(*parts: Any) -> None:
    from rich.console import Console

    if sys.stdout is None:  # closed by the caller
        return
    console = Console(width=None if sys.stdout.isatty() else 160)  # a file or a pipe has no width of its own
    for part in parts:
        console.print(part, highlight=False, markup=False)


def _print_json(content: Any) -> None:
    import json

    typer.echo(json.dumps(content, indent=2, ensure_ascii=False, default=str))
