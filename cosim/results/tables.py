"""The tables of a run: every column with its type, unit and explanation. docs/outputs.md is generated from
here. How rows get into files is the recorder's business."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pyarrow as pa

from cosim.core.outputs import Detail

FORMAT = 1
"""Version of the folder's layout; raised when an older cosim could not read it."""

Aggregate = Literal["sum", "mean", "min", "max", "last", "all"]
Kind = Literal["float64", "float32", "int32", "int64", "bool", "name", "time"]
Rows = Literal["community", "prosumer", "bus", "branch", "event"]

_ARROW = {
    "float64": pa.float64(),
    "float32": pa.float32(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "bool": pa.bool_(),
    "name": pa.dictionary(pa.int32(), pa.string()),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str
    unit: str
    """"" for what has none."""
    about: str
    kind: Kind = "float64"
    aggregate: Aggregate = "sum"
    """How the values of a block of periods become one, if the table is recorded by hour or day."""
    weight: str = ""
    """Column that weighs the mean; "" for equal weights."""
    extremes: bool = False
    """Blocks also keep the lowest and highest value, as NAME_min and NAME_max."""
    optional: bool = False
    """May be left out by who records; it is NaN then."""
    members: Literal["", "prosumer"] = ""
    """For names: values are given as indices of the community's prosumers."""
    carrier: str = ""
    """Of the energy of a kind of device, kept in the field's metadata; "" for all other columns."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its columns after the ones that every table of its kind begins with."""

    name: str
    about: str
    rows: Rows
    columns: tuple[Column, ...]
    network_rate: bool = False
    """Rows come at the power flow's rate, not at the settlement's."""

    @property
    def keys(self) -> tuple[Column, ...]:
        """The columns that say when and whose a row is."""
        return (*_WHEN, *_WHOSE.get(self.rows, ()))

    def recorded(self, detail: Detail) -> tuple[Column, ...]:
        """The columns after the keys, as recorded at this detail."""
        if detail == "period":
            return self.columns
        found: list[Column] = []
        for column in self.columns:
            found.append(column)
            if column.extremes:
                found.append(replace(column, name=f"{column.name}_min", about="Lowest.", aggregate="min"))
                found.append(replace(column, name=f"{column.name}_max", about="Highest.", aggregate="max"))
        return tuple(found)

    def schema(self, detail: Detail, zone: str, hours: float) -> pa.Schema:
        """The Arrow schema, with unit and explanation in each field's metadata.

        Args:
            detail: How finely the table is recorded.
            zone: Name of the time zone in which times are shown.
            hours: What one row covers [h].
        """
        fields = [field(column, zone) for column in (*self.keys, *self.recorded(detail))]
        return pa.schema(
            fields,
            metadata={
                "cosim_table": self.name,
                "cosim_format": str(FORMAT),
                "cosim_detail": detail,
                "cosim_hours": str(hours),
            },
        )


def field(column: Column, zone: str) -> pa.Field:
    """One Arrow field; times are UTC instants shown in `zone`."""
    kind = pa.timestamp("ms", tz=zone) if column.kind == "time" else _ARROW[column.kind]
    metadata = {"unit": column.unit, "about": column.about}
    if column.carrier:
        metadata["carrier"] = column.carrier
    return pa.field(column.name, kind, metadata=metadata)


def numpy_type(kind: Kind) -> np.dtype[np.generic]:
    """What a recorder keeps the column in."""
    return np.dtype("int32" if kind == "name" else kind)


def energy(name: str, about: str, *, optional: bool = False) -> Column:
    """A column of energy, summed over blocks."""
    return Column(name, "kWh", about, optional=optional)


def money(name: str, about: str, *, optional: bool = False) -> Column:
    """A column of money, summed over blocks."""
    return Column(name, "EUR", about, optional=optional)


def price(name: str, about: str, weight: str = "") -> Column:
    """A column of prices, averaged over blocks."""
    return Column(name, "EUR/kWh", about, aggregate="mean", weight=weight)


_WHEN = (
    Column(
        "time", "", "Start of the period (or block of periods), a UTC instant in the scenario's zone.", "time"
    ),
    Column("period", "", "Number of the settlement period, from 0.", "int32"),
    Column("community", "", "Name of the community.", "name"),
)
_WHOSE: dict[str, tuple[Column, ...]] = {
    "prosumer": (Column("prosumer", "", "Name of the prosumer.", "name"),),
    "bus": (Column("bus", "", "Name of the bus.", "name"),),
    "branch": (
        Column("kind", "", "`line` or `transformer`.", "name"),
        Column("branch", "", "Name of the line or transformer.", "name"),
    ),
}

STEPS = Table(
    "steps",
    "Totals of each community in each period.",
    "community",
    (
        energy("load_kwh", "Consumption of all prosumers: loads, vehicles, and what sources of heat draw."),
        energy("generation_kwh", "Produced by all prosumers, after curtailment, positive."),
        energy("curtailed_kwh", "What generators could have produced beyond that.", optional=True),
        energy("storage_kwh", "Charged into batteries less discharged, at their terminals.", optional=True),
        energy("net_kwh", "Metered energy of all prosumers, drawn positive: import - export, and imbalance."),
        energy("import_kwh", "Bought from the utility, as contracted."),
        energy("export_kwh", "Fed in to the utility, as contracted, positive."),
        energy("p2p_kwh", "Traded between prosumers."),
        energy(
            "internal_kwh", "Passed between devices of one prosumer by the market's matching.", optional=True
        ),
        energy("offered_kwh", "Submitted for sale.", optional=True),
        energy("asked_for_kwh", "Submitted to buy.", optional=True),
        Column("trades", "", "Number of trades.", "int64"),
        price("mean_price", "Mean price of the trades, weighted by volume; NaN without a trade.", "p2p_kwh"),
        Column(
            "last_price",
            "EUR/kWh",
            "Price of the last trade; NaN without one.",
            aggregate="last",
            optional=True,
        ),
        Column(
            "best_bid",
            "EUR/kWh",
            "Highest bid left at closure; NaN if none is.",
            aggregate="mean",
            optional=True,
        ),
        Column(
            "best_ask",
            "EUR/kWh",
            "Lowest ask left at closure; NaN if none is.",
            aggregate="mean",
            optional=True,
        ),
        price("retail_price", "Mean over the prosumers of what the utility takes."),
        price("feed_in_price", "Mean over the prosumers of what the utility pays."),
        money("cost_eur", "Bills of all prosumers, everything included."),
        money("counterfactual_cost_eur", "What they would have paid with the utility alone."),
        energy(
            "counterfactual_import_kwh", "What they would have bought from the utility alone.", optional=True
        ),
        energy("counterfactual_export_kwh", "What they would have fed in without trading.", optional=True),
        money("surplus_eur", "Gain from the trades at the orders' own limit prices.", optional=True),
        money(
            "optimal_surplus_eur",
            "The most that a call auction of the same orders could gain.",
            optional=True,
        ),
        energy(
            "passive_kwh",
            "Drawn by the grid's own loads, which take no part, less its own generation.",
            optional=True,
        ),
        energy("slack_kwh", "Drawn from the grid above.", optional=True),
        energy("losses_kwh", "Lost in lines and transformers.", optional=True),
        Column("vm_min_pu", "pu", "Lowest bus voltage.", "float32", "min", optional=True),
        Column("vm_max_pu", "pu", "Highest bus voltage.", "float32", "max", optional=True),
        Column(
            "line_loading_max_percent", "percent", "Highest line loading.", "float32", "max", optional=True
        ),
        Column(
            "trafo_loading_max_percent",
            "percent",
            "Highest transformer loading.",
            "float32",
            "max",
            optional=True,
        ),
        Column("violations", "", "Broken limits, counted once an element and power flow.", "int64"),
        Column("broken_h", "h", "How long any limit was broken.", optional=True),
        energy(
            "counterfactual_losses_kwh", "What would have been lost with the utility alone.", optional=True
        ),
        Column(
            "counterfactual_violations",
            "",
            "Limits that would have been broken with the utility alone.",
            optional=True,
        ),
        Column("counterfactual_broken_h", "h", "How long any would have been broken then.", optional=True),
        Column(
            "stored_kwh",
            "kWh",
            "In batteries, vehicles and hydrogen tanks at the end of the period.",
            aggregate="last",
            optional=True,
        ),
        Column(
            "unserved_kwh",
            "kWh",
            "Needed since the start and not to be had: trips beyond what a vehicle's battery held, loads "
            "that could wait and ran out of time.",
            aggregate="last",
            optional=True,
        ),
        Column(
            "counterfactual_stored_kwh",
            "kWh",
            "What would be stored with the utility alone.",
            aggregate="last",
            optional=True,
        ),
        Column("converged", "", "False if a power flow of the period did not converge.", "bool", "all"),
        Column(
            "energy_residual", "", "What the energy audit leaves, relative.", aggregate="max", optional=True
        ),
        Column(
            "money_residual", "", "What the money audit leaves, relative.", aggregate="max", optional=True
        ),
    ),
)
PROSUMERS = Table(
    "prosumers",
    "What each prosumer used, traded and paid. Each kind of device adds a column KIND_kwh, drawn positive: "
    "the energy at its main terminal, which is heat for what demands, stores and gives heat. What turns "
    "electricity into heat, or gives both, adds KIND_electricity_kwh, too.",
    "prosumer",
    (
        energy("load_kwh", "Consumption: loads, vehicles, and what sources of heat draw."),
        energy("generation_kwh", "Produced, after curtailment, positive."),
        energy("net_kwh", "Metered, drawn positive: `bought - sold + import - export`, and imbalance."),
        energy("bought_kwh", "Bought from other prosumers."),
        energy("sold_kwh", "Sold to other prosumers, positive."),
        energy("import_kwh", "Bought from the utility, as contracted."),
        energy("export_kwh", "Fed in to the utility, as contracted, positive."),
        Column(
            "stored_kwh",
            "kWh",
            "In batteries, vehicles and hydrogen tanks at the end of the period.",
            aggregate="last",
            optional=True,
        ),
        money("trade_cost_eur", "Paid to other prosumers less received from them."),
        money("cost_eur", "The bill, everything included; negative is income."),
        money("counterfactual_cost_eur", "The bill with the utility alone."),
    ),
)
TRADES = Table(
    "trades",
    "Every trade, in the order in which it happened.",
    "event",
    (
        Column("round", "", "Round of the session, from 0.", "int32"),
        Column("buyer", "", "Name of the prosumer who buys.", "name", members="prosumer"),
        Column("seller", "", "Name of the prosumer who sells.", "name", members="prosumer"),
        energy("quantity_kwh", "Energy that changes hands."),
        price("price_eur_per_kwh", "Price before network charges, levies and taxes."),
    ),
)
BUSES = Table(
    "buses",
    "State of each bus at each power flow.",
    "bus",
    (
        Column(
            "vm_pu",
            "pu",
            "Voltage; NaN where the flow did not converge or nothing feeds the bus.",
            "float32",
            "mean",
            extremes=True,
        ),
        Column("p_kw", "kW", "Power drawn at the bus, injection negative.", "float32", "mean", optional=True),
        Column("q_kvar", "kvar", "Reactive power drawn at the bus.", "float32", "mean", optional=True),
    ),
    network_rate=True,
)
BRANCHES = Table(
    "branches",
    "Loading of each line and transformer at each power flow.",
    "branch",
    (
        Column(
            "loading_percent",
            "percent",
            "Loading; NaN where the flow did not converge.",
            "float32",
            "mean",
            extremes=True,
        ),
    ),
    network_rate=True,
)
VIOLATIONS = Table(
    "violations",
    "Every broken limit, one row an element and power flow; also as violations.csv.",
    "event",
    (
        Column(
            "kind",
            "",
            "`undervoltage`, `overvoltage`, `line_overload`, `transformer_overload` or `diverged`.",
            "name",
        ),
        Column(
            "element", "", "Number of the bus, line or transformer in its grid; -1 for `diverged`.", "int32"
        ),
        Column("name", "", "Name of the element.", "name"),
        Column("value", "pu or percent", "What was found; NaN for `diverged`."),
        Column("limit", "pu or percent", "The limit that it breaks."),
        Column("excess", "pu or percent", "How far beyond, positive."),
        Column(
            "episode",
            "",
            "Number of the episode in its community: one element and kind, without a break; counts up.",
            "int64",
        ),
        Column(
            "lasted_h", "h", "How long the limit is broken in the episode so far, this power flow included."
        ),
    ),
    network_rate=True,
)
DURATION = Column("duration_h", "h", "How long the limit is seen broken in the whole episode.")
"""Added to `violations` at the end of a run, when it is known."""

LEARNING = Table(
    "learning",
    "What learning policies say of their updates, and what came of them; only where a policy learns. A row a "
    "metric, for policies differ in what they measure; docs/policies.md explains each. "
    '`run.learning.pivot_table(index="time", columns="metric", values="value", observed=True)` makes a '
    "column of each. `period` is the last one that was learnt from; of metrics that begin with `day.` it is "
    "the last of the 24 hours that they are about.",
    "event",
    (
        Column("policy", "", "Label of the policy in the scenario.", "name"),
        Column("update", "", "Updates of this policy so far, this one included.", "int32"),
        Column("metric", "", "What is measured.", "name"),
        Column("value", "", "Its value, in the unit that its name says."),
    ),
)
ACTIONS = Table(
    "actions",
    "What learning policies did, exploration included; only where a policy learns. A row for each 24 hours "
    "from the start of the run, hour of the day and field of the action; `time` and `period` are the first "
    "of the 24 hours.",
    "event",
    (
        Column("policy", "", "Label of the policy in the scenario.", "name"),
        Column("hour", "h", "Hour of the day, local time.", "int32"),
        Column("action", "", "Field of the action.", "name"),
        Column("mean", "", "Mean over the prosumers that have it and the periods of the hour, in [-1, 1]."),
        Column("std", "", "Standard deviation over the same."),
        Column("decisions", "", "How many numbers these are of: prosumers times periods.", "int64"),
    ),
)
LEARNED = (LEARNING.name, ACTIONS.name)
"""Tables of runs in which a policy learns."""

TABLES: dict[str, Table] = {
    table.name: table for table in (STEPS, PROSUMERS, TRADES, BUSES, BRANCHES, VIOLATIONS, LEARNING, ACTIONS)
}

TOTALS = Table(
    "prosumer_totals",
    "Each prosumer over the whole run (without the columns time and period).",
    "prosumer",
    (
        Column("group", "", "Group of the scenario.", "name", optional=True),
        Column("bus", "", "Bus at which the prosumer is connected.", "name", optional=True),
        *(column for column in PROSUMERS.columns if column.aggregate == "sum"),
        money("saving_eur", "Bill with the utility alone less the bill."),
        Column("worse_off", "", "True if the bill is higher than with the utility alone.", "bool", "last"),
    ),
)
