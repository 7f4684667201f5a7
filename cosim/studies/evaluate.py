"""Doing a study: what is not done yet is computed, here or spread over processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cosim.errors import OutputError, PolicyError
from cosim.policies.learning.checkpoint import Checkpoint
from cosim.simulation import processes
from cosim.simulation.processes import Message, Tell
from cosim.studies.store import Store
from cosim.studies.study import Study
from cosim.studies.units import Unit, units_of


@dataclass(frozen=True, slots=True)
class News:
    """How far a unit is."""

    unit: Unit
    state: str
    """`running`, `done`, `failed`, or `kept`: it was computed before."""
    done: int = 0
    """Periods simulated."""
    lines: tuple[str, ...] = ()
    """Why it failed."""
    exit_code: int = 0


def evaluate(
    study: Study, folder: Path, jobs: int = 0, tell: Callable[[News], None] = lambda news: None
) -> list[News]:
    """Compute all units of a study that its folder does not hold yet.

    Args:
        study: What is compared.
        folder: Where units are kept (`Store`).
        jobs: Processes that work at the same time; 0: all in this one.
        tell: Called with all news as they come.

    Returns:
        The last news of each unit, in the order of `units_of`.

    Raises:
        InputError: if the folder holds another study; with `jobs` 0 whatever a unit raises.
    """
    store, units = Store(folder), units_of(study)
    known = store.begin(study, units)
    last = {number: News(unit, "kept") for number, unit in enumerate(units) if unit.name in known}
    for news in last.values():
        tell(news)
    todo = [number for number in range(len(units)) if number not in last]

    def pass_on(message: Message) -> None:
        number = todo[message.number]
        last[number] = News(units[number], message.state, message.done, message.lines, message.exit_code)
        tell(last[number])

    works = [_Compute(units[number], folder) for number in todo]
    if jobs:
        processes.run_all(works, jobs, pass_on)
    else:
        _here(works, pass_on)
    return [last[number] for number in range(len(units))]


def _here(works: Sequence[_Compute], tell: Callable[[Message], None]) -> None:
    """One after the other, in this process."""
    for number, work in enumerate(works):
        work(partial(_running, number, tell))
        tell(Message(number, "done", work.unit.periods))


def _running(number: int, tell: Callable[[Message], None], done: int) -> None:
    tell(Message(number, "running", done))


@dataclass(frozen=True)
class _Compute:
    """What the process of a unit does."""

    unit: Unit
    folder: Path

    def __call__(self, tell: Tell) -> None:
        """Compute it and keep it; of one that fails what was learnt until then.

        Raises:
            CosimError: as `Unit.compute`; where a policy fails, with the files of what was learnt.
        """
        store, learnt = Store(self.folder), dict[str, Checkpoint]()
        try:
            result = self.unit.compute(tell, learnt.update)
        except Exception as error:
            where = _rescued(store, self.unit, learnt)
            if isinstance(error, PolicyError) and where:
                raise PolicyError(f"{error}; {where}") from error
            raise
        store.write(self.unit, result)


def _rescued(store: Store, unit: Unit, learnt: Mapping[str, Checkpoint]) -> str:
    """Keep what a unit that failed had learnt, and say where; what ended it stays the error to report."""
    try:
        files = store.keep(unit, learnt)
    except (OSError, OutputError) as error:
        return f"what was learnt could not be kept: {error}"
    return f"what was learnt until then is in {', '.join(map(str, files))}" if files else ""
