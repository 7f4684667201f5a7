"""A small community with all kinds of devices for heat, and one period of it from decisions to plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from cosim.bidding import quoting
from cosim.bidding.bidder import Bidder, Known, Plan
from cosim.bidding.fields import Mode
from cosim.bidding.heat_records import HeatBids, HeatLoop, heat_prices, quote_band
from cosim.core.clock import Clock, Period
from cosim.core.records import Band, Clearing, Orders, Prices
from cosim.core.weather import Weather
from cosim.devices.fleet import Fleet, FleetState
from cosim.market.audit import check
from cosim.market.registry import create


@dataclass
class FakeWeather:
    """The same columns for every quantity that is asked for, by tick."""

    columns: Mapping[str, np.ndarray]

    def values(self, quantity: str, first: int, last: int) -> np.ndarray:
        return self.columns[quantity][first:last]


@dataclass(frozen=True)
class Session:
    """A session that is over."""

    orders: Orders
    rows: np.ndarray
    clearing: Clearing


@dataclass(frozen=True)
class Agreed:
    """What came of one period's gate."""

    heat_bids: HeatBids | None
    heat: Session | None
    electricity: Session
    plan: Plan


@dataclass(frozen=True)
class Town:
    """Seven prosumers, what they follow, and what they pay."""

    fleet: Fleet
    clock: Clock
    gas: np.ndarray
    prices: Prices

    def known(self, state: FleetState, period: Period, fleet: Fleet | None = None) -> Known:
        """What is known of a period by a fleet."""
        fleet = self.fleet if fleet is None else fleet
        return Known(fleet.ranges(state, period), fleet.inputs(state, period), self.prices, self.gas)

    def foreseen(self, seed: int, error: float = 0.3) -> Fleet:
        """The same fleet over forecasts that are wrong."""
        rng = np.random.default_rng(seed)
        site = next(iter(self.fleet.kinds.values())).site
        series: dict[str, Any] = {}
        for name, known in site.series.items():
            actual: Any = known  # a FakeSeries
            wrong = rng.uniform(1.0 - error, 1.0 + error, actual.values_kw.shape)
            series[name] = replace(actual, values_kw=actual.values_kw * wrong)
        weather = site.weather
        assert isinstance(weather, FakeWeather)
        air = weather.columns["temperature_c"]
        other = FakeWeather({**weather.columns, "temperature_c": air + rng.normal(0.0, 3.0, len(air))})
        return self.fleet.seeing(series, other)


