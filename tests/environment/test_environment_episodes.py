"""What happens in an episode is what happens in a run: same rules, same bills; and which comes when."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cosim
from cosim.community.community import Turn
from cosim.core.streams import Streams
from cosim.environment.episodes import Episodes
from cosim.environment.parallel import CommunityEnv
from cosim.scenario.schema import Scenario
from cosim.simulation import Simulation

Build = Callable[..., Scenario]
NAMES = [f"homes-{number:03}" for number in range(5)]


def turns(scenario: Scenario) -> list[Turn]:
    """All periods of a run."""
    simulation, found = Simulation(scenario), []
    while not simulation.done:
        simulation.step()
        found.append(simulation.communities[0].turn)
    return found


def obey(env: CommunityEnv, seed: int | None = None) -> list[tuple[Turn, dict[str, float], dict[str, Any]]]:
    """An episode of agents that do what self-consumption does: turn, rewards and infos of every step."""
    _, infos = env.reset(seed=seed)
    found = []
    while env.agents:
        _, rewards, _, _, infos = env.step({name: info["rule_action"] for name, info in infos.items()})
        assert env.turn is not None
        found.append((env.turn, rewards, infos))
    return found


def same(one: Turn, two: Turn) -> bool:
    """Whether two periods ended with the same orders, trades, energies, grid and bills."""
    mine, theirs = one.gate.electricity, two.gate.electricity
    pairs = [
        (one.bill.eur, two.bill.eur),
        (one.shadow_bill.eur, two.shadow_bill.eur),
        (one.reward_eur, two.reward_eur),
        (one.dispatch.electricity.net_kwh, two.dispatch.electricity.net_kwh),
        (mine.orders.price_eur_per_kwh, theirs.orders.price_eur_per_kwh),
        (mine.clearing.trades.quantity_kwh, theirs.clearing.trades.quantity_kwh),
        (mine.clearing.trades.price_eur_per_kwh, theirs.clearing.trades.price_eur_per_kwh),
        *((a.flow.vm_pu, b.flow.vm_pu) for a, b in zip(one.snapshots, two.snapshots, strict=True)),
    ]
    return all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("bidding", ["reservation", "setpoint"])
@pytest.mark.parametrize("policy", ["self-consumption", "utility-only", "zero-intelligence"])
@pytest.mark.parametrize("uniform", [False, True])
def test_agents_that_obey_the_rule_give_the_run_of_self_consumption(
    five: Build, bidding: str, policy: str, uniform: bool
) -> None:
    """Whatever the scenario's policy: nobody asks it."""
    market = {"bidding": bidding}
    plain = turns(five(market=market))
    env = cosim.env(five(market=market, policies={"default": policy}), uniform=uniform)
    episode = obey(env)
    assert len(plain) == len(episode) == 24
    assert sum(len(turn.gate.electricity.clearing.trades) for turn in plain) > 10
    assert all(same(one, two) for one, (two, *_) in zip(plain, episode, strict=True))


def test_rewards_and_infos_are_those_of_the_period(five: Build) -> None:
    agents = ["homes-003", "homes-001"]
    env = cosim.env(five(policies={"default": "zero-intelligence"}), agents=agents)
    assert env.possible_agents == sorted(agents), "in the order of the community"
    total = 0.0
    for turn, rewards, infos in obey(env):
        for name in agents:
            row = int(name[-1])
            assert rewards[name] == turn.reward_eur[row]
            assert infos[name]["counterfactual_cost_eur"] == turn.shadow_bill.total_eur[row]
            assert infos[name]["cost_eur"] == turn.bill.total_eur[row]
            for column in ("net_kwh", "bought_kwh", "sold_kwh"):
                assert infos[name][column] == getattr(turn.dispatch.electricity, column)[row]
            total += infos[name]["bought_kwh"] + infos[name]["sold_kwh"]
    assert total > 0.0


