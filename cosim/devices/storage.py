"""A store behind a terminal: its arithmetic, and what batteries, vehicles, hot-water tanks and hydrogen tanks
have in common.

e' = r e + eta_c * max(x, 0) + min(x, 0) / eta_d   for x drawn at the terminal [kWh],

where the share r of what was inside is still there a period later (r = 1 where nothing is lost with time).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.clock import Period
from cosim.core.envelope import Envelope, Store
from cosim.core.records import Field
from cosim.devices.base import Device, Ranges, Site, State
from cosim.devices.storage_kernel import cut, store_after, store_ranges
from cosim.errors import AuditError


def after_period(
    stored_kwh: FloatArray,
    drawn_kwh: FloatArray,
    retention: FloatArray,
    charge_efficiency: FloatArray,
    discharge_efficiency: FloatArray,
    floor_kwh: FloatArray,
    full_kwh: FloatArray,
    what: str,
) -> FloatArray:
    """Stored energy after `drawn_kwh` at the terminal, by the equation above, with rounding cut off.

    Raises:
        AuditError: if it lies outside its window by more than rounding.
    """
    both = np.empty((2, len(stored_kwh)))
    row = store_after(
        stored_kwh,
        drawn_kwh,
        retention,
        charge_efficiency,
        discharge_efficiency,
        floor_kwh,
        full_kwh,
        both,
    )
    stored, kept = both
    if row >= 0:
        raise AuditError(
            f"{what} {row}: {stored[row]:.9f} kWh stored is outside "
            f"[{floor_kwh[row]:.9f}, {full_kwh[row]:.9f}] kWh"
        )
    return kept


def within_range(energy_kwh: FloatArray, low_kwh: FloatArray, high_kwh: FloatArray, what: str) -> FloatArray:
    """The same energy at the terminal with rounding cut off.

    Raises:
        AuditError: if it lies outside the range by more than rounding.
    """
    kept = np.empty(len(energy_kwh))
    row = cut(energy_kwh, low_kwh, high_kwh, kept)
    if row >= 0:
        raise AuditError(
            f"{what} {row}: {energy_kwh[row]:.9f} kWh drawn is outside "
            f"[{low_kwh[row]:.9f}, {high_kwh[row]:.9f}] kWh"
        )
    return kept


class StorageDevice(Device):
    """A device with the columns `charge_efficiency` and `discharge_efficiency`, and energy inside."""

    inside: ClassVar[str] = "soc_kwh"
    """Name of the state that holds the energy inside [kWh]."""

    def reservation(self, value_eur_per_kwh: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Drawing is worth `value x eta_c` per kWh drawn, giving is worth `value / eta_d` per kWh given."""
        c = self.columns
        return value_eur_per_kwh * c["charge_efficiency"], value_eur_per_kwh / c["discharge_efficiency"]

    def value_range(
        self, low_eur_per_kwh: FloatArray, high_eur_per_kwh: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """From giving at any price to drawing at any price: `low x eta_d` to `high / eta_c`."""
        c = self.columns
        return low_eur_per_kwh * c["discharge_efficiency"], high_eur_per_kwh / c["charge_efficiency"]

    def stored_kwh(self, state: State) -> FloatArray | None:
        """State of charge [kWh]."""
        return state[self.inside]


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a store that is always connected, shape (d,) each."""

    charge_kw: FloatArray
    """Largest power drawn at the terminal."""
    discharge_kw: FloatArray
    """Largest power given at the terminal."""
    floor_kwh: FloatArray
    """Least energy inside; 0 for stores that lose with time, or they could fall below it."""
    full_kwh: FloatArray
    """Most energy inside."""
    retention: FloatArray
    """Share of the energy inside that is still there one period later."""


class ConnectedStore(StorageDevice):
    """A store that is always connected, with the same limits in every period. Idle when nobody asks.

    Args:
        prosumer: Owner of every device, shape (d,).
        columns: Parameters by name, shape (d,) each.
        site: Time and randomness.
        limits: What bounds it.
    """

    flexible: ClassVar[bool] = True
    observations: ClassVar[tuple[Field, ...]] = (
        Field("soc", "1", 0.0, 1.0, "State of charge, share of the capacity."),
        Field("capacity", "kWh", 0.0, float("inf"), "Usable capacity."),
        Field("max_charge_kwh", "kWh", 0.0, float("inf"), "Energy it could draw in this period."),
        Field("max_discharge_kwh", "kWh", 0.0, float("inf"), "Energy it could give in this period."),
    )

    def __init__(
        self, prosumer: IntArray, columns: Mapping[str, FloatArray], site: Site, limits: Limits
    ) -> None:
        super().__init__(prosumer, columns, site)
        self.limits = limits
        self._at_least_kwh = np.maximum(limits.full_kwh, 1e-9)
        """Capacity that shares are of: not nothing."""

    def ranges(self, state: State, period: Period) -> Ranges:
        """From the largest discharge to the largest charge, of what is left after the losses of the period:
        what is lost makes room."""
        c, own = self.columns, self.limits
        span = np.empty((3, len(self)))
        store_ranges(
            period.hours,
            state[self.inside],
            own.retention,
            own.floor_kwh,
            own.full_kwh,
            own.charge_kw,
            own.discharge_kw,
            c["charge_efficiency"],
            c["discharge_efficiency"],
            span,
        )
        return Ranges(*span)

    def commit(self, state: State, period: Period, energy_kwh: FloatArray) -> State:
        """The energy balance above; raises AuditError where a state of charge would leave its window."""
        c, own = self.columns, self.limits
        stored = after_period(
            state[self.inside],
            energy_kwh,
            own.retention,
            c["charge_efficiency"],
            c["discharge_efficiency"],
            own.floor_kwh,
            own.full_kwh,
            f"period {period.index}: {self.kind}",
        )
        return {self.inside: stored}

    def observe(self, state: State, period: Period, ranges: Ranges) -> FloatArray:
        """State of charge, capacity, and what is possible now."""
        del period
        seen = np.empty((len(self), len(self.observations)))
        np.divide(state[self.inside], self._at_least_kwh, out=seen[:, 0])
        seen[:, 1] = self.limits.full_kwh
        seen[:, 2] = ranges.high_kwh
        np.negative(ranges.low_kwh, out=seen[:, 3])
        return seen

    def envelope(self, state: State, first: int, count: int) -> Envelope:
        """The same limits in every period. Charging and discharging at once is not ruled out."""
        del first
        own, c, hours = self.limits, self.columns, self.site.clock.hours
        shape = (count, len(self))
        store = Store(
            energy_kwh=state[self.inside],
            floor_kwh=np.broadcast_to(own.floor_kwh, shape),
            full_kwh=np.broadcast_to(own.full_kwh, shape),
            charge_efficiency=c["charge_efficiency"],
            discharge_efficiency=c["discharge_efficiency"],
            retention=np.broadcast_to(own.retention, shape),
            inflow_kwh=np.broadcast_to(0.0, shape),
        )
        low = np.broadcast_to(-own.discharge_kw * hours, shape)
        return Envelope(self.carrier, low, np.broadcast_to(own.charge_kw * hours, shape), store=store)
