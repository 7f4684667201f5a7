"""Who decides for whom: one policy object for each label of the scenario, asked once a period for all its
prosumers, and single prosumers whose decision somebody has overridden. What they decide from is built
elsewhere."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from cosim.core.arrays import BoolArray, FloatArray, IntArray
from cosim.core.records import Field
from cosim.errors import CosimError, PolicyError
from cosim.policies.adapter import Decide, decide_rows
from cosim.policies.contract import Everybody, Policy, PolicyInputs, Spec, Transition
from cosim.policies.outlook import Outlook
from cosim.policies.validation import checked_act, checked_action, checked_finish, checked_learn


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
    observed: BoolArray
    """Shape (g, O): False where a field belongs to a device that a prosumer lacks; read only."""
    mask: BoolArray
    """Shape (g, A): False where a prosumer lacks the device; read only."""
    parameters: Mapping[str, FloatArray]
    """Of the devices, shape (g,) each; read only."""

    @property
    def title(self) -> str:
        """What messages call it; a class of somebody else's may have no name."""
        return f"policy {self.policy.name or type(self.policy).__qualname__!r} of {self.label!r}"


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What a community's prosumers know before they decide."""

    observation: FloatArray
    """Shape (n, O)."""
    mean_field: FloatArray
    """Shape (M,)."""
    rule: FloatArray
    """What the self-consumption rule would do, shape (n, A)."""
    outlooks: Mapping[float, Outlook] = field(default_factory=dict)
    """The periods ahead, by how far they go [h]; nothing if nobody asks for them."""


@dataclass
class _Pending:
    """What a learner did and has not learnt from yet."""

    step: int
    """In which it was decided."""
    inputs: PolicyInputs
    action: FloatArray
    own: BoolArray
    """False where somebody else decided."""
    next_inputs: PolicyInputs | None = None
    """What was known in the step after."""
    reward: FloatArray | None = None
    """Told when what was decided is delivered and settled."""


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


Frozen = TypeVar("Frozen", FloatArray, BoolArray, IntArray)
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
        rows=_frozen(rows),
        spec=spec,
        observation_columns=observed,
        action_columns=acting,
        observed=_frozen(fields.has_observation[np.ix_(rows, observed)]),
        mask=_frozen(fields.has_action[np.ix_(rows, acting)]),
        parameters={name: _frozen(values[rows]) for name, values in fields.parameters.items()},
    )


