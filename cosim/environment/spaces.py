"""What each agent sees and does: columns of the agents' arrays, cut into one array an agent and put together
again. Each has the fields that it owns, or, if they are to be uniform, all fields that anybody owns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from cosim.core.arrays import BoolArray, FloatArray, IntArray
from cosim.core.records import Field
from cosim.core.registry import nearest
from cosim.errors import PolicyError
from cosim.policies.contract import Spec
from cosim.policies.validation import TOLERANCE

Float32Array = NDArray[np.float32]


class Spaces:
    """Fields and spaces of all agents.

    Args:
        agents: Their names, in the order of all rows.
        spec: Fields that anybody has.
        observed: Who has which observation, shape (n, O).
        acting: Who has which action, shape (n, A).
        uniform: Whether all get the fields of all.
    """

    def __init__(
        self, agents: Sequence[str], spec: Spec, observed: BoolArray, acting: BoolArray, uniform: bool
    ) -> None:
        self.agents = tuple(agents)
        self._known = frozenset(agents)
        public = np.ones((len(self.agents), len(spec.mean_field)), dtype=bool)
        own = spec.observation
        of_all = _with_zero(own, observed)
        if uniform:
            own, observed, acting = of_all, np.ones_like(observed), np.ones_like(acting)
        sees = np.hstack([observed, public])
        self.observation_fields = _fields(self.agents, (*own, *spec.mean_field), sees)
        self.action_fields = _fields(self.agents, spec.action, acting)
        self.observation_spaces = {name: _box(own) for name, own in self.observation_fields.items()}
        self.action_spaces = {name: _box(own) for name, own in self.action_fields.items()}
        self.state_space = _box((*of_all * len(self.agents), *spec.mean_field))
        self._sees, self._cuts = _places(sees)
        self._acts, self._action_cuts = _places(acting)
        self._shape = acting.shape
        self._shapes = [(int(count),) for count in acting.sum(axis=1)]

    def observations(self, own: FloatArray, mean_field: FloatArray) -> dict[str, Float32Array]:
        """One array an agent: own fields, then the public ones.

        Args:
            own: Shape (n, O).
            mean_field: Shape (n, M).
        """
        flat = np.hstack([own, mean_field]).astype(np.float32).ravel()[self._sees]
        return {name: flat[cut] for name, cut in zip(self.agents, self._cuts, strict=True)}

    def split_actions(self, action: FloatArray) -> dict[str, FloatArray]:
        """One array an agent of what all do, shape (n, A)."""
        flat = action.ravel()[self._acts]
        return {name: flat[cut] for name, cut in zip(self.agents, self._action_cuts, strict=True)}

    def joined(self, actions: Mapping[str, object], step: int) -> FloatArray:
        """What all do, shape (n, A); 0 where an agent has no say.

        Args:
            actions: One array an agent, in its action space (float64 is taken as well).
            step: Number of the period, for messages.

        Raises:
            PolicyError: naming period, agent and field, if an agent is unknown or missing, or its action is
                no array of its shape with numbers in [-1, 1].
        """
        self._check_agents(actions, step)
        arrays = [_numbers(actions[name], name, step) for name in self.agents]
        if [array.shape for array in arrays] != self._shapes:
            self._refuse_shape(arrays, step)
        flat = np.concatenate(arrays)
        if not (np.abs(flat) <= 1.0 + TOLERANCE).all():
            self._refuse_value(arrays, step)
        action = np.zeros(self._shape)
        action.reshape(-1)[self._acts] = np.clip(flat, -1.0, 1.0)
        return action

    def _check_agents(self, actions: Mapping[str, object], step: int) -> None:
        if actions.keys() == self._known:
            return
        for name in actions:
            if name not in self._known:
                raise PolicyError(
                    f"period {step}: there is no agent {name!r} ({nearest(str(name), self.agents)})"
                )
        missing = [name for name in self.agents if name not in actions]
        raise PolicyError(
            f"period {step}: no action for agent {missing[0]!r} "
            f"({len(missing)} of {len(self.agents)} agents have none; each needs one)"
        )

    def _refuse_shape(self, arrays: Sequence[FloatArray], step: int) -> None:
        for name, array, shape in zip(self.agents, arrays, self._shapes, strict=True):
            if array.shape != shape:
                names = ", ".join(field.name for field in self.action_fields[name])
                raise PolicyError(
                    f"period {step}: agent {name!r}: "
                    f"the action has shape {array.shape}, not {shape} ({names})"
                )

    def _refuse_value(self, arrays: Sequence[FloatArray], step: int) -> None:
        for name, array in zip(self.agents, arrays, strict=True):
            for field, value in zip(self.action_fields[name], array.tolist(), strict=True):
                if not abs(value) <= 1.0 + TOLERANCE:
                    what = "outside [-1, 1]" if np.isfinite(value) else "not a finite number"
                    raise PolicyError(
                        f"period {step}: agent {name!r}: {field.name} = {value:g}, which is {what}"
                    )


def _numbers(action: object, name: str, step: int) -> FloatArray:
    try:
        return np.asarray(action, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise PolicyError(
            f"period {step}: agent {name!r}: the action {action!r} is no array of numbers"
        ) from error


def _fields(agents: Sequence[str], fields: Sequence[Field], has: BoolArray) -> dict[str, tuple[Field, ...]]:
    """The fields of each agent; agents with the same share one tuple."""
    made: dict[bytes, tuple[Field, ...]] = {}
    return {
        name: made.setdefault(
            row.tobytes(), tuple(field for field, own in zip(fields, row.tolist(), strict=True) if own)
        )
        for name, row in zip(agents, has, strict=True)
    }


def _with_zero(fields: Sequence[Field], has: BoolArray) -> tuple[Field, ...]:
    """Fields with zero in their bounds where somebody lacks them: it is what is observed then."""
    return tuple(
        field if own.all() else replace(field, low=min(field.low, 0.0), high=max(field.high, 0.0))
        for field, own in zip(fields, has.T, strict=True)
    )


def _places(has: BoolArray) -> tuple[IntArray, list[slice]]:
    """Where the fields that agents have are in the flat array, and which part of these is whose."""
    ends = np.cumsum(has.sum(axis=1)).tolist()
    return np.flatnonzero(has), [slice(first, last) for first, last in zip([0, *ends], ends, strict=False)]


def _box(fields: Sequence[Field]) -> Box:
    low = np.array([field.low for field in fields], dtype=np.float32)
    high = np.array([field.high for field in fields], dtype=np.float32)
    return Box(low, high, dtype=np.float32)
