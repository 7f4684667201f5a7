"""Heat pump: heat from electricity and the surroundings, with a coefficient of performance (COP) that falls
with the lift from source to flow temperature, and a capacity that falls with the temperature outside.

COP, heating curves and source temperatures: Ruhnau, Hirth, Praktiknjo, "Time series of heat demand and heat
pump efficiency for energy system modeling", Scientific Data 6:189, 2019. With flow temperature F, source
temperature S, outside air A [degC] and lift dT = F - S, at least 15 K,

    COP = f (6.08 - 0.09 dT + 0.0005 dT^2)      air:     S = A
    COP = f (10.29 - 0.21 dT + 0.0012 dT^2)     ground:  S = brine (there 5 K colder than the ground)
    F = 40 - 1.0 A (radiators),  F = 30 - 0.5 A (floor)

with f = 0.85 for what is lost outside the test stand. Beyond their lowest points (90 K, 87.5 K) the parabolas
are held, and no COP is below 1. A period of several ticks draws the mean of 1 / COP.

Capacity: an on-off air/water heat pump (Stiebel Eltron WPL 13 E, certified points of EN 14825 in the data of
hplib, Tjaden et al., doi:10.5281/zenodo.5521597) gives 8.5 kW at 7 degC outside, hardly less at 12, and 8.2,
6.8 and 5.6 kW at 2, -7 and -15 degC, at a flow of 35 degC and less. Q = Q_max (1 - 0.015 max(7 - A, 0)) is
within 5 % of each. A source in the ground keeps its power.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.carriers import Carrier
from cosim.core.clock import Period
from cosim.core.config import Config, setting
from cosim.core.draw import AnyDraw, NonNegative, Share, within
from cosim.core.records import Field
from cosim.devices.base import Ranges, Site, State
from cosim.devices.conversion import MAX_HEAT, HeatSource, ambient_c

_COP = np.array([[6.08, -0.09, 0.0005], [10.29, -0.21, 0.0012]])
"""Coefficients of 1, dT, dT^2 by source."""
_CURVE = np.array([[40.0, 1.0], [30.0, 0.5]])
"""Flow temperature at 0 degC outside [degC] and its fall [K/K] by kind of heating."""
_LEAST_LIFT_K = 15.0
_RATED_AIR_C = 7.0
"""From this temperature up an air source gives its full power."""

Celsius = Annotated[AnyDraw, within(low=-30.0, high=90.0)]


class HeatPumpConfig(Config):
    """A heat pump."""

    max_heat_kw: NonNegative = setting(
        10.0, unit="kW", about="Largest heat output, for an air source at 7 degC outside and above."
    )
    minimum_load: Share = setting(
        0.3, unit="1", about="Least heat output while on, as a share of what it can give at the time."
    )
    source: Literal["air", "ground"] = setting("air", about="Where it takes its heat from.")
    heating: Literal["radiators", "floor"] = setting(
        "radiators", about="What it feeds; sets the heating curve unless that is given."
    )
    flow_at_zero_c: Celsius | None = setting(
        None, unit="degC", about="Flow temperature at 0 degC outside (radiators 40, floor 30)."
    )
    flow_slope: Annotated[AnyDraw, within(low=0.0, high=5.0)] | None = setting(
        None, unit="1", about="Fall of the flow temperature per kelvin outside (radiators 1.0, floor 0.5)."
    )
    lowest_flow_c: Celsius = setting(
        20.0, unit="degC", about="Flow is never colder; 50 where the same circuit heats the hot water."
    )
    brine_c: Celsius = setting(
        5.0, unit="degC", about="Temperature at which the brine of a ground source arrives, all year."
    )
    field_factor: Annotated[AnyDraw, within(low=0.3, high=1.0)] = setting(
        0.85, unit="1", about="COP in the field as a share of that on the test stand."
    )
    capacity_loss_per_k: Annotated[AnyDraw, within(low=0.0, high=0.1)] = setting(
        0.015,
        unit="1/K",
        about="Share of heat output that an air source loses per kelvin below 7 degC outside.",
    )


class HeatPump(HeatSource):
    """Heat pumps; no state."""

    kind: ClassVar[str] = "heat_pump"
    summary: ClassVar[str] = "heat pump, COP from source and flow temperature, minimum load"
    Config: ClassVar[type[Config]] = HeatPumpConfig
    takes: ClassVar[tuple[Carrier, ...]] = ("electricity",)
    needs_weather: ClassVar[bool] = True
    observations: ClassVar[tuple[Field, ...]] = (
        MAX_HEAT,
        Field("cop", "1", 1.0, 8.0, "Heat per electricity in this period."),
    )

    def __init__(self, prosumer: IntArray, columns: Mapping[str, FloatArray], site: Site) -> None:
        super().__init__(prosumer, columns, site)
        curve = _CURVE[columns["heating"].astype(int)]
        at_zero, slope = columns["flow_at_zero_c"], columns["flow_slope"]
        self._flow_at_zero_c = np.where(np.isnan(at_zero), curve[:, 0], at_zero)
        self._flow_slope = np.where(np.isnan(slope), curve[:, 1], slope)
        self._ground = columns["source"] > 0.0
        self._cop = _COP[columns["source"].astype(int)].T * columns["field_factor"]
        self._most_lift_k = -self._cop[1] / (2.0 * self._cop[2])

    def capacity_kwh(self, first: int, count: int) -> FloatArray:
        """Heat at full power, less what cold air costs an air source."""
        c = self.columns
        cold = np.maximum(_RATED_AIR_C - ambient_c(self.site, self.kind, first, count), 0.0).mean(axis=1)
        lost = np.where(self._ground, 0.0, c["capacity_loss_per_k"]) * cold[:, None]
        left: FloatArray = np.maximum(1.0 - lost, 0.0)
        return c["max_heat_kw"] * left * self.site.clock.hours

    def cop(self, first: int, count: int) -> FloatArray:
        """Heat per electricity in the periods from `first` on, shape (count, d)."""
        return 1.0 / self.once("electricity", first, count, self._electricity_per_heat)

    def inputs_of(self, first: int, count: int) -> Mapping[Carrier, FloatArray]:
        """Electricity; what comes from the surroundings is free."""
        return {"electricity": -self.once("electricity", first, count, self._electricity_per_heat)}

    def observe(self, state: State, period: Period, ranges: Ranges) -> FloatArray:
        """Heat that is possible now, and the COP."""
        del state
        return np.column_stack([-ranges.low_kwh, self.cop(period.index, 1)[0]])

    def _electricity_per_heat(self, first: int, count: int) -> FloatArray:
        """Mean of 1 / COP over the ticks of each period, shape (count, d)."""
        air = ambient_c(self.site, self.kind, first, count)[:, :, None]
        flow = np.maximum(self._flow_at_zero_c - self._flow_slope * air, self.columns["lowest_flow_c"])
        source = np.where(self._ground, self.columns["brine_c"], air)
        lift = np.minimum(np.maximum(flow - source, _LEAST_LIFT_K), self._most_lift_k)
        constant, linear, square = self._cop
        cop = constant + (linear + square * lift) * lift
        mean: FloatArray = (1.0 / np.maximum(cop, 1.0)).mean(axis=1)
        return mean
