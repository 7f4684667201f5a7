"""Commands about one run: broken limits, a prosumer's day, the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cosim.cli.base import HOURS_OF_DAY, Json, RunFolder, put, reported
from cosim.errors import InputError, Problem

if TYPE_CHECKING:
    import pandas as pd


Prosumer = Annotated[str, typer.Option(help="Whose day; left out: one with most kinds of devices.")]
Day = Annotated[
    str, typer.Option(metavar="DATE", help="Which day: 2016-01-07; left out: one in the middle of the run.")
]


class By(StrEnum):
    """How `cosim violations` sums up."""

    element = "element"
    hour = "hour"
    episode = "episode"
    row = "row"


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
    with reported():
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
            put(
                show.violations(table, title, columns, top)
                if columns
                else show.frame(table, title, most=HOURS_OF_DAY)
            )


def day(
    run: RunFolder,
    prosumer: Prosumer = "",
    day: Day = "",
    output: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Also draw it: a page that opens in a browser.")
    ] = None,
    json_: Json = False,
) -> None:
    """Show a prosumer's day: where its electricity and heat came from and where they went."""
    with reported():
        from cosim.analysis.day import account
        from cosim.report.day import day_of, write_day
        from cosim.results import show
        from cosim.results.read import load

        if output is not None and output.suffix.lower() not in (".html", ".htm"):
            raise InputError(Problem(f"{output} is not the name of a page", "write FILE.html", "--output"))
        found = load(run)
        chosen = day_of(found, prosumer, day)
        table = account(chosen.flows)
        if json_:
            typer.echo(table.to_json(orient="records", indent=2, double_precision=15))
        else:
            put(show.frame(table, f"{chosen.title} (kWh)"), chosen.bill)
        if output is not None:
            typer.echo(f"wrote {write_day(found, chosen, output)}", err=json_)


def report(run: RunFolder, prosumer: Prosumer = "", day: Day = "") -> None:
    """Write report.html into the folder of a run."""
    with reported():
        from cosim.report.html import write_report
        from cosim.results.read import load

        typer.echo(f"wrote {write_report(load(run), prosumer, day)}")
