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

COPIES = 9
"""Numbers kept for each weight of a critic: itself, its gradient, two of Adam, its target, and a spare of
itself and its target while it learns, and two that pass."""
BATCHES = 6
"""Batches of what critics read that exist at a time, and their gradients."""


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
        read = own.batch * self.n * self.critic_width
        return 4.0 * (COPIES * weights + BATCHES * read) / 2**30

    def _check_size(self) -> None:
        if self.memory_gib() > self.config.memory_gib:
            raise PolicyError(
                f"critics that read what all {self.n} prosumers did ({self.critic_width:,} numbers) would "
                f"take {self.memory_gib():.1f} GiB, more than memory_gib = {self.config.memory_gib:g} (use "
                "mf-td3 or da-maddpg, whose critics do not grow, `sharing: group`, or a smaller batch)"
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

    def _read(self, batch: Mapping[str, Tensor], shift: Tensor, following: bool = False) -> Tensor:
        """Adds all the others; where the prosumer itself would be among them there are zeros. Others do what
        they did, or in the decision that follows what their target actors do, shape (G, B, critic_width)."""
        import torch

        rows = batch["next_rows" if following else "rows"]
        did = shift if following else batch["shift"]
        all_of_them = torch.cat([rows[..., self._private], did], dim=-1)
        times = rows.shape[0] * rows.shape[1] // self.n
        crowd = all_of_them.reshape(self.n, times, -1).transpose(0, 1)  # (times, n, fields)
        others = 1.0 - torch.eye(self.n, device=self.device)
        seen = crowd.unsqueeze(0) * others.view(self.n, 1, self.n, 1)  # (n, times, n, fields)
        return torch.cat([super()._read(batch, shift, following), seen.reshape(*rows.shape[:2], -1)], dim=-1)