def test_all_others_go_on_with_their_policies(five: Build) -> None:
    """Two labels: whoever has the other one decides, period for period, as it does in a run."""
    changes: dict[str, Any] = {
        "policies": {"default": "self-consumption", "other": "zero-intelligence"},
        "prosumers": {"homes-000": {"policy": "other"}, "homes-004": {"policy": "other"}},
    }
    env = cosim.env(five(**changes), label="default")
    assert env.possible_agents == NAMES[1:4]
    plain, episode = turns(five(**changes)), obey(env)
    assert all(same(one, two) for one, (two, *_) in zip(plain, episode, strict=True))
    margins = {turn.gate.action[0, 0] for turn, *_ in episode}
    assert len(margins) == 24, "drawn anew in every period"


@pytest.mark.parametrize("closure", [1, 5])
def test_with_a_gate_closure_rewards_add_up_to_the_saving(
    both_carriers: Callable[[int], Scenario], closure: int
) -> None:
    scenario = both_carriers(closure)
    assert scenario.horizon.periods == 24
    rule = scenario.model_copy(
        update={
            "policies": cosim.load_scenario(
                scenario.base / "mixed-energy.yaml", [("policies.default", {"kind": "self-consumption"})]
            ).policies
        }
    )
    plain = turns(rule)
    env = cosim.env(scenario)
    episode = obey(env)
    assert len(episode) == 24 - closure, "one step a decision"
    own = np.array([list(rewards.values()) for _, rewards, _ in episode])
    saved = np.array([turn.reward_eur for turn in plain])
    assert (own[:-1] == saved[: -closure - 1]).all()
    assert own[-1] == pytest.approx(saved[-closure - 1 :].sum(axis=0), abs=1e-12)
    costs = [sum(info["cost_eur"] for info in infos.values()) for *_, infos in episode]
    assert sum(costs) == pytest.approx(sum(float(turn.bill.total_eur.sum()) for turn in plain))
    assert np.abs(saved).sum() > 0.0


def test_an_agent_observes_its_own_fields_and_public_ones_alone(five: Build) -> None:
    """All others have other demand and batteries, and nothing of the first observation moves."""
    plain = five(horizon={"duration": "2 days"})
    other = plain.model_copy(
        update={
            "prosumers": {
                name: five(
                    prosumers={
                        name: {
                            "load": {"annual_energy_kwh": 9000, "profile": plain.groups[0].load.profile},
                            "devices": {"battery": {"capacity_kwh": 30, "initial_soc": 0.9}},
                        }
                    }
                ).prosumers[name]
                for name in NAMES[1:]
            }
        }
    )
    one, two = cosim.env(plain, uniform=True), cosim.env(other, uniform=True)
    mine, theirs = one.reset()[0], two.reset()[0]
    assert (mine[NAMES[0]] == theirs[NAMES[0]]).all()
    for name in NAMES[1:]:
        assert (mine[name] != theirs[name]).any(), "the others did change"
        assert (mine[name][-16:] == theirs[name][-16:]).all(), "what is public is the same for all"
    fields = {field.name for field in one.observation_fields(NAMES[0])}
    assert not any(other in field for field in fields for other in NAMES)


def test_the_scenarios_seed_gives_the_run_and_others_give_other_luck(five: Build) -> None:
    scenario = five(policies={"default": "zero-intelligence"}, seed=3)
    plain = turns(scenario)
    env = cosim.env(scenario, agents=["homes-002"])
    first, second = obey(env), obey(env)
    again = obey(env, seed=3)
    third = obey(env, seed=4)

    def quotes(episode: list[tuple[Turn, Any, Any]]) -> np.ndarray:
        return np.array([turn.gate.action[0, :2] for turn, *_ in episode])

    assert (quotes(first) == quotes(again)).all()
    assert (quotes(first) != quotes(second)).all() and (quotes(first) != quotes(third)).all()
    for (turn, *_), (other, *_), run in zip(first, second, plain, strict=True):
        assert (turn.shadow.electricity.net_kwh == other.shadow.electricity.net_kwh).all(), "the same people"
        assert (turn.shadow_bill.eur == run.shadow_bill.eur).all()
    assert (quotes(obey(env, seed=3)) == quotes(first)).all()
    assert (quotes(obey(env)) == quotes(second)).all(), "the row after a seed is the same, too"


