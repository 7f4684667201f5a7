"""Rewards: over a run they add up to the saving with what is left in the stores, and none hangs on how long
the run is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from cosim.scenario.schema import Scenario
from cosim.simulation import Simulation

Build = Callable[..., Scenario]


def rewards_of(scenario: Scenario) -> tuple[np.ndarray, Simulation]:
    """Rewards by period and prosumer, and the simulation when it is over."""
    simulation, found = Simulation(scenario), []
    while not simulation.done:
        simulation.step()
        found.append(simulation.communities[0].turn.reward_eur)
    return np.array(found), simulation


@pytest.mark.parametrize("policy", ["fixed-reservation", "zero-intelligence"])
def test_rewards_add_up_to_the_saving_and_what_is_left(five: Build, policy: str) -> None:
    scenario = five(horizon={"duration": "16 hours"}, policies={"default": policy})
    rewards, simulation = rewards_of(scenario)
    (community,) = simulation.communities
    saved = np.zeros(5)
    again = Simulation(scenario)
    while not again.done:
        again.step()
        turn = again.communities[0].turn
        saved += turn.shadow_bill.total_eur - turn.bill.total_eur
    more_kwh = community.fleet.stored_kwh(community.state) - community.counterfactual.stored_kwh()
    price = community.rewards.stored_eur_per_kwh["electricity"]
    assert rewards.sum(axis=0) == pytest.approx(saved + price * more_kwh, abs=1e-12)
    assert np.abs(more_kwh).max() > 0.1, "otherwise this shows nothing of stores"


def test_a_longer_run_changes_no_reward(five: Build) -> None:
    short, _ = rewards_of(five(horizon={"duration": "1 day"}))
    long, _ = rewards_of(five(horizon={"duration": "2 days"}))
    assert (long[: len(short)] == short).all()


def test_stored_electricity_is_worth_the_middle_of_the_own_prices(five: Build) -> None:
    """Flat prices: the middle of retail and feed-in."""
    simulation = Simulation(five())
    (community,) = simulation.communities
    prices = community.tariffs.prices(0)
    middle = 0.5 * (prices.retail_eur_per_kwh + prices.feed_in_eur_per_kwh)
    assert community.rewards.stored_eur_per_kwh["electricity"] == pytest.approx(middle)
    assert set(community.rewards.stored_eur_per_kwh) == {"electricity"}, "nobody stores heat here"
