"""Periods put together to blocks, so that a plan looks far ahead without a variable for every quarter-hour.
Within a block only sums matter: what is stored is looked at when it ends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.envelope import Envelope, Store
from cosim.policies.outlook import Outlook, Owned


@dataclass(frozen=True)
class Blocks:
    """A partition of H periods."""

    width: IntArray
    """Periods in each block, shape (B,)."""

    @classmethod
    def of(cls, count: int, period_hours: float, fine_hours: float, block_hours: float) -> Blocks:
        """Single periods for `fine_hours`, then blocks of `block_hours`; the last may be shorter."""
        fine = min(max(round(fine_hours / period_hours), 1), count)
        each = max(round(block_hours / period_hours), 1)
        whole, rest = divmod(count - fine, each)
        return cls(np.array([1] * fine + [each] * whole + [rest] * (rest > 0), dtype=np.int64))

    @classmethod
    def single(cls, count: int) -> Blocks:
        """Every period by itself."""
        return cls(np.ones(count, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.width)

    @cached_property
    def first(self) -> IntArray:
        """First period of each block, shape (B,)."""
        begins: IntArray = np.cumsum(self.width) - self.width
        return begins

    @cached_property
    def last(self) -> IntArray:
        """Last period of each block, shape (B,)."""
        ends: IntArray = np.cumsum(self.width) - 1
        return ends

    def total(self, values: FloatArray) -> FloatArray:
        """Sums over the periods of each block, shape (B, ...)."""
        return np.asarray(np.add.reduceat(values, self.first, axis=0), dtype=float)

    def mean(self, values: FloatArray) -> FloatArray:
        """Means, shape (B, ...)."""
        return self.total(values) / self.width.reshape(-1, *[1] * (values.ndim - 1))

    def product(self, values: FloatArray) -> FloatArray:
        """Products, shape (B, ...)."""
        return np.asarray(np.multiply.reduceat(values, self.first, axis=0), dtype=float)

    def carried(self, values: FloatArray, retention: FloatArray) -> FloatArray:
        """What comes in over the periods of each block, as left at its end, shape (B, d)."""
        left = np.ones_like(values)
        for t in range(len(values) - 2, -1, -1):  # a share is lost in every later period of the same block
            if t not in self.last:
                left[t] = left[t + 1] * retention[t + 1]
        return self.total(values * left)


def by_block(outlook: Outlook, blocks: Blocks) -> Outlook:
    """The same outlook in blocks: prices are means, energies sums; `period_hours` stays that of a period."""
    market = outlook.heat_market_price
    return replace(
        outlook,
        devices={kind: _owned(owned, blocks) for kind, owned in outlook.devices.items()},
        retail=blocks.mean(outlook.retail),
        feed_in=blocks.mean(outlook.feed_in),
        bid_ceiling=blocks.mean(outlook.bid_ceiling),
        ask_floor=blocks.mean(outlook.ask_floor),
        gas_price=blocks.mean(outlook.gas_price),
        market_price=blocks.mean(outlook.market_price),
        heat_market_price=None if market is None else blocks.mean(market),
    )


def _owned(owned: Owned, blocks: Blocks) -> Owned:
    envelope = owned.envelope
    inputs = {carrier: blocks.mean(taken) for carrier, taken in envelope.inputs.items()}
    store = None if envelope.store is None else _store(envelope.store, blocks)
    low, high = blocks.total(envelope.low_kwh), blocks.total(envelope.high_kwh)
    return replace(owned, envelope=Envelope(envelope.carrier, low, high, inputs, store, envelope.total_kwh))


def _store(store: Store, blocks: Blocks) -> Store:
    return replace(
        store,
        floor_kwh=store.floor_kwh[blocks.last],
        full_kwh=store.full_kwh[blocks.last],
        retention=blocks.product(store.retention),
        inflow_kwh=blocks.carried(store.inflow_kwh, store.retention),
    )
