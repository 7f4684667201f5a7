"""Work in processes of its own: what it tells, how it ends, and that it ends when nobody listens."""

from __future__ import annotations

import multiprocessing
import signal
from dataclasses import dataclass

import pytest

from cosim.errors import OutputError
from cosim.simulation import processes
from cosim.simulation.processes import Message, Tell, run_all


@dataclass(frozen=True)
class Counts:
    """Tells of some periods; then it is over, or fails."""

    periods: int
    fails: str = ""

    def __call__(self, tell: Tell) -> None:
        for done in range(1, self.periods + 1):
            tell(done)
        if self.fails == "defect":
            raise ZeroDivisionError("one by none")
        if self.fails:
            raise OutputError(self.fails)


def test_every_piece_of_work_comes_to_an_end_whatever_the_others_do() -> None:
    heard: list[Message] = []
    works = [Counts(3), Counts(2, "the disk is full"), Counts(1, "defect")]
    last = run_all(works, 2, heard.append)
    assert [message.state for message in last] == ["done", "failed", "failed"]
    assert last[0].done == 3
    assert last[1].lines == ("the disk is full",)
    assert last[2].lines == ("cosim failed: ZeroDivisionError: one by none",)
    assert any(message.state == "running" and message.done > 0 for message in heard), "how far it is"


def test_a_process_ends_when_nobody_listens_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    reached: list[int] = []

    def work(tell: Tell) -> None:
        for done in range(5):
            tell(done)
            reached.append(done)

    mine, yours = multiprocessing.Pipe(duplex=False)
    mine.close()
    with pytest.raises(SystemExit):
        processes._do(work, yours)
    assert reached == []
