"""No trading at all: devices serve self-consumption, the rest is bought from and sold to the utility. The
yardstick that every saving is measured against."""

from __future__ import annotations

from cosim.core.arrays import FloatArray
from cosim.policies.contract import Policy, PolicyInputs


class UtilityOnly(Policy):
    """Returns the baseline; `trades = False` keeps it out of the market."""

    name = "utility-only"
    summary = "No trade: devices serve self-consumption, the utility does the rest"
    trades = False

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        """The baseline, shape (n, A)."""
        return inputs.rule_action.copy()
