"""An outlook that looks like a community's, for trying a planner outside a simulation. Each prosumer's part
comes from its own row of the inputs, and changes when the row does. Nothing in a simulation uses it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.envelope import Envelope, Store
from cosim.core.records import NET_FORECAST
from cosim.policies.contract import PolicyInputs, Spec
from cosim.policies.outlook import Outlook, Owned, PublicAhead, Role
from cosim.policies.rules.baseline import Reader, device_actions

COP, BOILER_EFFICIENCY, GAS_EUR_PER_KWH = 3.0, 0.9, 0.08
MONDAY = np.datetime64("2025-01-06T00:00", "s")


def with_outlook(inputs: PolicyInputs, spec: Spec, horizon_hours: float = 24.0) -> PolicyInputs:
    """The same inputs for a policy that needs an outlook."""
    return replace(inputs, outlook=sample_outlook(inputs, spec, horizon_hours))


def sample_outlook(inputs: PolicyInputs, spec: Spec, horizon_hours: float = 24.0) -> Outlook:
    """Firm load, heat demand, a heat pump, a boiler and a heat store for every prosumer, and the batteries
    and vehicles of its row, over the coming hours.

    Args:
        inputs: Rows in the fields of `sample_spec`.
        spec: Names them.
        horizon_hours: How far it goes.
    """
    n, hours = len(inputs), spec.period_hours or 0.25
    count = max(round(horizon_hours / hours), 1)
    read = Reader(spec, inputs.observation, inputs.parameters)
    wave = np.cos(2.0 * np.pi * np.arange(count) * hours / 24.0)
    retail = read.observed("retail_price") * (1.0 + 0.2 * (1.0 - wave[:, None]))
    feed_in = np.repeat(read.observed("feed_in_price")[None], count, axis=0)
    adder = np.maximum(read.observed("retail_price") - read.observed("bid_ceiling"), 0.0)
    public = inputs.mean_field[0, spec.mean_field_index("mean_price")] if n and spec.mean_field else 0.15
    everybody = np.arange(n, dtype=np.int64)
    net = read.observed(NET_FORECAST) * wave[:, None]
    demand = 0.3 * np.abs(net)
    devices = {
        "load": _owned(everybody, "load", Envelope("electricity", net, net)),
        "heat_load": _owned(everybody, "load", Envelope("heat", demand, demand)),
        "heat_pump": _source(everybody, count, 1.0, {"electricity": np.full((count, n), -1.0 / COP)}),
        "boiler": _source(everybody, count, 2.0, {"gas": np.full((count, n), -1.0 / BOILER_EFFICIENCY)}),
        "heat_store": _owned(everybody, "storage", _tank(n, count)),
    }
    for device in ("battery", "ev"):  # who lacks one observes zero, and has one that can do nothing
        if any(name == device for _, name, _ in device_actions(spec)):
            devices[device] = _vehicle(read, n, count) if device == "ev" else _battery(read, n, count)
    return Outlook(
        period_hours=hours,
        devices=devices,
        retail=retail,
        feed_in=feed_in,
        bid_ceiling=retail - adder,
        ask_floor=feed_in,
        gas_price=np.full((count, n), GAS_EUR_PER_KWH),
        market_price=public * (1.0 - 0.2 * wave),
        heat_market_price=np.full(count, 0.07),
        heat_loop=read.observed("weekend") < 0.5,
        loss_factor=0.05,
        stored_value=0.5 * (read.observed("retail_price") + read.observed("feed_in_price")),
        public=PublicAhead(
            utc=MONDAY + np.arange(count) * np.timedelta64(round(3600 * hours), "s"),
            hour_of_day=np.asarray(np.arange(count) * hours % 24.0, dtype=float),
            seen=np.ones(count, dtype=bool),
            usual_price=0.15,
            price_band=(0.04, 0.45),
            usual_heat_price=0.07,
            heat_price_band=(0.01, 0.12),
            weather={"temperature_c": 10.0 - 5.0 * wave},
        ),
    )


def _owned(owner: IntArray, role: Role, envelope: Envelope) -> Owned:
    """Devices whose first period is the envelope's, but for what is stored."""
    low, high = envelope.low_kwh[0].copy(), envelope.high_kwh[0].copy()
    if envelope.store is not None:
        store = envelope.store
        high = np.minimum(high, np.maximum(store.full_kwh[0] - store.energy_kwh, 0.0))
        low = np.maximum(low, -np.maximum(store.energy_kwh - store.floor_kwh[0], 0.0))
    base = np.clip(0.0, low, high)
    d = len(owner)
    slot = np.zeros(d, dtype=np.int64)
    return Owned(owner, slot, role, envelope, low, base, high, np.full(d, 0.04), np.full(d, 0.45))


def _source(owner: IntArray, count: int, most_kwh: float, inputs: dict[str, FloatArray]) -> Owned:
    shape = (count, len(owner))
    envelope = Envelope("heat", np.full(shape, -most_kwh), np.zeros(shape), inputs)  # type: ignore[arg-type]
    return _owned(owner, "conversion", envelope)


def _tank(n: int, count: int) -> Envelope:
    shape = (count, n)
    store = Store(
        np.full(n, 4.0), np.zeros(shape), np.full(shape, 8.0), np.ones(n), np.ones(n),
        np.full(shape, 0.995), np.zeros(shape),
    )  # fmt: skip
    return Envelope("heat", np.full(shape, -2.0), np.full(shape, 2.0), store=store)


def _battery(read: Reader, n: int, count: int) -> Owned:
    """What it can draw and give now it can in every period."""
    capacity = read.observed("battery.capacity")
    shape = (count, n)
    store = Store(
        read.observed("battery.soc") * capacity, np.zeros(shape), np.broadcast_to(capacity, shape),
        np.full(n, 0.95), np.full(n, 0.95), np.ones(shape), np.zeros(shape),
    )  # fmt: skip
    most = np.broadcast_to(read.observed("battery.max_charge_kwh"), shape)
    least = np.broadcast_to(-read.observed("battery.max_discharge_kwh"), shape)
    return _owned(np.arange(n, dtype=np.int64), "storage", Envelope("electricity", least, most, store=store))


def _vehicle(read: Reader, n: int, count: int) -> Owned:
    """It needs its energy when it leaves, as far as that can be had; what is inside counts from now."""
    hours = read.spec.period_hours or 0.25
    leaves = np.round(read.observed("ev.hours_left") / hours)
    home = np.arange(count)[:, None] < leaves
    most = np.where(home, read.observed("ev.max_charge_kwh"), 0.0)
    need = read.observed("ev.need")
    floor = np.minimum(need, np.cumsum(most, axis=0)) * (np.arange(count)[:, None] >= leaves - 1)
    shape, one = (count, n), np.ones(n)
    store = Store(np.zeros(n), floor, np.broadcast_to(need, shape), one, one, np.ones(shape), np.zeros(shape))
    return _owned(
        np.arange(n, dtype=np.int64), "load", Envelope("electricity", np.zeros(shape), most, store=store)
    )
