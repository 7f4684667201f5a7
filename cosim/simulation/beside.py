"""What is recorded of a period beside the trade of electricity: heat, its market, gas, carbon dioxide and
imbalance; and what the columns of both carriers have in common. The rest is in `columns`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cosim.community.community import Community, Turn
from cosim.community.trading import Traded
from cosim.core.carriers import Carrier
from cosim.core.dispatch import Position
from cosim.core.records import PublicInformation
from cosim.market.surplus import call_auction_surplus, surplus
from cosim.results.carriers import Extent
from cosim.results.columns import market_columns
from cosim.simulation.drawn import Drawn
from cosim.simulation.residuals import unpaired

Columns = dict[str, Any]


def extent_of(communities: Sequence[Community]) -> Extent:
    """What the tables of a run of these communities have beside electricity."""
    devices = [device for community in communities for device in community.fleet.kinds.values()]
    heat = any(device.carrier == "heat" for device in devices)
    gas = any("gas" in (device.carrier, *device.takes) for device in devices)
    return Extent(
        heat=heat,
        heat_market=any(
            one.bidder.heat is not None and one.bidder.heat.loop is not None for one in communities
        ),
        gas=gas,
        carbon=heat or gas,
        imbalance=any(not one.foresight.perfect or one.foresight.gate_closure > 0 for one in communities),
    )


def beside(community: Community, extent: Extent, drawn: Drawn) -> Columns:
    """What there is beside the trade of electricity: totals, and arrays that are to be summed."""
    turn = community.turn
    found: Columns = {}
    if extent.heat and turn.dispatch.heat is not None:
        found |= _heat(community, turn.dispatch.heat, drawn)
    if extent.heat_market:
        found |= _heat_market(turn)
    if extent.gas:
        found |= {
            "gas_kwh": turn.dispatch.gas_kwh,
            "gas_eur": turn.bill.gas_eur,
            "carbon_eur": turn.bill.carbon_eur,
            "counterfactual_gas_kwh": turn.shadow.gas_kwh,
        }
    if extent.carbon:
        found |= {
            "carbon_kg": turn.bill.carbon_kg,
            "counterfactual_carbon_kg": turn.shadow_bill.carbon_kg,
        }
    if extent.imbalance:
        found |= _imbalance(turn)
    return found


def _heat(community: Community, position: Position, drawn: Drawn) -> Columns:
    kinds, shadow = community.fleet.of("heat"), community.turn.shadow.heat
    electricity = [energy for kind, energy in drawn.electricity.items() if kind in kinds]
    return {
        "heat_load_kwh": drawn.roles["heat", "load"],
        "heat_produced_kwh": -drawn.roles["heat", "generation"],
        "heat_storage_kwh": drawn.roles["heat", "storage"],
        "heat_unserved_kwh": position.import_kwh,
        "heat_dumped_kwh": position.export_kwh,
        "heat_electricity_kwh": np.concatenate(electricity) if electricity else 0.0,
        "heat_stored_kwh": drawn.stored["heat"],
        "heat_unmet_kwh": unserved_of(community, "heat"),
        "unserved_penalty_eur": community.unserved_eur_per_kwh * position.import_kwh,
        "counterfactual_heat_unserved_kwh": 0.0 if shadow is None else shadow.import_kwh,
        "counterfactual_heat_stored_kwh": community.counterfactual.stored_kwh("heat"),
        "heat_residual": unpaired(position),
    }


def _heat_market(turn: Turn) -> Columns:
    session, position = turn.gate.heat, turn.dispatch.heat
    if session is None or position is None:  # a period whose gate would have closed before the run
        none = PublicInformation(np.nan, np.nan, np.nan, np.nan, 0.0, 0.0, 0.0, 0)
        nothing = dict.fromkeys(("lost_kwh", "internal_kwh", "surplus_eur", "optimal_surplus_eur"), 0.0)
        return market_columns(none, "heat_") | {f"heat_{name}": value for name, value in nothing.items()}
    return {
        **market_columns(session.clearing.public, "heat_"),
        "heat_lost_kwh": position.lost_kwh,
        "heat_internal_kwh": 0.5 * session.clearing.internal_kwh,
        **gains(session, "heat_"),
    }


def _imbalance(turn: Turn) -> Columns:
    position = turn.dispatch.electricity
    beyond = position.imbalance_kwh
    utility = position.import_kwh - position.export_kwh + beyond
    return {
        "short_kwh": np.maximum(beyond, 0.0),
        "long_kwh": np.maximum(-beyond, 0.0),
        "imbalance_eur": turn.bill.imbalance_eur,
        "delivered_import_kwh": np.maximum(utility, 0.0),
        "delivered_export_kwh": np.maximum(-utility, 0.0),
    }


def beside_by_prosumer(community: Community, extent: Extent, drawn: Drawn) -> Columns:
    """The same by prosumer."""
    turn = community.turn
    found: Columns = {}
    heat = turn.dispatch.heat
    if extent.heat and heat is not None:
        found |= {
            "heat_load_kwh": drawn.roles["heat", "load"],
            "heat_produced_kwh": -drawn.roles["heat", "generation"],
            "heat_unserved_kwh": heat.import_kwh,
            "heat_dumped_kwh": heat.export_kwh,
            "heat_stored_kwh": drawn.stored["heat"],
        }
    if extent.heat_market and heat is not None:
        found |= {
            "heat_bought_kwh": heat.bought_kwh,
            "heat_sold_kwh": heat.sold_kwh,
            "heat_lost_kwh": heat.lost_kwh,
            "heat_trade_eur": turn.bill.heat_trade_eur,
        }
    if extent.gas:
        found |= {
            "gas_kwh": turn.dispatch.gas_kwh,
            "gas_eur": turn.bill.gas_eur,
            "carbon_eur": turn.bill.carbon_eur,
        }
    if extent.imbalance:
        found |= {
            "imbalance_kwh": turn.dispatch.electricity.imbalance_kwh,
            "imbalance_eur": turn.bill.imbalance_eur,
        }
    return found


def unserved_of(community: Community, carrier: Carrier) -> float:
    """What devices of a carrier needed since the start and could not have [kWh]."""
    found = [
        device.unserved_kwh(community.state[kind]) for kind, device in community.fleet.of(carrier).items()
    ]
    return sum(float(energy.sum()) for energy in found if energy is not None)


def gains(session: Traded, prefix: str = "") -> Columns:
    """What a session gained, and what it could have."""
    filled = session.clearing.traded_kwh + session.clearing.internal_kwh
    worth = session.worth_eur_per_kwh
    return {
        f"{prefix}surplus_eur": surplus(session.orders, filled, worth),
        f"{prefix}optimal_surplus_eur": call_auction_surplus(session.orders, worth),
    }
