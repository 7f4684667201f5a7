"""The report of a study: one HTML file that opens without a network, with what the tables hold as pictures.
Figures come from `summary`, words of the tables from `tables`, the frame from `cosim.report`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import isnan
from pathlib import Path

import numpy as np

from cosim.report.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, Figure, axis, layout, numbers
from cosim.report.frame import document, section, table
from cosim.results.files import write_text
from cosim.studies.contenders import Contender
from cosim.studies.measured import DETERMINISTIC, STOCHASTIC, Key
from cosim.studies.summary import Row, Summary
from cosim.studies.tables import cells_of, interval_text, label_of, notes

HTML = "results.html"
SHARE = "share_captured"
COLORS = (BLUE, ORANGE, GREEN, PURPLE, RED, GREY)
DASHES = ("solid", "dash", "dot")
"""Once all colours are taken, lines are told apart by these."""
_SPREAD = 0.5
"""Of the room of a policy, what its dots and whiskers take."""


@dataclass(frozen=True)
class Dots:
    """A measure of several policies, drawn as dots with whiskers."""

    name: str
    """In the legend."""
    key: Key
    color: str
    symbol: str = "circle"
    learned: bool | None = None
    """Whether of learners alone, or of rules alone; None: of all."""


def write_report(summary: Summary, folder: Path) -> Path:
    """Write results.html.

    Raises:
        OutputError: if it cannot be written, or plotly is not installed.
    """
    path = folder / HTML
    write_text(path, page(summary))
    return path


def page(summary: Summary) -> str:
    """The page: what was captured, in all and by window, what learning cost, and the table."""
    name = summary.study.base["name"]
    body, drawn = [_head(summary)], {}
    for place, (title, about, figure) in enumerate(_figures(summary)):
        body.append(section(title, about, f'<div id="figure{place}"></div>'))
        drawn[f"figure{place}"] = figure
    header, rows = cells_of(summary)
    if rows:
        about = "Means over seeds and, in brackets, 95 % intervals. docs/evaluate.md has the formulas."
        broken = [[cell.replace(" [", "\n[") for cell in row] for row in rows]
        body.append(section("All figures", about, table(header, broken)))
    body += [f'<p class="note">{escape(text)}</p>\n' for text in notes(summary)]
    return document(f"{name}: how good its policies are", body, drawn)


def _head(summary: Summary) -> str:
    study = summary.study
    tests = ", ".join(f"{one.name} from {one.start:%Y-%m-%d}" for one in study.windows.tests)
    train = study.windows.train
    seeds = f"Seed{'s' * (len(study.seeds) > 1)} {', '.join(map(str, study.seeds))}"
    times = "" if study.passes == 1 else f"{study.passes} times "
    facts = (
        f"Rules tuned, and learners trained {times}in {train.duration} from {train.start:%Y-%m-%d}. Judged, "
        f"frozen, in {tests}, {study.windows.tests[0].duration} each. {seeds}."
    )
    title = f"{study.base['name']}: how good its policies are"
    return f"<h1>{escape(title)}</h1>\n<p class='note'>{escape(facts)}</p>\n"


def _figures(summary: Summary) -> Iterator[tuple[str, str, Figure]]:
    """Titles, explanations and figures, those of a bidding mode together."""
    modes = list(dict.fromkeys(one.bidding for one in summary.study.contenders))
    for mode in modes:
        shown = [one for one in summary.study.contenders if one.bidding == mode]
        shown = [one for one in shown if summary.row(one, Key(SHARE, STOCHASTIC)) is not None]
        words = f", bidding by {mode}" if len(modes) > 1 else ""
        if not shown:
            continue
        yield f"Share captured{words}", _SHARE, dots(summary, shown, _KINDS)
        windows = summary.study.windows.tests
        if len(windows) > 1:
            series = [
                Dots(window.name, Key(SHARE, STOCHASTIC, window.name), COLORS[place % len(COLORS)])
                for place, window in enumerate(windows)
            ]
            yield f"Share captured by window{words}", _WINDOWS, dots(summary, shown, series)
        learned = [one for one in shown if _learned(summary, one)]
        if learned:
            rule = summary.study.rule(mode).name
            about = _LEARNING.format(rule=rule)
            yield f"What learning cost{words}", about, learning_curves(summary, learned)


_SHARE = (
    "0: no better than everybody alone with the utility; 1: the optimum in hindsight. Whiskers: 95 % "
    "intervals over seeds. The dashed line is what others are compared with."
)
_WINDOWS = (
    "The same for each window by itself, learners as in training. A window in which little can be gained "
    "weighs little above."
)
_LEARNING = (
    "What the community has paid since training began, less what {rule} would have made it pay on the same "
    "days: below zero it has saved. Mean over seeds; dashed lines where a pass begins anew."
)
_KINDS = (
    Dots("rules", Key(SHARE, STOCHASTIC), GREY, learned=False),
    Dots("learners, as in training", Key(SHARE, STOCHASTIC), BLUE, learned=True),
    Dots("learners, best actions alone", Key(SHARE, DETERMINISTIC), BLUE, "circle-open", learned=True),
)


def dots(summary: Summary, contenders: Sequence[Contender], series: Sequence[Dots]) -> Figure:
    """Measures of policies, one below the other, with whiskers; a dashed line at the reference's."""
    drawn: dict[Dots, list[tuple[float, Row, str]]] = {one: [] for one in series}
    for place, contender in enumerate(contenders):
        rows = {one: row for one in series if (row := _row(summary, contender, one)) is not None}
        for number, (one, row) in enumerate(rows.items()):
            offset = _SPREAD * ((number + 0.5) / len(rows) - 0.5)
            drawn[one].append((place + offset, row, label_of(summary, contender)))
    traces = [_trace(one, found) for one, found in drawn.items() if found]
    figure = layout("", legend=len(traces) > 1)
    names = [one.name for one in contenders]
    figure |= {"height": 90 + len(contenders) * (18 + 6 * len(series)), "hovermode": "closest"}
    figure["yaxis"] = {
        **axis(),
        "tickvals": [*range(len(names))],
        "ticktext": names,
        "range": [len(names) - 0.4, -0.6],
        "zeroline": False,
    }
    reference = next((one for one in contenders if one.name == summary.against), None)
    row = summary.row(reference, series[0].key) if reference else None
    known = row is not None and series[0].key.window == "" and not isnan(row.over_seeds.mean)
    figure["shapes"] = [_upright(row.over_seeds.mean)] if row is not None and known else []
    return {"data": traces, "layout": figure}


