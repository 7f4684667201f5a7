"""Policies for one agent at a time: easy to write, slow to run (tens of microseconds a prosumer and period).
For a few prosumers that differ, and for first ideas."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.core.config import Config as Parameters
from cosim.core.registry import nearest
from cosim.errors import PolicyError
from cosim.policies.contract import Policy, PolicyInputs, Spec

Decide = Callable[[Mapping[str, float], Mapping[str, float]], Mapping[str, float]]
"""(what is known, the baseline's action) -> action, all by name; what is left out follows the baseline."""


def decide_rows(decides: Sequence[Decide], spec: Spec, inputs: PolicyInputs) -> FloatArray:
    """Let each prosumer decide by itself.

    What is known holds the own observation, the mean field, and device parameters whose name is not taken.
    The baseline holds only actions on what the prosumer owns.

    Args:
        decides: One function a prosumer, in the order of the rows of `inputs`.
        spec: Names the columns.
        inputs: What is known, one row a prosumer.

    Returns:
        Actions, shape (n, A); not yet checked for bounds.

    Raises:
        PolicyError: if an action is returned that does not exist or is no number.
    """
    action = inputs.rule_action.copy()
    known_names = [item.name for item in (*spec.observation, *spec.mean_field)]
    known = np.hstack([inputs.observation, inputs.mean_field])
    for row, decide in enumerate(decides):
        about = {name: float(column[row]) for name, column in inputs.parameters.items()}
        about.update(zip(known_names, known[row].tolist(), strict=True))
        rule = {
            item.name: float(inputs.rule_action[row, column])
            for column, item in enumerate(spec.action)
            if inputs.action_mask[row, column]
        }
        for name, value in decide(about, rule).items():
            if not spec.acts(name):
                remedy = nearest(name, [item.name for item in spec.action])
                raise PolicyError(f"prosumer {row} decided on {name!r}, which is no action ({remedy})")
            try:
                action[row, spec.action_index(name)] = value
            except (TypeError, ValueError) as error:
                raise PolicyError(f"prosumer {row} decided {name} = {value!r}, which is no number") from error
    return action


class SingleAgentPolicy(Policy):
    """Write `decide` for one agent; every prosumer gets an object of its own, with `self.rng` of its own.

    What `decide` wants to remember it keeps in attributes of `self` (numbers, text, arrays, lists, mappings):
    they are part of the state that is saved. Start values belong into `begin`.
    """

    needs = ("own", "public")

    def __init__(
        self, spec: Spec, n: int, config: Parameters | None = None, *, seed: int = 0, label: str = ""
    ) -> None:
        super().__init__(spec, n, config, seed=seed, label=label)
        self._agents: list[SingleAgentPolicy] = []
        self._framework = frozenset(vars(self)) | {"_framework"}
        if n == 1:
            self.begin()
        else:
            self._agents = [
                type(self)(spec, 1, self.config, seed=seed, label=f"{self.label}/{row}") for row in range(n)
            ]

    @abstractmethod
    def decide(self, observation: Mapping[str, float], rule: Mapping[str, float]) -> Mapping[str, float]:
        """Decide for one prosumer.

        Args:
            observation: Everything that it knows, by name: own fields, public fields, device parameters.
            rule: What the self-consumption rule would do, by name, for what it owns.

        Returns:
            Actions in [-1, 1] by name; those left out follow the rule.
        """

    def begin(self) -> None:
        """Set start values of attributes."""
        return

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        """Row by row, shape (n, A)."""
        agents = self._agents if self.n != 1 else [self]
        return decide_rows([agent.decide for agent in agents], self.spec, inputs)

    def state_dict(self) -> dict[str, Any]:
        """The generators and own attributes of every agent."""
        own = {key: deepcopy(value) for key, value in vars(self).items() if key not in self._framework}
        return {**super().state_dict(), "own": own, "agents": [agent.state_dict() for agent in self._agents]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See `Policy.load_state_dict`."""
        super().load_state_dict(state)
        vars(self).update(deepcopy(state["own"]))
        for agent, saved in zip(self._agents, state["agents"], strict=True):
            agent.load_state_dict(saved)
