"""What a prosumer knows when it decides: its own forecast, devices and tariff. The public information of the
market is kept apart (`mean_field`); nothing of another prosumer is in either."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cosim.bidding.bidder import Known
from cosim.bidding.fields import name_of, slots
from cosim.bidding.heat_records import costs_of
from cosim.core.arrays import FloatArray, IntArray
from cosim.core.clock import Period
from cosim.core.records import NET_FORECAST, Field
from cosim.devices.fleet import Fleet, FleetState

INFINITE = float("inf")
COMMON = (
    Field(NET_FORECAST, "kWh", -INFINITE, INFINITE, "Own energy of the period if nothing is flexible."),
    Field("retail_price", "EUR/kWh", -INFINITE, INFINITE, "Price of the utility's energy, all included."),
    Field("feed_in_price", "EUR/kWh", -INFINITE, INFINITE, "What the utility pays."),
    Field("bid_ceiling", "EUR/kWh", -INFINITE, INFINITE, "Highest trade price not dearer than the utility."),
    Field("ask_floor", "EUR/kWh", -INFINITE, INFINITE, "Lowest trade price not worse than the utility."),
    Field("lowest_retail_ahead", "EUR/kWh", -INFINITE, INFINITE, "Lowest retail price of the next 24 hours."),
    Field("value_low", "EUR/kWh", -INFINITE, INFINITE, "Lowest feed-in price of the tariff."),
    Field("value_high", "EUR/kWh", -INFINITE, INFINITE, "Highest retail price of the tariff."),
    Field("hour_sin", "1", -1.0, 1.0, "Sine of the local hour."),
    Field("hour_cos", "1", -1.0, 1.0, "Cosine of the local hour."),
    Field("weekend", "1", 0.0, 1.0, "1 on Saturday and Sunday."),
)
HEAT = (
    Field("heat_need_kwh", "kWh", -INFINITE, INFINITE, "Own heat of the period if nothing is flexible."),
    Field("heat_cost_low", "EUR/kWh", -INFINITE, INFINITE, "Cost of own heat, electricity worth feed-in."),
    Field("heat_cost_high", "EUR/kWh", -INFINITE, INFINITE, "Cost of own heat, electricity at retail."),
    Field("gas_price", "EUR/kWh", -INFINITE, INFINITE, "Price of gas."),
)
"""Fields of communities with devices for heat; the cost is that of the cheapest source that can give some."""


class Observer:
    """Writes the observations of a community; fields of devices that a prosumer lacks are zero.

    Args:
        fleet: The community's devices.
    """

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self._electric = fleet.of("electricity")
        self._heat = fleet.of("heat")
        self._sources = {name: device for name, device in self._heat.items() if device.role == "conversion"}
        fields = [*COMMON, *HEAT] if self._heat else list(COMMON)
        self._places: dict[str, list[tuple[IntArray, IntArray, slice]]] = {}
        """Kind -> by slot: its devices, their owners, and the columns of their fields."""
        for device in fleet.kinds.values():
            places = self._places[device.kind] = []
            for slot in range(slots(device)):
                rows = np.flatnonzero(device.slot == slot)
                columns = slice(len(fields), len(fields) + len(device.observations))
                places.append((rows, device.prosumer[rows], columns))
                fields += [_renamed(field, device.kind, slot) for field in device.observations]
        self.fields = tuple(fields)

    def observe(
        self,
        state: FleetState,
        period: Period,
        known: Known,
        lowest_ahead: FloatArray,
    ) -> FloatArray:
        """Observations of everybody, shape (n, len(fields)).

        Args:
            state: Of the devices.
            period: The period that begins.
            known: What is known of it: what the devices can do, what the utility asks and pays.
            lowest_ahead: Lowest retail price of the next 24 hours [EUR/kWh], shape (n,).
        """
        values = np.zeros((self.fleet.prosumers, len(self.fields)), order="F")  # column by column
        ranges, prices = known.ranges, known.prices
        firm = self.fleet.total_by_prosumer({name: ranges[name].base_kwh for name in self._electric})
        angle = period.hour_of_day * np.pi / 12.0
        common = (
            firm,
            prices.retail_eur_per_kwh,
            prices.feed_in_eur_per_kwh,
            prices.bid_ceiling_eur_per_kwh,
            prices.ask_floor_eur_per_kwh,
            lowest_ahead,
            prices.low_eur_per_kwh,
            prices.high_eur_per_kwh,
            np.sin(angle),
            np.cos(angle),
            float(period.weekday >= 5),
        )
        heat = self._of_heat(known) if self._heat else ()
        for column, value in enumerate((*common, *heat)):
            values[:, column] = value
        for name, device in self.fleet.kinds.items():
            own = device.observe(state[name], period, ranges[name])
            for rows, owner, columns in self._places[name]:
                values[owner, columns] = own if len(rows) == len(own) else own[rows]
        return values

    def _of_heat(self, known: Known) -> tuple[FloatArray, ...]:
        """The fields of `HEAT`, shape (n,) each."""
        n = self.fleet.prosumers
        owners = {name: device.prosumer for name, device in self._sources.items()}
        need = {name: known.ranges[name].base_kwh for name in self._heat if name not in owners}
        direct = known.prices.retail_eur_per_kwh
        free = costs_of(known.inputs, owners, known.gas_eur_per_kwh, np.zeros(n))
        electricity = np.stack([known.prices.feed_in_eur_per_kwh, direct])
        cheapest = np.full((2, n), INFINITE)
        for name, owner in owners.items():
            cost = free.other_eur_per_kwh[name] + free.electricity[name] * electricity[:, owner]
            cost = np.where(known.ranges[name].low_kwh < 0.0, cost, INFINITE)
            for rows, own, _ in self._places[name]:  # a slot at a time, so that no owner comes twice
                cheapest[:, own] = np.minimum(cheapest[:, own], cost[:, rows])
        cheapest = np.where(np.isfinite(cheapest), cheapest, direct)
        return (self.fleet.total_by_prosumer(need), *cheapest, known.gas_eur_per_kwh)


def _renamed(field: Field, kind: str, slot: int) -> Field:
    return replace(field, name=name_of(kind, slot, field.name))
