"""Each prosumer's plan for its own devices against prices that it takes as given: heat first, then
electricity, one device after the other against what the earlier ones left. It decides nothing for two
prosumers together.

The order: devices that are firm or have no memory; heat stores (buildings before tanks) against the merit
order of the own heat sources; the sources; then loads with a deadline, vehicles and electric stores, the best
round trip first. Exact for each device given the earlier ones (`marginal_values`); not for all together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numba import njit

from cosim.core.arrays import BoolArray, FloatArray, IntArray
from cosim.core.carriers import Carrier
from cosim.core.envelope import Envelope, Store
from cosim.policies.outlook import Outlook, Owned
from cosim.policies.planning.heat_sources import cost_at, give_heat, heat_curve
from cosim.policies.planning.marginal_values import plan_stores

UNSERVED_EUR_PER_KWH = 10.0
"""Going without heat costs more than any source: heat always balances if it can."""
RELUCTANCE_EUR_PER_KWH_H = 4e-5
"""What the future is distrusted by, for each hour: enough to settle ties between hours of one price in favour
of what can be done now, and 0.1 cents for a whole day."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What each prosumer means to do, and what energy is worth to it."""

    energy_kwh: dict[str, FloatArray]
    """Kind -> energy at the main terminal by period, shape (H, d)."""
    value: dict[str, FloatArray]
    """Kind -> what a kWh more inside is worth in the first period [EUR/kWh], shape (d,)."""
    electricity_kwh: FloatArray
    """Net electricity of every prosumer, shape (H, n)."""
    heat_kwh: FloatArray
    """Net heat: what is left to buy or go without (positive), to sell or dump (negative), shape (H, n)."""


@dataclass
class _Household:
    """Net energy by carrier while it is planned, shape (n, H) each."""

    outlook: Outlook
    buy: FloatArray
    sell: FloatArray
    net: dict[Carrier, FloatArray]
    energy: dict[str, FloatArray]
    value: dict[str, FloatArray]

    def take(self, kind: str, owned: Owned, energy: FloatArray, counted: bool = False) -> None:
        """Book a kind's energy, shape (d, H); `counted`: its own carrier is booked already."""
        self.energy[kind] = energy.T
        if not counted:
            self.add(owned.envelope.carrier, owned, energy)
        for carrier, taken in owned.envelope.inputs.items():
            self.add(carrier, owned, energy * taken.T)

    def add(self, carrier: Carrier, owned: Owned, energy: FloatArray) -> None:
        """Energy of devices to that of their owners, shape (d, H)."""
        _add_rows(self.net[carrier], owned.owner, np.ascontiguousarray(energy))


def plan_households(
    outlook: Outlook,
    buy: FloatArray,
    sell: FloatArray,
    heat_buy: FloatArray | None = None,
    heat_sell: FloatArray | None = None,
    reluctance: float = RELUCTANCE_EUR_PER_KWH_H,
) -> Plan:
    """Plan every prosumer of an outlook on its own.

    Args:
        outlook: Devices and what is stored.
        buy: What a kWh of electricity costs [EUR/kWh], shape (H, n).
        sell: What it brings, no more than it costs, shape (H, n).
        heat_buy: What a kWh of heat costs those that may trade it, shape (H, n); None: no heat is traded.
        heat_sell: What a kWh of heat given brings them, shape (H, n).
        reluctance: What the future is distrusted by [EUR/kWh a hour].
    """
    shape = (len(outlook), outlook.count)
    house = _Household(
        outlook,
        np.ascontiguousarray(buy.T),
        np.ascontiguousarray(sell.T),
        {carrier: np.zeros(shape) for carrier in ("electricity", "heat", "gas")},
        {},
        {},
    )
    for kind, owned in outlook.devices.items():
        if _remembers(owned.envelope):
            continue
        if owned.role == "conversion":
            house.add(owned.envelope.carrier, owned, owned.envelope.high_kwh.T)
        else:
            house.take(kind, owned, _without_memory(house, owned))
    hourly = reluctance * outlook.period_hours
    _plan_heat(house, heat_buy, heat_sell, hourly)
    edge = np.zeros((*shape, 1))
    cost = np.stack([house.sell, house.buy], axis=-1)
    for kind, owned in _stores(outlook, "electricity"):
        store = owned.envelope.store
        end_value = np.zeros(len(owned))
        if store is not None:
            end_value = outlook.stored_value[owned.owner] * store.discharge_efficiency
        _plan_store(house, kind, owned, edge, cost, end_value, hourly)
    return Plan(house.energy, house.value, house.net["electricity"].T, house.net["heat"].T)


