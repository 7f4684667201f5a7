"""The rates that bills are computed from: a small table of tariffs x rates for every state that prices take
during a run. Its size does not depend on the number of prosumers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.clock import Clock
from cosim.errors import InputError, Problem
from cosim.settlement.config import Carbon, TariffConfig
from cosim.settlement.price_forms import AnyPrice
from cosim.settlement.timeline import Course, course

ENERGY, NETWORK, LEVIES, VAT, FEED_IN, P2P_NETWORK, P2P_LEVIES, P2P_VAT, SHORT, LONG, GAS, CARBON = range(12)
"""Columns of a rate table [EUR/kWh], VAT as shares; P2P_ ones are zero where a trade does not pay. GAS is NaN
in a tariff without a gas price; CARBON is per kWh of gas."""
RATES = 12
_KG_PER_T = 1000.0


@dataclass(frozen=True)
class Rates:
    """Rates of every tariff in every period."""

    names: tuple[str, ...]
    table: FloatArray
    """Rates by state, shape (states, tariffs, RATES)."""
    state: IntArray
    """State in force in every period, shape (periods,)."""
    beyond: FloatArray
    """Rates of the 24 hours after the run, shape (periods_per_day - 1, tariffs, RATES); prices are infinite
    where a series has ended."""
    bounds: FloatArray
    """Lowest and highest of every rate that the tariffs' configuration knows, shape (2, tariffs, RATES)."""

    def at(self, index: int) -> FloatArray:
        """Rates of period `index`, shape (tariffs, RATES)."""
        rates: FloatArray = self.table[self.state[index]]
        return rates

    @property
    def retail(self) -> FloatArray:
        """Retail price by state and tariff [EUR/kWh], everything included, shape (states, tariffs)."""
        return retail_price(self.table)

    @property
    def retail_beyond(self) -> FloatArray:
        """Retail price after the run [EUR/kWh], shape (periods_per_day - 1, tariffs)."""
        return retail_price(self.beyond)

    @property
    def band(self) -> tuple[FloatArray, FloatArray]:
        """Lowest feed-in and highest retail price of every tariff [EUR/kWh], whatever the run, by tariff.

        The highest retail price is that of the highest components, which may never meet in one period.
        """
        return self.bounds[0, :, FEED_IN], retail_price(self.bounds[1])

    @property
    def highest_ceiling(self) -> FloatArray:
        """Trade price above which buying never pays [EUR/kWh], whatever the run, by tariff: what `band` ends
        with, and the lowest charges on trades."""
        least = self.bounds[0]
        ceiling: FloatArray = (self.band[1] - trade_adder(least)) / trade_factor(least)
        return ceiling

    @property
    def feed_in(self) -> FloatArray:
        """Feed-in price by state and tariff [EUR/kWh], shape (states, tariffs)."""
        return self.table[..., FEED_IN]

    @property
    def trade_factor(self) -> FloatArray:
        """What a buyer pays in all per EUR of trade price, shape (states, tariffs)."""
        return trade_factor(self.table)

    @property
    def trade_adder(self) -> FloatArray:
        """What a buyer pays in all on top of that [EUR/kWh], shape (states, tariffs)."""
        return trade_adder(self.table)

    @property
    def gas(self) -> FloatArray:
        """What burning a kWh of gas costs by state and tariff, carbon included [EUR/kWh], shape (states,
        tariffs); NaN in a tariff without a gas price."""
        return gas_price(self.table)


def retail_price(rates: FloatArray) -> FloatArray:
    """Retail price [EUR/kWh], everything included, of rates of shape (..., RATES)."""
    net: FloatArray = rates[..., [ENERGY, NETWORK, LEVIES]].sum(axis=-1)
    return net * (1.0 + rates[..., VAT])


def trade_factor(rates: FloatArray) -> FloatArray:
    """What a buyer pays in all per EUR of trade price, of rates of shape (..., RATES)."""
    factor: FloatArray = 1.0 + rates[..., P2P_VAT]
    return factor


def trade_adder(rates: FloatArray) -> FloatArray:
    """What a buyer pays in all on top of that [EUR/kWh], of rates of shape (..., RATES)."""
    charges: FloatArray = rates[..., [P2P_NETWORK, P2P_LEVIES]].sum(axis=-1)
    return charges * trade_factor(rates)


