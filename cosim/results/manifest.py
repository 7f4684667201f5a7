"""The manifest: what a run was, on what machine, how it ended. It is the only file of a run that knows the
real clock; no result is in it."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from typing import Any, Literal

from cosim.results.tables import FORMAT

Status = Literal["running", "complete", "interrupted", "failed"]

FILE = "manifest.json"
_PACKAGES = (
    "cosim",
    "mesa",
    "numba",
    "numpy",
    "pandapower",
    "pandas",
    "power-grid-model",
    "pyarrow",
    "pydantic",
    "simbench",
    "torch",
)


@dataclass
class Manifest:
    """What manifest.json holds."""

    name: str
    """Name of the scenario."""
    seed: int
    scenario_sha256: str
    """Of the resolved scenario: equal hashes, equal results."""
    horizon: dict[str, Any] = field(default_factory=dict)
    """`start`, `zone`, `step_minutes`, `periods`."""
    network: str = ""
    """Name of the grid, for comparisons."""
    tables: dict[str, str] = field(default_factory=dict)
    """Table -> how finely it is recorded."""
    status: Status = "running"
    message: str = ""
    """Why the run failed, or how far it came."""
    periods_done: int = 0
    notes: list[str] = field(default_factory=list)
    """What happened on the way: a learner that diverged and went on by its rule."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall-clock time by phase [s]."""
    audit: dict[str, float] = field(default_factory=dict)
    """Largest residual of each balance, relative."""
    started: str = ""
    finished: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=dict)
    format: int = FORMAT

    def content(self) -> dict[str, Any]:
        """As a dictionary, in the order in which it is read best."""
        return {"format": self.format, **asdict(self)}


def begun(name: str, seed: int, digest: str, **known: Any) -> Manifest:
    """The manifest of a run that starts now.

    Args:
        name: Name of the scenario.
        seed: Its seed.
        digest: Hash of the scenario (`Scenario.digest`).
        **known: Further fields of `Manifest`.
    """
    return Manifest(
        name=name,
        seed=seed,
        scenario_sha256=digest,
        started=now(),
        versions=dict(versions()),
        machine=machine(),
        **known,
    )


def now() -> str:
    """The real time, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@cache
def versions() -> Mapping[str, str]:
    """Versions of Python and of the packages that results depend on."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def machine() -> dict[str, Any]:
    """What the run runs on: system, processor, cores it may use, memory [GB]."""
    import psutil

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": platform.processor() or platform.machine(),
        "cores": usable,
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
    }
