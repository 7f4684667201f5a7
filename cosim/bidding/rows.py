"""The rows in which a community bids: one for each prosumer's firm position, then two for each device (draw
more, draw less). The rows never change during a run; what is in them does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.records import BUY, NO_LIMIT, SELL
from cosim.devices.fleet import Fleet


@dataclass(frozen=True, slots=True)
class Rows:
    """Owner, side and shared limit of every row; `k = n + 2 x devices`."""

    owner: IntArray
    """Prosumer of every row, shape (k,)."""
    side: IntArray
    """`BUY` or `SELL`; of the first n rows it is set each period by the firm position's sign."""
    limit: IntArray
    """Index of the device whose two rows share its flexibility, `NO_LIMIT` for firm rows."""
    up: dict[str, slice]
    """Device kind -> rows that draw more."""
    down: dict[str, slice]
    """Device kind -> rows that draw less."""
    devices: int
    by_owner: IntArray
    """Rows ordered by owner, shape (k,)."""
    owner_start: IntArray
    """Start of every owner's rows in `by_owner`, shape (n + 1,)."""

    @classmethod
    def of(cls, fleet: Fleet) -> Rows:
        """The rows of a fleet."""
        owners = [np.arange(fleet.prosumers)]
        sides = [np.full(fleet.prosumers, BUY)]
        limits = [np.full(fleet.prosumers, NO_LIMIT)]
        up: dict[str, slice] = {}
        down: dict[str, slice] = {}
        position, devices = fleet.prosumers, 0
        for name, device in fleet.kinds.items():
            count = len(device)
            for side, where in ((BUY, up), (SELL, down)):
                where[name] = slice(position, position + count)
                position += count
                owners.append(device.prosumer)
                sides.append(np.full(count, side))
                limits.append(np.arange(devices, devices + count))
            devices += count
        owner = np.concatenate(owners)
        return cls(
            owner,
            np.concatenate(sides),
            np.concatenate(limits),
            up,
            down,
            devices,
            np.argsort(owner, kind="stable"),
            np.searchsorted(np.sort(owner), np.arange(fleet.prosumers + 1)),
        )


@dataclass(frozen=True, slots=True)
class Bids:
    """What a community bids in one period, by row of `Rows`, shape (k,) each."""

    side: IntArray
    quantity_kwh: FloatArray
    reservation_eur_per_kwh: FloatArray
    """Price [EUR/kWh] at which a kWh behind the owner's meter is worth neither more nor less."""
    limit_price_eur_per_kwh: FloatArray
    """Worst trade price that is not worse than the utility and the reservation price."""
    weight: FloatArray
    """What a kWh takes of the device's flexibility: 1 / quantity, so that a device's two rows together
    never ask for more than it can do in a period."""
    base_kwh: dict[str, FloatArray]
    """Device kind -> energy that is drawn without any flexible fill."""
    firm_kwh: FloatArray
    """Sum of `base_kwh` over each prosumer's devices, shape (n,)."""
