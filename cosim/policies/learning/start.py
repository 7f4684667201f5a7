"""The rule that a learner starts from, as its settings name it. Which rules there are is the registry's
affair."""

from __future__ import annotations

from typing import Any

from cosim.errors import CosimError
from cosim.policies.contract import Policy, Spec

SELF_CONSUMPTION, NOTHING = "self-consumption", "nothing"
"""Start rules that need no policy: every policy is given the first one's action."""


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
    from cosim.policies.registry import load

    if text in (SELF_CONSUMPTION, NOTHING):
        return ""
    try:
        kind, values = parsed(text)
        found = load(kind)
        if found.learns:
            return f"{kind!r} learns itself (start from a rule)"
        found.Config(**values)
    except CosimError as error:
        return str(error)
    except ValueError as error:
        return str(error).replace("\n", " ")
    return ""


def start_policy(text: str, spec: Spec, n: int, seed: int, label: str) -> Policy | None:
    """The policy of a start rule; None where none is needed."""
    from cosim.policies.registry import create

    if text in (SELF_CONSUMPTION, NOTHING):
        return None
    kind, values = parsed(text)
    return create(kind, spec, n, seed, label=label, **values)
