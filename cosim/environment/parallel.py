"""The environment itself: PettingZoo's `ParallelEnv` around a simulation that waits, halfway through each
period, for what the agents decide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from gymnasium.spaces import Box
from pettingzoo import ParallelEnv

from cosim.community.build import build_community
from cosim.community.community import Community, Turn
from cosim.core.arrays import FloatArray
from cosim.core.records import Field
from cosim.core.streams import Streams
from cosim.environment.agents import group_of_agents
from cosim.environment.episodes import Episode, Episodes
from cosim.environment.spaces import Float32Array, Spaces
from cosim.errors import RunError
from cosim.policies.contract import PolicyInputs
from cosim.scenario.schema import Scenario
from cosim.simulation import Simulation

OUTCOMES = ("reward_eur", "cost_eur", "counterfactual_cost_eur", "net_kwh", "bought_kwh", "sold_kwh")
"""What comes of a step for each agent."""
INFO = (*OUTCOMES[1:], "rule_action")
"""What is in the info of each."""

Observations = dict[str, Float32Array]
Infos = dict[str, dict[str, Any]]


class CommunityEnv(ParallelEnv[str, Float32Array, FloatArray]):
    """Prosumers of a community as agents; `cosim.env` makes it.

    An episode is truncated at the end of its horizon, and never terminated. What is observed then is what was
    observed before the last step: after the end there is no period to observe.

    With a gate closure of k periods, an agent decides on the period k ahead. Rewards come when a period is
    delivered, that is k steps after it was decided on; the first k are those of periods whose gates had
    closed before the episode, and the last step delivers all that is left. So an agent's rewards add up to
    its saving.

    Args:
        scenario: With its agents in it.
        episodes: Which comes when.
        uniform: Whether all agents have the fields of all.
    """

    metadata: ClassVar[dict[str, Any]] = {"name": "cosim_v0", "render_modes": []}
    render_mode = None

    def __init__(self, scenario: Scenario, episodes: Episodes, uniform: bool) -> None:
        self.simulation: Simulation | None = None
        """Of the running episode; None before the first and after `close`."""
        self.turn: Turn | None = None
        """The period that was delivered last, with its sessions, energies, power flows and bills."""
        self._scenario = scenario
        self._episodes = episodes
        community = _community(scenario, Episode(scenario.seed, scenario.horizon))
        group, _ = group_of_agents(community.deciders)
        names = [community.members.names[row] for row in group.rows]
        self._rows = group.rows
        self._spaces = Spaces(names, group.spec, group.observed, group.mask, uniform)
        self.possible_agents = list(names)
        self.agents: list[str] = []
        self.observation_spaces: dict[str, Box] = self._spaces.observation_spaces
        self.action_spaces: dict[str, Box] = self._spaces.action_spaces
        self.state_space = self._spaces.state_space

    def observation_space(self, agent: str) -> Box:
        """Own fields, then public ones, float32, with the bounds of the fields."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Box:
        """One number in [-1, 1] for each field, float32."""
        return self.action_spaces[agent]

    def observation_fields(self, agent: str) -> tuple[Field, ...]:
        """Names, units and meaning of what an agent observes, in order."""
        return self._spaces.observation_fields[agent]

    def action_fields(self, agent: str) -> tuple[Field, ...]:
        """Names and meaning of what an agent does, in order."""
        return self._spaces.action_fields[agent]

    def reset(
        self, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Observations, Infos]:
        """Begin an episode.

        Args:
            seed: Of what happens to the same prosumers (order of arrival, errors of forecasts, draws of
                policies) and, if that varies, of the day on which it begins. The scenario's seed gives what
                `cosim run` gives. None: the next episode of the row that the last seed, or the scenario's,
                has begun.
            options: None are known; they are ignored.

        Returns:
            Observations and infos by agent; an info has `rule_action` alone, see `step`.

        Raises:
            InputError: if the seed is no whole number from 0 to below 2^32.
        """
        del options
        self.close()
        episode = self._episodes.begin(seed)
        community = _community(self._scenario, episode)
        scenario = self._scenario.model_copy(update={"horizon": episode.horizon})
        self.simulation = Simulation(scenario, communities=[community])
        self.simulation.begin()
        self.agents = list(self.possible_agents)
        inputs = self._inputs()
        rules = self._spaces.split_actions(inputs.rule_action)
        infos: Infos = {name: {"rule_action": rule} for name, rule in rules.items()}
        return self._spaces.observations(inputs.observation, inputs.mean_field), infos

    def step(
        self, actions: Mapping[str, object]
    ) -> tuple[Observations, dict[str, float], dict[str, bool], dict[str, bool], Infos]:
        """Carry out the period that was observed, and observe the next.

        Args:
            actions: One array for each agent.

        Returns:
            By agent: observations; rewards, the saving of the period against the utility alone [EUR], as
            learners inside of cosim get it; terminated (never); truncated (at the end); infos with the bill
            (`cost_eur`, negative is income), what the utility alone would have cost
            (`counterfactual_cost_eur`), the metered energy (`net_kwh`, drawn positive), what was traded
            (`bought_kwh`, `sold_kwh`), and what the self-consumption rule would do next (`rule_action`,
            float64; a valid action).

        Raises:
            PolicyError: if the actions are not those of the agents; nothing has happened then.
            RunError: if no episode is running, or the period cannot be finished: the episode is over then.
        """
        simulation = self.simulation
        if simulation is None or not self.agents:
            raise RunError("no episode is running: call reset() first")
        community = simulation.communities[0]
        inputs = self._inputs()
        group_of_agents(community.deciders)[1].tell(self._spaces.joined(actions, simulation.index))
        self.agents = []  # a period that fails ends the episode
        outcome = self._delivered(simulation)
        while not simulation.done:
            simulation.begin()
            if community.gate is not None:
                inputs = self._inputs()
                break
            outcome = outcome + self._delivered(simulation)
        if simulation.done:
            simulation.finish()
        else:
            self.agents = list(self.possible_agents)
        return self._told(inputs, outcome, simulation.done)

    def _told(
        self, inputs: PolicyInputs, outcome: FloatArray, done: bool
    ) -> tuple[Observations, dict[str, float], dict[str, bool], dict[str, bool], Infos]:
        """What `step` returns; `outcome` has shape (len(OUTCOMES), n)."""
        names = self.possible_agents
        rules = self._spaces.split_actions(inputs.rule_action).values()
        told = zip(*outcome[1:].tolist(), rules, strict=True)
        infos = dict(zip(names, [dict(zip(INFO, own, strict=True)) for own in told], strict=True))
        return (
            self._spaces.observations(inputs.observation, inputs.mean_field),
            dict(zip(names, outcome[0].tolist(), strict=True)),
            dict.fromkeys(names, False),
            dict.fromkeys(names, done),
            infos,
        )

    def state(self) -> Float32Array:
        """What all agents know: for each the own fields of all (zero where it lacks them), then the public
        ones once. It pools private data: for critics in central training, and for nobody's decision.

        Raises:
            RunError: if no episode is running.
        """
        if not self.agents:
            raise RunError("no episode is running: call reset() first")
        inputs = self._inputs()
        together = np.concatenate([inputs.observation.ravel(), inputs.mean_field[0]])
        return together.astype(np.float32)

    def render(self) -> None:
        """There is nothing to be seen: `render_mode` is None."""

    def close(self) -> None:
        """Let go of the running episode."""
        if self.simulation is not None:
            self.simulation.close()
        self.simulation, self.turn, self.agents = None, None, []

    def _inputs(self) -> PolicyInputs:
        """What the agents know, n rows."""
        assert self.simulation is not None
        community = self.simulation.communities[0]
        assert community.gate is not None
        group, _ = group_of_agents(community.deciders)
        return community.deciders.inputs(group, community.gate.knowledge)

    def _delivered(self, simulation: Simulation) -> FloatArray:
        """Carry out the period that has begun; what came of it, shape (len(OUTCOMES), n)."""
        simulation.complete()
        turn = self.turn = simulation.communities[0].turn
        energy = turn.dispatch.electricity
        columns = (
            turn.reward_eur,
            turn.bill.total_eur,
            turn.shadow_bill.total_eur,
            energy.net_kwh,
            energy.bought_kwh,
            energy.sold_kwh,
        )
        return np.stack([column[self._rows] for column in columns])


def _community(scenario: Scenario, episode: Episode) -> Community:
    """The scenario's prosumers, as they are at the beginning of an episode."""
    return build_community(
        scenario.model_copy(update={"horizon": episode.horizon}),
        episode.horizon.clock(),
        Streams(scenario.seed),
        chance=Streams(episode.seed),
    )
