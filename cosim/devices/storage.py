"""A store behind a terminal: its arithmetic, and what batteries and electric vehicles have in common.

e' = e + eta_c * max(x, 0) + min(x, 0) / eta_d   for x drawn at the terminal [kWh].
"""

from __future__ import annotations

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.devices.base import Device, State
from cosim.errors import AuditError

ROUNDING_KWH = 1e-9
"""Rounding that a state of charge may show before it counts as outside its window."""


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
    if len(worst) and worst.max() > ROUNDING_KWH * max(1.0, float(full_kwh.max())):
        row = int(worst.argmax())
        raise AuditError(
            f"{what} {row}: {stored_kwh[row]:.9f} kWh stored is outside "
            f"[{floor_kwh[row]:.9f}, {full_kwh[row]:.9f}] kWh"
        )
    return kept


class StorageDevice(Device):
    """A device with the parameters `charge_efficiency` and `discharge_efficiency` and the state `soc_kwh`."""

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
        return state["soc_kwh"]
