"""The money table of a run: what every party pays, in the run and with the utility alone, and how much of the
prosumers' saving is a gain and how much a transfer. It adds up period by period and keeps no history.

Everything that prosumers pay goes to another party; what the parties together pay is the cost of energy from
outside, W = wholesale x (import - export + losses). So with d for run less utility alone:

    saving of prosumers = -dW + d(retailer) + d(network operator) + d(state)
                          gain  transfers: what the others pay more, or receive less

Energy that the stores hold at the end of the run, but not with the utility alone, is in none of these: it is
valued beside the table, if the run says how much that is (`MoneyTable.close`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.settlement.bills import COMPONENTS, Bill

PARTIES = ("prosumers", "retailer", "network operator", "state", "outside")
"""Rows of the money table; `outside` is whoever sells energy to the community's parties."""
ITEMS = (*COMPONENTS, "procurement", "losses")
"""Columns: what bills are made of, then what the retailer and the network operator buy outside."""
PROSUMERS, RETAILER, OPERATOR, STATE, OUTSIDE = range(len(PARTIES))
_RECEIVER = (PROSUMERS, RETAILER, OPERATOR, STATE, STATE, RETAILER, OUTSIDE, OUTSIDE)
"""Who receives each item."""
_PAYER = (*(PROSUMERS for _ in COMPONENTS), RETAILER, OPERATOR)
"""Who pays each item."""
_GAINS = (("energy", "procurement"), ("losses", "losses"))
_LEAST_EUR = 1e-6
"""Below this nobody is worse off: rounding."""
_LEAST_KWH = 1e-6
"""Below this nothing is left in stores: rounding."""


