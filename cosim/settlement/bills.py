"""Bills of one period: what every prosumer pays, by component, and the audit that nothing is lost. Bills with
the utility alone are computed by the same function from another `Dispatch`.

With P2P purchase B, what was paid for it P, P2P sale S, import I, export E and metered N = B - S + I - E, all
of one prosumer in one period, and rates e (energy), n (network), l (levies), v (VAT), f (feed-in), primed
where a P2P trade pays them:

    D  = max(N, 0)      metered draw, of which
    D' = min(B, D)      was bought from other prosumers and
    D" = D - D'         comes from the utility

    trade   = paid to less received from other prosumers
    energy  = e I                                to the retailer
    network = n D" + n' D'                       to the network operator
    levies  = l D" + l' D'                       to the state
    vat     = v (e I + (n + l) D") + v' (P + (n' + l') D')    to the state
    feed_in = -f E                               from the retailer

Energy is paid as it was contracted. Charges are due on what came through the meter: whoever sells and
imports, or buys and sells, in one period draws only the net, and the rest moves no energy. Who does not do
both has D" = I and D' = B. That the P2P part is at most the metered draw is the rule of Austrian energy
communities by quarter hours (docs/tariffs.md); that all charges follow the meter is our choice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.clock import Clock
from cosim.core.records import Dispatch
from cosim.settlement.audit import check_energy, check_money
from cosim.settlement.kernel import BOUGHT, COST, EXPORT, FLOWS, IMPORT, NET, PAID, SOLD, components
from cosim.settlement.rates import P2P_VAT

COMPONENTS = ("trade", "energy", "network", "levies", "vat", "feed_in")
"""Rows of `Bill.eur`; what later issues add (imbalance, gas) comes behind."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What every prosumer pays for one period; negative is income."""

    index: int
    """Number of the period."""
    eur: FloatArray
    """By component, shape (len(COMPONENTS), n)."""
    total_eur: FloatArray
    """Cost, the sum of the components, shape (n,)."""
    sums_eur: FloatArray
    """Components over all prosumers, shape (len(COMPONENTS),)."""
    grid_kwh: float
    """Import less export of all prosumers: what the retailer procures."""
    wholesale_eur_per_kwh: float
    """What energy is worth outside the community in this period."""

    def column(self, component: str) -> FloatArray:
        """One component, shape (n,); the names are `COMPONENTS`."""
        column: FloatArray = self.eur[COMPONENTS.index(component)]
        return column

    @property
    def trade_eur(self) -> FloatArray:
        """Paid to other prosumers less received from them."""
        return self.column("trade")

    @property
    def energy_eur(self) -> FloatArray:
        """To the retailer, for energy."""
        return self.column("energy")

    @property
    def network_eur(self) -> FloatArray:
        """To the network operator."""
        return self.column("network")

    @property
    def levies_eur(self) -> FloatArray:
        """To the state."""
        return self.column("levies")

    @property
    def vat_eur(self) -> FloatArray:
        """To the state."""
        return self.column("vat")

    @property
    def feed_in_eur(self) -> FloatArray:
        """Received from the retailer, negative."""
        return self.column("feed_in")


def settle(
    index: int,
    dispatch: Dispatch,
    tariff: IntArray,
    rates: FloatArray,
    wholesale_eur_per_kwh: float,
    clock: Clock,
) -> Bill:
    """Bills of one period, audited.

    Args:
        index: Number of the period.
        dispatch: Metered energy and how it was paired.
        tariff: Index of every prosumer's tariff, shape (n,).
        rates: Rates of the period, shape (tariffs, RATES).
        wholesale_eur_per_kwh: What energy is worth outside.
        clock: For the time in messages.

    Raises:
        AuditError: energy or money does not balance to 1e-9.
        ValueError: a column has the wrong length, or VAT on trades needs `trade_paid_eur`.
    """
    flows = _flows(dispatch, len(tariff))
    if dispatch.trade_paid_eur is None:
        flows[PAID] = _paid(flows, rates, index)
    check_energy(flows, index, clock)
    eur = components(tariff, rates, flows)
    check_money(eur, tariff, rates, flows, index, clock)
    grid = float(flows[IMPORT].sum() - flows[EXPORT].sum())
    return Bill(index, eur, eur.sum(axis=0), eur.sum(axis=1), grid, wholesale_eur_per_kwh)


def _flows(dispatch: Dispatch, n: int) -> FloatArray:
    """The columns that bills need, shape (FLOWS, n)."""
    flows = np.zeros((FLOWS, n))
    for row, column in (
        (NET, dispatch.net_kwh),
        (BOUGHT, dispatch.bought_kwh),
        (SOLD, dispatch.sold_kwh),
        (IMPORT, dispatch.import_kwh),
        (EXPORT, dispatch.export_kwh),
        (COST, dispatch.trade_cost_eur),
        (PAID, dispatch.trade_paid_eur),
    ):
        if column is None:
            continue
        if column.shape != (n,):
            raise ValueError(f"a column of the dispatch has shape {column.shape}, expected ({n},)")
        flows[row] = column
    return flows


def _paid(flows: FloatArray, rates: FloatArray, index: int) -> FloatArray:
    """Paid for P2P purchases, where the dispatch does not tell: the trade cost of those who bought."""
    bought = flows[BOUGHT] > 0.0
    both = bought & (flows[SOLD] > 0.0)
    if rates[:, P2P_VAT].any() and both.any():
        raise ValueError(
            f"prosumer {int(np.argmax(both))} both bought and sold in period {index}: VAT on trades needs "
            "Dispatch.trade_paid_eur"
        )
    paid: FloatArray = np.where(bought, flows[COST], 0.0)
    return paid
