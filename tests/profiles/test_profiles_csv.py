"""CSV and Parquet files: units, zones, clock changes, resampling, and every mistake with its row."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cosim.core.clock import Clock
from cosim.core.streams import Streams
from cosim.errors import ProfileError
from cosim.profiles.build import load_profiles, pv_profiles
from cosim.profiles.config import CsvLoad, CsvPv
from cosim.profiles.csv_source import read_columns

BERLIN = ZoneInfo("Europe/Berlin")
UTC = ZoneInfo("UTC")


def stamps(start: datetime, count: int, minutes: int = 15) -> list[str]:
    return [(start + timedelta(minutes=minutes * k)).strftime("%Y-%m-%d %H:%M") for k in range(count)]


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def table(times: list[str], *columns: list[Any], header: str = "time,a,b") -> list[str]:
    return [header, *(",".join(map(str, row)) for row in zip(times, *columns, strict=True))]


def problems_of(folder: Path, zone: ZoneInfo = UTC, **settings: Any) -> list[tuple[int | None, str]]:
    with pytest.raises(ProfileError) as caught:
        read_columns(CsvLoad(file="p.csv", **settings), zone, folder, loads=True)
    return [(problem.line, problem.message) for problem in caught.value.problems]


@pytest.mark.parametrize(("unit", "factor"), [("kW", 1.0), ("W", 0.001), ("kWh", 4.0)])
def test_units(tmp_path: Path, unit: str, factor: float) -> None:
    times = stamps(datetime(2025, 1, 1), 4)
    values = [0.5, 0.25, 1.0, 0.75] if unit != "W" else [500, 250, 1000, 750]
    write(tmp_path / "p.csv", table(times, values, values))
    series = read_columns(CsvLoad(file="p.csv", unit=unit), UTC, tmp_path, loads=True)
    np.testing.assert_allclose(series.values_kw[:, 0], np.array(values) * factor)
    assert series.step_s == 900 and series.names == ("a", "b")


def test_a_clock_gets_the_recorded_power_and_the_energy_is_conserved(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    values = rng.uniform(0.1, 2.0, (96, 2)).round(4)
    write(tmp_path / "p.csv", table(stamps(datetime(2025, 5, 1), 96), *values.T.tolist()))
    for step in (5, 15, 20, 60):
        clock = Clock(datetime(2025, 5, 1, 2, tzinfo=BERLIN), step, 22 * 60 // step)
        config = CsvLoad(file="p.csv", zone="Europe/Berlin")
        loads = load_profiles(config, clock, np.full(3, 1.0), Streams(1), tmp_path)
        power = loads.power_kw(0, clock.periods)
        energy = power.sum(0) * step / 60
        np.testing.assert_allclose(energy, values[8:, [0, 1, 0]].sum(0) / 4, rtol=1e-12)


def test_stamps_that_name_the_end(tmp_path: Path) -> None:
    write(tmp_path / "p.csv", table(stamps(datetime(2025, 1, 1, 0, 15), 3), [1, 2, 3], [1, 2, 3]))
    series = read_columns(CsvLoad(file="p.csv", stamps="end"), UTC, tmp_path, loads=True)
    assert series.start_s == datetime(2025, 1, 1, tzinfo=UTC).timestamp()


def test_german_spelling(tmp_path: Path) -> None:
    write(tmp_path / "p.csv", ["Zeit;Haus", "01.02.2025 00:00;0,5", "01.02.2025 01:00;1,25"])
    config = CsvLoad(
        file="p.csv", time_column="Zeit", time_format="%d.%m.%Y %H:%M", separator=";", decimal=","
    )
    series = read_columns(config, BERLIN, tmp_path, loads=True)
    assert series.values_kw[:, 0].tolist() == [0.5, 1.25]
    assert series.start_s == datetime(2025, 2, 1, tzinfo=BERLIN).timestamp()


def test_offsets_in_the_stamps_win_over_the_zone(tmp_path: Path) -> None:
    times = ["2025-01-01T00:00:00+05:00", "2025-01-01T00:15:00+05:00"]
    write(tmp_path / "p.csv", table(times, [1, 1], [1, 1]))
    series = read_columns(CsvLoad(file="p.csv"), BERLIN, tmp_path, loads=True)
    assert series.start_s == datetime(2024, 12, 31, 19, tzinfo=UTC).timestamp()


@pytest.mark.parametrize("zoned", [False, True])
def test_parquet_equals_csv(tmp_path: Path, zoned: bool) -> None:
    moments = [datetime(2025, 6, 1) + timedelta(minutes=30 * k) for k in range(4)]
    kind = pa.timestamp("ms", tz="UTC" if zoned else None)
    arrow = pa.table({"time": pa.array(moments, kind), "a": [1.0, 2.0, 3.0, 4.0]})
    pq.write_table(arrow, tmp_path / "p.parquet")
    series = read_columns(CsvLoad(file="p.parquet", zone="UTC"), BERLIN, tmp_path, loads=True)
    assert series.values_kw[:, 0].tolist() == [1, 2, 3, 4]
    assert (series.start_s, series.step_s) == (datetime(2025, 6, 1, tzinfo=UTC).timestamp(), 1800)


def test_the_second_reading_comes_from_the_cache_and_a_changed_file_does_not(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", table(stamps(datetime(2025, 1, 1), 2), [1, 2], [3, 4]))
    config = CsvLoad(file="p.csv")
    first = read_columns(config, UTC, tmp_path, loads=True)
    again = read_columns(config, UTC, tmp_path, loads=True)
    assert np.array_equal(first.values_kw, again.values_kw) and first.names == again.names
    write(path, table(stamps(datetime(2025, 1, 1), 3), [5, 5, 5], [5, 5, 5]))
    assert read_columns(config, UTC, tmp_path, loads=True).values_kw.shape == (3, 2)


def test_an_hour_skipped_and_an_hour_doubled_are_what_the_zone_says(tmp_path: Path) -> None:
    spring = [*stamps(datetime(2025, 3, 30, 0), 2, 60), *stamps(datetime(2025, 3, 30, 3), 3, 60)]
    write(tmp_path / "p.csv", table(spring, range(1, 6), range(1, 6)))
    series = read_columns(CsvLoad(file="p.csv"), BERLIN, tmp_path, loads=True)
    assert len(series.values_kw) == 5 and series.step_s == 3600
    autumn = [*stamps(datetime(2025, 10, 26, 0), 3, 60), *stamps(datetime(2025, 10, 26, 2), 3, 60)]
    write(tmp_path / "p.csv", table(autumn, range(1, 7), range(1, 7)))
    series = read_columns(CsvLoad(file="p.csv"), BERLIN, tmp_path, loads=True)
    assert series.values_kw[:, 0].tolist() == [1, 2, 3, 4, 5, 6]
    assert series.start_s == datetime(2025, 10, 26, tzinfo=BERLIN).timestamp()


def test_quarter_hours_doubled_as_a_block(tmp_path: Path) -> None:
    block = [*stamps(datetime(2025, 10, 26, 1, 30), 6), *stamps(datetime(2025, 10, 26, 2), 6)]
    write(tmp_path / "p.csv", table(block, range(1, 13), range(1, 13)))
    series = read_columns(CsvLoad(file="p.csv"), BERLIN, tmp_path, loads=True)
    assert series.step_s == 900 and len(series.values_kw) == 12


def test_an_hour_that_does_not_exist_is_reported_by_row(tmp_path: Path) -> None:
    write(tmp_path / "p.csv", table(stamps(datetime(2025, 3, 30, 0), 5, 60), range(1, 6), range(1, 6)))
    found = problems_of(tmp_path, BERLIN)
    assert found[0][0] == 4
    assert "2025-03-30 02:00:00 does not exist in Europe/Berlin" in found[0][1]
    assert len(found) == 1


def test_an_hour_that_passes_only_once_is_reported_by_row(tmp_path: Path) -> None:
    write(tmp_path / "p.csv", table(stamps(datetime(2025, 10, 26, 0), 5, 60), range(1, 6), range(1, 6)))
    ((line, message),) = problems_of(tmp_path, BERLIN)
    assert line == 5
    assert "clocks go back before 2025-10-26 03:00, but the repeated hour is there only once" in message


def test_gap_double_disorder_text_empty_and_negative_all_at_once_by_row(tmp_path: Path) -> None:
    times = stamps(datetime(2025, 1, 1), 12)
    del times[3]  # gap before what is now row 3 -> line 5
    times[5] = times[4]  # double in line 7, and a gap of one after it in line 8
    times[8], times[9] = times[9], times[8]  # disorder in line 11
    a: list[Any] = [1.0] * 11
    b: list[Any] = [1.0] * 11
    a[1], b[2], a[10] = "abc", "", -1.0
    write(tmp_path / "p.csv", table(times, a, b))
    found = problems_of(tmp_path)
    expected = {
        3: "a: 'abc' is not a number",
        4: "b: no value",
        5: "gap: 1 steps of 15 min are missing before",
        7: "occurs more than once",
        11: "rows are not in order",
        12: "a: -1 is negative",
    }
    for line, text in expected.items():
        assert any(text in message for at, message in found if at == line), (line, text, found)
    assert [line for line, _ in found] == sorted(line or 0 for line, _ in found)


def test_steps_that_are_not_equal(tmp_path: Path) -> None:
    times = stamps(datetime(2025, 1, 1), 6)
    times[3] = "2025-01-01 00:50"
    write(tmp_path / "p.csv", table(times, [1] * 6, [1] * 6))
    found = problems_of(tmp_path)
    assert (5, "2025-01-01 00:50 is 20 min after the row before; other steps are 15 min") in found


def test_stamps_that_cannot_be_read(tmp_path: Path) -> None:
    times = stamps(datetime(2025, 1, 1), 5)
    times[2] = "yesterday"
    write(tmp_path / "p.csv", table(times, [1] * 5, [1] * 5))
    assert problems_of(tmp_path) == [(4, "cannot read the time stamp 'yesterday'")]


def test_offsets_on_some_stamps_only(tmp_path: Path) -> None:
    times = ["soon", *(f"2025-01-01T00:{minute}:00+01:00" for minute in (15, 30)), "2025-01-01T00:45:00"]
    write(tmp_path / "p.csv", table(times, [1] * 4, [1] * 4))
    found = problems_of(tmp_path)
    assert (2, "cannot read the time stamp 'soon'") in found
    assert (5, "2025-01-01T00:45:00 has no offset, other stamps have one") in found


def test_summer_time_as_changing_offsets(tmp_path: Path) -> None:
    times = ["2025-03-30T01:00:00+01:00", "2025-03-30T03:00:00+02:00", "2025-03-30T04:00:00+02:00"]
    write(tmp_path / "p.csv", table(times, [1, 2, 3], [1, 2, 3]))
    series = read_columns(CsvLoad(file="p.csv"), UTC, tmp_path, loads=True)
    assert (len(series.values_kw), series.step_s) == (3, 3600)


def test_blank_lines_do_not_shift_the_line_that_is_told(tmp_path: Path) -> None:
    lines = table(stamps(datetime(2025, 1, 1), 3), [1, 1, "x"], [1, 1, 1])
    write(tmp_path / "p.csv", [*lines[:2], "", "", *lines[2:]])
    assert problems_of(tmp_path) == [(6, "a: 'x' is not a number")]


@pytest.mark.parametrize("header", ["time,Wärme", "time,a"])
def test_another_encoding(tmp_path: Path, header: str) -> None:
    (tmp_path / "p.csv").write_bytes(f"{header}\n2025-01-01,1ä\n".encode("latin-1"))
    assert problems_of(tmp_path) == [(None, "not a text file in UTF-8")]


def test_quarter_hours_of_autumn_in_pairs_are_not_in_order(tmp_path: Path) -> None:
    pairs = [time for time in stamps(datetime(2025, 10, 26, 2), 4) for _ in range(2)]
    write(tmp_path / "p.csv", table(pairs, [1] * 8, [1] * 8))
    assert problems_of(tmp_path, BERLIN)


def test_many_problems_are_cut_with_a_count(tmp_path: Path) -> None:
    write(tmp_path / "p.csv", table(stamps(datetime(2025, 1, 1), 500), [-1] * 500, ["x"] * 500))
    found = problems_of(tmp_path)
    assert len(found) <= 21
    assert found[-1][1] == "and 984 more problems of these kinds"


def test_a_unit_that_no_household_has(tmp_path: Path) -> None:
    write(tmp_path / "p.csv", table(stamps(datetime(2025, 1, 1), 4), [400] * 4, [0.0004] * 4))
    found = problems_of(tmp_path)
    assert [message.split(" is not")[0] for _, message in found] == [
        "a: a median load of 4e+05 W",
        "b: a median load of 0.4 W",
    ]
    shapes = read_columns(CsvLoad(file="p.csv", scale=True), UTC, tmp_path, loads=True)
    assert shapes.values_kw.shape == (4, 2)


def test_unknown_columns_name_the_nearest(tmp_path: Path) -> None:
    write(tmp_path / "p.csv", ["time,house_1,house_2", "2025-01-01 00:00,1,1"])
    with pytest.raises(ProfileError, match="did you mean 'house_1'"):
        read_columns(CsvLoad(file="p.csv", columns=("hous_1",)), UTC, tmp_path, loads=True)
    with pytest.raises(ProfileError, match="no column 'zeit'"):
        read_columns(CsvLoad(file="p.csv", time_column="zeit"), UTC, tmp_path, loads=True)


@pytest.mark.parametrize(
    ("name", "message"),
    [("q.csv", "no such file"), ("p.xlsx", "files end in .csv or .parquet")],
)
def test_no_such_file(tmp_path: Path, name: str, message: str) -> None:
    write(tmp_path / "p.csv", ["time,a"])
    with pytest.raises(ProfileError, match=message):
        read_columns(CsvLoad(file=name), UTC, tmp_path, loads=True)


def test_rows_with_too_few_cells_and_a_broken_parquet_file(tmp_path: Path) -> None:
    write(tmp_path / "p.csv", ["time,a,b", "2025-01-01 00:00,1"])
    with pytest.raises(ProfileError, match="cannot be read as CSV"):
        read_columns(CsvLoad(file="p.csv"), UTC, tmp_path, loads=True)
    write(tmp_path / "p.parquet", ["no parquet"])
    with pytest.raises(ProfileError, match="cannot be read as Parquet"):
        read_columns(CsvLoad(file="p.parquet"), UTC, tmp_path, loads=True)


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("")
    with pytest.raises(ProfileError):
        read_columns(CsvLoad(file="p.csv"), UTC, tmp_path, loads=True)
    write(tmp_path / "p.csv", ["time,a"])
    with pytest.raises(ProfileError, match="fewer than two rows"):
        read_columns(CsvLoad(file="p.csv"), UTC, tmp_path, loads=True)


def test_a_profile_too_short_says_what_it_covers(tmp_path: Path) -> None:
    write(tmp_path / "p.csv", table(stamps(datetime(2025, 1, 1), 96), [1] * 96, [1] * 96))
    clock = Clock(datetime(2025, 1, 1, tzinfo=UTC), 15, 4 * 96)
    with pytest.raises(ProfileError) as caught:
        load_profiles(CsvLoad(file="p.csv"), clock, np.ones(1), Streams(1), tmp_path)
    (problem,) = caught.value.problems
    assert "covers 2025-01-01 00:00 to 2025-01-02 00:00" in problem.message
    assert "25% of it is covered" in problem.message


def whole_year(path: Path, zone: ZoneInfo = UTC) -> np.ndarray:
    """2019 in hours: power = day of the year + hour / 100 for loads and PV alike."""
    clock = Clock(datetime(2019, 1, 1, tzinfo=zone), 60, 365 * 24)
    times = clock.utc.astype(str)
    values = (np.arange(365 * 24) // 24 + (np.arange(365 * 24) % 24) / 100) / 100 + 0.1
    write(path, table([f"{t}Z" for t in times], values.round(6).tolist(), header="time,a"))
    return values


def test_a_file_of_another_year_serves_by_month_day_and_weekday(tmp_path: Path) -> None:
    values = whole_year(tmp_path / "p.csv")
    clock = Clock(datetime(2025, 3, 4, tzinfo=UTC), 60, 24)  # a Tuesday; 4 March 2019 was a Monday
    loads = load_profiles(
        CsvLoad(file="p.csv", year="repeat"), clock, np.ones(1), Streams(1), tmp_path
    ).power_kw(0, 24)
    day = (datetime(2019, 3, 5) - datetime(2019, 1, 1)).days
    np.testing.assert_allclose(loads[:, 0], values[day * 24 : day * 24 + 24], atol=1e-6)
    sun = pv_profiles(
        CsvPv(file="p.csv", year="repeat", peak_kw=2.0), clock, 1, Streams(1), tmp_path
    ).power_kw(0, 24)
    np.testing.assert_allclose(sun[:, 0], values[(day - 1) * 24 : day * 24] / 2, atol=1e-6)


def test_columns_as_shapes_for_the_diversifier(tmp_path: Path) -> None:
    whole_year(tmp_path / "p.csv")
    clock = Clock(datetime(2025, 1, 1, tzinfo=UTC), 60, 365 * 24)
    config = CsvLoad(file="p.csv", diversify=True, year="repeat")
    loads = load_profiles(config, clock, np.array([3500.0, 2000.0]), Streams(1), tmp_path)
    power = loads.power_kw(0, clock.periods)
    np.testing.assert_allclose(power.sum(0), [3500.0, 2000.0], rtol=1e-12)
    assert not np.allclose(power[:, 0] / 3500, power[:, 1] / 2000)
