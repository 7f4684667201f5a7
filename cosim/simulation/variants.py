"""Several scenarios run next to each other, each in a process of its own: Mesa never frees a model, and one
that fails does not stop the others. What they are, and what is made of their results, is the caller's."""

from __future__ import annotations

import multiprocessing
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, cast

from cosim.errors import CosimError, InputError, OutputError, Problem
from cosim.results.read import load as load_run
from cosim.scenario.check import facts_of
from cosim.scenario.load import load
from cosim.scenario.overrides import Override
from cosim.simulation.runner import Progress, run

_SEND_EVERY_S = 0.2
"""How often a process tells how far it is, at most."""


@dataclass(frozen=True, slots=True)
class Task:
    """One scenario to be run. Its process reads the file again: a scenario with plug-ins in it cannot be sent
    to another process."""

    name: str
    file: Path
    overrides: tuple[Override, ...]
    seed: int | None
    days: float | None
    """These four as of `cosim.scenario.load.load`."""
    periods: int
    digest: str
    """Of the scenario that they give (`Scenario.digest`)."""
    folder: Path

    @classmethod
    def of(
        cls,
        name: str,
        folder: Path,
        file: Path,
        overrides: Sequence[Override],
        seed: int | None = None,
        days: float | None = None,
    ) -> Task:
        """A task, its scenario checked.

        Raises:
            ScenarioError: if anything is wrong with it.
        """
        scenario = load(file, overrides, seed=seed, days=days).scenario
        periods = scenario.horizon.periods
        return cls(name, file, tuple(overrides), seed, days, periods, scenario.digest(), folder)


@dataclass(frozen=True, slots=True)
class News:
    """How far a task is."""

    task: Task
    state: str
    """`running`, `done`, `failed`, or `kept`: it was run before."""
    done: int = 0
    """Periods simulated."""
    lines: tuple[str, ...] = ()
    """Why it failed."""
    exit_code: int = 0


def is_done(task: Task) -> bool:
    """Whether the folder holds a whole run of this very scenario.

    Raises:
        InputError: if something else is there: nothing is ever overwritten.
    """
    if not task.folder.exists() or (task.folder.is_dir() and not any(task.folder.iterdir())):
        return False
    try:
        same = load_run(task.folder).manifest.get("scenario_sha256") == task.digest
        what = "holds the run of another scenario"
    except InputError:
        same, what = False, "exists and is no run"
    except OutputError as error:
        same, what = False, f"cannot be used again: {error}"
    if not same:
        remedy = "nothing is ever overwritten: name another folder, or remove this one"
        raise InputError(Problem(f"{task.folder} {what}", remedy, path="--output"))
    return True


def run_all(
    tasks: Sequence[Task], at_once: int = 1, tell: Callable[[News], None] = lambda news: None
) -> list[News]:
    """Run all tasks that are not done yet.

    Args:
        tasks: Each with a folder of its own.
        at_once: How many run at the same time, at most.
        tell: Called with all news as they come.

    Returns:
        The last news of each task, in the order of the tasks.

    Raises:
        InputError: if a folder is in use for something else; then nothing is run.
    """
    known: list[bool] = []
    problems: list[Problem] = []
    for task in tasks:
        try:
            known.append(is_done(task))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    last = {number: News(task, "kept") for number, task in enumerate(tasks) if known[number]}
    for news in last.values():
        tell(news)
    todo = [number for number in range(len(tasks)) if number not in last]
    with _workers() as workers:
        while todo or workers:
            while todo and len(workers) < at_once:
                number = todo.pop(0)
                connection, process = _started(tasks[number])
                workers[connection] = number, process
                last[number] = News(tasks[number], "running")
                tell(last[number])
            for ready in wait(list(workers)):
                connection = cast(Connection, ready)
                number, process = workers[connection]
                news = _heard(connection, tasks[number], process)
                last[number] = news
                if news.state != "running":
                    connection.close()
                    process.join()
                    del workers[connection]
                tell(news)
    return [last[number] for number in range(len(tasks))]


Workers = dict[Connection, tuple[int, SpawnProcess]]


@contextmanager
def _workers() -> Iterator[Workers]:
    """The processes that run; what still does when the block is left is stopped, and marks its run."""
    workers: Workers = {}
    try:
        yield workers
    finally:
        for _, process in workers.values():
            process.terminate()
        for _, process in workers.values():
            process.join()


def _started(task: Task) -> tuple[Connection, SpawnProcess]:
    context = multiprocessing.get_context("spawn")
    mine, yours = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(task, yours), daemon=True)
    process.start()
    yours.close()
    return mine, process


def _heard(connection: Connection, task: Task, process: SpawnProcess) -> News:
    """What a process says; its silence is an end, too."""
    try:
        state, done, lines, code = connection.recv()
    except EOFError:
        process.join()
        return News(task, "failed", lines=(f"its process ended with code {process.exitcode}",), exit_code=1)
    return News(task, state, done, lines, code)


def _work(task: Task, connection: Connection) -> None:
    """Run one task: what the new process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the caller too, who stops this one
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    told = 0.0

    def tell(progress: Progress) -> None:
        nonlocal told
        if time.perf_counter() - told > _SEND_EVERY_S:
            told = time.perf_counter()
            connection.send(("running", progress.done, (), 0))

    message: tuple[Any, ...]
    try:
        loaded = load(task.file, task.overrides, seed=task.seed, days=task.days)
        if loaded.scenario.digest() != task.digest:
            raise InputError(Problem("was changed while its variants ran", file=task.file))
        try:
            run(loaded.scenario, task.folder, tell)
        except InputError:
            facts_of(loaded)  # raises with every mistake in its place
            raise
        message = ("done", task.periods, (), 0)
    except InputError as error:
        message = ("failed", 0, tuple(map(str, error.problems)), error.exit_code)
    except CosimError as error:
        message = ("failed", 0, (str(error),), error.exit_code)
    except Exception as error:  # noqa: BLE001 - a defect in one variant must not hide the others
        message = ("failed", 0, (f"cosim failed: {type(error).__name__}: {error}",), 1)
    connection.send(message)
