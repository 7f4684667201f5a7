"""cosim: agent-based co-simulation of local energy markets, their grid and learning prosumers.

    scenario = cosim.load_scenario("scenario.yaml")
    outcome = cosim.run(scenario, output="outputs/first")
    run = cosim.load("outputs/first")          # tables as pandas frames
    env = cosim.env(scenario)                  # for learners of other libraries

What is here is imported when it is first used, so that `import cosim` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cosim import policies as policies
    from cosim.environment import env as env
    from cosim.results.read import load as load
    from cosim.scenario.load import load_scenario as load_scenario
    from cosim.scenario.schema import Scenario as Scenario
    from cosim.simulation import Simulation as Simulation
    from cosim.simulation import run as run

__version__ = "0.1.0"

_PUBLIC = {
    "Scenario": "cosim.scenario.schema:Scenario",
    "Simulation": "cosim.simulation:Simulation",
    "env": "cosim.environment:env",
    "load": "cosim.results.read:load",
    "load_scenario": "cosim.scenario.load:load_scenario",
    "policies": "cosim.policies",
    "run": "cosim.simulation:run",
}
"""Name -> where it lives."""

__all__ = ["Scenario", "Simulation", "__version__", "env", "load", "load_scenario", "policies", "run"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'cosim' has no attribute {name!r}")
    module, _, attribute = _PUBLIC[name].partition(":")
    loaded = importlib.import_module(module)
    return getattr(loaded, attribute) if attribute else loaded


def __dir__() -> list[str]:
    return sorted(__all__)
