"""Prosumers as Mesa agents: views of their columns, and decisions of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

import mesa
import numpy as np
import pytest

from cosim.agents import MarketOperator, NetworkOperator, Prosumer
from cosim.errors import PolicyError, UnknownNameError
from cosim.scenario.schema import Scenario
from cosim.simulation import Simulation

NAME = "homes-002"


class Timid(Prosumer):
    """Bids and asks at the far end of the band, so that it hardly trades."""

    asked: ClassVar[list[tuple[str, dict[str, float], dict[str, float]]]] = []

    def decide(self, observation: Mapping[str, float], rule: Mapping[str, float]) -> Mapping[str, float]:
        self.asked.append((self.name, dict(observation), dict(rule)))
        return {"bid_margin": 1.0, "ask_margin": 1.0}


class Obedient(Prosumer):
    """Overrides, and does what the rule does."""

    def decide(self, observation: Mapping[str, float], rule: Mapping[str, float]) -> Mapping[str, float]:
        return rule


def steps(simulation: Simulation, count: int = 24) -> np.ndarray:
    """Actions of all periods, shape (periods, n, A)."""
    actions = []
    for _ in range(count):
        simulation.step()
        actions.append(simulation.communities[0].turn.gate.action.copy())
    return np.array(actions)


def test_agents_are_views(five: Callable[..., Scenario]) -> None:
    simulation = Simulation(five())
    assert isinstance(simulation, mesa.Model)
    steps(simulation, 14)
    assert simulation.index == 14 and not simulation.done
    prosumers = list(simulation.agents_by_type[Prosumer])
    community = simulation.communities[0]
    assert [prosumer.name for prosumer in prosumers] == [f"homes-{number:03}" for number in range(5)]
    assert {prosumer.group for prosumer in prosumers} == {"homes"}
    assert [prosumer.bus for prosumer in prosumers][:2] == ["Bus R11", "Bus R15"]
    for number, prosumer in enumerate(prosumers):
        assert prosumer.net_kwh == community.turn.dispatch.electricity.net_kwh[number]
        assert prosumer.cost_eur == community.turn.bill.total_eur[number]
        assert prosumer.stored_kwh == community.fleet.stored_kwh(community.state)[number]
        assert set(prosumer.devices) >= {"load"}
    owners = [prosumer for prosumer in prosumers if "battery" in prosumer.devices]
    assert len(owners) == 2
    assert 4.0 <= owners[0].devices["battery"][0]["capacity_kwh"] <= 9.0
    market, network = (
        simulation.agents_by_type[MarketOperator][0],
        simulation.agents_by_type[NetworkOperator][0],
    )
    assert market.clearing is community.turn.gate.electricity.clearing and network.violations == 0


def test_the_phases_are_timed(five: Callable[..., Scenario]) -> None:
    simulation = Simulation(five())
    simulation.step()
    assert all(seconds > 0.0 for seconds in simulation.seconds.values())


def test_an_overridden_prosumer_is_asked_alone(five: Callable[..., Scenario]) -> None:
    Timid.asked.clear()
    scenario = five(policies={"default": "zero-intelligence"})
    plain = steps(Simulation(scenario))
    changed = steps(Simulation(scenario, prosumers={NAME: Timid}))
    assert [name for name, _, _ in Timid.asked] == 24 * [NAME]
    assert (changed[:, 2, :2] == 1.0).all()
    others = [0, 1, 3, 4]
    # Margins are drawn whatever happens; only what hangs on stored energy may differ, through the market.
    assert (changed[:, others, :2] == plain[:, others, :2]).all()
    assert (changed[0, others] == plain[0, others]).all()


def test_it_knows_its_own_and_what_is_public(five: Callable[..., Scenario]) -> None:
    Timid.asked.clear()
    simulation = Simulation(five(), prosumers={NAME: Timid})
    steps(simulation, 2)
    _, known, rule = Timid.asked[1]
    community = simulation.communities[0]
    own = [field.name for field in community.observer.fields]
    public = [field.name for field in community.deciders.groups[0].spec.mean_field]
    parameters = community.deciders.groups[0].parameters
    assert set(known) == {*own, *public, *parameters}
    assert set(rule) <= {field.name for field in community.bidder.fields}
    assert {"bid_margin", "ask_margin"} <= set(rule)
    assert known["retail_price"] == 0.30 and known["feed_in_price"] == 0.08


@pytest.mark.parametrize("policy", ["self-consumption", "zip"])
def test_doing_what_the_rule_does_changes_nothing_for_others(
    five: Callable[..., Scenario], policy: str
) -> None:
    """With self-consumption it changes nothing at all."""
    scenario = five(policies={"default": policy}, market={"parameters": {"rounds": 3}})
    plain, own = Simulation(scenario), Simulation(scenario, prosumers={NAME: Obedient})
    first, second = steps(plain), steps(own)
    if policy == "self-consumption":
        assert (first == second).all()
        for name in ("net_kwh", "bought_kwh", "sold_kwh", "trade_cost_eur"):
            one, other = (
                getattr(simulation.communities[0].turn.dispatch.electricity, name)
                for simulation in (plain, own)
            )
            assert (one == other).all()


def test_who_decides_alone_keeps_its_margins_when_the_policy_requotes(five: Callable[..., Scenario]) -> None:
    """ZIP requotes every round for its group; a prosumer that decides itself never pays more than it said."""
    Timid.asked.clear()
    simulation = Simulation(
        five(policies={"default": "zip"}, market={"parameters": {"rounds": 5}}), prosumers={NAME: Timid}
    )
    bought = 0
    for _ in range(24):
        simulation.step()
        traded = simulation.communities[0].turn.gate.electricity
        done = traded.clearing.trades
        own = traded.orders.owner[done.buy_row] == 2
        bought += int(own.sum())
        # Its bids stay at the floor of 0.08; trades are at the resting order's price.
        assert done.price_eur_per_kwh[own] == pytest.approx(0.08)


def test_names_that_do_not_exist_are_refused(five: Callable[..., Scenario]) -> None:
    with pytest.raises(UnknownNameError, match=r"no prosumer 'homes-2' \(did you mean 'homes-002'\?\)"):
        Simulation(five(), prosumers={"homes-2": Timid})


class Wrong(Prosumer):
    def decide(self, observation: Mapping[str, float], rule: Mapping[str, float]) -> Mapping[str, float]:
        return {"bid_margin": 3.0}


class Unknown(Prosumer):
    def decide(self, observation: Mapping[str, float], rule: Mapping[str, float]) -> Mapping[str, float]:
        return {"bid_margn": 0.0}


@pytest.mark.parametrize(
    ("wrong", "message"), [(Wrong, r"bid_margin = 3"), (Unknown, r"'bid_margn'.*did you mean 'bid_margin'")]
)
def test_what_it_decides_is_checked(
    five: Callable[..., Scenario], wrong: type[Prosumer], message: str
) -> None:
    simulation = Simulation(five(), prosumers={NAME: wrong})
    with pytest.raises(PolicyError, match=message):
        simulation.step()
