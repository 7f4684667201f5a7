"""What can be set of every learner, and what holds if nothing is said. What a family adds is in its own
file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import field_validator

from cosim.core.config import Config, setting
from cosim.policies.learning.mean_field import Kind
from cosim.policies.learning.start import (
    EVERY_HOUR,
    LEFT_TO_PLAN,
    ONCE_A_DAY,
    USUAL,
    USUAL_SETPOINT,
    USUAL_WITH_HEAT,
    start_problem,
)


class LearnerConfig(Config):
    """Parameters that every learner has."""

    sharing: Literal["none", "federated", "group"] = setting(
        "federated",
        about="`none`: every prosumer has networks of its own and learns from its own data. `federated`: own "
        "data, shared weights; what crosses is the change that each prosumer's data make to them, averaged. "
        "`group`: all of a label learn from all their data together, which pools what is private.",
    )
    mean_field: Kind = setting(
        "public",
        about="What stands for the others. `public`: what the market has made public. `none`: nothing, an "
        "independent learner. `shuffled`: the public information of another period (an ablation).",
    )
    start: str | None = setting(
        None,
        about="The rule that it starts from and learns to depart from: `self-consumption`, `nothing`, or any "
        "policy that does not learn, with parameters as KIND:PARAMETER=VALUE:PARAMETER=VALUE. Left out: "
        f"`{USUAL}`, and `{USUAL_WITH_HEAT}` where heat sources reckon with a price of electricity; in "
        f"bidding mode `setpoint` `{USUAL_SETPOINT}`.",
    )
    expects: Literal["learned", "last"] = setting(
        "learned",
        about="What the rule that it starts from is told of the market's prices ahead, if it reckons with "
        "them. `learned`: what is expected from all that is public, weather forecasts included, learnt as "
        "the run goes on. `last`: what they were when it was last that time of day, as the rule alone "
        "has it; so in any case where `mean_field` is not `public`.",
    )
    margins: Literal["rule", "learn"] = setting(
        "rule", about="Whether the margins of its quotes stay the rule's, or are learnt as well."
    )
    leaves: tuple[str, ...] | None = setting(
        None,
        about="Fields of the action that stay the rule's, such as `battery.value`. Left out: none, and from "
        f"a rule that plans {', '.join(f'`{name}`' for name in LEFT_TO_PLAN)}.",
    )
    decide_hours: float | None = setting(
        None,
        unit="h",
        about="How often it thinks anew; in between it departs from the rule by as much as it last decided. "
        f"Left out: {ONCE_A_DAY:g} in bidding mode `reservation`, where a value of stored energy pays only "
        f"if it holds all day, and {EVERY_HOUR:g} in `setpoint`, where energy is told what to do; for "
        f"`mf-ppo` also {EVERY_HOUR:g} from a rule that plans.",
        gt=0,
        le=24,
    )
    discount: float = setting(0.5, about="What a reward of tomorrow counts today.", ge=0, le=1)
    update_hours: float = setting(24.0, unit="h", about="How often it learns.", gt=0)
    foresight: bool = setting(
        True, about="Whether it reads the own forecast of the coming day: own load and own production."
    )
    look_away: float = setting(
        0.1,
        about="Share of decisions that it takes without what is public and without the own last day while "
        "it learns: on the first day of a run there is neither. Only where it decides at most twice a day.",
        ge=0,
        lt=1,
    )
    hidden: int = setting(8, about="Width of the two hidden layers of each network.", ge=1, le=1024)
    device: Literal["auto", "cpu", "cuda"] = setting(
        "cpu",
        about="Where networks are computed; `auto`: on a GPU if there is one.",
    )
    diverged: Literal["stop", "rule"] = setting(
        "stop",
        about="What happens when a network's numbers are no longer finite, or absurd. `stop`: the run ends, "
        "the last good weights are kept. `rule`: from then on the prosumers follow their start rule.",
    )
    weights: Path | None = setting(
        None, about="File of what it starts with, learnt in another run: RUN/checkpoints/LABEL.pt."
    )
    freeze: bool = setting(
        False, about="Whether it stays as it is: nothing is learnt any more, and nothing tried out."
    )

    @field_validator("start")
    @classmethod
    def _can_start(cls, text: str | None) -> str | None:
        problem = None if text is None else start_problem(text)
        if problem:
            raise ValueError(problem)
        return text
