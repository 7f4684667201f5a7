"""The simulation as a PettingZoo environment, for learners of other libraries: who the agents are, what they
see, do and get. It holds no model of its own and learns nothing; docs/environment.md explains it.

PettingZoo and Gymnasium are needed here alone, and are an extra of the package.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from cosim.errors import InputError, Problem
from cosim.scenario.schema import Scenario

if TYPE_CHECKING:
    from cosim.environment.parallel import CommunityEnv as CommunityEnv

NEEDED = ("gymnasium", "pettingzoo")


def env(
    scenario: Scenario,
    *,
    label: str | None = None,
    agents: Sequence[str] | None = None,
    days: float | None = None,
    random_start: bool = False,
    uniform: bool = False,
) -> CommunityEnv:
    """A PettingZoo `ParallelEnv` whose agents are prosumers of a scenario; a step is a settlement period.

    Args:
        scenario: What is simulated. Prosumers that are no agents go on with their policies.
        label: The agents are those that this label of `policies` decides for; None: all prosumers.
        agents: Names of the agents (`households-007`), in place of a label.
        days: Length of an episode [days]; None: the scenario's horizon.
        random_start: Each episode begins on another day of the scenario's horizon; else all on the first.
        uniform: All agents have the fields of all, as libraries want that train one network for all; what an
            agent lacks is observed as zero, and its actions there are ignored.

    Raises:
        InputError: if PettingZoo is not installed, there is no such label or prosumer, or the scenario or the
            length of an episode cannot be used.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise InputError(
            Problem(f"cosim.env needs {' and '.join(missing)}", "install with: pip install 'cosim[rl]'")
        )
    from cosim.environment.agents import chosen, with_agents
    from cosim.environment.episodes import Episodes
    from cosim.environment.parallel import CommunityEnv

    names = chosen(scenario, label, agents)
    return CommunityEnv(with_agents(scenario, names), Episodes(scenario, days, random_start), uniform)
