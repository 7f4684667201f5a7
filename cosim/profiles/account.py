"""A short account of profiles for `cosim check`: how many shapes, how coincident, how much energy, and what
is implausible. It samples days; it simulates nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.profiles.profiles import Profiles

SAMPLED_BLOCKS = 56
"""Days that are looked at, spread over the horizon."""
Kind = Literal["load", "pv", "wind", "heat"]
USUAL: dict[Kind, tuple[float, float, str, str]] = {
    "load": (500.0, 20_000.0, "kWh a year", "households"),
    "pv": (500.0, 2_300.0, "h per kWp", "PV plants"),
    "wind": (200.0, 4_500.0, "h per kW", "wind turbines"),
    "heat": (1_000.0, 150_000.0, "kWh a year", "buildings"),
}
"""Annual energy, or full-load hours, that needs no second look; its unit; and what has it."""


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


def account(profiles: Profiles, *, production: bool = False, kind: Kind | None = None) -> Account:
    """Count shapes, measure coincidence, and compare energy with what is usual.

    Args:
        profiles: Loads or heat demand, or production per kW installed.
        production: Whether they are PV, if no kind is given.
        kind: What they are.
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
        warnings=(*profiles.origin.notes, *_implausible(annual, kind or ("pv" if production else "load"))),
    )


def sampled(profiles: Profiles) -> FloatArray:
    """Power on up to `SAMPLED_BLOCKS` days spread over the horizon, shape (ticks, n)."""
    clock = profiles.clock
    size = clock.periods_per_day
    blocks = -(-clock.periods // size)
    chosen = np.unique(np.linspace(0, blocks - 1, min(blocks, SAMPLED_BLOCKS)).astype(int))
    parts = [profiles.power_kw(b * size, min((b + 1) * size, clock.periods)) for b in chosen.tolist()]
    return np.concatenate(parts) if parts else np.empty((0, profiles.n))


def _implausible(annual: FloatArray, kind: Kind) -> list[str]:
    low, high, unit, member = USUAL[kind]
    warnings = []
    for wrong, word, bound in ((annual < low, "below", low), (annual > high, "above", high)):
        if wrong.any():
            warnings.append(f"{int(wrong.sum())} of {len(annual)} {member} are {word} {bound:g} {unit}")
    return warnings