def _plan_heat(
    house: _Household, heat_buy: FloatArray | None, heat_sell: FloatArray | None, hourly: float
) -> None:
    """Heat stores against the merit order of the sources, then the sources."""
    outlook = house.outlook
    sources = [
        (kind, owned, slot)
        for kind, owned in outlook.devices.items()
        if owned.role == "conversion" and owned.envelope.carrier == "heat"
        for slot in range(int(owned.slot.max(initial=-1)) + 1)
    ]
    stores = list(_stores(outlook, "heat"))
    if not sources and not stores:
        return
    n, count = house.buy.shape
    shape = (n, count, len(sources))
    capacity, electricity, fuel = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for place, (_, owned, slot) in enumerate(sources):
        chosen = owned.slot == slot
        rows, envelope = owned.owner[chosen], owned.envelope
        capacity[rows, :, place] = (envelope.high_kwh - envelope.low_kwh).T[chosen]
        if "electricity" in envelope.inputs:
            electricity[rows, :, place] = -envelope.inputs["electricity"].T[chosen]
        if "gas" in envelope.inputs:
            gas = -envelope.inputs["gas"].T[chosen]
            fuel[rows, :, place] = gas * outlook.gas_price.T[rows]
    least, most = np.zeros((n, count)), np.full((n, count), UNSERVED_EUR_PER_KWH)
    trades = np.zeros((n, count))
    if heat_buy is not None and heat_sell is not None:
        trades[outlook.heat_loop] = 1.0
        most = np.where(trades > 0.0, heat_buy.T, most)
        least = np.where(trades > 0.0, np.minimum(heat_sell, heat_buy).T, least)
    steps = 2 * len(sources)
    edge, cost = np.zeros((n, count, steps + 1)), np.zeros((n, count, steps + 2))
    which, price = np.zeros((n, count, steps)), np.zeros((n, count, steps))
    heat_curve(
        capacity, electricity, fuel, house.net["electricity"], house.sell, house.buy, least, most,
        edge, cost, which, price,
    )  # fmt: skip
    end_value = cost_at(house.net["heat"], edge, cost).mean(axis=1)
    end_value = np.minimum(end_value, cost[:, :, -2].max(axis=1, initial=0.0))  # going without is no price
    for kind, owned in stores:
        _plan_store(house, kind, owned, edge, cost, end_value[owned.owner], hourly)
    given = np.zeros(shape)
    give_heat(house.net["heat"], edge, price, which, least, most, trades, given)
    for kind, owned in outlook.devices.items():
        if owned.role == "conversion" and not _remembers(owned.envelope):
            energy = owned.envelope.high_kwh.T.copy()
            for place, (name, _, slot) in enumerate(sources):
                if name == kind:
                    chosen = owned.slot == slot
                    energy[chosen] -= given[owned.owner[chosen], :, place]
            house.add(owned.envelope.carrier, owned, energy - owned.envelope.high_kwh.T)
            house.take(kind, owned, energy, counted=True)


def _plan_store(
    house: _Household,
    kind: str,
    owned: Owned,
    edge: FloatArray,
    cost: FloatArray,
    end_value: FloatArray,
    hourly: float,
) -> None:
    """Plan all stores of a kind against what is left on their carrier."""
    envelope = owned.envelope
    store = envelope.store if envelope.store is not None else _deadline(envelope)
    plan, value = np.zeros(envelope.low_kwh.T.shape), np.zeros(len(owned))
    given = (
        envelope.low_kwh, envelope.high_kwh, store.energy_kwh, store.floor_kwh, store.full_kwh,
        store.charge_efficiency, store.discharge_efficiency, store.retention, store.inflow_kwh, end_value,
    )  # fmt: skip
    device_rows = [np.ascontiguousarray(array.T) for array in given]  # one layout: compiled once
    plan_stores(house.net[envelope.carrier], edge, cost, owned.owner, *device_rows, hourly, plan, value)
    house.value[kind] = value
    house.take(kind, owned, plan, counted=True)


def _stores(outlook: Outlook, carrier: Carrier) -> Iterator[tuple[str, Owned]]:
    """Kinds that hold energy or have a deadline, in the order in which they are planned."""

    def order(item: tuple[str, Owned]) -> tuple[bool, bool, float]:
        store = item[1].envelope.store
        round_trip = 1.0
        if store is not None and len(item[1]):
            round_trip = float((store.charge_efficiency * store.discharge_efficiency).max())
        return store is not None, item[1].role != "load", -round_trip

    held = [
        item
        for item in outlook.devices.items()
        if _remembers(item[1].envelope) and item[1].envelope.carrier == carrier
    ]
    yield from sorted(held, key=order)


def _remembers(envelope: Envelope) -> bool:
    """Whether what is done now matters later."""
    return envelope.store is not None or envelope.total_kwh is not None


def _deadline(envelope: Envelope) -> Store:
    """A load of which only the sum matters, as a store that has to be full at the end."""
    assert envelope.total_kwh is not None
    total, shape = envelope.total_kwh, envelope.low_kwh.shape
    floor = np.zeros(shape)
    floor[-1] = total
    one = np.ones(len(total))
    full = np.broadcast_to(total, shape)
    return Store(np.zeros(len(total)), floor, full, one, one, np.ones(shape), np.zeros(shape))


def _without_memory(house: _Household, owned: Owned) -> FloatArray:
    """Energy of devices that need nothing: the least, unless energy costs less than nothing, shape (d, H)."""
    low, high = owned.envelope.low_kwh.T, owned.envelope.high_kwh.T
    if owned.envelope.carrier != "electricity":
        return low
    paid: BoolArray = house.buy[owned.owner] < 0.0
    return np.where(paid, high, low)


@njit(cache=True)
def _add_rows(sums: FloatArray, owner: IntArray, values: FloatArray) -> None:
    """Add rows to those of their owners: `np.add.at(sums, owner, values)`, which takes ten times as long."""
    for d in range(len(owner)):
        for t in range(values.shape[1]):
            sums[owner[d], t] += values[d, t]
