"""Runs side by side."""

from __future__ import annotations

import math

import pytest

from cosim.analysis.compare import FIGURES, compare, differences, figure
from cosim.results.read import load


def test_differences_are_against_the_first_run(synthetic, tmp_path):
    runs = [load(synthetic.make_run(tmp_path, name=f"run-{seed}", seed=seed)) for seed in (1, 2)]
    table = compare(["a", "b"], [run.summary for run in runs])
    row = table[table["indicator"] == "Bills of all prosumers"].iloc[0]
    first, second = (run.summary["cost"]["cost_eur"] for run in runs)
    assert row["a"] == first
    assert row["b: change"] == pytest.approx(second - first)
    assert row["b: change_percent"] == pytest.approx(100 * (second - first) / abs(first))
    assert len(table) == len(FIGURES)
    assert differences(["a", "b"], [run.summary for run in runs]) == []


def test_a_run_equals_itself(made_run):
    summary = load(made_run).summary
    table = compare(["a", "b"], [summary, summary])
    assert (table["b: change"].dropna() == 0).all()


def test_runs_of_other_times_grids_and_sizes_are_marked(synthetic, tmp_path):
    first = load(synthetic.make_run(tmp_path, name="first")).summary
    other = load(synthetic.make_run(tmp_path, name="other", periods=8, prosumers=3)).summary
    other["run"]["network"] = "another grid"
    assert differences(["a", "b"], [first, other]) == [
        "a and b cover different times: periods 96 and periods 8",
        "a and b are on different grids: grid and another grid",
        "a and b have different numbers of prosumers: 4 and 3",
    ]


def test_kinds_that_never_occur_count_zero_hours_and_unknown_ones_are_nan():
    summary = {"violations": {"count": 0, "hours": 0.0, "kinds": {}}}
    by_label = {wanted.label: figure(summary, wanted) for wanted in FIGURES}
    assert by_label["Overvoltage"] == 0.0
    assert by_label["Grid losses"] is None
    table = compare(["a"], [summary])
    assert math.isnan(table[table["indicator"] == "Grid losses"]["a"].iloc[0])
