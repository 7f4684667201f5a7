"""What `cosim list` prints: names that a scenario can use, each with one line about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cosim.core.registry import Registry, nearest
from cosim.errors import InputError, Problem
from cosim.policies.contract import NEEDS, Policy

Rows = list[tuple[str, ...]]
"""Name, one line about it and, of policies, what each uses."""
_USES = {
    "own": "own data",
    "public": "public information of the market",
    "outlook": "forecasts of its own loads, devices and prices",
    "everybody": "everybody's private data",
}


def listing(what: str) -> Rows:
    """Names and what they are.

    Raises:
        InputError: if `what` is nothing that can be listed.
    """
    if what not in _LISTS:
        raise InputError(Problem(f"{what!r} cannot be listed", nearest(what, _LISTS)))
    return _LISTS[what]()


def _of(registry: Registry) -> Rows:
    return [(name, _summary(registry.load(name))) for name in registry.names()]


def _summary(found: type) -> str:
    """A class's `summary`, or the first sentence of its docstring."""
    text = getattr(found, "summary", "") or (found.__doc__ or "").strip().split("\n")[0]
    return str(text)


def _policies() -> Rows:
    from cosim.policies.registry import REGISTRY, load

    found: Rows = []
    for name in REGISTRY.names():
        policy = load(name)
        found.append((name, _summary(policy), _uses(policy)))
    return found


def _uses(policy: type[Policy]) -> str:
    """What a policy reads, and what crosses between its prosumers."""
    needs = ", ".join(_USES[need] for need in NEEDS if need in policy.needs) or "nothing"
    crosses = f"; what crosses between prosumers: {policy.crosses}" if policy.crosses else ""
    return f"uses {needs}{crosses}"


def _devices() -> Rows:
    from cosim.devices.registry import DEVICES

    return _of(DEVICES)


def _mechanisms() -> Rows:
    from cosim.market.registry import MECHANISMS

    return _of(MECHANISMS)


def _networks() -> Rows:
    from cosim.network.registry import names

    known = [(name, source) for source in ("simbench", "pandapower") for name in names(source)]
    return [*known, ("PATH", "json: a pandapower JSON file, path relative to the scenario")]


def _scenarios() -> Rows:
    """Scenario files below the working folder, with their first line of comment."""
    files = sorted({*Path().glob("*.yaml"), *Path("scenarios").glob("*.yaml")})
    return [(str(file), _first_comment(file)) for file in files]


def _first_comment(file: Path) -> str:
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        text = line.lstrip("# ").strip()
        if line.startswith("#") and text and not text.startswith("yaml-language-server"):
            return text
    return ""


_LISTS: dict[str, Callable[[], Rows]] = {
    "policies": _policies,
    "devices": _devices,
    "mechanisms": _mechanisms,
    "networks": _networks,
    "scenarios": _scenarios,
}