def bid_ceiling(rates: FloatArray) -> FloatArray:
    """Trade price at which buying costs what the utility asks [EUR/kWh], of rates of shape (..., RATES)."""
    ceiling: FloatArray = (retail_price(rates) - trade_adder(rates)) / trade_factor(rates)
    return ceiling


def gas_price(rates: FloatArray) -> FloatArray:
    """What burning a kWh of gas costs, carbon included [EUR/kWh], of rates of shape (..., RATES)."""
    price: FloatArray = rates[..., GAS] + rates[..., CARBON]
    return price


def build_rates(
    tariffs: Mapping[str, TariffConfig], carbon: Carbon, clock: Clock, folder: Path
) -> tuple[Rates, list[Problem]]:
    """Rates of all tariffs over the run, and what is wrong with their price series (zero stands there)."""
    by_period = np.zeros((clock.periods, len(tariffs), RATES))
    beyond = np.zeros((clock.periods_per_day - 1, len(tariffs), RATES))
    bounds = np.zeros((2, len(tariffs), RATES))
    problems: list[Problem] = []
    for number, (name, tariff) in enumerate(tariffs.items()):
        parts = by_period[:, number], beyond[:, number], bounds[:, number]
        problems += _fill(parts, tariff, clock, folder, f"tariffs.{name}")
        for rates in parts:
            rates[:, CARBON] = carbon.price / _KG_PER_T * carbon.gas_kg_per_kwh
    states, state = np.unique(by_period.reshape(clock.periods, -1), axis=0, return_inverse=True)
    table = np.ascontiguousarray(states.reshape(-1, len(tariffs), RATES))
    numbers = np.asarray(state, dtype=np.int64).ravel()
    # Only now: a NaN is no state of its own in every period.
    without_gas = [number for number, tariff in enumerate(tariffs.values()) if tariff.gas is None]
    for rates in (table, beyond, bounds):
        rates[:, without_gas, GAS] = np.nan
    return Rates(tuple(tariffs), table, numbers, beyond, bounds), problems


def course_or_problems(price: AnyPrice, clock: Clock, folder: Path, path: str) -> Course | list[Problem]:
    """The course of a price, or what is wrong with its file, told with the place in the scenario."""
    try:
        return course(price, clock, folder)
    except InputError as error:
        return [problem.at(path=path) for problem in error.problems]


def _fill(
    parts: tuple[FloatArray, FloatArray, FloatArray],
    tariff: TariffConfig,
    clock: Clock,
    folder: Path,
    path: str,
) -> list[Problem]:
    """Writes one tariff's rates of the run, beyond it and their bounds, shape (any, RATES) each; returns what
    is wrong."""
    retail = tariff.components()
    network, levies, vat = retail.charge("network"), retail.charge("levies"), retail.tax()
    short, long = tariff.imbalance.short, tariff.imbalance.long
    problems: list[Problem] = []
    run, beyond, bounds = parts
    for column, price, key in (
        (ENERGY, retail.energy, "retail.energy"),
        (NETWORK, network.price, "retail.network"),
        (LEVIES, levies.price, "retail.levies"),
        (FEED_IN, tariff.feed_in, "feed_in"),
        (SHORT, short, "imbalance.short"),
        (LONG, long, "imbalance.long"),
        (GAS, tariff.gas, "gas"),
    ):
        if price is None:
            continue
        found = course_or_problems(price, clock, folder, f"{path}.{key}")
        if isinstance(found, list):
            problems += found
        else:
            run[:, column], beyond[:, column] = found.run, found.beyond
            bounds[:, column] = found.low, found.high
    for rates in parts:
        rates[:, VAT] = vat.share
        # Selected, not multiplied: a price is infinite where a series has ended.
        rates[:, P2P_NETWORK] = rates[:, NETWORK] if network.p2p else 0.0
        rates[:, P2P_LEVIES] = rates[:, LEVIES] if levies.p2p else 0.0
        rates[:, P2P_VAT] = vat.share * vat.p2p
        if short is None:
            rates[:, SHORT] = rates[:, ENERGY]
        if long is None:
            rates[:, LONG] = rates[:, FEED_IN]
    return problems
