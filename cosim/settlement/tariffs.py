"""The tariff book of one community: prices of every period for its prosumers, and their bills. It decides
nothing about who trades."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from cosim.core.arrays import BoolArray, FloatArray, IntArray
from cosim.core.clock import Clock
from cosim.core.dispatch import Dispatch
from cosim.core.records import Band, Prices
from cosim.core.registry import nearest
from cosim.errors import Problem, ScenarioError
from cosim.settlement.ahead import Ahead, Outlook
from cosim.settlement.bills import Bill, settle
from cosim.settlement.config import TariffsConfig
from cosim.settlement.rates import LONG, SHORT, Rates, bid_ceiling, build_rates, course_or_problems, gas_price
from cosim.settlement.timeline import local_text

_SAME_PRICE = 1e-12


@dataclass(frozen=True, slots=True)
class PublicBounds:
    """What prices of the default tariff never leave in any period [EUR/kWh], whatever the run."""

    feed_in: float
    """Lowest feed-in price."""
    retail: float
    """Highest retail price."""
    ceiling: float
    """Trade price above which buying never pays."""
    gas: float
    """Highest price of gas; 0 where it has none."""

    @property
    def middle(self) -> float:
        """Of the band between feed-in and retail."""
        return 0.5 * (self.feed_in + self.retail)


class TariffBook:
    """Tariffs of one community over one run.

    Args:
        config: Tariffs by name.
        clock: The settlement periods.
        tariff_of_prosumer: Name of every prosumer's tariff, or its index in `config.named()`, shape (n,).
        folder: Where relative paths of price series start, the folder of the scenario.

    Raises:
        InputError: a tariff is unknown, a price series cannot be used, feed-in exceeds retail, or the price
            of a kWh that is not taken that of one drawn beyond the contract.
    """

    def __init__(
        self,
        config: TariffsConfig,
        clock: Clock,
        tariff_of_prosumer: Sequence[str] | Sequence[int] | IntArray,
        folder: Path | None = None,
    ) -> None:
        folder = Path() if folder is None else folder
        self.clock = clock
        self.names = tuple(config.named())
        self.tariff_of_prosumer = _indices(tariff_of_prosumer, self.names)
        """Index of every prosumer's tariff, shape (n,)."""
        self.carbon = config.carbon
        self.rates, problems = build_rates(config.named(), config.carbon, clock, folder)
        self.wholesale_eur_per_kwh: FloatArray = self.rates.feed_in[self.rates.state, 0]
        """What energy is worth outside the community in every period, shape (periods,)."""
        if config.wholesale is not None:
            outside = course_or_problems(config.wholesale, clock, folder, "tariffs.wholesale")
            if isinstance(outside, list):
                problems += outside
            else:
                self.wholesale_eur_per_kwh = outside.run
        problems = problems or [*_arbitrage(config, self.rates, clock), *_reward(config, self.rates, clock)]
        if problems:
            raise ScenarioError(problems)
        low, high = self.rates.band
        self._low, self._high = low[self.tariff_of_prosumer], high[self.tariff_of_prosumer]
        self._ahead = _lowest_ahead(self.rates, clock.periods_per_day)
        self._by_state = self._price_table()
        self._gas = self.rates.gas
        self._state = -1
        self._gas_now: tuple[int, FloatArray] | None = None
        """State of the rates and what gas costs in it."""
        self._gas_known: tuple[FloatArray, FloatArray] | None = None
        """The same, and without NaN."""
        self._prices: Prices | None = None

    def prices(self, index: int) -> Prices:
        """What energy costs each prosumer in period `index`.

        The same record is returned as long as nothing changes: take it as read-only.
        """
        state = int(self.rates.state[index])
        if self._prices is None or state != self._state:
            retail, feed_in, ceiling, factor, adder = self._by_state[state][:, self.tariff_of_prosumer]
            self._prices = Prices(
                retail,
                feed_in,
                ceiling,
                feed_in,
                factor,
                adder,
                low_eur_per_kwh=self._low,
                high_eur_per_kwh=self._high,
            )
            self._state = state
        return self._prices

    def band(self, index: int) -> Band:
        """Public prices between which trade is worth while in period `index`, those of the default tariff:
        what a prosumer has chosen stays its own."""
        state = int(self.rates.state[index])
        return Band(float(self.rates.feed_in[state, 0]), float(self._by_state[state][2, 0]))

    @property
    def public_bounds(self) -> PublicBounds:
        """What prices of the default tariff never leave."""
        rates = self.rates
        gas = float(gas_price(rates.bounds[1])[0])
        return PublicBounds(
            feed_in=float(rates.band[0][0]),
            retail=float(rates.band[1][0]),
            ceiling=float(rates.highest_ceiling[0]),
            gas=0.0 if np.isnan(gas) else gas,
        )

    def default_prices(self, index: int) -> tuple[float, float, float]:
        """Retail, feed-in and gas price of the default tariff in period `index`; gas 0 where it has none."""
        state = int(self.rates.state[index])
        gas = float(self._gas[state, 0])
        retail, feed_in = (float(self._by_state[state][row, 0]) for row in (0, 1))
        return retail, feed_in, 0.0 if np.isnan(gas) else gas

    def lowest_retail_ahead(self, index: int) -> FloatArray:
        """Lowest retail price of the 24 hours from period `index` on, shape (n,).

        They may lie beyond the run: what is known of the tariff counts, wherever the run ends. Where a series
        ends, prices are known up to there.
        """
        lowest: FloatArray = self._ahead[index, self.tariff_of_prosumer]
        return lowest

    def ahead(self, index: int, count: int) -> Ahead:
        """What energy costs each prosumer in the periods `index` to `index + count - 1`, (count, n) each.

        They may lie beyond the run. What is known reaches 24 hours; later, the same day comes again. Where a
        series ends, its last price is held.

        Raises:
            IndexError: if the run has no period `index`.
        """
        return self._outlook.over(index, count, self.tariff_of_prosumer)

    @cached_property
    def _outlook(self) -> Outlook:
        return Outlook(self.rates, self.clock)

    def gas_price(self, index: int) -> FloatArray:
        """What burning a kWh of gas costs in period `index`, carbon included [EUR/kWh], shape (n,).

        NaN for a prosumer whose tariff has no gas price: `require_gas` says so before the run.
        """
        state = int(self.rates.state[index])
        if self._gas_now is None or state != self._gas_now[0]:
            self._gas_now = state, self._gas[state, self.tariff_of_prosumer]
        return self._gas_now[1]

    def known_gas_price(self, index: int) -> FloatArray:
        """The same with 0 in place of NaN, for whoever has made sure that nobody without a price burns gas.

        The same array is returned as long as nothing changes: take it as read-only.
        """
        price = self.gas_price(index)
        if self._gas_known is None or self._gas_known[0] is not price:
            self._gas_known = price, np.nan_to_num(price)
        return self._gas_known[1]

    def require_gas(self, prosumers: IntArray | BoolArray) -> None:
        """Makes sure that whoever burns gas has a price for it.

        Args:
            prosumers: Those with devices that burn gas: numbers, of which one may come twice, or a mask.

        Raises:
            ScenarioError: with every tariff that lacks a gas price.
        """
        burning = np.unique(np.arange(len(self.tariff_of_prosumer))[prosumers])
        tariffs, counts = np.unique(self.tariff_of_prosumer[burning], return_counts=True)
        problems = [
            Problem(
                f"tariff {self.names[tariff]!r} has no gas price, but prosumers of it burn gas ({count})",
                "give the price of a kWh (lower heating value, EUR/kWh), for example `gas: 0.10`",
                path=f"tariffs.{self.names[tariff]}.gas",
            )
            for tariff, count in zip(tariffs.tolist(), counts.tolist(), strict=True)
            if np.isnan(self._gas[0, tariff])
        ]
        if problems:
            raise ScenarioError(problems)

    def bill(self, index: int, dispatch: Dispatch) -> Bill:
        """What every prosumer pays for period `index`.

        Raises:
            AuditError: if energy or money does not balance to 1e-9, or gas is burnt that has no price.
            ValueError: if the dispatch has not one value for every prosumer.
        """
        return settle(
            index,
            dispatch,
            self.tariff_of_prosumer,
            self.rates.at(index),
            float(self.wholesale_eur_per_kwh[index]),
            self.carbon,
            self.clock,
        )

    def notes(self) -> list[str]:
        """What a user should know before a run: tariffs whose buyers can never trade, odd prices of gas."""
        used = np.unique(self.tariff_of_prosumer)
        if not len(used):
            return []
        floor = self.rates.feed_in[:, used].min(axis=1)
        ceiling = self._by_state[:, 2]
        return [
            f"tariff {self.names[number]!r}: what a P2P purchase pays on top exceeds the gap between retail "
            "and feed-in in every period, so that no trade is worth its while"
            for number in used.tolist()
            if (ceiling[:, number] < floor).all()
        ] + [note for number in used.tolist() for note in self._odd_gas(number)]

    def _odd_gas(self, number: int) -> list[str]:
        """Why a tariff's price of gas looks as if in another unit, or of the wrong sign."""
        gas, retail = self._gas[:, number], self.rates.retail[:, number]
        least = float(gas.min())
        if least < 0.0:
            why = "less than nothing"
        elif least > float(retail.max()):
            why = "more than electricity from the utility"
        else:  # which is also where there is no price
            return []
        return [f"tariff {self.names[number]!r}: a kWh of gas costs {least:g} EUR, {why}: is that meant?"]

    def _price_table(self) -> FloatArray:
        """Retail, feed-in, bid ceiling, trade factor and adder by state, shape (states, 5, tariffs)."""
        rates = self.rates
        ceiling = bid_ceiling(rates.table)
        columns = (rates.retail, rates.feed_in, ceiling, rates.trade_factor, rates.trade_adder)
        return np.ascontiguousarray(np.stack(columns, axis=1))


