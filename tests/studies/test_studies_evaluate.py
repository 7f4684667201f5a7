"""Whole studies: what they find, that they go on where they were stopped, and that nothing depends on how the
work is spread."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosim.errors import InputError, OutputError
from cosim.policies.learning.checkpoint import read
from cosim.studies.contenders import Contender
from cosim.studies.evaluate import evaluate
from cosim.studies.measured import Key
from cosim.studies.measures import interval
from cosim.studies.store import Store
from cosim.studies.study import Study
from cosim.studies.summary import Summary, content, summarise, write_results
from cosim.studies.tables import notes
from cosim.studies.units import Result, Unit, units_of
from cosim.studies.windows import Window

pytestmark = pytest.mark.usefixtures("learners")


def results(folder: Path) -> dict[str, Any]:
    """What units found, but for the seconds that it took."""
    found = {}
    for file in sorted((folder / "units").glob("*.json")):
        found[file.stem] = json.loads(file.read_text())["result"]
        for episode in (*found[file.stem].get("weeks", ()), *found[file.stem].get("training", ())):
            if isinstance(episode, dict):
                del episode["seconds"]
        if isinstance(found[file.stem].get("training"), dict):
            del found[file.stem]["training"]["seconds"]
    return found


def times(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mtime_ns for file in (folder / "units").glob("*.json")}


def mean(summary: Summary, number: int, *key: str) -> float:
    row = summary.row(summary.study.contenders[number], Key(*key))
    assert row is not None
    return row.over_seeds.mean


def test_the_utility_alone_captures_nothing_and_others_something(
    study: Callable[..., Study], tmp_path: Path
) -> None:
    found = study("utility-only,self-consumption,zero-intelligence")
    evaluate(found, tmp_path)
    summary = summarise(found, tmp_path)
    assert mean(summary, 0, "share_captured", "stochastic") == pytest.approx(0.0, abs=1e-9)
    assert mean(summary, 0, "p2p_kwh_per_day", "stochastic") == 0.0
    assert np.isnan(mean(summary, 0, "gini_of_savings", "stochastic"))
    shares = [mean(summary, number, "share_captured", "stochastic") for number in (1, 2)]
    assert 0.0 < shares[1] < shares[0] <= 1.0 + 1e-9
    assert mean(summary, 1, "p2p_kwh_per_day", "stochastic") > 0.0
    # No learner, no rule in training; and a rule is judged once a window.
    assert not [unit for unit in units_of(found) if unit.kind == "rule"]
    assert summary.row(found.contenders[0], Key("share_captured", "deterministic")) is None


def test_what_each_could_gain_without_trade_is_told(study: Callable[..., Study], tmp_path: Path) -> None:
    """Against the policy that does so: who does not trade at all captures no more."""
    found = study("utility-only", seeds=2)
    evaluate(found, tmp_path)
    summary = summarise(found, tmp_path)
    optima = [
        json.loads((tmp_path / "units" / f"optimum.{window.stem}_{seed}.json").read_text())["result"]
        for seed in found.seeds
        for window in found.windows.tests
    ]
    gained = [
        sum(one["greedy_eur"] - one["alone_eur"] for one in own)
        / sum(one["greedy_eur"] - one["optimum_eur"] for one in own)
        for own in (optima[:2], optima[2:])
    ]
    assert summary.alone is not None
    expected = interval(gained)
    assert (summary.alone.mean, summary.alone.low) == pytest.approx((expected.mean, expected.low))
    assert all(0.0 < share < 1.0 for share in gained)
    (said,) = [text for text in notes(summary) if "by itself in hindsight, without trade" in text]
    assert f"captures {np.mean(gained):.3f} [" in said
    assert content(summary)["share_captured_alone"]["mean"] == pytest.approx(np.mean(gained))


def test_a_learner_is_judged_both_ways_and_its_learning_is_priced(
    study: Callable[..., Study], tmp_path: Path
) -> None:
    found = study("self-consumption,own:Climber", passes=2)
    evaluate(found, tmp_path)
    summary = summarise(found, tmp_path)
    # Who pays whom differs, whether or not what is done does.
    modes = [mean(summary, 1, "gini_of_savings", mode) for mode in ("stochastic", "deterministic")]
    assert modes[0] != modes[1]
    # A rule does the same in either mode: both of the learner's are compared with what it did.
    for mode in ("stochastic", "deterministic"):
        row = summary.row(found.contenders[1], Key("share_captured", mode))
        assert row is not None and row.difference is not None
        rule = mean(summary, 0, "share_captured", "stochastic")
        assert row.difference.mean == pytest.approx(row.over_seeds.mean - rule)
    # One day of training: the first days and the worst day are of it, by hand from the units.
    units = results(tmp_path)
    alone = units["rule.self-consumption_reservation_1"]["training"]["daily_eur"]
    daily = [one["daily_eur"] for one in units["own-Climber_reservation_1"]["training"]]
    assert [len(days) for days in (alone, *daily)] == [1, 1, 1]
    assert mean(summary, 1, "first_days_eur") == pytest.approx(daily[0][0] - alone[0])
    percent = 100.0 * (daily[0][0] - alone[0]) / abs(alone[0])
    assert mean(summary, 1, "first_days_percent") == pytest.approx(percent)
    assert mean(summary, 1, "worst_day_eur") == pytest.approx(max(daily)[0] - alone[0])
    dear = [day for days in daily for day in days if day - alone[0] > 0.05 * abs(alone[0])]
    assert mean(summary, 1, "dear_days") == len(dear)
    assert mean(summary, 1, "learn_s_per_day") > 0.0
    curve = summary.curves["own-Climber_reservation"][1]
    assert curve[:, 0].tolist() == pytest.approx([days[0] - alone[0] for days in daily])
    assert summary.curves["self-consumption_reservation"][1].shape == (0, 0)
    kept = read(tmp_path / "weights" / "own-Climber_reservation_1" / "community-default.pt")
    assert kept.policy == "climber" and set(kept.weights) == {"shift"}


def test_learning_is_measured_against_the_rule_that_is_named(
    study: Callable[..., Study], tmp_path: Path
) -> None:
    plain = study("own:Climber")
    evaluate(plain, tmp_path)
    first = mean(summarise(plain, tmp_path), 0, "first_days_eur")
    (climber,) = plain.contenders
    other = replace(plain, rules={climber.stem: Contender("alone", "utility-only", tune=False)})
    assert [news.unit.name for news in evaluate(other, tmp_path) if news.state == "done"] == [
        "rule.alone_reservation_1"
    ]
    units = results(tmp_path)
    rules = [
        units[f"rule.{name}_reservation_1"]["training"]["cost_eur"] for name in ("self-consumption", "alone")
    ]
    second = mean(summarise(other, tmp_path), 0, "first_days_eur")
    assert second - first == pytest.approx(rules[0] - rules[1])
    assert second < first


def test_differences_are_paired_by_seed(study: Callable[..., Study], tmp_path: Path) -> None:
    found = study("utility-only,self-consumption", seeds=3)
    evaluate(found, tmp_path)
    summary = summarise(found, tmp_path, "utility-only")
    key = Key("cost_eur_per_day", "stochastic")
    row = summary.row(found.contenders[1], key)
    assert row is not None and row.difference is not None
    units = results(tmp_path)
    costs = {
        name: [
            sum(week["cost_eur"] for week in units[f"{name}_reservation_{seed}"]["weeks"]) / 0.375
            for seed in (1, 2, 3)
        ]
        for name in ("utility-only", "self-consumption")
    }
    differences = np.subtract(costs["self-consumption"], costs["utility-only"])
    assert row.difference.mean == pytest.approx(differences.mean())
    half = 4.30265273 * differences.std(ddof=1) / np.sqrt(3)  # t(0.975, 2)
    assert row.difference.high - row.difference.mean == pytest.approx(half)
    assert summary.row(found.contenders[0], key).difference is None  # type: ignore[union-attr]
    files = write_results(summary, tmp_path)
    assert [file.name for file in files] == ["results.csv", "results.json"]
    assert json.loads(files[1].read_text())["against"] == "utility-only"
    with pytest.raises(InputError, match="--against: there is no policy 'self'"):
        summarise(found, tmp_path, "self")


def test_a_study_goes_on_where_it_was_stopped(study: Callable[..., Study], tmp_path: Path) -> None:
    found = study("self-consumption,own:Climber")
    evaluate(found, tmp_path)
    before, units = times(tmp_path), results(tmp_path)
    assert {news.state for news in evaluate(found, tmp_path)} == {"kept"}
    assert times(tmp_path) == before
    (tmp_path / "units" / "own-Climber_reservation_1.json").unlink()
    with pytest.raises(OutputError, match=r"own-Climber_reservation_1\.json cannot be read"):
        summarise(found, tmp_path)
    partial = summarise(found, tmp_path, missing=True)
    assert {row.policy for row in partial.rows} == {"self-consumption"}
    states = {news.unit.name: news.state for news in evaluate(found, tmp_path)}
    assert [name for name, state in states.items() if state == "done"] == ["own-Climber_reservation_1"]
    after = times(tmp_path)
    assert {name for name in before if after[name] != before[name]} == {"own-Climber_reservation_1.json"}
    assert results(tmp_path) == units


def test_a_study_can_grow(study: Callable[..., Study], tmp_path: Path) -> None:
    evaluate(study("self-consumption"), tmp_path)
    before = times(tmp_path)
    evaluate(study("self-consumption,utility-only", seeds=2), tmp_path)
    assert len(times(tmp_path)) > len(before)
    assert {name: time for name, time in times(tmp_path).items() if name in before} == before


@pytest.mark.parametrize("change", ["scenario", "windows", "policy"])
def test_another_study_in_the_folder_is_refused(
    study: Callable[..., Study], tmp_path: Path, change: str
) -> None:
    found = study("name@zip", tariffs={"default": {"retail": 0.30, "feed_in": 0.08}})
    unit = Unit(found, "policy", found.contenders[0], 1)
    other = {
        "scenario": study("name@zip", tariffs={"default": {"retail": 0.31, "feed_in": 0.08}}),
        "windows": replace(found, windows=replace(found.windows, tests=found.windows.tests[:1])),
        "policy": study("name@zero-intelligence"),
    }[change]
    units = [replace(unit, study=other, contender=other.contenders[0])]
    Store(tmp_path).write(units[0], Result({}))
    what = "has other parameters" if change == "policy" else "is of another study"
    with pytest.raises(InputError, match=rf"name_reservation_1.json {what}"):
        evaluate(found, tmp_path)
    assert len(times(tmp_path)) == 1  # nothing was computed


def test_the_same_numbers_however_the_work_is_spread(study: Callable[..., Study], tmp_path: Path) -> None:
    windows = study("zip").windows
    found = study("zero-intelligence", windows=replace(windows, tests=windows.tests[1:]))
    news = evaluate(found, tmp_path / "two", jobs=2)
    assert [(one.state, one.lines) for one in news] == [("done", ())] * 2
    evaluate(found, tmp_path / "here")
    assert results(tmp_path / "two") == results(tmp_path / "here")


def test_regret_of_the_whole_gain_is_that_of_a_price_taker(
    study: Callable[..., Study], tmp_path: Path
) -> None:
    """Who trades nothing could have saved what its best plan with the utility alone saves, as nobody saw a
    price; the sum over prosumers is greedy less alone."""
    found = study("utility-only", regret=True)
    evaluate(found, tmp_path)
    units = results(tmp_path)
    for week in units["utility-only_reservation_1"]["weeks"]:
        optimum = units[f"optimum.{week['window']}_1"]
        alone = optimum["greedy_eur"] - optimum["alone_eur"]
        assert sum(week["regret_eur"]) == pytest.approx(alone, abs=1e-6)


def test_what_does_not_fit_is_told_before_anything_is_computed(study: Callable[..., Study]) -> None:
    windows = study("zip").windows
    late = replace(windows, tests=(Window("late", datetime(2017, 1, 1), 1.0),))
    with pytest.raises(InputError) as caught:
        study("zip:relative=7,fixed-reservation:worth=1", windows=late).check()
    texts = "\n".join(map(str, caught.value.problems))
    where = "in the window train: policies.default.parameters"
    assert f"zip:relative=7 {where}.relative: 7 must be at most 1" in texts
    assert f"fixed-reservation:worth=1 {where}.worth: unknown" in texts
    assert "load.csv" in texts and "2017-01-01 00:00 to 2017-01-02 00:00" in texts  # has no such values


def test_policies_that_cannot_be_made_are_told_before_anything_is_computed(
    study: Callable[..., Study],
) -> None:
    found = study("self-consumption,maddpg:memory_gib=1e-9,mf-q:weights=nowhere.pt")
    with pytest.raises(InputError) as caught:
        found.check()
    large, missing = map(str, caught.value.problems)
    where = "in the window train: policies.default"
    assert large.startswith(f"maddpg:memory_gib=1e-9 {where}.kind") and "GiB, more than memory_gib" in large
    assert (
        missing.startswith(f"mf-q:weights=nowhere.pt {where}.parameters.weights: ") and "no such" in missing
    )


def test_windows_whose_optimum_is_too_large_are_told(study: Callable[..., Study]) -> None:
    windows = study("zip").windows
    long = replace(windows, tests=(Window("long", datetime(2016, 7, 1), 2600.0),))
    with pytest.raises(InputError, match=r"--test-days: 5 prosumers over 2600 days are too many .*2500 days"):
        study("zip", windows=long).check()


def test_who_has_devices_for_heat_counts_for_more(study: Callable[..., Study]) -> None:
    """An optimum of 500 days of one prosumer with a gas boiler is as large as one of 3,000 without."""
    group = {"name": "home", "count": 5, "devices": {"boiler": {}}}
    windows = study("zip").windows
    long = replace(windows, tests=(Window("long", datetime(2016, 7, 1), 500.0),))
    with pytest.raises(InputError, match=r"--test-days: 5 prosumers .* counts as 6\).*at most 416 days"):
        study("zip", windows=long, groups=[group]).check()
