"""From a price form to the price of every settlement period. Days and hours are local to the clock's zone, so
that windows keep their place on the wall clock when the clocks change."""

from __future__ import annotations

import math
from datetime import UTC, timedelta
from pathlib import Path

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.core.clock import Clock
from cosim.settlement.price_forms import DAY_MINUTES, AnyPrice, PriceSeries, TimeOfUse
from cosim.settlement.price_series import read_series

_OFFSET_MINUTES = 15
"""Zone offsets change by multiples of this."""


def period_prices(price: AnyPrice, clock: Clock, folder: Path) -> FloatArray:
    """Price of every period [EUR/kWh], shape (clock.periods,); a mean where it changes within one.

    Args:
        price: In any form.
        clock: The periods.
        folder: Where relative paths start, the folder of the scenario.

    Raises:
        ProfileError: if a series cannot be read or does not cover the clock.
    """
    if isinstance(price, TimeOfUse):
        return _time_of_use(price, clock)
    if isinstance(price, PriceSeries):
        return read_series(price, folder, clock.zone).over(clock)
    return np.full(clock.periods, float(price))


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
