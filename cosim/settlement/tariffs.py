"""The tariff book of one community: prices of every period for its prosumers, and their bills. It decides
nothing about who trades."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.clock import Clock
from cosim.core.records import Dispatch, Prices
from cosim.core.registry import nearest
from cosim.errors import Problem, ScenarioError
from cosim.settlement.bills import Bill, settle
from cosim.settlement.config import TariffsConfig
from cosim.settlement.rates import Rates, build_rates, course_or_problems
from cosim.settlement.timeline import local_text

_SAME_PRICE = 1e-12


class TariffBook:
    """Tariffs of one community over one run.

    Args:
        config: Tariffs by name.
        clock: The settlement periods.
        tariff_of_prosumer: Name of every prosumer's tariff, or its index in `config.named()`, shape (n,).
        folder: Where relative paths of price series start, the folder of the scenario.

    Raises:
        InputError: a tariff is unknown, a price series cannot be used, or feed-in exceeds retail.
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
        self.rates, problems = build_rates(config.named(), clock, folder)
        self.wholesale_eur_per_kwh: FloatArray = self.rates.feed_in[self.rates.state, 0]
        """What energy is worth outside the community in every period, shape (periods,)."""
        if config.wholesale is not None:
            outside = course_or_problems(config.wholesale, clock, folder, "tariffs.wholesale")
            if isinstance(outside, list):
                problems += outside
            else:
                self.wholesale_eur_per_kwh = outside.run
        problems = problems or _arbitrage(config, self.rates, clock)
        if problems:
            raise ScenarioError(problems)
        low, high = self.rates.band
        self._low, self._high = low[self.tariff_of_prosumer], high[self.tariff_of_prosumer]
        self._ahead = _lowest_ahead(self.rates, clock.periods_per_day)
        self._by_state = self._price_table()
        self._state = -1
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

    def lowest_retail_ahead(self, index: int) -> FloatArray:
        """Lowest retail price of the 24 hours from period `index` on, shape (n,).

        They may lie beyond the run: what is known of the tariff counts, wherever the run ends. Where a series
        ends, prices are known up to there.
        """
        lowest: FloatArray = self._ahead[index, self.tariff_of_prosumer]
        return lowest

    def bill(self, index: int, dispatch: Dispatch) -> Bill:
        """What every prosumer pays for period `index`.

        Raises:
            AuditError: if energy or money does not balance to 1e-9.
            ValueError: if the dispatch has not one value for every prosumer.
        """
        return settle(
            index,
            dispatch,
            self.tariff_of_prosumer,
            self.rates.at(index),
            float(self.wholesale_eur_per_kwh[index]),
            self.clock,
        )

    def notes(self) -> list[str]:
        """What a user should know before a run: tariffs whose buyers can never trade."""
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
        ]

    def _price_table(self) -> FloatArray:
        """Retail, feed-in, bid ceiling, trade factor and adder by state, shape (states, 5, tariffs)."""
        rates = self.rates
        ceiling = (rates.retail - rates.trade_adder) / rates.trade_factor
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
        excess = (rates.feed_in - rates.retail)[:, number]
        if tariff.allow_arbitrage or excess.max() <= _SAME_PRICE:
            continue
        index = int(np.argmax((excess > _SAME_PRICE)[rates.state]))
        state = int(rates.state[index])
        problems.append(
            Problem(
                f"feed-in {rates.feed_in[state, number]:g} EUR/kWh exceeds retail "
                f"{rates.retail[state, number]:g} EUR/kWh, first at {local_text(clock, index)}",
                "buying and selling back would earn money; if that is meant, set `allow_arbitrage: true`",
                path=f"tariffs.{name}.feed_in",
            )
        )
    return problems
