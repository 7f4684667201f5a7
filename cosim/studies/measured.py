"""From what the units of a study found to its measures, one number for each policy and seed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.studies.exploitability import mean_gain_eur_per_day
from cosim.studies.measures import gini, share_captured

FIRST_DAYS = 5
"""Days at the beginning of training whose cost is reported."""
Values = Mapping[str, Any]
"""What a unit found."""
STOCHASTIC, DETERMINISTIC = MODES = ("stochastic", "deterministic")
"""How a frozen learner is judged: drawing its actions as in training, or taking its best ones. A rule does
the same in either, and is simulated once."""


@dataclass(frozen=True, slots=True)
class Key:
    """Which number it is."""

    measure: str
    """Of `MEASURES`."""
    mode: str = ""
    """`stochastic` or `deterministic`; nothing for training."""
    window: str = ""
    """Of one test window; nothing for all of them together, and for training."""


SHARE, BEST_SHARE = Key("share_captured", STOCHASTIC), Key("share_captured", DETERMINISTIC)
"""What a policy is judged by first, over all windows: drawing its actions; a learner's best ones."""
MEASURES = {
    "cost_eur_per_day": "EUR/day",
    "share_captured": "",
    "p2p_kwh_per_day": "kWh/day",
    "unserved_kwh_per_day": "kWh/day",
    "gini_of_savings": "",
    "regret_eur_per_day": "EUR/day",
    "exploitability_eur_per_day": "EUR/day",
    "first_days_eur": "EUR",
    "first_days_percent": "%",
    "worst_day_eur": "EUR",
    "worst_day_percent": "%",
    "dear_days": "",
    "training_eur_per_day": "EUR/day",
    "act_s_per_day": "s",
    "learn_s_per_day": "s",
}
"""Measure -> unit; what they mean is in docs/evaluate.md."""
DEAR = 0.05
"""A day of training is dear from so much of the rule's mean absolute cost of a day on top of the rule."""


def measured(found: Values, optima: Mapping[str, Values], rule: Values | None) -> dict[Key, float]:
    """The measures of one policy and seed.

    Args:
        found: Of its unit.
        optima: Of the same seed, by test window.
        rule: The rule in training with the same seed; None if nobody learns.
    """
    numbers: dict[Key, float] = {}
    for mode in dict.fromkeys(week["mode"] for week in found["weeks"]):
        weeks = [week for week in found["weeks"] if week["mode"] == mode]
        numbers |= _of_weeks(weeks, optima, mode, "")
        for week in weeks:
            numbers |= _of_weeks([week], optima, mode, week["window"])
    if found.get("exploited"):
        numbers[Key("exploitability_eur_per_day", STOCHASTIC)] = mean_gain_eur_per_day(found["exploited"])
    if found["training"] and rule is not None:
        numbers |= _of_training(found["training"], rule["training"], learning_curve(found, rule))
    return numbers


def share_alone(optima: Iterable[Values]) -> float:
    """Share that each prosumer optimised by itself in hindsight captures, without trade: what scheduling
    brings alone. Of the optima of one seed; NaN where nothing can be gained."""
    best = [*optima]
    greedy, alone, optimum = ([one[f"{name}_eur"] for one in best] for name in ("greedy", "alone", "optimum"))
    return share_captured(greedy, alone, optimum)


@dataclass(frozen=True, slots=True)
class Fallen:
    """What diverged and fell back to its rule, with one policy and seed."""

    labels: tuple[str, ...]
    """Of the scenario, whose policy did in training."""
    alone: int
    """How many of the prosumers did that learned on alone (`exploitability`)."""

    def __bool__(self) -> bool:
        return bool(self.labels or self.alone)


def fallen(found: Values) -> Fallen:
    """What fell back to its rule."""
    alone = [one for one in found.get("exploited", ()) if one.get("fallen_back")]
    return Fallen(tuple(one["label"] for one in found.get("fallen_back", ())), len(alone))


def _of_weeks(
    weeks: Sequence[Values], optima: Mapping[str, Values], mode: str, window: str
) -> dict[Key, float]:
    """Of some windows together."""
    days = float(sum(week["days"] for week in weeks))
    best = [optima[week["window"]] for week in weeks]

    def per_day(name: str) -> float:
        return float(sum(week[name] for week in weeks)) / days

    values = {
        "cost_eur_per_day": per_day("cost_eur"),
        "share_captured": share_captured(
            [one["greedy_eur"] for one in best],
            [week["cost_eur"] for week in weeks],
            [one["optimum_eur"] for one in best],
        ),
        "p2p_kwh_per_day": per_day("p2p_kwh"),
        "unserved_kwh_per_day": per_day("unserved_kwh"),
        "gini_of_savings": gini(np.sum([week["saving_eur"] for week in weeks], axis=0)),
        "act_s_per_day": sum(week["seconds"]["decide"] for week in weeks) / days,
    }
    if all("regret_eur" in week for week in weeks):
        values["regret_eur_per_day"] = sum(float(np.sum(week["regret_eur"])) for week in weeks) / days
    return {Key(name, mode, window): value for name, value in values.items()}


def learning_curve(found: Values, rule: Values | None) -> FloatArray:
    """What each day of training cost beyond the rule on the same day [EUR], shape (passes, days); of no pass
    where nothing was learnt."""
    if rule is None or not found["training"]:
        return np.zeros((0, 0))
    daily = [episode["daily_eur"] for episode in found["training"]]
    more: FloatArray = np.array(daily) - np.array(rule["training"]["daily_eur"])
    return more


def _of_training(passes: Sequence[Values], rule: Values, more: FloatArray) -> dict[Key, float]:
    """What learning cost against the rule, on the same days; a day's cost may be near nothing or below, so
    the worst one is also given as a share of the rule's mean absolute cost of a day."""
    alone = np.array(rule["daily_eur"])
    first, base = float(more[0, :FIRST_DAYS].sum()), abs(float(alone[:FIRST_DAYS].sum()))
    usual = float(np.abs(alone).mean())
    days = sum(float(episode["days"]) for episode in passes)
    values = {
        "first_days_eur": first,
        "first_days_percent": 100.0 * first / base if base else nan,
        "worst_day_eur": float(more.max()),
        "worst_day_percent": 100.0 * float(more.max()) / usual if usual else nan,
        "dear_days": float((more > DEAR * usual).sum()),
        "training_eur_per_day": float(more.sum()) / days,
        "learn_s_per_day": sum(episode["seconds"]["learn"] for episode in passes) / days,
    }
    return {Key(name): value for name, value in values.items()}
