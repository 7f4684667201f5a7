"""What can be set of learners that follow the slope of a critic (`td3.py`, `maddpg.py`), and what holds if
nothing is said."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from pydantic import field_validator

from cosim.core.config import setting
from cosim.policies.learning.config import LearnerConfig
from cosim.policies.learning.start import NEAR, SELDOM


@dataclass(frozen=True)
class Slope:
    """How far things are tried, and in which steps it is learnt from them."""

    exploration: float
    learning_rate: float
    steps: int


FEW = Slope(0.3, 1e-3, 10)
"""Few decisions a day. What is tried has to reach from one tariff to the next: in between a battery does the
same whatever its energy is said to be worth, and a critic has no slope."""
MANY = Slope(0.1, 3e-4, 40)
"""More: each of them matters little, and there is more to learn from."""


def usual_slope(decisions_per_day: float, plans: bool) -> Slope:
    """What is chosen if nothing is said.

    Args:
        decisions_per_day: How often it decides.
        plans: Whether the rule that it starts from looks ahead.
    """
    usual = MANY if decisions_per_day > SELDOM else FEW
    return replace(usual, exploration=min(usual.exploration, NEAR[-1])) if plans else usual


def _if_left_out(name: str) -> str:
    """What is said of a parameter that is left out."""
    few, many = getattr(FEW, name), getattr(MANY, name)
    return f"Left out: {few:g}, and {many:g} where it decides more than twice a day."


class TD3Config(LearnerConfig):
    """Parameters of `mf-td3`."""

    hindsight: Literal["all", "public", "none"] = setting(
        "all",
        about="What critics know beyond what was known at the decision. `public`: what became public while "
        "it stood. `all`: the own inflexible energy as well. `none`: nothing.",
    )
    learning_rate: float | None = setting(
        None, about="Step size of Adam for the actor. " + _if_left_out("learning_rate"), gt=0
    )
    exploration: float | None = setting(
        None,
        about="Standard deviation of what it tries at first, in units of the action. "
        + _if_left_out("exploration")
        + f" From a rule that plans at most {NEAR[-1]:g}.",
        gt=0,
        le=1,
    )
    critic_rate: float = setting(1e-3, about="Step size of Adam for the critics.", gt=0)
    steps: int | None = setting(
        None, about="Gradient steps of the critics in each update. " + _if_left_out("steps"), ge=1
    )
    batch: int = setting(16, about="Decisions of every prosumer in each step.", ge=1)
    memory_days: float = setting(200.0, unit="d", about="Decisions of so many days are remembered.", gt=0)
    warmup_days: float = setting(
        7.0, unit="d", about="It only tries things for so long, and learns then.", ge=0
    )
    critics: Literal[1, 2] = setting(2, about="Critics of which the lowest value counts in targets.")
    delay: int = setting(2, about="Steps of the critics for each step of the actor and the targets.", ge=1)
    stay: float = setting(
        0.1,
        about="Weight of staying near what was done in the decisions that it learns from, in units of "
        "what it tries now: keeps the actor where the critics have been.",
        ge=0,
    )
    follow: float = setting(
        0.02, about="By which share targets move towards the networks in a step.", gt=0, le=1
    )
    target_noise: float = setting(0.1, about="Standard deviation over which targets are smoothed.", ge=0)
    target_noise_most: float = setting(0.2, about="Where that noise is cut off.", ge=0)
    margin_exploration: float = setting(
        0.05, about="As `exploration`, for margins, where these are learnt.", gt=0, le=1
    )
    exploration_days: float = setting(
        60.0, unit="d", about="In which time what it tries becomes narrower by a factor of e.", gt=0
    )
    least_exploration: float = setting(
        0.2, about="How narrow it gets at most, as a standard deviation.", ge=0, le=1
    )
    exploration_hours: float = setting(
        0.0,
        unit="h",
        about="How long it goes on trying the same: in that time the correlation of what is tried falls "
        "to 1/e; 0: anew with every decision.",
        ge=0,
    )


class DDPGConfig(TD3Config):
    """Parameters of `da-maddpg`."""

    hindsight: Literal["all", "public", "none"] = setting(
        "public",
        about="What critics know beyond what was known at the decision. `public`: what became public while "
        "it stood, which stands for the others. `all`: the own inflexible energy as well. `none`: nothing.",
    )
    critics: Literal[1, 2] = setting(1, about="Critics of which the lowest value counts in targets.")
    delay: int = setting(1, about="Steps of the critics for each step of the actor and the targets.", ge=1)
    target_noise: float = setting(0.0, about="Standard deviation over which targets are smoothed.", ge=0)


class MADDPGConfig(DDPGConfig):
    """Parameters of `maddpg`."""

    sharing: Literal["none", "federated", "group"] = setting(
        "group",
        about="`none`: every prosumer has an actor and a critic of its own. `group`: all of a label share "
        "both. Not `federated`: a critic reads the private data of all whatever is shared.",
    )
    hindsight: Literal["all", "public", "none"] = setting(
        "none",
        about="What critics know beyond what all observed and did, as in `mf-td3`.",
    )
    memory_gib: float = setting(
        8.0, unit="GiB", about="It refuses to start where its critics would take more memory.", gt=0
    )

    @field_validator("sharing")
    @classmethod
    def _is_honest(cls, sharing: str) -> str:
        if sharing == "federated":
            raise ValueError("its critics read the private data of all: write `none` or `group`")
        return sharing
