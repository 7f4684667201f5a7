"""Does a policy keep the contract? The check that authors of policies run, and that cosim's own tests run on
every policy. It judges form, not skill."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.core.records import Field
from cosim.errors import CosimError, PolicyError
from cosim.policies.contract import NEEDS, Policy, PolicyInputs, RoundView, Spec, Transition
from cosim.policies.registry import create, load
from cosim.policies.sample import sample_inputs, sample_of, sample_spec, sample_view, with_everybody
from cosim.policies.sample_outlook import with_outlook
from cosim.policies.validation import (
    checked_action,
    checked_finish,
    checked_learn,
    checked_margins,
    checked_weights,
)

PERIODS = 6
"""Periods of each trial."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A way in which a policy breaks the contract."""

    check: str
    """Which check found it, for example `bounds`."""
    message: str

    def __str__(self) -> str:
        return f"{self.check}: {self.message}"


@dataclass(frozen=True, slots=True)
class _Trial:
    """How to make the policy under check, and the fields to try it on."""

    policy: str | type[Policy]
    parameters: dict[str, Any]
    spec: Spec

    def make(self, n: int, seed: int = 1) -> Policy:
        return create(self.policy, self.spec, n, seed, label="check", **self.parameters)

    def inputs(self, policy: Policy, count: int = PERIODS, seed: int = 7) -> list[PolicyInputs]:
        """Inputs of successive periods, the last two at the bounds of the fields."""
        rng = np.random.default_rng(seed)
        rows = [sample_inputs(self.spec, policy.n, rng, extreme=i >= count - 2) for i in range(count)]
        if "everybody" in policy.needs:
            rows = [with_everybody(row, self.spec) for row in rows]
        if "outlook" in policy.needs:
            rows = [with_outlook(row, self.spec, policy.horizon_hours) for row in rows]
        return rows


def check_policy(
    policy: str | type[Policy],
    *,
    spec: Spec | Sequence[Spec] | None = None,
    n: int = 5,
    strict: bool = False,
    **parameters: Any,
) -> list[Finding]:
    """Try a policy on sample inputs, for a few periods.

    Args:
        policy: Registered name, `module:Class`, or the class.
        spec: Fields to try it on; by default both bidding modes, with and without devices.
        n: Prosumers, at least 2.
        strict: True raises when there is any finding.
        parameters: Of the policy's `Config`.

    Returns:
        What is wrong, empty if nothing is.

    Raises:
        InputError: if the policy or a parameter does not exist.
        PolicyError: with every finding, if `strict`.
    """
    specs = _default_specs() if spec is None else (spec,) if isinstance(spec, Spec) else tuple(spec)
    policy_class = load(policy) if isinstance(policy, str) else policy
    findings = [Finding("declaration", message) for message in _declaration(policy_class)]
    for number, one in enumerate(specs):
        trial = _Trial(policy, parameters, one)
        trial.make(max(n, 2))  # what is wrong with the call is the caller's to see
        for name, check in CHECKS.items():
            findings += [
                Finding(name, f"{message} (fields {number})") for message in _guarded(check, trial, max(n, 2))
            ]
    if strict and findings:
        label = policy if isinstance(policy, str) else policy.__qualname__
        raise PolicyError(f"policy {label!r} breaks the contract:\n" + "\n".join(map(str, findings)))
    return findings


def _default_specs() -> tuple[Spec, ...]:
    return sample_spec("reservation"), sample_spec("setpoint"), sample_spec("reservation", devices=())


def _guarded(check: Callable[[_Trial, int], Iterator[str]], trial: _Trial, n: int) -> Iterator[str]:
    """The findings of a check; an exception is one more."""
    try:
        yield from check(trial, n)
    except CosimError as error:
        yield str(error)
    except Exception as error:  # noqa: BLE001 - a policy may raise anything, and that is what is to be found
        yield f"{type(error).__name__}: {error}"


def _declaration(policy: type[Policy]) -> Iterator[str]:
    if not policy.name:
        yield "`name` is empty"
    if not policy.summary or "\n" in policy.summary:
        yield "`summary` has to be one line of text"
    unknown = sorted(set(policy.needs) - set(NEEDS))
    if unknown:
        yield f"`needs` has {', '.join(unknown)}; valid: {', '.join(NEEDS)}"
    if inspect.isabstract(policy):
        yield f"does not implement {', '.join(sorted(policy.__abstractmethods__))}"


