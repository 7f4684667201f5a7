"""A short account of profiles for `cosim check`: how many shapes, how coincident, how much energy, and what
is implausible. It samples days; it simulates nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.profiles.profiles import Profiles

SAMPLED_BLOCKS = 56
"""Days that are looked at, spread over the horizon."""
HOUSEHOLD_KWH = (500.0, 20_000.0)
"""Annual energy of a household that needs no second look [kWh]."""
FULL_LOAD_HOURS = (500.0, 2_300.0)
"""Full-load hours of a PV plant that need no second look [h]."""


@dataclass(frozen=True, slots=True)
class Account:
    """What profiles amount to."""

    origin: str
    members: int
    shapes: int
    """Recorded shapes behind them."""
    distinct: int
    """Members that differ by more than a factor."""
    coincidence: float
    """Peak of the sum over the sum of peaks, over the sampled days; NaN without members or power."""
    peak_kw: float
    """Peak of the sum over the sampled days."""
    annual_kwh: tuple[float, float, float]
    """Lowest, mean and highest energy of a member in a year (PV: per kWp)."""
    warnings: tuple[str, ...]


def account(profiles: Profiles, *, production: bool = False) -> Account:
    """Count shapes, measure coincidence, and compare energy with what is usual.

    Args:
        profiles: Loads, or PV production per kWp.
        production: Whether they are PV.
    """
    power = sampled(profiles)
    annual = profiles.origin.annual_kwh
    alone = power.max(0, initial=0.0).sum()
    together = power.sum(1).max(initial=0.0)
    span = (
        (float(annual.min()), float(annual.mean()), float(annual.max())) if len(annual) else (0.0, 0.0, 0.0)
    )
    return Account(
        origin=profiles.origin.name,
        members=profiles.n,
        shapes=profiles.origin.shapes,
        distinct=profiles.origin.distinct,
        coincidence=float(together / alone) if alone > 0 else float("nan"),
        peak_kw=float(together),
        annual_kwh=span,
        warnings=(*profiles.origin.notes, *_implausible(annual, production)),
    )


def sampled(profiles: Profiles) -> FloatArray:
    """Power on up to `SAMPLED_BLOCKS` days spread over the horizon, shape (ticks, n)."""
    clock = profiles.clock
    size = clock.periods_per_day
    blocks = -(-clock.periods // size)
    chosen = np.unique(np.linspace(0, blocks - 1, min(blocks, SAMPLED_BLOCKS)).astype(int))
    parts = [profiles.power_kw(b * size, min((b + 1) * size, clock.periods)) for b in chosen.tolist()]
    return np.concatenate(parts) if parts else np.empty((0, profiles.n))


def _implausible(annual_kwh: FloatArray, production: bool) -> list[str]:
    low, high = FULL_LOAD_HOURS if production else HOUSEHOLD_KWH
    unit, member = ("h per kWp", "PV plants") if production else ("kWh a year", "households")
    warnings = []
    for wrong, word, bound in ((annual_kwh < low, "below", low), (annual_kwh > high, "above", high)):
        if wrong.any():
            warnings.append(f"{int(wrong.sum())} of {len(annual_kwh)} {member} are {word} {bound:g} {unit}")
    return warnings
