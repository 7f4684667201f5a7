"""The rule that a learner starts from, as its settings name it. Which rules there are is the registry's
affair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cosim.core.arrays import BoolArray
from cosim.errors import CosimError, InputError, Problem
from cosim.policies.contract import Policy, Spec
from cosim.policies.rules.baseline import EXPECTED_PRICE

SELF_CONSUMPTION, NOTHING = "self-consumption", "nothing"
"""Start rules that need no policy: every policy is given the first one's action."""

USUAL = "fixed-reservation:value=0.25"
"""The rule that learners start from if nothing is said."""
USUAL_WITH_HEAT = "price-taker:confidence=0.7"
"""The same where heat sources reckon with a price of electricity: much hangs on what each hour costs."""
USUAL_SETPOINT = "price-taker:confidence=0"
"""The same where energy is told what to do: a plan against the own tariff. One against the market's prices
is everybody's, so that all do the same at once."""
LEFT_TO_PLAN = ("heat_store.value", "building.value")
"""Fields of the action that stay a planning rule's: heat costs nearly the same all day, so that a store of it
is filled or emptied as a whole when its value is a little off."""
ONCE_A_DAY, EVERY_HOUR = 24.0, 1.0
"""How often learners think anew if nothing is said [h]: where a value of stored energy has to hold all day to
pay, and where energy is told what to do or a plan carries the day."""
SELDOM = 2.0
"""Up to so many decisions a day are few: a single one weighs much, and there is little to learn from."""
FAR, NEAR = (0.0, 0.4, 0.8), (-0.2, 0.0, 0.2)
"""Departures that are chosen among if nothing is said: from a rule that does not look ahead, and from one
that plans."""

LEFT_OUT = f"Left out: {FAR}, and {NEAR} from a rule that plans."


def differing(levels: tuple[float, ...]) -> tuple[float, ...]:
    """Levels that can be chosen among.

    Raises:
        ValueError: if they are none.
    """
    if len(set(levels)) < len(levels) or any(abs(level) > 2.0 for level in levels):
        raise ValueError(f"levels have to differ and lie in [-2, 2]; got {levels}")
    return levels


def usual_start(spec: Spec) -> str:
    """The rule that learners start from if nothing is said."""
    if tells_setpoints(spec):
        return USUAL_SETPOINT
    return USUAL_WITH_HEAT if spec.acts(EXPECTED_PRICE) else USUAL


def tells_setpoints(spec: Spec) -> bool:
    """Whether actions tell energy what to do, and do not say what it is worth."""
    return any(field.name.endswith(".setpoint") for field in spec.action)


def plans(start: Policy | None) -> bool:
    """Whether a start rule looks ahead."""
    return start is not None and "outlook" in start.needs


def usually_left(start: Policy | None) -> tuple[str, ...]:
    """Fields of the action that stay the start rule's if nothing is said."""
    return LEFT_TO_PLAN if plans(start) else ()


def is_a_device(action: str) -> bool:
    """Whether an action is about a device, and not the margin of a quote."""
    return "." in action or action == EXPECTED_PRICE


def learnt_actions(
    spec: Spec, start: Policy | None, leaves: Sequence[str] | None, *, margins: bool
) -> BoolArray:
    """Which actions are not left to the rule, shape (A,).

    Args:
        spec: Names the actions.
        start: The rule.
        leaves: Those left to it; None: as is usual.
        margins: Whether those of margins are learnt.

    Raises:
        InputError: if a field is to be left that there is not.
    """
    names = [field.name for field in spec.action]
    for name in leaves or ():
        if name not in names:
            raise InputError(
                Problem(f"{name!r} is no field of the action", f"valid: {', '.join(names)}", path="leaves")
            )
    left = usually_left(start) if leaves is None else leaves
    return np.array([name not in left and (margins or is_a_device(name)) for name in names], bool)


def usual_levels(start: Policy | None) -> tuple[float, ...]:
    """Departures from a start rule that are chosen among if nothing is said."""
    return NEAR if plans(start) else FAR


def parsed(text: str) -> tuple[str, dict[str, Any]]:
    """Kind and parameters of `KIND:PARAMETER=VALUE:PARAMETER=VALUE`.

    Raises:
        ValueError: if a part is no PARAMETER=VALUE.
    """
    kind, *parts = text.split(":")
    values: dict[str, Any] = {}
    for part in parts:
        name, sign, value = part.partition("=")
        if not sign:
            raise ValueError(
                f"{part!r} is not PARAMETER=VALUE (write for example fixed-reservation:value=0.3)"
            )
        values[name] = value
    return kind, values


def start_problem(text: str) -> str:
    """What is wrong with a start rule, in words; empty if nothing is."""
    from cosim.policies.registry import configured, load

    if text in (SELF_CONSUMPTION, NOTHING):
        return ""
    try:
        kind, values = parsed(text)
        found = load(kind)
        if found.learns:
            return f"{kind!r} learns itself (start from a rule)"
        if not found.trades:
            return f"{kind!r} does not trade (write `nothing` to start from action 0)"
        if found.requotes:
            return (
                f"{kind!r} moves its quotes between rounds, and a learner does not (start from another rule)"
            )
        configured(found, kind, values)
    except (CosimError, ValueError) as error:
        return str(error).replace("\n", " ")
    return ""


def start_in_full(text: str) -> str:
    """A start rule with all its parameters: the same text for the same rule, however it was written."""
    from cosim.policies.registry import configured, load

    if text in (SELF_CONSUMPTION, NOTHING):
        return text
    kind, values = parsed(text)
    config = configured(load(kind), kind, values)
    said = (f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in config)
    return ":".join([kind, *said])


def start_policy(text: str, spec: Spec, n: int, seed: int, label: str) -> Policy | None:
    """The policy of a start rule; None where none is needed."""
    from cosim.policies.registry import create

    if text in (SELF_CONSUMPTION, NOTHING):
        return None
    kind, values = parsed(text)
    return create(kind, spec, n, seed, label=label, **values)
