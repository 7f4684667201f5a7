"""The saving against what the same need costs with the utility alone. The fleet that meets this need (its own
states, no trade) is not this room's."""

from __future__ import annotations

from cosim.core.arrays import FloatArray
from cosim.settlement.bills import Bill


def saving_eur(bill: Bill, counterfactual: Bill) -> FloatArray:
    """What every prosumer saves in one period, shape (n,): the cost with the utility alone less the cost.

    Raises:
        ValueError: if the two bills are of different periods.
    """
    if bill.index != counterfactual.index:
        raise ValueError(f"bills of periods {bill.index} and {counterfactual.index} cannot be compared")
    return counterfactual.total_eur - bill.total_eur
