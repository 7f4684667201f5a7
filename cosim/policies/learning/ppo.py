"""`mf-ppo`: mean-field proximal policy optimisation, learning online. Read from top to bottom.

Actor and critic of Schulman et al., "Proximal policy optimization algorithms" (arXiv:1707.06347), with
advantages over many decisions as in "High-dimensional continuous control using generalized advantage
estimation" (ICLR 2016). Both read the own observation and the mean field. Two things are made for a market
with many prosumers:

- The baseline that advantages are measured against knows in hindsight what became public while the decision
  stood. One prosumer moves the mean field by nothing, so knowing it afterwards biases no gradient, and takes
  away the luck of the day (a future-conditional baseline: Mesnard et al., "Counterfactual credit assignment
  in model-free reinforcement learning", ICML 2021).
- Decisions of some days are learnt from together, each against the policy that took it: PPO's clipped ratio
  bounds how far it moves (Queeney et al., "Generalized proximal policy optimization with sample reuse",
  NeurIPS 2021).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.core.arrays import BoolArray, FloatArray, IntArray
from cosim.core.config import Config as Parameters
from cosim.core.config import setting
from cosim.policies.contract import Spec
from cosim.policies.learning.experience import Experience, stacked
from cosim.policies.learning.learner import Learner, LearnerConfig, is_a_device

if TYPE_CHECKING:
    from torch import Tensor

TINY = 1e-6
MANY_DAYS, FEW_DAYS = 14.0, 3.0
"""Days that are learnt from if nothing is said: where there is one decision a day, and where there are
many."""
MOST_GRADIENT = 0.5
"""Largest Euclidean norm of a network's gradient."""


class PPOConfig(LearnerConfig):
    """Parameters of `mf-ppo`."""

    learning_rate: float = setting(1e-3, about="Step size of Adam for the actor.", gt=0)
    critic_rate: float = setting(1e-3, about="Step size of Adam for critic and baseline.", gt=0)
    update_hours: float = setting(24.0, unit="h", about="How often it learns.", gt=0)
    memory_days: float | None = setting(
        None,
        unit="d",
        about="Decisions of so many days are learnt from in each update. Left out: 14, and 3 where it "
        "decides more than twice a day.",
        gt=0,
    )
    epochs: int = setting(10, about="Passes over these decisions in each update.", ge=1)
    trace: float = setting(
        0.9,
        about="Lambda of the advantages: 0 trusts the critic after one decision, 1 what happened.",
        ge=0,
        le=1,
    )
    clip: float = setting(0.2, about="How far the probability ratio may move before it stops to count.", gt=0)
    decay: float = setting(0.0, about="Weight decay of AdamW.", ge=0)
    entropy: float = setting(0.0, about="Weight of the policy's entropy.", ge=0)
    margin_exploration: float = setting(
        0.05, about="As `exploration`, for margins, where these are learnt.", gt=0, le=1
    )
    least_exploration: float = setting(0.03, about="Least standard deviation.", gt=0, le=1)


