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
from numba import njit
from pydantic import model_validator

from cosim.core.arrays import FloatArray, IntArray, clipped
from cosim.core.clock import Period
from cosim.core.config import Config, setting
from cosim.core.draw import AnyDraw, NonNegative, Share, bounds, within
from cosim.core.envelope import Envelope, Store
from cosim.core.records import NET_FORECAST, Field
from cosim.devices.base import Ranges, Role, Site, State
from cosim.devices.battery import Efficiency
from cosim.devices.daily import Span
from cosim.devices.ev_trips import Trips
from cosim.devices.storage import StorageDevice, after_period
from cosim.devices.storage_kernel import vehicle_ranges

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
        Field("need", "kWh", 0.0, float("inf"), "Energy still missing for departure, inside."),
        Field("hours_left", "h", 0.0, 48.0, "Hours until departure, 0 while away."),
        Field("must_kwh", "kWh", 0.0, float("inf"), "Energy that has to be drawn now.", NET_FORECAST),
        Field("max_charge_kwh", "kWh", 0.0, float("inf"), "Energy it could draw in this period."),
        Field("max_discharge_kwh", "kWh", 0.0, float("inf"), "Energy it could give in this period."),
    )

    def __init__(self, prosumer: IntArray, columns: Mapping[str, FloatArray], site: Site) -> None:
        super().__init__(prosumer, columns, site)
        self._wanted_kwh = columns["capacity_kwh"] * columns["departure_soc"]
        self._trips = Trips(columns, site.clock, site.draws)
        self._retention = np.ones(len(prosumer))  # nothing is lost with time
        self._empty_kwh = np.zeros(len(prosumer))

    def initial_state(self) -> State:
        """State of charge at the start [kWh]; a vehicle that arrives in period 0 comes from no trip."""
        start = self.columns["capacity_kwh"] * self.columns["initial_soc"]
        return {"soc_kwh": start, "unserved_kwh": np.zeros(len(self))}

    def periods_left(self, period: Period) -> IntArray:
        """Periods at home from this one on, 0 while away, shape (d,)."""
        stay = self._trips.current(period.index)
        at_home = (stay.begin <= period.index) & (period.index < stay.end)
        return np.where(at_home, stay.end - period.index, 0)

    def ranges(self, state: State, period: Period) -> Ranges:
        """Nothing while away; at home from the largest discharge, over what must be drawn, to the largest
        charge."""
        c, stay = self.columns, self._trips.current(period.index)
        span = np.empty((3, len(self)))
        vehicle_ranges(
            period.index,
            period.hours,
            stay.begin,
            stay.end,
            state["soc_kwh"],
            self._wanted_kwh,
            c["max_charge_kw"],
            c["max_discharge_kw"],
            c["charge_efficiency"],
            c["discharge_efficiency"],
            span,
        )
        return Ranges(*span)

    def commit(self, state: State, period: Period, energy_kwh: FloatArray) -> State:
        """Energy balance of the period, then the trip of those that arrive at its end."""
        c = self.columns
        soc = after_period(
            state["soc_kwh"],
            energy_kwh,
            self._retention,
            c["charge_efficiency"],
            c["discharge_efficiency"],
            self._empty_kwh,
            c["capacity_kwh"],
            f"period {period.index}: ev",
        )
        coming = self._trips.current(period.index + 1)
        after = np.empty((2, len(self)))
        _arrive(period.index + 1, coming.begin, coming.kwh, soc, state["unserved_kwh"], after)
        soc, unserved = after
        return {"soc_kwh": soc, "unserved_kwh": unserved}

    def envelope(self, state: State, first: int, count: int) -> Envelope:
        """A store that is open while at home, with a floor from which the wanted energy is reachable.

        Trips are an outflow, of no more than the battery holds whatever is decided: so there is always a
        plan. What this leaves out: a vehicle above the wanted energy that gives some cannot fetch it again
        beyond the wanted energy, and serves less of a trip that needs more than that.
        """
        c, hours, shape = self.columns, self.site.clock.hours, (count, len(self))
        power_kwh, given_kwh = c["max_charge_kw"] * hours, c["max_discharge_kw"] * hours
        row = first + np.arange(count)[:, None]
        home, inflow = np.zeros(shape, dtype=bool), np.zeros(shape)
        least = most = state["soc_kwh"]  # that a vehicle can hold at the next arrival
        floor, full = np.tile(least, (count, 1)), np.tile(most, (count, 1))
        for stay in self._trips.between(first, first + count):
            lasts = stay.end > first
            coming = lasts & (stay.begin > first) & (stay.begin <= first + count)
            used = np.where(coming, np.minimum(stay.kwh, least), 0.0)
            place, vehicle = stay.begin[coming] - first - 1, np.flatnonzero(coming)
            inflow[place, vehicle] = -used[coming]
            least, most = least - used, most - used
            begin = np.maximum(stay.begin, first)
            # Energies are those after a period: the one in which the trip ends belongs to the stay.
            own = lasts & ((row >= begin - 1) | (stay.begin <= first))
            stay_floor, stay_full = self._window(stay, begin, row, least, most)
            floor, full = np.where(own, stay_floor, floor), np.where(own, stay_full, full)
            home |= (row >= stay.begin) & (row < stay.end)
            periods = np.where(lasts, stay.end - begin, 0)
            charged = periods * power_kwh * c["charge_efficiency"]
            given = periods * given_kwh / c["discharge_efficiency"]
            wanted = self._wanted_kwh
            least = np.where(lasts, clipped(wanted, least - given, least + charged), least)
            most = np.where(lasts, np.maximum(most, np.minimum(wanted, most + charged)), most)
        store = Store(
            energy_kwh=state["soc_kwh"],
            floor_kwh=floor,
            full_kwh=full,
            charge_efficiency=c["charge_efficiency"],
            discharge_efficiency=c["discharge_efficiency"],
            retention=np.broadcast_to(1.0, shape),
            inflow_kwh=inflow,
        )
        low, high = np.where(home, -given_kwh, 0.0), np.where(home, power_kwh, 0.0)
        return Envelope(self.carrier, low, high, store=store)

    def relaxed(self) -> tuple[str, ...]:
        """What those that start above the wanted energy may do."""
        c = self.columns
        above = (c["initial_soc"] > c["departure_soc"]) & (c["max_discharge_kw"] > 0.0)
        return ("energy above the wanted one is fetched back",) if above.any() else ()

    def _window(
        self, stay: Span, begin: IntArray, row: IntArray, least: FloatArray, most: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Least and most energy inside after each period of a stay [kWh], shape (periods, d) each.

        Args:
            stay: The stay.
            begin: Its first period that lies ahead, shape (d,).
            row: Indices of the periods, shape (periods, 1).
            least: Least energy at `begin`, shape (d,).
            most: Most energy at `begin`, shape (d,).
        """
        wanted, c = self._wanted_kwh, self.columns
        inside_kwh = c["max_charge_kw"] * self.site.clock.hours * c["charge_efficiency"]
        passed = np.clip(row + 1 - begin, 0, stay.end - begin)
        left = np.clip(stay.end - 1 - row, 0, stay.end - begin)
        reached = np.maximum(least, np.minimum(wanted, least + passed * inside_kwh))
        needed = np.maximum(wanted - left * inside_kwh, 0.0)
        return np.minimum(needed, reached), np.broadcast_to(np.maximum(wanted, most), needed.shape)

    def observe(self, state: State, period: Period, ranges: Ranges) -> FloatArray:
        """Whether at home, state of charge, need, time left, and what is possible now."""
        stay = self._trips.current(period.index)
        seen = np.empty((len(self), len(self.observations)))
        _observe(
            period.index,
            period.hours,
            stay.begin,
            stay.end,
            state["soc_kwh"],
            self.columns["capacity_kwh"],
            self._wanted_kwh,
            ranges.low_kwh,
            ranges.base_kwh,
            ranges.high_kwh,
            seen,
        )
        return seen

    def unserved_kwh(self, state: State) -> FloatArray | None:
        """Energy of trips that the battery did not hold [kWh]: it came from elsewhere and is not billed."""
        return state["unserved_kwh"]


@njit(cache=True)
def _arrive(
    index: int,
    begin: IntArray,
    trip_kwh: FloatArray,
    soc_kwh: FloatArray,
    unserved_kwh: FloatArray,
    after: FloatArray,
) -> None:
    """What is left of a state of charge after the trips that end as period `index` begins.

    Args:
        index: A period.
        begin: First period of the stay that lasts or comes next, shape (d,).
        trip_kwh: Energy of the trip before it.
        soc_kwh: Energy inside before the trip.
        unserved_kwh: Energy of trips that batteries did not hold so far.
        after: Result: energy inside, and energy not held, shape (2, d).
    """
    soc, unserved = after
    for row in range(len(begin)):
        trip = trip_kwh[row] if begin[row] == index else 0.0
        soc[row] = np.maximum(soc_kwh[row] - trip, 0.0)
        unserved[row] = unserved_kwh[row] + np.maximum(trip - soc_kwh[row], 0.0)


@njit(cache=True)
def _observe(  # noqa: PLR0913, PLR0917  # a kernel takes arrays, not objects
    index: int,
    hours: float,
    begin: IntArray,
    end: IntArray,
    soc_kwh: FloatArray,
    capacity_kwh: FloatArray,
    wanted_kwh: FloatArray,
    low_kwh: FloatArray,
    base_kwh: FloatArray,
    high_kwh: FloatArray,
    seen: FloatArray,
) -> None:
    """`Ev.observations` of a period of so many hours; result in `seen`, shape (d, 7), all else of shape (d,).

    Args:
        index: The period.
        hours: Its length [h].
        begin: First period of the stay that lasts or comes next.
        end: First period after it.
        soc_kwh: Energy inside.
        capacity_kwh: Most energy inside.
        wanted_kwh: Energy wanted at departure.
        low_kwh: What is possible at least in this period, drawn positive.
        base_kwh: What has to be drawn.
        high_kwh: What is possible at most.
        seen: Result.
    """
    for row in range(len(begin)):
        plugged = begin[row] <= index < end[row]
        seen[row, 0] = 1.0 if plugged else 0.0
        seen[row, 1] = soc_kwh[row] / np.maximum(capacity_kwh[row], 1e-9)
        seen[row, 2] = np.maximum(wanted_kwh[row] - soc_kwh[row], 0.0) if plugged else 0.0
        seen[row, 3] = (end[row] - index) * hours if plugged else 0.0
        seen[row, 4] = base_kwh[row]
        seen[row, 5] = high_kwh[row]
        seen[row, 6] = np.maximum(-low_kwh[row], 0.0)
