"""What the stores hold at the end of a run, beside the money table: energy by carrier, and what it is worth.
It reads no store; whoever has run them says what is in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.core.carriers import Carrier

StoredEnergy = Mapping[Carrier, tuple[FloatArray, float | FloatArray]]
"""Carrier -> energy of every prosumer [kWh], run less utility alone, shape (n,), and what a kWh of it is
worth [EUR/kWh], a number or shape (n,)."""
_LEAST_KWH = 1e-6
"""Below this nothing is left in stores: rounding."""


@dataclass(frozen=True)
class Stored:
    """Energy in stores at the end, run less utility alone."""

    kwh: dict[Carrier, FloatArray]
    """By carrier, shape (n,) each."""
    eur: FloatArray
    """What all of it is worth, shape (n,)."""

    @classmethod
    def of(cls, energy: StoredEnergy, prosumers: int) -> Stored:
        """Values what stores hold.

        Raises:
            ValueError: if there is not one value for every prosumer.
        """
        worth = np.zeros(prosumers)
        for carrier, (kwh, price) in energy.items():
            if kwh.shape != (prosumers,):
                raise ValueError(f"stored energy ({carrier}) has shape {kwh.shape}, expected {(prosumers,)}")
            worth += price * kwh
        return cls({carrier: kwh.copy() for carrier, (kwh, _) in energy.items()}, worth)

    @property
    def difference_kwh(self) -> dict[Carrier, float]:
        """Energy of all prosumers by carrier."""
        return {carrier: float(kwh.sum()) for carrier, kwh in self.kwh.items()}

    @property
    def worth_eur(self) -> float:
        """What the energy of all prosumers is worth."""
        return float(self.eur.sum())

    def summary(self) -> dict[str, Any]:
        """Plain numbers for JSON."""
        return {"difference_kwh": self.difference_kwh, "worth_eur": self.worth_eur}

    def note(self, saving_eur: float) -> str | None:
        """How much of a saving is energy in stores, in a sentence; None if they hold the same."""
        found = {name: kwh for name, kwh in self.difference_kwh.items() if abs(kwh) > _LEAST_KWH}
        if not found:
            return None
        words = " and ".join(
            f"{abs(kwh):.4g} kWh {'more' if kwh > 0 else 'less'} {carrier}" for carrier, kwh in found.items()
        )
        held = f"at the end the stores hold {words} than with the utility alone"
        worth, saving = f"{abs(self.worth_eur):.4g} EUR", f"the saving of {saving_eur:.4g} EUR"
        if self.worth_eur >= 0:
            return f"{held}, worth {worth}: this comes on top of {saving}, and `gain` does not count it"
        taken = f"so much of {saving} came out of them, which `gain` does not take off"
        return f"{held}, worth {worth} less: {taken}"


def joined(parts: Sequence[Stored | None], prosumers: Sequence[int]) -> Stored | None:
    """What the stores of several communities hold, if it is known of all; who has no energy of a carrier that
    another community has, has none."""
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    carriers = dict.fromkeys(carrier for part in known for carrier in part.kwh)
    kwh = {
        carrier: np.concatenate(
            [part.kwh.get(carrier, np.zeros(count)) for part, count in zip(known, prosumers, strict=True)]
        )
        for carrier in carriers
    }
    return Stored(kwh, np.concatenate([part.eur for part in known]))
