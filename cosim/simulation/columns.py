"""What is recorded of a period: from a community's turn to the columns of the tables. Units, meanings and
types of the columns are the results room's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from cosim.community.community import INFLEXIBLE, Community, Turn
from cosim.community.feeder import Snapshot
from cosim.community.trading import Traded
from cosim.core.arrays import FloatArray, IntArray
from cosim.core.carriers import Carrier
from cosim.results.carriers import Extent
from cosim.results.columns import Kind, joined_trades, market_columns, trade_columns, violation_columns
from cosim.simulation.beside import beside, beside_by_prosumer, extent_of, gains, unserved_of
from cosim.simulation.drawn import Drawn, Ledger
from cosim.simulation.residuals import unbalanced, unpaired

__all__ = ["Columns", "extent_of", "flow_tables", "kinds_of", "prosumers", "steps", "trades"]

Columns = dict[str, Any]


def kinds_of(communities: Sequence[Community]) -> tuple[Kind, ...]:
    """Kinds of devices that have columns of their own, each once; the inflexible load has its own anyway."""
    found = {
        name: Kind(name, device.carrier, "electricity" in device.takes)
        for community in communities
        for name, device in community.fleet.kinds.items()
        if name != INFLEXIBLE
    }
    return tuple(found.values())


def steps(community: Community, extent: Extent | None = None, drawn: Drawn | None = None) -> Columns:
    """Totals of the period.

    Args:
        community: Of which community.
        extent: Which further columns are recorded; None: those that the community has by itself.
        drawn: What its devices drew; None: it is added up here.
    """
    extent = extent_of([community]) if extent is None else extent
    drawn = Ledger(community.fleet).of(community) if drawn is None else drawn
    turn = community.turn
    electricity, clearing = turn.dispatch.electricity, turn.gate.electricity.clearing
    prices = turn.known.prices
    hours = community.feeder.rates.flows.hours
    generation = -drawn.roles["electricity", "generation"]
    found = _summed(
        {
            "load_kwh": drawn.roles["electricity", "load"],
            "generation_kwh": generation,
            "storage_kwh": drawn.roles["electricity", "storage"],
            "net_kwh": electricity.net_kwh,
            "import_kwh": electricity.import_kwh,
            "export_kwh": electricity.export_kwh,
            "internal_kwh": 0.5 * clearing.internal_kwh,
            **market_columns(clearing.public),
            "retail_price": prices.retail_eur_per_kwh,
            "feed_in_price": prices.feed_in_eur_per_kwh,
            "cost_eur": turn.bill.total_eur,
            "counterfactual_cost_eur": turn.shadow_bill.total_eur,
            "counterfactual_import_kwh": turn.shadow.electricity.import_kwh,
            "counterfactual_export_kwh": turn.shadow.electricity.export_kwh,
            "stored_kwh": drawn.stored["electricity"],
            "unserved_kwh": unserved_of(community, "electricity"),
            "counterfactual_stored_kwh": community.counterfactual.stored_kwh(),
            **gains(turn.gate.electricity),
            **_residuals(turn),
            **_grid(turn, hours),
            **_grid_alone(turn, hours),
            **beside(community, extent, drawn),
        }
    )
    for price in ("retail_price", "feed_in_price"):  # means, not sums
        found[price] /= len(generation)
    found["curtailed_kwh"] = _possible_kwh(community) - found["generation_kwh"]
    return found


def _summed(columns: Columns) -> Columns:
    """Columns with the sum of each array in its place: arrays of one length are summed in one go."""
    found, by_length = dict(columns), dict[int, list[str]]()
    for name, value in columns.items():
        if isinstance(value, np.ndarray):
            by_length.setdefault(len(value), []).append(name)
    for names in by_length.values():
        stacked = np.concatenate([columns[name] for name in names]).reshape(len(names), -1)
        found.update(zip(names, np.add.reduce(stacked, axis=1).tolist(), strict=True))
    return found


def prosumers(
    community: Community, kinds: Iterable[Kind], extent: Extent | None = None, drawn: Drawn | None = None
) -> Columns:
    """What each prosumer used, traded and paid.

    Args:
        community: Whose prosumers.
        kinds: Device kinds that have columns of their own, also those that this community lacks.
        extent: As of `steps`.
        drawn: As of `steps`.
    """
    extent = extent_of([community]) if extent is None else extent
    drawn = Ledger(community.fleet).of(community) if drawn is None else drawn
    turn = community.turn
    electricity = turn.dispatch.electricity
    columns = {
        "load_kwh": drawn.roles["electricity", "load"],
        "generation_kwh": -drawn.roles["electricity", "generation"],
        "net_kwh": electricity.net_kwh,
        "bought_kwh": electricity.bought_kwh,
        "sold_kwh": electricity.sold_kwh,
        "import_kwh": electricity.import_kwh,
        "export_kwh": electricity.export_kwh,
        "stored_kwh": drawn.stored["electricity"],
        "trade_cost_eur": electricity.trade_cost_eur,
        "cost_eur": turn.bill.total_eur,
        "counterfactual_cost_eur": turn.shadow_bill.total_eur,
        **beside_by_prosumer(community, extent, drawn),
    }
    for kind in kinds:
        energy = drawn.main.get(kind.name)
        columns[f"{kind.name}_kwh"] = np.zeros(community.fleet.prosumers) if energy is None else energy
        if kind.electric and kind.name in drawn.electricity:
            columns[f"{kind.name}_electricity_kwh"] = drawn.electricity[kind.name]
    return columns


def trades(community: Community, extent: Extent | None = None) -> Columns:
    """Every trade for the period, heat before electricity; `extent` as of `steps`."""
    extent = extent_of([community]) if extent is None else extent
    gate = community.turn.gate
    electricity = _trades_of(gate.electricity)
    if not extent.heat_market:
        return electricity
    heat: dict[Carrier, Columns] = {} if gate.heat is None else {"heat": _trades_of(gate.heat)}
    return joined_trades({**heat, "electricity": electricity})


def _trades_of(session: Traded) -> Columns:
    return trade_columns(session.clearing.trades, session.orders.owner)


def flow_tables(snapshot: Snapshot, episode: IntArray, lasted_h: FloatArray) -> Iterator[tuple[str, Columns]]:
    """Rows of the tables that come at the power flow's rate.

    Args:
        snapshot: The power flow.
        episode: Episode of every violation.
        lasted_h: How long it has lasted.
    """
    flow, broken = snapshot.flow, snapshot.violations
    yield "buses", {"vm_pu": flow.vm_pu, "p_kw": snapshot.p_kw, "q_kvar": snapshot.q_kvar}
    loading = np.concatenate([flow.line_loading_percent, flow.trafo_loading_percent])
    yield "branches", {"loading_percent": loading}
    if len(broken):
        yield "violations", violation_columns(broken, episode, lasted_h)


def _possible_kwh(community: Community) -> float:
    """What the generators could have produced [kWh]; of CHPs what they did."""
    turn, kinds = community.turn, community.fleet.of("electricity")
    total = 0.0
    for kind, energy in turn.dispatch.electricity_kwh.items():
        role = community.fleet.kinds[kind].role
        if role == "generation" and kind in kinds:
            total -= float(turn.known.ranges[kind].low_kwh.sum())
        elif role == "conversion":
            total -= float(np.minimum(energy, 0.0).sum())
    return total


def _residuals(turn: Turn) -> Columns:
    """What the audits leave, relative: energy of every prosumer, money of all trades."""
    left = unbalanced(turn.bill.trade_eur)
    if turn.dispatch.heat is not None:
        left = max(left, unbalanced(turn.bill.heat_trade_eur))
    return {"energy_residual": unpaired(turn.dispatch.electricity), "money_residual": left}


def _grid(turn: Turn, hours: float) -> Columns:
    """Totals of the grid in the period; voltages, loadings and violations only of power flows in it.

    Args:
        turn: The period.
        hours: What a power flow stands for [h].
    """
    snapshots = turn.snapshots
    found: Columns = {
        "violations": sum(len(snapshot.violations) for snapshot in snapshots),
        "broken_h": _broken_h(snapshots, hours),
        "converged": all(snapshot.flow.converged for snapshot in snapshots),
        "passive_kwh": _energy(turn, [snapshot.passive_kw for snapshot in turn.standing]),
        "slack_kwh": _energy(turn, [snapshot.flow.slack_kw for snapshot in turn.standing]),
        "losses_kwh": _energy(turn, [snapshot.flow.losses_kw for snapshot in turn.standing]),
    }
    if not snapshots:
        return found
    flows = [snapshot.flow for snapshot in snapshots]
    return found | {
        "vm_min_pu": min(_least(flow.vm_pu) for flow in flows),
        "vm_max_pu": max(_most(flow.vm_pu) for flow in flows),
        "line_loading_max_percent": max(_most(flow.line_loading_percent) for flow in flows),
        "trafo_loading_max_percent": max(_most(flow.trafo_loading_percent) for flow in flows),
    }


def _grid_alone(turn: Turn, hours: float) -> Columns:
    """The same with the utility alone; nothing where it is not solved."""
    if not turn.shadow_standing:
        return {}
    return {
        "counterfactual_losses_kwh": _energy(
            turn, [snapshot.flow.losses_kw for snapshot in turn.shadow_standing]
        ),
        "counterfactual_violations": sum(len(snapshot.violations) for snapshot in turn.shadow_snapshots),
        "counterfactual_broken_h": _broken_h(turn.shadow_snapshots, hours),
    }


def _energy(turn: Turn, power_kw: list[float]) -> float:
    """Energy in the period [kWh] of the power at instants that stand for equal parts of it; NaN if one of
    them is not known."""
    return sum(power_kw) * (turn.period.hours / len(power_kw))


def _broken_h(snapshots: list[Snapshot], hours: float) -> float:
    """How long any limit was broken [h], as the table of violations counts it."""
    return sum(bool(len(snapshot.violations)) for snapshot in snapshots) * hours


def _least(values: FloatArray) -> float:
    """Smallest value; NaN if all are, or there is none."""
    return float(np.fmin.reduce(values, initial=np.nan))


def _most(values: FloatArray) -> float:
    return float(np.fmax.reduce(values, initial=np.nan))
