"""Electric vehicle: a battery that is at home between arrival and departure, must hold a wanted energy at
departure, is not charged beyond it, and may give energy back if that is allowed.

With k periods left after this one, charging power P, period length h and charging efficiency eta, the energy
that has to be drawn now so that the wanted energy stays reachable is

    must = max(0, (wanted - e - k eta P h) / eta),

at most what the plug passes (least-laxity rule; the same bound is the flexibility envelope of Nayyar et al.,
"Aggregate flexibility of a collection of loads", IEEE CDC 2013). Giving is possible only down to the energy
from which the wanted energy is still reachable.
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
from cosim.devices.battery import Efficiency
from cosim.devices.ev_trips import Trips
from cosim.devices.storage import StorageDevice, after, charge_limit_kwh, discharge_limit_kwh, within_window

Hour = Annotated[AnyDraw, within(low=0.0, high=24.0)]


class EvConfig(Config):
    """An electric vehicle that charges at home."""

    capacity_kwh: NonNegative = setting(60.0, unit="kWh", about="Usable energy of the vehicle's battery.")
    max_charge_kw: NonNegative = setting(11.0, unit="kW", about="Largest charging power of the wall box.")
    max_discharge_kw: NonNegative = setting(
        0.0, unit="kW", about="Largest power given back to the house (0: charging only)."
    )
    charge_efficiency: Efficiency = setting(0.92, unit="1", about="Stored energy per energy drawn.")
    discharge_efficiency: Efficiency = setting(0.92, unit="1", about="Energy given per energy taken out.")
    arrival_hour: Hour = setting(18.0, unit="h", about="Local hour at which it usually arrives.")
    departure_hour: Hour = setting(7.5, unit="h", about="Local hour at which it usually leaves.")
    hours_spread: NonNegative = setting(
        1.0, unit="h", about="Standard deviation of arrival and departure from day to day."
    )
    trip_kwh: NonNegative = setting(7.0, unit="kWh", about="Energy used between departure and arrival.")
    trip_variation: Share = setting(
        0.5, unit="1", about="A day's trip energy lies within 1 minus to 1 plus this share of trip_kwh."
    )
    departure_soc: Share = setting(
        0.8,
        unit="1",
        about="State of charge wanted at departure, share of the capacity; it is not charged beyond.",
    )
    initial_soc: Share = setting(0.8, unit="1", about="State of charge at the start, share of the capacity.")

    @model_validator(mode="after")
    def _hours_differ(self) -> EvConfig:
        hours = {hour % 24.0 for draw in (self.arrival_hour, self.departure_hour) for hour in bounds(draw)}
        if len(hours) == 1:
            raise ValueError("arrival_hour equals departure_hour: the vehicle is never at home")
        return self


class Ev(StorageDevice):
    """Electric vehicles; state: `soc_kwh`, and `unserved_kwh` (trip energy that the battery did not hold)."""

    kind: ClassVar[str] = "ev"
    summary: ClassVar[str] = "electric vehicle: arrival, departure, energy wanted, optional discharge"
    role: ClassVar[Role] = "load"
    Config: ClassVar[type[Config]] = EvConfig
    flexible: ClassVar[bool] = True
    observations: ClassVar[tuple[Field, ...]] = (
        Field("plugged", "1", 0.0, 1.0, "1 while at home."),
        Field("soc", "1", 0.0, 1.0, "State of charge, share of the capacity."),
        Field("need_kwh", "kWh", 0.0, float("inf"), "Energy still missing for departure, inside."),
        Field("hours_left", "h", 0.0, 48.0, "Hours until departure, 0 while away."),
        Field("must_kwh", "kWh", 0.0, float("inf"), "Energy that has to be drawn now."),
        Field("max_charge_kwh", "kWh", 0.0, float("inf"), "Energy it could draw in this period."),
        Field("max_discharge_kwh", "kWh", 0.0, float("inf"), "Energy it could give in this period."),
    )

    def __init__(self, prosumer: IntArray, columns: Mapping[str, FloatArray], site: Site) -> None:
        super().__init__(prosumer, columns, site)
        self._wanted_kwh = columns["capacity_kwh"] * columns["departure_soc"]
        self._trips = Trips(columns, site.clock, site.draws)

    def initial_state(self) -> State:
        """State of charge at the start [kWh]; a vehicle that arrives in period 0 comes from no trip."""
        start = self.columns["capacity_kwh"] * self.columns["initial_soc"]
        return {"soc_kwh": start, "unserved_kwh": np.zeros(len(self))}

    def periods_left(self, period: Period) -> IntArray:
        """Periods at home from this one on, 0 while away, shape (d,)."""
        stay = self._trips.current(period.index)
        at_home = (stay.arrival <= period.index) & (period.index < stay.departure)
        return np.where(at_home, stay.departure - period.index, 0)

    def ranges(self, state: State, period: Period) -> Ranges:
        """Nothing while away; at home from the largest discharge, over what must be drawn, to the largest
        charge."""
        c, soc = self.columns, state["soc_kwh"]
        left = self.periods_left(period)
        plugged = left > 0
        terminal = np.where(plugged, c["max_charge_kw"] * period.hours, 0.0)
        high = charge_limit_kwh(soc, self._wanted_kwh, terminal, c["charge_efficiency"])
        later = np.maximum(left - 1, 0) * terminal * c["charge_efficiency"]
        must = (self._wanted_kwh - soc - later) / c["charge_efficiency"]
        base = np.minimum(np.maximum(must, 0.0), high)
        given = np.where(plugged, c["max_discharge_kw"] * period.hours, 0.0)
        reachable_from = np.maximum(self._wanted_kwh - later, 0.0)
        low = -discharge_limit_kwh(soc, reachable_from, given, c["discharge_efficiency"])
        return Ranges(np.where(base > 0.0, base, low), base, high)

    def commit(self, state: State, period: Period, energy_kwh: FloatArray) -> State:
        """Energy balance of the period, then the trip of those that arrive at its end."""
        c = self.columns
        soc = after(state["soc_kwh"], energy_kwh, c["charge_efficiency"], c["discharge_efficiency"])
        soc = within_window(soc, np.zeros(len(self)), c["capacity_kwh"], f"period {period.index}: ev")
        trip = self._trip_before(period)
        return {
            "soc_kwh": np.maximum(soc - trip, 0.0),
            "unserved_kwh": state["unserved_kwh"] + np.maximum(trip - soc, 0.0),
        }

    def _trip_before(self, period: Period) -> FloatArray:
        """Energy of the trips that end with this period [kWh], shape (d,)."""
        coming = self._trips.current(period.index + 1)
        return np.where(coming.arrival == period.index + 1, coming.trip_kwh, 0.0)

    def observe(self, state: State, period: Period, ranges: Ranges) -> FloatArray:
        """Whether at home, state of charge, need, time left, and what is possible now."""
        c, soc = self.columns, state["soc_kwh"]
        left = self.periods_left(period)
        plugged = left > 0
        need = np.where(plugged, np.maximum(self._wanted_kwh - soc, 0.0), 0.0)
        return np.column_stack(
            [
                plugged,
                soc / np.maximum(c["capacity_kwh"], 1e-9),
                need,
                left * period.hours,
                ranges.base_kwh,
                ranges.high_kwh,
                np.maximum(-ranges.low_kwh, 0.0),
            ]
        )

    def unserved_kwh(self, state: State) -> FloatArray | None:
        """Energy of trips that the battery did not hold [kWh]: it came from elsewhere and is not billed."""
        return state["unserved_kwh"]