def _row(summary: Summary, contender: Contender, one: Dots) -> Row | None:
    """What is drawn of a policy, if it is one of those."""
    wanted = one.learned in (None, _learned(summary, contender))
    return summary.row(contender, one.key) if wanted else None


def _learned(summary: Summary, contender: Contender) -> bool:
    """Whether a policy learned anything in training."""
    return any(curve.size for curve in summary.curves[contender.stem].values())


def _trace(one: Dots, found: Sequence[tuple[float, Row, str]]) -> Figure:
    """Dots and whiskers; no whiskers where there is one seed."""
    intervals = [row.over_seeds for _, row, _ in found]
    halves = [0.0 if isnan(own.high) else own.high - own.mean for own in intervals]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": one.name,
        "x": numbers(np.array([own.mean for own in intervals])),
        "y": [place for place, _, _ in found],
        "text": [f"{label}: {interval_text(row.over_seeds, 3)}" for _, row, label in found],
        "hovertemplate": "%{text}<extra>" + one.name + "</extra>",
        "marker": {"color": one.color, "symbol": one.symbol, "size": 8},
        "error_x": {"type": "data", "array": numbers(np.array(halves)), "thickness": 1.4, "width": 3},
    }


def learning_curves(summary: Summary, contenders: Sequence[Contender]) -> Figure:
    """What learning has cost since it began, against the rule, day by day and pass after pass."""
    traces = []
    for number, one in enumerate(contenders):
        curves = [curve for curve in summary.curves[one.stem].values() if curve.size]
        paid = np.mean([curve.ravel().cumsum() for curve in curves], axis=0)
        row, color = divmod(number, len(COLORS))
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": one.name,
                "x": list(range(1, len(paid) + 1)),
                "y": numbers(paid),
                "line": {"color": COLORS[color], "width": 1.8, "dash": DASHES[row % len(DASHES)]},
                "hovertemplate": "%{y:.1f} EUR",
            }
        )
    figure = layout("EUR", legend=True) | {"height": 420}
    figure["xaxis"] |= {"title": {"text": "day of training"}}
    days = next(curve.shape[1] for curve in summary.curves[contenders[0].stem].values() if curve.size)
    figure["shapes"] = [_upright(days * done + 0.5) for done in range(1, summary.study.passes)]
    return {"data": traces, "layout": figure}


def _upright(value: float) -> Figure:
    """A dashed line from top to bottom."""
    line = {"color": GREY, "dash": "dash", "width": 1.2}
    return {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": value, "x1": value, "line": line}