def _shapes(trial: _Trial, n: int) -> Iterator[str]:
    """Shape, type, finite numbers, bounds: for n, one and no prosumer, with exploration and without."""
    for count in (n, 1, 0):
        policy = trial.make(count)
        for step, inputs in enumerate(trial.inputs(policy)):
            for explore in (True, False):
                checked_action(policy.act(inputs, explore), trial.spec, count, f"act, n={count}", step)
        policy.reset()
    yield from ()  # what is wrong was raised


def _same_seed(trial: _Trial, n: int) -> Iterator[str]:
    first, second = (_run(trial.make(n), trial) for _ in range(2))
    if not np.array_equal(first, second):
        yield "the same seed gives other actions: draw random numbers from self.draw(NAME) alone"


def _draws(trial: _Trial, n: int) -> Iterator[str]:
    """Another's device widens the action of all; what the others draw must stay. Learners are not tried: how
    many weights they start from depends on the width."""
    policy = trial.make(n)
    if policy.learns or "everybody" in policy.needs:
        return
    place = sum("." not in item.name for item in trial.spec.action)  # devices come after the margins
    spare = Field("spare.value", "1", -1.0, 1.0, "A device that the last prosumer alone owns.")
    action = (*trial.spec.action[:place], spare, *trial.spec.action[place:])
    wide = replace(trial, spec=replace(trial.spec, action=action))

    def widened(inputs: PolicyInputs, _: np.random.Generator, spec: Spec) -> PolicyInputs:
        owned = np.insert(inputs.action_mask, place, np.arange(n) == n - 1, axis=1)
        return replace(
            inputs, rule_action=np.insert(inputs.rule_action, place, 0.0, axis=1), action_mask=owned
        )

    first = _run(policy, trial)
    second = np.delete(_run(wide.make(n), trial, widened), place, axis=2)
    if not np.array_equal(first[:, :-1], second[:, :-1]):
        yield "actions depend on which devices others own: draw each field from its own self.draw(NAME)"


def _state_round_trip(trial: _Trial, n: int) -> Iterator[str]:
    policy = trial.make(n)
    _run(policy, trial, seed=11)
    state = policy.state_dict()
    kept = deepcopy(state)
    expected = _run(policy, trial, seed=12)
    for saved, wrong in (
        (kept, "actions after load_state_dict differ from those of the policy that was saved"),
        (state, "state_dict is no copy: it changed while the policy went on"),
    ):
        other = trial.make(n, seed=2)
        other.load_state_dict(saved)
        if not np.array_equal(_run(other, trial, seed=12), expected):
            yield wrong
            return


def _privacy(trial: _Trial, n: int) -> Iterator[str]:
    """A prosumer's action must not change when all others' private data do, now and in later periods."""
    policy = trial.make(n)
    if "everybody" in policy.needs:
        return
    first = _run(policy, trial)
    for what, others in (("are exchanged", _permuted), ("change", _redrawn)):
        second = _run(trial.make(n), trial, others)
        if not np.array_equal(first[:, 0], second[:, 0]):
            yield f"a prosumer's action depends on others: it differs when only their data {what}"


def _masked(trial: _Trial, n: int) -> Iterator[str]:
    """What the baseline says about a device that is not there must not matter."""

    def with_garbage(inputs: PolicyInputs, _: np.random.Generator, spec: Spec) -> PolicyInputs:
        return replace(inputs, rule_action=np.where(inputs.action_mask, inputs.rule_action, 0.77))

    policy = trial.make(n)
    mask = np.stack([inputs.action_mask for inputs in trial.inputs(policy)])
    first, second = _run(policy, trial), _run(trial.make(n), trial, with_garbage)
    if not np.array_equal(first[mask], second[mask]):
        yield "an action depends on the baseline's value of a masked action"


def _learning(trial: _Trial, n: int) -> Iterator[str]:
    policy = trial.make(n)
    rng = np.random.default_rng(5)
    known = trial.inputs(policy)
    for step, (inputs, following) in enumerate(pairwise(known)):
        reward, last = rng.normal(size=n), np.full(n, following is known[-1])
        ends = np.zeros(n, dtype=bool)
        own = np.arange(n) != step  # now and then somebody decides itself
        transition = Transition(inputs, policy.act(inputs), reward, following, ends, last, own)
        checked_learn(policy, transition, f"n={n}", step)
    checked_finish(policy, f"n={n}", len(known) - 1)
    checked_action(policy.act(known[0]), trial.spec, n, "act after learn", len(known))
    policy.load_weights(checked_weights(policy, f"n={n}, after learning"))
    yield from ()  # what is wrong was raised


