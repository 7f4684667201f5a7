"""`mf-td3`: a deterministic actor and critics that see the mean field, learning online from a replay memory.
Read from top to bottom.

Fujimoto, van Hoof and Meger, "Addressing function approximation error in actor-critic methods" (ICML 2018):
two critics of which the lower one is believed, an actor that learns more slowly than they do, and targets
smoothed over neighbouring actions. With one critic, no delay and no smoothing it is DDPG (Lillicrap et al.,
"Continuous control with deep reinforcement learning", ICLR 2016). Actor and critic read the own observation
and the mean field; with `mean_field: none` they are independent learners.

What is made for a market with many prosumers:

- The critic may know in hindsight what became public while a decision stood, and the own inflexible energy.
  Given the observation it is independent of what one prosumer does, or hangs on it by so much as vanishes
  when there are many, so

      E over hindsight h of  d Q(observation, h, action) / d action  =  d Q(observation, action) / d action,

  and the actor, which does not know it, climbs the same slope with less noise: the luck of the day is
  explained. (Mesnard et al., ICML 2021, do so for a baseline.) Where one prosumer moves the market it is an
  approximation.
- All learn at once, so a critic soon judges where nobody has been. The actor is held near what was done in
  the decisions that it learns from (Fujimoto and Gu, "A minimalist approach to offline reinforcement
  learning", NeurIPS 2021). Online, what was done follows the actor: where it settles, the slope of the critic
  is zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.core.arrays import BoolArray, FloatArray
from cosim.core.config import Config as Parameters
from cosim.policies.contract import Spec
from cosim.policies.learning.experience import Decision, Experience
from cosim.policies.learning.learner import Learner
from cosim.policies.learning.replay import Replay
from cosim.policies.learning.returns import Scale, explained, td_target
from cosim.policies.learning.slope_config import Slope, TD3Config, usual_slope
from cosim.policies.learning.start import is_a_device, plans
from cosim.policies.learning.torch_state import plain, tensors

if TYPE_CHECKING:
    from torch import Tensor

    from cosim.policies.learning.networks import Networks

REACH = 2.0
"""How far the actor can depart from its rule: from one end of the action to the other."""
DAYS_TRIED = "trying.days"
"""Name of what is kept with the weights beside them: what it tries becomes narrower with time."""
NARROW = 0.01
"""The least of what it tries that counts in how far the actor is from what was done."""
MOST_GRADIENT = 1.0
"""Largest Euclidean norm of a network's gradient."""


