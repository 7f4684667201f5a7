"""What the same need would cost with the utility alone, and the saving against it. The fleet that meets this
need (its own states, no trade) is not this room's."""

from __future__ import annotations

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.core.records import Dispatch
from cosim.settlement.bills import Bill


def utility_only(net_kwh: FloatArray, device_kwh: dict[str, FloatArray] | None = None) -> Dispatch:
    """The dispatch in which everybody settles with the utility.

    Args:
        net_kwh: Metered energy of every prosumer, drawn positive, shape (n,).
        device_kwh: Energy by device kind, if anybody asks.
    """
    nothing = np.zeros_like(net_kwh)
    return Dispatch(
        device_kwh={} if device_kwh is None else device_kwh,
        net_kwh=net_kwh,
        bought_kwh=nothing,
        sold_kwh=nothing,
        import_kwh=np.maximum(net_kwh, 0.0),
        export_kwh=np.maximum(-net_kwh, 0.0),
        trade_cost_eur=nothing,
        trade_paid_eur=nothing,
    )


def saving_eur(bill: Bill, counterfactual: Bill) -> FloatArray:
    """What every prosumer saves in one period, shape (n,): the cost with the utility alone less the cost.

    Raises:
        ValueError: if the two bills are of different periods.
    """
    if bill.index != counterfactual.index:
        raise ValueError(f"bills of periods {bill.index} and {counterfactual.index} cannot be compared")
    return counterfactual.total_eur - bill.total_eur
