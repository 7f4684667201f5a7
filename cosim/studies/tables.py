"""What a study found as tables for people. Wording and layout only; figures come from `summary`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from cosim.results.show import frame, number
from cosim.studies.contenders import Contender
from cosim.studies.measured import BEST_SHARE, FIRST_DAYS, SHARE, STOCHASTIC, Key
from cosim.studies.measures import Interval
from cosim.studies.summary import Summary
from cosim.studies.windows import Window

if TYPE_CHECKING:
    from rich.console import RenderableType

NOTHING = "Nothing was judged."


def tables(summary: Summary) -> Iterator[RenderableType | str]:
    """All tables, and the notes that belong to them."""
    study = summary.study
    if not summary.rows:
        yield NOTHING
        return
    yield _quality(summary)
    if len(study.windows.tests) > 1:
        yield _by_window(summary)
    yield _trade(summary)
    if any(summary.row(contender, Key("first_days_eur")) for contender in study.contenders):
        yield _training(summary)
    yield judged_text(summary)
    if len(study.seeds) > 1:
        yield f"[...]: 95 % confidence over {len(study.seeds)} seeds (Student's t)."
    yield from notes(summary)


def cells_of(summary: Summary) -> tuple[list[str], list[list[str]]]:
    """What was judged in all windows together as one table of texts: its header and its rows."""
    rows = _rows(summary, [*_paid(summary), *_traded(summary)])
    return [*rows[0]] if rows else [], [[*row.values()] for row in rows]


def notes(summary: Summary) -> Iterator[str]:
    """What belongs to the figures: what there is to gain without trade, whose seeds are missing, who fell
    back to a rule, what was tuned, what the optimum leaves out."""
    yield from alone_text(summary)
    yield from _missing(summary)
    yield from (
        f"{label_of(summary, contender)} {text}."
        for contender in summary.study.contenders
        for text in fallen_texts(summary, contender)
    )
    yield from _chosen(summary)
    yield from (f"Optimum: {note}" for note in summary.notes)


def label_of(summary: Summary, contender: Contender) -> str:
    """What a policy is called in tables."""
    modes = {one.bidding for one in summary.study.contenders}
    return f"{contender.name} ({contender.bidding})" if len(modes) > 1 else contender.name


def judged_text(summary: Summary) -> str:
    """In which windows policies were judged, as a sentence."""
    windows = summary.study.windows.tests
    tests = ", ".join(_window_text(one) for one in windows)
    return f"Judged, frozen, in {tests}; {windows[0].duration} each."


def alone_text(summary: Summary) -> Iterator[str]:
    """What scheduling brings without trade, as a sentence; none if it is not known."""
    if summary.alone is not None:
        share = interval_text(summary.alone, 3)
        yield f"Each prosumer optimised by itself in hindsight, without trade, captures {share}."


def _window_text(window: Window) -> str:
    start = f"{window.start:%Y-%m-%d}"
    return window.name if window.name.startswith(start) else f"{window.name} ({start})"


Column = tuple[str, Callable[[Contender], str]]


def _table(summary: Summary, title: str, columns: list[Column]) -> RenderableType:
    """A row a policy."""
    import pandas as pd

    return frame(pd.DataFrame(_rows(summary, columns)), title)


def _rows(summary: Summary, columns: list[Column]) -> list[dict[str, str]]:
    """A row a policy; rows and columns without any figure are left out."""
    rows = [
        {"policy": label_of(summary, contender), **{name: cell(contender) for name, cell in columns}}
        for contender in summary.study.contenders
    ]
    kept = [name for name, _ in columns if any(row[name] != "-" for row in rows)]
    rows = [row for row in rows if any(row[name] != "-" for name in kept)]
    return [{name: row[name] for name in ("policy", *kept)} for row in rows]


def _cells(summary: Summary, key: Key, decimals: int) -> Callable[[Contender], str]:
    def cell(contender: Contender) -> str:
        row = summary.row(contender, key)
        return "-" if row is None else interval_text(row.over_seeds, decimals)

    return cell


def _means(summary: Summary, key: Key, decimals: int) -> Callable[[Contender], str]:
    def cell(contender: Contender) -> str:
        row = summary.row(contender, key)
        return "-" if row is None else number(row.over_seeds.mean, decimals)

    return cell


def _differences(summary: Summary, key: Key, decimals: int) -> Callable[[Contender], str]:
    def cell(contender: Contender) -> str:
        row = summary.row(contender, key)
        if row is None or row.difference is None:
            return "-"
        return interval_text(row.difference, decimals, sign=True)

    return cell


def interval_text(found: Interval, decimals: int, *, sign: bool = False) -> str:
    """Mean and bounds: `0.84 [0.82, 0.86]`; the mean alone if there are none."""
    mean = number(found.mean, decimals, sign=sign)
    if found.count < 2 or mean == "-":
        return mean
    bounds = (number(bound, decimals, sign=sign) for bound in (found.low, found.high))
    return f"{mean} [{', '.join(bounds)}]"


def _missing(summary: Summary) -> Iterator[str]:
    """Who, of several, was judged with some of the seeds alone, or with none: units of theirs, or optima,
    failed."""
    for contender in summary.study.contenders if summary.rows else ():
        seeds = summary.numbers.get(contender.stem, {})
        if not seeds:
            yield f"{label_of(summary, contender)} was not judged."
        elif len(seeds) < len(summary.study.seeds):
            yield f"{label_of(summary, contender)} was judged with {_seeds([*map(str, seeds)])} alone."


def fallen_texts(summary: Summary, contender: Contender) -> Iterator[str]:
    """With which seeds a policy fell back to its rule, if it did; its name comes before."""
    found = summary.fallen.get(contender.stem, {})
    several = len(summary.study.base.get("policies", ())) > 1
    trained = [
        f"{seed} ({', '.join(own.labels)})" if several else f"{seed}"
        for seed, own in found.items()
        if own.labels
    ]
    alone = [f"{seed} ({own.alone} of them)" for seed, own in found.items() if own.alone]
    if trained:
        yield f"fell back to its rule in training, {_seeds(trained)}: it is judged with that rule"
    if alone:
        yield f"had prosumers fall back to a rule when they learned on alone, {_seeds(alone)}"


def _seeds(texts: Sequence[str]) -> str:
    return f"seed{'s' * (len(texts) > 1)} {', '.join(texts)}"


def _quality(summary: Summary) -> RenderableType:
    return _table(summary, f"{summary.study.base['name']}: what the community pays", _paid(summary))


def _paid(summary: Summary) -> list[Column]:
    cost = Key("cost_eur_per_day", STOCHASTIC)
    return [
        ("cost EUR/day", _cells(summary, cost, 2)),
        (f"less {summary.against}", _differences(summary, cost, 2)),
        ("share captured", _cells(summary, SHARE, 3)),
        ("difference", _differences(summary, SHARE, 3)),
        ("best actions", _cells(summary, BEST_SHARE, 3)),
    ]


def _trade(summary: Summary) -> RenderableType:
    return _table(summary, "Trade and prosumers", _traded(summary))


def _traded(summary: Summary) -> list[Column]:
    columns: list[Column] = [
        (title, _cells(summary, Key(measure, STOCHASTIC), decimals))
        for title, measure, decimals in (
            ("P2P kWh/day", "p2p_kwh_per_day", 1),
            ("Gini of savings", "gini_of_savings", 3),
            ("regret EUR/day", "regret_eur_per_day", 2),
            ("exploitability EUR/day", "exploitability_eur_per_day", 4),
            ("unserved kWh/day", "unserved_kwh_per_day", 2),
        )
        if any(row.over_seeds.mean for row in summary.rows if row.key == Key(measure, STOCHASTIC))
    ]
    return [*columns, ("acting s/day", _means(summary, Key("act_s_per_day", STOCHASTIC), 3))]


def _by_window(summary: Summary) -> RenderableType:
    columns: list[Column] = [
        (window.name, _cells(summary, replace(SHARE, window=window.name), 3))
        for window in summary.study.windows.tests
    ]
    return _table(summary, "Share captured by window", columns)


def _training(summary: Summary) -> RenderableType:
    train = summary.study.windows.train
    columns: list[Column] = [
        (f"first {FIRST_DAYS} days %", _cells(summary, Key("first_days_percent"), 1)),
        ("worst day EUR", _cells(summary, Key("worst_day_eur"), 1)),
        ("worst day %", _cells(summary, Key("worst_day_percent"), 1)),
        ("dear days", _cells(summary, Key("dear_days"), 1)),
        ("all EUR/day", _cells(summary, Key("training_eur_per_day"), 2)),
        ("learning s/day", _means(summary, Key("learn_s_per_day"), 3)),
    ]
    rules = ", ".join(dict.fromkeys(rule.name for rule in summary.study.started_from))
    title = f"Cost of learning against {rules}: {train.duration} from {train.start:%Y-%m-%d}"
    return _table(summary, title, columns)


def _chosen(summary: Summary) -> Iterator[str]:
    """What was tuned, and with how many seeds it came out so."""
    for contender in summary.study.contenders:
        texts = [json.dumps(own) for own in summary.chosen.get(contender.stem, {}).values() if own]
        for text, count in Counter(texts).most_common():
            parameters = ", ".join(f"{name} {value}" for name, value in json.loads(text).items())
            seeds = f"{count} of {len(texts)} seeds"
            yield f"Tuned in training: {label_of(summary, contender)}: {parameters} ({seeds})"