class MeanFieldTD3(Learner):
    """Learns by the slope of critics along its actions, once a day."""

    name = "mf-td3"
    summary = "Mean-field TD3: deterministic actor-critic, learns online how far to depart from a rule"
    Config = TD3Config
    config: TD3Config

    def __init__(
        self, spec: Spec, n: int, config: Parameters | None = None, *, seed: int = 0, label: str = ""
    ) -> None:
        super().__init__(spec, n, config, seed=seed, label=label)
        own, actions = self.config, tuple(item.name for item in spec.action)
        self.seen = self.view.hindsight_columns(own.hindsight)
        """Columns of hindsight that critics read."""
        self._check_size()
        self._make_networks((own.hidden,) * 2, actions)
        wide = [self.slope.exploration if is_a_device(name) else own.margin_exploration for name in actions]
        self.exploration: FloatArray = np.array(wide)
        """Standard deviation of what it tries to begin with, shape (A,)."""
        gap = 24.0 / self.decisions_per_day
        self.memory_of_trying = (
            float(np.exp(-gap / own.exploration_hours)) if own.exploration_hours > 0.0 else 0.0
        )
        self._tried: FloatArray | None = None
        self.warmup = round(own.warmup_days * self.decisions_per_day)
        self.memory = Replay(max(round(own.memory_days * self.decisions_per_day), 1))
        self._waiting: Experience | None = None
        self._latest_eur = 0.0
        """Mean reward of the last decision."""
        self.fresh = self.taken = self.collected = self.step = 0
        """Decisions since the last update; of all time, also where its weights come from; that it took
        itself; steps of the critics."""
        self.scale = Scale(n, pooled=own.sharing == "group")

    def _make_networks(self, hidden: Sequence[int], actions: Sequence[str]) -> None:
        """Actor, critics, their targets and optimisers."""
        import torch

        from cosim.policies.learning.networks import Networks

        own = self.config
        common: dict[str, Any] = {"count": self.networks, "device": self.device, "last": 0.0}
        self.actor = Networks("actor", self.input_names, hidden, actions, rng=self.draw("weights"), **common)
        self.critics = [
            Networks(
                f"critic_{k + 1}",
                self.critic_names,
                hidden,
                ("value",),
                rng=self.draw(f"critic {k}"),
                **common,
            )
            for k in range(own.critics)
        ]
        self._targets = [[part.detach().clone() for part in each.parameters] for each in self._learning()]
        judges = [part for critic in self.critics for part in critic.parameters]
        self.actor_optimiser = torch.optim.Adam(self.actor.parameters, lr=self.slope.learning_rate)
        self.critic_optimiser = torch.optim.Adam(judges, lr=own.critic_rate)

    @cached_property
    def slope(self) -> Slope:
        """What the scenario says, and where it says nothing what suits how often it decides."""
        usual = usual_slope(self.decisions_per_day, plans(self.start))
        said = {item.name: getattr(self.config, item.name) for item in fields(Slope)}
        return replace(usual, **{name: value for name, value in said.items() if value is not None})

    @property
    def critic_names(self) -> tuple[str, ...]:
        """What a critic reads: what the actor reads, hindsight, and the shift."""
        hindsight = (self.hindsight_names[column] for column in self.seen)
        return (*self.input_names, *hindsight, *(f"shift.{item.name}" for item in self.spec.action))

    @property
    def critic_width(self) -> int:
        """Numbers that a critic reads; the same for any number of prosumers."""
        return len(self.critic_names)

    def _check_size(self) -> None:
        """Before networks are made: whether they fit into memory. Here they do, however many others there
        are."""

    def _learning(self) -> list[Networks]:
        """Networks that have a target."""
        return [self.actor, *self.critics]

    # 1. Decide: the actor's shift, and noise

    def _decide(self, rows: FloatArray, explore: bool) -> tuple[FloatArray, dict[str, FloatArray]]:
        import torch

        drawn = self._tries(lambda chance: chance.standard_normal(self.n))
        kept = self.memory_of_trying
        self._tried = drawn if self._tried is None else kept * self._tried + np.sqrt(1.0 - kept**2) * drawn
        with torch.no_grad():
            shift = self._shift(self._shaped(rows), self.actor.parameters)
        mean = shift.reshape(self.n, -1).cpu().numpy().astype(float)
        return np.clip(mean + explore * self.width * self._tried, -REACH, REACH), {}

    @property
    def width(self) -> FloatArray:
        """Standard deviation of what it tries now, shape (A,)."""
        narrower = np.exp(-self.taken / (self.decisions_per_day * self.config.exploration_days))
        least = np.minimum(self.config.least_exploration, self.exploration)
        return np.asarray(np.maximum(self.exploration * narrower, least))

    def _shift(self, rows: Tensor, weights: Sequence[Tensor]) -> Tensor:
        """The actor's shift with these weights, shape (G, B, A)."""
        return REACH * (self.actor.apply(rows, weights) / REACH).tanh()

    # 2. Remember: a decision once it is known what was seen in hindsight of the one that followed

    def _collect(self, experience: Experience) -> bool:
        self.scale.add(experience.decision.reward)
        self._latest_eur = float(experience.decision.reward.mean())
        self._followed(experience)
        self._waiting = experience
        if not experience.joined:
            self._followed(None)
        self.fresh, self.taken, self.collected = self.fresh + 1, self.taken + 1, self.collected + 1
        if self.fresh < self.every or self.collected < self.warmup or not len(self.memory):
            return False
        self.fresh = 0
        return True

    def _followed(self, following: Experience | None) -> None:
        """Remember the decision that waits. Where nothing followed, though life went on, a critic that wants
        hindsight has none to go on with: such rows do not count."""
        if self._waiting is None:
            return
        past, decision = self._waiting, self._waiting.decision
        counts = self._known(decision) & (past.terminated | (following is not None) | (not self.seen))
        after = past.hindsight * 0.0 if following is None else following.hindsight
        self.memory.add(
            rows=decision.rows,
            shift=np.where(decision.mask, decision.shift, 0.0),
            mask=decision.mask.astype(float),
            reward=decision.reward,
            hindsight=past.hindsight[:, self.seen],
            next_rows=past.next_rows,
            next_hindsight=after[:, self.seen],
            terminated=past.terminated.astype(float),
            counts=counts.astype(float),
        )
        self._waiting = None

    def _known(self, decision: Decision) -> BoolArray:
        """Of whom it is known what they decided, shape (n,)."""
        return decision.own

    # 3. Learn

    def _update(self) -> dict[str, float]:
        import torch

        from cosim.policies.learning.networks import follow

        for _ in range(self.slope.steps):
            batch = self._batch()
            found = self._judge(batch)
            self.step += 1
            if self.step % self.config.delay == 0:
                self._act_better(batch)
                for each, target in zip(self._learning(), self._targets, strict=True):
                    follow(target, each.parameters, self.config.follow)
        with torch.no_grad():
            shift = self._shift(batch["rows"], self.actor.parameters) * batch["mask"]
            found["shift"] = float(shift.sum() / batch["mask"].sum().clamp(min=1.0))
        found["standard_deviation"] = float(self.width[self.learnt].mean()) if self.learnt.any() else 0.0
        found["remembered"] = float(len(self.memory))
        found["return_eur_per_day"] = self._latest_eur * self.decisions_per_day
        return found

    def _batch(self) -> dict[str, Tensor]:
        """Some decisions of every prosumer, by network: shape (G, B, ...)."""
        from cosim.policies.learning.networks import by_network

        own = self.config
        entries = self.memory.at(self.memory.draw(own.batch, self.draw("batch")))
        entries["reward"] = entries["reward"] / self.scale.of().astype(np.float32)
        noise = own.target_noise * self.draw("smoothing").standard_normal(entries["shift"].shape)
        entries["noise"] = np.clip(noise, -own.target_noise_most, own.target_noise_most).astype(np.float32)
        return {name: by_network(values, self.networks, self.device) for name, values in entries.items()}

    def _value(
        self,
        critic: Networks,
        weights: Sequence[Tensor],
        batch: Mapping[str, Tensor],
        shift: Tensor,
        following: bool = False,
    ) -> Tensor:
        """What a critic says of a decision, or of the one that followed it, shape (G, B).

        Args:
            critic: The critic.
            weights: Its own, or those of its target.
            batch: Decisions.
            shift: What the prosumers do in it, each judged for its own, shape (G, B, A).
            following: Whether it is about the decision that followed.
        """
        own = self._read(batch, shift, following)
        others = self._of_others(batch, shift, following, weights[0][:, own.shape[-1] :])
        return critic.apply(own, weights, others).squeeze(-1)

    def _of_others(
        self, batch: Mapping[str, Tensor], shift: Tensor, following: bool, weight: Tensor
    ) -> Tensor | None:
        """What others add in a critic's first layer, with the weights of what is read of them; None: a critic
        reads nothing of them."""
        return None

    @staticmethod
    def _read(batch: Mapping[str, Tensor], shift: Tensor, following: bool) -> Tensor:
        """What a critic reads that is the prosumer's own or public, shape (G, B, R)."""
        import torch

        before = "next_" if following else ""
        return torch.cat([batch[f"{before}rows"], batch[f"{before}hindsight"], shift], dim=-1)

    def _next_shift(self, batch: Mapping[str, Tensor]) -> Tensor:
        """The smoothed shift of the target actor in the decision that follows, shape (G, B, A)."""
        shift = self._shift(batch["next_rows"], self._targets[0])
        return (shift + batch["noise"]).clamp(-REACH, REACH) * batch["mask"]

    def _judge(self, batch: Mapping[str, Tensor]) -> dict[str, float]:
        """A step of the critics towards their targets."""
        import torch

        from cosim.policies.learning.networks import as_floats, clip_gradients

        with torch.no_grad():
            shift = self._next_shift(batch)
            values = [
                self._value(critic, slow, batch, shift, following=True)
                for critic, slow in zip(self.critics, self._targets[1:], strict=True)
            ]
            target = td_target(batch["reward"], batch["terminated"], self.gamma, values)
        errors = [
            self._value(critic, critic.parameters, batch, batch["shift"]) - target for critic in self.critics
        ]
        losses = [0.5 * (batch["counts"] * error.square()).mean(1) for error in errors]
        self.critic_optimiser.zero_grad()
        torch.stack(losses).sum().backward()  # type: ignore[no-untyped-call]
        norms = [clip_gradients(critic.parameters, MOST_GRADIENT) for critic in self.critics]
        self.critic_optimiser.step()
        wanted, error = as_floats(target), as_floats(errors[0])
        return {
            "critic_loss": float(torch.stack(losses).detach().mean()),
            "value": float(wanted.mean()),
            "explained_variance": explained(wanted, wanted + error),
            "gradient_norm": float(torch.stack(norms).mean()),
        }

    def _act_better(self, batch: Mapping[str, Tensor]) -> None:
        """A step of the actor up the first critic, held back by what was done (Fujimoto and Gu 2021, eq.
        3)."""
        import torch

        from cosim.policies.learning.networks import clip_gradients

        shift = self._shift(batch["rows"], self.actor.parameters) * batch["mask"]
        critic = self.critics[0]
        value = self._value(critic, critic.parameters, batch, shift)
        wide = torch.as_tensor(np.maximum(self.width, NARROW).astype(np.float32), device=self.device)
        away = 0.5 * ((shift - batch["shift"]) / wide).square().sum(-1)
        loss = -(batch["counts"] * (value - self.config.stay * away)).mean(1)
        self.actor_optimiser.zero_grad()
        loss.sum().backward()  # type: ignore[no-untyped-call]
        clip_gradients(self.actor.parameters, MOST_GRADIENT)
        self.actor_optimiser.step()

    # What is kept

    def reset(self) -> None:
        """A new episode: what is remembered of the last one is not followed by it."""
        super().reset()
        self._followed(None)
        self._tried = None

    def _beside(self) -> dict[str, FloatArray]:
        """For how long it has tried things: by that it is judged, and goes on elsewhere, as it was last."""
        return super()._beside() | {DAYS_TRIED: np.array([self.taken / self.decisions_per_day])}

    def _load(self, weights: Mapping[str, FloatArray]) -> None:
        super()._load(weights)
        self.taken = round(float(weights[DAYS_TRIED][0]) * self.decisions_per_day)

    def _copies(self) -> Mapping[str, Sequence[Tensor]]:
        return {
            f"target {each.name}": target
            for each, target in zip(self._learning(), self._targets, strict=True)
        }

    def _loaded(self) -> None:
        from cosim.policies.learning.networks import follow

        for each, target in zip(self._learning(), self._targets, strict=True):
            follow(target, each.parameters, 1.0)

    def state_dict(self) -> dict[str, Any]:
        """Targets, optimisers and memory as well."""
        return {
            **super().state_dict(),
            "targets": plain(self._targets),
            "optimisers": [
                plain(each.state_dict()) for each in (self.actor_optimiser, self.critic_optimiser)
            ],
            "memory": self.memory.state(),
            "waiting": None if self._waiting is None else self._waiting.state(),
            "tried": None if self._tried is None else self._tried.copy(),
            "counts": (self.fresh, self.taken, self.collected, self.step),
            "scale": self.scale.state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See `Policy.load_state_dict`."""
        from cosim.policies.learning.networks import follow

        super().load_state_dict(state)
        for target, kept in zip(self._targets, tensors(state["targets"]), strict=True):
            follow(target, [part.to(self.device) for part in kept], 1.0)
        for optimiser, kept in zip(
            (self.actor_optimiser, self.critic_optimiser), state["optimisers"], strict=True
        ):
            optimiser.load_state_dict(tensors(kept))
        self.memory.load_state(state["memory"])
        self._waiting = None if state["waiting"] is None else Experience.of_state(state["waiting"])
        self._tried = None if state["tried"] is None else np.array(state["tried"], dtype=float)
        self.fresh, self.taken, self.collected, self.step = map(int, state["counts"])
        self.scale.load_state(state["scale"])