class MeanFieldPPO(Learner):
    """Learns by clipped policy gradients, once a day."""

    name = "mf-ppo"
    summary = "Mean-field PPO: learns online how far to depart from a rule"
    Config = PPOConfig
    config: PPOConfig

    def __init__(
        self, spec: Spec, n: int, config: Parameters | None = None, *, seed: int = 0, label: str = ""
    ) -> None:
        super().__init__(spec, n, config, seed=seed, label=label)
        import torch

        from cosim.policies.learning.networks import Networks

        own, reads, hidden = self.config, self.input_names, (self.config.hidden,) * 2
        actions = [item.name for item in spec.action]
        common: dict[str, Any] = {"count": self.networks, "rng": self.draw("weights"), "device": self.device}
        outputs = [*actions, *(f"log_std.{name}" for name in actions)]
        self.actor = Networks("actor", reads, hidden, outputs, last=0.0, **common)
        self.critic = Networks("critic", reads, hidden, ("value",), last=0.0, **common)
        self.baseline = Networks(
            "baseline", (*reads, *self.hindsight_names), hidden, ("value",), last=0.0, **common
        )
        first = [own.exploration if is_a_device(name) else own.margin_exploration for name in actions]
        self.first_log_std = torch.tensor(np.log(first), dtype=torch.float32, device=self.device)
        """Logarithm of the standard deviation that exploration begins with, shape (A,)."""
        judges = [*self.critic.parameters, *self.baseline.parameters]
        self.optimiser = torch.optim.AdamW(
            [
                {"params": self.actor.parameters, "lr": own.learning_rate},
                {"params": judges, "lr": own.critic_rate},
            ],
            weight_decay=own.decay,
        )
        self.every = max(round(own.update_hours / 24.0 * self.decisions_per_day), 1)
        """Decisions from one update to the next."""
        days = own.memory_days or (FEW_DAYS if self.decisions_per_day > 2.0 else MANY_DAYS)
        most = max(round(days * self.decisions_per_day), self.every)
        self.memory: deque[Experience] = deque(maxlen=most)
        self.fresh = 0
        """Decisions since the last update."""
        self.scale = Scale(n, pooled=own.sharing == "group")

    # 1. Decide: a normal distribution around the rule's action

    def _decide(self, rows: FloatArray, explore: bool) -> tuple[FloatArray, dict[str, FloatArray]]:
        import torch

        with torch.no_grad():
            shaped = torch.as_tensor(rows.astype(np.float32), device=self.device)
            found = self._distribution(shaped.reshape(self.networks, self.n // self.networks, -1))
        mean, log_std = (part.reshape(self.n, -1).cpu().numpy().astype(float) for part in found)
        tried = np.column_stack(
            [self.draw(f"try {item.name}").standard_normal(self.n) for item in self.spec.action]
        )
        tried *= explore
        return mean + np.exp(log_std) * tried, {"log_probability": -0.5 * tried**2 - log_std}

    def _distribution(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the standard deviation of the shift, shape (G, B, A) each."""
        mean, change = self.actor(rows).chunk(2, dim=-1)
        least, most = np.log(self.config.least_exploration), 0.0
        return mean, (self.first_log_std + change).clamp(least, most)

    # 2. Collect: a day's decisions, then learn from those of some days

    def _take(self, experience: Experience) -> dict[str, float]:
        self.scale.add(experience.decision.reward)
        self.memory.append(experience)
        self.fresh += 1
        if self.fresh < self.every:
            return {}
        self.fresh = 0
        return self._update(list(self.memory))

    # 3. Learn

    def _update(self, past: list[Experience]) -> dict[str, float]:
        import torch

        from cosim.policies.learning.networks import by_network, by_prosumer, clip_gradients

        own, n = self.config, self.n

        def given(name: str) -> Tensor:
            return by_network(stacked(past, name), self.networks, self.device)

        rows, shift = given("rows"), given("shift")
        knowing = torch.cat([rows, given("hindsight")], dim=-1)
        mask = given("mask") * given("own").unsqueeze(-1)
        before = (given("log_probability") * mask).sum(-1)
        with torch.no_grad():
            next_value = by_prosumer(self.critic(given("next_rows")), n)
            foreseen = by_prosumer(self.baseline(knowing), n)
        reward = stacked(past, "reward") / self.scale.of()
        joined = np.array([each.joined for each in past])
        returns = lambda_returns(
            reward, next_value, stacked(past, "terminated"), joined, self.gamma, own.trace
        )
        advantage = self._normalised(returns - foreseen)
        target = by_network(returns, self.networks, self.device)
        weight = by_network(advantage, self.networks, self.device)
        for _ in range(own.epochs):
            mean, log_std = self._distribution(rows)
            after = ((-0.5 * ((shift - mean) / log_std.exp()).square() - log_std) * mask).sum(-1)
            entropy = (log_std * mask).sum(-1)
            policy_loss = clipped_loss((after - before).exp(), weight, own.clip).mean(1)
            value_loss = 0.5 * (self.critic(rows).squeeze(-1) - target).square().mean(1)
            baseline_loss = 0.5 * (self.baseline(knowing).squeeze(-1) - target).square().mean(1)
            loss = policy_loss + value_loss + baseline_loss - own.entropy * entropy.mean(1)
            self.optimiser.zero_grad()
            loss.sum().backward()  # type: ignore[no-untyped-call]
            norm = clip_gradients(self.actor.parameters, MOST_GRADIENT)
            clip_gradients(self.critic.parameters, MOST_GRADIENT)
            clip_gradients(self.baseline.parameters, MOST_GRADIENT)
            self.optimiser.step()
        with torch.no_grad():
            ratio = (after - before).exp()
            acts = mask.sum().clamp(min=1.0)
            return {
                "policy_loss": float(policy_loss.mean()),
                "value_loss": float(value_loss.mean()),
                "entropy": float((log_std * mask).sum() / acts) + 0.5 * float(np.log(2.0 * np.pi * np.e)),
                "kl": float(((ratio - 1.0) - (after - before)).mean()),
                "clipped_share": float(((ratio - 1.0).abs() > own.clip).float().mean()),
                "explained_variance": explained(returns, foreseen),
                "gradient_norm": float(norm.mean()),
                "standard_deviation": float((log_std.exp() * mask).sum() / acts),
                "shift": float((mean * mask).sum() / acts),
                "return_eur_per_day": float(past[-1].decision.reward.mean()) * self.decisions_per_day,
            }

    def _normalised(self, advantage: FloatArray) -> FloatArray:
        """Of mean square one: among the own decisions, or where data are pooled among all."""
        axis = None if self.config.sharing == "group" else 0
        return np.asarray(advantage / (np.sqrt(np.square(advantage).mean(axis=axis, keepdims=True)) + TINY))

    # What is kept

    def reset(self, rows: IntArray | None = None) -> None:
        """A new episode: what is remembered of the last one is not followed by it."""
        super().reset(rows)
        if self.memory:
            self.memory[-1] = replace(self.memory[-1], joined=False)

    def _modules(self) -> Mapping[str, Tensor]:
        return {
            f"{each.name}.{number}": part
            for each in (self.actor, self.critic, self.baseline)
            for number, part in enumerate(each.parameters)
        }

    def weights(self) -> dict[str, FloatArray]:
        """What was learnt, by the names of the fields; a copy."""
        return {**self.actor.weights(), **self.critic.weights(), **self.baseline.weights()}

    def _load(self, weights: Mapping[str, FloatArray]) -> None:
        for each in (self.actor, self.critic, self.baseline):
            each.load(weights)

    def state_dict(self) -> dict[str, Any]:
        """The decisions that are still to be learnt from and the optimiser as well."""
        return {
            **super().state_dict(),
            "optimiser": plain(self.optimiser.state_dict()),
            "memory": [each.state() for each in self.memory],
            "fresh": self.fresh,
            "scale": self.scale.state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See `Policy.load_state_dict`."""
        super().load_state_dict(state)
        self.optimiser.load_state_dict(tensors(state["optimiser"]))
        self.memory.clear()
        self.memory.extend(Experience.of_state(each) for each in state["memory"])
        self.fresh = int(state["fresh"])
        self.scale.load_state(state["scale"])


class Scale:
    """Root mean square of the rewards so far, each prosumer's own, or where data are pooled that of all.

    Args:
        n: Prosumers.
        pooled: Whether data are pooled.
    """

    def __init__(self, n: int, pooled: bool) -> None:
        self._pooled, self._squares, self._count = pooled, np.zeros(n), 0

    def add(self, reward: FloatArray) -> None:
        """Take in one decision's rewards, shape (n,)."""
        self._squares = self._squares + np.square(reward)
        self._count += 1

    def of(self) -> FloatArray:
        """Shape (n,), positive."""
        mean = self._squares / max(self._count, 1)
        return np.sqrt(np.full_like(mean, mean.mean()) if self._pooled and len(mean) else mean) + TINY

    def state(self) -> dict[str, Any]:
        """A copy."""
        return {"squares": self._squares.copy(), "count": self._count}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`."""
        self._squares, self._count = np.array(state["squares"], dtype=float), int(state["count"])


def lambda_returns(
    reward: FloatArray,
    next_value: FloatArray,
    terminated: FloatArray,
    joined: BoolArray,
    discount: float,
    trace: float,
) -> FloatArray:
    """Returns of T decisions by TD(lambda), shape (T, n): less a value of the state, the generalised
    advantage (Schulman et al. 2016, eq. 16).

        R_t = r_t + discount (1 - terminated_t) [(1 - trace) V(s_t+1) + trace R_t+1]

    Args:
        reward: Shape (T, n).
        next_value: V(s_t+1) of each, shape (T, n).
        terminated: 1 where nothing of value comes after, shape (T, n).
        joined: Whether the next decision follows on this one, shape (T,); the last of all counts as not
        joined. discount: From one decision to the next.
        trace: Lambda.
    """
    returns = np.zeros_like(reward)
    for t in range(len(reward) - 1, -1, -1):
        goes_on = t + 1 < len(reward) and joined[t]
        after = (1.0 - trace) * next_value[t] + trace * returns[t + 1] if goes_on else next_value[t]
        returns[t] = reward[t] + discount * (1.0 - terminated[t]) * after
    return returns


def clipped_loss(ratio: Tensor, advantage: Tensor, clip: float) -> Tensor:
    """PPO's loss, minus the pessimistic of the plain and the clipped objective (Schulman et al. 2017, eq.
    7)."""
    import torch

    return -torch.minimum(ratio * advantage, ratio.clamp(1.0 - clip, 1.0 + clip) * advantage)


def explained(target: FloatArray, prediction: FloatArray) -> float:
    """Share of the variance of a target that a prediction explains; 0 where there is none to explain."""
    variance = float(np.var(target))
    return 1.0 - float(np.var(target - prediction)) / variance if variance > 0.0 else 0.0


def plain(value: Any) -> Any:
    """The same with arrays in the place of tensors, a copy."""
    import torch

    if isinstance(value, torch.Tensor):
        return value.detach().cpu().numpy().copy()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def tensors(value: Any) -> Any:
    """The way back."""
    import torch

    if isinstance(value, np.ndarray):
        return torch.as_tensor(value.copy())
    if isinstance(value, dict):
        return {key: tensors(item) for key, item in value.items()}
    if isinstance(value, list):
        return [tensors(item) for item in value]
    return value
