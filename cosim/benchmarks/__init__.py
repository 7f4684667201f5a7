"""What `cosim bench` runs: each module measures one part and returns plain rows."""

from __future__ import annotations

import importlib
from typing import Any

from cosim.core.registry import nearest
from cosim.errors import InputError, Problem

NAMES = ("simulation", "market", "network")
"""Modules of this room, each with `run() -> rows`."""


def measure(name: str) -> list[dict[str, Any]]:
    """The rows of one benchmark.

    Raises:
        InputError: if there is none of that name.
    """
    if name not in NAMES:
        raise InputError(Problem(f"unknown benchmark {name!r}", nearest(name, NAMES)))
    rows: list[dict[str, Any]] = importlib.import_module(f"cosim.benchmarks.{name}").run()
    return rows
