"""One community: its fleet, market, grid, tariffs and policies, and what happens to them phase by phase. The
order of the phases is the simulation's; who carries them out are the agents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from cosim.bidding.bidder import Bidder
from cosim.bidding.observation import Observer
from cosim.bidding.rows import Bids
from cosim.community.counterfactual import Counterfactual
from cosim.community.deciders import Deciders, Knowledge
from cosim.community.feeder import Feeder, Snapshot
from cosim.community.public_memory import PublicMemory
from cosim.community.trading import Gate, Traded, run_session
from cosim.core.arrays import FloatArray, IntArray
from cosim.core.clock import Clock, Period
from cosim.core.records import Dispatch, Prices
from cosim.core.streams import Streams
from cosim.devices.base import Ranges
from cosim.devices.fleet import Fleet, FleetState
from cosim.market.mechanism import Mechanism
from cosim.network.episodes import Episodes
from cosim.settlement.bills import Bill
from cosim.settlement.counterfactual import saving_eur
from cosim.settlement.tariffs import TariffBook

INFLEXIBLE = "load"
"""Kind of the devices whose demand cannot be moved."""


@dataclass(frozen=True, slots=True)
class Members:
    """Who belongs to a community, in the order of all its arrays."""

    names: tuple[str, ...]
    groups: tuple[str, ...]
    """Group of every prosumer."""
    bus: IntArray
    """Row of the grid's buses at which every prosumer is connected, shape (n,)."""


@dataclass(frozen=True, slots=True)
class Market:
    """Rules of a community's market."""

    mechanism: Mechanism
    streams: Streams

    def arrivals(self, index: int) -> np.random.Generator:
        """Draws the order in which the orders of a period arrive; each period has draws of its own."""
        return self.streams.generator("arrivals", index)


@dataclass
class Turn:
    """The running period: each phase fills in its part, and reading a part before its phase is an error."""

    period: Period
    prices: Prices
    ranges: Mapping[str, Ranges]
    """What the devices can do."""
    knowledge: Knowledge
    action: FloatArray = field(init=False)
    """What everybody decided, shape (n, A)."""
    bids: Bids = field(init=False)
    traded: Traded = field(init=False)
    dispatch: Dispatch = field(init=False)
    shadow: Dispatch = field(init=False)
    """What the same prosumers would have done with the utility alone."""
    snapshots: list[Snapshot] = field(init=False)
    """Power flows of the period."""
    episodes: list[tuple[IntArray, FloatArray]] = field(init=False)
    """For each of them the episode of every violation, and how long it was seen [h]."""
    shadow_snapshots: list[Snapshot] = field(init=False)
    """Power flows with the utility alone; empty if they are not wanted."""
    standing: list[Snapshot] = field(init=False)
    """Power flows that stand for the period: its own, or the latest where the grid was not solved in it."""
    shadow_standing: list[Snapshot] = field(init=False)
    bill: Bill = field(init=False)
    shadow_bill: Bill = field(init=False)


@dataclass
class Community:
    """State and phases of one community."""

    name: str
    clock: Clock
    members: Members
    fleet: Fleet
    bidder: Bidder
    observer: Observer
    deciders: Deciders
    market: Market
    tariffs: TariffBook
    feeder: Feeder
    episodes: Episodes
    counterfactual: Counterfactual
    memory: PublicMemory
    state: FleetState = field(init=False)
    turn: Turn = field(init=False)
    _standing: tuple[list[Snapshot], list[Snapshot]] = field(init=False)
    """Latest power flows, and those with the utility alone."""

    def __post_init__(self) -> None:
        self.state = self.fleet.initial_state()
        self._standing = [], []

    def observe(self, index: int) -> None:
        """Begin period `index`: what the devices can do, and what everybody knows."""
        period = self.clock.period(index)
        prices = self.tariffs.prices(index)
        ranges = self.fleet.ranges(self.state, period)
        observation = self.observer.observe(
            self.state, period, ranges, prices, self.tariffs.lowest_retail_ahead(index)
        )
        knowledge = Knowledge(observation, self.memory.mean_field(period))
        self.turn = Turn(period, prices, ranges, knowledge)

    def learn(self) -> None:
        """Let the policies learn from the period before, now that they know what came of it."""
        self.deciders.learn(self.turn.knowledge)

    def decide(self) -> None:
        """Ask the policies."""
        turn = self.turn
        turn.action = self.deciders.decide(turn.knowledge, turn.period.index)

    def trade(self) -> None:
        """Turn decisions into orders and trade until gate closure."""
        turn, market = self.turn, self.market
        turn.bids = self.bidder.bids(turn.ranges, turn.action, turn.prices)
        gate = Gate(self.bidder, turn.bids, turn.prices, turn.action[:, :2])
        turn.traded = run_session(
            market.mechanism,
            gate,
            self.deciders,
            market.mechanism.rounds,
            market.arrivals(turn.period.index),
            turn.period.index,
        )

    def plan(self) -> None:
        """Turn fills into what every device does; and what it would do with the utility alone."""
        turn = self.turn
        lowest_ahead = self.tariffs.lowest_retail_ahead(turn.period.index)
        turn.shadow = self.counterfactual.step(turn.period, turn.prices, lowest_ahead)
        turn.dispatch = self.bidder.dispatch(turn.bids, turn.prices, turn.traded.clearing, turn.traded.rows)

    def solve(self) -> None:
        """Compute the power flows, and those with the utility alone."""
        turn = self.turn
        load_kwh = self.inflexible_kwh()
        runs = [turn.dispatch, turn.shadow] if self.counterfactual.on_grid else [turn.dispatch]
        found = self.feeder.solve(turn.period, runs, load_kwh, self.fleet)
        turn.snapshots = found[0]
        turn.shadow_snapshots = found[1] if self.counterfactual.on_grid else []
        turn.episodes = [self.episodes.add(snapshot.violations) for snapshot in turn.snapshots]
        if turn.snapshots:
            self._standing = turn.snapshots, turn.shadow_snapshots
        turn.standing, turn.shadow_standing = self._standing

    def commit(self) -> None:
        """Let the period happen: the only phase that changes the state of a device."""
        turn = self.turn
        self.state = self.fleet.commit(self.state, turn.period, turn.dispatch.device_kwh)

    def settle(self) -> None:
        """Bill everybody, and their shadows."""
        turn = self.turn
        turn.bill = self.tariffs.bill(turn.period.index, turn.dispatch)
        turn.shadow_bill = self.tariffs.bill(turn.period.index, turn.shadow)

    def publish(self) -> None:
        """Publish what is public, and reward what was decided."""
        turn = self.turn
        self.memory.remember(turn.period, turn.traded.clearing.public)
        self.deciders.reward(saving_eur(turn.bill, turn.shadow_bill))

    def inflexible_kwh(self) -> FloatArray:
        """Demand that cannot be moved, by prosumer [kWh], shape (n,)."""
        return self.by_prosumer(INFLEXIBLE)

    def by_prosumer(self, kind: str) -> FloatArray:
        """What the devices of a kind draw in the running period, by prosumer [kWh], shape (n,)."""
        device_kwh = self.turn.dispatch.device_kwh
        if kind not in device_kwh:
            return np.zeros(len(self.members.names))
        return self.fleet.total_by_prosumer({kind: device_kwh[kind]})
