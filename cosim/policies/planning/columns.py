"""All devices of an outlook as rows of one table, whatever their kind: what a programme of all of them is
built from. It optimises nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from cosim.core.arrays import BoolArray, FloatArray, IntArray
from cosim.core.carriers import Carrier
from cosim.policies.outlook import Outlook, Owned

Values = TypeVar("Values", FloatArray, IntArray)

CARRIERS: tuple[Carrier, ...] = ("electricity", "heat", "gas")


@dataclass(frozen=True, slots=True)
class Columns:
    """D devices over B blocks, S of which store."""

    rows_of: Mapping[str, slice]
    """Kind -> its devices."""
    owner: IntArray
    """Shape (D,)."""
    low: FloatArray
    """Least energy at the main terminal [kWh], shape (D, B)."""
    high: FloatArray
    """Most, shape (D, B)."""
    taken: Mapping[Carrier, FloatArray]
    """Energy of each carrier per kWh at the main terminal, 1 for its own, shape (D, B)."""
    total: FloatArray
    """To be drawn over all blocks together [kWh], NaN without such a condition, shape (D,)."""
    store: IntArray
    """Devices that store, shape (S,)."""
    energy: FloatArray
    """Inside at the beginning [kWh], shape (S,)."""
    floor: FloatArray
    """Shape (S, B), as the rest."""
    full: FloatArray
    retention: FloatArray
    inflow: FloatArray
    charge: FloatArray
    """Shape (S,), as the next."""
    discharge: FloatArray
    end_value: FloatArray
    """Of a kWh inside after the last block [EUR/kWh], shape (S,)."""

    @classmethod
    def of(cls, outlook: Outlook) -> Columns:
        """All devices of an outlook, in the order of its kinds."""
        shape = (0, outlook.count)
        rows_of, at = {}, 0
        for kind, owned in outlook.devices.items():
            rows_of[kind] = slice(at, at + len(owned))
            at += len(owned)
        every = list(outlook.devices.values())
        held = [(rows_of[kind].start, owned) for kind, owned in outlook.devices.items() if _stores(owned)]
        stores = [owned.envelope.store for _, owned in held if owned.envelope.store is not None]
        devices = [np.arange(first, first + len(owned)) for first, owned in held]
        return cls(
            rows_of,
            _joined([owned.owner for owned in every], np.zeros(0, np.int64)),
            _joined([owned.envelope.low_kwh.T for owned in every], np.zeros(shape)),
            _joined([owned.envelope.high_kwh.T for owned in every], np.zeros(shape)),
            {
                carrier: _joined([_taken(owned, carrier) for owned in every], np.zeros(shape))
                for carrier in CARRIERS
            },
            _joined([_total(owned) for owned in every], np.zeros(0)),
            _joined(devices, np.zeros(0, np.int64)),
            _joined([store.energy_kwh for store in stores], np.zeros(0)),
            _joined([store.floor_kwh.T for store in stores], np.zeros(shape)),
            _joined([store.full_kwh.T for store in stores], np.zeros(shape)),
            _joined([store.retention.T for store in stores], np.zeros(shape)),
            _joined([store.inflow_kwh.T for store in stores], np.zeros(shape)),
            _joined([store.charge_efficiency for store in stores], np.zeros(0)),
            _joined([store.discharge_efficiency for store in stores], np.zeros(0)),
            _joined([_end_value(owned, outlook) for _, owned in held], np.zeros(0)),
        )

    @property
    def stores(self) -> BoolArray:
        """Which devices store, shape (D,)."""
        found = np.zeros(len(self.owner), dtype=bool)
        found[self.store] = True
        return found

    @property
    def firm(self) -> BoolArray:
        """Devices with nothing to be decided in any block, shape (D,)."""
        return ~self.stores & (self.low >= self.high).all(axis=1)

    @property
    def may_leave(self) -> BoolArray:
        """Stores that may leave their window whatever is done, or have to act to stay in it, shape (S,)."""
        low, high = self.low[self.store], self.high[self.store]
        least = np.column_stack([self.energy, self.floor[:, :-1]])
        most = np.column_stack([self.energy, self.full[:, :-1]])
        stays = (self.retention * least + self.inflow >= self.floor) & (
            self.retention * most + self.inflow <= self.full
        )
        kept = (stays & (low <= 0.0) & (high >= 0.0)).all(axis=1)
        return np.asarray(~kept, dtype=bool)

    def has_heat(self, prosumers: int) -> BoolArray:
        """Who has a device for heat, shape (prosumers,)."""
        found = np.zeros(prosumers, dtype=bool)
        found[self.owner[(self.taken["heat"] != 0.0).any(axis=1)]] = True
        return found

    def firm_kwh(self, carrier: Carrier, prosumers: int) -> FloatArray:
        """Net energy of the firm devices, shape (prosumers, B)."""
        net = np.zeros((prosumers, self.low.shape[1]))
        firm = self.firm
        np.add.at(net, self.owner[firm], (self.low * self.taken[carrier])[firm])
        return net

    def may_take(self, carrier: Carrier, prosumers: int) -> tuple[FloatArray, FloatArray]:
        """Most that a prosumer takes from outside, and gives, shape (prosumers, B) each: nothing where all
        its devices together cannot, else anything: bounds at what they can would be met, and hide what a kWh
        more is worth."""
        ends = np.stack([self.low, self.high]) * self.taken[carrier]
        drawn, given = np.zeros((2, prosumers, self.low.shape[1]))
        np.add.at(drawn, self.owner, ends.max(axis=0))
        np.add.at(given, self.owner, -ends.min(axis=0))
        idle = (drawn <= 0.0) & (given <= 0.0)
        return np.where((drawn > 0.0) | idle, np.inf, 0.0), np.where((given > 0.0) | idle, np.inf, 0.0)


def _stores(owned: Owned) -> bool:
    return owned.envelope.store is not None


def _taken(owned: Owned, carrier: Carrier) -> FloatArray:
    envelope = owned.envelope
    if envelope.carrier == carrier:
        return np.ones_like(envelope.low_kwh.T)
    if carrier in envelope.inputs:
        return envelope.inputs[carrier].T
    return np.zeros_like(envelope.low_kwh.T)


def _total(owned: Owned) -> FloatArray:
    total = owned.envelope.total_kwh
    return np.full(len(owned), np.nan) if total is None else total


def _end_value(owned: Owned, outlook: Outlook) -> FloatArray:
    """What the outlook says. Else electric stores are worth what they can give; heat is worth what the
    cheapest source of it costs its owner on the average, in the blocks that are looked at."""
    store = owned.envelope.store
    assert store is not None
    if owned.end_value is not None:
        return owned.end_value
    if owned.envelope.carrier == "electricity":
        return outlook.stored_value[owned.owner] * store.discharge_efficiency
    return _cheapest_heat(outlook)[owned.owner]


def _cheapest_heat(outlook: Outlook) -> FloatArray:
    """Mean over the blocks of the cheapest own source at utility prices [EUR/kWh], 0 without one, (n,)."""
    cheapest = np.full(outlook.retail.shape, np.inf)
    for owned in outlook.devices.values():
        if owned.role != "conversion" or owned.envelope.carrier != "heat":
            continue
        inputs, owner = owned.envelope.inputs, owned.owner
        cost = np.zeros_like(owned.envelope.low_kwh)
        if "electricity" in inputs:
            drawn = -inputs["electricity"]
            price = np.where(drawn > 0.0, outlook.retail[:, owner], outlook.feed_in[:, owner])
            cost = cost + drawn * price
        if "gas" in inputs:
            cost = cost - inputs["gas"] * outlook.gas_price[:, owner]
        np.minimum.at(cheapest.T, owner, cost.T)
    mean: FloatArray = np.where(np.isfinite(cheapest), np.maximum(cheapest, 0.0), 0.0).mean(axis=0)
    return mean


def _joined(parts: list[Values], empty: Values) -> Values:
    return np.concatenate(parts) if parts else empty