def _lowest_ahead(rates: Rates, periods: int) -> FloatArray:
    """Lowest retail price of `periods` periods from each one on, shape (periods of the run, tariffs)."""
    known = np.concatenate([rates.retail[rates.state], rates.retail_beyond])
    windows = np.lib.stride_tricks.sliding_window_view(known, periods, axis=0)
    lowest: FloatArray = windows.min(axis=-1)
    return lowest


def _indices(tariffs: Sequence[str] | Sequence[int] | IntArray, names: tuple[str, ...]) -> IntArray:
    """Index of every prosumer's tariff."""
    number = {name: position for position, name in enumerate(names)}
    unknown = sorted({str(name) for name in tariffs if isinstance(name, str) and name not in number})
    if unknown:
        problems = [Problem(f"unknown tariff {name!r}", nearest(name, names)) for name in unknown]
        raise ScenarioError(problems)
    indices = [number[name] if isinstance(name, str) else int(name) for name in tariffs]
    result = np.array(indices, dtype=np.int64)
    if len(result) and not (result.min() >= 0 and result.max() < len(names)):
        raise ValueError(f"tariff indices must lie in 0 to {len(names) - 1}")
    return result


def _arbitrage(config: TariffsConfig, rates: Rates, clock: Clock) -> list[Problem]:
    """Tariffs under which buying from the utility and selling it back earns money."""
    problems = []
    for number, (name, tariff) in enumerate(config.named().items()):
        first = _first_above(rates.feed_in[:, number], rates.retail[:, number], rates)
        if tariff.allow_arbitrage or first is None:
            continue
        state = rates.state[first]
        problems.append(
            Problem(
                f"feed-in {rates.feed_in[state, number]:g} EUR/kWh exceeds retail "
                f"{rates.retail[state, number]:g} EUR/kWh, first at {local_text(clock, first)}",
                "buying and selling back would earn money; if that is meant, set `allow_arbitrage: true`",
                path=f"tariffs.{name}.feed_in",
            )
        )
    return problems


