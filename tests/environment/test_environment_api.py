"""The environment keeps PettingZoo's contract and ours: its tests, spaces, names, ends, errors."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pettingzoo.test import parallel_api_test, parallel_seed_test

import cosim
from cosim.core.mean_field import mean_field_fields
from cosim.environment.parallel import CommunityEnv
from cosim.errors import InputError, PolicyError, RunError, UnknownNameError
from cosim.scenario.schema import Scenario

Build = Callable[..., Scenario]
PUBLIC = len(mean_field_fields())
NAMES = [f"homes-{number:03}" for number in range(5)]


def rules(infos: dict[str, dict[str, Any]]) -> dict[str, np.ndarray]:
    """What self-consumption would do."""
    return {name: info["rule_action"] for name, info in infos.items()}


@pytest.mark.parametrize("uniform", [False, True])
@pytest.mark.parametrize("cycles", [5, 30])
def test_it_passes_the_parallel_api_test(five: Build, uniform: bool, cycles: int) -> None:
    parallel_api_test(cosim.env(five(), uniform=uniform), num_cycles=cycles)


def test_it_passes_the_parallel_api_test_with_heat(both_carriers: Callable[[int], Scenario]) -> None:
    parallel_api_test(cosim.env(both_carriers(2)), num_cycles=30)


@pytest.mark.parametrize("options", [{}, {"days": 0.5, "random_start": True}])
def test_it_passes_the_parallel_seed_test(five: Build, options: dict[str, Any]) -> None:
    scenario = five(policies={"default": "zero-intelligence"}, horizon={"duration": "2 days"})
    parallel_seed_test(lambda: cosim.env(scenario, agents=NAMES[:2], **options), num_cycles=12)


def test_agents_have_the_fields_that_they_own(five: Build) -> None:
    env = cosim.env(five())
    assert env.possible_agents == NAMES and env.agents == []
    observations, infos = env.reset()
    assert env.agents == NAMES and list(observations) == NAMES and list(infos) == NAMES
    devices = {agent.name: agent.devices for agent in env.simulation.agents if hasattr(agent, "devices")}
    owners = 0
    for name in NAMES:
        seen = [field.name for field in env.observation_fields(name)]
        done = [field.name for field in env.action_fields(name)]
        for kind in ("battery", "ev"):
            owners += kind in devices[name]
            assert (f"{kind}.soc" in seen) == (f"{kind}.value" in done) == (kind in devices[name])
        assert done[:2] == ["bid_margin", "ask_margin"]
        assert seen[-PUBLIC:][0] == "last_price", "public fields come last"
        assert env.observation_space(name).shape == observations[name].shape == (len(seen),)
        assert env.action_space(name).shape == (len(done),)
        assert (env.action_space(name).low == -1.0).all() and (env.action_space(name).high == 1.0).all()
        bounds = {field.name: (field.low, field.high) for field in env.observation_fields(name)}
        assert bounds["hour_sin"] == (-1.0, 1.0) and bounds["retail_price"] == (-np.inf, np.inf)
    assert 0 < owners < 10


def test_uniform_agents_have_the_fields_of_all(five: Build) -> None:
    own, same = cosim.env(five()), cosim.env(five(), uniform=True)
    mine, all_alike = own.reset()[0], same.reset()[0]
    assert len({space.shape for space in own.observation_spaces.values()}) > 1
    assert len({space.shape for space in same.observation_spaces.values()}) == 1
    assert len({space.shape for space in same.action_spaces.values()}) == 1
    for name in NAMES:
        names = [field.name for field in own.observation_fields(name)]
        wide = dict(
            zip([field.name for field in same.observation_fields(name)], all_alike[name], strict=True)
        )
        assert [wide.pop(field) for field in names] == mine[name].tolist()
        assert all(value == 0.0 for value in wide.values()), "zero where it lacks the device"


def test_observations_stay_within_their_space(both_carriers: Callable[[int], Scenario]) -> None:
    env = cosim.env(both_carriers(0))
    observations, infos = env.reset()
    while env.agents:
        for name, seen in observations.items():
            assert seen.dtype == np.float32 and env.observation_space(name).contains(seen)
        state = env.state()
        assert env.state_space.contains(state)
        observations, *_, infos = env.step(rules(infos))


def test_the_state_holds_what_all_know(five: Build) -> None:
    env = cosim.env(five(), uniform=True)
    observations, _ = env.reset()
    own = len(observations[NAMES[0]]) - PUBLIC
    rows = env.state()[:-PUBLIC].reshape(5, own)
    for row, name in zip(rows, NAMES, strict=True):
        assert (row == observations[name][:own]).all()
        assert (env.state()[-PUBLIC:] == observations[name][own:]).all()


def test_an_episode_ends_with_its_horizon(five: Build) -> None:
    env = cosim.env(five(), days=0.25)
    observations, infos = env.reset()
    for number in range(6):
        before = observations
        observations, rewards, terminated, truncated, infos = env.step(rules(infos))
        assert terminated == dict.fromkeys(NAMES, False)
        assert truncated == dict.fromkeys(NAMES, number == 5)
        assert list(rewards) == NAMES
    assert env.agents == []
    assert all((observations[name] == before[name]).all() for name in NAMES)
    with pytest.raises(RunError, match=r"call reset\(\) first"):
        env.step(rules(infos))


def test_nothing_is_stepped_before_reset(five: Build) -> None:
    env = cosim.env(five())
    with pytest.raises(RunError, match=r"call reset\(\) first"):
        env.step({})
    with pytest.raises(RunError, match=r"call reset\(\) first"):
        env.state()


def test_a_closed_environment_can_be_reset(five: Build) -> None:
    env = cosim.env(five())
    env.reset()
    env.close()
    env.close()
    assert env.simulation is None and env.agents == [] and env.render() is None
    assert env.reset()[0].keys() == set(NAMES)


def test_an_episode_that_is_over_is_freed(five: Build) -> None:
    env = cosim.env(five())
    env.reset()
    first = weakref.ref(env.simulation.communities[0])
    env.reset()
    gc.collect()
    assert first() is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"homes-01": [0.0]}, "period 0: there is no agent 'homes-01' (did you mean 'homes-001'?)"),
        ({"homes-001": None}, "period 0: agent 'homes-001': the action has shape (), not (4,) (bid_margin"),
        ({"homes-001": "much"}, "period 0: agent 'homes-001': the action 'much' is no array of numbers"),
        (
            {"homes-001": [0.0] * 3},
            "agent 'homes-001': the action has shape (3,), not (4,) (bid_margin, ask_",
        ),
        (
            {"homes-001": [0, np.nan, 0, 2]},
            "agent 'homes-001': ask_margin = nan, which is not a finite number",
        ),
        ({"homes-001": [0, -1.01, 0, 0]}, "agent 'homes-001': ask_margin = -1.01, which is outside [-1, 1]"),
    ],
)
def test_actions_that_cannot_be(five: Build, change: dict[str, Any], message: str) -> None:
    env = cosim.env(five())
    _, infos = env.reset()
    good = rules(infos)
    assert len(good["homes-001"]) == 4
    with pytest.raises(PolicyError) as caught:
        env.step(good | change)
    assert message in str(caught.value)
    assert env.simulation.index == 0, "nothing has happened"
    env.step(good)
    assert env.simulation.index == 1


def test_a_period_that_fails_ends_the_episode(five: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    env = cosim.env(five())
    _, infos = env.reset()
    with monkeypatch.context() as patched:

        def fails(self: object) -> None:
            raise RunError("the market is closed")

        patched.setattr(type(env.simulation.communities[0]), "trade", fails)
        with pytest.raises(RunError, match="the market is closed"):
            env.step(rules(infos))
    with pytest.raises(RunError, match=r"call reset\(\) first"):
        env.step(rules(infos))
    assert env.reset()[0].keys() == set(NAMES)


def test_an_agent_without_an_action(five: Build) -> None:
    env = cosim.env(five())
    _, infos = env.reset()
    actions = rules(infos)
    del actions["homes-002"], actions["homes-004"]
    with pytest.raises(PolicyError, match=r"no action for agent 'homes-002' \(2 of 5 agents have none"):
        env.step(actions)


def test_rounding_beyond_the_bounds_is_cut_off(five: Build) -> None:
    env = cosim.env(five())
    _, infos = env.reset()
    env.step({name: np.full_like(rule, 1.0 + 5e-7) for name, rule in rules(infos).items()})
    assert env.turn.gate.action.max() == 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": "defualt"}, "no prosumer has the policy label 'defualt' (did you mean 'default'?)"),
        ({"agents": ["homes-07"]}, "there is no prosumer 'homes-07' (did you mean 'homes-00"),
        ({"agents": "homes-001"}, "agents='homes-001' is one text (write agents=['homes-001'])"),
        ({"agents": []}, "no agents are chosen"),
        ({"agents": ["homes-001"], "label": "default"}, "by label or by name (leave one of the two out)"),
        ({"days": 2}, "an episode of 2 days does not fit into 1 day (load the scenario with more days"),
        ({"days": 0}, "an episode of 0 days does not fit"),
        ({"days": 0.3}, "an episode of 0.3 days is no whole number of periods (a period has 60 minutes)"),
        ({"random_start": True}, "episodes of 1 day can begin on one day alone (with random_start, write"),
    ],
)
def test_environments_that_cannot_be(five: Build, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        cosim.env(five(), **options)
    assert message in str(caught.value)


def test_unknown_names_are_all_reported(five: Build) -> None:
    with pytest.raises(UnknownNameError) as caught:
        cosim.env(five(), agents=["homes-007", "homes-001", "nobody"])
    assert [problem.message for problem in caught.value.problems] == [
        "there is no prosumer 'homes-007'",
        "there is no prosumer 'nobody'",
    ]


def test_an_episode_within_the_gate_closure_has_nothing_to_decide(five: Build) -> None:
    with pytest.raises(
        InputError, match=r"an episode of 3 periods has nothing to decide \(the gate closes 3"
    ):
        cosim.env(five(market={"gate_closure": 3}), days=0.125)


@pytest.mark.parametrize("seed", [-1, 2**32, 0.5, "one"])
def test_seeds_that_cannot_be(five: Build, seed: Any) -> None:
    with pytest.raises(InputError, match="is no seed"):
        cosim.env(five()).reset(seed=seed)


def test_without_pettingzoo_the_command_is_named(five: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pettingzoo", None)
    with pytest.raises(InputError, match=r"needs pettingzoo \(install with: pip install 'cosim\[rl\]'\)"):
        cosim.env(five())


def test_it_is_what_pettingzoo_calls_parallel(five: Build) -> None:
    from pettingzoo import ParallelEnv

    env = cosim.env(five())
    assert isinstance(env, ParallelEnv) and isinstance(env, CommunityEnv)
    assert env.metadata["name"] == "cosim_v0" and env.render_mode is None
    assert env.max_num_agents == 5 and env.num_agents == 0
