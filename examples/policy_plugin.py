"""A policy of your own: quote a little better than the last public price; devices follow the rule.

Name it in a scenario as `kind: policy_plugin:PriceFollower` (with this folder on PYTHONPATH), or announce it
from your package's pyproject.toml and use its name:

    [project.entry-points."cosim.policies"]
    price-follower = "my_package.policies:PriceFollower"

Check it before you simulate with it:

    from cosim.policies import check_policy
    check_policy("policy_plugin:PriceFollower", strict=True)
"""

from __future__ import annotations

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.core.config import Config, setting
from cosim.policies import ASK_MARGIN, BID_MARGIN, Policy, PolicyInputs


class PriceFollowerConfig(Config):
    """Its parameters: checked, documented and part of the scenario's schema."""

    step: float = setting(0.005, unit="EUR/kWh", about="How much better than the last price it quotes.", ge=0)
    jitter: float = setting(0.1, about="Standard deviation of the noise on margins: not all agree.", ge=0)


class PriceFollower(Policy):
    """Bids just above the last price and asks just below it; devices follow self-consumption."""

    name = "price-follower"
    summary = "Quotes slightly better than the last public price"
    needs = ("own", "public")
    Config = PriceFollowerConfig
    config: PriceFollowerConfig

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        """Margins are shares of the way from the own limit price to the far end of the price band."""
        spec, step = self.spec, self.config.step
        last = inputs.mean_field[:, spec.mean_field_index("last_price")]
        ceiling = inputs.observation[:, spec.observation_index("bid_ceiling")]
        floor = inputs.observation[:, spec.observation_index("ask_floor")]
        band = np.maximum(ceiling - floor, 1e-6)
        noise = self.draw("noise").normal(0.0, self.config.jitter, (self.n, 2))  # always one row a prosumer
        noise *= explore
        shares = np.column_stack([(ceiling - (last + step)) / band, ((last - step) - floor) / band]) + noise
        action = inputs.rule_action.copy()
        for column, margin in enumerate((BID_MARGIN, ASK_MARGIN)):
            action[:, spec.action_index(margin)] = np.clip(2.0 * shares[:, column] - 1.0, -1.0, 1.0)
        return action
