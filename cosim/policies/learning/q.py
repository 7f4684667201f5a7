"""`mf-q`: mean-field Q-learning with a Boltzmann policy, learning online. Read from top to bottom, after
`levels.py`, which has the choice among levels, the networks and the memory.

Yang, Luo, Li, Zhou, Zhang and Wang, "Mean field multi-agent reinforcement learning" (ICML 2018): each learns
Q(x, a, m) of its own action a and the mean action m of the others, so what it learns does not grow with their
number. With `mean_field: none` it is an independent Q-learner.

Metrics of an update, each of its last step:

- `q_loss`: half the squared error of Q plus that of V, in squares of the root mean square reward.
- `entropy`: of the Boltzmann policy, mean over fields that are decided [nat]; ln L when all levels are equal.
- `temperature`: of the policy, in units of the root mean square reward.
- `explained_variance`: share of the variance of the targets that Q with hindsight explains.
- `shift`: mean departure from the rule under the policy.
- `return_eur_per_day`: mean reward of the last decision, per prosumer [EUR/d].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cosim.core.config import setting
from cosim.policies.learning.batches import Batch
from cosim.policies.learning.levels import LevelLearner, LevelsConfig

if TYPE_CHECKING:
    from torch import Tensor

    from cosim.policies.learning.blocks import Which


class QConfig(LevelsConfig):
    """Parameters of `mf-q`."""

    learning_rate: float = setting(5e-4, about="Step size of Adam: the policy follows at once.", gt=0)
    temperature: float = setting(
        0.2,
        about="Of the Boltzmann policy, in units of the root mean square reward: a level that is worth so "
        "much less is chosen 1/e times as often.",
        gt=0,
    )


class MeanFieldQ(LevelLearner):
    """Learns the value of each level from all it remembers, and prefers the better ones softly."""

    name = "mf-q"
    summary = "Mean-field Q-learning: learns online which of a few departures from a rule is worth most"
    Config = QConfig
    config: QConfig

    def _policy(self, rows: Tensor, which: Which) -> Tensor:
        return boltzmann(self._by_level(which(self.quality)(rows)), self.config.temperature)

    def _improve(self, batch: Batch, which: Which) -> tuple[Tensor, dict[str, Tensor]]:
        return batch.reward.new_zeros(len(batch.reward)), {}

    def _update(self) -> dict[str, float]:
        return super()._update() | {"temperature": self.config.temperature}


def boltzmann(q: Tensor, temperature: float) -> Tensor:
    """Probabilities proportional to exp(q / temperature) over the last axis (Yang et al. 2018, eq. 12, whose
    beta is 1 / temperature)."""
    return (q / temperature).softmax(dim=-1)
