"""What everybody does in one period and how it was paired: the record between bidding, network, settlement.

Signs as in `records`: drawn positive, injected negative; bought, sold, imported and exported are magnitudes.
"""

from __future__ import annotations

from dataclasses import dataclass

from cosim.core.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class Position:
    """One carrier's energy of every prosumer, shape (n,) each; every column in kWh but the last two.

        net = bought - (sold + lost) + import - export + imbalance

    For heat there is no utility: `import` is heat that was needed and not to be had (unserved), `export` heat
    that nobody could take (dumped).
    """

    net_kwh: FloatArray
    """Sum of the devices: what a meter shows."""
    bought_kwh: FloatArray
    """Bought from other prosumers, as delivered."""
    sold_kwh: FloatArray
    """Sold to other prosumers, as delivered, positive."""
    import_kwh: FloatArray
    """Taken from the utility as contracted at gate closure."""
    export_kwh: FloatArray
    """Fed in to the utility as contracted, positive."""
    lost_kwh: FloatArray
    """Given by the seller on top of what is delivered, and lost on the way."""
    imbalance_kwh: FloatArray
    """Drawn beyond what was contracted (positive: short), or less (negative: long)."""
    trade_cost_eur: FloatArray
    """Paid to other prosumers less received from them."""
    trade_paid_eur: FloatArray
    """Paid to other prosumers, receipts not taken off: what VAT on trades is due on."""


@dataclass(frozen=True, slots=True)
class Dispatch:
    """What every device does in one period, and how the energy of each carrier was paired."""

    device_kwh: dict[str, FloatArray]
    """Device kind -> energy at its main terminal, shape (devices of that kind,)."""
    electricity_kwh: dict[str, FloatArray]
    """Device kind -> electricity that it draws, at whichever terminal; kinds without any are left out."""
    electricity: Position
    heat: Position | None
    """None where nobody has a device for heat."""
    gas_kwh: FloatArray
    """Gas from the utility, lower heating value, shape (n,)."""
