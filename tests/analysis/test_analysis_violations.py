"""Filters and groupings of violations, on a handful of rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cosim.analysis.violations import (
    by_element,
    by_hour,
    element_by_hour,
    episodes,
    parse_hours,
    select,
    worst,
)
from cosim.errors import InputError

ROWS = [
    # time, kind, name, value, limit, excess, episode, lasted_h, duration_h
    ("2016-01-07 06:00", "undervoltage", "bus 1", 0.88, 0.90, 0.02, 0, 0.25, 0.5),
    ("2016-01-07 06:15", "undervoltage", "bus 1", 0.85, 0.90, 0.05, 0, 0.50, 0.5),
    ("2016-01-07 06:15", "undervoltage", "bus 2", 0.89, 0.90, 0.01, 1, 0.25, 0.25),
    ("2016-01-07 18:00", "line_overload", "line 1", 120.0, 100.0, 20.0, 2, 0.25, 0.25),
    ("2016-01-08 23:45", "diverged", "", np.nan, np.nan, np.nan, 3, 0.25, 0.25),
    ("2016-01-09 06:30", "undervoltage", "bus 1", 0.87, 0.90, 0.03, 4, 0.25, 0.25),
]


@pytest.fixture
def frame():
    names = ["time", "kind", "name", "value", "limit", "excess", "episode", "lasted_h", "duration_h"]
    rows = pd.DataFrame(ROWS, columns=names)
    rows["time"] = pd.to_datetime(rows["time"]).dt.tz_localize("Europe/Berlin")
    return rows.assign(community="main").astype(dict.fromkeys(["kind", "name", "community"], "category"))


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"kinds": ["line_overload", "diverged"]}, [3, 4]),
        ({"elements": ["bus 2", "line 1"]}, [2, 3]),
        ({"elements": ["bus *"]}, [0, 1, 2, 5]),
        ({"start": "2016-01-08"}, [4, 5]),
        ({"end": "2016-01-07 06:15"}, [0]),
        ({"start": "2016-01-07T05:15Z", "end": "2016-01-08"}, [1, 2, 3]),
        ({"hours": (6, 7)}, [0, 1, 2, 5]),
        ({"hours": (6.25, 6.5)}, [1, 2]),
        ({"hours": (22, 6.25)}, [0, 4]),
        ({"kinds": ["undervoltage"], "elements": ["bus 1"], "start": "2016-01-09"}, [5]),
    ],
)
def test_filters(frame, filters, expected):
    assert select(frame, **filters).index.tolist() == expected


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"start": "2016-03-27 02:30"}, [1, 2, 3]),  # the clock never shows it: from three o'clock on
        ({"end": "2016-03-27 02:30"}, [0]),
        ({"start": "2016-10-30 02:30"}, [2, 3]),  # it shows it twice: the earlier one
        ({"end": "2016-10-30 02:30"}, [0, 1]),
    ],
)
def test_times_at_which_clocks_change_are_found(frame, bounds, expected):
    utc = ["2016-03-27 00:30", "2016-03-27 01:00", "2016-10-30 00:30", "2016-10-30 01:30"]
    times = pd.to_datetime(utc).tz_localize("UTC").tz_convert("Europe/Berlin")
    rows = frame.iloc[:4].assign(time=times)
    assert select(rows, **bounds).index.tolist() == expected


def test_all_wrong_filters_are_told_at_once(frame):
    with pytest.raises(InputError) as caught:
        select(frame, kinds=["overvolt"], elements=["bus 11", "bus 1"], start="soon", hours=(25, 3))
    problems = caught.value.problems
    assert [problem.path for problem in problems] == ["--kind", "--element", "--hours", "--from"]
    assert "did you mean 'bus 1'?" in str(problems[1])


@pytest.mark.parametrize(("text", "hours"), [("17-20", (17.0, 20.0)), ("22-6.5", (22.0, 6.5)), ("", None)])
def test_spans_of_hours_are_read(text, hours):
    assert parse_hours(text) == hours


@pytest.mark.parametrize("text", ["abc", "17", "17-", "17-20-22", "-"])
def test_what_is_no_span_of_hours(text):
    with pytest.raises(InputError, match=r"--hours: .*write for example 17-20"):
        parse_hours(text)


def test_by_element_counts_hours_and_keeps_the_worst(frame):
    found = by_element(frame, 0.25)
    assert found["name"].tolist()[0] == "bus 1"
    first = found.iloc[0]
    assert (first["hours"], first["episodes"], first["longest_h"]) == (0.75, 2, 0.5)
    assert (first["value"], first["limit"]) == (0.85, 0.90)
    assert f"{first['worst_time']:%H:%M}" == "06:15"
    assert (first["first"], first["last"]) == (frame["time"].iloc[0], frame["time"].iloc[5])
    assert sorted(found["name"]) == ["", "bus 1", "bus 2", "line 1"]
    assert found["hours"].sum() == 0.25 * len(frame)


def test_grouping_nothing_gives_nothing(frame):
    assert by_element(frame.iloc[:0], 0.25).empty
    assert episodes(frame.iloc[:0], 0.25).empty
    assert by_hour(frame.iloc[:0]).empty or by_hour(frame.iloc[:0]).to_numpy().sum() == 0


def test_by_hour_counts_by_kind(frame):
    found = by_hour(frame)
    assert found.index.tolist() == list(range(24))
    assert list(found.columns) == ["undervoltage", "line_overload", "diverged"]
    assert found.loc[6].tolist() == [4, 0, 0]
    assert found.loc[18, "line_overload"] == 1
    assert found.to_numpy().sum() == len(frame)


def test_element_by_hour_is_in_hours_and_worst_first(frame):
    found = element_by_hour(frame, 0.25, most=2)
    assert found.index.tolist()[0] == "bus 1"
    assert found.shape == (2, 24)
    assert found.loc["bus 1", 6] == 0.75


def test_episodes_have_start_end_and_worst(frame):
    found = episodes(frame, 0.25)
    assert found["episode"].tolist() == [0, 1, 2, 3, 4]
    first = found.iloc[0]
    assert (f"{first['start']:%H:%M}", f"{first['end']:%H:%M}") == ("06:00", "06:30")
    assert (first["duration_h"], first["value"], first["excess"]) == (0.5, 0.85, 0.05)
    assert np.isnan(found["value"].iloc[3])


def test_unfinished_runs_have_episodes_as_long_as_they_lasted(frame):
    found = episodes(frame.drop(columns="duration_h"), 0.25)
    assert found["duration_h"].tolist() == [0.5, 0.25, 0.25, 0.25, 0.25]


def test_the_worst_compares_voltages_with_loadings(frame):
    assert worst(frame, 3).index.tolist() == [4, 3, 1]
    assert len(worst(frame, 100)) == len(frame)


def test_frames_are_not_changed(frame):
    before = frame.copy()
    by_element(frame, 0.25)
    episodes(frame, 0.25)
    select(frame, elements=["bus *"])
    pd.testing.assert_frame_equal(frame, before)
