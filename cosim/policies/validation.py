"""What a policy returned, held to the contract before anything acts on it, and what it raised, with the line
of it that did. Called in every period: quick when all is well, and precise when it is not."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import isfinite
from traceback import walk_tb
from typing import SupportsFloat, TypeVar

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.errors import InputError, PolicyError
from cosim.policies.contract import Policy, PolicyInputs, RoundView, Spec, Transition

TOLERANCE = 1e-6
"""Rounding beyond [-1, 1] that is cut off rather than refused (float32 networks)."""
MARGIN_NAMES = ("bid_margin", "ask_margin")

Answer = TypeVar("Answer")


def checked_action(action: object, spec: Spec, n: int, label: str, step: int) -> FloatArray:
    """The action, float64, shape (n, A), every number in [-1, 1].

    Args:
        action: What the policy returned.
        spec: Names the columns.
        n: Prosumers that it decides for.
        label: Policy and group, for the message: "policy 'zip' of group 'houses'".
        step: Period, for the message.

    Raises:
        PolicyError: naming label, step, and the first prosumer and field at fault.
    """
    names = [item.name for item in spec.action]
    return _checked(action, (n, len(names)), names, f"period {step}: {label}")


def checked_margins(margins: object, n: int, label: str, step: int) -> FloatArray | None:
    """What `requote` returned: None, or margins in [-1, 1], shape (n, 2).

    Raises:
        PolicyError: as `checked_action`.
    """
    if margins is None:
        return None
    return _checked(margins, (n, len(MARGIN_NAMES)), MARGIN_NAMES, f"period {step}: {label}, requoting")


def checked_act(policy: Policy, inputs: PolicyInputs, explore: bool, label: str, step: int) -> FloatArray:
    """Let the policy decide and check what it returns; whatever it raises becomes a PolicyError.

    Raises:
        PolicyError: naming label and step.
    """
    action = asked(partial(policy.act, inputs, explore), policy, f"period {step}: {label}")
    return checked_action(action, policy.spec, policy.n, label, step)


def checked_requote(policy: Policy, view: RoundView, label: str, step: int) -> FloatArray | None:
    """Let the policy requote and check what it returns, as `checked_act`.

    Raises:
        PolicyError: naming label and step.
    """
    margins = asked(partial(policy.requote, view), policy, f"period {step}: {label}, requoting,")
    return checked_margins(margins, policy.n, label, step)


def checked_learn(policy: Policy, transition: Transition, label: str, step: int) -> dict[str, float]:
    """Let the policy learn from period `step` and check its metrics, as `checked_act`.

    Returns:
        Metrics of an update, empty without one.

    Raises:
        PolicyError: naming label and step, if it raises, or if a metric is not a finite number.
    """
    where = f"period {step}: {label}, learning,"
    return _metrics(asked(partial(policy.learn, transition), policy, where), where)


def checked_finish(policy: Policy, label: str, step: int) -> dict[str, float]:
    """Let the policy finish after period `step` and check its metrics, as `checked_learn`.

    Raises:
        PolicyError: naming label and step.
    """
    where = f"period {step}: {label}, finishing,"
    return _metrics(asked(policy.finish, policy, where), where)


def checked_weights(policy: Policy, label: str) -> dict[str, FloatArray]:
    """What the policy has learnt, fit to be written: arrays of finite floats by name.

    Raises:
        PolicyError: naming label, and the first weight at fault.
    """
    where = f"{label}, asked for its weights,"
    weights: object = asked(policy.weights, policy, where)
    if not isinstance(weights, dict):
        raise PolicyError(f"{where} returned {type(weights).__name__}, not a dict of arrays")
    for name, values in weights.items():
        if not isinstance(name, str):
            raise PolicyError(f"{where} returned the name {name!r}, which is no text")
        if not isinstance(values, np.ndarray):
            raise PolicyError(f"{where} returned {type(values).__name__} as {name!r}, not an array")
        if values.dtype not in (np.float32, np.float64):
            raise PolicyError(f"{where} returned {values.dtype} as {name!r}, not float64")
        if not np.isfinite(values).all():
            raise PolicyError(f"{where} returned {name!r} with numbers that are not finite")
    return weights


def raised(error: Exception, policy: type[Policy], where: str, when: str = "") -> str:
    """What a policy raised, in words, with the line that raised it. Call it where the error was caught.

    Args:
        error: What it raised; a PolicyError is worded for people already.
        policy: The policy's class.
        where: Who it was: "period 3: policy 'mine' of 'houses'", or ending with a comma "..., learning,".
        when: In which moment, if `where` does not say so: " when it was made".
    """
    place = _place(error, policy)
    if isinstance(error, PolicyError):
        return f"{where}{'' if where.endswith(',') else ':'} {error}{place}"
    text = "; ".join(map(str, error.problems)) if isinstance(error, InputError) else str(error)
    return f"{where} raised {type(error).__name__}{when}{f': {text}' if text else ''}{place}"


def _place(error: Exception, policy: type[Policy]) -> str:
    """The innermost line of the policy's own modules that an error passed, else the last line of all."""
    modules = {each.__module__ for each in policy.__mro__}
    foreign = {name for name in modules if name.partition(".")[0] not in ("cosim", "abc", "builtins")}
    frames = [*walk_tb(error.__traceback__)][1:]  # the first is that of who called the policy
    own = [each for each in frames if each[0].f_globals.get("__name__") in (foreign or modules)]
    if not frames or (isinstance(error, PolicyError) and not (foreign and own)):
        return ""  # what cosim itself has to say of a policy is told without
    frame, line = (own or frames)[-1]
    return f" (at {frame.f_code.co_filename}:{line})"


