"""What learners with discrete actions have in common: the levels that they choose among, the value of each
level (Q), and the memory that they learn it from. How they choose is in a file for each family (`q.py`,
`actor_critic.py`)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import field_validator

from cosim.core.arrays import FloatArray
from cosim.core.config import Config as Parameters
from cosim.core.config import setting
from cosim.policies.contract import PolicyInputs, Spec
from cosim.policies.learning.batches import Batch, remembered
from cosim.policies.learning.config import LearnerConfig
from cosim.policies.learning.distributions import entropy_of, mean_of, sampled
from cosim.policies.learning.learner import Learner
from cosim.policies.learning.mean_action import MeanAction, Source
from cosim.policies.learning.rehearsal import Rehearsing
from cosim.policies.learning.returns import explained
from cosim.policies.learning.start import LEFT_OUT, differing, usual_levels

if TYPE_CHECKING:
    from torch import Tensor

    from cosim.policies.learning.blocks import Block, Which
    from cosim.policies.learning.networks import Networks


class LevelsConfig(LearnerConfig):
    """Parameters that `mf-q` and `mf-ac` share."""

    levels: tuple[float, ...] | None = setting(
        None,
        about="What it chooses among for each field of the action: departures from the start rule. "
        + LEFT_OUT,
        min_length=2,
    )
    mean_action: Source | None = setting(
        None,
        about="How the others acted in the previous step. `public`: inferred from the public book. `true`: "
        "what they really did (an ablation, not private). `none`: unknown. Left out: as `mean_field` "
        "where that is `public`, else `none`.",
    )
    hidden: int = setting(64, about="Width of the two hidden layers of each network.", ge=1, le=1024)
    caution: float = setting(
        0.5,
        about="What a departure by one unit is thought to cost before anything is known, in units of the "
        "root mean square reward: it starts near the rule, and experience overrides it.",
        ge=0,
    )
    learning_rate: float = setting(2e-3, about="Step size of Adam for the values of levels.", gt=0)
    memory_days: float = setting(200.0, unit="d", about="Decisions of so many days are remembered.", gt=0)
    batch: int = setting(8, about="Decisions drawn from memory in each step of Adam, of all prosumers.", ge=1)
    steps: int = setting(10, about="Steps of Adam in each update.", ge=1)
    decay: float = setting(
        0.5,
        about="Weight decay of AdamW: there are few days to learn from and much that could tell them apart.",
        ge=0,
    )
    follow: float = setting(
        0.2, about="Share of the way that the slow copy of V moves to V in each update.", gt=0, le=1
    )

    @field_validator("levels")
    @classmethod
    def _differ(cls, levels: tuple[float, ...] | None) -> tuple[float, ...] | None:
        return None if levels is None else differing(levels)


class LevelLearner(Rehearsing):
    """Chooses among levels; a family implements `_policy` and `_improve`, and if it has networks of its own
    `_add_networks` and `_rates`.

    The value of a joint choice is a sum over the fields f of the action (value decomposition: Sunehag et al.,
    "Value-decomposition networks for cooperative multi-agent learning", AAMAS 2018; here over the fields of
    one prosumer), so L levels of A fields need A L numbers and not L^A. With pi the policy,

        Q(x, m, a) = V(x, m) + sum_f mask_f [q_f(x, m, a_f) - sum_l pi_f(l) q_f(x, m, l)],

    so that V is the mean-field value v_MF, the expectation of Q over the policy. x is the own row, m the mean
    action of the previous step. With y = r + gamma V(next) of a slow copy of V, the loss is

        [B(x, m, h) + sum_f (q_f(a_f) - sum_l mu_f(l) q_f(l)) - y]^2 / 2 + [Q(x, m, a) - y]^2 / 2,

    the second for V alone. What it learns of levels comes from the first. mu is the policy that chose, so
    that q learns from contrasts among levels only, whatever the errors of B (Nie and Wager, "Quasi-oracle
    estimation of heterogeneous treatment effects", Biometrika 2021); and B knows in hindsight what became
    public, which no prosumer's choice moves, so that the luck of the day does not look like the merit of a
    level (Mesnard et al., ICML 2021).
    """

    Config = LevelsConfig
    config: LevelsConfig
    crosses = f"{Learner.crosses}; with mean_action true what all others did"

    def __init__(
        self, spec: Spec, n: int, config: Parameters | None = None, *, seed: int = 0, label: str = ""
    ) -> None:
        super().__init__(spec, n, config, seed=seed, label=label)
        from cosim.policies.learning.blocks import blocks_of
        from cosim.policies.learning.networks import follow

        own = self.config
        if own.mean_action == "true":
            self.needs = tuple(dict.fromkeys((*self.needs, "everybody")))
        self.levels = np.array(own.levels or usual_levels(self.start))
        self._nearest = np.argsort(np.abs(self.levels), kind="stable")
        """Levels from the rule outwards: of equal ones the nearest is taken."""
        self._fields = [item.name for item in spec.action]
        reads, known = self.input_names, (*self.input_names, *self.hindsight_names)
        self.quality = self._network("q", reads, self._per_level())
        self.start_near_rule(self.quality, -own.caution * np.abs(self.levels))
        self.value = self._network("value", reads, ("value",))
        self.baseline = self._network("baseline", known, ("value",))
        self.slow = self._network("value", reads, ("value",))
        """A slow copy of V, for targets."""
        follow(self.slow.parameters, self.value.parameters, 1.0)
        self._add_networks()
        self.blocks = blocks_of(self._rates(), own.decay, copies=[self.slow])

    def _most_days(self) -> float:
        return self.config.memory_days

    # What a family implements

    @abstractmethod
    def _policy(self, rows: Tensor, which: Which) -> Tensor:
        """Probabilities of the levels by the networks that are meant, shape (G, B, A, L)."""

    @abstractmethod
    def _improve(self, batch: Batch, which: Which) -> tuple[Tensor, dict[str, Tensor]]:
        """What the family learns besides Q: a loss of each network, and its metrics, all of shape (G,).
        Of its networks those of `which` have gradients."""

    def _add_networks(self) -> None:
        """Networks that the family has besides."""

    def _rates(self) -> list[tuple[Networks, float]]:
        """All that learn, and their step sizes."""
        return [(each, self.config.learning_rate) for each in (self.quality, self.value, self.baseline)]

    def _learning(self) -> list[Networks]:
        return [each for each, _ in self._rates()]

    def _others(self) -> MeanAction:
        """The mean action of the previous step is one more input."""
        own = self.config
        usual: Source = "public" if own.mean_field == "public" else "none"
        return MeanAction(self.spec, own.mean_action or usual, self.spans.periods)

    # 1. Decide

    def _decide(self, rows: FloatArray, explore: bool) -> tuple[FloatArray, dict[str, FloatArray]]:
        """By the policy; where nothing is tried, the best level, of equal ones that nearest to the rule."""
        import torch

        from cosim.policies.learning.blocks import whole

        with torch.no_grad():
            odds = self._policy(self._shaped(rows), whole).reshape(self.n, -1, len(self.levels))
        share = odds.cpu().numpy().astype(float)
        drawn = self._tries(lambda chance: chance.random(self.n))
        if explore:
            chosen = sampled(share, drawn)
        else:
            chosen = self._nearest[share[..., self._nearest].argmax(axis=-1)]
        if not explore:
            share = np.eye(len(self.levels))[chosen]
        return self.levels[chosen], {"chosen": chosen.astype(float), "odds": share}

    # 2. Learn

    def _update(self) -> dict[str, float]:
        from cosim.policies.learning.blocks import joined
        from cosim.policies.learning.networks import as_floats, follow

        past, times = self._drawn()
        found = joined([self._learn_levels(block, past.of(block.places), times) for block in self.blocks])
        follow(self.slow.parameters, self.value.parameters, self.config.follow)
        target, foretold, mask = (found.pop(name) for name in ("target", "foretold", "mask"))
        acts, real = mask.sum().clamp(min=1.0), mask.amax(-1) > 0.0
        entropy, shift = ((found.pop(name) * mask).sum() / acts for name in ("entropy", "shift"))
        fits = explained(as_floats(target[real]), as_floats(foretold[real])) if bool(real.any()) else 0.0
        return {
            "q_loss": float(found.pop("q_loss").mean()),
            "entropy": float(entropy),
            "shift": float(shift),
            "explained_variance": fits,
            "return_eur_per_day": float(self.memory[-1].decision.reward.mean()) * self.decisions_per_day,
            **{name: float(each.mean()) for name, each in found.items()},
        }

    def _learn_levels(self, block: Block, past: Batch, times: Sequence[Tensor]) -> dict[str, Tensor]:
        """All steps of some networks; what metrics are made of, by network, of the last step."""
        import torch

        for batch in self._batches(past, times):
            target = self._target(batch, block)
            weight = batch.weight
            count = weight.sum(1).clamp(min=1.0)
            q = self._by_level(block(self.quality)(batch.rows))
            contrast = advantage(q, batch.chosen, batch.odds, batch.mask)
            foretold = block(self.baseline)(batch.knowing).squeeze(-1) + contrast
            with torch.no_grad():
                gained = advantage(q, batch.chosen, self._policy(batch.rows, block), batch.mask)
            plain_error = block(self.value)(batch.rows).squeeze(-1) + gained - target
            errors = (foretold - target).square() + plain_error.square()
            q_loss = 0.5 * (errors * weight).sum(1) / count
            family_loss, metrics = self._improve(batch, block)
            block.optimiser.zero_grad()
            torch.autograd.backward((q_loss + family_loss).sum())
            block.optimiser.step()
        with torch.no_grad():
            odds = self._policy(batch.rows, block)
        tried = {"entropy": entropy_of(odds), "shift": mean_of(odds, self.levels), "mask": batch.mask}
        judged = {"q_loss": q_loss.detach(), "target": target, "foretold": foretold.detach()}
        return tried | judged | metrics

    def _drawn(self) -> tuple[Batch, list[Tensor]]:
        """What is learnt from, and the places in it that each step learns from: remembered decisions of all
        prosumers, drawn with replacement."""
        import torch

        own = self.config
        drawn = [self.rng.integers(len(self.memory), size=own.batch) for _ in range(own.steps)]
        wanted = np.unique(drawn)  # tensors are made of these alone: memories of hourly decisions are long
        past = [self.memory[place] for place in wanted]
        known = remembered(past, self.networks, len(self.levels), self.scale.of(), self.device)
        places = (np.searchsorted(wanted, times) for times in drawn)
        return known, [torch.as_tensor(each, device=self.device) for each in places]

    def _batches(self, past: Batch, times: Sequence[Tensor]) -> Iterator[Batch]:
        """A batch for each step of some networks."""
        for each in times:
            batch = past.at(each)
            yield batch.of_deciders() if self.networks == 1 else batch

    def _target(self, batch: Batch, which: Which) -> Tensor:
        """y = r + gamma v_MF(next), shape (G, B) (Yang et al. 2018, eq. 8)."""
        import torch

        with torch.no_grad():
            after = which(self.slow)(batch.next_rows).squeeze(-1)
        target: Tensor = batch.reward + self.gamma * batch.goes_on * after
        return target

    def values(self, inputs: PolicyInputs) -> FloatArray:
        """Q of every level of every field, the others being left to the policy [EUR], shape (n, A, L)."""
        import torch

        from cosim.policies.learning.blocks import whole
        from cosim.policies.learning.networks import as_floats

        with torch.no_grad():
            rows = self._shaped(self.view.rows(inputs))
            q, odds = self._by_level(self.quality(rows)), self._policy(rows, whole)
            found = self.value(rows).unsqueeze(-1) + q - (q * odds).sum(-1, keepdim=True)
        return as_floats(found.reshape(self.n, -1, len(self.levels))) * self.scale.of()[:, None, None]

    # Networks

    def _network(self, name: str, reads: tuple[str, ...], writes: tuple[str, ...]) -> Networks:
        from cosim.policies.learning.networks import Networks

        hidden = (self.config.hidden,) * 2
        rng = self.draw("weights")
        return Networks(
            name, reads, hidden, writes, count=self.networks, rng=rng, device=self.device, last=0.0
        )

    def _per_level(self) -> tuple[str, ...]:
        """One output for each level of each field, by name."""
        return tuple(f"{name}@{level:g}" for name in self._fields for level in self.levels)

    def start_near_rule(self, network: Networks, bias: FloatArray) -> None:
        """Let a network say the same for the levels of every field, to begin with; `bias` has shape (L,)."""
        import torch

        with torch.no_grad():
            network.parameters[-1].copy_(torch.as_tensor(np.tile(bias, len(self._fields))))

    def _by_level(self, outputs: Tensor) -> Tensor:
        """Outputs of a network by field and level, (G, B, A, L)."""
        return outputs.reshape(*outputs.shape[:-1], len(self._fields), len(self.levels))

    # What is kept

    def _copies(self) -> Mapping[str, Sequence[Tensor]]:
        return {"slow": self.slow.parameters}

    def _loaded(self) -> None:
        from cosim.policies.learning.networks import follow

        follow(self.slow.parameters, self.value.parameters, 1.0)

    def state_dict(self) -> dict[str, Any]:
        """The slow copy as well."""
        return {**super().state_dict(), "slow": self.slow.weights()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See `Policy.load_state_dict`."""
        super().load_state_dict(state)
        self.slow.load(state["slow"])


def advantage(q: Tensor, chosen: Tensor, odds: Tensor, mask: Tensor) -> Tensor:
    """What the choice is worth more than the policy's expectation: sum_f mask_f [q_f(a_f) - sum_l odds_f(l)
    q_f(l)].

    Args:
        q: Of every level of every field, shape (..., A, L).
        chosen: 1 at the level chosen, shape (..., A, L).
        odds: Probabilities of the levels, shape (..., A, L).
        mask: 1 where there is something to decide, shape (..., A).
    """
    return ((q * (chosen - odds)).sum(-1) * mask).sum(-1)
