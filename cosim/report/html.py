"""report.html: a run on one page, in one file that opens without a network. Figures are made in `figures`;
here they are put into words and HTML."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cosim.errors import OutputError
from cosim.report import figures
from cosim.report.figures import Figure, Series
from cosim.results.files import write_text
from cosim.results.read import Run
from cosim.results.show import number, percent

FILE = "report.html"

_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #2b2f36; background: #f3f4f6; margin: 0; }
main { max-width: 1180px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { margin: 0; font-size: 26px; } h2 { margin: 0 0 2px; font-size: 17px; }
.about, .note { color: #6a7079; margin: 0 0 10px; } .about { font-size: 13px; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(230px, 1fr)); gap: 12px;
  margin: 20px 0; }
.card, section { background: white; border: 1px solid #e3e5e9; border-radius: 8px; padding: 14px 18px; }
.card b { display: block; font-size: 22px; font-variant-numeric: tabular-nums; }
.card span { display: block; font-size: 13px; color: #6a7079; }
section { margin: 14px 0; overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 4px 14px 4px 0; border-bottom: 1px solid #eceef1; }
th:first-child, td:first-child { text-align: left; } th { color: #6a7079; font-weight: 500; }
.bad { color: #c8403b; }
"""
_SCRIPT = """
for (const [id, figure] of Object.entries(JSON.parse(document.getElementById("figures").textContent))) {
  const config = {responsive: true, displaylogo: false, displayModeBar: "hover"};
  Plotly.newPlot(id, figure.data, figure.layout, config);
}
"""


def write_report(run: Run) -> Path:
    """Write report.html into the run's folder.

    Raises:
        OutputError: if the run's results cannot be read, or the page not be written.
    """
    path = run.path / FILE
    write_text(path, page(run))
    return path


def page(run: Run) -> str:
    """The whole page."""
    drawn: dict[str, Figure] = {}
    body = [_head(run), _cards(run.summary)]
    for identity, title, about, figure in _sections(run):
        content = f'<div id="{identity}"></div>' if figure else ""
        if figure:
            drawn[identity] = figure
        body.append(_section(title, about, content))
    body.append(_money(run.summary.get("money", {})))
    body.append(_worst(run.summary))
    data = json.dumps(drawn, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(run.name)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"{''.join(body)}</main>\n"
        f'<script type="application/json" id="figures">{data}</script>\n'
        f"<script>{_plotly()}</script>\n<script>{_SCRIPT}</script>\n</body>\n</html>\n"
    )


def _plotly() -> str:
    """plotly.js, from the installed package."""
    spec = find_spec("plotly")
    places = list(spec.submodule_search_locations or ()) if spec else []
    for place in places:
        path = Path(place) / "package_data" / "plotly.min.js"
        if path.exists():
            return path.read_text(encoding="utf-8")
    raise OutputError("the report needs plotly, which is not installed (pip install plotly)")


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


def _sections(run: Run) -> list[tuple[str, str, str, Figure | None]]:
    """Identity, title, explanation and figure of each section; no figure: the explanation says why."""
    found: list[tuple[str, str, str, Figure | None]] = []
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


def _broken(run: Run) -> tuple[str, str, str, Figure | None]:
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


def _section(title: str, about: str, content: str) -> str:
    return f'<section><h2>{escape(title)}</h2><p class="about">{escape(about)}</p>{content}</section>\n'


def _table(header: list[str], rows: list[list[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


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
    table = _table(["Party", "This run", "Utility alone", "Change"], rows)
    return _section("Who pays", "EUR; what a party pays, negative if it receives.", table + notes)


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
    return _section(
        "Broken limits by kind", "With the element furthest beyond its limit.", _table(header, rows)
    )
