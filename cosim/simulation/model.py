"""The Mesa model: `begin` and `complete`, together `step`, read as the phases of a settlement period; what
they do is in the community."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import mesa
import numpy as np

from cosim.agents import MarketOperator, NetworkOperator, Prosumer
from cosim.community.build import build_community
from cosim.community.community import Community
from cosim.core.clock import Clock
from cosim.core.registry import nearest
from cosim.core.streams import Streams
from cosim.errors import Problem, UnknownNameError
from cosim.scenario.schema import Scenario

PHASES = ("observe", "learn", "decide", "trade", "plan", "network", "commit", "settle", "publish")
"""Phases of a period whose seconds are counted; the run adds `setup`, `record` and `join`."""


class Simulation(mesa.Model):
    """Communities of prosumers, stepped through settlement periods.

    The model owns its time: `index` counts the periods done, `clock` says when they are.

    Args:
        scenario: What is simulated.
        prosumers: Classes of single prosumers by name, to override their decision.
        communities: Built already, for example with a grid or policies of your own; else from the scenario.

    Raises:
        InputError: if something of the scenario cannot be used, or a prosumer does not exist.
    """

    def __init__(
        self,
        scenario: Scenario,
        prosumers: Mapping[str, type[Prosumer]] | None = None,
        communities: Sequence[Community] | None = None,
    ) -> None:
        super().__init__(rng=np.random.default_rng(scenario.seed))
        self.scenario = scenario
        self.clock: Clock = scenario.horizon.clock()
        self.streams = Streams(scenario.seed)
        self.index = 0
        self.seconds = dict.fromkeys(PHASES, 0.0)
        """Time spent in each phase [s]."""
        self.communities: tuple[Community, ...] = tuple(
            [build_community(scenario, self.clock, self.streams)] if communities is None else communities
        )
        names = [community.name for community in self.communities]
        if len(set(names)) < len(names):
            raise ValueError(f"two communities have the same name: {', '.join(names)}")
        classes = dict(prosumers or {})
        for community in self.communities:
            self._populate(community, classes)
        if classes:
            known = [name for community in self.communities for name in community.members.names]
            raise UnknownNameError(
                [Problem(f"there is no prosumer {name!r}", nearest(name, known)) for name in classes]
            )
        self.market_operators = self.agents_by_type[MarketOperator]
        self.network_operators = self.agents_by_type[NetworkOperator]

    def _populate(self, community: Community, classes: dict[str, type[Prosumer]]) -> None:
        """The agents of a community; takes the classes that it uses out of `classes`."""
        for position, name in enumerate(community.members.names):
            classes.pop(name, Prosumer)(self, community, position)
        MarketOperator(self, community)
        NetworkOperator(self, community)

    def step(self) -> None:
        """One settlement period."""
        self.begin()
        self.complete()

    def begin(self) -> None:
        """The first half of a period, up to what is known before anybody decides."""
        with self._phase("observe"):
            for community in self.communities:
                community.observe(self.index)
        with self._phase("learn"):
            for community in self.communities:
                community.learn()

    def complete(self) -> None:
        """The second half: what is decided, and all that comes of it."""
        with self._phase("decide"):
            for community in self.communities:
                community.decide()
        with self._phase("trade"):
            self.market_operators.do("clear")
        with self._phase("plan"):
            for community in self.communities:
                community.plan()
        with self._phase("network"):
            self.network_operators.do("check")
        with self._phase("commit"):
            for community in self.communities:
                community.commit()
        with self._phase("settle"):
            for community in self.communities:
                community.settle()
        with self._phase("publish"):
            for community in self.communities:
                community.publish()
        self.index += 1

    def finish(self) -> None:
        """After the last period: learners make a last update from what they know."""
        for community in self.communities:
            community.deciders.finish()

    def close(self) -> None:
        """Let go of agents and communities. Mesa 3.3 keeps every model for ever: who makes many in one
        process closes each, or all of them stay in memory with their profiles."""
        self.remove_all_agents()
        self.communities = ()

    @property
    def done(self) -> bool:
        """Whether all periods are simulated."""
        return self.index >= self.clock.periods

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - start
