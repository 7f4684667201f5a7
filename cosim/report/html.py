"""report.html: a run on one page, in one file that opens without a network. Figures are made in `figures`;
here they are put into words and HTML."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from cosim.errors import OutputError
from cosim.report import day as days
from cosim.report import figures, learning
from cosim.report.figures import Figure, Series
from cosim.report.frame import document, section, table
from cosim.results.files import write_text
from cosim.results.read import Run
from cosim.results.show import MARKETS, market_rows, number, percent

FILE = "report.html"
Part = tuple[str, str, str, Figure | None]
"""Identity, title, explanation and figure of a section; no figure: the explanation says why."""


def write_report(run: Run, prosumer: str = "", day: str = "") -> Path:
    """Write report.html into the run's folder.

    Args:
        run: The run.
        prosumer: Whose day is drawn; "" for one with most kinds of devices.
        day: Which day, "2016-01-07"; "" for one in the middle of the run.

    Raises:
        InputError: if there is no such prosumer or day.
        OutputError: if the run's results cannot be read, or the page not be written.
    """
    path = run.path / FILE
    write_text(path, page(run, prosumer, day))
    return path


def page(run: Run, prosumer: str = "", day: str = "") -> str:
    """The whole page; arguments as of `write_report`."""
    drawn: dict[str, Figure] = {}
    body = [_head(run), _cards(run.summary), _markets(run.summary)]
    for identity, title, about, figure in [*_sections(run), *learning.parts(run), _day(run, prosumer, day)]:
        content = f'<div id="{identity}"></div>' if figure else ""
        if figure:
            drawn[identity] = figure
        body.append(section(title, about, content))
    body.append(_money(run.summary.get("money", {})))
    body.append(_worst(run.summary))
    return document(run.name, body, drawn)


def _head(run: Run) -> str:
    horizon = run.manifest.get("horizon", {})
    facts = [
        f"{run.summary['prosumers']} prosumers",
        f"grid {run.manifest.get('network') or 'unknown'}",
        f"{horizon.get('periods', '?')} periods of {horizon.get('step_minutes', '?')} minutes "
        f"from {horizon.get('start', '?')[:16].replace('T', ' ')} ({horizon.get('zone', '?')})",
        f"seed {run.manifest.get('seed')}",
        f"cosim {run.manifest.get('versions', {}).get('cosim', '?')}",
    ]
    return f"<h1>{escape(run.name)}</h1>\n<p class='note'>{escape(', '.join(facts))}</p>\n"


def _cards(found: Mapping[str, Any]) -> str:
    cost, trade, energy, broken = found["cost"], found["trade"], found["energy"], found["violations"]
    cards = [
        (number(cost["cost_eur"], 2, "EUR"), "bills of all prosumers", ""),
        (
            number(cost["saving_percent"], 1, "%"),
            f"saved against the utility alone ({number(cost['saving_eur'], 2, 'EUR')}); "
            f"{cost.get('worse_off', '-')} worse off by the bill",
            "",
        ),
        (
            number(trade["p2p_kwh"], 1, "kWh"),
            f"traded, at {number(trade['mean_price_eur_per_kwh'], 4, 'EUR/kWh')}",
            "",
        ),
        (percent(trade["allocative_efficiency"]), "allocative efficiency", ""),
        (percent(energy["self_sufficiency"]), "self-sufficiency", ""),
        (percent(energy["self_consumption"]), "self-consumption", ""),
        (number(found["network"]["losses_kwh"], 1, "kWh"), "lost in the grid", ""),
        (number(broken["hours"], 2, "h"), "with a broken limit", "bad" if broken["count"] else ""),
    ]
    inner = "".join(
        f'<div class="card"><b class="{kind}">{escape(value)}</b><span>{escape(words)}</span></div>'
        for value, words, kind in cards
    )
    return f'<div class="cards">{inner}</div>\n'


def _markets(found: Mapping[str, Any]) -> str:
    """The table of markets, where there is more than one carrier."""
    if "heat" not in found:
        return ""
    about = "Efficiency: surplus against the call-auction optimum of the same orders."
    return section("Markets", about, table(MARKETS, market_rows(found)))


def _day(run: Run, prosumer: str, day: str) -> Part:
    """The day of one prosumer."""
    if not run.has("prosumers"):
        return "day", "A prosumer's day", "The table prosumers was not recorded.", None
    try:
        found = days.day_of(run, prosumer, day)
    except OutputError as error:
        if prosumer or day:
            raise
        return "day", "A prosumer's day", str(error), None
    return "day", f"A prosumer's day: {found.title}", f"{days.ABOUT} {found.bill}", days.figure(found)


def _sections(run: Run) -> list[Part]:
    """The sections over time, and what comes of them."""
    found: list[Part] = []
    limits = _limits(run)
    if run.has("steps"):
        series = Series(run.steps, run.hours("steps"))
        found += [
            (
                "power",
                "Power of the community",
                "Drawn from the utility positive, fed in negative.",
                figures.power(series),
            ),
            (
                "trade",
                "Prices and trade",
                "What a kWh costs, and how much changes hands.",
                figures.trade(series),
            ),
            *_beside(series),
        ]
        if series.has("vm_min_pu"):
            found.append(
                (
                    "voltage",
                    "Voltages",
                    "Between the lowest and the highest bus; limits dashed.",
                    figures.voltage(series, limits),
                )
            )
        if series.has("line_loading_max_percent") or series.has("trafo_loading_max_percent"):
            found.append(
                (
                    "loading",
                    "Loadings",
                    "The most loaded line and transformer; limits dashed.",
                    figures.loading(series, limits),
                )
            )
        found.append(
            (
                "duration",
                "Duration curve",
                "Power drawn from the grid above, sorted.",
                figures.duration(series),
            )
        )
    else:
        found.append(("none", "Time series", "The table steps was not recorded.", None))
    found.append(_broken(run))
    if run.has("prosumer_totals"):
        found.append(
            (
                "savings",
                "Who gains",
                "Saving of each prosumer against the utility alone.",
                figures.savings(run.prosumer_totals),
            )
        )
    return found


def _beside(series: Series) -> list[Part]:
    """What there is beside electricity."""
    found: list[Part] = []
    if series.has("heat_load_kwh"):
        about = "What demands, buildings, sources and stores draw and give."
        found.append(("heat", "Heat of the community", about, figures.heat(series)))
    if series.has("heat_p2p_kwh"):
        about = "What a kWh of heat costs among prosumers, and how much changes hands."
        found.append(("heat_trade", "Prices and trade of heat", about, figures.trade(series, "heat_")))
    if series.has("short_kwh"):
        about = "What was drawn beyond the contracts (short) and below them (long), of all prosumers."
        found.append(("imbalance", "Imbalance", about, figures.imbalance(series)))
    return found


def _broken(run: Run) -> Part:
    title = "Broken limits by hour of the day"
    if not run.summary["violations"]["count"]:
        return "violations", title, "No network limit was broken.", None
    if not run.has("violations"):
        return "violations", title, "The table violations was not recorded.", None
    about = "Hours in which an element was beyond its limit, the most frequent elements first; local time."
    return "violations", title, about, figures.heat_map(run.violations, run.hours("violations"))


def _limits(run: Run) -> dict[str, float]:
    """The limits of the run: as stated by it, or else as seen in its violations (where they are uniform)."""
    stated = run.summary.get("run", {}).get("limits")
    if stated:
        return {kind: float(value) for kind, value in stated.items() if value is not None}
    if not run.has("violations"):
        return {}
    seen = run.violations.groupby("kind", observed=True)["limit"].agg(["min", "max"]).dropna()
    return {str(kind): row["min"] for kind, row in seen.iterrows() if row["min"] == row["max"]}


def _money(found: Mapping[str, Any]) -> str:
    if not found.get("parties"):
        return ""
    rows = [
        [
            party,
            number(row["cost_eur"], 2),
            number(row["utility_only_eur"], 2),
            number(row["change_eur"], 2, sign=True),
        ]
        for party, row in found["parties"].items()
    ]
    notes = "".join(f'<p class="about">{escape(note)}</p>' for note in found.get("notes", ()))
    shown = table(["Party", "This run", "Utility alone", "Change"], rows)
    return section("Who pays", "EUR; what a party pays, negative if it receives.", shown + notes)


def _worst(summary: Mapping[str, Any]) -> str:
    kinds = summary["violations"]["kinds"]
    if not kinds:
        return ""
    rows = [
        [
            kind.replace("_", " "),
            number(found["hours"], 2),
            str(found["episodes"]),
            str(found["elements"]),
            found["worst"]["name"],
            number(found["worst"]["value"], 4 if "voltage" in kind else 1),
            number(found["worst"]["limit"], 4 if "voltage" in kind else 1),
            found["worst"]["time"][:16].replace("T", " "),
        ]
        for kind, found in kinds.items()
    ]
    header = ["Kind", "Hours", "Episodes", "Elements", "Worst", "Value", "Limit", "When"]
    return section(
        "Broken limits by kind", "With the element furthest beyond its limit.", table(header, rows)
    )
