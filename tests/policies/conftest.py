"""Outlooks made by hand for the planners' tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cosim.core.envelope import Envelope, Store
from cosim.policies.outlook import Outlook, Owned


def owned(owner: Any, role: Any, envelope: Envelope) -> Owned:
    """Devices with values from 0 to 1 EUR/kWh, whose first period is open as far as the envelope says."""
    owner = np.asarray(owner, dtype=np.int64)
    low, high = envelope.low_kwh[0].copy(), envelope.high_kwh[0].copy()
    d = len(owner)
    slot = np.array([(owner[:i] == owner[i]).sum() for i in range(d)], dtype=np.int64)
    base = np.clip(0.0, low, high)
    return Owned(owner, slot, role, envelope, low, base, high, np.zeros(d), np.ones(d))


def battery(
    owner: Any,
    count: int,
    *,
    power: float = 1.0,
    full: float = 4.0,
    energy: float = 0.0,
    efficiency: float = 1.0,
    floor: Any = 0.0,
    carrier: Any = "electricity",
    retention: float = 1.0,
    give: float | None = None,
    role: Any = "storage",
) -> Owned:
    d = len(owner)
    shape = (count, d)
    floors = np.broadcast_to(np.asarray(floor, dtype=float).reshape(-1, 1), shape).copy()
    store = Store(
        np.full(d, energy), floors, np.full(shape, full), np.full(d, efficiency), np.full(d, efficiency),
        np.full(shape, retention), np.zeros(shape),
    )  # fmt: skip
    low = np.full(shape, -(power if give is None else give))
    return owned(owner, role, Envelope(carrier, low, np.full(shape, power), store=store))


def firm(owner: Any, energy: Any, carrier: Any = "electricity") -> Owned:
    """A load (or generation) of shape (count, d)."""
    energy = np.asarray(energy, dtype=float)
    return owned(owner, "load", Envelope(carrier, energy, energy))


def source(owner: Any, count: int, most: float, **inputs: float) -> Owned:
    """A heat source; inputs per kWh of heat given, as drawn."""
    shape = (count, len(owner))
    taken: Any = {carrier: np.full(shape, -amount) for carrier, amount in inputs.items()}
    return owned(owner, "conversion", Envelope("heat", np.full(shape, -most), np.zeros(shape), taken))


def outlook(
    devices: dict[str, Owned],
    retail: Any,
    feed_in: Any,
    *,
    n: int = 1,
    charge: float = 0.0,
    gas: float = 0.1,
    market: Any = None,
    heat_market: float | None = None,
    loss: float = 0.0,
    stored_value: float = 0.0,
    hours: float = 1.0,
    capacity: float = np.inf,
) -> Outlook:
    """One tariff for all, prices by period."""
    retail = np.repeat(np.asarray(retail, dtype=float)[:, None], n, axis=1)
    feed_in = np.repeat(np.asarray(feed_in, dtype=float)[:, None], n, axis=1)
    count = len(retail)
    return Outlook(
        hours, devices, retail, feed_in, retail - charge, feed_in, np.full((count, n), gas),
        retail[:, 0] if market is None else np.asarray(market, dtype=float),
        None if heat_market is None else np.full(count, heat_market),
        np.full(n, heat_market is not None), loss, np.full(n, stored_value), capacity,
    )  # fmt: skip


class Make:
    """What the tests build from."""

    owned: Callable[..., Owned] = staticmethod(owned)
    battery: Callable[..., Owned] = staticmethod(battery)
    firm: Callable[..., Owned] = staticmethod(firm)
    source: Callable[..., Owned] = staticmethod(source)
    outlook: Callable[..., Outlook] = staticmethod(outlook)


@pytest.fixture
def make() -> Make:
    return Make()
