"""The fields of the mean field: what of the markets is public, of which time. What stands in them is the
affair of the community's memory; here are names, so that policies can be tried without one."""

from __future__ import annotations

from cosim.core.carriers import Carrier
from cosim.core.records import PUBLIC_FIELDS, Field

AHEAD_HOURS = (3, 6, 9, 12, 18)
"""How far ahead the mean field looks, by what the market was when it was last that time of day [h]."""
AHEAD_NAMES = ("mean_price", "volume_offered", "volume_asked_for")
"""What it holds of those hours: enough to tell a price and which side is short."""
DAY_NAMES = ("mean_price", "volume_traded", "volume_offered", "volume_asked_for")
"""What it holds of the last 24 hours: sums, and the mean price of all that was traded."""


def mean_field_fields(heat: bool = False) -> tuple[Field, ...]:
    """The mean field: `last_price` ... of the last period, `yesterday.last_price` ... a day before,
    `in_3h.mean_price` ... of the hours ahead when they were last; where heat is traded, the same of its
    market: `heat.last_price` ...

    Args:
        heat: Whether heat is traded.
    """
    electricity = _fields_of("electricity", "")
    return (*electricity, *_fields_of("heat", "heat.")) if heat else electricity


def _fields_of(carrier: Carrier, prefix: str) -> tuple[Field, ...]:
    """The mean field of one market."""
    infinite = float("inf")
    latest = [
        Field(f"{prefix}{name}", unit, -infinite, infinite, f"Of the last {carrier} session: {name}.")
        for name, unit in PUBLIC_FIELDS
    ]
    yesterday = [
        Field(
            f"{prefix}yesterday.{name}",
            unit,
            -infinite,
            infinite,
            f"Of {carrier}: {name} at this local time of the day before.",
        )
        for name, unit in PUBLIC_FIELDS
    ]
    units = dict(PUBLIC_FIELDS)
    ahead = [
        Field(
            f"{prefix}in_{hours}h.{name}",
            units[name],
            -infinite,
            infinite,
            f"Of {carrier}: {name} at the local time {hours} h from now, when it was last.",
        )
        for hours in AHEAD_HOURS
        for name in AHEAD_NAMES
    ]
    day = [
        Field(
            f"{prefix}day.{name}",
            units[name],
            -infinite,
            infinite,
            f"Of {carrier}, the last 24 hours: {name}.",
        )
        for name in DAY_NAMES
    ]
    return (*latest, *yesterday, *ahead, *day)
