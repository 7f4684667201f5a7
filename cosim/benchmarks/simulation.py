"""`cosim bench simulation`: steps per second, time by phase and peak memory of whole runs, tables written.
Each case runs in a process of its own, after a short run that fills caches and compiles kernels."""

from __future__ import annotations

import multiprocessing
import resource
import sys
import tempfile
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from cosim.errors import RunError
from cosim.scenario.load import load_scenario
from cosim.scenario.schema import Scenario

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
"""The scenarios of the checkout."""
BASE = SCENARIOS / "rural-100-winter.yaml"
MIXED = SCENARIOS / "mixed-energy.yaml"
POLICY, LEARNER = "zero-intelligence", "mf-ppo"
LARGE_GRID = "1-MVLV-rural-all-0-sw"
LARGE_FACTOR = 100
"""How many times more prosumers the large case has."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One run that is measured."""

    name: str
    days: float
    factor: int = 1
    """How many times the prosumers of the scenario."""
    grid: str | None = None
    """Another SimBench grid; None keeps the scenario's."""
    scenario: Path | None = None
    """Another scenario; None takes that of the benchmark."""
    policy: str = POLICY
    """Who decides for everybody."""


CASES = (
    Case("rural-100, 7 days", 7),
    Case("rural-100, 7 days, mf-ppo", 7, policy=LEARNER),
    Case("rural-100, 112 days", 112),
    Case("rural-100, 224 days", 224),
    Case("10,000 prosumers, 1 day", 1, LARGE_FACTOR, LARGE_GRID),
    Case("mixed-energy, 7 days", 7, scenario=MIXED),
)


def run(cases: tuple[Case, ...] = CASES, scenario: Path = BASE) -> list[Row]:
    """Measure the cases one after the other.

    Returns:
        Rows with the columns case, prosumers, buses, periods, steps_per_s, us_per_prosumer_step, peak_mb, and
        milliseconds per step of each phase.

    Raises:
        RunError: if a case fails.
    """
    return [_isolated(case, case.scenario or scenario) for case in cases]


def _isolated(case: Case, scenario: Path) -> Row:
    """One case in a process of its own, so that its peak memory is its own."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(case, scenario, sender))
    process.start()
    sender.close()
    try:
        row: Row = receiver.recv()
    except EOFError:
        process.join()
        raise RunError(f"benchmark {case.name!r} ended with exit code {process.exitcode}") from None
    process.join()
    return row


def _child(case: Case, scenario: Path, sender: Connection) -> None:
    """Measure and send the row; a failure leaves the pipe empty and its message on the terminal."""
    sender.send(_measure(case, scenario))
    sender.close()


def _measure(case: Case, scenario: Path) -> Row:
    from cosim.simulation.runner import run as simulate

    with tempfile.TemporaryDirectory() as folder:
        simulate(_scenario(case, scenario, 0.25 if case.factor == 1 else 2 / 96), Path(folder) / "warm-up")
        outcome = simulate(_scenario(case, scenario, case.days), Path(folder) / "run")
    summary = outcome.summary
    seconds = dict(summary["speed"]["seconds"])
    setup = seconds.pop("setup")
    periods, prosumers = summary["periods"], summary["prosumers"]
    total = sum(seconds.values())
    return {
        "case": case.name,
        "prosumers": prosumers,
        "periods": periods,
        "steps_per_s": periods / total,
        "us_per_prosumer_step": 1e6 * total / periods / prosumers,
        "setup_s": setup,
        "peak_mb": peak_mb(),
        **{f"{phase}_ms": 1e3 * value / periods for phase, value in seconds.items()},
    }


def _scenario(case: Case, file: Path, days: float) -> Scenario:
    """The scenario of a case, with the policy that the figures are about."""
    written = load_scenario(file)
    changes: list[tuple[str, Any]] = [(f"policies.{label}", case.policy) for label in written.policies]
    changes += [
        (f"groups[{number}].count", group.count * case.factor) for number, group in enumerate(written.groups)
    ]
    if case.grid is not None:
        changes += [("network.source", "simbench"), ("network.name", case.grid)]
    return load_scenario(file, changes, days=days)


def peak_mb() -> float:
    """Largest memory of this process so far [MB]; where Linux tells it, without what the process that
    started it had, which getrusage counts as well."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return float(line.split()[1]) * 1024.0 / 1e6
    unit = 1.0 if sys.platform == "darwin" else 1024.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
