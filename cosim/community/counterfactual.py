"""The shadow fleet: the same prosumers with the same needs, who know no market. What trading is worth is
measured against it; it has states of its own and disturbs nobody."""

from __future__ import annotations

import numpy as np

from cosim.bidding.bidder import Bidder
from cosim.bidding.fields import Mode
from cosim.bidding.observation import Observer
from cosim.community.deciders import Fields
from cosim.community.foresight import known_of
from cosim.community.rule import Rule
from cosim.core.arrays import FloatArray
from cosim.core.carriers import Carrier
from cosim.core.clock import Period
from cosim.core.dispatch import Dispatch
from cosim.devices.fleet import Fleet
from cosim.settlement.tariffs import TariffBook


class Counterfactual:
    """Self-consumption with the utility alone, in every scenario the same rule, without trade in any carrier
    and with perfect knowledge of each period.

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
        self._rule = Rule(self._bidder, observer.fields, fields.parameters, fields.period_hours)

    def step(self, period: Period, tariffs: TariffBook) -> Dispatch:
        """What the shadow does in this period; moves its own states on."""
        known = known_of(self.fleet, self.state, period, tariffs)
        lowest_ahead = tariffs.lowest_retail_ahead(period.index)
        observation = self._observer.observe(self.state, period, known, lowest_ahead)
        dispatch = self._bidder.alone(known, self._rule.action(observation, known))
        self.state = self.fleet.commit(self.state, period, dispatch.device_kwh)
        return dispatch

    def stored_kwh(self, carrier: Carrier = "electricity") -> FloatArray:
        """Energy of a carrier stored at every prosumer [kWh], shape (n,)."""
        return np.asarray(self.fleet.stored_kwh(self.state, carrier))
