"""Records of a period as the columns that the recorder takes. What is summed or converted is the caller's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.records import PublicInformation, Trades, Violations
from cosim.results.tables import Column


def device_columns(kinds: Iterable[str]) -> list[Column]:
    """Further columns of `prosumers`: the energy of each kind of device, KIND_kwh."""
    return [
        Column(f"{kind}_kwh", "kWh", f"Energy of the prosumer's {kind} devices, drawn positive.")
        for kind in kinds
    ]


def trade_columns(trades: Trades, owner: IntArray) -> dict[str, Any]:
    """Columns of `trades`.

    Args:
        trades: As cleared.
        owner: Index of the prosumer who submitted each row of the orders.
    """
    return {
        "round": trades.round,
        "buyer": owner[trades.buy_row],
        "seller": owner[trades.sell_row],
        "quantity_kwh": trades.quantity_kwh,
        "price_eur_per_kwh": trades.price_eur_per_kwh,
    }


def violation_columns(violations: Violations, episode: IntArray, lasted_h: FloatArray) -> dict[str, Any]:
    """Columns of `violations`.

    Args:
        violations: Of one power flow.
        episode: Number of the episode of each row.
        lasted_h: How long it has lasted, this power flow included [h].
    """
    return {
        "kind": violations.kind,
        "element": violations.element,
        "name": violations.name,
        "value": violations.value,
        "limit": violations.limit,
        "excess": violations.excess,
        "episode": episode,
        "lasted_h": lasted_h,
    }


def market_columns(public: PublicInformation) -> dict[str, Any]:
    """Columns of `steps` that say what the market published."""
    return {
        "p2p_kwh": public.volume_traded,
        "offered_kwh": public.volume_offered,
        "asked_for_kwh": public.volume_asked_for,
        "trades": public.trades,
        "mean_price": public.mean_price,
        "last_price": public.last_price,
        "best_bid": public.best_bid,
        "best_ask": public.best_ask,
    }