def asked(question: Callable[[], Answer], policy: Policy, where: str) -> Answer:
    """What a policy answers; whatever it raises becomes a PolicyError, also an error of cosim's: a name that
    it looked up in its spec is no mistake in the scenario."""
    try:
        return question()
    except Exception as error:
        raise PolicyError(raised(error, type(policy), where)) from error


def _metrics(metrics: object, where: str) -> dict[str, float]:
    """What an update returned, as finite numbers by name."""
    if not isinstance(metrics, dict):
        raise PolicyError(f"{where} returned {type(metrics).__name__}, not a dict of metrics")
    return {str(name): _finite(value, str(name), where) for name, value in metrics.items()}


def _finite(value: object, name: str, where: str) -> float:
    """A metric as a number."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, np.ndarray) or not isinstance(value, SupportsFloat):
        raise PolicyError(f"{where} returned metric {name} = {value!r}, which is no number")
    number = float(value)
    if not isfinite(number):
        raise PolicyError(f"{where} returned metrics that are not finite: {name} = {number:g}")
    return number


def _checked(
    values: object, shape: tuple[int, int], names: list[str] | tuple[str, ...], where: str
) -> FloatArray:
    if not isinstance(values, np.ndarray):
        raise PolicyError(f"{where} returned {type(values).__name__}, not an array of shape {shape}")
    if values.shape != shape:
        raise PolicyError(f"{where} returned shape {values.shape}, not {shape} ({', '.join(names)})")
    if values.dtype != np.float64:
        raise PolicyError(f"{where} returned {values.dtype}, not float64")
    largest = np.abs(values).max(initial=0.0)
    if largest <= 1.0:
        return values
    if largest <= 1.0 + TOLERANCE:
        return np.clip(values, -1.0, 1.0)
    row, column = np.argwhere(~(np.abs(values) <= 1.0 + TOLERANCE))[0]
    wrong = values[row, column]
    what = "which is outside [-1, 1]" if np.isfinite(wrong) else "which is not a finite number"
    raise PolicyError(f"{where} returned {names[column]} = {wrong:g} for prosumer {row}, {what}")
