"""Work spread over processes, one process for each: Mesa never frees a model, and what fails stops nothing
else. What the work is, and what is made of its results, is the caller's."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, cast

from cosim.errors import CosimError, InputError

_SEND_EVERY_S = 0.2
"""How often a process tells how far it is, at most."""
_THREADS = "OMP_NUM_THREADS"
"""Environment variable that says how many threads numerical libraries start."""

Tell = Callable[[int], None]
"""Called with how many periods are done."""
Work = Callable[[Tell], None]
"""What a process does; it has to be picklable, and leaves its results in files."""


def silent(done: int) -> None:
    """Tells nobody."""


def after(before: int, tell: Tell) -> Tell:
    """Tells of periods that come after so many others."""
    return lambda done: tell(before + done)


@dataclass(frozen=True, slots=True)
class Message:
    """How far a piece of work is."""

    number: int
    """Which one it is."""
    state: str
    """`running`, `done` or `failed`."""
    done: int = 0
    """Periods done."""
    lines: tuple[str, ...] = ()
    """Why it failed."""
    exit_code: int = 0


def run_all(works: Sequence[Work], at_once: int, tell: Callable[[Message], None]) -> list[Message]:
    """Do all of it, each in a process of its own with one thread (`OMP_NUM_THREADS` if it is set).

    Args:
        works: What is to be done.
        at_once: How many processes run at the same time, at most.
        tell: Called with all messages as they come.

    Returns:
        The last message of each, in order.
    """
    last: dict[int, Message] = {}
    todo = list(range(len(works)))
    with _workers() as workers:
        while todo or workers:
            while todo and len(workers) < at_once:
                number = todo.pop(0)
                connection, process = _started(works[number])
                workers[connection] = number, process
                last[number] = Message(number, "running")
                tell(last[number])
            for ready in wait(list(workers)):
                connection = cast(Connection, ready)
                number, process = workers[connection]
                message = _heard(connection, number, process)
                last[number] = message
                if message.state != "running":
                    connection.close()
                    process.join()
                    del workers[connection]
                tell(message)
    return [last[number] for number in range(len(works))]


Workers = dict[Connection, tuple[int, SpawnProcess]]


@contextmanager
def _workers() -> Iterator[Workers]:
    """The processes that run; what still does when the block is left is stopped."""
    workers: Workers = {}
    try:
        yield workers
    finally:
        for _, process in workers.values():
            process.terminate()
        for _, process in workers.values():
            process.join()


def _started(work: Work) -> tuple[Connection, SpawnProcess]:
    context = multiprocessing.get_context("spawn")
    mine, yours = context.Pipe(duplex=False)
    process = context.Process(target=_do, args=(work, yours), daemon=True)
    with _one_thread():
        process.start()
    yours.close()
    return mine, process


@contextmanager
def _one_thread() -> Iterator[None]:
    """What is started here uses one thread, unless the user says otherwise: processes are the parallelism."""
    given = os.environ.get(_THREADS)
    if given is None:
        os.environ[_THREADS] = "1"
    try:
        yield
    finally:
        if given is None:
            del os.environ[_THREADS]


def _heard(connection: Connection, number: int, process: SpawnProcess) -> Message:
    """What a process says; its silence is an end, too."""
    try:
        state, done, lines, code = connection.recv()
    except EOFError:
        process.join()
        lines = (f"its process ended with code {process.exitcode}",)
        return Message(number, "failed", lines=lines, exit_code=1)
    return Message(number, state, done, lines, code)


def _do(work: Work, connection: Connection) -> None:
    """Do one piece of work: what the new process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the caller too, who stops this one
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    told, done = 0.0, 0

    def tell(periods: int) -> None:
        nonlocal told, done
        done = periods
        if time.perf_counter() - told > _SEND_EVERY_S:
            told = time.perf_counter()
            _say(connection, ("running", done, (), 0))

    message: tuple[Any, ...]
    try:
        work(tell)
        message = ("done", done, (), 0)
    except InputError as error:
        message = ("failed", 0, tuple(map(str, error.problems)), error.exit_code)
    except CosimError as error:
        message = ("failed", 0, (str(error),), error.exit_code)
    except Exception as error:  # noqa: BLE001 - a defect in one must not hide the others
        message = ("failed", 0, (f"cosim failed: {type(error).__name__}: {error}",), 1)
    _say(connection, message)


def _say(connection: Connection, message: tuple[Any, ...]) -> None:
    """Send a message; where nobody listens any more (the caller was killed) this process ends, too."""
    try:
        connection.send(message)
    except BrokenPipeError:
        sys.exit(1)
