"""The audit of one settled period: energy and money balance, or the run stops. It corrects nothing."""

from __future__ import annotations

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.carriers import Carrier
from cosim.core.clock import Clock
from cosim.errors import AuditError
from cosim.settlement.components import BILLED, PARTIES
from cosim.settlement.kernel import (
    BOUGHT,
    EXPORT,
    IMBALANCE,
    IMPORT,
    LEAST_KWH,
    LOST,
    NET,
    SOLD,
    due,
    first_unbalanced,
)
from cosim.settlement.timeline import local_text

TOLERANCE = 1e-9
"""Relative, of energy and money."""
_LEAST_EUR = 1e-3
"""Money below which the tolerance stays absolute."""
_NOTHING: dict[Carrier, tuple[int, str]] = {"electricity": (LOST, "lost"), "heat": (IMBALANCE, "imbalance")}
"""What a carrier has none of: the losses of the grid are the network operator's, heat has no gate closure."""


def check_energy(carrier: Carrier, flows: FloatArray, index: int, clock: Clock) -> None:
    """Every prosumer: net = bought - sold - lost + import - export + imbalance, where electricity has no
    losses and heat no imbalance. All together: bought = sold.

    Args:
        carrier: What `flows` is of.
        flows: Shape (FLOWS, n).
        index: Number of the period.
        clock: For the time in messages.

    Raises:
        AuditError: with the period and the two sums.
    """
    nothing, word = _NOTHING[carrier]
    row = first_unbalanced(flows, nothing, TOLERANCE)
    if row >= 0:
        net, bought, sold, lost, imported, exported, more = flows[
            [NET, BOUGHT, SOLD, LOST, IMPORT, EXPORT, IMBALANCE], row
        ].tolist()
        paired = bought - (sold + lost) + imported - exported + more
        raise AuditError(
            f"{_period(clock, index)}: {carrier} of prosumer {row} does not balance: metered {net:.12g} kWh, "
            f"bought {bought:.12g} - sold {sold:.12g} - lost {lost:.12g} + import {imported:.12g} "
            f"- export {exported:.12g} + imbalance {more:.12g} = {paired:.12g} kWh (all but net and "
            f"imbalance must be positive or zero, and {word} must be zero)"
        )
    bought, sold = float(flows[BOUGHT].sum()), float(flows[SOLD].sum())
    if not abs(bought - sold) <= TOLERANCE * max(bought, sold, LEAST_KWH):
        raise AuditError(
            f"{_period(clock, index)}: prosumers bought {bought:.12g} kWh of {carrier} from each other, "
            f"but sold {sold:.12g} kWh"
        )


def check_gas(gas: FloatArray, index: int, clock: Clock) -> None:
    """Nobody gives gas back, but for rounding of nothing.

    Raises:
        AuditError: with the period, the prosumer and its gas.
    """
    good = (gas >= -TOLERANCE * LEAST_KWH) & np.isfinite(gas)
    if not good.all():
        row = int(np.argmin(good))
        raise AuditError(f"{_period(clock, index)}: gas of prosumer {row} is {gas[row]:.12g} kWh")


def check_money(
    eur: FloatArray,
    tariff: IntArray,
    rates: FloatArray,
    flows: FloatArray,
    gas: FloatArray,
    index: int,
    clock: Clock,
) -> None:
    """What prosumers pay of every component is what its receivers receive.

    Raises:
        AuditError: with the period, the component and the two sums.
    """
    paid = eur.sum(axis=1)
    received = due(tariff, rates, flows, gas)
    allowed = TOLERANCE * max(float(np.nansum(np.abs(eur))), _LEAST_EUR)
    good = np.abs(paid - received) <= allowed  # false for NaN
    if not good.all():
        row = int(np.argmin(good))
        item = BILLED[row]
        raise AuditError(
            f"{_period(clock, index)}: of {item.name}, prosumers pay {paid[row]:.12g} EUR, but "
            f"{PARTIES[item.receiver]} receive {received[row]:.12g} EUR"
        )


def _period(clock: Clock, index: int) -> str:
    return f"period {index} ({local_text(clock, index)})"
