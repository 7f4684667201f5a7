"""Training: several passes over one window, each going on where the last one stopped; and judging: what came
of it, frozen, on a window of its own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.errors import PolicyError
from cosim.policies.contract import Policy
from cosim.policies.learning.checkpoint import Checkpoint, checkpoint_of
from cosim.policies.validation import asked, checked_weights
from cosim.scenario.schema import Scenario
from cosim.simulation import Simulation
from cosim.simulation.processes import Tell, after, silent
from cosim.studies.episode import Episode, run_episode

Weights = Mapping[str, Mapping[str, FloatArray]]
"""Label -> name -> array: what was learnt by the policy of each label."""
Keep = Callable[[Mapping[str, Checkpoint]], None]
"""Called with what was learnt so far, by label."""


def forget(learnt: Mapping[str, Checkpoint]) -> None:
    """Keeps nothing."""


@dataclass(frozen=True)
class Trained:
    """What came of training."""

    learnt: Mapping[str, Checkpoint]
    """By label."""
    passes: tuple[Episode, ...]
    fallen: Mapping[str, int] = field(default_factory=dict)
    """Label -> pass, counted from 1, in which its policy diverged and fell back to its rule."""

    @property
    def weights(self) -> Weights:
        """What it is to be judged with."""
        return {label: checkpoint.weights for label, checkpoint in self.learnt.items()}


def policies_of(simulation: Simulation) -> dict[str, Policy]:
    """The policies of a simulation, by label."""
    return {
        f"{community.name}/{group.label}": group.policy
        for community in simulation.communities
        for group in community.deciders.groups
    }


def learns(simulation: Simulation) -> bool:
    """Whether any of its policies learns."""
    return any(policy.learns for policy in policies_of(simulation).values())


def fell(policy: Policy) -> bool:
    """Whether a policy diverged and follows its rule."""
    return policy.fallen is True


def take_up(policies: Mapping[str, Policy], weights: Weights, fallen: Collection[str] = ()) -> None:
    """Let policies start from what was learnt; those of the labels that fell back follow their rule."""
    for label, own in weights.items():
        policy = policies[label]
        asked(partial(policy.load_weights, own), policy, f"{_title(policy, label)}, taking weights,")
    for label in fallen:
        policies[label].fallen = True


def train(scenario: Scenario, passes: int = 1, tell: Tell = silent, keep: Keep = forget) -> Trained:
    """Let policies learn, online, while a scenario is simulated.

    Args:
        scenario: In which they learn.
        passes: How often they go through it: each time the world begins anew, and a learner goes on with all
            that it had (`Policy.state_dict`).
        tell: Called with the periods done in all passes.
        keep: Called with what is worth keeping after each pass, also after one that fails.

    Raises:
        PolicyError: if one breaks its contract, diverges and is to stop then, or says that it learns and has
            nothing to show for it.
    """
    states: dict[str, dict[str, Any]] = {}
    episodes: list[Episode] = []
    learnt: dict[str, Checkpoint] = {}
    fallen: dict[str, int] = {}
    done = 0
    for number in range(1, passes + 1):
        simulation = Simulation(scenario)
        policies = policies_of(simulation)
        for label, state in states.items():
            _go_on(policies[label], label, state)
        try:
            episodes.append(run_episode(simulation, after(done, tell)))
        except Exception:
            keep(_worth_keeping(_rescued(policies)))
            raise
        done += scenario.horizon.periods
        states = {
            label: asked(policy.state_dict, policy, f"{_title(policy, label)}, asked for its state,")
            for label, policy in policies.items()
        }
        learnt = {label: _learnt(policy, label) for label, policy in policies.items() if policy.learns}
        fallen = {label: number for label, policy in policies.items() if fell(policy)} | fallen
        keep(_worth_keeping(learnt))
    for label, own in learnt.items():
        if not own.weights:
            raise PolicyError(f"{_title(policies[label], label)} learns, but its weights() are empty")
    return Trained(learnt, tuple(episodes), fallen)


def _go_on(policy: Policy, label: str, state: Mapping[str, Any]) -> None:
    """From a state, in a world that begins anew."""
    where = f"{_title(policy, label)}, going on from its state,"
    asked(partial(policy.load_state_dict, state), policy, where)
    asked(policy.reset, policy, where)


def _learnt(policy: Policy, label: str) -> Checkpoint:
    """What a policy has learnt so far."""
    return checkpoint_of(policy, checked_weights(policy, _title(policy, label)))


def _rescued(policies: Mapping[str, Policy]) -> dict[str, Checkpoint]:
    """What was learnt when a pass failed, of those that can tell."""
    found: dict[str, Checkpoint] = {}
    for label, policy in policies.items():
        if policy.learns:
            with suppress(Exception):  # somebody else's code; what made the pass fail is what is reported
                found[label] = _learnt(policy, label)
    return found


def _worth_keeping(learnt: Mapping[str, Checkpoint]) -> dict[str, Checkpoint]:
    """Where there are weights."""
    return {label: own for label, own in learnt.items() if own.weights}


def judge(
    scenario: Scenario,
    weights: Weights,
    *,
    explore: bool,
    fallen: Collection[str] = (),
    tell: Tell = silent,
) -> Episode:
    """Simulate a scenario with policies that learn nothing any more.

    Args:
        scenario: In which they are judged.
        weights: What they learnt; empty for rules.
        explore: Whether they draw their actions as in training, or take their best ones.
        fallen: Labels of those that fell back to their rule: they are judged with that.
        tell: Called with the periods done.

    Raises:
        PolicyError: if one breaks its contract, or its weights change although it is frozen.
    """
    simulation = Simulation(scenario)
    policies = policies_of(simulation)
    take_up(policies, weights, fallen)
    for policy in policies.values():
        policy.learns = False
    for community in simulation.communities:
        community.deciders.explore = explore
        community.deciders.learning = False
    episode = run_episode(simulation, tell)
    for label, own in weights.items():
        now = policies[label].weights()
        changed = [name for name, array in own.items() if not np.array_equal(array, now.get(name, []))]
        if changed:
            names = ", ".join(changed)
            raise PolicyError(f"{_title(policies[label], label)} was frozen, and yet changed {names}")
    return episode


def _title(policy: Policy, label: str) -> str:
    return f"policy {policy.name!r} of {label!r}"
