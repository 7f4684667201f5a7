"""What a study found: every measure of every policy with its interval over seeds, and how it differs from a
reference. Figures only; tables for people are in `tables`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import isfinite
from pathlib import Path
from typing import Any

from cosim.core.arrays import FloatArray
from cosim.core.registry import nearest
from cosim.errors import InputError, Problem
from cosim.results.files import plain, write_json, write_text
from cosim.studies.contenders import Contender
from cosim.studies.measured import (
    MEASURES,
    MODES,
    Fallen,
    Key,
    Values,
    fallen,
    learning_curve,
    measured,
    share_alone,
)
from cosim.studies.measures import Interval, interval
from cosim.studies.store import Store
from cosim.studies.study import RULE, Study
from cosim.studies.units import Unit, units_of

CSV, JSON = "results.csv", "results.json"
_FIGURE = re.compile(r"(?<![\w.-])\d+(\.\d+)?(e[+-]?\d+)?(?= kWh\b)")
"""An amount of energy in a note."""


@dataclass(frozen=True, slots=True)
class Row:
    """One measure of one policy."""

    policy: str
    bidding: str
    key: Key
    over_seeds: Interval
    difference: Interval | None
    """To the reference with the same seeds, paired; None for the reference itself, and where it has no such
    measure."""


@dataclass(frozen=True)
class Summary:
    """What a study found."""

    study: Study
    against: str
    """Name of the policy that others are compared with."""
    rows: tuple[Row, ...]
    numbers: Mapping[str, Mapping[int, Mapping[Key, float]]]
    """Policy (`Contender.stem`) -> seed -> measures."""
    chosen: Mapping[str, Mapping[int, Mapping[str, Any]]]
    """Policy -> seed -> parameters that were tuned."""
    curves: Mapping[str, Mapping[int, FloatArray]]
    """Policy -> seed -> what each day of training cost beyond the rule [EUR], shape (passes, days)."""
    notes: tuple[str, ...]
    """What the optimum leaves out."""
    fallen: Mapping[str, Mapping[int, Fallen]] = field(default_factory=dict)
    """Policy -> seed -> what fell back to its rule; only where something did."""
    alone: Interval | None = None
    """Share that each prosumer optimised by itself in hindsight captures, without trade; None if nothing is
    known of it."""

    def row(self, contender: Contender, key: Key) -> Row | None:
        """The row of a policy's measure, if it has one."""
        wanted = contender.name, contender.bidding, key
        return next((row for row in self.rows if (row.policy, row.bidding, row.key) == wanted), None)


def summarise(study: Study, folder: Path, against: str | None = None, missing: bool = False) -> Summary:
    """Put together what the units of a study found.

    Args:
        study: The study.
        folder: Where its units are.
        against: Name of the policy that the others are compared with, each with the one that bids in the same
            way; None: the first one.
        missing: Whether units may be missing, for example because they failed: what is there is summed up.

    Raises:
        InputError: if there is no policy called so.
        OutputError: if a unit is missing or cannot be read.
    """
    against = reference_of(study, against)
    store, units = Store(folder), units_of(study)
    if missing:
        done = store.begin(study, units)
        units = [unit for unit in units if unit.name in done]
    found = {unit.name: store.read(unit) for unit in units}
    numbers: dict[str, dict[int, dict[Key, float]]] = {}
    chosen: dict[str, dict[int, Mapping[str, Any]]] = {}
    curves: dict[str, dict[int, FloatArray]] = {}
    fell: dict[str, dict[int, Fallen]] = {}
    for contender in study.contenders:
        for seed in study.seeds:
            own, optima, rule = _of_seed(study, found, contender, seed)
            if own is None or len(optima) < len(study.windows.tests):
                continue
            numbers.setdefault(contender.stem, {})[seed] = measured(own, optima, rule)
            chosen.setdefault(contender.stem, {})[seed] = own["chosen"]
            curves.setdefault(contender.stem, {})[seed] = learning_curve(own, rule)
            if back := fallen(own):
                fell.setdefault(contender.stem, {})[seed] = back
    best = [_optima_of(study, found, seed) for seed in study.seeds]
    whole = [optima for optima in best if len(optima) == len(study.windows.tests)]
    shares = [share for optima in whole if isfinite(share := share_alone(optima.values()))]
    alone = interval(shares) if shares else None
    notes = condensed(note for values in found.values() for note in values.get("notes", ()))
    rows = tuple(_rows(study, numbers, against))
    return Summary(study, against, rows, numbers, chosen, curves, notes, fell, alone)


def condensed(notes: Iterable[str]) -> tuple[str, ...]:
    """Each note once; of those that differ in an amount of energy alone that with the largest, as `up to`."""
    found: dict[str, list[str]] = {}
    for note in dict.fromkeys(notes):
        found.setdefault(_FIGURE.sub("#", note, count=1), []).append(note)
    return tuple(own[0] if len(own) == 1 else _largest(own) for own in found.values())


