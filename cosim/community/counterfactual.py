"""The shadow fleet: the same prosumers with the same needs, who know no market. What trading is worth is
measured against it; it has states of its own and disturbs nobody."""

from __future__ import annotations

import numpy as np

from cosim.bidding.bidder import Bidder
from cosim.bidding.fields import Mode
from cosim.bidding.observation import Observer
from cosim.community.deciders import Fields
from cosim.core.arrays import FloatArray
from cosim.core.clock import Period
from cosim.core.records import Dispatch, Prices
from cosim.devices.fleet import Fleet
from cosim.policies.contract import Spec
from cosim.policies.rules.baseline import baseline_action


class Counterfactual:
    """Self-consumption with the utility alone, in every scenario the same rule.

    Args:
        fleet: The devices of the community.
        observer: Writes the shadow's observations.
        fields: Fields and device parameters of the community.
        mode: How actions are read, as in the community: so `utility-only` saves exactly nothing.
        on_grid: Whether the grid is to be solved for it as well.
    """

    def __init__(self, fleet: Fleet, observer: Observer, fields: Fields, mode: Mode, on_grid: bool) -> None:
        self.on_grid = on_grid
        self.fleet = fleet
        self.state = fleet.initial_state()
        self._observer = observer
        self._bidder = Bidder(fleet, mode)
        self._parameters = fields.parameters
        self._spec = Spec(
            observation=observer.fields,
            mean_field=(),
            action=self._bidder.fields,
            period_hours=fields.period_hours,
        )

    def step(self, period: Period, prices: Prices, lowest_ahead: FloatArray) -> Dispatch:
        """What the shadow does in this period; moves its own states on. Arguments: see `Observer.observe`."""
        ranges = self.fleet.ranges(self.state, period)
        observation = self._observer.observe(self.state, period, ranges, prices, lowest_ahead)
        action = baseline_action(self._spec, observation, self._parameters)
        dispatch = self._bidder.dispatch(self._bidder.bids(ranges, action, prices), prices)
        self.state = self.fleet.commit(self.state, period, dispatch.device_kwh)
        return dispatch

    def stored_kwh(self) -> FloatArray:
        """Energy stored at every prosumer [kWh], shape (n,)."""
        return np.asarray(self.fleet.stored_kwh(self.state))
