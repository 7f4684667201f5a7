"""The report of a study: one HTML file that opens without a network, with what was judged as pictures and
a table. Figures are drawn in `figures`, words of the table come from `tables`, the frame: `cosim.report`."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

from cosim.report.figures import Figure
from cosim.report.frame import document, section, table
from cosim.results.files import write_text
from cosim.studies.contenders import Contender
from cosim.studies.figures import (
    days_of_training,
    learned,
    learning_curves,
    share,
    share_by_window,
    with_curves,
)
from cosim.studies.measured import SHARE
from cosim.studies.summary import Summary
from cosim.studies.tables import NOTHING, cells_of, judged_text, notes

HTML = "results.html"
_SHARE = "0: no better than everybody alone with the utility; 1: the optimum in hindsight."
_WHISKERS = " Whiskers: 95 % intervals over seeds."
_DASHED = " The dashed line is {name}, which others are compared with."
_WINDOWS = (
    "The same for each window by itself, learners as in training. A window in which little can be gained "
    "weighs little above."
)
_LEARNING = (
    "What the community has paid since training began, less what the rule that it starts from ({rule}), "
    "never tuned, would have made it pay on the same days: below zero it has saved. Mean over seeds; dashed "
    "lines where a pass begins anew."
)
_DAYS = (
    "What each day of training cost more than by the rule ({rule}), with the first seed: red days were "
    "dearer, green ones cheaper. Dashed lines where a pass begins anew."
)
_TABLE = "Means over seeds and, in brackets, 95 % intervals; docs/evaluate.md has the formulas."
_ONE_SEED = "One seed: what differs may be chance. docs/evaluate.md has the formulas."


def write_report(summary: Summary, folder: Path) -> Path:
    """Write results.html.

    Raises:
        OutputError: if it cannot be written, or plotly is not installed.
    """
    path = folder / HTML
    write_text(path, page(summary))
    return path


def page(summary: Summary) -> str:
    """The page: what was captured, in all and by window, what learning cost, the table of what was judged."""
    title = f"{summary.study.base['name']}: how good its policies are"
    body = [f"<h1>{escape(title)}</h1>\n<p class='note'>{escape(_facts(summary))}</p>\n"]
    drawn = {}
    for place, (heading, about, figure) in enumerate(_sections(summary)):
        body.append(section(heading, about, f'<div id="figure{place}"></div>'))
        drawn[f"figure{place}"] = figure
    header, rows = cells_of(summary)
    if rows:
        broken = [[cell.replace(" [", "\n[") for cell in row] for row in rows]
        about = _TABLE if len(summary.study.seeds) > 1 else _ONE_SEED
        body.append(section("All windows together", about, table(header, broken)))
    body += [f'<p class="note">{escape(text)}</p>\n' for text in notes(summary)]
    return document(title, body, drawn)


def _facts(summary: Summary) -> str:
    """When was learnt and judged, and with which seeds."""
    study, train = summary.study, summary.study.windows.train
    if not summary.rows:
        return NOTHING
    window = f"{train.duration} from {train.start:%Y-%m-%d}"
    found = []
    if any(learned(summary, one) for one in study.contenders):
        times = "" if study.passes == 1 else f"{study.passes} times "
        found.append(f"Learners trained {times}in {window}.")
    if any(parameters for own in summary.chosen.values() for parameters in own.values()):
        found.append(f"Rules tuned in {window}.")
    seeds = f"Seed{'s' * (len(study.seeds) > 1)} {', '.join(map(str, study.seeds))}."
    return " ".join([*found, judged_text(summary), seeds])


def _sections(summary: Summary) -> Iterator[tuple[str, str, Figure]]:
    """Headings, explanations and figures, those of a bidding mode together."""
    modes = list(dict.fromkeys(one.bidding for one in summary.study.contenders))
    for mode in modes:
        own = [one for one in summary.study.contenders if one.bidding == mode]
        shown = [one for one in own if summary.row(one, SHARE) is not None]
        if shown:
            words = f", bidding by {mode}" if len(modes) > 1 else ""
            for title, about, figure in _of_mode(summary, shown):
                yield f"{title}{words}", about, figure


def _of_mode(summary: Summary, shown: list[Contender]) -> Iterator[tuple[str, str, Figure]]:
    """The same of the policies of one bidding mode."""
    captured = share(summary, shown)
    about = _SHARE + _WHISKERS * (len(summary.study.seeds) > 1)
    about += _DASHED.format(name=summary.against) * bool(captured["layout"]["shapes"])
    yield "Share captured", about, captured
    windows = summary.study.windows.tests
    if len(windows) > 1:
        yield "Share captured by window", _WINDOWS, share_by_window(summary, shown, windows)
    if learners := with_curves(summary, shown):
        rule = ", ".join(dict.fromkeys(summary.study.rule(one).name for one in learners))
        yield "What learning cost", _LEARNING.format(rule=rule), learning_curves(summary, learners)
        yield "Days of training", _DAYS.format(rule=rule), days_of_training(summary, learners)
