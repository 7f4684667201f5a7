"""What is recorded of a period beside the trade of electricity: heat, its market, gas, carbon dioxide and
imbalance; and what the columns of both carriers have in common. The rest is in `columns`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cosim.community.community import Community, Turn
from cosim.community.trading import Traded
from cosim.core.arrays import FloatArray, sum_by
from cosim.core.carriers import Carrier
from cosim.core.dispatch import Position
from cosim.core.records import PublicInformation
from cosim.devices.base import Role
from cosim.market.surplus import call_auction_surplus, surplus
from cosim.results.carriers import Extent
from cosim.results.columns import market_columns

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


def beside(community: Community, extent: Extent) -> Columns:
    """Totals of what there is beside the trade of electricity."""
    turn = community.turn
    found: Columns = {}
    if extent.heat and turn.dispatch.heat is not None:
        found |= _heat(community, turn.dispatch.heat)
    if extent.heat_market:
        found |= _heat_market(turn)
    if extent.gas:
        found |= {
            "gas_kwh": float(turn.dispatch.gas_kwh.sum()),
            "gas_eur": float(turn.bill.gas_eur.sum()),
            "carbon_eur": float(turn.bill.carbon_eur.sum()),
            "counterfactual_gas_kwh": float(turn.shadow.gas_kwh.sum()),
        }
    if extent.carbon:
        found |= {
            "carbon_kg": turn.bill.carbon_kg,
            "counterfactual_carbon_kg": turn.shadow_bill.carbon_kg,
        }
    if extent.imbalance:
        found |= _imbalance(turn)
    return found


def _heat(community: Community, position: Position) -> Columns:
    turn, kinds = community.turn, community.fleet.of("heat")
    shadow = turn.shadow.heat
    drawn = [energy for kind, energy in turn.dispatch.electricity_kwh.items() if kind in kinds]
    unserved = float(position.import_kwh.sum())
    return {
        "heat_load_kwh": float(by_role(community, "load", "heat").sum()),
        "heat_produced_kwh": -float(by_role(community, "generation", "heat").sum()),
        "heat_storage_kwh": float(by_role(community, "storage", "heat").sum()),
        "heat_unserved_kwh": unserved,
        "heat_dumped_kwh": float(position.export_kwh.sum()),
        "heat_electricity_kwh": sum(float(energy.sum()) for energy in drawn),
        "heat_stored_kwh": float(community.fleet.stored_kwh(community.state, "heat").sum()),
        "heat_unmet_kwh": unserved_of(community, "heat"),
        "unserved_penalty_eur": community.unserved_eur_per_kwh * unserved,
        "counterfactual_heat_unserved_kwh": 0.0 if shadow is None else float(shadow.import_kwh.sum()),
        "counterfactual_heat_stored_kwh": float(community.counterfactual.stored_kwh("heat").sum()),
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
        "heat_lost_kwh": float(position.lost_kwh.sum()),
        "heat_internal_kwh": 0.5 * float(session.clearing.internal_kwh.sum()),
        **gains(session, "heat_"),
    }


def _imbalance(turn: Turn) -> Columns:
    position = turn.dispatch.electricity
    beyond = position.imbalance_kwh
    utility = position.import_kwh - position.export_kwh + beyond
    return {
        "short_kwh": float(np.maximum(beyond, 0.0).sum()),
        "long_kwh": -float(np.minimum(beyond, 0.0).sum()),
        "imbalance_eur": float(turn.bill.imbalance_eur.sum()),
        "delivered_import_kwh": float(np.maximum(utility, 0.0).sum()),
        "delivered_export_kwh": -float(np.minimum(utility, 0.0).sum()),
    }


def beside_by_prosumer(community: Community, extent: Extent) -> Columns:
    """The same by prosumer."""
    turn = community.turn
    found: Columns = {}
    heat = turn.dispatch.heat
    if extent.heat and heat is not None:
        found |= {
            "heat_load_kwh": by_role(community, "load", "heat"),
            "heat_produced_kwh": -by_role(community, "generation", "heat"),
            "heat_unserved_kwh": heat.import_kwh,
            "heat_dumped_kwh": heat.export_kwh,
            "heat_stored_kwh": community.fleet.stored_kwh(community.state, "heat"),
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


def by_role(community: Community, role: Role, carrier: Carrier = "electricity") -> FloatArray:
    """Energy of a carrier that the devices of a role draw, by prosumer [kWh]. What turns one carrier into
    another counts as load where it draws, as generation where it gives."""
    dispatch = community.turn.dispatch
    energies = dispatch.electricity_kwh if carrier == "electricity" else dispatch.device_kwh
    total = np.zeros(community.fleet.prosumers)
    for kind, energy in energies.items():
        device = community.fleet.kinds[kind]
        if carrier not in ("electricity", device.carrier):
            continue
        if device.role == role:
            total += sum_by(device.prosumer, energy, len(total))
        elif device.role == "conversion" and role != "storage":
            part = np.maximum(energy, 0.0) if role == "load" else np.minimum(energy, 0.0)
            total += sum_by(device.prosumer, part, len(total))
    return total


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


def unpaired(position: Position) -> float:
    """By how much anybody's energy differs from what it was paired with, relative to the largest net."""
    paired = (
        position.bought_kwh
        - (position.sold_kwh + position.lost_kwh)
        + position.import_kwh
        - position.export_kwh
        + position.imbalance_kwh
    )
    scale = float(np.abs(position.net_kwh).max(initial=1e-3))
    return float(np.abs(position.net_kwh - paired).max(initial=0.0)) / scale
