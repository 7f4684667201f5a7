"""The command that compares: runs that are finished, or variants of a scenario that it runs first."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cosim.cli.base import Days, Json, Quiet, Seed, Set, put, reported, settings
from cosim.errors import InputError, OutputError, Problem, ScenarioError

if TYPE_CHECKING:
    from cosim.scenario.variants import Variant
    from cosim.simulation.variants import News, Task


def compare(  # noqa: PLR0913, PLR0917 - one option each
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...|SCENARIO",
            help="Output folders, the first is the reference; or, with --vary, one scenario file.",
        ),
    ],
    vary: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY.PATH=VALUE,VALUE",
            help="Run the scenario with each value; several --vary give every combination.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder of the variants; left out: outputs/compare-SCENARIO-DATE-TIME."),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Variants that run at the same time.")] = 1,
    seed: Seed = None,
    days: Days = None,
    set_: Set = None,
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """Put the indicators of several runs side by side; with --vary, run the variants of a scenario first."""
    with reported():
        failures: list[News] = []
        if vary:
            names, folders, failures = _run_variants(
                _only(runs), vary, output, jobs, (settings(set_), seed, days), quiet or json_
            )
        else:
            _no_variants(runs, {"--output": output, "--seed": seed, "--days": days, "--set": set_})
            names, folders = _labels(runs), runs
        if folders:
            _put(names, folders, json_, quiet, output=folders[0].parent if vary else None)
        for news in failures:
            for line in news.lines:
                typer.echo(f"{news.task.name}: {line}", err=True)
        if failures:
            raise typer.Exit(max(news.exit_code for news in failures))


def _put(
    names: Sequence[str], folders: Sequence[Path], json_: bool, quiet: bool, output: Path | None
) -> None:
    """Print the table; of variants also keep it, beside their folders."""
    from cosim.analysis.compare import compare as compare_runs
    from cosim.analysis.compare import differences
    from cosim.results.files import write_text
    from cosim.results.read import load
    from cosim.results.show import comparison

    summaries = [load(folder).summary for folder in folders]
    table, notes = compare_runs(names, summaries), differences(names, summaries)
    if output is not None:
        write_text(output / "comparison.csv", table.to_csv(index=False))
    if json_:
        typer.echo(table.to_json(orient="records", indent=2, double_precision=15))
    elif not quiet:
        put(comparison(table, names, notes))
        if output is not None:
            typer.echo(f"Written to {output}: comparison.csv, and a folder for each variant")


def _only(runs: Sequence[Path]) -> Path:
    """The scenario file."""
    if len(runs) == 1 and not runs[0].is_dir():
        return runs[0]
    message = f"{', '.join(map(str, runs))} is not one scenario file"
    raise InputError(Problem(message, "--vary runs variants of one scenario: name its file", "--vary"))


def _no_variants(runs: Sequence[Path], given: dict[str, Any]) -> None:
    """Options and files that mean something with --vary alone are mistakes without."""
    problems = [
        Problem("is for variants of a scenario", "add --vary KEY.PATH=VALUE,VALUE", path=option)
        for option, value in given.items()
        if value is not None
    ]
    problems += [
        Problem(f"{run} is a file, no run", "of a scenario say what to --vary: KEY.PATH=VALUE,VALUE")
        for run in runs
        if run.is_file()
    ]
    if problems:
        raise InputError(problems)


Common = tuple[list[tuple[str, Any]], int | None, float | None]
"""What holds for all variants: settings, seed, days."""


def _run_variants(
    file: Path, vary: Sequence[str], output: Path | None, jobs: int, common: Common, silent: bool
) -> tuple[list[str], list[Path], list[News]]:
    """Run what is not done yet; names and folders of what is done then, and what failed."""
    from cosim.scenario.variants import variants
    from cosim.simulation.variants import run_all

    every = variants(vary)
    tasks = _tasks(file, every, common)
    root = _root(output, file)
    tasks = [replace(task, folder=root / task.folder) for task in tasks]
    with _progress(tasks, silent) as tell:
        news = run_all(tasks, jobs, tell)
    done = [one for one in news if one.state in ("done", "kept")]
    failed = [one for one in news if one.state == "failed"]
    return [one.task.name for one in done], [one.task.folder for one in done], failed


def _tasks(file: Path, every: Sequence[Variant], common: Common) -> list[Task]:
    """All variants read; the mistakes of all of them at once, each once."""
    from cosim.simulation.variants import Task

    fixed, seed, days = common
    found: list[Task] = []
    problems: dict[str, Problem] = {}
    for one in every:
        varied = {path for path, _ in one.overrides}
        try:
            found.append(Task.of(one.name, Path(one.folder), file, [*fixed, *one.overrides], seed, days))
        except ScenarioError as error:
            for problem in error.problems:
                place = problem.path.removeprefix("--set ")
                is_varied = place in varied and problem.path != place
                worded = replace(problem, path=f"--vary {place}") if is_varied else problem
                problems[str(worded)] = worded
    if problems:
        raise ScenarioError(list(problems.values()))
    return found


def _root(output: Path | None, file: Path) -> Path:
    """The folder that holds those of the variants."""
    from cosim.results.files import explain
    from cosim.results.writer import make_folder

    if output is None:
        return make_folder(f"compare-{file.stem}")
    if output.is_file():
        raise InputError(Problem(f"{output} is a file", "name a folder", path="--output"))
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(explain(error, output)) from error
    return output


@contextmanager
def _progress(tasks: Sequence[Task], silent: bool) -> Iterator[Callable[[News], None]]:
    """How far the variants are, on standard error: bars in a terminal, else a line when one begins or
    ends."""
    if silent:
        yield lambda news: None
    elif sys.stderr.isatty():
        from cosim.progress import variant_bars

        with variant_bars([(task.name, task.periods) for task in tasks]) as bars:
            yield lambda news: bars(news.task.name, news.done, news.state)
    else:
        words = {"kept": "was run before", "done": "done", "failed": "failed", "running": "running"}
        begun: set[str] = set()

        def tell(news: News) -> None:
            if news.state != "running" or news.task.name not in begun:
                begun.add(news.task.name)
                number = tasks.index(news.task) + 1
                typer.echo(f"[{number}/{len(tasks)}] {news.task.name}: {words[news.state]}", err=True)

        yield tell


def _labels(runs: Sequence[Path]) -> list[str]:
    """A different name for every run: its folder's, with a number where two are alike."""
    names = [folder.resolve().name for folder in runs]
    return [f"{name} ({index + 1})" if names.count(name) > 1 else name for index, name in enumerate(names)]
