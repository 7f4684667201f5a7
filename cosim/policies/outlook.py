"""What a policy that plans is given of the periods ahead: its own prosumers' devices and prices. The records
alone; how they are forecast is the community's affair, what is made of them the planners'."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cosim.core.arrays import BoolArray, FloatArray, IntArray
from cosim.core.envelope import Envelope
from cosim.core.weather import Quantity

Role = Literal["load", "generation", "storage", "conversion"]
"""How a device's energy counts, as the device says it."""


@dataclass(frozen=True, slots=True)
class Owned:
    """All devices of one kind that the policy's prosumers own, and what is known of them.

    A device is firm in the periods in which `envelope.low_kwh` equals `envelope.high_kwh`.
    """

    owner: IntArray
    """Row of each device's owner among the policy's prosumers, shape (d,)."""
    slot: IntArray
    """0 for the owner's first device of the kind, 1 for the second ..., shape (d,): the action field is
    `KIND.value` or `KIND.setpoint` for 0, `KIND_2.value` for 1, and so on (`action_name`)."""
    role: Role
    """A `conversion` goes from off (set-point -1) to all it can give (1), and has no field in bidding mode
    `reservation`; other set-points are: -1 low, 0 base, 1 high, linear between."""
    envelope: Envelope
    """Of the periods of the outlook, the first being the one that is decided."""
    low_kwh: FloatArray
    """Least energy at the main terminal that is possible in the first period as things are (what is stored
    included), drawn positive, shape (d,)."""
    base_kwh: FloatArray
    """What happens in the first period when nobody asks for flexibility, shape (d,)."""
    high_kwh: FloatArray
    """Most energy in the first period, shape (d,)."""
    value_low: FloatArray
    """Value of energy inside [EUR/kWh] that the action -1 stands for, shape (d,)."""
    value_high: FloatArray
    """Value that +1 stands for, shape (d,)."""
    end_value: FloatArray | None = None
    """What a kWh inside after the last period is worth [EUR/kWh], shape (d,); None: whoever plans says so."""

    def __len__(self) -> int:
        return len(self.owner)

    def setpoint_of(self, energy_kwh: FloatArray) -> FloatArray:
        """The set-point in [-1, 1] of an energy in the first period, shape (d,); 0 where nothing is open."""
        if self.role == "conversion":
            width = self.high_kwh - self.low_kwh
            return np.where(
                width > 0.0, np.clip(2.0 * _share(self.high_kwh - energy_kwh, width) - 1.0, -1.0, 1.0), 0.0
            )
        beyond = energy_kwh - self.base_kwh
        up = _share(beyond, self.high_kwh - self.base_kwh)
        down = _share(beyond, self.base_kwh - self.low_kwh)
        return np.clip(np.where(beyond > 0.0, up, down), -1.0, 1.0)

    def value_action_of(self, value_eur_per_kwh: FloatArray) -> FloatArray:
        """The action in [-1, 1] that puts this value on energy inside, the nearest where there is none; 0
        where the two ends are the same, shape (d,)."""
        width = self.value_high - self.value_low
        share = _share(value_eur_per_kwh - self.value_low, width)
        return np.where(width > 0.0, np.clip(2.0 * share - 1.0, -1.0, 1.0), 0.0)

    def of(self, chosen: IntArray, owner: IntArray) -> Owned:
        """Some of the devices, with other rows as their owners."""
        return Owned(
            owner,
            self.slot[chosen],
            self.role,
            _columns(self.envelope, chosen),
            self.low_kwh[chosen],
            self.base_kwh[chosen],
            self.high_kwh[chosen],
            self.value_low[chosen],
            self.value_high[chosen],
            None if self.end_value is None else self.end_value[chosen],
        )


