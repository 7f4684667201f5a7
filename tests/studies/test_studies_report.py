"""The page of a study: its figures are those of the summary, and it opens without a network."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosim.report.figures import GREEN, RED
from cosim.studies.evaluate import evaluate
from cosim.studies.figures import days_of_training, learning_curves, share_by_window
from cosim.studies.measured import Key
from cosim.studies.report import page, write_report
from cosim.studies.study import Study
from cosim.studies.summary import Summary, condensed, summarise

pytestmark = pytest.mark.usefixtures("learners")
STOCHASTIC, BEST = Key("share_captured", "stochastic"), Key("share_captured", "deterministic")


def drawn(html: str) -> list[dict[str, Any]]:
    """The figures in a page."""
    found = re.search(r'<script type="application/json" id="figures">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    return [*json.loads(found.group(1)).values()]


def outside_plotly(html: str) -> str:
    return "".join(re.split(r"(?s)<script>.*?</script>", html))


def interval_of(summary: Summary, number: int, key: Key) -> tuple[float, float]:
    """A mean and half of the width of its interval."""
    row = summary.row(summary.study.contenders[number], key)
    assert row is not None
    return row.over_seeds.mean, row.over_seeds.high - row.over_seeds.mean


@pytest.fixture
def learned(study: Callable[..., Study], tmp_path: Path) -> Summary:
    """A rule and a learner, two seeds, two passes."""
    found = study("self-consumption,own:Climber", seeds=2, passes=2)
    evaluate(found, tmp_path)
    return summarise(found, tmp_path)


def test_dots_and_whiskers_are_means_and_intervals(learned: Summary) -> None:
    share, windows, *_ = drawn(page(learned))
    rule, trained, best = share["data"]
    for trace, number, key in ((rule, 0, STOCHASTIC), (trained, 1, STOCHASTIC), (best, 1, BEST)):
        mean, half = interval_of(learned, number, key)
        assert trace["x"] == pytest.approx([mean], rel=1e-5)
        assert trace["error_x"]["array"] == pytest.approx([half], rel=1e-5) and half > 0.0
    # The rule at its own place, the learner's two dots above and below theirs.
    assert rule["y"] == [0.0] and trained["y"][0] < 1.0 < best["y"][0]
    assert share["layout"]["yaxis"]["ticktext"] == ["self-consumption", "own:Climber"]
    assert share["layout"]["shapes"][0]["x0"] == pytest.approx(interval_of(learned, 0, STOCHASTIC)[0])
    assert [trace["name"] for trace in windows["data"]] == ["noon", "night"]
    night = [interval_of(learned, number, replace(STOCHASTIC, window="night"))[0] for number in (0, 1)]
    assert windows["data"][1]["x"] == pytest.approx(night, rel=1e-5)
    assert windows["layout"]["shapes"] == []


def test_a_learning_curve_is_what_was_paid_since_training_began(learned: Summary) -> None:
    *_, cost, _ = drawn(page(learned))
    assert [trace["name"] for trace in cost["data"]] == ["own:Climber"]
    by_seed = [learned.curves["own-Climber_reservation"][seed] for seed in (1, 2)]
    assert [curve.shape for curve in by_seed] == [(2, 1), (2, 1)]
    first = np.mean([curve[0, 0] for curve in by_seed])
    second = np.mean([curve[1, 0] for curve in by_seed])
    assert cost["data"][0]["y"] == pytest.approx([0.0, first, first + second], rel=1e-5)
    assert cost["data"][0]["x"] == [0, 1, 2]
    assert [line["x0"] for line in cost["layout"]["shapes"]] == [1.0]


def test_days_of_training_are_those_of_the_first_seed_red_where_dearer(learned: Summary) -> None:
    curves = {"own-Climber_reservation": {1: np.array([[0.5, -1.0], [0.0, 2.0]]), 2: np.full((2, 2), 9.0)}}
    *_, days = drawn(page(replace(learned, curves=learned.curves | curves)))
    (bars,) = days["data"]
    assert (bars["x"], bars["y"]) == ([1, 2, 3, 4], [0.5, -1.0, 0.0, 2.0])
    assert bars["marker"]["color"] == [RED, GREEN, GREEN, RED]
    assert [line["x0"] for line in days["layout"]["shapes"]] == [2.5]
    assert [title["text"] for title in days["layout"]["annotations"]] == ["own:Climber"]


def test_days_of_training_are_drawn_one_learner_below_the_other(learned: Summary) -> None:
    learner = learned.study.contenders[1]
    layout = days_of_training(learned, [learner, learner, learner])["layout"]
    rooms = [layout[name]["domain"] for name in ("yaxis", "yaxis2", "yaxis3")]
    assert all(upper[0] > lower[1] for upper, lower in pairwise(rooms))
    assert rooms[0][1] == 1.0 and rooms[-1][0] > 0.0
    assert layout["xaxis"]["anchor"] == "y3" and layout["yaxis2"]["matches"] == "y"


def test_the_page_needs_no_network_and_has_the_table(learned: Summary, tmp_path: Path) -> None:
    assert write_report(learned, tmp_path) == tmp_path / "results.html"
    html = (tmp_path / "results.html").read_text(encoding="utf-8")
    assert html == page(learned) and "Plotly" in html
    around = outside_plotly(html)
    assert not re.search(r"(src|href)\s*=|@import|url\(", around)
    mean, half = interval_of(learned, 1, STOCHASTIC)
    assert f"<td>{mean:.3f}\n[{mean - half:.3f}, {mean + half:.3f}]</td>" in around
    assert "Learners trained 2 times in 1 day from 2016-06-06." in around and "Seeds 1, 2." in around
    assert "Whiskers" in around and "The dashed line is self-consumption," in around


def test_each_bidding_mode_has_figures_of_its_own(study: Callable[..., Study], tmp_path: Path) -> None:
    found = study("self-consumption,zip", bidding="reservation,setpoint")
    evaluate(found, tmp_path)
    summary = summarise(found, tmp_path)
    html = page(summary)
    for mode in ("reservation", "setpoint"):
        assert f"<h2>Share captured, bidding by {mode}</h2>" in html
    for words in ("What learning cost", "Learners trained", "Whiskers", "95 %"):
        assert words not in outside_plotly(html)  # nobody learned, and there is one seed
    assert "Rules tuned in 1 day" in html  # zip
    reservation, _, setpoint, _ = drawn(html)
    assert reservation["data"][0]["error_x"]["array"] == [0.0, 0.0]  # one seed
    by_setpoint = [number for number, one in enumerate(found.contenders) if one.bidding == "setpoint"]
    means = [interval_of(summary, number, STOCHASTIC)[0] for number in by_setpoint]
    assert setpoint["data"][0]["x"] == pytest.approx(means, rel=1e-5)


def test_what_is_not_known_is_left_out(learned: Summary) -> None:
    rows = tuple(
        replace(row, over_seeds=replace(row.over_seeds, mean=nan, low=nan, high=nan)) for row in learned.rows
    )
    share, *_ = drawn(page(replace(learned, rows=rows)))
    assert share["data"][0]["x"] == [None] and share["layout"]["shapes"] == []
    empty = page(replace(learned, rows=(), numbers={}, chosen={}))
    assert drawn(empty) == [] and "Nothing was judged." in empty and "was not judged" not in empty


def test_a_learner_whose_rule_failed_is_a_learner_still(learned: Summary) -> None:
    none = dict.fromkeys((1, 2), np.zeros((0, 0)))
    found = drawn(page(replace(learned, curves=dict.fromkeys(learned.curves, none))))
    assert [trace["name"] for trace in found[0]["data"]] == [
        "does not learn",
        "learners, as in training",
        "learners, best actions alone",
    ]
    assert len(found) == 2  # no learning curve


def test_seeds_that_are_missing_are_named(study: Callable[..., Study], tmp_path: Path) -> None:
    found = study("utility-only,self-consumption,own:Climber", seeds=2)
    evaluate(found, tmp_path)
    (tmp_path / "units" / "self-consumption_reservation_2.json").unlink()
    for seed in (1, 2):
        (tmp_path / "units" / f"own-Climber_reservation_{seed}.json").unlink()
    html = page(summarise(found, tmp_path, missing=True))
    assert "self-consumption was judged with seed 1 alone." in html
    assert "own:Climber was not judged." in html and "utility-only was" not in html


def test_many_windows_and_learners_are_told_apart(learned: Summary) -> None:
    shown = [*learned.study.contenders]
    windows = [replace(learned.study.windows.tests[0], name=f"{number}") for number in range(8)]
    row = learned.row(shown[0], STOCHASTIC)
    assert row is not None
    rows = tuple(replace(row, key=replace(STOCHASTIC, window=one.name)) for one in windows)
    dots = share_by_window(replace(learned, rows=rows), shown, windows)["data"]
    assert len({(trace["marker"]["color"], trace["marker"]["symbol"]) for trace in dots}) == len(windows)
    lines = learning_curves(learned, [shown[1]] * 8)["data"]
    assert len({(trace["line"]["color"], trace["line"]["dash"]) for trace in lines}) == 8


def test_one_window_has_no_figure_by_window(study: Callable[..., Study], tmp_path: Path) -> None:
    usual = study("self-consumption").windows
    windows = replace(usual, tests=(replace(usual.tests[0], name="2016-06-07"),))
    found = study("self-consumption,own:Climber", windows=windows)
    evaluate(found, tmp_path)
    html = page(summarise(found, tmp_path))
    assert len(drawn(html)) == 3 and "by window" not in html
    assert "Judged, frozen, in 2016-06-07; 6 hours each." in html
    assert drawn(html)[1]["layout"]["shapes"] == []  # one pass


def test_notes_that_differ_in_a_figure_alone_are_one() -> None:
    kinds = ("relaxed: ev-2: minimum load", "relaxed: ev-11: minimum load")
    amounts = ("relaxed: 1.7e-05 kWh are x", "relaxed: 1.234e+04 kWh are x", "relaxed: 9 kWh are x")
    found = condensed([*kinds, *amounts, kinds[0], "relaxed: 3 kWh are y", "relaxed: 3 kWh are y"])
    assert found == (*kinds, "relaxed: up to 1.234e+04 kWh are x", "relaxed: 3 kWh are y")
