"""What a community is put together from: devices of somebody else's, kinds in any order, planners that look
no further than a part of a period."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosim.scenario.schema import Scenario
from cosim.simulation.model import Simulation

Build = Callable[..., Scenario]

MILL = """
from cosim.devices.wind import Wind


class Mill(Wind):
    kind = "mill"
"""


@pytest.mark.parametrize("forecast", ["perfect", "noisy"])
def test_a_device_that_follows_a_series_goes_by_its_own_name(
    five: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forecast: str
) -> None:
    """The scenario calls it `module:Class`, the device looks for `site.series[kind]`."""
    (tmp_path / "own_mill.py").write_text(MILL)
    monkeypatch.syspath_prepend(str(tmp_path))
    group: dict[str, Any] = five().model_dump(mode="json")["groups"][0]
    made = {}
    for name, kind in (("wind", "wind"), ("own_mill:Mill", "mill")):
        plain = group | {"devices": {name: {"rated_kw": 3}}}
        simulation = Simulation(
            five(groups=[plain], weather={"source": "demandlib"}, forecast={"kind": forecast})
        )
        for _ in range(4):
            simulation.step()
        made[kind] = simulation.communities[0].turn.dispatch.device_kwh[kind]
    assert (made["mill"] < 0.0).all()
    assert made["mill"].shape == made["wind"].shape


@pytest.mark.parametrize("policy", ["price-taker", "community-planner"])
def test_planners_see_the_period_itself_at_least(five: Build, policy: str) -> None:
    """A horizon of a quarter of an hour, in periods of an hour."""
    hours = {"horizon_hours": 0.25}
    if policy == "community-planner":
        hours |= {"replan_hours": 0.25, "fine_hours": 0.25}
    simulation = Simulation(five(policies={"default": {"kind": policy, "parameters": hours}}))
    simulation.step()
    gate = simulation.communities[0].turn.gate
    assert [outlook.count for outlook in gate.knowledge.outlooks.values()] == [1]
    assert np.isfinite(gate.action).all()


def test_the_order_of_kinds_decides_nothing(village: Build) -> None:
    """A tank and a building that are worth the same to the rule: which of them goes first is not settled by
    which group comes first."""
    plain = {key: village().model_dump(mode="json")["groups"][0][key] for key in ("place", "load")}
    pump = {"max_heat_kw": 6.0, "minimum_load": 0.2}
    walls = plain | {"name": "walls", "count": 1, "devices": {"building": {}, "heat_pump": pump}}
    both = {"heat_store": {"volume_l": 300}, "heat_pump": pump, "building": {}, "electric_heater": {}}
    homes = plain | {"name": "homes", "count": 2, "devices": both}
    found: list[dict[tuple[str, str], list[float]]] = []
    for groups in ([walls, homes], [homes, walls]):
        simulation = Simulation(village(groups=groups, loop=False, policies={"default": "utility-only"}))
        community = simulation.communities[0]
        done: dict[tuple[str, str], list[float]] = {}
        for _ in range(12):
            simulation.step()
            for kind, energy in community.turn.dispatch.device_kwh.items():
                for owner, kwh in zip(community.fleet.kinds[kind].prosumer, energy, strict=True):
                    done.setdefault((kind, community.members.names[owner]), []).append(kwh)
        found.append(done)
    assert list(found[0]) != list(found[1])
    assert found[0].keys() == found[1].keys()
    for name, kwh in found[0].items():
        np.testing.assert_allclose(kwh, found[1][name], rtol=0, atol=1e-9, err_msg=str(name))
