"""Windows of training and judging: where they lie by default, and that they do not overlap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from cosim.errors import InputError
from cosim.studies.windows import Window, windows_of


def test_by_default_a_season_each_is_judged_beside_training() -> None:
    windows = windows_of(2016)
    assert (windows.train.start, windows.train.days) == (datetime(2016, 1, 25), 119)
    assert windows.train.end == datetime(2016, 5, 23)
    assert {window.name: window.start for window in windows.tests} == {
        "winter": datetime(2016, 1, 18),
        "spring": datetime(2016, 5, 23),
        "summer": datetime(2016, 7, 18),
        "autumn": datetime(2016, 10, 17),
    }
    assert {window.days for window in windows.tests} == {7}


@pytest.mark.parametrize("year", range(2000, 2040))
def test_the_default_windows_never_overlap_and_begin_on_mondays(year: int) -> None:
    windows = windows_of(year)  # raises if they do
    assert {window.start.weekday() for window in (windows.train, *windows.tests)} == {0}


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Sydney", "UTC"])
@pytest.mark.parametrize("year", [2016, 2025])
def test_training_is_over_when_the_window_after_it_begins_whatever_clocks_do(zone: str, year: int) -> None:
    windows = windows_of(year)
    ends = {window.name: window.start.replace(tzinfo=ZoneInfo(zone)) for window in windows.tests}
    start = windows.train.start.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    assert start + windows.train.length(zone) == ends["spring"]


@pytest.mark.parametrize(
    ("start", "days", "hours"),
    [
        ("2016-03-27", 1.0, 23.0),
        ("2016-10-30", 1.0, 25.0),
        ("2016-03-26", 0.5, 12.0),
        ("2016-03-27", 0.5, 11.0),
    ],
)
def test_a_window_is_as_long_as_the_calendar_says(start: str, days: float, hours: float) -> None:
    (window,) = windows_of(2016, tests=[start], test_days=days, train="2016-05-01").tests
    assert window.length("Europe/Berlin") == timedelta(hours=hours)
    assert window.length("UTC") == timedelta(days=days)


@pytest.mark.parametrize("end", ["2016-03-27 02:30", "2016-10-30 02:30"])
def test_where_clocks_change_no_time_is_shared_with_what_starts_at_an_end(end: str) -> None:
    """Neither if the clock never shows that end, nor if it shows it twice."""
    over = datetime.fromisoformat(end)
    before = Window("before", over - timedelta(days=1), 1.0)
    zone = ZoneInfo("Europe/Berlin")
    ended = before.start.replace(tzinfo=zone).astimezone(UTC) + before.length("Europe/Berlin")
    assert ended <= over.replace(tzinfo=zone).astimezone(UTC)
    assert ended <= (over + timedelta(minutes=30)).replace(tzinfo=zone).astimezone(UTC)


def test_windows_that_overlap_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        windows_of(2016, "2016-03-01", 30, ["a=2016-02-25", "b=2016-03-30", "c=2016-03-31"], 7)
    texts = [str(problem) for problem in caught.value.problems]
    # Training is from 1 March to 31 March: a reaches into it, b begins in it, and b and c share six days.
    assert len(texts) == 3
    assert "train (2016-03-01 00:00 to 2016-03-31 00:00) and a (2016-02-25 00:00 to" in texts[0]
    assert "train" in texts[1] and " b (" in texts[1] and "trained on" in texts[1]
    assert " b (" in texts[2] and " c (" in texts[2] and "judge each day once" in texts[2]


def test_windows_that_touch_are_none_that_overlap() -> None:
    windows = windows_of(2016, "2016-03-01", 30, ["2016-03-31", "2016-02-23"], 7)
    assert [window.name for window in windows.tests] == ["2016-03-31", "2016-02-23"]


@pytest.mark.parametrize(
    ("train", "tests", "message"),
    [
        ("soon", (), "--train: 'soon' is not a date"),
        (None, ("x=2016-02-30",), "--test: '2016-02-30' is not a date"),
        (None, ("0001-01-01",), "--test: '0001-01-01' is not a date .*of a year from 1900 to 2200"),
        ("9999-12-30", (), "--train: '9999-12-30' is not a date .*of a year from 1900 to 2200"),
        (None, ("2016-08-01T00:00+01:00",), "--test: .* is not a date .*local time"),
        (None, ("a=2016-08-01", "a=2016-09-01"), "two windows called 'a'"),
    ],
)
def test_what_is_no_window_is_told(train: str | None, tests: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        windows_of(2016, train, tests=tests)


@pytest.mark.parametrize("days", [0.0, -1.0, float("nan"), float("inf"), 1e10])
def test_a_window_of_no_length_or_without_an_end_is_refused(days: float) -> None:
    with pytest.raises(InputError) as caught:
        windows_of(2016, train_days=days)
    remedy = "write a length above 0, of at most 3660 days"
    assert [str(one) for one in caught.value.problems] == [f"--train-days: lasts {days:g} days ({remedy})"]
    with pytest.raises(InputError, match="--test-days: lasts"):
        windows_of(2016, test_days=days)
