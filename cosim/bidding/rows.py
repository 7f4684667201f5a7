"""The rows in which a community bids for one carrier: one for each prosumer's firm position, then two for
each device (draw more, draw less), then the steps of curves. The rows never change during a run; what is in
them does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.records import BUY, NO_LIMIT, SELL
from cosim.devices.base import Device


def by_owner_and_kind(owner: IntArray, kinds: Mapping[str, int]) -> IntArray:
    """Devices ordered by owner, those of an owner by the name of their kind: which of two goes first where
    nothing else decides does not hang on the order in which a scenario names them.

    Args:
        owner: Of every device, kind after kind, shape (d,).
        kinds: Kind -> how many there are of it.
    """
    rank = {name: number for number, name in enumerate(sorted(kinds))}
    return np.lexsort((np.repeat([rank[name] for name in kinds], list(kinds.values())), owner))


@dataclass(frozen=True, slots=True)
class Rows:
    """Owner, side and shared limit of every row; `k = n + 2 x devices + steps`."""

    prosumers: int
    owner: IntArray
    """Prosumer of every row, shape (k,)."""
    side: IntArray
    """`BUY` or `SELL`; of firm rows and steps it is set each period."""
    limit: IntArray
    """Index of the device whose two rows share its flexibility, one of its own for each step, `NO_LIMIT` for
    firm rows."""
    up: dict[str, slice]
    """Device kind -> rows that draw more."""
    down: dict[str, slice]
    """Device kind -> rows that draw less."""
    steps: slice
    """Rows of the steps of curves."""
    limits: int
    by_owner: IntArray
    """Rows ordered by owner, shape (k,)."""
    owner_start: IntArray
    """Start of every owner's rows in `by_owner`, shape (n + 1,)."""

    @classmethod
    def by_side(cls, prosumers: int, owner: IntArray) -> Rows:
        """The rows of devices that are handled all at once: first those of all that draw more, then those of
        all that draw less.

        Args:
            prosumers: How many there are.
            owner: Of every device, shape (d,).
        """
        count = len(owner)
        every = np.concatenate([np.arange(prosumers), owner, owner])
        firm = np.full(prosumers, NO_LIMIT)
        return cls(
            prosumers,
            every,
            np.repeat([BUY, BUY, SELL], [prosumers, count, count]),
            np.concatenate([firm, np.arange(count), np.arange(count)]),
            {"": slice(prosumers, prosumers + count)},
            {"": slice(prosumers + count, prosumers + 2 * count)},
            slice(prosumers + 2 * count, prosumers + 2 * count),
            count,
            np.argsort(every, kind="stable"),
            np.searchsorted(np.sort(every), np.arange(prosumers + 1)),
        )

    @classmethod
    def of(cls, prosumers: int, devices: Mapping[str, Device], steps: IntArray | None = None) -> Rows:
        """The rows of some devices.

        Args:
            prosumers: How many there are; each has a firm row.
            devices: Kinds that have two rows a device.
            steps: Owner of every step of a curve, shape (steps,).
        """
        owners = [np.arange(prosumers)]
        sides = [np.full(prosumers, BUY)]
        limits = [np.full(prosumers, NO_LIMIT)]
        up: dict[str, slice] = {}
        down: dict[str, slice] = {}
        position, used = prosumers, 0
        for name, device in devices.items():
            count = len(device)
            for side, where in ((BUY, up), (SELL, down)):
                where[name] = slice(position, position + count)
                position += count
                owners.append(device.prosumer)
                sides.append(np.full(count, side))
                limits.append(np.arange(used, used + count))
            used += count
        last = np.zeros(0, np.int64) if steps is None else steps
        owner = np.concatenate([*owners, last])
        of_devices = {name: 2 * len(device) for name, device in devices.items()}
        kinds = {"": prosumers, **of_devices, "~": len(last)}  # by name: firm rows first, steps last
        return cls(
            prosumers,
            owner,
            np.concatenate([*sides, np.full(len(last), BUY)]),
            np.concatenate([*limits, np.arange(used, used + len(last))]),
            up,
            down,
            slice(position, position + len(last)),
            used + len(last),
            by_owner_and_kind(owner, kinds),
            np.searchsorted(np.sort(owner), np.arange(prosumers + 1)),
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
    """Device kind -> energy that is drawn without any flexible fill, shape (d,)."""
    firm_kwh: FloatArray
    """What each prosumer draws without any flexible fill, shape (n,)."""
