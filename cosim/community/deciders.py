"""Who decides for whom: one policy object for each label of the scenario, asked once a period for all its
prosumers, and single prosumers whose decision somebody has overridden. What they decide from is built
elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from cosim.core.arrays import BoolArray, FloatArray, IntArray
from cosim.core.records import Field
from cosim.errors import CosimError, PolicyError
from cosim.policies.adapter import Decide, decide_rows
from cosim.policies.contract import Everybody, Policy, PolicyInputs, Spec, Transition
from cosim.policies.rules.baseline import baseline_action
from cosim.policies.validation import checked_act, checked_action, checked_learn


@dataclass(frozen=True, slots=True)
class PolicyGroup:
    """A policy and the prosumers that it decides for."""

    label: str
    policy: Policy
    rows: IntArray
    """Its prosumers, shape (g,)."""
    spec: Spec
    observation_columns: IntArray
    action_columns: IntArray
    mask: BoolArray
    """Shape (g, A): False where a prosumer lacks the device."""
    parameters: Mapping[str, FloatArray]

    @property
    def title(self) -> str:
        """What messages call it."""
        return f"policy {self.policy.name!r} of {self.label!r}"


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What a community's prosumers know before they decide."""

    observation: FloatArray
    """Shape (n, O)."""
    mean_field: FloatArray
    """Shape (M,)."""


@dataclass
class _Pending:
    """What a learner did and has not learnt from yet."""

    step: int
    """Period."""
    inputs: PolicyInputs
    action: FloatArray
    reward: FloatArray = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True, slots=True)
class Fields:
    """Fields of a whole community, with who has which."""

    observation: tuple[Field, ...]
    mean_field: tuple[Field, ...]
    action: tuple[Field, ...]
    has_observation: BoolArray
    """Shape (n, O)."""
    has_action: BoolArray
    """Shape (n, A)."""
    parameters: Mapping[str, FloatArray]
    """Device parameters by name, shape (n,)."""
    period_hours: float


MakePolicy = Callable[[Spec, int], Policy]


def group_of(label: str, rows: IntArray, fields: Fields, make: MakePolicy) -> PolicyGroup:
    """The policy of a label with the fields that at least one of its prosumers has."""
    observed = np.flatnonzero(fields.has_observation[rows].any(axis=0))
    acting = np.flatnonzero(fields.has_action[rows].any(axis=0))
    spec = Spec(
        observation=tuple(fields.observation[column] for column in observed),
        mean_field=fields.mean_field,
        action=tuple(fields.action[column] for column in acting),
        period_hours=fields.period_hours,
    )
    return PolicyGroup(
        label=label,
        policy=make(spec, len(rows)),
        rows=rows,
        spec=spec,
        observation_columns=observed,
        action_columns=acting,
        mask=fields.has_action[np.ix_(rows, acting)],
        parameters={name: values[rows] for name, values in fields.parameters.items()},
    )


class Deciders:
    """All policy groups of a community.

    Args:
        groups: One a label; together they cover every prosumer once.
        names: Of all prosumers, for messages.
        actions: Width of the community's action.
    """

    def __init__(self, groups: Sequence[PolicyGroup], names: Sequence[str], actions: int) -> None:
        self.groups = tuple(groups)
        self._names = tuple(names)
        self.overrides: dict[int, Decide] = {}
        """Prosumer -> who decides in the policy's place."""
        self._shape = (len(names), actions)
        self._last_action = np.zeros(self._shape)
        self._pending: dict[str, _Pending] = {}
        self.trading = np.zeros(len(names), dtype=bool)
        for group in groups:
            self.trading[group.rows] = group.policy.trades

    @property
    def requotes(self) -> bool:
        """Whether anybody quotes anew after a round."""
        return any(group.policy.requotes for group in self.groups)

    def decide(self, knowledge: Knowledge, step: int) -> FloatArray:
        """Everybody's action, shape (n, A); 0 where a prosumer lacks the device.

        A learner first learns from its last period, now that it knows what came of it.

        Raises:
            PolicyError: if a policy returns what the contract does not allow, or cannot learn.
        """
        action = np.zeros(self._shape)
        for group in self.groups:
            inputs = self._inputs(group, knowledge)
            self._learn(group, inputs, last=False)
            chosen = checked_act(group.policy, inputs, True, group.title, step)
            chosen = self._overridden(group, inputs, chosen, step)
            if group.policy.learns:
                self._pending[group.label] = _Pending(step, inputs, chosen)
            action[np.ix_(group.rows, group.action_columns)] = np.where(group.mask, chosen, 0.0)
        self._last_action = action
        return action

    def reward(self, reward_eur: FloatArray) -> None:
        """Tell the learners what the period brought, shape (n,) [EUR]."""
        for group in self.groups:
            if group.label in self._pending:
                self._pending[group.label].reward = reward_eur[group.rows]

    def finish(self) -> None:
        """Let the learners learn from the last period; nothing comes after it in this record.

        Raises:
            PolicyError: as `decide`.
        """
        for group in self.groups:
            if group.label in self._pending:
                self._learn(group, self._pending[group.label].inputs, last=True)

    def _learn(self, group: PolicyGroup, now: PolicyInputs, *, last: bool) -> None:
        pending = self._pending.pop(group.label, None)
        if pending is None:
            return
        truncated = np.full(len(group.rows), last)
        transition = Transition(
            pending.inputs, pending.action, pending.reward, now, np.zeros_like(truncated), truncated
        )
        checked_learn(group.policy, transition, group.title, pending.step)

    def _inputs(self, group: PolicyGroup, knowledge: Knowledge) -> PolicyInputs:
        """What one policy gets: its own prosumers' rows and the public information."""
        observation = knowledge.observation[np.ix_(group.rows, group.observation_columns)]
        mean_field = np.broadcast_to(knowledge.mean_field, (len(group.rows), len(knowledge.mean_field)))
        rule = baseline_action(group.spec, observation, group.parameters)
        everybody = (
            Everybody(knowledge.observation, self._last_action, group.rows)
            if "everybody" in group.policy.needs
            else None
        )
        return PolicyInputs(observation, mean_field, rule, group.mask, group.parameters, everybody)

    def _overridden(
        self, group: PolicyGroup, inputs: PolicyInputs, chosen: FloatArray, step: int
    ) -> FloatArray:
        """The policy's action with the rows replaced that somebody else decides."""
        own = [row for row in range(len(group.rows)) if int(group.rows[row]) in self.overrides]
        if not own:
            return chosen
        result = chosen.copy()
        for row in own:
            result[row] = self._alone(group, _rows(inputs, np.array([row])), int(group.rows[row]), step)
        return result

    def _alone(self, group: PolicyGroup, inputs: PolicyInputs, prosumer: int, step: int) -> FloatArray:
        """The action of a prosumer that decides itself, shape (A,)."""
        title = f"prosumer {self._names[prosumer]!r}, deciding itself,"
        try:
            answer = decide_rows([self.overrides[prosumer]], group.spec, inputs)
        except CosimError as error:
            raise PolicyError(f"period {step}: {title} {error}") from error
        except Exception as error:
            raise PolicyError(f"period {step}: {title} raised {type(error).__name__}: {error}") from error
        action: FloatArray = checked_action(answer, group.spec, 1, title, step)[0]
        return action


def _rows(inputs: PolicyInputs, rows: IntArray) -> PolicyInputs:
    """The inputs of some prosumers alone."""
    return PolicyInputs(
        inputs.observation[rows],
        inputs.mean_field[rows],
        inputs.rule_action[rows],
        inputs.action_mask[rows],
        {name: values[rows] for name, values in inputs.parameters.items()},
    )