class Deciders:
    """All policy groups of a community.

    Args:
        groups: One a label; together they cover every prosumer, usually once. Where two decide for one, it
            does what the later one says.
        names: Of all prosumers, for messages.
        actions: Width of the community's action, A.
    """

    def __init__(self, groups: Sequence[PolicyGroup], names: Sequence[str], actions: int) -> None:
        self.groups = tuple(groups)
        self._names = tuple(names)
        self.actions = actions
        self.overrides: dict[int, Decide] = {}
        """Prosumer -> who decides in the policy's place."""
        self.explore = True
        """False asks learners for their best actions without exploration."""
        self.learning = True
        """False freezes learners: none gets a transition or a last update, and nothing is kept for them."""
        self.metrics: dict[str, dict[str, float]] = {}
        """What the last update of each policy returned, by label; nothing before the first."""
        self.updated: dict[str, int] = {}
        """The period that each of them is of."""
        self._shape = (len(names), actions)
        self._last_action = np.zeros(self._shape)
        self._pending: dict[str, deque[_Pending]] = {
            group.label: deque() for group in groups if group.policy.learns
        }
        self._known: tuple[Knowledge | None, dict[str, PolicyInputs]] = (None, {})
        self._step = 0
        self.trading = np.zeros(len(names), dtype=bool)
        for group in groups:
            self.trading[group.rows] = group.policy.trades

    @property
    def requotes(self) -> bool:
        """Whether anybody quotes anew after a round."""
        return any(group.policy.requotes for group in self.groups)

    @property
    def horizons_now(self) -> tuple[float, ...]:
        """How far ahead those want to see that want to know the periods ahead, now [h]; each length once."""
        looking = (group.policy for group in self.groups if _looks_now(group.policy))
        return tuple(dict.fromkeys(policy.horizon_hours for policy in looking))

    def learn(self, knowledge: Knowledge | None) -> None:
        """Let the learners learn from what was delivered and settled last, now that they know what came after
        they decided on it.

        Args:
            knowledge: What is known in this step; None near the end, when nothing is left to decide.

        Raises:
            PolicyError: if a policy cannot learn, or its metrics are no finite numbers.
        """
        if not self.learning:
            self._forget()
            return
        for group in self.groups:
            waiting = self._pending.get(group.label)
            if not waiting:
                continue
            if waiting[-1].next_inputs is None and knowledge is not None:
                waiting[-1].next_inputs = self.inputs(group, knowledge)
            if waiting[0].reward is not None and waiting[0].next_inputs is not None:
                self._learn(group, waiting.popleft())

    def _learn(self, group: PolicyGroup, pending: _Pending) -> None:
        """One transition for one policy."""
        assert pending.reward is not None and pending.next_inputs is not None
        goes_on = np.zeros(len(group.rows), dtype=bool)
        transition = Transition(
            inputs=pending.inputs,
            action=pending.action,
            reward=pending.reward,
            next_inputs=pending.next_inputs,
            terminated=goes_on,
            truncated=goes_on,
            own=pending.own,
        )
        metrics = checked_learn(group.policy, transition, group.title, pending.step)
        self._note(group, metrics, pending.step)

    def decide(self, knowledge: Knowledge, step: int) -> FloatArray:
        """Everybody's action, shape (n, A); 0 where a prosumer lacks the device.

        Raises:
            PolicyError: if a policy returns what the contract does not allow.
        """
        self._step = step
        action = np.zeros(self._shape)
        for group in self.groups:
            inputs = self.inputs(group, knowledge)
            chosen = checked_act(group.policy, inputs, self.explore, group.title, step)
            chosen = self._overridden(group, inputs, chosen, step)
            if group.policy.learns and self.learning:
                own = _frozen(~np.isin(group.rows, list(self.overrides)))
                self._pending[group.label].append(_Pending(step, inputs, chosen, own))
            action[np.ix_(group.rows, group.action_columns)] = np.where(group.mask, chosen, 0.0)
        self._last_action = action
        return action

    def reward(self, step: int, reward_eur: FloatArray) -> None:
        """Tell the learners what came of what they decided in a step, shape (n,) [EUR]."""
        for group in self.groups:
            for pending in self._pending.get(group.label, ()):
                if pending.step == step:
                    pending.reward = reward_eur[group.rows]

    def finish(self) -> None:
        """The run is over. Nothing is learnt from the last period: what would follow it was never observed.

        Raises:
            PolicyError: as `learn`.
        """
        self._forget()
        if not self.learning:
            return
        for group in self.groups:
            self._note(group, checked_finish(group.policy, group.title, self._step), self._step)

    def _forget(self) -> None:
        """Drop what was decided and not learnt from."""
        for waiting in self._pending.values():
            waiting.clear()

    def _note(self, group: PolicyGroup, metrics: dict[str, float], step: int) -> None:
        if metrics:
            self.metrics[group.label], self.updated[group.label] = metrics, step

    def inputs(self, group: PolicyGroup, knowledge: Knowledge) -> PolicyInputs:
        """What one policy gets, made once a period: it learns and decides from the same object."""
        if self._known[0] is not knowledge:
            self._known = (knowledge, {})
        made = self._known[1]
        if group.label not in made:
            made[group.label] = self._inputs_from(group, knowledge)
        return made[group.label]

    def _inputs_from(self, group: PolicyGroup, knowledge: Knowledge) -> PolicyInputs:
        """Its own prosumers' rows and the public information, read only."""
        observation = _frozen(knowledge.observation[np.ix_(group.rows, group.observation_columns)])
        mean_field = np.broadcast_to(knowledge.mean_field, (len(group.rows), len(knowledge.mean_field)))
        rule = _frozen(knowledge.rule[np.ix_(group.rows, group.action_columns)])
        everybody = (
            Everybody(_frozen(knowledge.observation.view()), _frozen(self._last_action.view()), group.rows)
            if "everybody" in group.policy.needs
            else None
        )
        ahead = knowledge.outlooks.get(group.policy.horizon_hours) if _looks_now(group.policy) else None
        outlook = None if ahead is None else ahead.of(group.rows)
        return PolicyInputs(observation, mean_field, rule, group.mask, group.parameters, everybody, outlook)

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


def _looks_now(policy: Policy) -> bool:
    return "outlook" in policy.needs and policy.looks_now


def _frozen(array: Frozen) -> Frozen:
    """The same array, read only from now on."""
    array.setflags(write=False)
    return array


def _rows(inputs: PolicyInputs, rows: IntArray) -> PolicyInputs:
    """The inputs of some prosumers alone."""
    return PolicyInputs(
        inputs.observation[rows],
        inputs.mean_field[rows],
        inputs.rule_action[rows],
        inputs.action_mask[rows],
        {name: values[rows] for name, values in inputs.parameters.items()},
    )
