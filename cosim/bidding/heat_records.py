"""Records of heat bidding: who may trade heat, what it costs in each source, and what is for trade. What is
bid is decided in `heat`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from cosim.bidding.quoting import Fills
from cosim.bidding.rows import Bids
from cosim.core.arrays import BoolArray, FloatArray, IntArray
from cosim.core.carriers import Carrier
from cosim.core.dispatch import Position
from cosim.core.records import Prices
from cosim.devices.base import Ranges
from cosim.devices.fleet import Fleet

Inputs = Mapping[str, Mapping[Carrier, FloatArray]]
"""Device kind -> carrier -> energy drawn per kWh at the main terminal, shape (d,)."""

HEAT_PUMP_COP = 4.0
"""Of a heat pump on a mild day."""
BOILER_EFFICIENCY = 0.9
"""Of an ordinary gas boiler."""


@dataclass(frozen=True, slots=True)
class HeatLoop:
    """Pipes between the prosumers who may trade heat."""

    member: BoolArray
    """Shape (n,)."""
    loss_factor: float
    """Share of the heat that is fed in which is lost on the way."""
    capacity_kwh: float
    """Most that can be delivered in one period."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What heat of each source costs, by device kind, shape (d,) each."""

    other_eur_per_kwh: dict[str, FloatArray]
    """Without electricity."""
    electricity: dict[str, FloatArray]
    """Electricity drawn per kWh of heat; what a CHP gives is negative."""
    total_eur_per_kwh: dict[str, FloatArray]
    """At the electricity price that is expected."""


@dataclass(frozen=True, slots=True)
class HeatBids:
    """Heat for trade in one period, and what it is based on. Arrays of shape (d,) hold all devices for heat,
    kind after kind."""

    parts: Mapping[str, slice]
    """Kind -> where its devices are."""
    able: Ranges
    """What all devices can do."""
    span: Ranges
    """The same, sources on or off."""
    costs: Costs
    draw: FloatArray
    """What drawing more is worth [EUR/kWh], shape (d,)."""
    give: FloatArray
    """What giving more costs [EUR/kWh], shape (d,)."""
    alone: FloatArray
    """What each does without the market [kWh], shape (d,)."""
    missing_kwh: FloatArray
    """Drawn beyond what is given (negative: given beyond what is drawn) without the market, shape (n,)."""
    bids: Bids
    """Rows for the market, in delivered energy."""

    @property
    def ranges(self) -> dict[str, Ranges]:
        """`span` by kind."""
        low, base, high = self.span.low_kwh, self.span.base_kwh, self.span.high_kwh
        return {name: Ranges(low[part], base[part], high[part]) for name, part in self.parts.items()}

    @property
    def alone_kwh(self) -> dict[str, FloatArray]:
        """`alone` by kind."""
        return {name: self.alone[part] for name, part in self.parts.items()}

    @property
    def draw_eur_per_kwh(self) -> dict[str, FloatArray]:
        """`draw` by kind."""
        return {name: self.draw[part] for name, part in self.parts.items()}

    @property
    def give_eur_per_kwh(self) -> dict[str, FloatArray]:
        """`give` by kind."""
        return {name: self.give[part] for name, part in self.parts.items()}


@dataclass(frozen=True, slots=True)
class HeatPlan:
    """What the devices for heat do, and how it is paired."""

    device_kwh: dict[str, FloatArray]
    position: Position


def heat_prices(prices: Prices) -> Prices:
    """The band of heat prices: no bid is above what heating with the utility's electricity costs, no ask is
    below nothing; trade in heat pays no charges."""
    return prices.once("heat", None, lambda: _heat_prices(prices))


def _heat_prices(prices: Prices) -> Prices:
    zero = np.zeros_like(prices.retail_eur_per_kwh)
    ceiling = np.maximum(prices.retail_eur_per_kwh, 0.0)
    highest = np.maximum(prices.high_eur_per_kwh, 0.0)
    return Prices(ceiling, zero, ceiling, zero, zero + 1.0, zero, zero, highest)


def usual_costs(
    retail: FloatArray | float, feed_in: FloatArray | float, gas: FloatArray | float
) -> tuple[FloatArray, FloatArray]:
    """Between which costs heat is usually made [EUR/kWh]: in a heat pump (COP 4) from own surplus, and in a
    gas boiler (90 %), or by the utility's electricity where there is no price for gas (0).

    Margins on heat move quotes between the two, and mechanisms that go by the utility's prices use them: the
    band of limit prices is so wide that few random quotes would meet.
    """
    low = np.maximum(feed_in, 0.0) / HEAT_PUMP_COP
    high = np.where(np.asarray(gas) > 0.0, np.asarray(gas) / BOILER_EFFICIENCY, np.maximum(retail, 0.0))
    return low, np.maximum(low, high)


def quote_band(prices: Prices, gas: FloatArray) -> Prices:
    """The band between which margins on heat move each prosumer's quotes."""
    return prices.once("heat quotes", gas, lambda: _quote_band(prices, gas))


def _quote_band(prices: Prices, gas: FloatArray) -> Prices:
    low, high = usual_costs(prices.retail_eur_per_kwh, prices.feed_in_eur_per_kwh, gas)
    return replace(heat_prices(prices), ask_floor_eur_per_kwh=low, bid_ceiling_eur_per_kwh=high)


def costs_of(
    inputs: Inputs, owners: Mapping[str, IntArray], gas: FloatArray, electricity: FloatArray
) -> Costs:
    """What a kWh of heat costs in each source.

    Args:
        inputs: What they draw per kWh at the heat side (drawn positive, so mostly negative).
        owners: Kinds of sources -> owner of each device.
        gas: Price by prosumer [EUR/kWh], shape (n,).
        electricity: Price that is reckoned with, shape (n,).
    """
    other, drawn, total = {}, {}, {}
    for name, owner in owners.items():
        taken = inputs.get(name, {})
        none = np.zeros(len(owner))
        other[name] = -taken.get("gas", none) * gas[owner]
        drawn[name] = -taken.get("electricity", none)
        total[name] = other[name] + drawn[name] * electricity[owner]
    return Costs(other, drawn, total)


def position_of(
    fleet: Fleet,
    device_kwh: Mapping[str, FloatArray],
    bought: FloatArray,
    sold: FloatArray,
    lost: FloatArray,
    missing: FloatArray,
    got: Fills,
) -> Position:
    """The heat of every prosumer; what is missing is imported, what is left over exported."""
    return Position(
        net_kwh=fleet.total_by_prosumer(device_kwh),
        bought_kwh=bought,
        sold_kwh=sold,
        import_kwh=np.maximum(missing, 0.0),
        export_kwh=np.maximum(-missing, 0.0),
        lost_kwh=lost,
        imbalance_kwh=np.zeros(fleet.prosumers),
        trade_cost_eur=got.cost_eur,
        trade_paid_eur=got.paid_eur,
    )
