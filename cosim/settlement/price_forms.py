"""The forms in which a price can be written: a number, prices by hour and weekday, or a CSV series. It only
declares and checks them; prices by period are made in `timeline`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

import numpy as np
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    Tag,
    WithJsonSchema,
    model_serializer,
    model_validator,
)

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.config import Config, setting
from cosim.core.registry import nearest

DAY_MINUTES = 24 * 60
WEEK_MINUTES = 7 * DAY_MINUTES
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAYS_OF = {"weekdays": DAYS[:5], "weekend": DAYS[5:], "all": DAYS} | {day: (day,) for day in DAYS}
_TIME = re.compile(r"(\d{1,2}):(\d{2})")
_HIGHEST = 10.0
_UNCOVERED = -1


def not_a_switch(value: Any) -> Any:
    """Refuses true and false, which pydantic would read as 1 and 0."""
    if isinstance(value, bool):
        raise ValueError(f"{str(value).lower()} is not a number")
    return value


def _plausible(price: float) -> float:
    if abs(price) > _HIGHEST:
        raise ValueError(
            f"{price:g} EUR/kWh is not plausible (prices are in EUR/kWh, not in cents or per MWh; "
            f"allowed: -{_HIGHEST:g} to {_HIGHEST:g})"
        )
    return price


Number = Annotated[float, BeforeValidator(not_a_switch), AfterValidator(_plausible)]
"""A price [EUR/kWh]; may be negative."""


def _minute_of_day(value: Any) -> int:
    """Minutes since midnight of `HH:MM`."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is not None:
        hour, minute = int(match[1]), int(match[2])
        if minute < 60 and hour * 60 + minute <= DAY_MINUTES:
            return hour * 60 + minute
    raise ValueError(f'{value!r} is not a time of day (write for example "17:00", in quotes)')


def _clock_text(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _known_days(value: Any) -> Any:
    days = [value] if isinstance(value, str) else value
    if not isinstance(days, list | tuple):
        return value
    if not days:
        raise ValueError("no day is named (leave `days` out for every day)")
    for day in days:
        if not isinstance(day, str) or day not in _DAYS_OF:
            raise ValueError(f"unknown day {day!r} ({nearest(str(day), _DAYS_OF)})")
    named = {single for day in days for single in _DAYS_OF[day]}
    return tuple(day for day in DAYS if day in named)


TimeOfDay = Annotated[
    int,
    BeforeValidator(_minute_of_day),
    PlainSerializer(_clock_text, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d{1,2}:\d{2}$", "examples": ["17:00"]}),
]
Days = Annotated[
    tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...],
    BeforeValidator(_known_days),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": list(_DAYS_OF)},
                {"type": "array", "items": {"enum": list(_DAYS_OF)}, "minItems": 1},
            ]
        }
    ),
]


def _spans(flags: Any) -> Iterator[tuple[int, int]]:
    """First and last-plus-one minute of every unbroken run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], np.asarray(flags, dtype=np.int8), [0]))))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _span_text(first: int, last: int) -> str:
    end_day = f"{DAYS[(last - 1) // DAY_MINUTES]} " if last - first > DAY_MINUTES else ""
    end = last % DAY_MINUTES or DAY_MINUTES
    return f"{DAYS[first // DAY_MINUTES]} {_clock_text(first % DAY_MINUTES)} to {end_day}{_clock_text(end)}"


def week_span(flags: Any) -> str:
    """The first spans of the week in which `flags` (by minute of the week) is true, in words."""
    spans = [_span_text(*span) for span in _spans(flags)]
    return ", ".join(spans[:2]) + (f" and {len(spans) - 2} more times" if len(spans) > 2 else "")


class Window(Config):
    """Hours of the day that have a price of their own."""

    from_: TimeOfDay = setting(about='Local time at which it begins, "HH:MM".', alias="from")
    to: TimeOfDay = setting(
        about='Local time at which it ends. Not after `from`: it ends on the next day. "24:00" is midnight.'
    )
    days: Days = setting(
        DAYS,
        about="Days on which it begins: names (mon to sun), `weekdays`, `weekend` or `all`.",
    )
    price: Number = setting(unit="EUR/kWh", about="Price within the window.")

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The key is `from` whether or not the caller asks for aliases: what is dumped can be read again."""
        return {key.rstrip("_"): value for key, value in handler(self).items()}

    def minutes_of_week(self) -> IntArray:
        """The minutes of the week that it covers, Monday 0:00 first."""
        length = (self.to - self.from_) % DAY_MINUTES or DAY_MINUTES
        begins = np.array([DAYS.index(day) for day in self.days]) * DAY_MINUTES + self.from_
        return ((begins[:, None] + np.arange(length)) % WEEK_MINUTES).ravel()


