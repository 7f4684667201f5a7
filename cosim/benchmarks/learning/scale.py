"""How learners grow with the number of prosumers: seconds for acting and for learning, parameters, what a
critic reads. Where a size is out of reach, the growth measured so far says why."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import psutil

import cosim
from cosim.benchmarks.learning import cases
from cosim.benchmarks.learning.cases import Extent, Variant
from cosim.benchmarks.simulation import peak_mb
from cosim.errors import OutputError
from cosim.results.files import write_json
from cosim.simulation import Simulation
from cosim.simulation.processes import Message, Tell, run_all
from cosim.studies.cases import base_of, case
from cosim.studies.study import digest_of
from cosim.studies.training import policies_of
from cosim.studies.windows import Window, windows_of

MOST_SECONDS = 1800.0
"""A size that is expected to take longer is left out."""
MOST_MEMORY = 0.7
"""A size that is expected to take more than this share of the machine's memory is left out."""
SEED = 1
Row = dict[str, Any]


@runtime_checkable
class Sized(Protocol):
    """A learner that says how much its critic reads."""

    @property
    def critic_width(self) -> int:
        """Numbers that go into one critic."""


@dataclass(frozen=True)
class Size:
    """A learner with so many prosumers."""

    variant: Variant
    prosumers: int
    days: int
    warm_up_days: int

    @property
    def name(self) -> str:
        """In messages, and of its file."""
        return f"scale.{self.variant.contender().stem}_{self.prosumers}"

    def digest(self) -> str:
        """Hash of all that the result depends on, the machine aside."""
        base = {key: value for key, value in base_of(cases.scaled(self.prosumers)).items() if key != "folder"}
        own = {**self.variant.contender().content(), "days": self.days, "window": self.window.content()}
        return digest_of({"cosim": cosim.__version__, "scenario": base, **own})

    @property
    def window(self) -> Window:
        """The days that are simulated, the one to warm up included: where training begins by default."""
        year = cases.reference(cases.ELECTRIC).horizon.start.year
        return Window("scale", windows_of(year).train.start, float(self.days + self.warm_up_days))

    def measure(self, tell: Tell) -> Row:
        """Simulate, learning, and measure."""
        scenario = case(base_of(cases.scaled(self.prosumers)), self.window, SEED, self.variant.contender())
        simulation = Simulation(scenario)
        before = dict(simulation.seconds)
        warm = self.warm_up_days * simulation.clock.periods_per_day
        while not simulation.done:
            if simulation.index == warm:
                before = dict(simulation.seconds)
            simulation.step()
            tell(simulation.index)
        began = time.perf_counter()
        simulation.finish()
        last = time.perf_counter() - began
        policies = list(policies_of(simulation).values())
        seconds = {name: simulation.seconds[name] - before[name] for name in ("decide", "learn")}
        periods = simulation.clock.periods - warm
        return {
            "prosumers": self.prosumers,
            "act_s_per_day": seconds["decide"] / self.days,
            "learn_s_per_day": (seconds["learn"] + last) / self.days,
            "learn_us_per_prosumer_period": 1e6 * (seconds["learn"] + last) / periods / self.prosumers,
            "parameters": sum(array.size for policy in policies for array in policy.weights().values()),
            "critic_width": max(
                (one.critic_width for one in policies if isinstance(one, Sized)), default=None
            ),
            "peak_mb": peak_mb(),
        }


@dataclass(frozen=True)
class Scaled:
    """What was found of one learner."""

    variant: Variant
    rows: tuple[Row, ...]
    """One a size, ascending."""
    missing: dict[int, str]
    """Why there is no row, by size."""


@dataclass(frozen=True)
class _Work:
    """What the process of a size does."""

    size: Size
    file: Path

    def __call__(self, tell: Tell) -> None:
        """Measure it and keep it."""
        write_json(self.file, {"digest": self.size.digest(), "row": self.size.measure(tell)})


def measure_all(extent: Extent, folder: Path, say: Callable[[str], None]) -> list[Scaled]:
    """Measure all learners at all sizes, one after the other, so that none disturbs another.

    What is in the folder already is not measured again.

    Args:
        extent: Who, and how many prosumers.
        folder: Where a file for each learner and size is kept.
        say: Told what is being done.
    """
    folder.mkdir(parents=True, exist_ok=True)
    every = [one for kind in extent.kinds for one in cases.variants(kind)]
    return [_scaled(one, extent, folder, say) for one in every]


def _scaled(variant: Variant, extent: Extent, folder: Path, say: Callable[[str], None]) -> Scaled:
    rows: list[Row] = []
    missing: dict[int, str] = {}
    for prosumers in sorted(extent.sizes):
        size = Size(variant, prosumers, extent.scale_days, extent.warm_up_days)
        reason = out_of_reach(rows, prosumers, round(size.window.days), psutil.virtual_memory().total / 1e6)
        if not reason:
            found, reason = _measured(size, folder / f"{size.name}.json", say)
            rows += [] if found is None else [found]
        if reason:
            missing[prosumers] = reason
            say(f"{size.name}: {reason}")
    return Scaled(variant, tuple(rows), missing)


def _measured(size: Size, file: Path, say: Callable[[str], None]) -> tuple[Row | None, str]:
    """The row of a size, and why there is none."""
    row = _kept(size, file)
    if row is not None:
        say(f"{size.name}: was computed before")
        return row, ""
    last: list[Message] = run_all([_Work(size, file)], 1, lambda message: None)
    if last[0].state == "failed":
        return None, "; ".join(last[0].lines)
    say(f"{size.name}: done")
    return _kept(size, file), ""


def _kept(size: Size, file: Path) -> Row | None:
    """What is in the file of a size, if it is of this very size.

    Raises:
        OutputError: if it cannot be read.
    """
    if not file.exists():
        return None
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(f"{file} cannot be read: {error} (remove it, and it is measured again)") from error
    row: Row | None = found["row"] if found.get("digest") == size.digest() else None
    return row


def exponent(rows: Sequence[Row], measure: str) -> float | None:
    """How a measure grew from the last size but one to the last: as the number of prosumers to this power.

    None with fewer than two sizes, or where it is nothing.
    """
    if len(rows) < 2 or not rows[-1][measure] or not rows[-2][measure]:
        return None
    ratio = rows[-1][measure] / rows[-2][measure]
    return math.log(ratio) / math.log(rows[-1]["prosumers"] / rows[-2]["prosumers"])


def expected(rows: Sequence[Row], measure: str, prosumers: int) -> float | None:
    """What a measure would be at another size if it went on growing as it did."""
    power = exponent(rows, measure)
    if power is None:
        return None
    return float(rows[-1][measure] * (prosumers / rows[-1]["prosumers"]) ** power)


def out_of_reach(rows: Sequence[Row], prosumers: int, days: int, memory_mb: float) -> str:
    """Why a size is left out, from how the smaller ones grew; empty if it is not."""
    learn, act, memory = (
        expected(rows, name, prosumers) for name in ("learn_s_per_day", "act_s_per_day", "peak_mb")
    )
    seconds = days * ((learn or 0.0) + (act or 0.0))
    if seconds > MOST_SECONDS:
        power = exponent(rows, "learn_s_per_day") or 0.0
        return f"learning grew as n^{power:.2f}: {seconds / days:,.0f} s a day expected"
    if memory is not None and memory > MOST_MEMORY * memory_mb:
        power = exponent(rows, "peak_mb") or 0.0
        return f"memory grew as n^{power:.2f}: {memory / 1e3:,.1f} GB expected"
    return ""
