"""What a policy draws for a prosumer stays the same when another prosumer gets a device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cosim.core.arrays import FloatArray
from cosim.scenario.schema import Scenario
from cosim.simulation import Simulation


def with_evs(five: Callable[..., Scenario], share: float, policy: Any) -> Scenario:
    group = five().model_dump(mode="json")["groups"][0]
    group["devices"]["ev"]["share"] = share
    return five(groups=[group], policies={"default": policy}, market={"parameters": {"rounds": 2}})


def margins(scenario: Scenario, periods: int) -> tuple[FloatArray, list[int]]:
    """Margins of all periods, shape (periods, n, 2), and who has an EV."""
    simulation = Simulation(scenario)
    (community,) = simulation.communities
    found = []
    for _ in range(periods):
        simulation.step()
        found.append(community.turn.gate.action[:, :2].copy())
    fleet = community.fleet.kinds
    return np.array(found), fleet["ev"].prosumer.tolist() if "ev" in fleet else []


@pytest.mark.parametrize(
    "policy", ["zero-intelligence", {"kind": "zero-intelligence", "parameters": {"devices": "random"}}]
)
def test_one_more_ev_leaves_the_margins_of_all_as_they_were(
    five: Callable[..., Scenario], policy: Any
) -> None:
    # 0 to 1: the group's action gets one field more. 1 to 2: it does not.
    runs = [margins(with_evs(five, share, policy), 24) for share in (0.0, 0.2, 0.4)]
    assert [len(owners) for _, owners in runs] == [0, 1, 2]
    for drawn, _ in runs[1:]:
        assert (drawn == runs[0][0]).all()
    assert len(np.unique(runs[0][0])) == 24 * 5 * 2


def test_one_more_ev_leaves_the_traits_of_zip_as_they_were(five: Callable[..., Scenario]) -> None:
    first, second = (margins(with_evs(five, share, "zip"), 1)[0] for share in (0.0, 0.2))
    assert (first == second).all()


def forecasts(scenario: Scenario) -> dict[str, FloatArray]:
    """What is foreseen of the loads of the second day's first hours, by prosumer."""
    (community,) = Simulation(scenario).communities
    community.foresight.look(community.clock.periods_per_day)
    first = community.clock.periods_per_day + 1
    series = community.foresight.fleet.kinds["load"].site.series["load"]
    return dict(zip(community.members.names, series.power_kw(first, first + 4).T, strict=True))


def test_one_more_prosumer_leaves_the_forecast_errors_of_others_as_they_were(
    five: Callable[..., Scenario],
) -> None:
    made = five(horizon={**five().model_dump(mode="json")["horizon"], "duration": "2 days"})
    group = made.model_dump(mode="json")["groups"][0]
    other = {**group, "name": "others", "count": 3}

    def noisy(count: int) -> dict[str, FloatArray]:
        groups = [{**group, "count": count}, other]
        return forecasts(
            made.model_validate({**made.model_dump(mode="json"), "groups": groups, "forecast": "noisy"})
        )

    before, after = noisy(5), noisy(6)
    assert len(after) == len(before) + 1
    for name, foreseen in before.items():
        assert (after[name] == foreseen).all(), name
    assert len({tuple(foreseen) for foreseen in before.values()}) == len(before)
