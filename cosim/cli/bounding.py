"""The command that sets a run against the optimum of its scenario."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from cosim.cli.base import Json, Quiet, RunFolder, put, put_json, reported
from cosim.errors import InputError, OutputError, Problem

if TYPE_CHECKING:
    import pandas as pd

    from cosim.results.read import Run
    from cosim.scenario.schema import Scenario

Days = Annotated[float | None, typer.Option(help="Only the first days of the run.")]


def bound(run: RunFolder, days: Days = None, quiet: Quiet = False, json_: Json = False) -> None:
    """Set a run against the best that was possible: optimum, share captured, shadow prices, regret."""
    with reported():
        from cosim.analysis.captured import Recorded, by_hour, captured
        from cosim.analysis.hindsight import hindsight
        from cosim.analysis.optimum import bound_of, require_size
        from cosim.results.bounds import write_bound
        from cosim.results.files import plain
        from cosim.results.read import load
        from cosim.results.show_bound import bound as shown

        found = load(run)
        scenario = _scenario(found, days)
        tables = _tables(found, scenario)
        require_size(scenario)
        with _telling(quiet or json_) as say:
            say("the scenario")
            look = hindsight(scenario)
            recorded = Recorded.of(*tables, look.community.members.names)
            own = bound_of(look, say)
            say("the best response of each prosumer")
            result = captured(look, own, recorded)
        periods = result.periods()
        content = plain({"name": found.name, **result.summary()})
        files = write_bound(found.path, content, periods, scenario.horizon.zone)
        if json_:
            put_json(content)
        elif not quiet:
            put(shown(content, by_hour(periods)), f"Written: {', '.join(map(str, files))}")


def _scenario(run: Run, days: float | None) -> Scenario:
    """The run's scenario, or the first days of it."""
    from cosim.scenario.load import load

    path = run.path / "scenario.yaml"
    if not path.exists():
        raise OutputError(f"{path} is gone: a bound is of the scenario of a run (run it again)")
    scenario = load(path, days=days).scenario
    whole = run.manifest["horizon"]["periods"]
    if scenario.horizon.periods > whole:
        length = whole * scenario.horizon.step_minutes / (24 * 60)
        raise InputError(Problem(f"the run has {length:g} days, not {days:g}", "ask for fewer", "--days"))
    return scenario


def _tables(run: Run, scenario: Scenario) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of `steps` and `prosumers` of the scenario's periods.

    Raises:
        OutputError: if they are not recorded finely enough.
        InputError: if the run has several communities, which its scenario does not tell apart.
    """
    periods, hours = scenario.horizon.periods, scenario.horizon.step_minutes / 60.0
    steps, prosumers = run.steps, run.prosumers
    if steps["community"].nunique() > 1:
        raise InputError(
            Problem(f"{run.path} has several communities", "a scenario says what one of them is made of")
        )
    for table, need in (("steps", hours), ("prosumers", periods * hours)):
        width = run.hours(table)
        if need < width or abs(need / width - round(need / width)) > 1e-9:
            detail = "period" if table == "steps" else "period, hour or day"
            raise OutputError(
                f"{table} of {run.path} is recorded every {width:g} hours, which is too coarse here (run it "
                f"again with outputs.record.{table}: {detail})"
            )
    return steps[steps["period"] < periods].sort_values("period"), prosumers[prosumers["period"] < periods]


@contextmanager
def _telling(silent: bool) -> Iterator[Callable[[str], None]]:
    """What is being done, on standard error: a spinner in a terminal, else a line each."""
    if silent:
        yield lambda what: None
    elif sys.stderr.isatty():
        from cosim.progress import spinner

        with spinner() as say:
            yield say
    else:
        yield lambda what: typer.echo(f"finding {what} ...", err=True)
