"""Policies by name, by entry point (`cosim.policies`) and as `module:Class`, and their creation. Parameters
are checked here, so that a mistake reads the same from a scenario and from Python."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from cosim.core.config import Config
from cosim.core.registry import Registry, nearest
from cosim.errors import CosimError, InputError, PolicyError, Problem, UnknownNameError
from cosim.policies.contract import Policy, Spec
from cosim.policies.validation import raised

REGISTRY = Registry(
    "policy",
    "cosim.policies",
    {
        "utility-only": "cosim.policies.rules.utility_only:UtilityOnly",
        "self-consumption": "cosim.policies.rules.self_consumption:SelfConsumption",
        "fixed-reservation": "cosim.policies.rules.fixed_reservation:FixedReservation",
        "zero-intelligence": "cosim.policies.rules.zero_intelligence:ZeroIntelligence",
        "zip": "cosim.policies.rules.zip:ZeroIntelligencePlus",
        "price-taker": "cosim.policies.planning.price_taker:PriceTaker",
        "community-planner": "cosim.policies.planning.community_planner:CommunityPlanner",
        "mf-ppo": "cosim.policies.learning.ppo:MeanFieldPPO",
        "mf-q": "cosim.policies.learning.q:MeanFieldQ",
        "mf-ac": "cosim.policies.learning.actor_critic:MeanFieldActorCritic",
        "mf-td3": "cosim.policies.learning.td3:MeanFieldTD3",
        "maddpg": "cosim.policies.learning.maddpg:MADDPG",
        "da-maddpg": "cosim.policies.learning.maddpg:DoubleAuctionMADDPG",
    },
)


def names() -> list[str]:
    """All registered policies, built-in first."""
    return REGISTRY.names()


def load(name: str) -> type[Policy]:
    """The class of that name, or of `module:Class`; imported now, not before.

    Raises:
        UnknownNameError: if there is no such policy, its module cannot be imported, or it is no Policy.
    """
    try:
        found = REGISTRY.load(name)
    except CosimError:
        raise
    except Exception as error:
        raise UnknownNameError(
            Problem(f"policy {name!r}: its module raised {type(error).__name__}: {error}")
        ) from error
    if not (isinstance(found, type) and issubclass(found, Policy)):
        raise UnknownNameError(
            Problem(f"policy {name!r} is {found!r}", "it has to be a subclass of cosim.policies.Policy")
        )
    return found


def create(
    name: str | type[Policy], spec: Spec, n: int, seed: int, /, *, label: str = "", **parameters: Any
) -> Policy:
    """A policy for n prosumers.

    Args:
        name: Registered name, `module:Class`, or the class itself.
        spec: Fields of its inputs and actions.
        n: Prosumers that it decides for.
        seed: Seed of the run.
        label: Tells apart policies of one run, for example the group's name; the same seed and label give the
            same random draws.
        parameters: Of the policy's `Config`.

    Raises:
        UnknownNameError: if there is no such policy.
        InputError: if a parameter is unknown or out of bounds, or a file that it names cannot be used; holds
            all such problems, with the parameter's name as path.
        PolicyError: if the policy raises anything else while it is made.
    """
    policy_class = load(name) if isinstance(name, str) else name
    shown = name if isinstance(name, str) else f"{name.__module__}:{name.__qualname__}"
    config = configured(policy_class, shown, parameters)
    try:
        made = policy_class(spec, n, config, seed=seed, label=label)
        made.prepare()
        return made
    except Exception as error:
        if isinstance(error, InputError) and _is_of_parameters(error, policy_class):
            raise
        what = raised(error, policy_class, f"policy {shown!r}", " when it was made")
        raise PolicyError(what) from error


def _is_of_parameters(error: InputError, policy_class: type[Policy]) -> bool:
    """Whether all its problems are with parameters of the policy; others, such as a name that is not in the
    spec, are the policy's own."""
    names = (problem.path.partition(".")[0].partition("[")[0] for problem in error.problems)
    return all(name in policy_class.Config.model_fields for name in names)


def configured(policy_class: type[Policy], shown: str, parameters: Mapping[str, Any]) -> Config:
    """A policy's parameters, checked.

    Raises:
        InputError: if one is unknown or out of bounds; holds all such problems.
    """
    try:
        return policy_class.Config(**parameters)
    except ValidationError as error:
        raise InputError(_problems(policy_class, shown, error)) from error


def _problems(policy_class: type[Policy], shown: str, error: ValidationError) -> list[Problem]:
    problems = []
    for item in error.errors():
        path = ".".join(map(str, item["loc"]))
        if item["type"] == "extra_forbidden":
            problem = Problem(
                f"policy {shown!r} has no parameter {path!r}",
                nearest(path, policy_class.Config.model_fields),
                path=path,
            )
        else:
            problem = Problem(f"policy {shown!r}: {item['msg']} (got {item['input']!r})", path=path)
        problems.append(problem)
    return problems
