"""How `mf-ppo` tries things and what it remembers, if nothing is said: data, to be read and changed here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from cosim.policies.learning.start import FAR, NEAR, SELDOM

Tries = Literal["normal", "levels"]
"""How things are tried: by normal distributions, or by levels with a probability each."""


@dataclass(frozen=True)
class Habits:
    """How it tries things, and from how much it learns."""

    distribution: Tries
    levels: tuple[float, ...]
    exploration: float
    hidden: int
    decay: float
    memory_days: float
    batch_days: float
    epochs: int


FEW = Habits("levels", FAR, 0.4, 32, 0.5, memory_days=200.0, batch_days=30.0, epochs=10)
"""Few decisions a day: little to learn from, so that all of it is used."""
MANY = Habits("normal", FAR, 0.1, 16, 0.0, memory_days=3.0, batch_days=3.0, epochs=5)
"""More: a decision is one of many that a day hangs on, and only those of the present policy tell."""
FINE = 0.05
"""Exploration where it often departs from values that a rule has planned: a value a little off makes a store
do something else altogether."""


def usual_habits(
    decisions_per_day: float, plans: bool, setpoints: bool, distribution: Tries | None = None
) -> Habits:
    """What is chosen if nothing is said.

    Args:
        decisions_per_day: How often it decides.
        plans: Whether the rule that it starts from looks ahead.
        setpoints: Whether energy is told what to do, and not what it is worth.
        distribution: How it is to try things; None: as suits how often it decides.
    """
    often = decisions_per_day > SELDOM
    usual = MANY if often else FEW
    way = distribution or usual.distribution
    # Levels are tried as widely as they are apart, or all but one would never be tried.
    exploration = FEW.exploration if way == "levels" else usual.exploration
    if plans:
        fine = often and way == "normal" and not setpoints
        exploration = min(exploration, FINE if fine else NEAR[-1])
    return replace(usual, distribution=way, levels=NEAR if plans else FAR, exploration=exploration)
