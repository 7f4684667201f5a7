"""`mf-ac`: mean-field actor-critic with discrete actions, learning online. Read from top to bottom, after
`levels.py`, which has the choice among levels, the networks and the memory.

MF-AC of Yang et al., "Mean field multi-agent reinforcement learning" (ICML 2018): the critic is mean-field
Q-learning's, with the actor's own policy in the target; the actor follows the policy gradient. Its
expectation over actions is computed in full and not sampled, as there are few levels, so that remembered
states serve as well as new ones (Allen et al., "Mean actor critic", arXiv:1709.00503; without the correction
for states visited under older policies: Degris et al., "Off-policy actor-critic", ICML 2012).

Metrics are those of `mf-q`, with `policy_loss` (minus the expected advantage over a policy held fixed, and
minus the weighted entropy) in the place of `temperature`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cosim.core.config import Config as Parameters
from cosim.core.config import setting
from cosim.policies.contract import Spec
from cosim.policies.learning.batches import Batch
from cosim.policies.learning.levels import LevelLearner, LevelsConfig

if TYPE_CHECKING:
    from torch import Tensor

    from cosim.policies.learning.blocks import Which
    from cosim.policies.learning.networks import Networks


class ActorCriticConfig(LevelsConfig):
    """Parameters of `mf-ac`."""

    actor_rate: float = setting(2e-3, about="Step size of Adam for the actor.", gt=0)
    entropy: float = setting(
        0.2, about="Weight of the policy's entropy, in units of the root mean square reward.", ge=0
    )
    steepness: float = setting(
        4.0,
        about="How fast the first policy's logarithm falls with the departure from the rule: 0, all levels "
        "are equal.",
        ge=0,
    )


class MeanFieldActorCritic(LevelLearner):
    """Learns the value of each level, and a policy that moves towards the better ones."""

    name = "mf-ac"
    summary = "Mean-field actor-critic: learns online a policy over a few departures from a rule"
    Config = ActorCriticConfig
    config: ActorCriticConfig

    def __init__(
        self, spec: Spec, n: int, config: Parameters | None = None, *, seed: int = 0, label: str = ""
    ) -> None:
        super().__init__(spec, n, config, seed=seed, label=label)
        self.start_near_rule(self.actor, -self.config.steepness * np.abs(self.levels))

    def _add_networks(self) -> None:
        self.actor = self._network("actor", self.input_names, self._per_level())

    def _rates(self) -> list[tuple[Networks, float]]:
        return [*super()._rates(), (self.actor, self.config.actor_rate)]

    def _policy(self, rows: Tensor, which: Which) -> Tensor:
        return self._by_level(which(self.actor)(rows)).softmax(dim=-1)

    def _improve(self, batch: Batch, which: Which) -> tuple[Tensor, dict[str, Tensor]]:
        """sum_l pi(l) [Q(l) - v] has the policy gradient as its derivative: v, constant in l, takes nothing
        from it."""
        log_odds = self._by_level(which(self.actor)(batch.rows)).log_softmax(dim=-1)
        odds = log_odds.exp()
        q = self._by_level(which(self.quality)(batch.rows)).detach()
        advantage = q - (q * odds.detach()).sum(-1, keepdim=True)
        entropy = -(odds * log_odds).sum(-1)
        gain = ((odds * advantage).sum(-1) + self.config.entropy * entropy) * batch.mask
        count = batch.mask.sum((-1, -2)).clamp(min=1.0)
        loss = -gain.sum((-1, -2)) / count
        return loss, {"policy_loss": loss.detach()}
