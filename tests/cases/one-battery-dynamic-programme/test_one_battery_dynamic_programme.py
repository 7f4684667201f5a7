"""One battery: the linear programme, the planner and learners against Bellman's recursion on a grid; see
README.md."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosim.analysis.end_value import end_value_eur
from cosim.analysis.hindsight import Hindsight, hindsight
from cosim.analysis.optimum import each_alone
from cosim.core.arrays import FloatArray
from cosim.policies import Policy
from cosim.scenario.schema import Scenario
from cosim.simulation import Simulation

CASE: dict[str, Any] = json.loads((Path(__file__).parent / "case.json").read_text())
HOURS = np.arange(24 * CASE["days"])
PRICES = dict(CASE["retail"])
RETAIL = np.array([PRICES[max(begin for begin in PRICES if begin <= hour)] for hour in HOURS % 24])
Household = Callable[..., Scenario]


@pytest.fixture
def household(five: Callable[..., Scenario], scenario_data: Callable[[], dict[str, Any]]) -> Household:
    """The household with much or little sun; with settings of the scenario changed."""
    day = [*CASE["retail"], [24, None]]
    windows = [
        {"from": f"{begin:02d}:00", "to": f"{end % 24:02d}:00", "price": price}
        for (begin, price), (end, _) in pairwise(day)
    ]
    tariff = {"retail": {"energy": {"windows": windows}}, "feed_in": CASE["feed_in"]}

    def build(sun: str, days: int = CASE["days"], **changes: Any) -> Scenario:
        group = scenario_data()["groups"][0]
        group |= {"count": 1, "place": {"buses": ["Bus R11"]}}
        pv = {"peak_kw": CASE["peak_kw"][sun], "profile": group["devices"]["pv"]["profile"]}
        group["devices"] = {"pv": pv, "battery": CASE["battery"]}
        horizon = {"duration": f"{days} days"}
        return five(horizon=horizon, tariffs={"default": tariff}, groups=[group], **changes)

    return build


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


def exact_cost(look: Hindsight) -> tuple[float, FloatArray]:
    """What the recursion finds, and the net energy of the household without its battery."""
    firm = [look.outlook.devices[kind].envelope.low_kwh[:, 0] for kind in ("load", "pv")]
    net = firm[0] + firm[1]
    return recursion(net, RETAIL), net


@pytest.mark.parametrize("sun", CASE["peak_kw"])
def test_the_programme_costs_what_the_recursion_finds(household: Household, sun: str) -> None:
    look = hindsight(household(sun))
    np.testing.assert_allclose(look.outlook.retail[:, 0], RETAIL)
    np.testing.assert_allclose(look.end.electricity, CASE["end_value"])
    found = float(each_alone(look, look.outlook)[0])
    exact, net = exact_cost(look)
    step = CASE["battery"]["capacity_kwh"] / CASE["steps"]
    bound = len(HOURS) * step / CASE["battery"]["charge_efficiency"] * RETAIL.max()
    assert found <= exact + 1e-9
    assert exact - found <= CASE["tolerance"] * bound
    # The battery matters: without it the household pays more than the tolerance by far.
    idle = np.where(net > 0.0, RETAIL, CASE["feed_in"]) @ net
    held = CASE["end_value"] * CASE["battery"]["initial_soc"] * CASE["battery"]["capacity_kwh"]
    assert idle - held - found > 100.0 * CASE["tolerance"] * bound


def simulated(scenario: Scenario, weights: dict[str, FloatArray] | None = None) -> tuple[float, Policy]:
    """What a run costs the household, less the value of what is stored at the end, and its policy.

    Args:
        scenario: The run.
        weights: What the policy starts with.
    """
    simulation = Simulation(scenario)
    (community,) = simulation.communities
    (group,) = community.deciders.groups
    if weights is not None:
        group.policy.load_weights(weights)
    cost = 0.0
    while not simulation.done:
        simulation.step()
        cost += float(community.turn.bill.total_eur[0])
    simulation.finish()
    cost -= float(end_value_eur(community, community.state)[0])
    policy = group.policy
    simulation.close()
    return cost, policy


def of_policy(kind: str, bidding: str, **parameters: Any) -> dict[str, Any]:
    """Settings of a scenario in which a policy decides."""
    return {
        "policies": {"default": {"kind": kind, "parameters": parameters}},
        "market": {"bidding": bidding},
    }


@pytest.mark.parametrize(
    ("sun", "bidding"), [("much", "setpoint"), ("much", "reservation"), ("little", "setpoint")]
)
def test_the_planner_that_knows_its_prices_costs_what_the_recursion_finds(
    household: Household, sun: str, bidding: str
) -> None:
    scenario = household(sun, **of_policy("price-taker", bidding, confidence=0.0))
    exact, _ = exact_cost(hindsight(scenario))
    assert simulated(scenario)[0] == pytest.approx(exact, abs=CASE["tolerance_of_policies_eur"])


@pytest.fixture
def gain(household: Household) -> tuple[float, float]:
    """With little sun: what the recursion finds, and how much more self-consumption costs."""
    scenario = household("little")
    exact, _ = exact_cost(hindsight(scenario))
    gap = simulated(scenario)[0] - exact
    assert gap > 100.0 * CASE["tolerance_of_policies_eur"], "there is something to learn"
    return exact, gap


def test_the_planner_that_tells_values_comes_close(household: Household, gain: tuple[float, float]) -> None:
    """A value says from which price on it is charged, not by how much."""
    exact, gap = gain
    scenario = household("little", **of_policy("price-taker", "reservation", confidence=0.0))
    assert simulated(scenario)[0] == pytest.approx(exact, abs=CASE["tolerance_of_planned_values"] * gap)


@pytest.fixture
def learnt(household: Household, kit: Any, tmp_path: Path) -> Callable[..., float]:
    """What the days of the case cost with a learner that has lived through some others, which are all the
    same."""

    def cost(days: int, kind: str, bidding: str, **parameters: Any) -> float:
        judged = household("little", **of_policy(kind, bidding, **parameters, freeze=True))
        if not days:
            return simulated(judged)[0]
        kit.profiles(tmp_path, days=days)
        school = household("little", days, folder=str(tmp_path), **of_policy(kind, bidding, **parameters))
        return simulated(judged, simulated(school)[1].weights())[0]

    return cost


@pytest.mark.parametrize("kind", CASE["learners"])
def test_learners_come_close(kind: str, learnt: Callable[..., float], gain: tuple[float, float]) -> None:
    """One value of stored energy a day, from a rule that never buys in order to store."""
    exact, gap = gain
    before, after = (
        learnt(days, kind, "reservation", start="self-consumption") for days in (0, CASE["days_of_learning"])
    )
    assert before == pytest.approx(exact + gap)
    assert after - exact <= CASE["tolerance_of_learners"] * gap


def test_a_learner_that_starts_from_the_optimum_keeps_most_of_it(
    learnt: Callable[..., float], gain: tuple[float, float]
) -> None:
    """Set-points every hour, from a plan that is exact: what it tries can only cost."""
    exact, gap = gain
    before, after = (learnt(days, "mf-ppo", "setpoint") for days in (0, CASE["days_of_learning"]))
    assert before == pytest.approx(exact, abs=CASE["tolerance_of_policies_eur"])
    assert after - exact <= CASE["tolerance_from_the_optimum"] * gap