@dataclass(frozen=True)
class Money:
    """The money table; positive pays, negative receives. `actual` is the run, `alone` the utility alone."""

    actual_eur: FloatArray
    """Shape (len(PARTIES), len(ITEMS)); every column sums to zero."""
    alone_eur: FloatArray
    """Likewise."""
    cost_eur: FloatArray
    """Cost of every prosumer, shape (n,)."""
    alone_cost_eur: FloatArray
    """Likewise."""
    actual_losses_kwh: float
    """Where they are known."""
    alone_losses_kwh: float
    """Likewise; the actual ones stand in where only these are known."""
    periods: int
    periods_without_losses: int
    """Periods whose losses are in neither side of the table: no power flow, or one that did not converge."""
    periods_with_equal_losses: int
    """Periods in which losses with the utility alone were not known and are taken to be the actual ones."""
    stored_kwh: FloatArray | None = None
    """Energy stored at the end, run less utility alone, of every prosumer, shape (n,); None if not known."""
    stored_eur: FloatArray | None = None
    """What that is worth, shape (n,); None if not known."""

    @property
    def change_eur(self) -> FloatArray:
        """What every party pays more in the run, shape (len(PARTIES),)."""
        change: FloatArray = (self.actual_eur - self.alone_eur).sum(axis=1)
        return change

    @property
    def saving_eur(self) -> float:
        """What the prosumers together save."""
        return -float(self.change_eur[PROSUMERS])

    @property
    def gain_eur(self) -> dict[str, float]:
        """Saving at nobody's expense: less energy procured, or at a better time, and fewer losses."""
        saved = (self.actual_eur - self.alone_eur)[OUTSIDE]
        return {name: float(saved[ITEMS.index(item)]) for name, item in _GAINS}

    @property
    def transfer_eur(self) -> dict[str, float]:
        """Saving at the expense of each other party; negative: that party is better off too."""
        change = self.change_eur
        return {PARTIES[party]: float(change[party]) for party in (RETAILER, OPERATOR, STATE)}

    @property
    def saving_with_stored_eur(self) -> float | None:
        """What the prosumers together save, stored energy valued; None if that is not known."""
        return None if self.stored_eur is None else self.saving_eur + float(self.stored_eur.sum())

    def worse_off(self) -> tuple[IntArray, FloatArray]:
        """Prosumers who are worse off than with the utility alone, worst first, and by how much [EUR].

        That is what they pay more, less the worth of what they have more in their stores, if that is known.
        """
        more = self.cost_eur - self.alone_cost_eur
        if self.stored_eur is not None:
            more = more - self.stored_eur
        order = np.argsort(-more, kind="stable")
        chosen = order[more[order] > _LEAST_EUR]
        return chosen, more[chosen]

    def rows(self) -> list[dict[str, Any]]:
        """The table in long form: party, item, actual, utility alone, change [EUR]; items that do not concern
        a party are left out."""
        return [
            {
                "party": PARTIES[party],
                "item": ITEMS[item],
                "actual_eur": float(self.actual_eur[party, item]),
                "utility_only_eur": float(self.alone_eur[party, item]),
                "change_eur": float(self.actual_eur[party, item] - self.alone_eur[party, item]),
            }
            for party in range(len(PARTIES))
            for item in range(len(ITEMS))
            if party in (_PAYER[item], _RECEIVER[item])
        ]

    def summary(self) -> dict[str, Any]:
        """The table's figures by party, as plain numbers for JSON.

        Where stored energy is not known, `stored` and `saving_with_stored_eur` are None and `worse_off` goes
        by bills alone.
        """
        worse, more = self.worse_off()
        parties = {
            name: {
                "cost_eur": float(self.actual_eur[party].sum()),
                "utility_only_eur": float(self.alone_eur[party].sum()),
                "change_eur": float(self.change_eur[party]),
            }
            for party, name in enumerate(PARTIES)
        }
        return {
            "parties": parties,
            "saving_eur": self.saving_eur,
            "stored": self._stored(),
            "saving_with_stored_eur": self.saving_with_stored_eur,
            "gain_eur": self.gain_eur,
            "transfer_eur": self.transfer_eur,
            "worse_off": {"prosumers": len(worse), "most_eur": float(more.max(initial=0.0))},
            "notes": self.notes(),
        }

    def _stored(self) -> dict[str, float] | None:
        if self.stored_kwh is None or self.stored_eur is None:
            return None
        return {
            "difference_kwh": float(self.stored_kwh.sum()),
            "worth_eur": float(self.stored_eur.sum()),
        }

    def notes(self) -> list[str]:
        """What must be known to read the table: what is left in stores, and how losses were treated."""
        notes = []
        stored = self._stored()
        if stored is not None and abs(stored["difference_kwh"]) > _LEAST_KWH:
            notes.append(_stored_note(stored["difference_kwh"], stored["worth_eur"], self.saving_eur))
        if count := self.periods_without_losses:
            notes.append(f"losses are unknown in {count} of {self.periods} periods and left out there")
        if count := self.periods_with_equal_losses:
            notes.append(
                f"losses with the utility alone are unknown in {count} of {self.periods} periods and taken "
                "to be the actual ones: no gain from losses is counted there"
            )
        return notes


