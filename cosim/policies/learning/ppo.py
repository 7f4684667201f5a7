"""`mf-ppo`: mean-field proximal policy optimisation, learning online. Read from top to bottom.

Actor and critic of Schulman et al., "Proximal policy optimization algorithms" (arXiv:1707.06347), with
advantages over many decisions as in "High-dimensional continuous control using generalized advantage
estimation" (ICLR 2016). Both read the own observation and the mean field. Three things are made for a market
with many prosumers:

- The baseline that advantages are measured against knows in hindsight what became public while the decision
  stood. One prosumer moves the mean field by nothing, so knowing it afterwards biases no gradient, and takes
  away the luck of the day (a future-conditional baseline: Mesnard et al., "Counterfactual credit assignment
  in model-free reinforcement learning", ICML 2021).
- Where it decides seldom, days of the past are learnt from again, so that summer does not wipe out what
  winter taught. The policy that clipping refers to is the present one, and a decision counts by how likely it
  still is, at most 1 (Hilton, Cobbe and Schulman, "Batch size-invariance for policy optimization", NeurIPS
  2022; weights cut at 1: Espeholt et al., "IMPALA", ICML 2018).
- There it tries levels, each with a probability, instead of a normal distribution: what a battery does with a
  value of stored energy changes in steps, where it crosses a tariff (`distributions`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import field_validator

from cosim.core.arrays import FloatArray
from cosim.core.config import Config as Parameters
from cosim.core.config import setting
from cosim.policies.contract import Spec
from cosim.policies.learning.distributions import Distribution, Levels, Normal
from cosim.policies.learning.experience import Experience, stacked
from cosim.policies.learning.habits import FEW, FINE, MANY, Habits, Tries, usual_habits
from cosim.policies.learning.prudent import Prudent, PrudentConfig
from cosim.policies.learning.remembered import Remembered
from cosim.policies.learning.returns import clipped_loss, explained, lambda_returns, normalised
from cosim.policies.learning.start import (
    EVERY_HOUR,
    LEFT_OUT,
    NEAR,
    differing,
    is_a_device,
    plans,
    tells_setpoints,
)

if TYPE_CHECKING:
    from torch import Tensor

    from cosim.policies.learning.blocks import Block
    from cosim.policies.learning.networks import Networks

MOST_GRADIENT = 0.5
"""Largest Euclidean norm of a network's gradient."""
MOST_LOG_RATIO = 2.0
"""A probability that changed more, as a logarithm, moves the policy no further: what was unlikely could throw
it."""


def _if_left_out(name: str) -> str:
    """What is said of a parameter that is left out."""
    few, many = getattr(FEW, name), getattr(MANY, name)
    words = [f"{one:g}" if isinstance(one, float) else f"{one}" for one in (few, many)]
    return f"Left out: {words[0]}, and {words[1]} where it decides more than twice a day."


class PPOConfig(PrudentConfig):
    """Parameters of `mf-ppo`."""

    learning_rate: float = setting(1e-3, about="Step size of Adam for the actor.", gt=0)
    critic_rate: float = setting(1e-3, about="Step size of Adam for critic and baseline.", gt=0)
    distribution: Tries | None = setting(None, about="How it tries things. " + _if_left_out("distribution"))
    levels: tuple[float, ...] | None = setting(
        None,
        about="What it chooses among for each field of the action, with `distribution: levels`: departures "
        "from the start rule. " + LEFT_OUT,
        min_length=2,
    )
    exploration: float | None = setting(
        None,
        about="Standard deviation of what it tries at first, in units of the action. "
        + _if_left_out("exploration")
        + f" From a rule that plans at most {NEAR[-1]:g}, and {FINE:g} where it departs often from values.",
        gt=0,
        le=1,
    )
    margin_exploration: float = setting(
        0.05, about="As `exploration`, for margins, where these are learnt.", gt=0, le=1
    )
    least_exploration: float = setting(
        0.03, about="Least standard deviation, with `distribution: normal`.", gt=0, le=1
    )
    stays: float = setting(
        0.05,
        about="Part of the probabilities that stays as it was at first, with `distribution: levels`.",
        ge=0,
        lt=1,
    )
    hidden: int | None = setting(  # type: ignore[assignment]
        None, about="Width of the two hidden layers of each network. " + _if_left_out("hidden"), ge=1, le=1024
    )
    decay: float | None = setting(None, about="Weight decay of AdamW. " + _if_left_out("decay"), ge=0)
    memory_days: float | None = setting(
        None, unit="d", about="Decisions of so many days are remembered. " + _if_left_out("memory_days"), gt=0
    )
    batch_days: float | None = setting(
        None,
        unit="d",
        about="Days drawn from memory for an update, the last one always among them. "
        + _if_left_out("batch_days"),
        gt=0,
    )
    epochs: int | None = setting(None, about="Passes over these days. " + _if_left_out("epochs"), ge=1)
    trace: float = setting(
        0.9,
        about="Lambda of the advantages: 0 trusts the critic after one decision, 1 what happened.",
        ge=0,
        le=1,
    )
    clip: float = setting(0.2, about="How far the probability ratio may move before it stops to count.", gt=0)
    entropy: float = setting(0.0, about="Weight of the policy's entropy.", ge=0)

    @field_validator("levels")
    @classmethod
    def _differ(cls, levels: tuple[float, ...] | None) -> tuple[float, ...] | None:
        return None if levels is None else differing(levels)


