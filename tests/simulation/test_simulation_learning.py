"""What is kept of policies that learn: tables, weights, event files, and what happens when learning goes
wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosim.analysis.hourly import HourlyStatistics
from cosim.core.arrays import FloatArray
from cosim.errors import InputError, OutputError, PolicyError, ScenarioError
from cosim.policies.contract import Policy, PolicyInputs, Transition
from cosim.policies.learning.checkpoint import read
from cosim.policies.registry import REGISTRY
from cosim.report.learning import parts
from cosim.results.read import Run, load
from cosim.scenario.schema import Scenario
from cosim.simulation import Progress, Simulation, run

Five = Callable[..., Scenario]
DAYS = 3
LEARNER = {"kind": "mf-ppo", "parameters": {"hidden": 8, "epochs": 2}}


class Counting(Policy):
    """Learns every sixth period; says how often, and quotes its mean reward."""

    name = "counting"
    learns = True
    taken = 0

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        return inputs.rule_action

    def learn(self, transition: Transition) -> dict[str, float]:
        self.taken += 1
        reward = float(transition.reward.mean())
        return {} if self.taken % 6 else {"taken": float(self.taken), "reward_eur": reward}

    def finish(self) -> dict[str, float]:
        return {"taken": float(self.taken), "reward_eur": 0.0}

    def weights(self) -> dict[str, FloatArray]:
        return {"taken": np.array([float(self.taken)])}

    def load_weights(self, weights: Any) -> None:
        self.taken = int(weights["taken"][0])


class Breaks(Counting):
    """Raises in the tenth period."""

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        if self.taken == 9:
            raise KeyError("what it looked for")
        return super().act(inputs, explore)


class NoNumbers(Counting):
    """What it learns is no number."""

    def weights(self) -> dict[str, FloatArray]:
        return {"taken": np.array([np.nan if self.taken else 0.0])}


class NoNumbersAtOnce(Counting):
    """It starts from no number."""

    def weights(self) -> dict[str, FloatArray]:
        return {"taken": np.array([np.nan])}


class Forgets(Breaks):
    """Raises in the tenth period, and no longer knows what it learnt."""

    def weights(self) -> dict[str, FloatArray]:
        return {"taken": np.zeros(1)} if self.taken == 0 else {}["taken"]


OWN = (Counting, Breaks, NoNumbers, NoNumbersAtOnce, Forgets)


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {f"own:{each.__name__}": each for each in OWN}
    find = REGISTRY.load
    monkeypatch.setattr(REGISTRY, "load", lambda name: found.get(name) or find(name))


@pytest.fixture(scope="module")
def learnt(five: Five, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("learnt") / "out"
    horizon = {"duration": f"{DAYS} days"}
    outcome = run(five(policies={"default": LEARNER}, horizon=horizon, outputs={"tensorboard": True}), folder)
    return load(outcome.folder)


def test_each_metric_of_each_update_is_a_row(learnt: Run) -> None:
    table = learnt.learning
    assert set(table.policy) == {"default"} and set(table.community) == {"community"}
    updates = table[~table.metric.str.startswith("day.")]
    assert sorted(set(updates["update"])) == list(range(1, DAYS))  # the last day ends with the run
    assert sorted(set(updates.period)) == [24 * day - 1 for day in range(1, DAYS)]
    assert {"policy_loss", "value_loss", "entropy", "kl", "explained_variance"} <= set(updates.metric)
    assert not updates.duplicated(["update", "metric"]).any()
    assert np.isfinite(table.value).all()


def test_what_is_saved_by_day_is_what_bills_and_stores_say(learnt: Run) -> None:
    table = learnt.learning
    daily = table[table.metric == "day.saving_eur"]
    steps = learnt.steps
    saved = (steps.counterfactual_cost_eur - steps.cost_eur).to_numpy().reshape(DAYS, 24).sum(axis=1)
    ahead = (steps.stored_kwh - steps.counterfactual_stored_kwh).to_numpy().reshape(DAYS, 24)[:, -1]
    stored = 0.5 * (0.30 + 0.08) * np.diff(ahead, prepend=0.0)  # a kWh is worth the middle of the tariff
    assert daily.value.to_numpy() == pytest.approx((saved + stored) / 5, rel=1e-9)
    assert daily.period.tolist() == [23, 47, 71]
    assert learnt.summary["learning"]["default"]["daily_saving_eur"] == daily.value.tolist()


def test_actions_are_counted_by_hour(learnt: Run) -> None:
    table = learnt.actions
    assert sorted(set(table.period)) == [0, 24, 48]
    first = table[(table.period == 0) & (table.action == "bid_margin")]
    assert first.hour.tolist() == list(range(24)) and set(first.decisions) == {5}
    batteries = table[table.action == "battery.value"]
    assert set(batteries.decisions) == {2}  # 40 % of five
    assert table["mean"].abs().max() <= 1.0 and (batteries["std"] > 0.0).any()


def test_statistics_by_hour_are_those_of_the_numbers_themselves() -> None:
    rng = np.random.default_rng(0)
    hours = rng.integers(0, 3, 40)
    values, mask = 1e6 + rng.normal(size=(40, 7, 2)), rng.random((40, 7, 2)) < 0.6
    found = HourlyStatistics(2)
    for hour, own_values, own_mask in zip(hours, values, mask, strict=True):
        found.add(int(hour), own_values, own_mask)
    for hour in range(4):
        for column in range(2):
            chosen = values[hours == hour][..., column][mask[hours == hour][..., column]]
            assert found.count[hour, column] == len(chosen)
            if len(chosen):
                assert found.mean()[hour, column] == pytest.approx(chosen.mean(), rel=1e-12)
                assert found.std()[hour, column] == pytest.approx(chosen.std(), rel=1e-6)
            else:
                assert np.isnan(found.mean()[hour, column]) and np.isnan(found.std()[hour, column])


def test_the_report_draws_the_learning_curve(learnt: Run) -> None:
    figures = {identity: figure for identity, _, _, figure in parts(learnt)}
    table = learnt.learning
    assert set(figures) == {"learning", "updates"}
    (curve,) = figures["learning"]["data"]
    daily = table[table.metric == "day.saving_eur"]
    assert curve["y"] == pytest.approx(daily.value.tolist(), rel=1e-5)
    assert curve["x"] == ["2016-06-06 23:00", "2016-06-07 23:00", "2016-06-08 23:00"]
    drawn = figures["updates"]["data"]
    assert len(drawn) == 6 and len({trace["yaxis"] for trace in drawn}) == 6
    assert drawn[0]["y"] == pytest.approx(table[table.metric == "kl"].value.tolist(), rel=1e-5)


def test_event_files_have_the_same_curves(learnt: Run) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(learnt.path / "tensorboard"))
    events.Reload()
    table = learnt.learning
    for metric in ("kl", "day.saving_eur"):
        rows = table[table.metric == metric]
        points = events.Scalars(f"default/{metric}")
        assert [point.step for point in points] == rows.period.tolist()
        assert [point.value for point in points] == pytest.approx(rows.value.tolist(), rel=1e-6)
    mean = learnt.actions.query("action == 'bid_margin' and hour == 7")["mean"].tolist()
    shown = [point.value for point in events.Scalars("default bid_margin mean/07 h")]
    assert shown == pytest.approx(mean, rel=1e-6)


def test_event_files_without_tensorboard_name_the_command(
    five: Five, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cosim.policies.learning.events.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"outputs.tensorboard: .*pip install 'cosim\[tensorboard\]'"):
        run(five(policies={"default": LEARNER}, outputs={"tensorboard": True}), folder)
    assert not folder.exists()


def test_where_nobody_learns_there_is_nothing_of_it(five: Five, folder: Path) -> None:
    found = load(run(five(horizon={"duration": "2 hours"}), folder).folder)
    assert not found.has("learning") and not (folder / "checkpoints").exists()
    assert "learning" not in found.summary
    with pytest.raises(OutputError, match="no policy of it learns"):
        _ = found.learning


def test_same_seed_same_learning(five: Five, learnt: Run, folder: Path) -> None:
    again = load(
        run(five(policies={"default": LEARNER}, horizon={"duration": f"{DAYS} days"}), folder).folder
    )
    for table in ("learning", "actions"):
        assert again.table(table).equals(learnt.table(table))
        assert (folder / f"{table}.parquet").read_bytes() == (learnt.path / f"{table}.parquet").read_bytes()
    file = Path("checkpoints") / "default.pt"
    assert (folder / file).read_bytes() == (learnt.path / file).read_bytes()
    other = run(
        five(policies={"default": LEARNER}, horizon={"duration": f"{DAYS} days"}, seed=2), folder.parent / "2"
    )
    assert (other.folder / file).read_bytes() != (learnt.path / file).read_bytes()


def test_state_that_is_kept_goes_on_as_if_nothing_had_happened(five: Five) -> None:
    def learner(simulation: Simulation) -> Policy:
        return simulation.communities[0].deciders.groups[0].policy

    scenario = five(policies={"default": LEARNER}, horizon={"duration": "3 days"})
    whole, parted = Simulation(scenario), Simulation(scenario)
    for period in range(72):
        if period == 30:  # in the middle of a day: decisions stand, and others wait for their reward
            state = learner(parted).state_dict()
            fresh = Simulation(scenario)
            learner(fresh).load_state_dict(state)
            parted.communities[0].deciders.groups = tuple(
                type(group)(
                    **{name: getattr(group, name) for name in group.__slots__} | {"policy": learner(fresh)}
                )
                for group in parted.communities[0].deciders.groups
            )
        whole.step()
        parted.step()
        one, other = (each.communities[0].gate for each in (whole, parted))
        assert one is not None and other is not None
        np.testing.assert_array_equal(one.action, other.action)
    weights = learner(parted).weights()
    for name, part in learner(whole).weights().items():
        np.testing.assert_array_equal(part, weights[name])


@pytest.mark.usefixtures("own")
def test_updates_of_a_plug_in_are_kept_with_those_at_the_end(five: Five, folder: Path) -> None:
    seen: list[Progress] = []
    found = load(run(five(policies={"default": "own:Counting"}), folder, progress=seen.append).folder)
    taken = found.learning[found.learning.metric == "taken"]
    assert taken.value.tolist() == [6.0, 12.0, 18.0, 23.0] and taken["update"].tolist() == [1, 2, 3, 4]
    assert taken.period.tolist() == [5, 11, 17, 23]
    assert read(folder / "checkpoints" / "default.pt").weights["taken"] == [23.0]
    assert seen[4].learning == "" and seen[8].learning == "counting: day 1"
    saving = found.summary["learning"]["default"]["daily_saving_eur"][0]
    assert seen[-1].learning == f"counting: day 2, saving {saving:.2f} EUR/day a prosumer"


@pytest.mark.usefixtures("own")
def test_a_learner_that_raises_leaves_what_it_learnt(five: Five, folder: Path) -> None:
    message = (
        r"period 9: policy 'counting' of 'default' raised KeyError: .*learnt until then is in .*default\.pt"
    )
    with pytest.raises(PolicyError, match=message):
        run(five(policies={"default": "own:Breaks"}), folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["status"] == "failed" and "default.pt" in manifest["message"]
    assert read(folder / "checkpoints" / "default.pt").weights["taken"] == [9.0]
    part = load(folder, partial=True)
    assert len(part.steps) == 9 and part.learning.value.tolist()[0] == 6.0
    assert part.actions.hour.max() == 8


def test_an_interrupted_run_leaves_what_was_learnt(five: Five, folder: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.done == 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(five(policies={"default": LEARNER}, horizon={"duration": "2 days"}), folder, progress=stop)
    assert json.loads((folder / "manifest.json").read_text())["status"] == "interrupted"
    assert set(load(folder, partial=True).learning["update"]) == {0, 1}
    assert read(folder / "checkpoints" / "default.pt").policy == "mf-ppo"


@pytest.mark.usefixtures("own")
def test_weights_that_are_no_numbers_cost_neither_tables_nor_those_of_others(
    five: Five, folder: Path
) -> None:
    homes = five().model_dump(mode="json")["groups"][0]
    groups = [homes | {"count": 3}, homes | {"name": "others", "count": 2, "policy": "second"}]
    scenario = five(
        groups=groups,
        policies={"default": "own:NoNumbers", "second": "own:Counting"},
        horizon={"duration": "2 hours"},
    )
    why = "policy 'counting' of 'default', asked for its weights, returned 'taken' with numbers that are not"
    with pytest.raises(PolicyError, match=f"^{why} finite; all else of the run is whole, in {folder}$"):
        run(scenario, folder)
    found = load(folder)
    assert found.complete and len(found.steps) == 2 and len(found.actions)
    assert [each.name for each in (folder / "checkpoints").iterdir()] == ["second.pt"]
    learning = found.summary["learning"]
    assert learning["default"]["checkpoint"] is None
    assert learning["second"]["checkpoint"] == "checkpoints/second.pt"
    assert found.manifest["notes"] == [f"{why} finite"]


@pytest.mark.usefixtures("own")
def test_weights_that_are_no_numbers_before_the_first_period_begin_no_run(five: Five, folder: Path) -> None:
    with pytest.raises(
        ScenarioError, match=r"^policies\.default\.kind: policy 'own:NoNumbersAtOnce', asked for"
    ):
        run(five(policies={"default": "own:NoNumbersAtOnce"}), folder)
    assert not folder.exists()


@pytest.mark.usefixtures("own")
def test_a_learner_that_raises_twice_is_told_with_both(five: Five, folder: Path) -> None:
    line = Breaks.act.__code__.co_firstlineno + 2
    second = Forgets.weights.__code__.co_firstlineno + 1
    with pytest.raises(PolicyError) as caught:
        run(five(policies={"default": "own:Forgets"}), folder)
    assert str(caught.value) == (
        "period 9: policy 'counting' of 'default' raised KeyError: 'what it looked for' "
        f"(at {__file__}:{line}); policy 'counting' of 'default', asked for its weights, raised KeyError: "
        f"'taken' (at {__file__}:{second})"
    )
    assert len(load(folder, partial=True).steps) == 9


def full(*_: Any) -> list[Path]:
    raise OutputError("the disk is full")


@pytest.mark.usefixtures("own")
def test_a_disk_that_takes_no_weights_leaves_a_complete_run(
    five: Five, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cosim.simulation.learning.write_weights", full)
    message = "^the weights of policy 'counting' of 'default' could not be kept: the disk is full; all else"
    with pytest.raises(OutputError, match=message):
        run(five(policies={"default": "own:Counting"}, horizon={"duration": "2 hours"}), folder)
    assert load(folder).complete


@pytest.mark.usefixtures("own")
def test_a_disk_that_takes_no_tables_leaves_what_was_learnt(
    five: Five, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cosim.results.recorder.Recorder.close", full)
    with pytest.raises(OutputError, match=r"^the disk is full$"):
        run(five(policies={"default": "own:Counting"}, horizon={"duration": "2 hours"}), folder)
    assert read(folder / "checkpoints" / "default.pt").weights["taken"] == [1.0]
    assert len(load(folder, partial=True).steps) == 2


def test_a_learner_that_diverges_stops_the_run_with_good_weights(five: Five, folder: Path) -> None:
    wild = {
        "kind": "mf-ppo",
        "parameters": {**LEARNER["parameters"], "learning_rate": 1e9, "decide_hours": 12},
    }
    with pytest.raises(
        PolicyError, match=r"period 23: policy 'mf-ppo' of 'default', learning, diverged: actor\."
    ):
        run(five(policies={"default": wild}, horizon={"duration": "2 days"}), folder)
    kept = read(folder / "checkpoints" / "default.pt")
    fresh = Simulation(five(policies={"default": wild})).communities[0].deciders.groups[0].policy.weights()
    assert set(kept.weights) == set(fresh)
    for name, part in fresh.items():  # it was the first update: those before it are those that it began with
        np.testing.assert_array_equal(kept.weights[name], part)
    assert len(load(folder, partial=True).steps) == 24


def test_a_learner_that_diverges_falls_back_to_its_rule_if_told_to(five: Five, folder: Path) -> None:
    wild = {**LEARNER["parameters"], "learning_rate": 1e9, "diverged": "rule", "start": "self-consumption"}
    wild["decide_hours"] = 12
    horizon = {"duration": "2 days"}
    found = load(
        run(
            five(policies={"default": {"kind": "mf-ppo", "parameters": wild}}, horizon=horizon), folder
        ).folder
    )
    rule = load(run(five(horizon=horizon), folder.parent / "rule").folder)
    note = "policy 'mf-ppo' of 'default' diverged in period 23"
    assert found.manifest["notes"][0].startswith(note)
    assert found.summary["run"]["notes"][0].startswith(note)
    assert found.summary["learning"]["default"]["fallen_back_in_period"] == 23
    later = found.actions[(found.actions.period == 24) & (found.actions.hour > 0)]
    assert later["std"].max() < 1.0 and len(later)
    margins = later[later.action.isin(["bid_margin", "ask_margin"])]
    assert (margins["mean"] == -1.0).all() and (margins["std"] == 0.0).all()
    assert rule.manifest["notes"] == []
