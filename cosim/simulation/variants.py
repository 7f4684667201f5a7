"""Several scenarios run next to each other, each in a process of its own. What they are, and what is made of
their results, is the caller's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cosim.errors import InputError, OutputError, Problem
from cosim.results.read import load as load_run
from cosim.scenario.check import facts_of
from cosim.scenario.load import load
from cosim.scenario.overrides import Override
from cosim.simulation import processes
from cosim.simulation.processes import Message, Tell
from cosim.simulation.runner import run


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

    def pass_on(message: Message) -> None:
        number = todo[message.number]
        task, done = tasks[number], message.done
        last[number] = News(task, message.state, done, message.lines, message.exit_code)
        tell(last[number])

    processes.run_all([_Run(tasks[number]) for number in todo], at_once, pass_on)
    return [last[number] for number in range(len(tasks))]


@dataclass(frozen=True)
class _Run:
    """What the process of a task does."""

    task: Task

    def __call__(self, tell: Tell) -> None:
        """Run it, and tell how far it is."""
        task = self.task
        loaded = load(task.file, task.overrides, seed=task.seed, days=task.days)
        if loaded.scenario.digest() != task.digest:
            raise InputError(Problem("was changed while its variants ran", file=task.file))
        try:
            run(loaded.scenario, task.folder, lambda progress: tell(progress.done))
        except InputError:
            facts_of(loaded)  # raises with every mistake in its place
            raise
