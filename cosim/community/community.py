"""One community: its fleet, markets, grid, tariffs and policies, and what happens to them phase by phase. The
order of the phases is the simulation's; who carries them out are the agents."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from cosim.bidding import quoting
from cosim.bidding.bidder import Bidder, Known, Plan
from cosim.bidding.heat_records import heat_prices, quote_band, usual_costs
from cosim.bidding.observation import Observer
from cosim.community.counterfactual import Counterfactual
from cosim.community.deciders import Deciders, Knowledge
from cosim.community.feeder import Feeder, Snapshot
from cosim.community.foresight import Foresight, known_of
from cosim.community.outlook import Outlooks
from cosim.community.public_memory import PublicMemory
from cosim.community.reward import Reward
from cosim.community.rule import Rule
from cosim.community.trading import Counter, Traded, run_session
from cosim.core.arrays import FloatArray, IntArray
from cosim.core.carriers import Carrier
from cosim.core.clock import Clock, Period
from cosim.core.dispatch import Dispatch
from cosim.core.records import Band
from cosim.core.streams import Streams
from cosim.devices.fleet import Fleet, FleetState
from cosim.market.mechanism import Mechanism
from cosim.network.episodes import Episodes
from cosim.settlement.bills import Bill
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
    """Rules of a community's markets."""

    mechanism: Mechanism
    streams: Streams

    def arrivals(self, carrier: Carrier, index: int) -> np.random.Generator:
        """Draws the order in which the orders for a period arrive; each period has draws of its own."""
        return self.streams.generator("arrivals" if carrier == "electricity" else carrier, index)


@dataclass
class Gate:
    """What is agreed on for one period, up to gate closure: each phase fills in its part."""

    period: Period
    """That it is about."""
    known: Known
    """As it was foreseen."""
    knowledge: Knowledge
    action: FloatArray = field(init=False)
    """What everybody decided, shape (n, A)."""
    heat: Traded | None = field(init=False)
    """The heat session; None where no heat is traded."""
    electricity: Traded = field(init=False)
    plan: Plan = field(init=False)


@dataclass
class Turn:
    """The period that is delivered: each phase fills in its part, and reading a part before its phase is an
    error."""

    period: Period
    gate: Gate = field(init=False)
    """What had been agreed on for it."""
    known: Known = field(init=False)
    """What the devices can do, now that it is here."""
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
    reward_eur: FloatArray = field(init=False)
    """What learners are rewarded with: saving, with what is stored counted, shape (n,). See `reward`."""


