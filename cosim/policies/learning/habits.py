"""How `mf-ppo` tries things and what it remembers, if nothing is said: data, to be read and changed here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from cosim.policies.learning.start import FAR, NEAR

SELDOM = 2.0
"""Up to so many decisions a day are few: a single one weighs much, and there is little to learn from."""


@dataclass(frozen=True)
class Habits:
    """What is chosen if nothing is said."""

    distribution: Literal["normal", "levels"]
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


def usual_habits(decisions_per_day: float, plans: bool, setpoints: bool) -> Habits:
    """What is chosen if nothing is said.

    Args:
        decisions_per_day: How often it decides.
        plans: Whether the rule that it starts from looks ahead.
        setpoints: Whether energy is told what to do, and not what it is worth.
    """
    often = decisions_per_day > SELDOM
    usual = MANY if often else FEW
    if not plans:
        return usual
    most = FINE if often and not setpoints else NEAR[-1]
    return replace(usual, levels=NEAR, exploration=min(usual.exploration, most))
