"""Commands about scenarios: make one, check it, run it, and what it can name."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cosim.cli.base import (
    LIMITS_BROKEN,
    Days,
    Json,
    Quiet,
    ScenarioFile,
    Seed,
    Set,
    opened,
    put,
    put_json,
    reported,
    settings,
)
from cosim.errors import InputError, ScenarioError

if TYPE_CHECKING:
    from cosim.scenario.load import Loaded
    from cosim.simulation import Outcome


class Listed(StrEnum):
    """What `cosim list` can list."""

    policies = "policies"
    devices = "devices"
    mechanisms = "mechanisms"
    networks = "networks"
    scenarios = "scenarios"


def init(folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write into.")]) -> None:
    """Write a commented scenario to start from."""
    with reported():
        from cosim.scenario.starter import write_starter

        for file in write_starter(folder):
            typer.echo(f"wrote {file}")
        typer.echo(f"next: cosim check {folder / 'scenario.yaml'}")


def check(
    scenario: ScenarioFile,
    seed: Seed = None,
    days: Days = None,
    set_: Set = None,
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """Report every mistake in a scenario at once, or what a good one amounts to."""
    with reported():
        from cosim.scenario.account import account_of
        from cosim.scenario.check import check as check_scenario

        facts = check_scenario(scenario, settings(set_), seed=seed, days=days)
        _try_policies(opened(scenario, settings(set_), seed, days))
        account = account_of(facts)
        if json_:
            put_json({"name": account.title, **dict(account.rows), "warnings": list(account.warnings)})
        elif not quiet:
            width = max(len(label) for label, _ in account.rows)
            typer.echo(f"{account.title}: no mistakes found")
            for label, text in account.rows:
                typer.echo(f"  {label:<{width}}  {text}")
        for warning in account.warnings:
            typer.echo(f"warning: {warning}", err=True)


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
    with reported():
        loaded = opened(scenario, settings(set_), seed, days)
        outcome = _simulated(loaded, output, show=not (quiet or json_))
        if json_:
            put_json(
                {
                    "folder": str(outcome.folder),
                    "violations": outcome.violations,
                    "summary": outcome.summary,
                }
            )
        elif not quiet:
            from cosim.results.show import summary

            put(summary(outcome.summary), "", f"Written to {outcome.folder}:")
            for file in sorted({*outcome.files, *outcome.folder.glob("*.*")}):
                typer.echo(f"  {file}")
        if fail_on_violation and outcome.violations:
            typer.echo(f"{outcome.violations} network limits were broken (--fail-on-violation)", err=True)
            raise typer.Exit(LIMITS_BROKEN)


def list_(what: Annotated[Listed, typer.Argument(help="What to list.")], json_: Json = False) -> None:
    """List what a scenario can name."""
    with reported():
        from cosim.scenario.listing import listing

        rows = listing(what.value)
        if json_:
            put_json([dict(zip(("name", "about", "uses"), row, strict=False)) for row in rows])
            return
        width = max((len(name) for name, *_ in rows), default=0)
        for name, about, *uses in rows:
            typer.echo(f"{name:<{width}}  {about}".rstrip())
            for text in uses:
                typer.echo(f"{'':<{width}}  {text}")


def schema() -> None:
    """Print the JSON Schema of scenario files, from which editors complete."""
    with reported():
        from cosim.scenario.reference import schema_text

        typer.echo(schema_text(), nl=False)


def _try_policies(loaded: Loaded) -> None:
    """Make all policies, as a run does: whether parameters and files fit the community shows only then. torch
    is imported if one of them learns."""
    from cosim.community.build import community_of

    try:
        community_of(loaded.scenario)
    except InputError as error:
        raise ScenarioError(loaded.source.located(error.problems, ())) from error


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
            raise ScenarioError(loaded.source.located(error.problems, ())) from error
        raise
