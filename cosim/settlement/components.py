"""What is paid in a period, by whom and to whom: the one table that bills, their audit and the money table
are made of. It holds no prices; what a component amounts to is written down in `bills`."""

from __future__ import annotations

from dataclasses import dataclass

PARTIES = ("prosumers", "retailer", "network operator", "state", "outside")
"""Whoever pays or receives; `outside` is whoever sells energy to the other parties, gas among it."""
PROSUMERS, RETAILER, OPERATOR, STATE, OUTSIDE = range(len(PARTIES))


@dataclass(frozen=True, slots=True)
class Item:
    """One kind of payment."""

    name: str
    payer: int
    """Number of the party that pays it; where the amount is negative, it receives."""
    receiver: int
    """Number of the party that receives it."""


BILLED = (
    Item("trade", PROSUMERS, PROSUMERS),
    Item("energy", PROSUMERS, RETAILER),
    Item("network", PROSUMERS, OPERATOR),
    Item("levies", PROSUMERS, STATE),
    Item("vat", PROSUMERS, STATE),
    Item("feed_in", PROSUMERS, RETAILER),
    Item("imbalance", PROSUMERS, RETAILER),
    Item("heat_trade", PROSUMERS, PROSUMERS),
    Item("gas", PROSUMERS, OUTSIDE),
    Item("carbon", PROSUMERS, STATE),
)
"""What bills are made of, in the order of their rows."""
ALL = (*BILLED, Item("procurement", RETAILER, OUTSIDE), Item("losses", OPERATOR, OUTSIDE))
"""What the money table is made of: bills, then what the retailer and the network operator buy outside."""

COMPONENTS = tuple(item.name for item in BILLED)
"""Names of the rows of `Bill.eur`."""
ITEMS = tuple(item.name for item in ALL)
"""Names of the columns of the money table."""


def row_of(component: str) -> int:
    """Row of a bill that holds a component; the names are `COMPONENTS`.

    Raises:
        ValueError: if there is no such component.
    """
    return COMPONENTS.index(component)
