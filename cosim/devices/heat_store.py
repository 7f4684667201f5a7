"""Heat store: a tank of hot water that loses heat with time. One temperature stands for all of it: layers and
flow temperatures are not modelled.

Heat above the coldest useful temperature, from volume V and temperature spread dT, and its balance in a
period of length h:

    C = V c dT,  c = 1.163 Wh/(l K)        e' = r e + eta_c max(x, 0) + min(x, 0) / eta_d,  r = (1 - l)^h,

where l is the share that is lost in an hour. It is the exact solution of de/dt = -k e with k = -ln(1 - l),
the usual fully mixed tank (Duffie and Beckman, "Solar Engineering of Thermal Processes", 4th ed., 2013,
ch. 8.3). What is charged or taken out in a period is not subject to that period's loss. The default of 0.3 %
an hour is about the upper bound of class B for 500 l in Regulation (EU) 812/2013, Annex II: S = 12 + 5.93
V^0.4 = 83 W at 45 K above the room, of 26 kWh.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.carriers import Carrier
from cosim.core.config import Config, setting
from cosim.core.draw import NonNegative, Share
from cosim.devices.base import Role, Site, State
from cosim.devices.battery import Efficiency
from cosim.devices.storage import ConnectedStore, Limits

WATER_KWH_PER_L_K = 1.163e-3
"""Heat capacity of water [kWh per litre and kelvin]: 1 kcal."""


class HeatStoreConfig(Config):
    """A hot-water tank."""

    volume_l: NonNegative = setting(500.0, unit="l", about="Volume of water.")
    spread_k: NonNegative = setting(
        35.0, unit="K", about="Between the coldest useful and the hottest temperature."
    )
    capacity_kwh: NonNegative | None = setting(
        None, unit="kWh", about="Usable heat of a full store; not given: from volume_l and spread_k."
    )
    max_charge_kw: NonNegative = setting(15.0, unit="kW", about="Largest power into the store.")
    max_discharge_kw: NonNegative = setting(15.0, unit="kW", about="Largest power out of the store.")
    charge_efficiency: Efficiency = setting(1.0, unit="1", about="Stored heat per heat drawn.")
    discharge_efficiency: Efficiency = setting(1.0, unit="1", about="Heat given per heat taken out.")
    loss_per_hour: Share = setting(
        0.003, unit="1/h", about="Share of the heat inside that is lost in an hour."
    )
    initial_soc: Share = setting(0.5, unit="1", about="Heat inside at the start, share of the capacity.")


class HeatStore(ConnectedStore):
    """Hot-water tanks; state: `heat_kwh`."""

    kind: ClassVar[str] = "heat_store"
    summary: ClassVar[str] = "hot-water tank with losses"
    role: ClassVar[Role] = "storage"
    carrier: ClassVar[Carrier] = "heat"
    Config: ClassVar[type[Config]] = HeatStoreConfig
    inside: ClassVar[str] = "heat_kwh"

    def __init__(self, prosumer: IntArray, columns: Mapping[str, FloatArray], site: Site) -> None:
        c = columns
        by_volume = c["volume_l"] * c["spread_k"] * WATER_KWH_PER_L_K
        capacity = np.where(np.isnan(c["capacity_kwh"]), by_volume, c["capacity_kwh"])
        limits = Limits(
            charge_kw=c["max_charge_kw"],
            discharge_kw=c["max_discharge_kw"],
            floor_kwh=np.zeros(len(prosumer)),
            full_kwh=capacity,
            retention=(1.0 - c["loss_per_hour"]) ** site.clock.hours,
        )
        super().__init__(prosumer, {**columns, "capacity_kwh": capacity}, site, limits)

    def initial_state(self) -> State:
        """Heat inside at the start [kWh]."""
        return {self.inside: self.limits.full_kwh * self.columns["initial_soc"]}
