"""What a study found as figures, the plain dictionaries that plotly.js draws. Which of them are on a page,
and what is written beside them, is decided in `report`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isnan

import numpy as np

from cosim.report.figures import BLUE, COLORS, GREEN, GREY, RED, Figure, axis, layout, numbers
from cosim.studies.contenders import Contender
from cosim.studies.measured import BEST_SHARE, SHARE, Key
from cosim.studies.summary import Row, Summary
from cosim.studies.tables import interval_text, label_of
from cosim.studies.windows import Window

SYMBOLS = ("circle", "diamond", "square", "x")
DASHES = ("solid", "dash", "dot")
"""Once all colours are taken, dots and lines are told apart by these."""
_SPREAD = 0.5
"""Of the room of a policy, what its dots and whiskers take."""


@dataclass(frozen=True)
class Dots:
    """A measure of several policies, drawn as dots with whiskers."""

    name: str
    """In the legend."""
    key: Key
    color: str
    symbol: str
    learned: bool | None = None
    """Whether of policies alone that learned, or of those alone that did not; None: of all."""


_KINDS = (
    Dots("does not learn", SHARE, GREY, SYMBOLS[0], learned=False),
    Dots("learners, as in training", SHARE, BLUE, SYMBOLS[0], learned=True),
    Dots("learners, best actions alone", BEST_SHARE, BLUE, f"{SYMBOLS[0]}-open", learned=True),
)


def learned(summary: Summary, contender: Contender) -> bool:
    """Whether a policy learned: it is judged by its best actions, too."""
    return summary.row(contender, BEST_SHARE) is not None


def share(summary: Summary, contenders: Sequence[Contender]) -> Figure:
    """What policies captured, with a dashed line at what others are compared with, if that is known."""
    figure = _dots(summary, contenders, _KINDS)
    reference = next((one for one in contenders if one.name == summary.against), None)
    row = None if reference is None else summary.row(reference, SHARE)
    if row is not None and not isnan(row.over_seeds.mean):
        figure["layout"]["shapes"] = [_upright(row.over_seeds.mean)]
    return figure


def share_by_window(summary: Summary, contenders: Sequence[Contender], windows: Sequence[Window]) -> Figure:
    """The same of each window by itself."""
    series = []
    for number, window in enumerate(windows):
        row, color = divmod(number, len(COLORS))
        key = replace(SHARE, window=window.name)
        series.append(Dots(window.name, key, COLORS[color], SYMBOLS[row % len(SYMBOLS)]))
    return _dots(summary, contenders, series)


def _dots(summary: Summary, contenders: Sequence[Contender], series: Sequence[Dots]) -> Figure:
    """Measures of policies, one policy below the other."""
    drawn: dict[Dots, list[tuple[float, Row, str]]] = {one: [] for one in series}
    for place, contender in enumerate(contenders):
        rows = {one: row for one in series if (row := _row(summary, contender, one)) is not None}
        for number, (one, row) in enumerate(rows.items()):
            offset = _SPREAD * ((number + 0.5) / len(rows) - 0.5)
            drawn[one].append((place + offset, row, label_of(summary, contender)))
    traces = [_trace(one, found) for one, found in drawn.items() if found]
    names = [one.name for one in contenders]
    figure = layout("", legend=len(traces) > 1)
    figure |= {"height": 90 + len(names) * (18 + 6 * len(series)), "hovermode": "closest", "shapes": []}
    places = {"tickvals": [*range(len(names))], "ticktext": names, "range": [len(names) - 0.4, -0.6]}
    figure["yaxis"] = {**axis(), **places, "zeroline": False}
    return {"data": traces, "layout": figure}


def _row(summary: Summary, contender: Contender, one: Dots) -> Row | None:
    """What is drawn of a policy, if it is one of those."""
    wanted = one.learned in (None, learned(summary, contender))
    return summary.row(contender, one.key) if wanted else None


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
        "text": [
            f"{label}: {interval_text(row.over_seeds, 3)} ({row.over_seeds.count} seeds)"
            for _, row, label in found
        ],
        "hovertemplate": "%{text}<extra>" + one.name + "</extra>",
        "marker": {"color": one.color, "symbol": one.symbol, "size": 8},
        "error_x": {"type": "data", "array": numbers(np.array(halves)), "thickness": 1.4, "width": 3},
    }


def with_curves(summary: Summary, contenders: Sequence[Contender]) -> list[Contender]:
    """Those of whose training the cost is known."""
    return [one for one in contenders if any(curve.size for curve in summary.curves[one.stem].values())]


def learning_curves(summary: Summary, contenders: Sequence[Contender]) -> Figure:
    """What learning has cost since it began, against the rule, day by day and pass after pass.

    Args:
        summary: What was found.
        contenders: One or more of `with_curves`.
    """
    traces = []
    for number, one in enumerate(contenders):
        curves = [curve for curve in summary.curves[one.stem].values() if curve.size]
        paid = np.mean([np.append(0.0, curve.ravel().cumsum()) for curve in curves], axis=0)
        row, color = divmod(number, len(COLORS))
        line = {"color": COLORS[color], "width": 1.8, "dash": DASHES[row % len(DASHES)]}
        trace = {"type": "scatter", "mode": "lines", "name": one.name, "hovertemplate": "%{y:.1f} EUR"}
        traces.append(trace | {"x": [*range(len(paid))], "y": numbers(paid), "line": line})
    figure = layout("EUR", legend=True) | {"height": 420}
    figure["xaxis"] |= {"title": {"text": "days of training"}}
    days = next(curve.shape[1] for curve in summary.curves[contenders[0].stem].values() if curve.size)
    figure["shapes"] = [_upright(days * done) for done in range(1, summary.study.passes)]
    return {"data": traces, "layout": figure}


def days_of_training(summary: Summary, contenders: Sequence[Contender]) -> Figure:
    """What each day of training cost against the rule, the first seed of each learner, one below the other on
    the same scale: red days were dearer, green ones cheaper.

    Args:
        summary: What was found.
        contenders: One or more of `with_curves`.
    """
    figure = layout("") | {"height": 70 + 130 * len(contenders), "bargap": 0.0, "annotations": []}
    figure["xaxis"] |= {"title": {"text": "days of training"}, "anchor": f"y{len(contenders)}"}
    figure["margin"] |= {"t": 30}
    traces = []
    for number, one in enumerate(contenders, start=1):
        curve = next(curve for curve in summary.curves[one.stem].values() if curve.size)
        colors = [RED if cost > 0.0 else GREEN for cost in curve.ravel()]
        bars = {"x": [*range(1, 1 + curve.size)], "y": numbers(curve.ravel()), "marker": {"color": colors}}
        own = {"name": one.name, "yaxis": f"y{number}", "hovertemplate": "%{y:.1f} EUR"}
        traces.append({"type": "bar", **own, **bars})
        top = 1.0 - (number - 1) / len(contenders)
        room = {"domain": [top - 0.75 / len(contenders), top], "title": {"text": "EUR"}}
        figure[f"yaxis{number}"] = {**axis(), **room, **({"matches": "y"} if number > 1 else {})}
        place = {"xref": "paper", "yref": "paper", "x": 0, "y": top, "yanchor": "bottom", "showarrow": False}
        figure["annotations"].append({**place, "text": one.name})
    figure["yaxis"] = figure.pop("yaxis1")
    figure["shapes"] = [_upright(curve.shape[1] * done + 0.5) for done in range(1, summary.study.passes)]
    return {"data": traces, "layout": figure}


def _upright(value: float) -> Figure:
    """A dashed line from top to bottom."""
    line = {"color": GREY, "dash": "dash", "width": 1.2}
    return {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": value, "x1": value, "line": line}