class MeanFieldPPO(Prudent):
    """Learns by clipped policy gradients, once a day."""

    name = "mf-ppo"
    summary = "Mean-field PPO: learns online how far to depart from a rule"
    Config = PPOConfig
    config: PPOConfig
    crosses = (
        f"{Prudent.crosses}; with prudence lots of a lottery, and but for sharing none sums of products of "
        "own numbers"
    )

    def __init__(
        self, spec: Spec, n: int, config: Parameters | None = None, *, seed: int = 0, label: str = ""
    ) -> None:
        super().__init__(spec, n, config, seed=seed, label=label)
        from cosim.policies.learning.blocks import blocks_of
        from cosim.policies.learning.networks import Networks

        own, reads, hidden = self.config, self.input_names, (self.habits.hidden,) * 2
        actions = [item.name for item in spec.action]
        self.tries = self._distribution(actions)
        common: dict[str, Any] = {"count": self.networks, "rng": self.draw("weights"), "device": self.device}
        self.actor = Networks("actor", reads, hidden, self.tries.outputs(actions), last=0.0, **common)
        self.critic = Networks("critic", reads, hidden, ("value",), last=0.0, **common)
        self.baseline = Networks(
            "baseline", (*reads, *self.hindsight_names), hidden, ("value",), last=0.0, **common
        )
        self.held: Networks | None = None
        """The baseline of those who are held to the rule, if any may be."""
        if self.prudence is not None:
            inputs = self.baseline.inputs
            self.held = Networks("held", inputs, hidden, ("value",), last=0.0, **common)
        judges = ((each, own.critic_rate) for each in self._learning()[1:])
        self.blocks = blocks_of([(self.actor, own.learning_rate), *judges], self.habits.decay)

    def _most_days(self) -> float:
        """Never less than is learnt from at once."""
        return max(self.habits.memory_days, self.every / self.decisions_per_day)

    @cached_property
    def habits(self) -> Habits:
        """What the scenario says, and where it says nothing what suits how often it decides."""
        usual = usual_habits(
            self.decisions_per_day, plans(self.start), tells_setpoints(self.spec), self.config.distribution
        )
        said = {item.name: getattr(self.config, item.name) for item in fields(Habits)}
        return replace(usual, **{name: value for name, value in said.items() if value is not None})

    @property
    def usual_hours(self) -> float:
        """Once an hour from a rule that plans: it carries the day, and its values want fine steps."""
        return EVERY_HOUR if plans(self.start) else super().usual_hours

    @property
    def rehearses(self) -> bool:
        """Whether days of long ago are learnt from, too. A decision then counts by how likely it still is
        against when it was taken, at most 1, and clipping refers to the policy just before the update; else
        it refers to the policy that decided."""
        return self.habits.memory_days > self.habits.batch_days

    def _distribution(self, actions: list[str]) -> Distribution:
        """How it tries things; margins in finer steps than what devices do."""
        usual, margin = self.habits.exploration, self.config.margin_exploration
        first = np.array([usual if is_a_device(name) else margin for name in actions])
        if self.habits.distribution == "normal":
            return Normal(first, self.config.least_exploration, self.device)
        return Levels(np.array(self.habits.levels) / usual, first, self.config.stays, self.device)

    # 1. Decide

    def _decide(self, rows: FloatArray, explore: bool) -> tuple[FloatArray, dict[str, FloatArray]]:
        import torch

        drawn = self._tries(lambda chance: chance.random(self.n))
        with torch.no_grad():
            out = self.actor(self._shaped(rows)).reshape(self.n, -1)
            taken = self.tries.take(out, drawn if explore else None)
            kept = torch.as_tensor(taken.astype(np.float32), device=self.device)
            log_probability = self.tries.log_probability(out, kept).cpu().numpy().astype(float)
        return self.tries.shift(taken), {"log_probability": log_probability, "taken": taken}

    def _expected(self, rows: FloatArray) -> FloatArray:
        import torch

        from cosim.policies.learning.networks import as_floats

        with torch.no_grad():
            mean = self.tries.mean(self.actor(self._shaped(rows))).reshape(self.n, -1)
        return as_floats(mean)

    def _brought(self, experience: Experience) -> FloatArray:
        """r + gamma V(next)."""
        after = self._value(self.critic, experience.next_rows)
        goes_on = self.gamma * ~experience.terminated
        found: FloatArray = experience.decision.reward / self.scale.of() + goes_on * after
        return found

    def _foreseen(self, experience: Experience, departed: bool) -> FloatArray:
        """B(x, h)."""
        network = self.baseline if departed or self.held is None else self.held
        return self._value(network, np.hstack([experience.decision.rows, experience.hindsight]))

    def _value(self, network: Networks, rows: FloatArray) -> FloatArray:
        """Of n prosumers, by networks that have one output, shape (n,)."""
        import torch

        from cosim.policies.learning.networks import by_prosumer

        with torch.no_grad():
            values = by_prosumer(network(self._shaped(rows)), self.n)
        return np.asarray(values[0])

    # 2. Choose what to learn from

    def _drawn(self) -> list[Experience]:
        """Those since the last update, and as many days before as are wanted, drawn if there are more."""
        past, day = list(self.memory), max(round(self.decisions_per_day), 1)
        before, last = past[: -self.every], past[-self.every :]
        wanted = max(round(self.habits.batch_days * self.decisions_per_day) - self.every, 0)
        if len(before) <= wanted:
            return past
        days = len(before) // day
        first = len(before) - days * day
        numbers = np.sort(self.rng.permutation(days)[: wanted // day])
        found: list[Experience] = []
        for number, following in zip(numbers, [*numbers[1:], days], strict=False):
            start = first + int(number) * day
            *others, end = before[start : start + day]
            found += [*others, end if following == number + 1 else replace(end, joined=False)]
        return [*found, *last]

    # 3. Learn

    def _update(self) -> dict[str, float]:
        from cosim.policies.learning.blocks import joined

        past = self._drawn()
        known = self._remembered(past)
        found = joined([self._improve(block, known.of(block.places)) for block in self.blocks])
        change, ratio, acts = found["change"], found["change"].exp(), known.mask.sum().clamp(min=1.0)
        return {
            "policy_loss": float(found["policy_loss"].mean()),
            "value_loss": float(found["value_loss"].mean()),
            "entropy": float(found["entropy"].sum() / acts),
            "kl": float(((ratio - 1.0) - change).mean()),
            "clipped_share": float(((ratio - 1.0).abs() > self.config.clip).float().mean()),
            "explained_variance": known.explained,
            "gradient_norm": float(found["gradient_norm"].mean()),
            "still_likely": float(
                (known.likely * known.departed).sum() / known.departed.sum().clamp(min=1.0)
            ),
            "shift": float(found["shift"].sum() / acts),
            "return_eur_per_day": float(past[-1].decision.reward.mean()) * self.decisions_per_day,
            **self._told(),
        }

    def _improve(self, block: Block, known: Remembered) -> dict[str, Tensor]:
        """All steps of some networks; what metrics are made of, by network."""
        import torch

        from cosim.policies.learning.networks import clip_gradients

        own, actor, critic, baseline = self.config, *map(block, (self.actor, self.critic, self.baseline))
        held = None if self.held is None else block(self.held)
        for _ in range(self.habits.epochs):
            out = actor(known.rows)
            change = self._change(out, known)
            policy_loss = (known.likely * clipped_loss(change.exp(), known.advantage, own.clip)).mean(1)
            value_loss = self._error(critic(known.rows), known.target, known.own)
            foretold = baseline(known.knowing)
            loss = policy_loss + value_loss + self._error(foretold, known.target, known.own * known.departed)
            if held is not None:
                foretold, others = held(known.knowing), known.own * (1.0 - known.departed)
                loss = loss + self._error(foretold, known.target, others)
            if own.entropy > 0.0:
                loss = loss - own.entropy * self._entropy(out, known).mean(1)
            block.optimiser.zero_grad()
            loss.sum().backward()  # type: ignore[no-untyped-call]
            norm = clip_gradients(actor.parameters, MOST_GRADIENT)
            for judge in (critic, baseline, *(() if held is None else (held,))):
                clip_gradients(judge.parameters, MOST_GRADIENT)
            block.optimiser.step()
        with torch.no_grad():
            out = actor(known.rows)
            return {
                "policy_loss": policy_loss.detach(),
                "value_loss": value_loss.detach(),
                "gradient_norm": norm,
                "entropy": self._entropy(out, known),
                "change": self._change(out, known),
                "shift": self.tries.mean(out) * known.mask,
            }

    def _change(self, out: Tensor, known: Remembered) -> Tensor:
        """By how much the logarithm of the probability of each decision changed, shape (G, B)."""
        after = (self.tries.log_probability(out, known.taken) * known.mask).sum(-1)
        return (after - known.before).clamp(-MOST_LOG_RATIO, MOST_LOG_RATIO)

    def _entropy(self, out: Tensor, known: Remembered) -> Tensor:
        """Of what is decided, shape (G, B)."""
        return (self.tries.entropy(out) * known.mask).sum(-1)

    @staticmethod
    def _error(value: Tensor, target: Tensor, counts: Tensor) -> Tensor:
        """Half the mean square error of a value, over what counts, shape (G,)."""
        squares = (value.squeeze(-1) - target).square() * counts
        return 0.5 * squares.sum(1) / counts.sum(1).clamp(min=1.0)

    def _remembered(self, past: list[Experience]) -> Remembered:
        """Decisions as tensors, with what came of each."""
        import torch

        from cosim.policies.learning.networks import by_network, by_prosumer

        def given(name: str) -> Tensor:
            return by_network(stacked(past, name), self.networks, self.device)

        def foretold(network: Networks, rows: Tensor) -> FloatArray:
            return by_prosumer(network(rows), self.n)

        departed = np.stack([self._departed(each.decision) for each in past])
        rows, taken, own = given("rows"), given("taken"), given("own")
        knowing = torch.cat([rows, given("hindsight")], dim=-1)
        mask = given("mask") * own.unsqueeze(-1)
        then = (given("log_probability") * mask).sum(-1)
        with torch.no_grad():
            now = (self.tries.log_probability(self.actor(rows), taken) * mask).sum(-1)
            next_value, foreseen = foretold(self.critic, given("next_rows")), foretold(self.baseline, knowing)
            if self.held is not None:
                foreseen = np.where(departed > 0.0, foreseen, foretold(self.held, knowing))
        before = now if self.rehearses else then
        likely = own * (now - then).exp().clamp(max=1.0) if self.rehearses else own
        # What came after the next decision counts as far as that is still likely (Munos et al. 2016).
        trace = np.zeros_like(foreseen)
        trace[:-1] = self.config.trace * by_prosumer(likely, self.n)[1:]
        reward, ended = stacked(past, "reward") / self.scale.of(), stacked(past, "terminated")
        joined = np.array([each.joined for each in past])
        returns = lambda_returns(reward, next_value, ended, joined, self.gamma, trace)
        pooled = self.config.sharing == "group"
        # Among all decisions: of those that departed a prosumer may have one, and all that is left of it is
        # its sign.
        advantage = normalised(returns - foreseen, pooled) * departed
        chose, target, weight = (
            by_network(each, self.networks, self.device) for each in (departed, returns, advantage)
        )
        fits = explained(returns, foreseen)
        return Remembered(rows, knowing, taken, mask, before, likely, own, chose, target, weight, fits)

    # What is kept

    def reset(self) -> None:
        """A new episode: what is remembered of the last one is not followed by it."""
        super().reset()
        if self.memory:
            self.memory[-1] = replace(self.memory[-1], joined=False)

    def _learning(self) -> Sequence[Networks]:
        networks = (self.actor, self.critic, self.baseline)
        return networks if self.held is None else (*networks, self.held)

    def load_weights(self, weights: Mapping[str, FloatArray]) -> None:
        """Start from weights learnt elsewhere; those from before anybody could be held know nothing of it.

        Raises:
            PolicyError: if they do not fit.
        """
        if self.held is not None and not any(name.startswith("held.") for name in weights):
            weights = self.held.weights() | dict(weights)
        super().load_weights(weights)
