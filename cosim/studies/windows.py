"""Windows of time: one to train in, others to judge in, which do not overlap. Nothing is simulated here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cosim.errors import InputError, Problem
from cosim.scenario.horizon import LONGEST_DAYS, YEARS, duration_text

TRAIN_WEEK, TRAIN_DAYS = 4, 119
"""ISO week in which training begins by default, and how long it takes [days]: winter to nearly summer. It
begins when the first judged week is over: most of a SimBench winter lies in January."""
TEST_WEEKS = {"winter": 3, "spring": 21, "summer": 29, "autumn": 42}
"""ISO weeks that policies are judged in by default: in no year does one lie in the time of training."""
TEST_DAYS = 7


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time by the local clock: of seven days one has 23 or 25 hours where clocks change."""

    name: str
    start: datetime
    days: float

    @property
    def end(self) -> datetime:
        """Where it is over."""
        return self.start + timedelta(days=self.days)

    @property
    def duration(self) -> str:
        """By the calendar, in words."""
        return duration_text(timedelta(days=self.days))

    def length(self, zone: str) -> timedelta:
        """How long it really is in a time zone. Of an end that comes twice or not at all it is the earlier
        moment: another window that starts there or later shares no time with this one."""
        local = ZoneInfo(zone)
        begin = self.start.replace(tzinfo=local).astimezone(UTC)
        ends = (self.end.replace(tzinfo=local, fold=fold).astimezone(UTC) for fold in (0, 1))
        return min(ends) - begin

    @property
    def stem(self) -> str:
        """Its name as a part of a file's: letters, digits, `-` and `.`."""
        return re.sub(r"[^A-Za-z0-9.]+", "-", self.name).strip(".-") or "window"

    def overlaps(self, other: Window) -> bool:
        """Whether they share any time."""
        return self.start < other.end and other.start < self.end

    def content(self) -> dict[str, Any]:
        """As plain values."""
        return {"name": self.name, "start": self.start.isoformat(" ", "minutes"), "days": self.days}


@dataclass(frozen=True)
class Windows:
    """When policies are trained and when they are judged.

    Raises:
        InputError: if two of the windows overlap, have the same name, or are empty.
    """

    train: Window
    tests: tuple[Window, ...]

    def __post_init__(self) -> None:
        problems = [
            Problem(
                f"lasts {window.days:g} days",
                f"write a length above 0, of at most {LONGEST_DAYS} days",
                path=_option(window, "days"),
            )
            for window in (self.train, *self.tests)
            if not 0 < window.days <= LONGEST_DAYS
        ]
        if problems:
            raise InputError(list(dict.fromkeys(problems)))
        if not self.tests:
            problems.append(Problem("names no window", "name at least one start", path="--test"))
        stems = [window.stem for window in self.tests]
        problems += [
            Problem(f"has two windows called {stem!r}", "give each a name of its own", path="--test")
            for stem in dict.fromkeys(stems)
            if stems.count(stem) > 1
        ]
        every = (self.train, *self.tests)
        for number, one in enumerate(every):
            for other in every[number + 1 :]:
                if one.overlaps(other):
                    problems.append(_overlap(one, other))
        if problems:
            raise InputError(problems)

    def content(self) -> dict[str, Any]:
        """As plain values."""
        return {"train": self.train.content(), "tests": [window.content() for window in self.tests]}


def _option(window: Window, part: str) -> str:
    return f"--{'train' if window.name == 'train' else 'test'}-{part}"


def _overlap(one: Window, other: Window) -> Problem:
    """Two windows share time; one of them may be that of training."""
    later = max(one.start, other.start)
    remedy = f"no policy is judged on what it was trained on: let one end before {later:%Y-%m-%d %H:%M}"
    if one.name != "train":
        remedy = f"judge each day once: let one end before {later:%Y-%m-%d %H:%M}"
    return Problem(f"the windows {_words(one)} and {_words(other)} overlap", remedy, path="--test")


def _words(window: Window) -> str:
    return f"{window.name} ({window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M})"


def windows_of(
    year: int,
    train: str | None = None,
    train_days: float = TRAIN_DAYS,
    tests: Sequence[str] = (),
    test_days: float = TEST_DAYS,
) -> Windows:
    """The windows that options name, those of a year by default.

    Args:
        year: In which the default windows lie: that of the scenario.
        train: Start of training, `2016-01-25` or `2016-01-25 12:00`; None: Monday of ISO week 4.
        train_days: Its length [days].
        tests: Starts of the other windows, each with a name before it if it is to have one
            (`winter=2016-01-18`); none: Mondays of the ISO weeks 3, 21, 29 and 42, one a season.
        test_days: Length of each [days].

    Raises:
        InputError: if a start is no time, or windows overlap.
    """
    problems: list[Problem] = []
    found: list[Window] = []
    for text in tests:
        name, _, start = text.rpartition("=")
        at = _moment(start, "--test", problems)
        found.append(Window(name.strip() or start.strip(), at, test_days))
    began = _monday(year, TRAIN_WEEK) if train is None else _moment(train, "--train", problems)
    if problems:
        raise InputError(problems)
    if not found:
        found = [Window(name, _monday(year, week), test_days) for name, week in TEST_WEEKS.items()]
    return Windows(Window("train", began, train_days), tuple(found))


def _monday(year: int, week: int) -> datetime:
    return datetime.combine(date.fromisocalendar(year, week, 1), time())


def _moment(text: str, option: str, problems: list[Problem]) -> datetime:
    """A date, with or without a time; what is none is noted."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        found = None
    if found is None or found.tzinfo is not None or not YEARS[0] <= found.year <= YEARS[1]:
        remedy = (
            "write for example 2016-01-18, or 2016-01-18 12:00, in the scenario's local time, of a year from "
            f"{YEARS[0]} to {YEARS[1]}"
        )
        problems.append(Problem(f"{text!r} is not a date", remedy, path=option))
        return datetime.min
    return found
