"""Indicators beside those of electricity: heat and its market, gas, carbon dioxide, imbalance. A run has the
sections of what it has."""

from __future__ import annotations

from typing import Any

from cosim.analysis.gathered import PREFIX, Gathered, ratio
from cosim.core.carriers import Carrier


def market(part: Gathered, carrier: Carrier) -> dict[str, Any]:
    """Volume, price and efficiency of the trade in a carrier between prosumers."""
    sums, prefix = part.sums, PREFIX[carrier]
    volume = sums.get(f"{prefix}p2p_kwh", 0.0)
    gained, possible = sums.get(f"{prefix}surplus_eur"), sums.get(f"{prefix}optimal_surplus_eur")
    return {
        "p2p_kwh": volume,
        "mean_price_eur_per_kwh": ratio(part.paid_eur.get(carrier, 0.0), volume),
        "trades": int(sums.get(f"{prefix}trades", 0)),
        "internal_kwh": sums.get(f"{prefix}internal_kwh"),
        "surplus_eur": gained,
        "optimal_surplus_eur": possible,
        "allocative_efficiency": ratio(gained, possible),
    }


def sections(part: Gathered) -> dict[str, dict[str, Any]]:
    """The sections of what there is."""
    found = {}
    if part.has_heat:
        found["heat"] = _heat(part)
    if "gas_kwh" in part.sums:
        found["gas"] = _gas(part)
    if "carbon_kg" in part.sums:
        found["carbon"] = _carbon(part)
    if "short_kwh" in part.sums:
        found["imbalance"] = _imbalance(part)
    return found


def _heat(part: Gathered) -> dict[str, Any]:
    """What was needed, given and lost; its market, if there was one."""
    sums, stored = part.sums, part.stored("heat")
    more_kwh, worth_eur = (None, None) if stored is None else stored
    found = {
        "load_kwh": sums.get("heat_load_kwh"),
        "produced_kwh": sums.get("heat_produced_kwh"),
        "electricity_kwh": sums.get("heat_electricity_kwh"),
        "unserved_kwh": sums.get("heat_unserved_kwh"),
        "utility_only_unserved_kwh": sums.get("counterfactual_heat_unserved_kwh"),
        "unserved_penalty_eur": sums.get("unserved_penalty_eur"),
        "unmet_kwh": part.last.get("heat_unmet_kwh"),
        "dumped_kwh": sums.get("heat_dumped_kwh"),
        "stored_kwh": part.last.get("heat_stored_kwh"),
        "utility_only_stored_kwh": part.last.get("counterfactual_heat_stored_kwh"),
        "stored_difference_kwh": more_kwh,
        "stored_difference_eur": worth_eur,
    }
    if "heat_p2p_kwh" in sums:
        found |= {"lost_kwh": sums.get("heat_lost_kwh"), **market(part, "heat")}
    return found


def _gas(part: Gathered) -> dict[str, Any]:
    """Gas burnt, and what it costs without the price of carbon."""
    return {
        "gas_kwh": part.sums["gas_kwh"],
        "gas_eur": part.sums.get("gas_eur"),
        "utility_only_gas_kwh": part.sums.get("counterfactual_gas_kwh"),
    }


def _carbon(part: Gathered) -> dict[str, Any]:
    """Carbon dioxide of gas and grid, and what was paid for it (for that of gas alone)."""
    return {
        "carbon_kg": part.sums["carbon_kg"],
        "carbon_eur": part.sums.get("carbon_eur"),
        "utility_only_carbon_kg": part.sums.get("counterfactual_carbon_kg"),
    }


def _imbalance(part: Gathered) -> dict[str, Any]:
    """What was delivered otherwise than contracted."""
    sums = part.sums
    energy = sums["short_kwh"] + sums.get("long_kwh", 0.0)
    return {
        "short_kwh": sums["short_kwh"],
        "long_kwh": sums.get("long_kwh"),
        "energy_kwh": energy,
        "cost_eur": sums.get("imbalance_eur"),
        "share_of_load": ratio(energy, sums.get("load_kwh")),
    }
