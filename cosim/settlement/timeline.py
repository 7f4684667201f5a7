"""From a price form to the price of every settlement period, and to what is known of it beyond the run. Days
and hours are local to the clock's zone, so that windows keep their place on the wall clock when the clocks
change."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from pathlib import Path

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.core.clock import Clock
from cosim.settlement.price_forms import DAY_MINUTES, AnyPrice, PriceSeries, TimeOfUse
from cosim.settlement.price_series import Series, read_series

_OFFSET_MINUTES = 15
"""Zone offsets change by multiples of this."""


@dataclass(frozen=True, slots=True)
class Course:
    """One price over a run, and what is known of it beyond."""

    run: FloatArray
    """Price of every period [EUR/kWh], shape (clock.periods,)."""
    beyond: FloatArray
    """Price of the periods that begin within 24 hours after the start of the run's last one, shape
    (periods_per_day - 1,); infinite where a series has ended."""
    low: float
    """Lowest price that its configuration knows [EUR/kWh]: of all windows, or of the whole file."""
    high: float
    """Highest, likewise."""


def course(price: AnyPrice, clock: Clock, folder: Path) -> Course:
    """The course of a price; a mean where it changes within a period.

    What is said of a period depends on the price alone, not on where the run ends.

    Args:
        price: In any form.
        clock: The periods of the run.
        folder: Where relative paths start, the folder of the scenario.

    Raises:
        ProfileError: if a series cannot be read or does not cover the clock.
    """
    longer = replace(clock, periods=clock.periods + clock.periods_per_day - 1)
    if isinstance(price, PriceSeries):
        series = read_series(price, folder, clock.zone)
        known, every = _known(series, clock, longer), series.price_eur_per_kwh
    elif isinstance(price, TimeOfUse):
        known, every = _time_of_use(price, longer), price.week()
    else:
        known, every = np.full(longer.periods, float(price)), np.array([float(price)])
    return Course(known[: clock.periods], known[clock.periods :], float(every.min()), float(every.max()))


def _known(series: Series, clock: Clock, longer: Clock) -> FloatArray:
    """A series as far as it goes, then infinite, shape (longer.periods,)."""
    series.over(clock)  # says what is missing, if it does not cover the run
    covered = replace(clock, periods=min(series.covers(longer), longer.periods))
    known = np.full(longer.periods, np.inf)
    known[: covered.periods] = series.over(covered)
    return known


def _time_of_use(price: TimeOfUse, clock: Clock) -> FloatArray:
    """Looks the week up on a clock fine enough that no window and no clock change falls inside a step."""
    fine = math.gcd(clock.step_minutes, _OFFSET_MINUTES, clock.start.minute, *price.edges)
    parts = clock.step_minutes // fine
    moments = clock if parts == 1 else Clock(clock.start, fine, clock.periods * parts)
    minute = moments.weekday * DAY_MINUTES + np.rint(moments.hour_of_day * 60).astype(np.int64)
    by_part = price.week()[minute].reshape(clock.periods, parts)
    flat = by_part.min(axis=1) == by_part.max(axis=1)
    # The mean of equal numbers can differ from them in the last digit; a price that holds is kept exactly.
    return np.where(flat, by_part[:, 0], by_part.mean(axis=1))


def local_text(clock: Clock, index: int) -> str:
    """Start of a period on the wall clock, with zone offset."""
    moment = clock.start.astimezone(UTC) + timedelta(minutes=clock.step_minutes * index)
    return moment.astimezone(clock.zone).isoformat(sep=" ", timespec="minutes")
