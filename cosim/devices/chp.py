"""Combined heat and power (CHP): gas into heat and electricity at fixed efficiencies, with a minimum load and
limited ramps. gas = heat / eta_th, electricity given = heat x eta_el / eta_th (lower heating value).

With mean heat output p of the last period, capacity P, minimum p_min, and the change r that the ramp allows
between the mean outputs of two periods, the next output is in

    [max(p - r, p_min), min(p + r, P)],     after p = 0 up to max(r, p_min);
    and it may be 0 if p <= max(r, p_min).

These are the ramp constraints of unit commitment with start-up and shut-down limits of max(r, p_min)
(Carrion, Arroyo, "A computationally efficient mixed-integer linear formulation for the thermal unit
commitment problem", IEEE Trans. Power Systems 21(3), 2006). So an engine that runs too fast to stop gives
heat, whether it is wanted or not.

Default: Vaillant ecoPOWER 1.0 (engine by Honda), 1.0 kW of electricity and 2.5 kW of heat at an electrical
efficiency of 26.3 %.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
from numba import njit
from pydantic import model_validator

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.carriers import Carrier
from cosim.core.clock import Period
from cosim.core.config import Config, setting
from cosim.core.draw import AnyDraw, NonNegative, Share, bounds, within
from cosim.core.envelope import Envelope
from cosim.core.records import Field
from cosim.devices.base import Ranges, Site, State
from cosim.devices.battery import Efficiency
from cosim.devices.conversion import MAX_HEAT, HeatSource, steady, within_ranges

_ROUNDING = 1e-9
"""Share by which an output may exceed the one that can be stopped from."""


class ChpConfig(Config):
    """A combined heat and power unit that burns gas."""

    max_heat_kw: NonNegative = setting(2.5, unit="kW", about="Largest heat output.")
    electrical_efficiency: Efficiency = setting(
        0.263, unit="1", about="Electricity per gas burnt, lower heating value."
    )
    thermal_efficiency: Efficiency = setting(
        0.657, unit="1", about="Heat per gas burnt, lower heating value."
    )
    minimum_load: Share = setting(0.5, unit="1", about="Least heat output while on, share of the largest.")
    ramp_per_minute: Annotated[AnyDraw, within(low=0.001, high=60.0)] = setting(
        0.1, unit="1/min", about="Largest change of output in a minute, share of the largest output."
    )

    @model_validator(mode="after")
    def _no_energy_from_nothing(self) -> ChpConfig:
        total = bounds(self.electrical_efficiency)[1] + bounds(self.thermal_efficiency)[1]
        if total > 1.0 + 1e-9:
            raise ValueError(
                f"electrical_efficiency and thermal_efficiency can add up to {total:g}, more than the gas "
                "holds (their sum is at most 1)"
            )
        return self


class Chp(HeatSource):
    """Units that burn gas for heat and electricity; state: `output_kw`, heat output of the last period."""

    kind: ClassVar[str] = "chp"
    summary: ClassVar[str] = "combined heat and power from gas, minimum load, ramps"
    Config: ClassVar[type[Config]] = ChpConfig
    takes: ClassVar[tuple[Carrier, ...]] = ("gas", "electricity")
    observations: ClassVar[tuple[Field, ...]] = (
        MAX_HEAT,
        Field("must_kwh", "kWh", 0.0, float("inf"), "Heat that it has to give: it cannot stop faster."),
        Field("on", "1", 0.0, 1.0, "1 if it ran in the period before."),
    )

    def __init__(self, prosumer: IntArray, columns: Mapping[str, FloatArray], site: Site) -> None:
        super().__init__(prosumer, columns, site)
        full = columns["max_heat_kw"]
        self._least_kw = full * columns["minimum_load"]
        self._change_kw = full * columns["ramp_per_minute"] * 60.0 * site.clock.hours
        self._leap_kw = np.maximum(self._change_kw, self._least_kw)

    def initial_state(self) -> State:
        """All are off before the first period."""
        return {"output_kw": np.zeros(len(self))}

    def capacity_kwh(self, first: int, count: int) -> FloatArray:
        """Heat at full power, ramps left out."""
        del first
        return steady(self.columns["max_heat_kw"] * self.site.clock.hours, count)

    def inputs_of(self, first: int, count: int) -> Mapping[Carrier, FloatArray]:
        """Gas; electricity is given, so it has the other sign."""
        del first
        c = self.columns
        gas = -1.0 / c["thermal_efficiency"]
        electricity = c["electrical_efficiency"] / c["thermal_efficiency"]
        return {"gas": steady(gas, count), "electricity": steady(electricity, count)}

    def ranges(self, state: State, period: Period) -> Ranges:
        """What the ramp allows: off, or from minimum load up; at least `base` where it cannot stop."""
        most, least = self._reach_kwh(state["output_kw"], period.hours, 1)
        base = least[0]
        return Ranges(most[0], base, base, self._least_kw * period.hours)

    def envelope(self, state: State, first: int, count: int) -> Envelope:
        """What can be reached from the state in each period. The minimum load is dropped where it can be off,
        and that two later periods in a row are bound to each other by the ramp."""
        most, least = self._reach_kwh(state["output_kw"], self.site.clock.hours, count)
        return Envelope(self.carrier, most, least, self.inputs_of(first, count))

    def relaxed(self) -> tuple[str, ...]:
        """The minimum load, and the ramp where it takes longer than a period."""
        slow = bool((self._change_kw < self.columns["max_heat_kw"]).any())
        return (*super().relaxed(), *(("ramp between later periods",) if slow else ()))

    def commit(self, state: State, period: Period, energy_kwh: FloatArray) -> State:
        """Remembers the output; raises AuditError where it is outside of what minimum load and ramp allow."""
        what = f"period {period.index}: {self.kind}"
        return {"output_kw": -within_ranges(energy_kwh, self.possible(state, period), what) / period.hours}

    def observe(self, state: State, period: Period, ranges: Ranges) -> FloatArray:
        """Heat that is possible, heat that cannot be avoided, and whether it runs."""
        del period
        seen = np.empty((len(self), len(self.observations)))
        np.negative(ranges.low_kwh, out=seen[:, 0])
        np.negative(ranges.base_kwh, out=seen[:, 1])
        seen[:, 2] = state["output_kw"] > 0.0
        return seen

    def _reach_kwh(self, output_kw: FloatArray, hours: float, count: int) -> FloatArray:
        """Most and least heat that can be reached in the next `count` periods [kWh], drawn positive (so
        negative), shape (2, count, d)."""
        span = np.empty((2, count, len(self)))
        full = self.columns["max_heat_kw"]
        _reach(output_kw, self._change_kw, self._leap_kw, self._least_kw, full, hours, span)
        return span


@njit(cache=True)
def _reach(
    output_kw: FloatArray,
    change_kw: FloatArray,
    leap_kw: FloatArray,
    least_kw: FloatArray,
    full_kw: FloatArray,
    hours: float,
    span: FloatArray,
) -> None:
    """What ramps allow in the next periods, with the bounds at the top of this module one after the other.

    Args:
        output_kw: p, heat output of the last period, shape (d,).
        change_kw: r, what the ramp allows from one period to the next.
        leap_kw: max(r, p_min), for starts and stops.
        least_kw: p_min, minimum load.
        full_kw: P, full output.
        hours: Length of a period [h].
        span: Result: most and least heat [kWh], drawn positive (so negative), shape (2, periods, d).
    """
    for ahead in range(span.shape[1]):
        for row in range(len(output_kw)):
            output, change, leap = output_kw[row], change_kw[row], leap_kw[row]
            ramped = ahead * change
            first = output + change if output > 0.0 else leap
            most = np.minimum(first + ramped, full_kw[row])
            before = output - ramped
            slowest = np.maximum(before - change, least_kw[row])
            runs_on = before > leap * (1.0 + _ROUNDING)
            least = np.minimum(slowest, most) if runs_on else 0.0
            span[0, ahead, row] = -most * hours
            span[1, ahead, row] = -least * hours
