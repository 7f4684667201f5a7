"""Fixed reservation prices: one number for the value of stored energy and one margin a side, all year.
Simple, and in bidding mode "reservation" hard to beat: tune it before you praise a learner."""

from __future__ import annotations

from cosim.core.arrays import FloatArray
from cosim.core.config import Config, setting
from cosim.policies.contract import ASK_MARGIN, BID_MARGIN, Policy, PolicyInputs
from cosim.policies.rules.baseline import Reader, device_actions, value_action


class FixedReservationConfig(Config):
    """Parameters of `fixed-reservation`."""

    value: float = setting(
        0.5,
        about="Value of a kWh stored in a battery, as a share of the way from the lowest feed-in price of "
        "the run (0) to the highest retail price (1). No effect in bidding mode `setpoint`: devices follow "
        "the rule.",
        ge=0,
        le=1,
    )
    bid_margin: float = setting(
        0.0, about="Share of the way from the own reservation price to the feed-in price.", ge=0, le=1
    )
    ask_margin: float = setting(
        0.0, about="Share of the way from the own reservation price to the retail price.", ge=0, le=1
    )


class FixedReservation(Policy):
    """The same prices in every period; EVs and set-points follow the baseline."""

    name = "fixed-reservation"
    summary = "Fixed value of stored energy and fixed margins"
    Config = FixedReservationConfig
    config: FixedReservationConfig

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        """Shape (n, A)."""
        action = inputs.rule_action.copy()
        for name, share in ((BID_MARGIN, self.config.bid_margin), (ASK_MARGIN, self.config.ask_margin)):
            if self.spec.acts(name):
                action[:, self.spec.action_index(name)] = 2.0 * share - 1.0
        read = Reader(self.spec, inputs.observation, inputs.parameters)
        for name, device, kind in device_actions(self.spec):
            if kind == "battery" and name.endswith(".value"):
                low, high = read.price_band()
                value = low + self.config.value * (high - low)
                action[:, self.spec.action_index(name)] = value_action(read, device, value)
        return action
