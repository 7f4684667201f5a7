"""The audit of one settled period: energy and money balance, or the run stops. It corrects nothing."""

from __future__ import annotations

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.clock import Clock
from cosim.errors import AuditError
from cosim.settlement.kernel import (
    BOUGHT,
    EXPORT,
    IMPORT,
    LEAST_KWH,
    NET,
    SOLD,
    first_unbalanced,
    received,
)
from cosim.settlement.timeline import local_text

TOLERANCE = 1e-9
"""Relative, of energy and money."""
_LEAST_EUR = 1e-3
"""Money below which the tolerance stays absolute."""


def check_energy(flows: FloatArray, index: int, clock: Clock) -> None:
    """Every prosumer: metered = bought - sold + import - export. All together: bought = sold.

    Raises:
        AuditError: with the period and the two sums.
    """
    row = first_unbalanced(flows, TOLERANCE)
    if row >= 0:
        net, bought, sold, imported, exported = flows[[NET, BOUGHT, SOLD, IMPORT, EXPORT], row].tolist()
        paired = bought - sold + imported - exported
        raise AuditError(
            f"{_period(clock, index)}: energy of prosumer {row} does not balance: metered {net:.12g} kWh, "
            f"bought {bought:.12g} - sold {sold:.12g} + imported {imported:.12g} - exported {exported:.12g} "
            f"= {paired:.12g} kWh (each of the four must be positive or zero)"
        )
    bought, sold = float(flows[BOUGHT].sum()), float(flows[SOLD].sum())
    if not abs(bought - sold) <= TOLERANCE * max(bought, sold, LEAST_KWH):
        raise AuditError(
            f"{_period(clock, index)}: prosumers bought {bought:.12g} kWh from each other, "
            f"but sold {sold:.12g} kWh"
        )


def check_money(
    eur: FloatArray, tariff: IntArray, rates: FloatArray, flows: FloatArray, index: int, clock: Clock
) -> None:
    """What prosumers pay is what retailer, network operator and state receive.

    Raises:
        AuditError: with the period and the two sums.
    """
    paid = float(eur.sum())
    due = float(received(tariff, rates, flows))
    if not abs(paid - due) <= TOLERANCE * max(float(np.abs(eur).sum()), _LEAST_EUR):
        raise AuditError(
            f"{_period(clock, index)}: prosumers pay {paid:.12g} EUR, but retailer, network operator and "
            f"state receive {due:.12g} EUR"
        )


def _period(clock: Clock, index: int) -> str:
    return f"period {index} ({local_text(clock, index)})"