class TimeOfUse(Config):
    """Prices by local hour and weekday; public holidays are not known."""

    windows: tuple[Window, ...] = setting(about="Windows that do not overlap, at least one.")
    default: Number | None = setting(
        None, unit="EUR/kWh", about="Price outside the windows; needed unless they cover the whole week."
    )

    @model_validator(mode="after")
    def _complete(self) -> TimeOfUse:
        if not self.windows:
            raise ValueError("there is no window (a price that never changes is written as a number)")
        covered = np.full(WEEK_MINUTES, _UNCOVERED)
        mistakes = []
        for index, window in enumerate(self.windows):
            minutes = window.minutes_of_week()
            taken = np.zeros(WEEK_MINUTES, dtype=bool)
            taken[minutes] = covered[minutes] != _UNCOVERED
            for other in np.unique(covered[taken]).tolist():
                where = week_span(taken & (covered == other))
                mistakes.append(f"windows {other} and {index} overlap ({where})")
            covered[minutes] = index
        gap = covered == _UNCOVERED
        if self.default is None and gap.any():
            mistakes.append(f"no price for {week_span(gap)} (give `default`, or windows for those hours)")
        if mistakes:
            raise ValueError("; ".join(mistakes))
        return self

    @property
    def edges(self) -> list[int]:
        """Minutes of the day at which the price may change."""
        return [edge for window in self.windows for edge in (window.from_, window.to)]

    def week(self) -> FloatArray:
        """Price of every minute of the week [EUR/kWh], Monday 0:00 first, shape (10080,)."""
        prices = np.full(WEEK_MINUTES, np.nan if self.default is None else self.default)
        for window in self.windows:
            prices[window.minutes_of_week()] = window.price
        return prices


def _known_zone(name: str | None) -> str | None:
    if name is not None and name not in available_timezones():
        raise ValueError(f"unknown time zone {name!r} ({nearest(name, available_timezones())})")
    return name


class PriceSeries(Config):
    """Prices from a CSV file with a title line; a price holds from its time stamp to the next."""

    file: str = setting(about="Path of the CSV file, relative to the scenario.", min_length=1)
    column: str | None = setting(None, about="Column of the prices; left out: the only one beside the time.")
    time: str | None = setting(None, about="Column of the time stamps; left out: the first.")
    zone: Annotated[str | None, AfterValidator(_known_zone)] = setting(
        None, about="Zone of time stamps without offset (IANA name, `UTC`); left out: that of the horizon."
    )
    unit: Literal["EUR/kWh", "ct/kWh", "EUR/MWh"] = setting(
        "EUR/kWh", about="Unit of the prices in the file."
    )


def form_of(value: Any, otherwise: str | None = None) -> str | None:
    """Which form of price a value has; `otherwise` for a mapping that is none."""
    if isinstance(value, TimeOfUse) or (isinstance(value, Mapping) and "windows" in value):
        return "time-of-use"
    if isinstance(value, PriceSeries) or (isinstance(value, Mapping) and "file" in value):
        return "series"
    return otherwise if isinstance(value, Mapping | Config) else "number"


Price = Annotated[
    Annotated[Number, Tag("number")]
    | Annotated[TimeOfUse, Tag("time-of-use")]
    | Annotated[PriceSeries, Tag("series")],
    Discriminator(
        form_of,
        custom_error_type="price_form",
        custom_error_message="a price is a number, {windows: ..., default: ...} or {file: ...}",
    ),
]
"""A price in any form."""
AnyPrice = float | TimeOfUse | PriceSeries
