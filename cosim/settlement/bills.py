"""Bills of one period: what every prosumer pays, by component, and the audit that nothing is lost. Bills with
the utility alone are computed by the same function from another `Dispatch`.

With P2P purchase B, what was paid for it P, P2P sale S, import I and export E as contracted, metered N, the
energy drawn beyond the contract U and below it O (of which at most one is not zero), so that
N = B - S + I - E + U - O, all of one prosumer in one period, and rates e (energy), n (network), l (levies),
v (VAT), f (feed-in), s (short), o (long), primed where a P2P trade pays them:

    D  = max(N, 0)      metered draw, of which
    D' = min(B, D)      was bought from other prosumers and
    D" = D - D'         comes from the utility

    trade     = paid to less received from other prosumers
    energy    = e I                                to the retailer
    network   = n D" + n' D'                       to the network operator
    levies    = l D" + l' D'                       to the state
    vat       = v (e I + s U + (n + l) D") + v' (P + (n' + l') D')    to the state
    feed_in   = -f E                               from the retailer
    imbalance = s U - o O                          to the retailer

Energy is paid as it was contracted, and what deviates from the contract as imbalance: s takes the place of e,
o that of f. Charges are due on what came through the meter: whoever sells and imports, or buys and sells, in
one period draws only the net, and the rest moves no energy. Who does not do both and keeps its contract has
D" = I and D' = B. That the P2P part is at most the metered draw is the rule of Austrian energy communities by
quarter hours (docs/tariffs.md); that all charges follow the meter is our choice.

With gas burnt G, its price g, what it emits k [kg/kWh] and the price of carbon c [EUR/kg]:

    heat_trade = paid to less received from other prosumers, without charges or VAT
    gas        = g G                               to the supplier of gas, outside
    carbon     = c k G                             to the state
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.clock import Clock
from cosim.core.dispatch import Dispatch, Position
from cosim.settlement.audit import check_energy, check_gas, check_money
from cosim.settlement.components import row_of
from cosim.settlement.config import Carbon
from cosim.settlement.kernel import (
    BOUGHT,
    COST,
    EXPORT,
    FLOWS,
    IMBALANCE,
    IMPORT,
    LOST,
    NET,
    PAID,
    SOLD,
    components,
)


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
    """Import less export plus imbalance of all prosumers: what the retailer procures."""
    wholesale_eur_per_kwh: float
    """What energy is worth outside the community in this period."""
    gas_carbon_kg: float
    """Carbon dioxide of the gas that all prosumers burnt."""
    grid_carbon_kg: float
    """Carbon dioxide of the electricity that the community as a whole draws; what it feeds in saves none."""

    @property
    def carbon_kg(self) -> float:
        """Carbon dioxide of gas and grid."""
        return self.gas_carbon_kg + self.grid_carbon_kg

    def column(self, component: str) -> FloatArray:
        """One component, shape (n,); the names are `COMPONENTS`."""
        column: FloatArray = self.eur[row_of(component)]
        return column

    @property
    def trade_eur(self) -> FloatArray:
        """Paid to other prosumers less received from them, for electricity."""
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

    @property
    def imbalance_eur(self) -> FloatArray:
        """To the retailer, for what deviates from the contract; negative where it pays."""
        return self.column("imbalance")

    @property
    def heat_trade_eur(self) -> FloatArray:
        """Paid to other prosumers less received from them, for heat."""
        return self.column("heat_trade")

    @property
    def gas_eur(self) -> FloatArray:
        """To the supplier of gas."""
        return self.column("gas")

    @property
    def carbon_eur(self) -> FloatArray:
        """To the state, for gas burnt."""
        return self.column("carbon")


def settle(
    index: int,
    dispatch: Dispatch,
    tariff: IntArray,
    rates: FloatArray,
    wholesale_eur_per_kwh: float,
    carbon: Carbon,
    clock: Clock,
) -> Bill:
    """Bills of one period, audited.

    Args:
        index: Number of the period.
        dispatch: Metered energy of each carrier and how it was paired.
        tariff: Index of every prosumer's tariff, shape (n,).
        rates: Rates of the period, shape (tariffs, RATES).
        wholesale_eur_per_kwh: What energy is worth outside.
        carbon: What a kWh emits.
        clock: For the time in messages.

    Raises:
        AuditError: energy or money does not balance to 1e-9, or gas is burnt that has no price.
        ValueError: a column has the wrong length.
    """
    n = len(tariff)
    flows, gas = _flows(dispatch.electricity, n), _column(dispatch.gas_kwh, n)
    check_energy("electricity", flows, index, clock)
    heat_cost = np.zeros(n)
    if dispatch.heat is not None:
        heat = _flows(dispatch.heat, n)
        check_energy("heat", heat, index, clock)
        heat_cost = heat[COST]
    check_gas(gas, index, clock)
    eur, total = components(tariff, rates, flows, heat_cost, gas)
    check_money(eur, tariff, rates, flows, gas, index, clock)
    grid = float(flows[IMPORT].sum() - flows[EXPORT].sum() + flows[IMBALANCE].sum())
    return Bill(
        index,
        eur,
        total,
        eur.sum(axis=1),
        grid,
        wholesale_eur_per_kwh,
        carbon.gas_kg_per_kwh * float(gas.sum()),
        carbon.electricity_kg_per_kwh * max(grid, 0.0),
    )


def _flows(position: Position, n: int) -> FloatArray:
    """The columns that bills need, shape (FLOWS, n)."""
    flows = np.empty((FLOWS, n))
    flows[NET] = _column(position.net_kwh, n)
    flows[BOUGHT] = _column(position.bought_kwh, n)
    flows[SOLD] = _column(position.sold_kwh, n)
    flows[IMPORT] = _column(position.import_kwh, n)
    flows[EXPORT] = _column(position.export_kwh, n)
    flows[LOST] = _column(position.lost_kwh, n)
    flows[IMBALANCE] = _column(position.imbalance_kwh, n)
    flows[COST] = _column(position.trade_cost_eur, n)
    flows[PAID] = _column(position.trade_paid_eur, n)
    return flows


def _column(column: FloatArray, n: int) -> FloatArray:
    """A column of a dispatch, which must have one value for every prosumer."""
    if column.shape != (n,):
        raise ValueError(f"a column of the dispatch has shape {column.shape}, expected ({n},)")
    return column
