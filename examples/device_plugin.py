"""A device of your own: an electric water heater with a tank, which may heat ahead of need.

Name it in a scenario among a group's devices (with this folder on PYTHONPATH), or announce it from your
package's pyproject.toml and use its name:

    devices:
      device_plugin:WaterHeater: {share: 0.4, tank_kwh: {uniform: [6, 12]}}

    [project.entry-points."cosim.devices"]
    water-heater = "my_package.devices:WaterHeater"

With e the heat stored, x the energy drawn and u the hot water used in a period: e' = e + x - u. What is used
is drawn at once where the tank is empty; what it lacks even so is counted as unserved.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.core.clock import Period
from cosim.core.config import Config, setting
from cosim.core.draw import NonNegative
from cosim.core.records import Field
from cosim.devices.base import Device, Ranges, Role, State


class WaterHeaterConfig(Config):
    """A tank with a heating rod."""

    tank_kwh: NonNegative = setting(8.0, unit="kWh", about="Heat between cold and hot.")
    power_kw: NonNegative = setting(2.0, unit="kW", about="Power of the rod.")
    daily_kwh: NonNegative = setting(6.0, unit="kWh", about="Heat used in a day, from 6 to 22 o'clock.")


class WaterHeater(Device):
    """Tanks; state: `heat_kwh`, and `unserved_kwh` (hot water that was not there)."""

    kind: ClassVar[str] = "water-heater"
    summary: ClassVar[str] = "electric water heater that may heat ahead of need"
    role: ClassVar[Role] = "load"
    Config: ClassVar[type[Config]] = WaterHeaterConfig
    flexible: ClassVar[bool] = True  # so policies get an action `water-heater.value` (or `.setpoint`)
    observations: ClassVar[tuple[Field, ...]] = (Field("heat", "1", 0.0, 1.0, "Heat, share of the tank."),)

    def initial_state(self) -> State:
        """Tanks start half full."""
        return {"heat_kwh": 0.5 * self.columns["tank_kwh"], "unserved_kwh": np.zeros(len(self))}

    def ranges(self, state: State, period: Period) -> Ranges:
        """At least what the tank lacks for the use of this period, at most what it still holds besides."""
        most = self.columns["power_kw"] * period.hours
        least = np.clip(self._used_kwh(period) - state["heat_kwh"], 0.0, most)
        room = self.columns["tank_kwh"] - state["heat_kwh"] + self._used_kwh(period)
        return Ranges(least, least, np.maximum(np.minimum(most, room), least))

    def commit(self, state: State, period: Period, energy_kwh: FloatArray) -> State:
        """The balance above."""
        heat = state["heat_kwh"] + energy_kwh - self._used_kwh(period)
        return {
            "heat_kwh": np.clip(heat, 0.0, self.columns["tank_kwh"]),
            "unserved_kwh": state["unserved_kwh"] + np.maximum(-heat, 0.0),
        }

    def observe(self, state: State, period: Period, ranges: Ranges) -> FloatArray:
        """Share of the tank that is hot, shape (d, 1)."""
        return (state["heat_kwh"] / np.maximum(self.columns["tank_kwh"], 1e-9))[:, None]

    def _used_kwh(self, period: Period) -> FloatArray:
        return self.columns["daily_kwh"] / 16.0 * period.hours * (6.0 <= period.hour_of_day < 22.0)