class MoneyTable:
    """Adds up the bills of a run.

    Args:
        prosumers: How many there are.
    """

    def __init__(self, prosumers: int) -> None:
        self._cost = np.zeros((2, prosumers))
        self._items = np.zeros((2, len(ITEMS)))
        self._losses_kwh = [0.0, 0.0]
        self._stored: tuple[FloatArray, FloatArray] | None = None
        self._periods = 0
        self._without = 0
        self._equal = 0

    def add(
        self,
        bill: Bill,
        counterfactual: Bill,
        losses_kwh: float | None = None,
        counterfactual_losses_kwh: float | None = None,
    ) -> None:
        """Adds one period.

        Args:
            bill: Of the run.
            counterfactual: Of the same period with the utility alone.
            losses_kwh: Losses of the grid; None or NaN if unknown: then they count on neither side.
            counterfactual_losses_kwh: Losses with the utility alone; None or NaN: taken to be actual ones.

        Raises:
            ValueError: if the bills are of different periods.
        """
        if bill.index != counterfactual.index:
            raise ValueError(f"bills of periods {bill.index} and {counterfactual.index} cannot be compared")
        self._periods += 1
        losses = self._losses(losses_kwh, counterfactual_losses_kwh)
        for run, (one, lost) in enumerate(zip((bill, counterfactual), losses, strict=True)):
            self._cost[run] += one.total_eur
            self._items[run, : len(COMPONENTS)] += one.sums_eur
            self._items[run, -2] += one.wholesale_eur_per_kwh * one.grid_kwh
            self._items[run, -1] += one.wholesale_eur_per_kwh * lost
            self._losses_kwh[run] += lost

    def close(self, stored_difference_kwh: FloatArray, price_eur_per_kwh: float) -> None:
        """Says what the stores hold at the end of the run.

        Args:
            stored_difference_kwh: Of every prosumer, run less utility alone, shape (n,).
            price_eur_per_kwh: What a kWh of it is worth.

        Raises:
            ValueError: if there is not one value for every prosumer.
        """
        expected = self._cost.shape[1:]
        if stored_difference_kwh.shape != expected:
            raise ValueError(
                f"stored energy has shape {stored_difference_kwh.shape}, expected {tuple(expected)}"
            )
        self._stored = stored_difference_kwh.copy(), price_eur_per_kwh * stored_difference_kwh

    def _losses(self, actual: float | None, alone: float | None) -> tuple[float, float]:
        """Losses of the run and with the utility alone, by the rule of `add`."""
        if actual is None or np.isnan(actual):
            self._without += 1
            return 0.0, 0.0
        if alone is None or np.isnan(alone):
            self._equal += 1
            return actual, actual
        return actual, alone

    def money(self) -> Money:
        """The table up to now."""
        return Money(
            _by_party(self._items[0]),
            _by_party(self._items[1]),
            self._cost[0].copy(),
            self._cost[1].copy(),
            self._losses_kwh[0],
            self._losses_kwh[1],
            self._periods,
            self._without,
            self._equal,
            *(self._stored or (None, None)),
        )


def combined(tables: Sequence[Money]) -> Money:
    """The tables of several communities as one; prosumers follow each other in that order. Stored energy is
    known if it is in all of them.

    Raises:
        ValueError: if there is none.
    """
    if not tables:
        raise ValueError("there is no money table to combine")
    return Money(
        np.sum([table.actual_eur for table in tables], axis=0),
        np.sum([table.alone_eur for table in tables], axis=0),
        np.concatenate([table.cost_eur for table in tables]),
        np.concatenate([table.alone_cost_eur for table in tables]),
        sum(table.actual_losses_kwh for table in tables),
        sum(table.alone_losses_kwh for table in tables),
        sum(table.periods for table in tables),
        sum(table.periods_without_losses for table in tables),
        sum(table.periods_with_equal_losses for table in tables),
        _joined([table.stored_kwh for table in tables]),
        _joined([table.stored_eur for table in tables]),
    )


def _joined(columns: Sequence[FloatArray | None]) -> FloatArray | None:
    """One column after the other, if there are all."""
    known = [column for column in columns if column is not None]
    return np.concatenate(known) if len(known) == len(columns) else None


def _stored_note(more_kwh: float, worth_eur: float, saving_eur: float) -> str:
    """How much of a saving is energy in stores, in a sentence."""
    difference = f"{abs(more_kwh):.4g} kWh {'more' if more_kwh > 0 else 'less'}"
    held = (
        f"at the end the stores hold {difference} than with the utility alone, worth {abs(worth_eur):.4g} EUR"
    )
    saving = f"the saving of {saving_eur:.4g} EUR"
    if more_kwh > 0:
        return f"{held}: this comes on top of {saving}, and `gain` does not count it"
    return f"{held}: so much of {saving} came out of them, which `gain` does not take off"


def _by_party(items: FloatArray) -> FloatArray:
    """What was paid of each item, as the account of every party, shape (len(PARTIES), len(ITEMS))."""
    table = np.zeros((len(PARTIES), len(ITEMS)))
    columns = np.arange(len(ITEMS))
    table[_PAYER, columns] += items
    table[_RECEIVER, columns] -= items
    return table
