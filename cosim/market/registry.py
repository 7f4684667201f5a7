"""Market mechanisms by name, by entry point (`cosim.mechanisms`) and as `module:Class`, and their creation.
Parameters are checked here, so that a mistake reads the same from a scenario and from Python."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from cosim.core.registry import Registry, nearest
from cosim.errors import CosimError, InputError, Problem, UnknownNameError
from cosim.market.mechanism import Mechanism

MECHANISMS = Registry(
    "market mechanism",
    "cosim.mechanisms",
    {
        "double-auction": "cosim.market.double_auction:DoubleAuction",
        "call-auction": "cosim.market.call_auction:CallAuction",
        "mid-market-rate": "cosim.market.mid_market_rate:MidMarketRate",
        "supply-demand-ratio": "cosim.market.supply_demand_ratio:SupplyDemandRatio",
        "muda": "cosim.market.muda:Muda",
    },
)
"""Every mechanism that can be named in a scenario."""

DEFAULT = "double-auction"


def names() -> list[str]:
    """All registered mechanisms, built-in first."""
    return MECHANISMS.names()


def load(name: str) -> type[Mechanism]:
    """The class of that name, or of `module:Class`; imported now, not before.

    Raises:
        UnknownNameError: if there is no such mechanism, its module cannot be imported, or it is no Mechanism.
    """
    found = MECHANISMS.load(name)
    if not (isinstance(found, type) and issubclass(found, Mechanism)):
        raise UnknownNameError(
            Problem(
                f"market mechanism {name!r} is {found!r}",
                "it has to be a subclass of cosim.market.mechanism.Mechanism",
            )
        )
    return found


def create(name: str | type[Mechanism] = DEFAULT, /, **parameters: Any) -> Mechanism:
    """A mechanism.

    Args:
        name: Registered name, `module:Class`, or the class itself.
        parameters: Of the mechanism's `Config`.

    Raises:
        UnknownNameError: if there is no such mechanism, or it raises while it is made.
        InputError: if a parameter is unknown or out of bounds; holds all such problems.
    """
    kind = load(name) if isinstance(name, str) else name
    shown = name if isinstance(name, str) else f"{name.__module__}:{name.__qualname__}"
    try:
        config = kind.Config(**parameters)
    except ValidationError as error:
        raise InputError(_problems(kind, shown, error)) from error
    try:
        return kind(config)
    except CosimError:
        raise
    except Exception as error:  # somebody else's code
        text = f"market mechanism {shown!r} raised {type(error).__name__} when it was made: {error}"
        raise UnknownNameError(Problem(text, path="mechanism")) from error


def _problems(kind: type[Mechanism], shown: str, error: ValidationError) -> list[Problem]:
    problems = []
    for item in error.errors():
        path = ".".join(map(str, item["loc"]))
        if item["type"] == "extra_forbidden":
            problem = Problem(
                f"market mechanism {shown!r} has no parameter {path!r}",
                nearest(path, kind.Config.model_fields),
                path=f"parameters.{path}",
            )
        else:
            problem = Problem(
                f"market mechanism {shown!r}: {item['msg']} (got {item['input']!r})",
                path=f"parameters.{path}",
            )
        problems.append(problem)
    return problems