def test_all_draw_as_in_a_run_where_nobody_is_an_agent_of_their_label(five: Build) -> None:
    changes: dict[str, Any] = {
        "policies": {"default": "self-consumption", "other": "zero-intelligence"},
        "prosumers": {name: {"policy": "other"} for name in NAMES[:2]},
    }
    run = turns(five(**changes, seed=8))
    episode = obey(cosim.env(five(**changes, seed=8), label="default"), seed=8)
    assert all((a.gate.action == b.gate.action).all() for a, (b, *_) in zip(run, episode, strict=True))


def test_random_starts_are_days_of_the_horizon_drawn_from_the_seed(five: Build) -> None:
    scenario = five(horizon={"duration": "4 days", "start": "2016-06-06 06:00"})
    episodes = Episodes(scenario, 1.0, random_start=True)
    drawn = [episodes.begin(seed) for seed in range(60)]
    starts = [episode.horizon.start for episode in drawn]
    assert {(start.day, start.hour) for start in starts} == {(day, 6) for day in (6, 7, 8, 9)}
    assert all(episode.horizon.periods == 24 for episode in drawn)
    assert [episodes.begin(seed).horizon.start for seed in range(60)] == starts
    assert len({episodes.begin().horizon.start for _ in range(40)}) == 4
    fixed = Episodes(scenario, 1.0, random_start=False)
    assert {fixed.begin(seed).horizon.start for seed in range(9)} == {scenario.horizon.start}


@pytest.mark.parametrize(("start", "days"), [("2016-03-26 02:30", 3), ("2016-10-29 00:00", 3)])
def test_episodes_around_a_clock_change_stay_within_the_horizon(five: Build, start: str, days: int) -> None:
    """02:30 of 27 March does not exist; the autumn's horizon is over an hour earlier by the clock."""
    scenario = five(
        horizon={"start": start, "zone": "Europe/Berlin", "duration": f"{days} days", "step_minutes": 30}
    )
    episodes = Episodes(scenario, 1.0, random_start=True)
    clocks = [episodes.begin(seed).horizon.clock() for seed in range(40)]
    whole = scenario.horizon.clock()
    assert len({clock.start for clock in clocks}) == (3 if "03" in start[5:7] else 2)
    assert all(clock.periods == 48 for clock in clocks)
    assert all(whole.utc[0] <= clock.utc[0] and clock.utc[-1] <= whole.utc[-1] for clock in clocks)


def test_a_day_drawn_is_that_day_of_the_scenario(five: Build) -> None:
    """The observed demand without flexibility is that of a run which starts on that day."""
    env = cosim.env(five(horizon={"duration": "3 days"}), days=1, random_start=True)
    seen = set()
    for seed in range(6):
        observations, _ = env.reset(seed=seed)
        start = env.simulation.scenario.horizon.start
        alone = cosim.env(five(horizon={"start": f"{start:%Y-%m-%d %H:%M}"}))
        assert all((alone.reset()[0][name] == observations[name]).all() for name in NAMES)
        seen.add(start)
    assert len(seen) > 1


def test_later_episodes_draw_their_seed_from_the_first(five: Build) -> None:
    episodes = Episodes(five(seed=7), None, random_start=False)
    row = [episodes.begin().seed for _ in range(3)]
    assert row == [7, *(int(Streams(7).generator("episode", k).integers(2**32)) for k in (1, 2))]
    assert [episodes.begin(np.int64(7)).seed, episodes.begin().seed] == row[:2]
