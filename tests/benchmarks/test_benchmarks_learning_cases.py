"""What `cosim bench learning` declares: every policy takes part, in every way of sharing that it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from cosim.benchmarks.learning import cases, quality
from cosim.benchmarks.learning.cases import ABLATIONS, FULL, HEATED, QUICK, SHARING
from cosim.core.config import Config, setting
from cosim.policies import registry
from cosim.policies.contract import Policy


class _Config(Config):
    """Of a learner that pools data, or does not; that has a mean action."""

    sharing: str = setting("group", about="s", pattern="none|group")
    mean_action: str = setting("public", about="m", pattern="public|true|none")
    mean_field: str = setting("public", about="f", pattern="public|none")


class _Learner(Policy):
    """A class to declare parameters by."""

    learns = True
    Config = _Config


@pytest.fixture
def learner(monkeypatch: pytest.MonkeyPatch) -> str:
    find = registry.load
    monkeypatch.setattr(registry, "load", lambda name: _Learner if name == "own:Learner" else find(name))
    return "own:Learner"


def test_all_learners_of_the_registry_and_all_rules_take_part() -> None:
    kinds = {one.kind for one in cases.contenders(FULL)}
    assert kinds == set(registry.names())
    assert set(cases.learners()) == {name for name in registry.names() if registry.load(name).learns}
    assert "mf-ppo" in cases.learners() and "zip" not in cases.learners()
    modes = {one.bidding for one in cases.contenders(FULL)}
    assert modes == {"reservation", "setpoint"}


def test_every_contender_has_a_name_of_its_own() -> None:
    stems = [one.stem for one in cases.contenders(FULL)]
    stems += [one.stem for one in cases.ablation_contenders(FULL)]
    plain = [cases.variants(kind)[0].contender().stem for kind in cases.ABLATED]
    assert len(stems) - len(plain) == len(set(stems))  # an ablation starts from a contender that is there


def test_zip_gets_rounds_and_others_do_not() -> None:
    assert {one.rounds for one in cases.contenders(FULL) if one.kind == "zip"} == {cases.ROUNDS}
    assert {one.rounds for one in cases.contenders(FULL) if one.kind != "zip"} == {None}


def test_the_mean_field_is_taken_from_those_that_have_one() -> None:
    found = {one.kind for one in cases.ablation_contenders(FULL)}
    assert found == set(FULL.ablated_kinds) == set(cases.ABLATED) and found < set(cases.learners())
    assert all(name.startswith("mf-") for name in found)


def test_mf_ppo_is_ablated_as_declared() -> None:
    found = {one.label: one.parameters for one in cases.ablated("mf-ppo", ABLATIONS)}
    assert found == {
        "federated": {"sharing": "federated"},
        "federated; no mean field": {"sharing": "federated", "mean_field": "none"},
        "federated; shuffled mean field": {"sharing": "federated", "mean_field": "shuffled"},
        "federated; private data pooled": {"sharing": "group"},
    }


def test_maddpg_takes_part_alone_and_with_networks_that_all_share() -> None:
    """It knows everybody's data in any case."""
    assert [one.name for one in cases.variants("maddpg")] == ["maddpg, none", "maddpg, group"]
    assert [one.name for one in cases.variants("mf-td3")] == ["mf-td3, federated", "mf-td3, none"]


def test_a_learner_takes_part_in_the_ways_that_it_has(learner: str) -> None:
    assert [one.name for one in cases.variants(learner)] == ["own:Learner, none"]
    found = {one.label: one.parameters for one in cases.ablated(learner, ABLATIONS)}
    assert found == {
        "none": {"sharing": "none"},
        "none; no mean field": {"sharing": "none", "mean_field": "none", "mean_action": "none"},
        "none; private data pooled": {"sharing": "group"},
        "none; true mean action, not private": {"sharing": "none", "mean_action": "true"},
    }
    assert SHARING == ("federated", "none")


@pytest.mark.parametrize(
    ("size", "counts"),
    [(10, [4, 2, 4]), (30, [12, 5, 13]), (100, [40, 18, 42]), (300, [120, 54, 126]), (1000, [400, 180, 420])],
)
def test_the_reference_case_is_scaled_in_proportion(size: int, counts: list[int]) -> None:
    scenario = cases.scaled(size)
    assert [group.count for group in scenario.groups] == counts
    assert scenario.name == f"reference-{size}"


def test_the_case_with_heat_is_compared_in_one_bidding_mode() -> None:
    modes = {
        name: {one.bidding for one in part.study.contenders}
        for name, part in zip(FULL.cases, quality.reference_parts(FULL, Path()), strict=True)
    }
    assert modes == {"reference-100": {"reservation", "setpoint"}, "reference-100-mes": {"reservation"}}


def test_the_case_with_heat_also_shows_what_expecting_prices_is_good_for() -> None:
    plain = {one.name for one in cases.contenders(FULL) if one.bidding == "reservation"}
    heated = {one.name: one.parameters for one in cases.contenders(FULL, HEATED)}
    assert set(heated) - plain == {
        "mf-ppo, federated; prices as last seen",
        "mf-ppo, federated; expectation alone",
    }
    assert heated["mf-ppo, federated; prices as last seen"]["expects"] == "last"


def test_the_case_without_heat_also_shows_the_default_learner_with_prudence() -> None:
    """Where it can have it, and once: it is the same unit of work as among the others with prudence."""
    prudent = [one for one in cases.contenders(FULL) if "prudence" in one.parameters]
    assert [(one.name, one.bidding) for one in prudent] == [("mf-ppo, federated; prudence 5", "reservation")]
    assert prudent[0] in cases.prudent_contenders(FULL)


def test_quick_is_a_small_part_of_it() -> None:
    assert (QUICK.seeds, len(QUICK.biddings), QUICK.cases) == (1, 1, ("reference-100",))
    assert {one.kind for one in cases.contenders(QUICK)} <= {one.kind for one in cases.contenders(FULL)}
    assert max(QUICK.sizes) <= 100
