"""How far the units of studies are, on standard error, and how long the others may take: bars in a terminal,
else a line when one ends. What units compute is theirs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from cosim.studies.evaluate import News
    from cosim.studies.study import Study
    from cosim.studies.units import Unit

Show = Callable[["News", "Ahead"], None]

LEAST_SHARE = 0.01
"""Of all periods, before which no time is told: optima come first, and take long for the one period that they
count as."""


class Ahead:
    """What is done of a study, and how long the rest may take.

    The time is told from what was computed so far, as if every period took the same; a learner's takes longer
    than a rule's, so that it is a rough one.

    Args:
        units: All of the study.
        clock: Tells the time [s].
    """

    def __init__(self, units: Sequence[Unit], clock: Callable[[], float] = perf_counter) -> None:
        self.units, self.kept, self.over = len(units), 0, 0
        """All units; those that were computed before; those of which nothing more comes."""
        self._periods = {unit.name: unit.periods for unit in units}
        self._done: dict[str, int] = {}
        self._clock = clock
        self._began: tuple[float, int] | None = None
        """When the time that counts began, and periods done then."""

    def hear(self, news: News) -> None:
        """Something came of a unit."""
        name, ended = news.unit.name, news.state != "running"
        self.over += ended
        if news.state == "kept":
            self.kept += 1
            del self._periods[name]
            return
        self._done[name] = self._periods[name] if ended else news.done
        if self._began is None and self.done >= LEAST_SHARE * self.periods:
            self._began = self._clock(), self.done

    @property
    def done(self) -> int:
        """Periods computed."""
        return sum(self._done.values())

    @property
    def periods(self) -> int:
        """Periods to compute, these among them."""
        return sum(self._periods.values())

    @property
    def left_s(self) -> float | None:
        """Seconds until all is done, roughly; None as long as too little is."""
        if self._began is None or self.done == self._began[1]:
            return None
        began_s, before = self._began
        return (self._clock() - began_s) / (self.done - before) * (self.periods - self.done)

    @property
    def text(self) -> str:
        """How long it may take, in words; nothing if that is not known, or nothing is left."""
        left_s = self.left_s
        if left_s is None or self.over == self.units:
            return ""
        minutes = round(left_s / 60.0)
        if minutes < 1:
            return "less than a minute left"
        return f"about {minutes} min left" if minutes < 90 else f"about {minutes / 60.0:.1f} h left"


@contextmanager
def unit_progress(silent: bool = False) -> Iterator[Callable[[News], None]]:
    """Shows how far units are; what it yields is called with their news, one study after the other.

    Args:
        silent: Show nothing.
    """
    if silent:
        yield lambda news: None
        return
    study: Study | None = None
    ahead = Ahead([])
    show: Show = _line
    with ExitStack() as shown:

        def tell(news: News) -> None:
            nonlocal study, ahead, show
            if news.unit.study is not study:
                from cosim.studies.units import units_of

                shown.close()
                study, ahead = news.unit.study, Ahead(units_of(news.unit.study))
                if sys.stderr.isatty():
                    show = shown.enter_context(_bars())
            ahead.hear(news)
            show(news, ahead)
            if ahead.over == ahead.units:  # what is said between studies is to stand below the bars
                shown.close()

        yield tell


def _line(news: News, ahead: Ahead) -> None:
    """A unit that ended, or that all had been computed before."""
    name = news.unit.study.base["name"]
    if news.state in {"done", "failed"}:
        left = f", {ahead.text}" if ahead.text else ""
        line = f"{name} [{ahead.over}/{ahead.units}] {news.unit.name}: {news.state}{left}"
        typer.echo(line, err=True)
    elif ahead.kept == ahead.units:
        typer.echo(f"{name}: all {ahead.units} units were computed before", err=True)


@contextmanager
def _bars() -> Iterator[Show]:
    """A bar for the study, and one for each unit that is being computed."""
    from cosim.progress import unit_bars

    with unit_bars() as bars:

        def show(news: News, ahead: Ahead) -> None:
            what = f"{news.unit.study.base['name']}: {ahead.over} of {ahead.units} units"
            whole = what, ahead.done, ahead.periods, ahead.text
            bars(whole, (news.unit.name, news.done, news.unit.periods, news.state))

        yield show
