"""A device of your own: solar collectors that heat water, with a pump that takes electricity.

Name it in a scenario among a group's devices (with this folder on PYTHONPATH), or announce it from your
package's pyproject.toml and use its name. It needs a scenario with `weather`, and sells heat where there is a
heat loop:

    devices:
      device_plugin:SolarThermal: {share: 0.4, area_m2: {uniform: [4, 12]}}

    [project.entry-points."cosim.devices"]
    solar-thermal = "my_package.devices:SolarThermal"

Heat of a flat-plate collector (ISO 9806), with irradiance G [W/m2] and its water K kelvin above the air:
P = area max(0, eta_0 G - a_1 K - a_2 K^2). The roof is taken as flat, and no heat is stored in the circuit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.core.carriers import Carrier
from cosim.core.clock import Period
from cosim.core.config import Config, setting
from cosim.core.draw import NonNegative, Real, Share
from cosim.core.records import Field
from cosim.devices.base import Device, Ranges, Role, State


class SolarThermalConfig(Config):
    """Flat-plate collectors."""

    area_m2: NonNegative = setting(6.0, unit="m2", about="Aperture of the collectors.")
    peak_efficiency: Share = setting(0.78, unit="1", about="Efficiency without heat losses, eta_0.")
    loss_w_per_m2_k: NonNegative = setting(3.5, unit="W/(m2 K)", about="Linear heat loss, a_1.")
    loss_w_per_m2_k2: NonNegative = setting(0.015, unit="W/(m2 K2)", about="Quadratic heat loss, a_2.")
    water_c: Real = setting(50.0, unit="degC", about="Mean temperature of the water inside.")
    pump_share: Share = setting(0.02, unit="1", about="Electricity of the pump per heat gained.")


class SolarThermal(Device):
    """Collectors; no state, so `initial_state` and `commit` stay as they are."""

    kind: ClassVar[str] = "solar-thermal"
    summary: ClassVar[str] = "solar collectors for heat"
    Config: ClassVar[type[Config]] = SolarThermalConfig
    role: ClassVar[Role] = "conversion"  # makes one carrier from others: its costs decide, or an action
    carrier: ClassVar[Carrier] = "heat"  # of the main terminal, where heat that is given is negative
    takes: ClassVar[tuple[Carrier, ...]] = ("electricity",)
    needs_weather: ClassVar[bool] = True
    flexible: ClassVar[bool] = True  # may gain less than it could
    observations: ClassVar[tuple[Field, ...]] = (Field("kwh", "kWh", 0.0, float("inf"), "Heat to be had."),)

    def ranges(self, state: State, period: Period) -> Ranges:
        """From all that the sun gives (low) to nothing (high); nothing if nobody asks (base)."""
        idle = np.zeros(len(self))
        return Ranges(-self._possible_kwh(period), idle, idle)

    def inputs(self, state: State, period: Period) -> Mapping[Carrier, FloatArray]:
        """Drawn per kWh drawn at the main terminal: heat that is given is negative, so this is, too."""
        return {"electricity": -self.columns["pump_share"]}

    def observe(self, state: State, period: Period, ranges: Ranges) -> FloatArray:
        """Heat that is possible, shape (d, 1)."""
        return -ranges.low_kwh[:, None]

    def _possible_kwh(self, period: Period) -> FloatArray:
        """Mean over the ticks of the period, times its length, shape (d,)."""
        c, weather, ticks = self.columns, self.site.weather, self.site.ticks_per_period
        assert weather is not None, "needs_weather sees to it"
        span = (period.index * ticks, (period.index + 1) * ticks)
        sun = weather.values("ghi_w_per_m2", *span)[:, None]
        warmer = np.maximum(c["water_c"] - weather.values("temperature_c", *span)[:, None], 0.0)
        lost = (c["loss_w_per_m2_k"] + c["loss_w_per_m2_k2"] * warmer) * warmer
        gain: FloatArray = np.maximum(c["peak_efficiency"] * sun - lost, 0.0).mean(axis=0)
        return c["area_m2"] * gain / 1000.0 * period.hours
