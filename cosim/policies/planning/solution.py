"""What the linear programme of a community found, by device and prosumer: a record that solves nothing."""

from __future__ import annotations

from dataclasses import dataclass

from cosim.core.arrays import FloatArray
from cosim.policies.planning.blocks import Blocks

FLOWS = ("import", "export", "bought", "sold", "heat_bought", "heat_sold", "unserved", "dumped")
"""Names of `Solution.flows_kwh`, electricity first."""


@dataclass(frozen=True, slots=True)
class Solution:
    """The optimum. Energies are sums over a block [kWh], prices duals [EUR/kWh]; B blocks, n prosumers."""

    blocks: Blocks
    objective_eur: float
    """Everything that is minimised, penalties and the value of what is stored at the end included."""
    cost_eur: float
    """What the utility, the gas and the charges on trades cost: the first line of what is minimised."""
    bills_eur: FloatArray
    """The same by prosumer, shape (n,): what members pay each other is not in it, what was traded at
    `heat_market_price` is."""
    energy_kwh: dict[str, FloatArray]
    """Kind -> energy at the main terminal, shape (B, d)."""
    inside_kwh: dict[str, FloatArray]
    """Kind that stores -> content after each block, shape (B, d)."""
    value: dict[str, FloatArray]
    """Kind that stores or has a deadline -> what a kWh more inside would save after each block, (B, d)."""
    price: FloatArray
    """What a kWh more of electricity would cost each prosumer, shape (B, n)."""
    heat_price: FloatArray
    """The same of heat; 0 for who has no device for heat, shape (B, n)."""
    flows_kwh: dict[str, FloatArray]
    """`import`, `export`, `bought`, `sold`, `heat_bought` (as delivered), `heat_sold` (as given), `unserved`,
    `dumped`, each of shape (B, n), not negative."""
    gas_kwh: FloatArray
    """Shape (B, n)."""
    market_price: FloatArray
    """Dual of what is bought being what is sold, the price at which sellers sell and buyers, who pay the
    charges on top, buy; NaN where nobody trades at all, shape (B,)."""
    heat_market_price: FloatArray
    """The same of heat as delivered, shape (B,)."""
    at_once_kwh: float
    """Charged and discharged by one store in one block: no device can do that."""
    outside_kwh: float
    """Content outside its window, summed over blocks, and loads that miss their deadline: 0 where the
    envelopes can be kept."""
    seconds: float
    """To build and solve."""
