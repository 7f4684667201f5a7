"""From a scenario to the one that is simulated: in a window, with a seed, everybody deciding by one policy.
The grid is left aside as far as possible: bills do not depend on it."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from typing import Any

from cosim.errors import ScenarioError
from cosim.scenario.horizon import duration_text
from cosim.scenario.load import validated
from cosim.scenario.schema import Scenario
from cosim.scenario.yaml_file import dotted
from cosim.studies.contenders import Contender
from cosim.studies.windows import Window

Base = Mapping[str, Any]
"""A resolved scenario as plain values, which can be sent to another process."""
_MINUTES_OF_DAY = 24 * 60


def base_of(scenario: Scenario) -> Base:
    """A scenario with every default written out, as plain values."""
    return scenario.model_dump(mode="json")


def case(base: Base, window: Window, seed: int, contender: Contender) -> Scenario:
    """The scenario in which a policy is trained or judged.

    All labels get the policy, each as one of its own: who shares a policy with whom stays as it is.

    Args:
        base: The scenario of the study.
        window: When.
        seed: Of population, profiles, market and policies.
        contender: Who decides.

    Raises:
        ScenarioError: if the policy's parameters are wrong, or the window does not fit the scenario.
    """
    data = deepcopy(dict(base))
    data["seed"] = seed
    length = window.length(base["horizon"]["zone"])
    data["horizon"] |= {
        "start": window.start.isoformat(" ", "minutes"),
        "duration": duration_text(length),
    }
    data["network"] |= {"step": _flow_minutes(base, length), "counterfactual": False}
    data["market"] |= {"bidding": contender.bidding}
    if contender.rounds is not None:
        data["market"]["parameters"] |= {"rounds": contender.rounds}
    use = {"kind": contender.kind, "parameters": dict(contender.parameters)}
    data["policies"] = {label: deepcopy(use) for label in data["policies"]}
    scenario, mistakes = validated(data)
    if scenario is None:
        where = f"{contender.name} in the window {window.name}"
        raise ScenarioError(
            [replace(one, path=f"{where}: {one.path or dotted(location)}") for location, one in mistakes]
        )
    return scenario


def _flow_minutes(base: Base, length: timedelta) -> int | None:
    """Time between power flows [min]: a day, or all the time if it is no whole number of days.

    Flows within a settlement period stay: they say how finely devices follow their series.
    """
    step = base["network"]["step"]
    if step is not None and step < base["horizon"]["step_minutes"]:
        return int(step)
    minutes = length // timedelta(minutes=1)
    return minutes if minutes % _MINUTES_OF_DAY else _MINUTES_OF_DAY
