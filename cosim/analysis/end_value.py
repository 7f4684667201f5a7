"""What is left in the stores at the end of a run, in money: one rule for whoever is compared, whatever was
traded in between. What a run's own prices would make of it is in `gathered`.

A kWh of electricity inside (batteries, vehicles, hydrogen) is worth the middle of the retail and the feed-in
price, both mean over prosumers and periods. A kWh of heat (stores, buildings) is worth what it costs its
owner on the average of the periods to make it with the cheapest of the own sources, electricity at the price
above, gas at its own; never less than nothing, and nothing for who has no source. Both follow from tariffs,
weather and devices alone: two runs of one scenario are measured by the same prices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.community.community import Community
from cosim.core.arrays import FloatArray
from cosim.core.carriers import Carrier
from cosim.devices.base import Device
from cosim.devices.fleet import Fleet, FleetState
from cosim.settlement.tariffs import TariffBook


@dataclass(frozen=True)
class EndPrices:
    """What a kWh inside is worth after the last period [EUR/kWh], shape (n,) each."""

    electricity: FloatArray
    heat: FloatArray

    @classmethod
    def of(cls, community: Community) -> EndPrices:
        """Those of a community's prosumers."""
        fleet, tariffs, periods = community.fleet, community.tariffs, community.clock.periods
        prices = [tariffs.prices(index) for index in range(periods)]
        middle = [0.5 * (each.retail_eur_per_kwh + each.feed_in_eur_per_kwh) for each in prices]
        electricity = float(np.mean(middle)) if fleet.prosumers else 0.0
        return cls(np.full(fleet.prosumers, electricity), _heat(fleet, tariffs, periods, electricity))

    def of_carrier(self, carrier: Carrier) -> FloatArray:
        """Those of electricity or heat."""
        return self.heat if carrier == "heat" else self.electricity

    def of_device(self, device: Device) -> FloatArray:
        """Of what is inside the devices of a kind, shape (d,); 0 for kinds that count nothing as stored."""
        if device.stored_kwh(device.initial_state()) is None:
            return np.zeros(len(device))
        return self.of_carrier(device.carrier)[device.prosumer]

    def value_eur(self, fleet: Fleet, state: FleetState) -> FloatArray:
        """What the stores of a fleet hold is worth, by prosumer, shape (n,)."""
        stored = self.electricity * fleet.stored_kwh(state)
        worth: FloatArray = stored + self.heat * fleet.stored_kwh(state, "heat")
        return worth


def end_value_eur(community: Community, state: FleetState) -> FloatArray:
    """What is inside a community's devices is worth, by prosumer, shape (n,).

    The cost of a run that can be compared with a bound is its bills (and unserved heat), less this of
    `community.state` when it is over; of its counterfactual the same with `community.counterfactual.state`.

    Args:
        community: Whose devices.
        state: Of its devices, real or counterfactual.
    """
    return EndPrices.of(community).value_eur(community.fleet, state)


def _heat(fleet: Fleet, tariffs: TariffBook, periods: int, electricity: float) -> FloatArray:
    """Mean over the periods of the cheapest own source of heat, shape (n,)."""
    cheapest = np.full((fleet.prosumers, periods), np.inf)
    for name, device in fleet.of("heat").items():
        if device.role != "conversion":
            continue
        inputs = device.envelope(fleet.initial_state()[name], 0, periods).inputs
        cost = np.zeros((len(device), periods))
        if "electricity" in inputs:
            cost -= electricity * inputs["electricity"].T
        if "gas" in inputs:
            gas = np.array([tariffs.known_gas_price(index)[device.prosumer] for index in range(periods)])
            cost -= (gas * inputs["gas"]).T
        np.minimum.at(cheapest, device.prosumer, cost)
    mean: FloatArray = np.where(np.isfinite(cheapest), np.maximum(cheapest, 0.0), 0.0).mean(axis=1)
    return mean
