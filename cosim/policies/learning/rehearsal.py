"""What learners have in common that remember whole decisions and learn from them again and again: the memory,
and when it is time. What is drawn from it, and what is learnt, is in a file for each family (`ppo.py`,
`levels.py`)."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cosim.core.config import Config as Parameters
from cosim.policies.contract import Spec
from cosim.policies.learning.experience import Experience
from cosim.policies.learning.learner import Learner
from cosim.policies.learning.returns import Scale

if TYPE_CHECKING:
    from cosim.policies.learning.blocks import Block


class Rehearsing(Learner):
    """Remembers decisions; a family sets `blocks`, and says how much it remembers."""

    blocks: list[Block]
    """Its networks, in groups that are learnt one after the other."""

    def __init__(
        self, spec: Spec, n: int, config: Parameters | None = None, *, seed: int = 0, label: str = ""
    ) -> None:
        super().__init__(spec, n, config, seed=seed, label=label)
        self.memory: deque[Experience] = deque(
            maxlen=max(round(self._most_days() * self.decisions_per_day), 1)
        )
        self.fresh = 0
        """Decisions since the last update."""
        self.scale = Scale(n, pooled=self.config.sharing == "group")

    @abstractmethod
    def _most_days(self) -> float:
        """Decisions of so many days are remembered [d]."""

    def _collect(self, experience: Experience) -> bool:
        self.scale.add(experience.decision.reward)
        self.memory.append(experience)
        self.fresh += 1
        if self.fresh < self.every:
            return False
        self.fresh = 0
        return True

    def state_dict(self) -> dict[str, Any]:
        """The memory and the optimisers as well."""
        from cosim.policies.learning.blocks import optimiser_state

        return {
            **super().state_dict(),
            "optimiser": optimiser_state(self.blocks),
            "memory": [each.state() for each in self.memory],
            "fresh": self.fresh,
            "scale": self.scale.state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See `Policy.load_state_dict`."""
        from cosim.policies.learning.blocks import load_optimiser_state

        super().load_state_dict(state)
        load_optimiser_state(self.blocks, state["optimiser"])
        self.memory.clear()
        self.memory.extend(Experience.of_state(each) for each in state["memory"])
        self.fresh = int(state["fresh"])
        self.scale.load_state(state["scale"])
