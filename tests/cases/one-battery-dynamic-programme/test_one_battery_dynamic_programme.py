"""The linear programme of one battery against Bellman's recursion on a grid; see README.md."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosim.analysis.hindsight import hindsight
from cosim.analysis.optimum import each_alone
from cosim.scenario.schema import Scenario

CASE: dict[str, Any] = json.loads((Path(__file__).parent / "case.json").read_text())


@pytest.fixture
def household(five: Callable[..., Scenario], scenario_data: Callable[[], dict[str, Any]]) -> Scenario:
    group = scenario_data()["groups"][0]
    group |= {"count": 1, "place": {"buses": ["Bus R11"]}}
    pv = {"peak_kw": CASE["peak_kw"], "profile": group["devices"]["pv"]["profile"]}
    group["devices"] = {"pv": pv, "battery": CASE["battery"]}
    day = [*CASE["retail"], [24, None]]
    windows = [
        {"from": f"{begin:02d}:00", "to": f"{end % 24:02d}:00", "price": price}
        for (begin, price), (end, _) in pairwise(day)
    ]
    return five(
        horizon={"duration": f"{CASE['days']} days"},
        tariffs={"default": {"retail": {"energy": {"windows": windows}}, "feed_in": CASE["feed_in"]}},
        groups=[group],
    )


def recursion(net_kwh: np.ndarray, retail: np.ndarray) -> float:
    """V_0 of the first state of charge, hour by hour backwards."""
    own, steps = CASE["battery"], CASE["steps"]
    grid = np.linspace(0.0, own["capacity_kwh"], steps + 1)
    power = own["capacity_kwh"] * own["c_rate"]
    value = -CASE["end_value"] * grid
    change = grid - grid[:, None]  # inside, from row to column
    drawn = np.where(change > 0.0, change / own["charge_efficiency"], change * own["discharge_efficiency"])
    possible = np.abs(drawn) <= power + 1e-9
    for t in range(len(net_kwh) - 1, -1, -1):
        net = net_kwh[t] + drawn
        cost = np.where(net > 0.0, retail[t] * net, CASE["feed_in"] * net)
        value = np.where(possible, cost + value, np.inf).min(axis=1)
    return float(np.interp(own["initial_soc"] * own["capacity_kwh"], grid, value))


def test_the_programme_costs_what_the_recursion_finds(household: Scenario) -> None:
    look = hindsight(household)
    firm = [look.outlook.devices[kind].envelope.low_kwh[:, 0] for kind in ("load", "pv")]
    prices = dict(CASE["retail"])
    hours = np.arange(24 * CASE["days"]) % 24
    retail = np.array([prices[max(begin for begin in prices if begin <= hour)] for hour in hours])
    np.testing.assert_allclose(look.outlook.retail[:, 0], retail)
    np.testing.assert_allclose(look.end.electricity, CASE["end_value"])
    found = float(each_alone(look, look.outlook)[0])
    exact = recursion(firm[0] + firm[1], retail)
    step = CASE["battery"]["capacity_kwh"] / CASE["steps"]
    bound = len(hours) * step / CASE["battery"]["charge_efficiency"] * retail.max()
    assert found <= exact + 1e-9
    assert exact - found <= bound / 50.0
    # The battery matters: without it the household pays more than the tolerance by far.
    idle = np.where(firm[0] + firm[1] > 0.0, retail, CASE["feed_in"]) @ (firm[0] + firm[1])
    held = CASE["end_value"] * CASE["battery"]["initial_soc"] * CASE["battery"]["capacity_kwh"]
    assert idle - held - found > 10.0 * bound
