"""The money table of a run: what every party pays, in the run and with the utility alone, and how much of the
prosumers' saving is a gain and how much a transfer. It adds up period by period and keeps no history.

Everything that prosumers pay goes to another party; what the parties together pay is the cost of energy from
outside: of electricity, W = wholesale x (import - export + imbalance + losses), and of gas, G. So with d for
run less utility alone:

    saving of prosumers = -dW - dG + d(retailer) + d(network operator) + d(state)
                          gains      transfers: what the others pay more, or receive less

Gas that is not burnt need not be supplied: all that is not paid for it is a gain. What is paid for carbon
goes to the state and is a transfer.

Energy that the stores hold at the end of the run, but not with the utility alone, is in none of these: it is
valued beside the table, if the run says how much that is (`MoneyTable.close`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.settlement.bills import Bill
from cosim.settlement.components import (
    ALL,
    COMPONENTS,
    ITEMS,
    OPERATOR,
    OUTSIDE,
    PARTIES,
    PROSUMERS,
    RETAILER,
    STATE,
)
from cosim.settlement.stored import Stored, StoredEnergy, joined

_GAINS = (("energy", "procurement"), ("gas", "gas"), ("losses", "losses"))
"""Name of each gain and the item that outside receives less of."""
_PAYER, _RECEIVER = [item.payer for item in ALL], [item.receiver for item in ALL]
_PROCUREMENT, _LOSSES = ITEMS.index("procurement"), ITEMS.index("losses")
_SOURCES = ("gas", "grid")
"""Where carbon dioxide comes from."""
_LEAST_EUR = 1e-6
"""Below this nobody is worse off: rounding."""


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
    actual_carbon_kg: FloatArray
    """Carbon dioxide of gas burnt and of electricity from the grid, shape (2,)."""
    alone_carbon_kg: FloatArray
    """Likewise."""
    stored: Stored | None = None
    """Energy in stores at the end, run less utility alone; None if not known."""

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
        """Saving at nobody's expense: less energy procured or at a better time, less gas, fewer losses."""
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
        return None if self.stored is None else self.saving_eur + self.stored.worth_eur

    def worse_off(self) -> tuple[IntArray, FloatArray]:
        """Prosumers who are worse off than with the utility alone, worst first, and by how much [EUR].

        That is what they pay more, less the worth of what they have more in their stores, if that is known.
        """
        more = self.cost_eur - self.alone_cost_eur
        if self.stored is not None:
            more = more - self.stored.eur
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
            "stored": None if self.stored is None else self.stored.summary(),
            "saving_with_stored_eur": self.saving_with_stored_eur,
            "gain_eur": self.gain_eur,
            "transfer_eur": self.transfer_eur,
            "carbon_kg": dict(zip(_SOURCES, self.actual_carbon_kg.tolist(), strict=True)),
            "utility_only_carbon_kg": dict(zip(_SOURCES, self.alone_carbon_kg.tolist(), strict=True)),
            "worse_off": {"prosumers": len(worse), "most_eur": float(more.max(initial=0.0))},
            "notes": self.notes(),
        }

    def notes(self) -> list[str]:
        """What must be known to read the table: what is left in stores, and how losses were treated."""
        notes = []
        if self.stored is not None and (note := self.stored.note(self.saving_eur)) is not None:
            notes.append(note)
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
        self._carbon_kg = np.zeros((2, len(_SOURCES)))
        self._stored: Stored | None = None
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
            self._items[run, _PROCUREMENT] += one.wholesale_eur_per_kwh * one.grid_kwh
            self._items[run, _LOSSES] += one.wholesale_eur_per_kwh * lost
            self._losses_kwh[run] += lost
            self._carbon_kg[run] += one.gas_carbon_kg, one.grid_carbon_kg

    def close(self, stored: StoredEnergy) -> None:
        """Says what the stores hold at the end of the run.

        Args:
            stored: Carrier -> energy of every prosumer, run less utility alone, shape (n,), and what a kWh of
                it is worth.

        Raises:
            ValueError: if there is not one value for every prosumer.
        """
        self._stored = Stored.of(stored, self._cost.shape[1])

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
            self._carbon_kg[0].copy(),
            self._carbon_kg[1].copy(),
            self._stored,
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
        np.sum([table.actual_carbon_kg for table in tables], axis=0),
        np.sum([table.alone_carbon_kg for table in tables], axis=0),
        joined([table.stored for table in tables], [len(table.cost_eur) for table in tables]),
    )


def _by_party(items: FloatArray) -> FloatArray:
    """What was paid of each item, as the account of every party, shape (len(PARTIES), len(ITEMS))."""
    table = np.zeros((len(PARTIES), len(ITEMS)))
    columns = np.arange(len(ITEMS))
    table[_PAYER, columns] += items
    table[_RECEIVER, columns] -= items
    return table
