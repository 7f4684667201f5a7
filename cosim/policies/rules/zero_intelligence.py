"""Zero-intelligence traders, constrained by their budget (ZI-C): prices uniform at random between the own
limit and the far end of the price band; no memory, no learning.

Source: D. K. Gode and S. Sunder, "Allocative efficiency of markets with zero-intelligence traders", Journal
of Political Economy 101 (1993) 119-137.
"""

from __future__ import annotations

from typing import Literal

from cosim.core.arrays import FloatArray
from cosim.core.config import Config, setting
from cosim.policies.contract import (
    ASK_MARGIN,
    BID_MARGIN,
    HEAT_ASK_MARGIN,
    HEAT_BID_MARGIN,
    Policy,
    PolicyInputs,
)
from cosim.policies.rules.baseline import device_actions


class ZeroIntelligenceConfig(Config):
    """Parameters of `zero-intelligence`."""

    devices: Literal["rule", "random"] = setting(
        "rule", about="`rule`: devices follow self-consumption. `random`: their actions are drawn as well."
    )


class ZeroIntelligence(Policy):
    """Draws anew in every period; randomness is what it is, so `explore` makes no difference."""

    name = "zero-intelligence"
    summary = "Random prices no worse than the own limit (ZI-C)"
    Config = ZeroIntelligenceConfig
    config: ZeroIntelligenceConfig

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        """Shape (n, A)."""
        names = [BID_MARGIN, ASK_MARGIN, HEAT_BID_MARGIN, HEAT_ASK_MARGIN]
        if self.config.devices == "random":
            names += [name for name, _, _ in device_actions(self.spec)]
        action = inputs.rule_action.copy()
        for name in names:
            if self.spec.acts(name):
                action[:, self.spec.action_index(name)] = self.draw(name).uniform(-1.0, 1.0, self.n)
        return action
