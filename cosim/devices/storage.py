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
from cosim.errors import AuditError

ROUNDING_KWH = 1e-9
"""Rounding that an energy may show before it counts as outside its bounds."""


def charge_limit_kwh(
    stored_kwh: FloatArray, full_kwh: FloatArray, terminal_kwh: FloatArray, efficiency: FloatArray
) -> FloatArray:
    """Largest energy that can be drawn [kWh]: what the terminal passes and what is free inside."""
    return np.maximum(np.minimum(terminal_kwh, (full_kwh - stored_kwh) / efficiency), 0.0)


def discharge_limit_kwh(
    stored_kwh: FloatArray, floor_kwh: FloatArray, terminal_kwh: FloatArray, efficiency: FloatArray
) -> FloatArray:
    """Largest energy that can be given [kWh], positive: what the terminal passes and what is inside."""
    return np.maximum(np.minimum(terminal_kwh, (stored_kwh - floor_kwh) * efficiency), 0.0)


def after(
    stored_kwh: FloatArray,
    drawn_kwh: FloatArray,
    charge_efficiency: FloatArray,
    discharge_efficiency: FloatArray,
) -> FloatArray:
    """Stored energy after `drawn_kwh` at the terminal."""
    charged = np.maximum(drawn_kwh, 0.0) * charge_efficiency
    given = np.minimum(drawn_kwh, 0.0) / discharge_efficiency
    return stored_kwh + charged + given


def within_window(
    stored_kwh: FloatArray, floor_kwh: FloatArray, full_kwh: FloatArray, what: str
) -> FloatArray:
    """The same state of charge with rounding cut off.

    Raises:
        AuditError: if it lies outside by more than rounding.
    """
    kept = np.minimum(np.maximum(stored_kwh, floor_kwh), full_kwh)
    worst = np.abs(stored_kwh - kept)
    if len(worst) and not worst.max() <= ROUNDING_KWH * max(1.0, float(full_kwh.max())):  # NaN, too
        row = int(worst.argmax())
        raise AuditError(
            f"{what} {row}: {stored_kwh[row]:.9f} kWh stored is outside "
            f"[{floor_kwh[row]:.9f}, {full_kwh[row]:.9f}] kWh"
        )
    return kept


def within_range(energy_kwh: FloatArray, low_kwh: FloatArray, high_kwh: FloatArray, what: str) -> FloatArray:
    """The same energy at the terminal with rounding cut off.

    Raises:
        AuditError: if it lies outside the range by more than rounding.
    """
    kept = np.minimum(np.maximum(energy_kwh, low_kwh), high_kwh)
    worst = np.abs(energy_kwh - kept)
    if len(worst) and not worst.max() <= ROUNDING_KWH * max(1.0, float(np.abs(high_kwh).max())):  # NaN, too
        row = int(worst.argmax())
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

    def ranges(self, state: State, period: Period) -> Ranges:
        """From the largest discharge to the largest charge, of what is left after the losses of the period:
        what is lost makes room."""
        c, own = self.columns, self.limits
        kept = state[self.inside] * own.retention
        high = charge_limit_kwh(kept, own.full_kwh, own.charge_kw * period.hours, c["charge_efficiency"])
        most = own.discharge_kw * period.hours
        low = -discharge_limit_kwh(kept, own.floor_kwh, most, c["discharge_efficiency"])
        return Ranges(low, np.zeros(len(self)), high)

    def commit(self, state: State, period: Period, energy_kwh: FloatArray) -> State:
        """The energy balance above; raises AuditError where a state of charge would leave its window."""
        c, own = self.columns, self.limits
        kept = state[self.inside] * own.retention
        inside = after(kept, energy_kwh, c["charge_efficiency"], c["discharge_efficiency"])
        what = f"period {period.index}: {self.kind}"
        return {self.inside: within_window(inside, own.floor_kwh, own.full_kwh, what)}

    def observe(self, state: State, period: Period, ranges: Ranges) -> FloatArray:
        """State of charge, capacity, and what is possible now."""
        del period
        capacity = self.limits.full_kwh
        soc = state[self.inside] / np.maximum(capacity, 1e-9)
        return np.column_stack([soc, capacity, ranges.high_kwh, -ranges.low_kwh])

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
