"""Which rules the learners of a study start from: what they say themselves. Nothing is simulated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

from cosim.policies.registry import load
from cosim.scenario.schema import Scenario
from cosim.simulation import Simulation
from cosim.studies.cases import base_of, case
from cosim.studies.contenders import Contender, contenders_of
from cosim.studies.study import RULE
from cosim.studies.training import policies_of
from cosim.studies.windows import Windows


@runtime_checkable
class Starts(Protocol):
    """A learner that says which rule it starts from."""

    @property
    def starts_from(self) -> str:
        """As a study names policies."""


def start_rules(
    scenario: Scenario, windows: Windows, contenders: Sequence[Contender]
) -> dict[str, Contender]:
    """Learner (`Contender.stem`) -> the rule that it starts from, as it stands; self-consumption, where a
    learner says nothing.

    Raises:
        CosimError: if something of the scenario or of a policy cannot be used.
    """
    base, found = base_of(scenario), {}
    for contender in contenders:
        if load(contender.kind).learns:
            simulation = Simulation(case(base, windows.train, 1, contender))
            first = next(_starts(simulation), RULE.kind)
            (rule,) = contenders_of([first])
            found[contender.stem] = replace(rule, bidding=contender.bidding, tune=False)
    return found


def _starts(simulation: Simulation) -> Iterator[str]:
    """What the learners of a simulation start from, as far as it has a name among policies."""
    for policy in policies_of(simulation).values():
        if isinstance(policy, Starts) and policy.starts_from != NOTHING:
            yield policy.starts_from


NOTHING = "nothing"
"""What a learner says that starts from no rule."""
