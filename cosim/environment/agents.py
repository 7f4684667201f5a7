"""Who the agents are: prosumers of a scenario whose policy gives way to one that does what it is told from
outside. Everything else of the scenario stays."""

from __future__ import annotations

from collections.abc import Sequence

from cosim.community.deciders import Deciders, PolicyGroup
from cosim.core.arrays import FloatArray
from cosim.core.registry import nearest
from cosim.core.streams import Streams
from cosim.errors import InputError, PolicyError, Problem, UnknownNameError
from cosim.policies.contract import NoParameters, Policy, PolicyInputs
from cosim.scenario.groups import SingleProsumer
from cosim.scenario.policies import PolicyUse
from cosim.scenario.population import populate
from cosim.scenario.schema import Scenario

OUTSIDE = "from outside"
"""Label of the agents; with a space in it, it is nobody else's."""


class Outside(Policy):
    """Does what it was told for the period, once."""

    name = "outside"
    summary = "Does what a learner outside of cosim decides"
    needs = ("own", "public")
    _told: FloatArray | None = None

    def tell(self, action: FloatArray) -> None:
        """What to do in the next period, shape (n, A)."""
        self._told = action

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        """What it was told."""
        action, self._told = self._told, None
        if action is None:
            raise PolicyError("nothing was decided outside")
        return action


def chosen(scenario: Scenario, label: str | None, names: Sequence[str] | None) -> tuple[str, ...]:
    """Names of the agents, in the order of the community.

    Args:
        scenario: Whose prosumers.
        label: All that this label decides for.
        names: These. Without either: all prosumers.

    Raises:
        InputError: if both are given, or nobody is chosen.
        UnknownNameError: if there is no such label or prosumer.
    """
    if label is not None and names is not None:
        raise InputError(Problem("agents are chosen by label or by name", "leave one of the two out"))
    population = populate(scenario, Streams(scenario.seed))
    known = population.names
    if label is not None:
        found = [name for name, own in zip(known, population.policies, strict=True) if own == label]
        if not found:
            text = f"no prosumer has the policy label {label!r}"
            raise UnknownNameError(Problem(text, nearest(label, set(population.policies))))
        return tuple(found)
    if names is None:
        return known
    if isinstance(names, str):
        raise InputError(Problem(f"agents={names!r} is one text", f"write agents=[{names!r}]"))
    strangers = [name for name in names if name not in known]
    if strangers:
        raise UnknownNameError(
            [Problem(f"there is no prosumer {name!r}", nearest(name, known)) for name in strangers]
        )
    if not names:
        raise InputError(Problem("no agents are chosen", "name at least one prosumer"))
    return tuple(name for name in known if name in set(names))


def with_agents(scenario: Scenario, names: Sequence[str]) -> Scenario:
    """The scenario with these prosumers decided for from outside."""
    singles = {
        name: scenario.prosumers.get(name, SingleProsumer()).model_copy(update={"policy": OUTSIDE})
        for name in names
    }
    use = PolicyUse(kind=f"{Outside.__module__}:{Outside.__qualname__}", parameters=NoParameters())
    return scenario.model_copy(
        update={
            "prosumers": {**scenario.prosumers, **singles},
            "policies": {**scenario.policies, OUTSIDE: use},
        }
    )


def group_of_agents(deciders: Deciders) -> tuple[PolicyGroup, Outside]:
    """The group of the agents, and its policy."""
    (found,) = [(group, group.policy) for group in deciders.groups if isinstance(group.policy, Outside)]
    return found
