"""The bars that `cosim run`, `cosim compare` and `cosim evaluate` show while they work, and the spinner of
`cosim bound`. They only show: figures come from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cosim.simulation import Progress


@contextmanager
def progress_bar(periods: int) -> Iterator[Callable[[Progress], None]]:
    """A bar on standard error with running figures, drawn anew ten times a second at most."""
    from time import perf_counter

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    figures = (
        "{task.fields[p2p]:,.0f} kWh traded, {task.fields[saved]:,.2f} EUR saved, "
        "{task.fields[broken]:,} limits broken{task.fields[learning]}"
    )
    columns = (BarColumn(30), MofNCompleteColumn(), TextColumn(figures, markup=False), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=periods, p2p=0.0, saved=0.0, broken=0, learning="")
        drawn = 0.0

        def show(now: Progress) -> None:
            nonlocal drawn
            if perf_counter() - drawn > 0.1 or now.done == now.periods:
                drawn = perf_counter()
                bar.update(
                    task,
                    completed=now.done,
                    p2p=now.p2p_kwh,
                    saved=now.saving_eur,
                    broken=now.violations,
                    learning=f"\n{now.learning}" if now.learning else "",
                )

        yield show


@contextmanager
def variant_bars(variants: Sequence[tuple[str, int]]) -> Iterator[Callable[[str, int, str], None]]:
    """A bar for each variant on standard error: its name, and how many of its periods are done.

    Args:
        variants: Name and periods of each.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[state]}"),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks = {
            name: bar.add_task(escape(name), total=periods, start=False, state="")
            for name, periods in variants
        }
        totals = dict(variants)

        def show(name: str, done: int, state: str) -> None:
            if state == "running":
                bar.start_task(tasks[name])
            else:
                bar.stop_task(tasks[name])
            whole = state in ("done", "kept")
            bar.update(tasks[name], completed=totals[name] if whole else done, state=state)

        yield show


Row = tuple[str, int, int, str]
"""Of a bar: what it is of, periods done, of how many, and what stands beside it."""


@contextmanager
def unit_bars() -> Iterator[Callable[[Row, Row], None]]:
    """A bar on standard error for all units of work, one for each that is being done, and above them what was
    done.

    What it yields is called with the row of all units, and with that of one, beside which stands its state.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(30),
        TimeElapsedColumn(),
        TextColumn("{task.fields[beside]}"),
    )
    console = Console(stderr=True)
    with Bar(*columns, console=console, transient=True) as bar:
        every = bar.add_task("", beside="")
        tasks: dict[str, TaskID] = {}

        def show(whole: Row, unit: Row) -> None:
            what, done, periods, left = whole
            bar.update(every, description=escape(what), completed=done, total=periods, beside=left)
            name, done, periods, state = unit
            if state == "running":
                if name not in tasks:
                    tasks[name] = bar.add_task(escape(name), total=periods, beside="")
                bar.update(tasks[name], completed=done)
                return
            if name in tasks:
                bar.remove_task(tasks.pop(name))
            if state != "kept":
                console.print(f"{name}: {state}", markup=False, highlight=False)

        yield show


@contextmanager
def spinner() -> Iterator[Callable[[str], None]]:
    """A sign of life on standard error, with what is being done and for how long, for work that cannot say
    how far it is."""
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda what: bar.update(task, description=what)
