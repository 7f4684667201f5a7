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
from cosim.core.clock import Period
from cosim.core.config import Config, setting
from cosim.core.draw import AnyDraw, NonNegative, Share, bounds, within
from cosim.core.records import Field
from cosim.devices.base import Ranges, Role, Site, State
from cosim.devices.storage import StorageDevice, after, charge_limit_kwh, discharge_limit_kwh, within_window

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


class Battery(StorageDevice):
    """Batteries; state: `soc_kwh`."""

    kind: ClassVar[str] = "battery"
    summary: ClassVar[str] = "battery with efficiencies, power limits and a state-of-charge window"
    role: ClassVar[Role] = "storage"
    Config: ClassVar[type[Config]] = BatteryConfig
    flexible: ClassVar[bool] = True
    observations: ClassVar[tuple[Field, ...]] = (
        Field("soc", "1", 0.0, 1.0, "State of charge, share of the capacity."),
        Field("capacity", "kWh", 0.0, float("inf"), "Usable capacity."),
        Field("max_charge_kwh", "kWh", 0.0, float("inf"), "Energy it could draw in this period."),
        Field("max_discharge_kwh", "kWh", 0.0, float("inf"), "Energy it could give in this period."),
    )

    def __init__(self, prosumer: IntArray, columns: Mapping[str, FloatArray], site: Site) -> None:
        super().__init__(prosumer, columns, site)
        self._power_kw = columns["capacity_kwh"] * columns["c_rate"]
        self._floor_kwh = columns["capacity_kwh"] * columns["min_soc"]

    def initial_state(self) -> State:
        """State of charge at the start [kWh]."""
        return {"soc_kwh": self.columns["capacity_kwh"] * self.columns["initial_soc"]}

    def ranges(self, state: State, period: Period) -> Ranges:
        """From the largest discharge to the largest charge; idle when nobody asks."""
        c, soc = self.columns, state["soc_kwh"]
        most = self._power_kw * period.hours
        high = charge_limit_kwh(soc, c["capacity_kwh"], most, c["charge_efficiency"])
        low = -discharge_limit_kwh(soc, self._floor_kwh, most, c["discharge_efficiency"])
        return Ranges(low, np.zeros(len(self)), high)

    def commit(self, state: State, period: Period, energy_kwh: FloatArray) -> State:
        """The energy balance above; raises AuditError where a state of charge would leave its window."""
        c = self.columns
        soc = after(state["soc_kwh"], energy_kwh, c["charge_efficiency"], c["discharge_efficiency"])
        what = f"period {period.index}: battery"
        return {"soc_kwh": within_window(soc, self._floor_kwh, c["capacity_kwh"], what)}

    def observe(self, state: State, period: Period, ranges: Ranges) -> FloatArray:
        """State of charge, capacity, and what is possible now."""
        del period
        capacity = self.columns["capacity_kwh"]
        soc = state["soc_kwh"] / np.maximum(capacity, 1e-9)
        return np.column_stack([soc, capacity, ranges.high_kwh, -ranges.low_kwh])