@dataclass
class Community:
    """State and phases of one community.

    In every step one gate closes, for the period `foresight.gate_closure` ahead, and one period is delivered.
    """

    name: str
    clock: Clock
    members: Members
    fleet: Fleet
    foresight: Foresight
    bidder: Bidder
    observer: Observer
    rule: Rule
    outlooks: Outlooks
    deciders: Deciders
    market: Market
    tariffs: TariffBook
    feeder: Feeder
    episodes: Episodes
    counterfactual: Counterfactual
    memory: PublicMemory
    rewards: Reward
    unserved_eur_per_kwh: float
    """What heat that was needed and not to be had counts for in rewards."""
    state: FleetState = field(init=False)
    gate: Gate | None = field(init=False)
    """That closes in this step; None near the end of the run, when there is nothing left to trade for."""
    turn: Turn = field(init=False)
    contracts: deque[Gate] = field(init=False, default_factory=deque)
    """Closed, and not delivered yet."""
    _standing: tuple[list[Snapshot], list[Snapshot]] = field(init=False)
    """Latest power flows, and those with the utility alone."""

    def __post_init__(self) -> None:
        self.state = self.fleet.initial_state()
        self._standing = [], []

    def observe(self, index: int) -> None:
        """Begin step `index`: what is foreseen of the period that is traded, and what everybody knows."""
        closure = self.foresight.gate_closure
        self.foresight.look(index)
        if index == 0:
            for early in range(min(closure, self.clock.periods)):
                self.contracts.append(self._untraded(early))
        target = index + closure
        self.gate = self._opened(target) if target < self.clock.periods else None
        self.turn = Turn(self.clock.period(index))

    def _opened(self, index: int) -> Gate:
        """The gate of a period."""
        period = self.clock.period(index)
        fleet, state = self.foresight.fleet, self._expected_state()
        known = known_of(fleet, state, period, self.tariffs)
        lowest_ahead = self.tariffs.lowest_retail_ahead(index)
        observation = self.observer.observe(state, period, known, lowest_ahead)
        knowledge = Knowledge(
            observation,
            self.memory.mean_field(period),
            self.rule.action(observation, known),
            {
                hours: self.outlooks.of(state, known, period, self.memory, hours)
                for hours in self.deciders.horizons_now
            },
        )
        return Gate(period, known, knowledge)

    def _untraded(self, index: int) -> Gate:
        """The contract of a period whose gate would have closed before the run began: the rule, and the
        utility alone."""
        gate = self._opened(index)
        gate.action = gate.knowledge.rule
        gate.heat = None
        self._close(gate, traded=False)
        return gate

    def _expected_state(self) -> FleetState:
        """State of the devices when all contracts are delivered as they are foreseen now."""
        state, fleet = self.state, self.foresight.fleet
        for contract in self.contracts:
            known = known_of(fleet, state, contract.period, self.tariffs)
            dispatch = self.bidder.delivered(contract.plan, known)
            state = fleet.commit(state, contract.period, dispatch.device_kwh)
        return state

    def learn(self) -> None:
        """Let the policies learn from what was delivered last, now that they know what came of it."""
        self.deciders.learn(None if self.gate is None else self.gate.knowledge)

    def decide(self) -> None:
        """Ask the policies."""
        if self.gate is not None:
            self.gate.action = self.deciders.decide(self.gate.knowledge, self.turn.period.index)

    def trade(self) -> None:
        """Turn decisions into orders and trade until gate closure: heat first, then electricity."""
        if self.gate is not None:
            self._close(self.gate, traded=True)
            self.contracts.append(self.gate)

    def _close(self, gate: Gate, traded: bool) -> None:
        """Trade for the period of a gate, or make plans without; fills in its sessions and its plan."""
        bidder, known, action = self.bidder, gate.known, gate.action
        trading = self.deciders.trading & traded
        heat = bidder.heat_bids(known, action)
        gate.heat = None
        if heat is not None and bidder.heat is not None and bidder.heat.loop is not None:
            prices = heat_prices(known.prices)
            margins = action[:, 2:4]
            band = quote_band(known.prices, known.gas_eur_per_kwh)
            quote = quoting.quotes(bidder.heat.rows, heat.bids, margins, band)
            orders, chosen = bidder.heat.orders(heat.bids, quote, prices, trading)
            counter = Counter(bidder.heat.rows, heat.bids, prices, margins, orders, chosen)
            gate.heat = self._session("heat", counter, None, self._heat_band(gate), gate.period.index)
        cleared = (None, None) if gate.heat is None else (gate.heat.clearing, gate.heat.rows)
        offers = bidder.offers(known, action, heat, *cleared)
        rows, margins = bidder.electricity.rows, action[:, :2]
        quote = quoting.quotes(rows, offers.bids, margins, known.prices)
        orders, chosen = bidder.electricity.orders(offers.bids, quote, known.prices, trading)
        counter = Counter(rows, offers.bids, known.prices, margins, orders, chosen)
        requoting = self.deciders if traded else None
        gate.electricity = self._session(
            "electricity", counter, requoting, self._band(gate), gate.period.index
        )
        gate.plan = bidder.plan(known, offers, gate.electricity.clearing, chosen)

    def _session(
        self, carrier: Carrier, counter: Counter, requoting: Deciders | None, band: Band, index: int
    ) -> Traded:
        rng = self.market.arrivals(carrier, index)
        return run_session(self.market.mechanism, counter, requoting, rng, band, index)

    def _heat_band(self, gate: Gate) -> Band:
        """What heat usually costs with the default tariff."""
        low, high = usual_costs(*self.tariffs.default_prices(gate.period.index))
        return Band(float(low), float(high))

    def _band(self, gate: Gate) -> Band:
        return self.tariffs.band(gate.period.index)

    def plan(self) -> None:
        """What every device does, now that it is time; and what it would do with the utility alone."""
        turn = self.turn
        turn.gate = self.contracts.popleft()
        turn.shadow = self.counterfactual.step(turn.period, self.tariffs)
        if self.foresight.perfect and self.foresight.gate_closure == 0:
            turn.known, turn.dispatch = turn.gate.known, turn.gate.plan.dispatch
            return
        turn.known = known_of(self.fleet, self.state, turn.period, self.tariffs)
        turn.dispatch = self.bidder.delivered(turn.gate.plan, turn.known)

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
        """Publish what is public of the sessions, and reward what was decided for the delivered period."""
        turn = self.turn
        if self.gate is not None:
            heat = self.gate.heat
            self.memory.remember(
                self.gate.period,
                self.gate.electricity.clearing.public,
                None if heat is None else heat.clearing.public,
            )
        turn.reward_eur = self.rewards.of(
            turn.bill, turn.shadow_bill, (turn.dispatch, turn.shadow), (self.state, self.counterfactual.state)
        )
        self.deciders.reward(turn.period.index - self.foresight.gate_closure, turn.reward_eur)

    def inflexible_kwh(self) -> FloatArray:
        """Electricity demand that cannot be moved, by prosumer [kWh], shape (n,)."""
        return self.by_prosumer(INFLEXIBLE)

    def by_prosumer(self, kind: str) -> FloatArray:
        """What the devices of a kind draw at their main terminal in the delivered period, by prosumer [kWh],
        shape (n,)."""
        device_kwh = self.turn.dispatch.device_kwh
        if kind not in device_kwh:
            return np.zeros(len(self.members.names))
        return self.fleet.total_by_prosumer({kind: device_kwh[kind]})
