"""Building: its thermal mass as a store of heat with a comfort band. Heating only: it cools by itself, and
may get warmer than the band in summer.

One resistance, one capacity: C dT/dt = U (T_out - T) + q + g, with heat loss U, capacity C, heat q from the
emitters, and gains g from occupants and sun (aperture x global irradiance). It is the model "Ti", the
simplest of Bacher and Madsen, "Identifying suitable models for the heat dynamics of buildings", Energy and
Buildings 43(7), 2011. With weather and heat constant over a period of length h, exactly:

    T' = a T + (1 - a) T_out + b (Q + g h),    a = exp(-h U / C),    b = (1 - a) / (U h),

with Q = q h [kWh]. Heat for a temperature at the end of the period: Q(T') = (T' - T_free) / b, where T_free
is T' without heat. low, base and high are Q for the lower end of the band, the set-point and the upper end,
each between 0 and what the emitters give.

What the emitters lack to hold the lower end is unserved heat. The building is colder then; heat that brings
it back later is not counted again. Default capacity: 165 kJ/(K m2) (ISO 13790:2008, table 12, "medium") for
140 m2.
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
from cosim.core.draw import AnyDraw, NonNegative, bounds, within
from cosim.core.envelope import Envelope, Store
from cosim.core.records import Field
from cosim.core.weather import Quantity
from cosim.devices.base import Device, Ranges, Role, Site, State
from cosim.devices.storage import within_range
from cosim.errors import InputError, Problem

Temperature = Annotated[AnyDraw, within(low=-50.0, high=100.0)]
BAND_SHOWN = (-2.0, 3.0)
"""Observed place in the comfort band is cut at these."""


class BuildingConfig(Config):
    """A heated building."""

    heat_loss_w_per_k: Annotated[AnyDraw, within(low=1.0)] = setting(
        150.0, unit="W/K", about="Heat lost to the outside, by walls and by air, per kelvin of difference."
    )
    capacity_kwh_per_k: Annotated[AnyDraw, within(low=0.01)] = setting(
        6.4, unit="kWh/K", about="Heat that warms the building by one kelvin."
    )
    t_min_c: Temperature = setting(19.0, unit="degC", about="Lower end of the comfort band.")
    t_set_c: Temperature = setting(20.0, unit="degC", about="Held when nobody asks for flexibility.")
    t_max_c: Temperature = setting(22.0, unit="degC", about="Upper end of the comfort band: heated up to.")
    initial_temperature_c: Temperature = setting(20.0, unit="degC", about="Temperature at the start.")
    max_heat_kw: NonNegative = setting(12.0, unit="kW", about="Largest power of radiators or floor heating.")
    internal_gains_w: NonNegative = setting(400.0, unit="W", about="Heat of occupants and appliances.")
    solar_aperture_m2: NonNegative = setting(
        3.0, unit="m2", about="Area that would let in the same sun if all irradiance on it became heat."
    )

    @model_validator(mode="after")
    def _ordered(self) -> BuildingConfig:
        for low, high in (("t_min_c", "t_set_c"), ("t_set_c", "t_max_c")):
            if bounds(getattr(self, low))[1] > bounds(getattr(self, high))[0]:
                raise ValueError(f"{low} can be above {high} (t_min_c <= t_set_c <= t_max_c)")
        return self


class Building(Device):
    """Buildings; state: `temperature_c`, and `unserved_kwh` (heat that the emitters could not give)."""

    kind: ClassVar[str] = "building"
    summary: ClassVar[str] = "thermal mass of a building with a comfort band"
    role: ClassVar[Role] = "load"
    carrier: ClassVar[Carrier] = "heat"
    Config: ClassVar[type[Config]] = BuildingConfig
    needs_weather: ClassVar[bool] = True
    flexible: ClassVar[bool] = True
    observations: ClassVar[tuple[Field, ...]] = (
        Field(
            "band", "1", *BAND_SHOWN, "Temperature: 0 at the lower end of the comfort band, 1 at the upper."
        ),
        Field("must_kwh", "kWh", 0.0, float("inf"), "Heat that the lower end of the band needs now."),
        Field("idle_kwh", "kWh", 0.0, float("inf"), "Heat for the set-point: what it draws if left alone."),
        Field("max_charge_kwh", "kWh", 0.0, float("inf"), "Heat it could draw in this period."),
    )

    def __init__(self, prosumer: IntArray, columns: Mapping[str, FloatArray], site: Site) -> None:
        super().__init__(prosumer, columns, site)
        hours, loss_kw_per_k = site.clock.hours, columns["heat_loss_w_per_k"] / 1000.0
        exponent = -hours * loss_kw_per_k / columns["capacity_kwh_per_k"]
        self._kept: FloatArray = np.exp(exponent)
        """Share of a difference in temperature that is still there one period later."""
        self._lost: FloatArray = -np.expm1(exponent)
        self._k_per_kwh: FloatArray = self._lost / (loss_kw_per_k * hours)
        """By how much heat in a period raises the temperature at its end [K/kWh]."""
        self._most_kwh = columns["max_heat_kw"] * hours
        self._band_k = np.maximum(columns["t_max_c"] - columns["t_min_c"], 1e-3)

    def initial_state(self) -> State:
        """Temperature at the start [degC]."""
        return {
            "temperature_c": self.columns["initial_temperature_c"].copy(),
            "unserved_kwh": np.zeros(len(self)),
        }

    def ranges(self, state: State, period: Period) -> Ranges:
        """Heat for the lower end of the comfort band, for the set-point, and for the upper end."""
        c = self.columns
        span = np.empty((3, len(self)))
        _heat_for(
            state["temperature_c"],
            self._passive_k(period),
            self._kept,
            self._k_per_kwh,
            self._most_kwh,
            c["t_min_c"],
            c["t_set_c"],
            c["t_max_c"],
            span,
        )
        return Ranges(*span)

    def commit(self, state: State, period: Period, energy_kwh: FloatArray) -> State:
        """The equation above; raises AuditError for heat that was not in the range."""
        span = self.possible(state, period)
        what = f"period {period.index}: building"
        heat = within_range(energy_kwh, span.low_kwh, span.high_kwh, what)
        after = np.empty((2, len(self)))
        _cool(
            state["temperature_c"],
            state["unserved_kwh"],
            heat,
            self._passive_k(period),
            self._kept,
            self._k_per_kwh,
            self._most_kwh,
            self.columns["t_min_c"],
            after,
        )
        temperature, unserved = after
        return {"temperature_c": temperature, "unserved_kwh": unserved}

    def _passive_k(self, period: Period) -> FloatArray:
        """What outdoor air and gains add to the temperature in a period [K], shape (d,)."""
        return self.once("passive", period.index, 1, self._passive_of)

    def _passive_of(self, first: int, count: int) -> FloatArray:
        outside = float(self._weather("temperature_c", first, count)[0])
        gains: FloatArray = self._gains_kwh(first, count)[0]
        return self._lost * outside + self._k_per_kwh * gains

    def _gains_kwh(self, first: int, count: int) -> FloatArray:
        """Heat of occupants and sun by period [kWh], shape (count, d)."""
        sun = self._weather("ghi_w_per_m2", first, count)[:, None] * self.columns["solar_aperture_m2"]
        return (self.columns["internal_gains_w"] + sun) * (self.site.clock.hours / 1000.0)

    def _weather(self, quantity: Quantity, first: int, count: int) -> FloatArray:
        """Means of the periods, shape (count,)."""
        if self.site.weather is None:
            raise InputError(Problem("a building needs the weather", "give the scenario a `weather`"))
        ticks = self.site.ticks_per_period
        values = self.site.weather.values(quantity, first * ticks, (first + count) * ticks)
        means: FloatArray = values if ticks == 1 else values.reshape(count, ticks).mean(axis=1)
        return means

    def envelope(self, state: State, first: int, count: int) -> Envelope:
        """A store of the heat above the lower end of the band, that the weather fills and empties.

        Its bounds are the band, widened to what no decision can avoid (too warm by the sun, too cold for the
        emitters) and to what such weather makes of any energy that was possible before: a relaxation there.
        """
        c, rows = self.columns, (count, len(self))
        capacity, lowest = c["capacity_kwh_per_k"], c["t_min_c"]
        efficiency = capacity * self._k_per_kwh
        outside = self._weather("temperature_c", first, count)[:, None]
        inflow = capacity * self._lost * (outside - lowest) + efficiency * self._gains_kwh(first, count)
        band = capacity * (c["t_max_c"] - lowest)
        most = efficiency * self._most_kwh
        least = warmest = (state["temperature_c"] - lowest) * capacity
        floor, full = np.empty(rows), np.empty(rows)
        for row in range(count):
            least = self._kept * least + inflow[row]
            least = np.maximum(least, np.minimum(least + most, 0.0))
            warmest = self._kept * warmest + inflow[row]
            warmest = np.maximum(warmest, np.minimum(warmest + most, band))
            floor[row], full[row] = least, warmest
        store = Store(
            energy_kwh=(state["temperature_c"] - lowest) * capacity,
            floor_kwh=np.minimum(floor, 0.0),
            full_kwh=full,
            charge_efficiency=efficiency,
            discharge_efficiency=np.ones(len(self)),
            retention=np.broadcast_to(self._kept, rows),
            inflow_kwh=inflow,
        )
        high = np.broadcast_to(self._most_kwh, rows)
        return Envelope(self.carrier, np.broadcast_to(0.0, rows), high, store=store)

    def relaxed(self) -> tuple[str, ...]:
        """The band, as the envelope says."""
        return ("comfort band where the weather leaves it",)

    def observe(self, state: State, period: Period, ranges: Ranges) -> FloatArray:
        """Place in the comfort band, heat needed, heat if left alone, and room."""
        del period
        seen = np.empty((len(self), len(self.observations)))
        above = (state["temperature_c"] - self.columns["t_min_c"]) / self._band_k
        lowest, highest = BAND_SHOWN
        np.minimum(np.maximum(above, lowest), highest, out=seen[:, 0])
        seen[:, 1] = ranges.low_kwh
        seen[:, 2] = ranges.base_kwh
        seen[:, 3] = ranges.high_kwh
        return seen

    def unserved_kwh(self, state: State) -> FloatArray | None:
        """Heat that the lower end of the band needed beyond what the emitters give [kWh]."""
        return state["unserved_kwh"]

    def stored_kwh(self, state: State) -> FloatArray | None:
        """Heat above the lower end of the comfort band, C (T - t_min) [kWh]; negative where it is colder."""
        c = self.columns
        return c["capacity_kwh_per_k"] * (state["temperature_c"] - c["t_min_c"])


@njit(cache=True)
def _heat_for(  # noqa: PLR0913, PLR0917  # a kernel takes arrays, not objects
    temperature_c: FloatArray,
    passive_k: FloatArray,
    kept: FloatArray,
    k_per_kwh: FloatArray,
    most_kwh: FloatArray,
    t_min_c: FloatArray,
    t_set_c: FloatArray,
    t_max_c: FloatArray,
    span: FloatArray,
) -> None:
    """Heat for three temperatures at the end of a period: Q(T') at the top of this module.

    Args:
        temperature_c: At the start, shape (d,).
        passive_k: What outdoor air and gains add.
        kept: a.
        k_per_kwh: b.
        most_kwh: What the emitters give.
        t_min_c: Lower end of the comfort band.
        t_set_c: Set-point.
        t_max_c: Upper end.
        span: Result: low, base and high, shape (3, d).
    """
    low, base, high = span
    for row in range(len(temperature_c)):
        unheated = kept[row] * temperature_c[row] + passive_k[row]
        per_kwh, most = k_per_kwh[row], most_kwh[row]
        low[row] = np.minimum(np.maximum((t_min_c[row] - unheated) / per_kwh, 0.0), most)
        base[row] = np.minimum(np.maximum((t_set_c[row] - unheated) / per_kwh, 0.0), most)
        high[row] = np.minimum(np.maximum((t_max_c[row] - unheated) / per_kwh, 0.0), most)


@njit(cache=True)
def _cool(  # noqa: PLR0913, PLR0917  # a kernel takes arrays, not objects
    temperature_c: FloatArray,
    unserved_kwh: FloatArray,
    heat_kwh: FloatArray,
    passive_k: FloatArray,
    kept: FloatArray,
    k_per_kwh: FloatArray,
    most_kwh: FloatArray,
    t_min_c: FloatArray,
    after: FloatArray,
) -> None:
    """T' at the top of this module, and what the emitters lack to hold the lower end of the band.

    Args:
        temperature_c: At the start, shape (d,).
        unserved_kwh: What was lacking so far.
        heat_kwh: Heat in the period.
        passive_k: What outdoor air and gains add.
        kept: a.
        k_per_kwh: b.
        most_kwh: What the emitters give.
        t_min_c: Lower end of the comfort band.
        after: Result: temperature, and what was lacking so far, shape (2, d).
    """
    temperature, unserved = after
    for row in range(len(temperature_c)):
        temperature[row] = kept[row] * temperature_c[row] + passive_k[row] + k_per_kwh[row] * heat_kwh[row]
        held = kept[row] * np.maximum(temperature_c[row], t_min_c[row]) + passive_k[row]
        lacking = (t_min_c[row] - held) / k_per_kwh[row] - most_kwh[row]
        unserved[row] = unserved_kwh[row] + np.maximum(lacking, 0.0)
