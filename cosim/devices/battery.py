"""Battery: a store with a charging and a discharging efficiency, power limits and a usable window of its
state of charge.

Energy balance of a period (the standard linear storage model, for example Xu et al., "Optimal Battery
Participation in Frequency Regulation Markets", IEEE Trans. Power Systems 33(6), 2018, eq. 2, there with one
time step):  e' = e + eta_c * c - d / eta_d,  with c, d >= 0 at the terminal and c * d = 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
from pydantic import model_validator

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.config import Config, setting
from cosim.core.draw import AnyDraw, NonNegative, Share, bounds, within
from cosim.devices.base import Role, Site, State
from cosim.devices.storage import ConnectedStore, Limits

Efficiency = Annotated[AnyDraw, within(low=0.01, high=1.0)]


class BatteryConfig(Config):
    """A stationary battery."""

    capacity_kwh: NonNegative = setting(unit="kWh", about="Usable energy between empty and full.")
    c_rate: NonNegative = setting(
        0.5, unit="1/h", about="Largest charging and discharging power as a share of the capacity per hour."
    )
    charge_efficiency: Efficiency = setting(0.95, unit="1", about="Stored energy per energy drawn.")
    discharge_efficiency: Efficiency = setting(0.95, unit="1", about="Energy given per energy taken out.")
    min_soc: Share = setting(0.0, unit="1", about="Lowest state of charge as a share of the capacity.")
    initial_soc: Share = setting(0.5, unit="1", about="State of charge at the start, share of the capacity.")

    @model_validator(mode="after")
    def _starts_inside(self) -> BatteryConfig:
        if bounds(self.initial_soc)[0] < bounds(self.min_soc)[1]:
            raise ValueError("initial_soc can be below min_soc (raise initial_soc or lower min_soc)")
        return self


class Battery(ConnectedStore):
    """Batteries; state: `soc_kwh`."""

    kind: ClassVar[str] = "battery"
    summary: ClassVar[str] = "battery with efficiencies, power limits and a state-of-charge window"
    role: ClassVar[Role] = "storage"
    Config: ClassVar[type[Config]] = BatteryConfig

    def __init__(self, prosumer: IntArray, columns: Mapping[str, FloatArray], site: Site) -> None:
        capacity = columns["capacity_kwh"]
        power = capacity * columns["c_rate"]
        floor = capacity * columns["min_soc"]
        super().__init__(
            prosumer, columns, site, Limits(power, power, floor, capacity, np.ones(len(prosumer)))
        )

    def initial_state(self) -> State:
        """State of charge at the start [kWh]."""
        return {self.inside: self.columns["capacity_kwh"] * self.columns["initial_soc"]}