@dataclass(frozen=True, slots=True)
class PublicAhead:
    """What anybody knows of the H periods ahead, whoever it is."""

    utc: NDArray[np.datetime64]
    """When each begins, UTC, shape (H,)."""
    hour_of_day: FloatArray
    """The same in local time [h], shape (H,)."""
    seen: BoolArray
    """Whether the markets have opened at that time of day in this run, shape (H,)."""
    usual_price: float
    """Middle of the band of electricity prices [EUR/kWh]: what is expected as long as nothing is seen."""
    price_band: tuple[float, float]
    """Lowest and highest price of electricity at which trade may be worth while with the default tariff, in
    any period [EUR/kWh]."""
    usual_heat_price: float | None = None
    """As `usual_price`, of heat; None where none is traded."""
    heat_price_band: tuple[float, float] | None = None
    """Lowest and highest cost at which heat is usually made, in any period [EUR/kWh]; None where none is
    traded."""
    weather: Mapping[Quantity, FloatArray] = field(default_factory=dict)
    """As it is forecast, mean of each period, shape (H,) each; empty where nothing tells of it."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """The H periods ahead, the first being the one that is decided, as its own prosumers expect them.

    Prices are those that each prosumer has with the utility, and the public prices that the market has shown;
    nothing is in here of anybody that the policy does not decide for.
    """

    period_hours: float
    """Length of each period [h]."""
    devices: Mapping[str, Owned]
    """By kind, firm ones included."""
    retail: FloatArray
    """Buying electricity from the utility [EUR/kWh], all included, shape (H, n)."""
    feed_in: FloatArray
    """Selling to the utility [EUR/kWh], shape (H, n)."""
    bid_ceiling: FloatArray
    """Highest trade price at which a purchase is no dearer than from the utility [EUR/kWh], shape (H, n):
    what a purchase costs on top of its price is about `retail - bid_ceiling`."""
    ask_floor: FloatArray
    """Lowest trade price at which a sale is no worse than to the utility [EUR/kWh], shape (H, n)."""
    gas_price: FloatArray
    """[EUR/kWh], shape (H, n)."""
    market_price: FloatArray
    """Public mean price of the electricity market when it was last this time of day [EUR/kWh], shape (H,)."""
    heat_market_price: FloatArray | None
    """The same of the heat market, shape (H,); None where there is none."""
    heat_loop: BoolArray
    """Who may trade heat, shape (n,)."""
    loss_factor: float
    """Share of traded heat that is lost on its way: the seller gives `delivered / (1 - loss_factor)`."""
    stored_value: FloatArray
    """What a kWh that electric stores can still give after the last period is worth [EUR/kWh], shape (n,): a
    kWh inside counts for it times the discharging efficiency."""
    loop_capacity_kwh: float = float("inf")
    """Most heat that the loop delivers in one period [kWh]."""
    public: PublicAhead | None = None
    """What else is public of these periods; None outside a simulation, unless whoever plans there says so."""

    @property
    def count(self) -> int:
        """Periods, H."""
        return int(self.retail.shape[0])

    def __len__(self) -> int:
        return int(self.retail.shape[1])

    def of(self, rows: IntArray) -> Outlook:
        """The outlook of some of the prosumers, renumbered in the order of `rows`, shape (m,).

        Kinds that none of them owns are left out.
        """
        place = np.full(len(self), -1, dtype=np.int64)
        place[rows] = np.arange(len(rows))
        devices = {}
        for kind, owned in self.devices.items():
            owner = place[owned.owner]
            kept = np.flatnonzero(owner >= 0)
            kept = kept[np.argsort(owner[kept], kind="stable")]  # no trace of the order that they come from
            if len(kept):
                devices[kind] = owned.of(kept, owner[kept])
        by_prosumer = {
            name: getattr(self, name)[:, rows]
            for name in ("retail", "feed_in", "bid_ceiling", "ask_floor", "gas_price")
        }
        return replace(
            self,
            devices=devices,
            heat_loop=self.heat_loop[rows],
            stored_value=self.stored_value[rows],
            **by_prosumer,
        )


def action_name(kind: str, slot: int, what: Literal["value", "setpoint"]) -> str:
    """Name of a device's action field: `battery.value`, of the second battery `battery_2.value`."""
    return f"{kind}.{what}" if slot == 0 else f"{kind}_{slot + 1}.{what}"


def _columns(envelope: Envelope, chosen: IntArray) -> Envelope:
    """The envelope of some of the devices."""
    store = envelope.store
    if store is not None:
        store = replace(
            store,
            energy_kwh=store.energy_kwh[chosen],
            charge_efficiency=store.charge_efficiency[chosen],
            discharge_efficiency=store.discharge_efficiency[chosen],
            floor_kwh=store.floor_kwh[:, chosen],
            full_kwh=store.full_kwh[:, chosen],
            retention=store.retention[:, chosen],
            inflow_kwh=store.inflow_kwh[:, chosen],
        )
    return replace(
        envelope,
        low_kwh=envelope.low_kwh[:, chosen],
        high_kwh=envelope.high_kwh[:, chosen],
        inputs={carrier: taken[:, chosen] for carrier, taken in envelope.inputs.items()},
        store=store,
        total_kwh=None if envelope.total_kwh is None else envelope.total_kwh[chosen],
    )


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    """`part / whole`, 0 where the whole is nothing."""
    return np.divide(part, whole, out=np.zeros_like(part), where=np.abs(whole) > 0.0)