def _weights(trial: _Trial, n: int) -> Iterator[str]:
    """A run asks for them before its first period and after its last."""
    for count in (n, 1):
        checked_weights(trial.make(count), f"n={count}")
    yield from ()  # what is wrong was raised


def _requoting(trial: _Trial, n: int) -> Iterator[str]:
    policy = trial.make(n)
    if not policy.requotes:
        return
    for count in (n, 1, 0):
        _requote(trial.make(count), count)
    first = _requote(policy, n)
    if "everybody" not in policy.needs and not np.array_equal(
        first[:, 0], _requote(trial.make(n), n, _redrawn_view)[:, 0]
    ):
        yield "a prosumer's margins depend on others' reservation prices, quotes or quantities"


CHECKS: dict[str, Callable[[_Trial, int], Iterator[str]]] = {
    "shapes": _shapes,
    "same seed": _same_seed,
    "draws": _draws,
    "state": _state_round_trip,
    "privacy": _privacy,
    "mask": _masked,
    "weights": _weights,
    "learning": _learning,
    "requoting": _requoting,
}

Change = Callable[[PolicyInputs, np.random.Generator, Spec], PolicyInputs]


def _run(policy: Policy, trial: _Trial, change: Change | None = None, seed: int = 7) -> FloatArray:
    """Actions of successive periods, requoting in between, shape (periods, n, A)."""
    rng = np.random.default_rng(seed + 1)
    view_rng = np.random.default_rng(seed + 2)
    actions = []
    for inputs in trial.inputs(policy, seed=seed):
        given = change(inputs, rng, trial.spec) if change else inputs
        # A policy may keep what it returned; comparing needs what it was then.
        actions.append(np.array(policy.act(given), dtype=float))
        if policy.requotes:
            view = sample_view(0, policy.n, view_rng)
            policy.requote(_redrawn_view(view, rng) if change in (_permuted, _redrawn) else view)
    return np.stack(actions)


def _permuted(inputs: PolicyInputs, rng: np.random.Generator, spec: Spec) -> PolicyInputs:
    """All prosumers but the first exchange everything that is private."""
    order = np.concatenate([[0], 1 + rng.permutation(len(inputs) - 1)])
    changed = sample_of(spec, inputs.observation[order], inputs.mean_field.copy(), inputs.action_mask[order])
    return _as_far(inputs, changed, spec)


def _redrawn(inputs: PolicyInputs, rng: np.random.Generator, spec: Spec) -> PolicyInputs:
    """All prosumers but the first get other private data."""
    other = sample_inputs(spec, len(inputs), rng)
    observation, mask = other.observation.copy(), other.action_mask.copy()
    observation[0], mask[0] = inputs.observation[0], inputs.action_mask[0]
    return _as_far(inputs, sample_of(spec, observation, inputs.mean_field.copy(), mask), spec)


def _as_far(inputs: PolicyInputs, changed: PolicyInputs, spec: Spec) -> PolicyInputs:
    """The changed inputs with an outlook as long as that of the others, if they have any."""
    if inputs.outlook is None:
        return changed
    return with_outlook(changed, spec, inputs.outlook.count * inputs.outlook.period_hours)


def _redrawn_view(view: RoundView, rng: np.random.Generator) -> RoundView:
    """The same public view; all prosumers but the first have other orders."""
    n = len(view.quote_eur_per_kwh)
    other = sample_view(view.round, n, rng)
    changes: dict[str, Any] = {}
    for item in fields(view):
        mine, theirs = getattr(view, item.name), getattr(other, item.name)
        if isinstance(mine, np.ndarray):
            changes[item.name] = np.concatenate([mine[:1], theirs[1:]])
    return replace(view, **changes)


def _requote(
    policy: Policy, n: int, change: Callable[[RoundView, np.random.Generator], RoundView] | None = None
) -> FloatArray:
    """Margins of successive rounds, shape (rounds, n, 2); NaN where the policy left its quotes."""
    rng, other = np.random.default_rng(21), np.random.default_rng(22)
    margins = []
    for number in range(PERIODS):
        view = sample_view(number, n, rng)
        quoted = policy.requote(change(view, other) if change else view)
        checked = checked_margins(quoted, n, f"n={n}", number)
        margins.append(np.zeros((n, 2)) if checked is None else checked.copy())
    return np.stack(margins)
