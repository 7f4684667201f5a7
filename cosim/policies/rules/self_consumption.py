"""Self-consumption first, then trade what is left at the own limit prices: truthful, and content with any
price that is better than the utility's."""

from __future__ import annotations

from cosim.core.arrays import FloatArray
from cosim.policies.contract import Policy, PolicyInputs


class SelfConsumption(Policy):
    """Returns the baseline, whose margins are -1: it asks for no share of the gain."""

    name = "self-consumption"
    summary = "Uses its own energy first, trades the rest at its limit prices"

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        """The baseline, shape (n, A)."""
        return inputs.rule_action.copy()
