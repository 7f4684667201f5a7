"""When a run takes place: start, zone, duration and settlement period. The clock that counts it is core's."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema, model_validator

from cosim.core.clock import Clock
from cosim.core.config import Config, setting
from cosim.core.registry import nearest
from cosim.scenario.nested import error, raise_inside

_MINUTES = {"minute": 1, "hour": 60, "day": 24 * 60, "week": 7 * 24 * 60}
_DURATION = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(minute|hour|day|week)s?\s*")
LONGEST_DAYS = 3660
"""As long as a run may be [days]."""
YEARS = (1900, 2200)
"""First and last year in which one may start."""


def parse_duration(text: Any) -> timedelta:
    """The length that `2 days`, `36 hours` or `1 week` names; a bare number is days.

    Raises:
        ValueError: if it names none.
    """
    if isinstance(text, timedelta):
        return text
    words = f"{text} days" if isinstance(text, int | float) and not isinstance(text, bool) else str(text)
    match = _DURATION.fullmatch(words)
    if match is None:
        raise ValueError(f"{text!r} is not a duration (write for example `2 days`, `36 hours` or `1 week`)")
    minutes = float(match[1]) * _MINUTES[match[2]]
    if not 0 < minutes <= LONGEST_DAYS * 24 * 60:
        raise ValueError(f"{text!r} is not between a step and {LONGEST_DAYS:,} days (check the unit)")
    return timedelta(minutes=minutes)


def duration_text(duration: timedelta) -> str:
    """The shortest text that `parse_duration` reads back."""
    minutes = duration / timedelta(minutes=1)
    for unit in ("day", "hour", "minute"):
        count = minutes / _MINUTES[unit]
        if count == int(count):
            break
    return f"{count:.15g} {unit}{'' if count == 1 else 's'}"


def _parse_start(value: Any) -> datetime:
    try:
        start = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f"{value!r} is not a date and time (write for example `2016-06-06 00:00`)") from None
    if not YEARS[0] <= start.year <= YEARS[1]:
        raise ValueError(f"the year {start.year} is not between {YEARS[0]} and {YEARS[1]}")
    if start.tzinfo is not None:
        raise ValueError(f"{value!r} has an offset (write local time and name the zone in `zone`)")
    return start


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"unknown time zone {name!r} ({nearest(name, available_timezones())})")
    return name


def _divides_an_hour(minutes: int) -> int:
    if not 5 <= minutes <= 60 or 60 % minutes:
        raise ValueError(f"{minutes} minutes do not divide an hour (valid: 5, 6, 10, 12, 15, 20, 30, 60)")
    return minutes


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(duration_text, return_type=str),
    WithJsonSchema({"type": ["string", "number"], "examples": ["2 days", "36 hours", "1 week"]}),
]
LocalTime = Annotated[
    datetime,
    BeforeValidator(_parse_start),
    PlainSerializer(lambda start: start.isoformat(sep=" ", timespec="minutes"), return_type=str),
    WithJsonSchema({"type": "string", "examples": ["2016-06-06 00:00"]}),
]


class Horizon(Config):
    """When the run takes place and how long a settlement period is."""

    start: LocalTime = setting(about="Start of the first period, local time of `zone`.")
    zone: Annotated[str, AfterValidator(_known_zone)] = setting(
        "Europe/Berlin", about="Time zone (IANA name); clock changes are observed."
    )
    duration: Duration = setting(about="How long: `2 days`, `36 hours`, `1 week`; a bare number is days.")
    step_minutes: Annotated[int, AfterValidator(_divides_an_hour)] = setting(
        15, unit="min", about="Length of a settlement period; 5 to 60, and it divides an hour."
    )

    @model_validator(mode="after")
    def _whole_periods(self) -> Horizon:
        found = {"duration": self._odd_duration(), "start": self._odd_start()}
        raise_inside([error((key,), "value_error", text) for key, text in found.items() if text])
        return self

    def _odd_duration(self) -> str:
        """Why the duration cannot be; nothing if it can."""
        if self.duration % timedelta(minutes=self.step_minutes):
            return (
                f"the duration {duration_text(self.duration)} is not a whole number of steps of "
                f"{self.step_minutes} minutes"
            )
        return ""

    def _odd_start(self) -> str:
        """Why the start cannot be; nothing if it can."""
        if self.start.minute % self.step_minutes or self.start.second or self.start.microsecond:
            return (
                f"the start {self.start:%H:%M:%S} is not on a step of {self.step_minutes} minutes "
                "(start on a full hour)"
            )
        aware = self.start.replace(tzinfo=ZoneInfo(self.zone))
        if aware.astimezone(ZoneInfo("UTC")).astimezone(aware.tzinfo).replace(tzinfo=None) != self.start:
            return f"the local time {self.start} does not exist in {self.zone} (clock change)"
        return ""

    @property
    def periods(self) -> int:
        """Number of settlement periods."""
        return self.duration // timedelta(minutes=self.step_minutes)

    def clock(self) -> Clock:
        """The clock that counts this horizon."""
        return Clock(self.start.replace(tzinfo=ZoneInfo(self.zone)), self.step_minutes, self.periods)
