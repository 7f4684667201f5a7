"""Parameters of rules, chosen on the training window alone: what is tried is declared here, in one place. A
rule deserves it as much as a learner does."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cosim.simulation import Simulation
from cosim.simulation.processes import Tell, after, silent
from cosim.studies.cases import Base, case
from cosim.studies.contenders import Bidding, Contender
from cosim.studies.episode import run_episode
from cosim.studies.windows import Window

_ROUNDING = 1e-9
"""Costs that differ by less, relative, are equal."""

Choice = Mapping[str, Any]
"""Parameters that are tried together."""


@dataclass(frozen=True)
class Stage:
    """Choices of which the best is taken, other stages being at what they chose, or at their first choice."""

    choices: tuple[Choice, ...]
    """The first is the policy's default; of those that are equally good the first is taken."""
    bidding: tuple[Bidding, ...] = ("reservation", "setpoint")
    """Modes in which they make a difference."""


STAGES: dict[str, tuple[Stage, ...]] = {
    "fixed-reservation": (
        Stage(
            tuple({"value": value} for value in (0.5, 0.1, 0.2, 0.25, 0.3, 0.4, 0.6, 0.8)), ("reservation",)
        ),
        Stage(tuple({"bid_margin": m, "ask_margin": m} for m in (0.0, 0.1, 0.25, 0.5))),
    ),
    "price-taker": (Stage(tuple({"confidence": share} for share in (1.0, 0.75, 0.5, 0.25, 0.0))),),
    "zip": (
        Stage(tuple({"learning_rate": span} for span in ([0.1, 0.5], [0.05, 0.1], [0.5, 0.9]))),
        Stage(tuple({"initial_margin": span} for span in ([0.05, 0.35], [0.0, 0.05], [0.35, 0.65]))),
    ),
}
"""Kind of policy -> what is tried for it, stage by stage."""


@dataclass(frozen=True)
class Tuned:
    """A rule with the parameters that were best in training."""

    contender: Contender
    chosen: dict[str, Any]
    """Parameters that were tuned; empty if there was nothing to tune."""
    tried: tuple[dict[str, Any], ...] = ()
    """Parameters and `cost_eur` of the community in the training window, in the order in which they were
    tried."""


def stages_of(contender: Contender) -> tuple[Stage, ...]:
    """What is tried for a policy: nothing that its user has given, and nothing that makes no difference."""
    if not contender.tune:
        return ()
    return tuple(
        stage
        for stage in STAGES.get(contender.kind, ())
        if contender.bidding in stage.bidding and not _parameters(stage) & set(contender.parameters)
    )


def trials(contender: Contender) -> int:
    """How many simulations tuning takes: the best of a stage is not simulated again in the next."""
    stages = stages_of(contender)
    return sum(len(stage.choices) for stage in stages) - max(len(stages) - 1, 0)


def tune(base: Base, window: Window, seed: int, contender: Contender, tell: Tell = silent) -> Tuned:
    """Choose the parameters with which the community pays least in the training window.

    Args:
        base: The scenario.
        window: The training window; no other is simulated.
        seed: Of the scenario.
        contender: The rule.
        tell: Called with the periods done.
    """
    stages = stages_of(contender)
    chosen: dict[str, Any] = {name: value for stage in stages for name, value in stage.choices[0].items()}
    costs: dict[str, float] = {}
    tried: list[dict[str, Any]] = []

    def cost_eur(choice: Choice) -> float:
        parameters = {**chosen, **choice}
        key = json.dumps(parameters, sort_keys=True)
        if key not in costs:
            simulation = Simulation(case(base, window, seed, contender.given(parameters)))
            before = len(costs) * simulation.clock.periods
            costs[key] = run_episode(simulation, after(before, tell)).cost_eur
            tried.append({"parameters": parameters, "cost_eur": costs[key]})
        return costs[key]

    for stage in stages:
        chosen.update(first_of_best([(choice, cost_eur(choice)) for choice in stage.choices]))
    return Tuned(contender.given(chosen), chosen, tuple(tried))


def first_of_best(costs: Sequence[tuple[Choice, float]]) -> Choice:
    """The choice that costs least; of those that cost the same but for rounding, the first."""
    least = min(cost for _, cost in costs)
    return next(choice for choice, cost in costs if cost <= least + _ROUNDING * max(1.0, abs(least)))


def _parameters(stage: Stage) -> set[str]:
    return {name for choice in stage.choices for name in choice}
