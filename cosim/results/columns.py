"""Records of a period as the columns that the recorder takes. What is summed or converted is the caller's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.carriers import Carrier
from cosim.core.records import PublicInformation, Trades, Violations
from cosim.results.tables import Column


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of device that has columns of its own."""

    name: str
    carrier: Carrier
    """Of its main terminal."""
    electric: bool
    """Whether it draws or gives electricity elsewhere than at its main terminal."""


def device_columns(kinds: Iterable[Kind]) -> list[Column]:
    """Further columns of `prosumers`: the energy of each kind of device, KIND_kwh, and the electricity of
    those that turn it into another carrier or another into it, KIND_electricity_kwh."""
    columns = []
    for kind in kinds:
        what = "Energy" if kind.carrier == "electricity" else kind.carrier.capitalize()
        about = f"{what} of the prosumer's {kind.name} devices, drawn positive."
        columns.append(Column(f"{kind.name}_kwh", "kWh", about, carrier=kind.carrier))
        if kind.electric:
            about = f"Electricity of the prosumer's {kind.name} devices, drawn positive."
            columns.append(
                Column(f"{kind.name}_electricity_kwh", "kWh", about, optional=True, carrier="electricity")
            )
    return columns


def trade_columns(trades: Trades, owner: IntArray) -> dict[str, Any]:
    """Columns of `trades` in one market.

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


def joined_trades(markets: Mapping[Carrier, dict[str, Any]]) -> dict[str, Any]:
    """Columns of `trades` in several markets, one after the other, with the carrier of each trade."""
    names = next(iter(markets.values()))
    counts = [len(rows["round"]) for rows in markets.values()]
    return {
        **{name: np.concatenate([rows[name] for rows in markets.values()]) for name in names},
        "carrier": np.array([*markets], dtype=object).repeat(counts),
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


def market_columns(public: PublicInformation, prefix: str = "") -> dict[str, Any]:
    """Columns of `steps` that say what a market published; `prefix` tells the carriers apart."""
    found = {
        "p2p_kwh": public.volume_traded,
        "offered_kwh": public.volume_offered,
        "asked_for_kwh": public.volume_asked_for,
        "trades": public.trades,
        "mean_price": public.mean_price,
        "last_price": public.last_price,
        "best_bid": public.best_bid,
        "best_ask": public.best_ask,
    }
    return {prefix + name: value for name, value in found.items()} if prefix else found