@dataclass(frozen=True)
class TownKit:
    """Makes towns, and trades in them."""

    kit: Any

    def town(self, seed: int, periods: int = 6, minutes: int = 60) -> Town:
        """0: pump, store and PV; 1: boiler and CHP; 2: boiler; 3: a building with pump, heater and boiler;
        4: heat demand and no source; 5: two CHPs, pump, boiler, store and battery; 6: a load alone."""
        rng = np.random.default_rng(seed)
        clock = self.kit.clock("2016-01-11 05:00", minutes, periods)
        owners = {
            "load": range(7),
            "pv": (0, 5),
            "battery": (5,),
            "heat_demand": (0, 1, 2, 4, 5),
            "building": (3,),
            "heat_pump": (0, 3, 5),
            "boiler": (1, 2, 3, 5),
            "chp": (1, 5, 5),
            "electric_heater": (3,),
            "heat_store": (0, 5),
        }

        def drawn(low: float, high: float) -> float:
            return float(rng.uniform(low, high))

        configs: dict[str, dict[str, Any]] = {
            "pv": {"peak_kw": drawn(0, 10)},
            "battery": {"capacity_kwh": drawn(2, 10), "initial_soc": drawn(0, 1)},
            "building": {"initial_temperature_c": drawn(18.5, 22), "max_heat_kw": drawn(3, 12)},
            "heat_pump": {"max_heat_kw": drawn(2, 12), "minimum_load": drawn(0, 0.6)},
            "boiler": {"max_heat_kw": drawn(2, 20), "efficiency": drawn(0.7, 1.0)},
            "chp": {
                "max_heat_kw": drawn(1, 6),
                "minimum_load": drawn(0, 0.9),
                "ramp_per_minute": drawn(0.001, 0.03),
                "electrical_efficiency": drawn(0.1, 0.35),
                "thermal_efficiency": drawn(0.4, 0.65),
            },
            "electric_heater": {"max_kw": drawn(0, 4)},
            "heat_store": {"capacity_kwh": drawn(0, 20), "initial_soc": drawn(0, 1)},
        }
        series = {
            "load": rng.uniform(0.0, 3.0, (periods, 7)),
            "pv": rng.uniform(0.0, 1.0, (periods, 2)),
            "heat_demand": rng.uniform(0.0, 8.0, (periods, 5)) * rng.integers(0, 2, (periods, 5)),
        }
        weather: Weather = FakeWeather(
            {
                "temperature_c": rng.uniform(-12.0, 16.0, periods),
                "ghi_w_per_m2": rng.uniform(0.0, 400.0, periods),
            }
        )
        site = replace(self.kit.site(clock, series), weather=weather)
        requests = {
            kind: [self.kit.request(kind, configs.get(kind, {}), prosumer=who)]
            for kind, who in owners.items()
        }
        feed_in = drawn(-0.02, 0.12)
        retail = feed_in + rng.uniform(0.05, 0.35, 7)
        charges = (1.0, 0.0) if rng.uniform() < 0.5 else (1.19, 0.02)
        prices = self.kit.prices(7, retail, feed_in, *charges, low=feed_in - 0.02, high=retail.max() + 0.02)
        return Town(self.kit.fleet(requests, site, 7), clock, rng.uniform(0.0, 0.2, 7), prices)

    @staticmethod
    def loop(seed: int, n: int = 7) -> HeatLoop:
        """Some loop: nobody is left out, or somebody; narrow, or not."""
        rng = np.random.default_rng(seed)
        member = rng.uniform(size=n) < (1.0 if rng.uniform() < 0.5 else 0.7)
        capacity = float(rng.uniform(0.5, 4.0)) if rng.uniform() < 0.3 else 1e3
        return HeatLoop(member, float(rng.uniform(0.0, 0.3)) if rng.uniform() < 0.7 else 0.0, capacity)

    def agreed(
        self,
        bidder: Bidder,
        known: Known,
        action: np.ndarray,
        rng: np.random.Generator,
        trading: np.ndarray | None = None,
    ) -> Agreed:
        """Heat session, electricity session, plan: as a community does it."""
        n = bidder.fleet.prosumers
        trading = np.ones(n, dtype=bool) if trading is None else trading
        heat, session = bidder.heat_bids(known, action), None
        if heat is not None and bidder.heat is not None and bidder.heat.loop is not None:
            prices = heat_prices(known.prices)
            band = quote_band(known.prices, known.gas_eur_per_kwh)
            quote = quoting.quotes(bidder.heat.rows, heat.bids, action[:, 2:4], band)
            session = self.session(*bidder.heat.orders(heat.bids, quote, prices, trading), rng)
        cleared = (None, None) if session is None else (session.clearing, session.rows)
        offers = bidder.offers(known, action, heat, *cleared)
        quote = bidder.electricity.quotes(offers.bids, action[:, :2], known.prices)
        traded = self.session(*bidder.electricity.orders(offers.bids, quote, known.prices, trading), rng)
        plan = bidder.plan(known, offers, traded.clearing, traded.rows)
        return Agreed(heat, session, traded, plan)

    @staticmethod
    def session(orders: Orders, rows: np.ndarray, rng: np.random.Generator) -> Session:
        """The real market, audited."""
        opened = create().open(orders, rng, Band(0.0, 1.0))
        opened.advance()
        limits = opened.limit_prices()
        clearing = opened.close()
        check(orders, clearing, limits)
        return Session(orders, rows, clearing)

    @staticmethod
    def action(bidder: Bidder, rng: np.random.Generator, bold: bool = False) -> np.ndarray:
        """Any action; a bold one quotes its limit prices."""
        action = rng.uniform(-1.0, 1.0, (bidder.fleet.prosumers, len(bidder.fields)))
        if bold:
            for column, field in enumerate(bidder.fields):
                if field.name.endswith("margin"):
                    action[:, column] = -1.0
        return action

    @staticmethod
    def bidder(town: Town, mode: Mode, loop: HeatLoop | None = None) -> Bidder:
        return Bidder(town.fleet, mode, loop)


@pytest.fixture(scope="session")
def towns(kit: Any) -> TownKit:
    return TownKit(kit)
