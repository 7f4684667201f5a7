"""What is told of how far the units of studies are."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from typing import Any

import pytest

from cosim.cli.unit_progress import Ahead, unit_progress
from cosim.studies import units as studies_units
from cosim.studies.evaluate import News


@dataclass(frozen=True)
class Part:
    """A study that has a name."""

    base: dict[str, Any] = field(default_factory=lambda: {"name": "village"})


@dataclass(frozen=True)
class Piece:
    """A unit of so many periods."""

    name: str
    periods: int
    study: Part


class Clock:
    """Tells the time that it is set to."""

    now_s = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now_s


def news(unit: Any, state: str, done: int = 0) -> News:
    return News(unit, state, done)


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    part = Part()
    found = [Piece("kept", 1000, part), Piece("optimum", 1, part)]
    found += [Piece("short", 100, part), Piece("long", 300, part)]
    monkeypatch.setattr(studies_units, "units_of", lambda study: found if study is part else [])
    return found


def test_time_left_is_told_from_what_was_computed_and_not_from_what_was_kept(pieces: list[Any]) -> None:
    clock = Clock()
    ahead = Ahead(pieces, clock)
    kept, optimum, short, long = pieces
    clock.now_s = 1000.0
    ahead.hear(news(kept, "kept"))
    assert (ahead.over, ahead.kept, ahead.periods) == (1, 1, 401)
    ahead.hear(news(optimum, "running"))
    clock.now_s = 1500.0
    ahead.hear(news(optimum, "done"))
    ahead.hear(news(short, "running"))
    assert ahead.left_s is None and ahead.text == "", "how long an optimum takes says nothing"
    clock.now_s = 1510.0
    ahead.hear(news(short, "running", 9))  # 10 of 401 periods: from now on it counts
    assert ahead.left_s is None
    ahead.hear(news(long, "running"))
    clock.now_s = 1570.0
    ahead.hear(news(short, "running", 29))
    ahead.hear(news(long, "running", 30))
    # 50 periods in 60 s: 341 more take 409.2 s.
    assert ahead.left_s == pytest.approx(409.2) and ahead.text == "about 7 min left"
    clock.now_s = 1810.0
    ahead.hear(news(short, "done"))
    assert (ahead.over, ahead.done) == (3, 131)
    assert ahead.left_s == pytest.approx(300.0 / 121.0 * 270.0)
    clock.now_s = 1900.0
    ahead.hear(news(long, "failed", 200))
    assert (ahead.over, ahead.units, ahead.left_s, ahead.text) == (4, 4, 0.0, ""), "a failed one is over, too"


@pytest.mark.parametrize(
    ("took_s", "words"),
    [(0.1, "less than a minute left"), (20.0, "about 33 min left"), (100.0, "about 2.7 h left")],
)
def test_time_left_in_words(pieces: list[Any], took_s: float, words: str) -> None:
    clock = Clock()
    ahead = Ahead(pieces[2:3], clock)
    ahead.hear(news(pieces[2], "running", 1))
    clock.now_s = took_s
    ahead.hear(news(pieces[2], "running", 2))
    assert ahead.left_s == pytest.approx(98 * took_s) and ahead.text == words


def test_a_line_for_each_unit_that_ends(pieces: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    kept, optimum, short, long = pieces
    with unit_progress() as tell:
        tell(news(kept, "kept"))
        tell(news(optimum, "running"))
        tell(news(optimum, "done"))
        tell(news(short, "running", 10))
        tell(news(short, "failed"))
        tell(news(long, "running", 10))
        tell(news(long, "done"))
    first, second, last = capsys.readouterr().err.splitlines()
    assert first == "village [2/4] optimum: done" and last == "village [4/4] long: done"
    assert second.startswith("village [3/4] short: failed, ") and second.endswith(" left")


def test_where_all_was_computed_before_one_line_says_so(
    pieces: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with unit_progress() as tell:
        for piece in pieces:
            tell(news(piece, "kept"))
    assert capsys.readouterr().err == "village: all 4 units were computed before\n"


def test_silence(pieces: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    with unit_progress(silent=True) as tell:
        tell(news(pieces[2], "done"))
    assert capsys.readouterr().err == ""


def test_bars_in_a_terminal_end_with_each_study(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = [Part({"name": "one"}), Part({"name": "two"})]
    units = {id(part): [Piece(f"{part.base['name']}-{n}", 10, part) for n in (1, 2)] for part in parts}
    monkeypatch.setattr(studies_units, "units_of", lambda study: units[id(study)])
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with unit_progress() as tell:
        for part in parts:
            for unit in units[id(part)]:
                tell(news(unit, "running", 5))
                tell(news(unit, "done", 10))
            print(f"{part.base['name']} is over", file=sys.stderr)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().err)
    lines = [line.strip() for line in shown.splitlines()]
    said = [line for line in lines if line.endswith(("done", "over"))]
    assert said == ["one-1: done", "one-2: done", "one is over", "two-1: done", "two-2: done", "two is over"]
    assert "one: 1 of 2 units" in shown
