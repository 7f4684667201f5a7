"""The command that measures cosim itself: its speed, and how good its learners are."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cosim.cli.base import WIDE, put, reported
from cosim.cli.unit_progress import unit_progress

if TYPE_CHECKING:
    from cosim.benchmarks.learning.cases import Extent

bench = typer.Typer(help="Measure speed on this machine, and how good learners are.", no_args_is_help=True)

JsonFile = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Also write the rows as JSON.")]


@bench.command()
def simulation(json_: JsonFile = None) -> None:
    """Steps per second, time by phase and memory of whole runs."""
    _speed("simulation", json_)


@bench.command()
def market(json_: JsonFile = None) -> None:
    """Orders per second of the double auction."""
    _speed("market", json_)


@bench.command()
def network(json_: JsonFile = None) -> None:
    """Milliseconds per power flow, beside pandapower's own ways."""
    _speed("network", json_)


def _speed(name: str, file: Path | None) -> None:
    """Measure, print the rows, keep them if a file is named."""
    with reported():
        from cosim.benchmarks import measure

        rows = measure(name)
        if file is not None:
            import json

            file.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
        import pandas as pd

        from cosim.results.show import frame

        table = pd.DataFrame(rows)
        if table.shape[1] > WIDE:  # many figures of few cases read better side by side
            table = table.set_index(table.columns[0]).T.rename_axis("figure").reset_index()
        put(frame(table, f"cosim bench {name}"))


@bench.command()
def learning(
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", help="A small one, in minutes: whether everything works, not how good it is."
        ),
    ] = False,
    only: Annotated[
        str | None, typer.Option(metavar="PART", help="One part alone: quality, prudence, scale or ablation.")
    ] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="How many seeds: 1, 2, ... (5).")] = None,
    exploitability: Annotated[
        int,
        typer.Option(
            min=0, metavar="M", help="Also let M prosumers, one at a time, learn on alone: what each gains."
        ),
    ] = 0,
    jobs: Annotated[int, typer.Option(min=1, help="Processes that work at the same time.")] = 2,
    output: Annotated[
        Path | None,
        typer.Option(
            help="Folder; what is in it already is not computed again (outputs/bench-learning, or -quick)."
        ),
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Page whose generated parts are renewed (docs/results.md; if quick, one in the folder).",
        ),
    ] = None,
) -> None:
    """Learners against rules and the optimum, ablations, scale: hours, and the same command goes on."""
    with reported():
        from cosim.benchmarks.learning.cases import FULL, QUICK

        extent = QUICK if quick else FULL
        extent = replace(extent, seeds=seeds or extent.seeds, probe=exploitability)
        folder = output or Path("outputs") / f"bench-learning{'-quick' if quick else ''}"
        page = page or (folder / "results.md" if quick else Path("docs/results.md"))
        _learning(extent, folder, page, jobs, only)


def _learning(extent: Extent, folder: Path, page: Path, jobs: int, only: str | None) -> None:
    """Compute, write the page, say what failed."""
    from cosim.benchmarks.learning import Bench
    from cosim.benchmarks.learning.page import origin, write

    def say(line: str) -> None:
        typer.echo(line, err=True)

    try:
        with unit_progress() as tell:
            work = Bench(extent, folder, jobs, tell, say)
            sections = work.sections(only)
    except KeyboardInterrupt:
        say(f"what is done is kept: the same command with --output {folder} goes on")
        raise
    command = ["cosim", *sys.argv[1:]]
    write(page, {name: f"{origin(command, extent, name)}\n\n{text}" for name, text in sections.items()})
    put(f"Written to {page}; units and figures of every seed are in {folder}.")
    for news in work.failed:
        for line in news.lines:
            say(f"{news.unit.name}: {line}")
    if work.failed:
        raise typer.Exit(max(news.exit_code for news in work.failed))
