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
from numba import njit

from cosim.core.arrays import BoolArray, FloatArray, IntArray
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
        self._cop = np.ascontiguousarray(_COP[columns["source"].astype(int)].T * columns["field_factor"])
        self._most_lift_k = -self._cop[1] / (2.0 * self._cop[2])

    def capacity_kwh(self, first: int, count: int) -> FloatArray:
        """Heat at full power, less what cold air costs an air source."""
        return self._in_the_air(first, count)[0]

    def cop(self, first: int, count: int) -> FloatArray:
        """Heat per electricity in the periods from `first` on, shape (count, d)."""
        return 1.0 / self._in_the_air(first, count)[1]

    def inputs_of(self, first: int, count: int) -> Mapping[Carrier, FloatArray]:
        """Electricity; what comes from the surroundings is free."""
        return {"electricity": -self._in_the_air(first, count)[1]}

    def observe(self, state: State, period: Period, ranges: Ranges) -> FloatArray:
        """Heat that is possible now, and the COP."""
        del state
        seen = np.empty((len(self), len(self.observations)))
        np.negative(ranges.low_kwh, out=seen[:, 0])
        seen[:, 1] = self.cop(period.index, 1)[0]
        return seen

    def _in_the_air(self, first: int, count: int) -> tuple[FloatArray, FloatArray]:
        """Most heat of each period [kWh], and electricity per heat, shape (count, d) each."""
        return self.once("in the air", first, count, self._from_air)

    def _from_air(self, first: int, count: int) -> tuple[FloatArray, FloatArray]:
        c = self.columns
        found = np.empty((2, count, len(self)))
        _from_air(
            ambient_c(self.site, self.kind, first, count),
            self._ground,
            self._flow_at_zero_c,
            self._flow_slope,
            c["lowest_flow_c"],
            c["brine_c"],
            self._cop,
            self._most_lift_k,
            c["max_heat_kw"] * self.site.clock.hours,
            c["capacity_loss_per_k"],
            found,
        )
        most, electricity = found
        return most, electricity


@njit(cache=True)
def _from_air(  # noqa: PLR0913, PLR0917  # a kernel takes arrays, not objects
    air_c: FloatArray,
    ground: BoolArray,
    flow_at_zero_c: FloatArray,
    flow_slope: FloatArray,
    lowest_flow_c: FloatArray,
    brine_c: FloatArray,
    cop: FloatArray,
    most_lift_k: FloatArray,
    full_kwh: FloatArray,
    capacity_loss_per_k: FloatArray,
    found: FloatArray,
) -> None:
    """Capacity and 1 / COP at the top of this module: means of the ticks of each period.

    Args:
        air_c: Outside temperature by tick, shape (periods, ticks).
        ground: Whether the source is in the ground, shape (d,).
        flow_at_zero_c: Flow temperature at 0 degC outside.
        flow_slope: Its fall per kelvin outside.
        lowest_flow_c: Flow is never colder.
        brine_c: Temperature of a source in the ground.
        cop: Coefficients of 1, dT and dT^2, with f, shape (3, d).
        most_lift_k: Lowest point of the parabola.
        full_kwh: Heat of a period at full power.
        capacity_loss_per_k: Share of it that an air source loses per kelvin below the rated temperature.
        found: Result: most heat, and mean of 1 / COP, shape (2, periods, d).
    """
    periods, ticks = air_c.shape
    for period in range(periods):
        cold = 0.0
        for air in air_c[period]:
            cold += np.maximum(_RATED_AIR_C - air, 0.0)
        cold /= ticks
        for row in range(len(ground)):
            lost = 0.0 if ground[row] else capacity_loss_per_k[row] * cold
            found[0, period, row] = full_kwh[row] * np.maximum(1.0 - lost, 0.0)
            electricity = 0.0
            for air in air_c[period]:
                flow = np.maximum(flow_at_zero_c[row] - flow_slope[row] * air, lowest_flow_c[row])
                source = brine_c[row] if ground[row] else air
                lift = np.minimum(np.maximum(flow - source, _LEAST_LIFT_K), most_lift_k[row])
                per_electricity = cop[0, row] + (cop[1, row] + cop[2, row] * lift) * lift
                electricity += 1.0 / np.maximum(per_electricity, 1.0)
            found[1, period, row] = electricity / ticks