def _largest(notes: Sequence[str]) -> str:
    """The note with the largest figure, as a bound of all."""
    figures = [float(match.group()) for note in notes if (match := _FIGURE.search(note))]
    note = notes[figures.index(max(figures))]
    return _FIGURE.sub(r"up to \g<0>", note, count=1)


def reference_of(study: Study, against: str | None) -> str:
    """Name of the policy that the others are compared with.

    Raises:
        InputError: if there is no policy called so.
    """
    names = list(dict.fromkeys(contender.name for contender in study.contenders))
    if against is None:
        return names[0]
    if against not in names:
        raise InputError(
            Problem(f"there is no policy {against!r}", nearest(against, names), path="--against")
        )
    return against


def _of_seed(
    study: Study, found: Mapping[str, Values], contender: Contender, seed: int
) -> tuple[Values | None, dict[str, Values], Values | None]:
    """What was found with a seed: by the policy, the optima by window, and the rule in training."""
    rule = Unit(study, "rule", study.rule(contender), seed).name
    return (
        found.get(Unit(study, "policy", contender, seed).name),
        _optima_of(study, found, seed),
        found.get(rule),
    )


def _optima_of(study: Study, found: Mapping[str, Values], seed: int) -> dict[str, Values]:
    """The optima of a seed that are there, by window."""
    optima = {window.name: Unit(study, "optimum", RULE, seed, window).name for window in study.windows.tests}
    return {window: found[name] for window, name in optima.items() if name in found}


def _rows(
    study: Study, numbers: Mapping[str, Mapping[int, Mapping[Key, float]]], against: str
) -> Iterator[Row]:
    for contender in study.contenders:
        own = numbers.get(contender.stem, {})
        other = numbers.get(replace(contender, name=against).stem, {})
        for key in dict.fromkeys(key for values in own.values() for key in values):
            mine = {seed: values[key] for seed, values in own.items() if key in values}
            theirs = {seed: values.get(key, values.get(_of_rule(key))) for seed, values in other.items()}
            pairs = [value - it for seed, value in mine.items() if (it := theirs.get(seed)) is not None]
            difference = interval(pairs) if pairs and contender.name != against else None
            yield Row(contender.name, contender.bidding, key, interval([*mine.values()]), difference)


def _of_rule(key: Key) -> Key:
    """Where a rule has it: it was judged in the first mode, and does the same in the other."""
    return replace(key, mode=MODES[0]) if key.mode else key


def write_results(summary: Summary, folder: Path) -> list[Path]:
    """Write results.csv, a line for each row, and results.json, the same with every seed's numbers.

    Raises:
        OutputError: if they cannot be written.
    """
    import pandas as pd

    csv = pd.DataFrame(records(summary)).to_csv(index=False, lineterminator="\n")
    write_text(folder / CSV, csv)
    write_json(folder / JSON, content(summary))
    return [folder / CSV, folder / JSON]


def records(summary: Summary) -> list[dict[str, Any]]:
    """The rows as plain values, one level deep."""
    return [
        {
            "policy": row.policy,
            "bidding": row.bidding,
            "measure": row.key.measure,
            "unit": MEASURES[row.key.measure],
            "mode": row.key.mode,
            "window": row.key.window,
            "mean": row.over_seeds.mean,
            "low": row.over_seeds.low,
            "high": row.over_seeds.high,
            "seeds": row.over_seeds.count,
            **{
                f"difference_{part}": None if row.difference is None else getattr(row.difference, part)
                for part in ("mean", "low", "high")
            },
        }
        for row in summary.rows
    ]


def content(summary: Summary) -> dict[str, Any]:
    """All of it as plain values, None for what does not exist."""
    found: dict[str, Any] = plain(_content(summary))
    return found


def _content(summary: Summary) -> dict[str, Any]:
    return {
        "study": summary.study.content(),
        "against": summary.against,
        "rows": records(summary),
        "seeds": [
            {
                "policy": contender.name,
                "bidding": contender.bidding,
                "seed": seed,
                "chosen": summary.chosen[contender.stem][seed],
                "learning_curve_eur": summary.curves[contender.stem][seed],
                "measures": [{**asdict(key), "value": value} for key, value in values.items()],
                **_fallen_back(summary, contender, seed),
            }
            for contender in summary.study.contenders
            for seed, values in summary.numbers.get(contender.stem, {}).items()
        ],
        "share_captured_alone": None if summary.alone is None else asdict(summary.alone),
        "notes": list(summary.notes),
    }


def _fallen_back(summary: Summary, contender: Contender, seed: int) -> dict[str, Any]:
    """What fell back to its rule, where something did."""
    found = summary.fallen.get(contender.stem, {}).get(seed)
    return {} if found is None else {"fallen_back": asdict(found)}
