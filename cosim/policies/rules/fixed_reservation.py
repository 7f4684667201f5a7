"""Fixed reservation prices: one number for the value of stored energy and one margin a side, all year; heat
sources reckon with the market's price of the day before. Simple, and in bidding mode "reservation" hard to
beat: tune it before you praise a learner."""

from __future__ import annotations

from typing import Literal

import numpy as np

from cosim.core.arrays import FloatArray, clipped
from cosim.core.config import Config, setting
from cosim.policies.contract import ASK_MARGIN, BID_MARGIN, Policy, PolicyInputs
from cosim.policies.rules.baseline import EXPECTED_PRICE, Reader, device_actions, value_action

YESTERDAY = "yesterday.mean_price"
"""The public field that tells what electricity cost at this time of the day before."""


class FixedReservationConfig(Config):
    """Parameters of `fixed-reservation`."""

    value: float = setting(
        0.5,
        about="Value of a kWh stored in a battery, as a share of the way from the lowest feed-in price of "
        "the own tariff (0) to its highest retail price (1). No effect in bidding mode `setpoint`: devices "
        "follow the rule.",
        ge=0,
        le=1,
    )
    bid_margin: float = setting(
        0.0, about="Share of the way from the own reservation price to the feed-in price.", ge=0, le=1
    )
    ask_margin: float = setting(
        0.0, about="Share of the way from the own reservation price to the retail price.", ge=0, le=1
    )
    expects: Literal["market", "tariff"] = setting(
        "market",
        about="What heat sources reckon that electricity costs. `market`: as much as was paid in the market "
        "at this time of the day before, which is public. `tariff`: by the own surplus or deficit, as the "
        "baseline does.",
    )


class FixedReservation(Policy):
    """The same value and margins in every period; EVs and set-points follow the baseline."""

    name = "fixed-reservation"
    summary = "Fixed value of stored energy and fixed margins"
    needs = ("own", "public")
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
        if self.config.expects == "market" and self.spec.acts(EXPECTED_PRICE):
            seen = inputs.mean_field[:, self.spec.mean_field_index(YESTERDAY)]
            feed_in, retail = read.observed("feed_in_price"), read.observed("retail_price")
            place = np.full(len(seen), 0.5)
            np.divide(seen - feed_in, retail - feed_in, out=place, where=retail > feed_in)
            action[:, self.spec.action_index(EXPECTED_PRICE)] = 2.0 * clipped(place, 0.0, 1.0) - 1.0
        return action
