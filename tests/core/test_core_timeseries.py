"""One reader for all series: cells, stamps as UTC, numbers, clock changes, every mistake with its line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cosim.core.clock import Clock
from cosim.core.problems import Problems
from cosim.core.timeseries import TimeSeries, held_until, read_cells, require_cover, to_series, to_utc
from cosim.errors import InputError, NetworkError, ProfileError

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ["Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kathmandu", "UTC"]


def read(file: Path, *names: str, zone: ZoneInfo = BERLIN, time: str = "time") -> TimeSeries:
    problems = Problems(file)
    series = to_series(read_cells(problems), time, names or ("v",), zone, problems)
    problems.raise_if_any()
    return series


def write(folder: Path, *rows: str, title: str = "time,v") -> Path:
    file = folder / "s.csv"
    file.write_text("\n".join([title, *rows]) + "\n", encoding="utf-8")
    return file


def mistakes(file: Path, *names: str) -> list[tuple[int | None, str]]:
    with pytest.raises(ProfileError) as caught:
        read(file, *names)
    assert {problem.file for problem in caught.value.problems} == {file}
    return [(problem.line, problem.message) for problem in caught.value.problems]


def seconds(*stamps: str) -> list[int]:
    return [int(datetime.fromisoformat(stamp).timestamp()) for stamp in stamps]


def night(date: str, *times: str) -> list[str]:
    return [f"{date} {time},1" for time in times]


def day(*times: str) -> list[str]:
    return night("2016-06-06", *times)


def test_values_and_stamps_of_the_columns_asked_for(tmp_path: Path) -> None:
    rows = ("1,2016-06-06 00:00,2.5,x", '3,2016-06-06 00:15," -4e1",')
    series = read(write(tmp_path, *rows, title="a,time, b ,c"), "b", "a")
    assert series.values.tolist() == [[2.5, 1.0], [-40.0, 3.0]]
    assert series.utc_s.tolist() == seconds("2016-06-05T22:00Z", "2016-06-05T22:15Z")
    assert series.names == ("b", "a")


def test_semicolons_bring_a_decimal_comma(tmp_path: Path) -> None:
    series = read(write(tmp_path, "2016-06-06 00:00;1,5", "2016-06-06 01:00;2.5", title="time;v"))
    assert series.values[:, 0].tolist() == [1.5, 2.5]


@pytest.mark.parametrize(
    "text",
    ["2016-06-06 00:15", "2016-6-6 0:15", "2016/06/06 00:15:00", "20160606T001500", "2016-06-05T22:15Z",
     "2016-06-06 02:15:00 +04:00", "2016-06-05T18:45-0330", "2016-06-06 00:15:00.7"],
)  # fmt: skip
def test_one_instant_in_many_spellings(text: str) -> None:
    problems = Problems(Path("s.csv"))
    utc, naive = to_utc([text], BERLIN, problems)
    assert utc.tolist() == seconds("2016-06-05T22:15Z")
    assert naive == (text[10:].count("Z") + text[10:].count("+") + text[10:].count("-") == 0)
    assert not problems


@pytest.mark.parametrize(
    "text", ["soon", "", "2016-13-01", "2016-06-06T25:00", "16-06-06", "0001-01-01", "9999-12-31"]
)
def test_what_is_no_stamp(tmp_path: Path, text: str) -> None:
    rows = write(tmp_path, "2016-06-06 00:00,1", f"{text},1", "2016-06-06 02:00,1")
    assert mistakes(rows) == [(3, f"cannot read the time stamp {text!r}")]


def test_a_format_of_ones_own() -> None:
    problems = Problems(Path("s.csv"))
    utc, _ = to_utc(["06.06.2016 00:15", "2016-06-06"], BERLIN, problems, time_format="%d.%m.%Y %H:%M")
    assert utc[0] == seconds("2016-06-05T22:15Z")[0]
    with pytest.raises(ProfileError, match=r"s.csv:3: cannot read the time stamp '2016-06-06' .*%d.%m.%Y"):
        problems.raise_if_any()


def test_autumn_in_a_block_and_spring_without_the_hour(tmp_path: Path) -> None:
    times = ["01:30", "02:00", "02:30", "02:00", "02:30", "03:00"]
    series = read(write(tmp_path, *night("2016-10-30", *times)))
    assert (np.diff(series.utc_s) == 1800).all()
    assert series.utc_s[0] == seconds("2016-10-29T23:30Z")[0]
    series = read(write(tmp_path, *night("2016-03-27", "01:30", "03:00", "03:30")))
    assert (np.diff(series.utc_s) == 1800).all()


def test_autumn_in_steps_that_are_not_equal(tmp_path: Path) -> None:
    """The second pass need not repeat a stamp of the first: it is told by stepping back on the wall."""
    series = read(write(tmp_path, *night("2016-10-30", "02:10", "02:40", "02:05", "03:00")))
    expected = ("2016-10-30T00:10Z", "2016-10-30T00:40Z", "2016-10-30T01:05Z", "2016-10-30T02:00Z")
    assert series.utc_s.tolist() == seconds(*expected)


def test_a_third_pass_is_disorder(tmp_path: Path) -> None:
    found = mistakes(write(tmp_path, *night("2016-10-30", "02:00", "02:00", "02:00", "03:00")))
    assert found == [(4, "2016-10-30 02:00 occurs more than once")]


def test_times_that_do_not_exist(tmp_path: Path) -> None:
    found = mistakes(write(tmp_path, *night("2016-03-27", "01:59", "02:00", "02:59", "03:00")))
    assert [line for line, _ in found] == [3, 4]
    assert found[0][1] == "2016-03-27 02:00:00 does not exist in Europe/Berlin: clocks go forward"


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    start=st.datetimes(datetime(1995, 1, 1), datetime(2035, 1, 1)),
    minutes=st.sampled_from([5, 10, 15, 30]),
)
def test_wall_times_of_ascending_instants_lead_back_to_them(
    zone: ZoneInfo, start: datetime, minutes: int
) -> None:
    """Three days of steps written as local time are the same instants again, whatever the clocks do. (Of a
    file that begins in the second pass of an hour nobody could tell; such starts are left out.)"""
    first = start.replace(minute=0, second=0, microsecond=0, tzinfo=UTC)
    moments = [first + timedelta(minutes=minutes * k) for k in range(3 * 1440 // minutes)]
    assume(not moments[0].astimezone(zone).fold)
    walls = [moment.astimezone(zone).strftime("%Y-%m-%d %H:%M") for moment in moments]
    problems = Problems(Path("s.csv"))
    utc, naive = to_utc(walls, zone, problems)
    assert naive and not problems
    assert utc.tolist() == [int(moment.timestamp()) for moment in moments]


def test_offsets_on_some_stamps_only(tmp_path: Path) -> None:
    rows = ("2016-06-06T00:00Z,1", "2016-06-06T00:15,1", "2016-06-06T00:30Z,1")
    assert mistakes(write(tmp_path, *rows)) == [(3, "2016-06-06T00:15 has no offset, other stamps have one")]


def test_offsets_are_taken_over_the_zone(tmp_path: Path) -> None:
    series = read(write(tmp_path, "2016-03-27T01:00+01:00,1", "2016-03-27T03:00+02:00,1"))
    assert np.diff(series.utc_s).tolist() == [3600]


def test_duplicates_and_disorder(tmp_path: Path) -> None:
    found = mistakes(write(tmp_path, *day("00:00", "01:00", "01:00", "04:00", "03:00", "05:00")))
    assert found == [
        (4, "2016-06-06 01:00 occurs more than once"),
        (6, "2016-06-06 03:00 comes after 2016-06-06 04:00: rows are not in order"),
    ]


def test_text_empty_cells_and_short_or_long_rows_each_once_with_their_line(tmp_path: Path) -> None:
    rows = ["2016-06-06 00:00,1", "", "2016-06-06 01:00,much", "2016-06-06 02:00,", "  ", "2016-06-06 03:00",
            "2016-06-06 04:00,1,2", "2016-06-06 05:00,nan", "2016-06-06 06:00,1_0", "later,also text",
            "2016-06-06 07:00,1,"]  # fmt: skip
    assert mistakes(write(tmp_path, *rows)) == [
        (4, "'much' is not a number"),
        (5, "no value"),
        (7, "1 cell in the row, 2 in the title line"),
        (8, "3 cells in the row, 2 in the title line"),
        (9, "'nan' is not a number"),
        (10, "'1_0' is not a number"),
        (11, "cannot read the time stamp 'later'"),
    ]


def test_of_many_columns_the_wrong_one_is_named(tmp_path: Path) -> None:
    assert mistakes(write(tmp_path, "2016-06-06,1,x", title="time,a,b"), "a", "b") == [
        (2, "b: 'x' is not a number")
    ]


def test_columns_that_are_missing_or_there_twice(tmp_path: Path) -> None:
    file = write(tmp_path, "2016-06-06,1,1,1", title="time,volt,v,v")
    assert mistakes(file, "v", "vol") == [(1, "column 'v' is there more than once"), (1, "no column 'vol'")]
    with pytest.raises(ProfileError, match="did you mean 'volt'"):
        read(file, "vol")
    with pytest.raises(ProfileError, match="no column 'zeit'"):
        read(file, "volt", time="zeit")


def test_another_separator_is_asked_about(tmp_path: Path) -> None:
    with pytest.raises(
        ProfileError, match=r"no column 'time' \(all titles are one: 'time\|v'; is it separated"
    ):
        read(write(tmp_path, "2016-06-06 00:00|1", title="time|v"))


def test_no_file_and_none_like_it(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=r"no such file \(paths start at the folder of the scenario\)"):
        read(tmp_path / "s.csv")


def test_a_byte_order_mark_and_the_line_ends_of_other_systems_are_no_matter(tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    file.write_bytes(b"\xef\xbb\xbftime;v\r\n2016-06-06 00:00;1\r\n\r\n2016-06-06 01:00;x\r\n")
    assert mistakes(file) == [(4, "'x' is not a number")]


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_another_encoding(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "s.csv"
    file.write_bytes("time,Wärme\n2016-06-06,1\n".encode(encoding))
    assert mistakes(file) == [(None, "not a text file in UTF-8")]


def test_files_that_are_not_there_empty_or_only_titles(tmp_path: Path) -> None:
    (tmp_path / "t.csv").mkdir()
    assert mistakes(tmp_path / "t.csv") == [(None, "no such file")]
    assert mistakes(tmp_path / "nowhere" / "s.csv") == [(None, "no such file")]
    (tmp_path / "s.csv").write_text("")
    assert mistakes(tmp_path / "s.csv") == [(None, "the file is empty")]
    assert mistakes(write(tmp_path)) == [(None, "there are no rows below the titles")]
    with pytest.raises(ProfileError, match=r"did you mean 's\.csv'"):
        read(tmp_path / "ss.csv")


def test_many_problems_are_cut_with_a_count(tmp_path: Path) -> None:
    times = [f"2016-06-06 {hour:02d}:00" for hour in range(24)]
    found = mistakes(write(tmp_path, *(f"{time},x" for time in times), *(["soon,1"] * 9)))
    assert [line for line, _ in found] == [*range(2, 10), *range(26, 34), None]
    assert found[-1][1] == "and 17 more problems of these kinds"


def test_the_room_says_which_error_it_is_and_where_the_scenario_names_the_file(tmp_path: Path) -> None:
    problems = Problems(write(tmp_path, "2016-06-06,x"), error=NetworkError, path="slack_vm_pu")
    to_series(read_cells(problems), "time", ["v"], BERLIN, problems, "voltage")
    with pytest.raises(NetworkError) as caught:
        problems.raise_if_any()
    (problem,) = caught.value.problems
    assert (problem.line, problem.path, problem.message) == (2, "slack_vm_pu", "'x' is not a voltage")


def test_the_last_value_holds_as_long_as_the_one_before() -> None:
    assert held_until(np.array([0, 900, 1800, 5400])).tolist() == [0, 900, 1800, 5400, 9000]


@pytest.mark.parametrize(
    ("first", "last", "enough"), [(0, 0, True), (1, 0, False), (0, -1, False), (-9, 9, True)]
)
def test_cover_is_exact_to_the_second(first: int, last: int, enough: bool) -> None:
    clock = Clock(datetime(2016, 6, 6, tzinfo=BERLIN), 15, 4)
    start, end = seconds("2016-06-05T22:00Z", "2016-06-05T23:00Z")
    edges = np.array([start + first, end + last])
    problems = Problems(Path("s.csv"), error=InputError)
    if enough:
        require_cover(edges, clock, "values", problems)
        return
    with pytest.raises(InputError, match=r"do not cover the run from 2016-06-05 22:00 UTC to .* 23:00"):
        require_cover(edges, clock, "values", problems)
