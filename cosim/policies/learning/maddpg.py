"""`maddpg` and `da-maddpg`: deterministic actors whose critics know the others, one by one or through the
market. Read after td3.py, whose steps they share: both are DDPG, so one critic, no delay, no smoothing.

- `maddpg` (Lowe et al., "Multi-agent actor-critic for mixed cooperative-competitive environments", NeurIPS
  2017): a critic reads what all prosumers observed and did. Private data of all are pooled, and the critic
  grows with their number: a baseline, and the reason why a mean field is wanted.
- `da-maddpg` (Qiu, Wang, Wang and Strbac, "Multi-agent reinforcement learning for automated peer-to-peer
  energy trading in double-side auction market", IJCAI 2021): the public information of the double auction in
  place of the others' observations and actions. What became public while the decision stood is what they did,
  put together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cosim.core.arrays import BoolArray, FloatArray
from cosim.errors import PolicyError
from cosim.policies.contract import PolicyInputs
from cosim.policies.learning.experience import Decision
from cosim.policies.learning.slope_config import DDPGConfig, MADDPGConfig
from cosim.policies.learning.td3 import MeanFieldTD3

if TYPE_CHECKING:
    from torch import Tensor

COPIES = 12
"""Numbers kept for each weight of a critic: itself, its gradient, two of Adam, its target, and a spare of
itself and its target while it learns, and five that pass."""


class DoubleAuctionMADDPG(MeanFieldTD3):
    """The market's public information in place of the others."""

    name = "da-maddpg"
    summary = "Double-auction MADDPG: its critic sees the market's public information in place of the others"
    Config = DDPGConfig


class MADDPG(MeanFieldTD3):
    """A critic on what everybody observed and did.

    Raises:
        PolicyError: if critics for so many prosumers would not fit into `memory_gib`.
    """

    name = "maddpg"
    summary = "MADDPG: its critic sees what everybody observed and did; grows with their number"
    needs: tuple[str, ...] = ("own", "public", "outlook", "everybody")
    crosses = (
        "everything: critics read what all observed and did, with any sharing (group, the default; none)"
    )
    Config = MADDPGConfig
    config: MADDPGConfig

    @property
    def critic_names(self) -> tuple[str, ...]:
        """What its own critic would read without the others, then every prosumer's own fields and shift."""
        actions = (f"shift.{item.name}" for item in self.spec.action)
        fields = (*(self.input_names[column] for column in self._private), *actions)
        return (*super().critic_names, *(f"{k}.{name}" for k in range(self.n) for name in fields))

    @property
    def _private(self) -> list[int]:
        """Columns of a row that are not of the mean field: the own ones, and the time of day."""
        public = set(self.view.encoder.mean_field.names)
        return [column for column, name in enumerate(self.input_names) if name not in public]

    def memory_gib(self) -> float:
        """What its critics take up at most while they learn [GiB]."""
        own = self.config
        weights = own.critics * self.networks * (self.critic_width + own.hidden + 3) * own.hidden
        return 4.0 * COPIES * weights / 2**30

    def _check_size(self) -> None:
        if self.memory_gib() > self.config.memory_gib:
            raise PolicyError(
                f"critics that read what all {self.n} prosumers did ({self.critic_width:,} numbers) would "
                f"take {self.memory_gib():.1f} GiB, more than memory_gib = {self.config.memory_gib:g} (use "
                "mf-td3 or da-maddpg, whose critics do not grow, or `sharing: group`)"
            )

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        """See `Learner.act`.

        Raises:
            PolicyError: if it is not told everybody's data, or does not decide for everybody.
        """
        if inputs.everybody is None:
            raise PolicyError("has to be told everybody's data (`PolicyInputs.everybody`)")
        if len(inputs.everybody.observation) != self.n:
            raise PolicyError(
                f"decides for {self.n} of {len(inputs.everybody.observation)} prosumers; its critic has to "
                "know what all of them did (give all of them maddpg under one label, or use da-maddpg)"
            )
        return super().act(inputs, explore)

    def _known(self, decision: Decision) -> BoolArray:
        """Only if it decided for all of them: of an action of somebody else's nobody can say by how much it
        departed from the rule."""
        return decision.own & decision.own.all()

    def _of_others(
        self, batch: Mapping[str, Tensor], shift: Tensor, following: bool, weight: Tensor
    ) -> Tensor | None:
        """Of what they did in this decision, or of what their target actors do in the one that follows."""
        return self._together(self._crowd(batch, shift if following else batch["shift"], following), weight)

    def _crowd(self, batch: Mapping[str, Tensor], did: Tensor, following: bool) -> Tensor:
        """Own observation and shift of everybody, by prosumer and decision, shape (n, times, F)."""
        import torch

        rows = batch["next_rows" if following else "rows"][..., self._private]
        both = torch.cat([rows, did.detach()], dim=-1)
        return both.reshape(self.n, -1, both.shape[-1])

    def _together(self, crowd: Tensor, weight: Tensor) -> Tensor:
        """What all but the prosumer itself add in the first layer, shape (G, B, hidden): the sum over all of
        them is computed at once, and nobody's rows are copied for everybody.

        Args:
            crowd: Shape (n, times, F).
            weight: Of the fields of all, shape (G, n F, hidden).
        """
        import torch

        (n, times, fields), (networks, _, hidden) = crowd.shape, weight.shape
        seen = crowd.transpose(0, 1).reshape(times, n * fields)
        if networks == 1:
            own = torch.bmm(crowd, weight.reshape(n, fields, hidden))
            return (seen @ weight[0] - own).reshape(1, n * times, hidden)
        strangers = (1.0 - torch.eye(n, device=weight.device)).repeat_interleave(fields, dim=1)
        of_strangers = (weight * strangers.unsqueeze(-1)).transpose(0, 1).reshape(n * fields, n * hidden)
        return (seen @ of_strangers).reshape(times, n, hidden).transpose(0, 1)