def _reward(config: TariffsConfig, rates: Rates, clock: Clock) -> list[Problem]:
    """Tariffs under which two prosumers earn money by breaking their contracts in opposite ways.

    Looked for where a price of imbalance is given: energy may cost less than feed-in pays, if the charges on
    it make up for that.
    """
    problems = []
    for number, (name, tariff) in enumerate(config.named().items()):
        given = tariff.imbalance.short is not None or tariff.imbalance.long is not None
        short, long = rates.table[:, number, SHORT], rates.table[:, number, LONG]
        first = _first_above(long, short, rates)
        if tariff.allow_arbitrage or not given or first is None:
            continue
        state = rates.state[first]
        problems.append(
            Problem(
                f"imbalance: short {short[state]:g} EUR/kWh is below long {long[state]:g} EUR/kWh, first at "
                f"{local_text(clock, first)}",
                "breaking contracts would earn money (left out, `short` is the energy component of retail "
                "and `long` is feed-in); if that is meant, set `allow_arbitrage: true`",
                path=f"tariffs.{name}.imbalance",
            )
        )
    return problems


def _first_above(one: FloatArray, other: FloatArray, rates: Rates) -> int | None:
    """First period in which a price of shape (states,) is above another; None if there is none."""
    above = (one - other > _SAME_PRICE)[rates.state]
    return int(np.argmax(above)) if above.any() else None
