"""The command that says how good policies are: trained in one window of time, judged in others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cosim.cli.base import Json, Quiet, ScenarioFile, Set, opened, put, put_json, reported, settings
from cosim.cli.unit_progress import unit_progress
from cosim.errors import InputError, Problem

if TYPE_CHECKING:
    from cosim.scenario.schema import Scenario
    from cosim.studies.contenders import Contender
    from cosim.studies.study import Study
    from cosim.studies.windows import Windows


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is done if nothing else is said."""

    seeds: int
    train_days: float
    test_days: float


FULL, QUICK = Extent(5, 119.0, 7.0), Extent(2, 14.0, 2.0)


def evaluate(  # noqa: PLR0913, PLR0917 - one option each
    scenario: ScenarioFile,
    policies: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND,KIND...",
            help="Who is compared: names of policies, with parameters KIND:PARAMETER=VALUE, called otherwise "
            "NAME@KIND:..., or FILE.yaml with policies as a scenario has them; may be repeated. "
            "Left out: self-consumption and the scenario's own policies.",
        ),
    ] = None,
    bidding: Annotated[
        str, typer.Option(metavar="MODE,MODE", help="How they bid: reservation, setpoint, or both.")
    ] = "",
    seeds: Annotated[int | None, typer.Option(min=1, help="How many seeds: 1, 2, ... (5).")] = None,
    train: Annotated[
        str | None, typer.Option(metavar="DATE", help="Start of training (Monday of ISO week 4).")
    ] = None,
    train_days: Annotated[
        float | None, typer.Option(min=0.001, help="How long training takes [days] (119).")
    ] = None,
    passes: Annotated[int, typer.Option(min=1, help="How often learners go through it.")] = 1,
    test: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DATE,NAME=DATE",
            help="Starts of the windows to judge in (Mondays of ISO weeks 3, 21, 29, 42); may be repeated.",
        ),
    ] = None,
    test_days: Annotated[
        float | None, typer.Option(min=0.001, help="Length of each of them [days] (7).")
    ] = None,
    against: Annotated[
        str | None, typer.Option(metavar="NAME", help="Policy that others are compared with (the first).")
    ] = None,
    tune: Annotated[bool, typer.Option(help="Choose parameters of rules in training.")] = True,
    rule: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="Rule that the cost of learning is measured against (what each learner starts from).",
        ),
    ] = None,
    regret: Annotated[bool, typer.Option("--regret", help="Also compute the price-taker regret.")] = False,
    exploitability: Annotated[
        int,
        typer.Option(
            min=0, metavar="M", help="Also let M prosumers, one at a time, learn on alone: what each gains."
        ),
    ] = 0,
    quick: Annotated[
        bool, typer.Option("--quick", help="A small one: 2 seeds, 14 days of training, windows of 2 days.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Processes that work at the same time.")] = 2,
    output: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the study; what is in it already is not computed again. "
            "Left out: outputs/evaluate-SCENARIO-DATE-TIME."
        ),
    ] = None,
    set_: Set = None,
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """Train policies in one window of time, freeze them, judge them in others: how good they are."""
    with reported():
        from cosim.studies.exploitability import Probe

        loaded = opened(scenario, settings(set_), None, None).scenario
        defaults = QUICK if quick else FULL
        span = (train, train_days or defaults.train_days, listed(test), test_days or defaults.test_days)
        windows = _windows(loaded, *span)
        contenders = _contenders(loaded, policies, listed([bidding]), tune)
        extent: dict[str, Any] = {
            "seeds": range(1, 1 + (seeds or defaults.seeds)),
            "passes": passes,
            "regret": regret,
        }
        extent["probe"] = Probe(exploitability) if exploitability else None
        study = _study(loaded, windows, contenders, rules=_rules(rule, loaded, windows, contenders), **extent)
        _evaluated(study, _folder(output, scenario), jobs, against, (quiet, json_))


def _windows(
    scenario: Scenario, train: str | None, train_days: float, tests: Sequence[str], test_days: float
) -> Windows:
    from cosim.studies.windows import windows_of

    return windows_of(scenario.horizon.start.year, train, train_days, tests, test_days)


def _contenders(
    scenario: Scenario, policies: Sequence[str] | None, modes: Sequence[str], tune: bool
) -> list[Contender]:
    """Who is compared, in each bidding mode."""
    from cosim.studies.contenders import contenders_of, own_contenders

    modes = modes or [scenario.market.bidding]
    found = contenders_of(policies, modes) if policies else own_contenders(scenario, modes)
    return [replace(one, tune=one.tune and tune) for one in found]


def _rules(
    text: str | None, scenario: Scenario, windows: Windows, contenders: Sequence[Contender]
) -> dict[str, Contender]:
    """The rule that each learner is measured against, as it stands: what is asked for, or what it says."""
    from cosim.studies.contenders import contenders_of
    from cosim.studies.start_rules import start_rules

    if text is None:
        return start_rules(scenario, windows, contenders)
    found = contenders_of([text])
    if len(found) > 1:
        raise InputError(Problem(f"{text!r} is more than one policy", "name one", path="--rule"))
    rule = replace(found[0], tune=False)
    return {one.stem: replace(rule, bidding=one.bidding) for one in contenders}


def _study(scenario: Scenario, windows: Windows, contenders: Sequence[Contender], **extent: Any) -> Study:
    """The study, of which everything fits together: a mistake is told before hours of work."""
    from cosim.studies.study import Study

    study = Study.of(scenario, windows, contenders, **extent)
    study.check()
    return study


def _evaluated(
    study: Study, folder: Callable[[], Path], jobs: int, against: str | None, shown: tuple[bool, bool]
) -> None:
    """Do a study, write what came of it, print it unless it is to be quiet."""
    from cosim.studies.evaluate import evaluate as compute
    from cosim.studies.report import write_report
    from cosim.studies.summary import content, reference_of, summarise, write_results
    from cosim.studies.tables import tables

    quiet, as_json = shown
    against, where = reference_of(study, against), folder()
    try:
        with unit_progress(quiet or as_json) as tell:
            news = compute(study, where, jobs, tell)
    except KeyboardInterrupt:
        typer.echo(f"what is done is kept: the same command with --output {where} goes on", err=True)
        raise
    failed = [one for one in news if one.state == "failed"]
    summary = summarise(study, where, against, missing=bool(failed))
    files = write_results(summary, where)
    if as_json:
        put_json(content(summary))
    elif not quiet:
        put(*tables(summary))
    for one in failed:
        for line in one.lines:
            typer.echo(f"{one.unit.name}: {line}", err=True)
    files.append(write_report(summary, where))  # last: that it cannot be written is to hide nothing
    if not (as_json or quiet):
        put("", f"Written to {where}: {', '.join(file.name for file in files)}")
    if failed:
        raise typer.Exit(max(one.exit_code for one in failed))


def listed(texts: Sequence[str] | None) -> list[str]:
    """What stands between commas."""
    return [part.strip() for text in texts or () for part in text.split(",") if part.strip()]


def _folder(output: Path | None, file: Path) -> Callable[[], Path]:
    """Makes the folder of the study, once it is known that there is something to put into it."""
    from cosim.results.writer import make_folder

    if output is None:
        return lambda: make_folder(f"evaluate-{file.stem}")
    if output.is_file():
        raise InputError(Problem(f"{output} is a file", "name a folder", path="--output"))
    return lambda: output
