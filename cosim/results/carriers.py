"""Further columns of the tables, for runs that have more than electricity which is delivered as it was
traded: heat, a market for it, gas, carbon dioxide, imbalance. A run has the columns of what it has, no
others."""

from __future__ import annotations

from dataclasses import dataclass, fields

from cosim.results.tables import TABLES, Column, energy, money, price


@dataclass(frozen=True, slots=True)
class Extent:
    """What a run has beside the trade of electricity."""

    heat: bool = False
    """Somebody has a device for heat."""
    heat_market: bool = False
    """Heat is traded."""
    gas: bool = False
    """Somebody has a device that burns gas."""
    carbon: bool = False
    """Carbon dioxide is told apart: where there is heat or gas."""
    imbalance: bool = False
    """What is delivered can differ from what was contracted."""


@dataclass(frozen=True, slots=True)
class Further:
    """The columns of one part of an extent."""

    about: str
    """Which runs have them: "with ..."."""
    steps: tuple[Column, ...] = ()
    prosumers: tuple[Column, ...] = ()
    trades: tuple[Column, ...] = ()


def _last(name: str, about: str) -> Column:
    return Column(name, "kWh", about, aggregate="last", optional=True)


def _sum(name: str, about: str) -> Column:
    return energy(name, about, optional=True)


def _paid(name: str, about: str) -> Column:
    return money(name, about, optional=True)


_HEAT = Further(
    "with a device for heat",
    steps=(
        _sum("heat_load_kwh", "Heat that demands and buildings draw."),
        _sum("heat_produced_kwh", "Heat that sources give, positive."),
        _sum("heat_storage_kwh", "Heat charged into stores less discharged, at their terminals."),
        _sum("heat_unserved_kwh", "Heat that was needed and not to be had."),
        _sum("heat_dumped_kwh", "Heat that was given and that nobody could take, positive."),
        _sum("heat_electricity_kwh", "Electricity that sources of heat draw, less what they give (CHP)."),
        _last(
            "heat_stored_kwh",
            "Heat in stores at the end of the period, and in buildings above the lower end of their "
            "comfort band.",
        ),
        _last(
            "heat_unmet_kwh",
            "Heat that buildings needed since the start for the comfort band, beyond what their radiators "
            "give.",
        ),
        _paid("unserved_penalty_eur", "What unserved heat counts for in rewards; it is on no bill."),
        _sum("counterfactual_heat_unserved_kwh", "What would not have been served with the utility alone."),
        _last("counterfactual_heat_stored_kwh", "What would be stored with the utility alone."),
        Column(
            "heat_residual",
            "",
            "What the audit of heat leaves, relative to the largest need.",
            aggregate="max",
            optional=True,
        ),
    ),
    prosumers=(
        _sum("heat_load_kwh", "Heat that demands and buildings draw."),
        _sum("heat_produced_kwh", "Heat that sources give, positive."),
        _sum("heat_unserved_kwh", "Heat that was needed and not to be had."),
        _sum("heat_dumped_kwh", "Heat that was given and that nobody could take, positive."),
        _last("heat_stored_kwh", "Heat in stores and building at the end of the period, as in `steps`."),
    ),
)
_HEAT_MARKET = Further(
    "with a heat loop",
    steps=(
        _sum("heat_p2p_kwh", "Heat traded between prosumers, as delivered."),
        _sum("heat_lost_kwh", "Heat that sellers gave beyond that, and that the pipes lost."),
        _sum("heat_internal_kwh", "Passed between devices of one prosumer by the market's matching."),
        _sum("heat_offered_kwh", "Heat submitted for sale."),
        _sum("heat_asked_for_kwh", "Heat submitted to buy."),
        Column("heat_trades", "", "Number of trades in heat.", "int64"),
        price(
            "heat_mean_price", "Mean price of these trades, weighted by volume; NaN without.", "heat_p2p_kwh"
        ),
        Column("heat_last_price", "EUR/kWh", "Price of the last of them.", aggregate="last", optional=True),
        Column("heat_best_bid", "EUR/kWh", "Highest bid left at closure.", aggregate="mean", optional=True),
        Column("heat_best_ask", "EUR/kWh", "Lowest ask left at closure.", aggregate="mean", optional=True),
        _paid("heat_surplus_eur", "Gain from these trades at the orders' own limit prices."),
        _paid("heat_optimal_surplus_eur", "The most that a call auction of the same orders could gain."),
    ),
    prosumers=(
        _sum("heat_bought_kwh", "Heat bought from other prosumers, as delivered."),
        _sum("heat_sold_kwh", "Heat sold to other prosumers, as delivered, positive."),
        _sum("heat_lost_kwh", "Heat given beyond what was sold, and lost on the way."),
        _paid("heat_trade_eur", "Paid to other prosumers for heat less received from them."),
    ),
    trades=(Column("carrier", "", "What is traded: `electricity` or `heat`.", "name"),),
)
_GAS = Further(
    "with a device that burns gas",
    steps=(
        _sum("gas_kwh", "Gas burnt (lower heating value)."),
        _paid("gas_eur", "Paid for it, without the price of carbon."),
        _paid("carbon_eur", "Paid for the carbon dioxide of gas."),
        _sum("counterfactual_gas_kwh", "What would have been burnt with the utility alone."),
    ),
    prosumers=(
        _sum("gas_kwh", "Gas burnt (lower heating value)."),
        _paid("gas_eur", "Paid for it, without the price of carbon."),
        _paid("carbon_eur", "Paid for the carbon dioxide of gas."),
    ),
)
_CARBON = Further(
    "with heat or gas",
    steps=(
        Column("carbon_kg", "kg", "Carbon dioxide of gas burnt and of what the grid gave.", optional=True),
        Column("counterfactual_carbon_kg", "kg", "The same with the utility alone.", optional=True),
    ),
)
_IMBALANCE = Further(
    "with forecasts that can be wrong, or a gate closure ahead of delivery",
    steps=(
        _sum("short_kwh", "Drawn beyond what was contracted, summed over the prosumers who did."),
        _sum("long_kwh", "Not taken, or given beyond what was contracted, positive; likewise."),
        _paid("imbalance_eur", "Paid to the retailer for both, without what comes on top of energy."),
        _sum("delivered_import_kwh", "Taken from the utility as it was delivered: import and imbalance."),
        _sum("delivered_export_kwh", "Fed in to the utility as it was delivered, positive."),
    ),
    prosumers=(
        _sum("imbalance_kwh", "Drawn beyond what was contracted, negative where it was less."),
        _paid("imbalance_eur", "Paid to the retailer for it, without what comes on top of energy."),
    ),
)
FURTHER: dict[str, Further] = {
    "heat": _HEAT,
    "heat_market": _HEAT_MARKET,
    "gas": _GAS,
    "carbon": _CARBON,
    "imbalance": _IMBALANCE,
}
"""By field of `Extent`."""


def further(extent: Extent) -> dict[str, list[Column]]:
    """Table -> the further columns that a run of this extent has; for the recorder."""
    found: dict[str, list[Column]] = {name: [] for name in TABLES}
    for part in fields(extent):
        if getattr(extent, part.name):
            columns = FURTHER[part.name]
            found["steps"] += columns.steps
            found["prosumers"] += columns.prosumers
            found["trades"] += columns.trades
    return {table: columns for table, columns in found.items() if columns}
