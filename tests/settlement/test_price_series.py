"""Price series from CSV: read, placed in time, resampled; every bad row told with its line."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from cosim.core.clock import Clock
from cosim.errors import Problem, ProfileError
from cosim.settlement.price_forms import PriceSeries
from cosim.settlement.price_series import read_series
from cosim.settlement.timeline import course

BERLIN = ZoneInfo("Europe/Berlin")


def write(folder: Path, *rows: str, title: str = "time,price") -> Path:
    (folder / "prices.csv").write_text("\n".join([title, *rows]) + "\n")
    return folder


def hourly(first: str, count: int, step: timedelta = timedelta(hours=1)) -> list[str]:
    """Stamps with offset UTC and the prices 0.00, 0.01, ..."""
    begin = datetime.fromisoformat(first)
    return [f"{(begin + step * k).isoformat()}+00:00,{k / 100}" for k in range(count)]


def clock(first: str = "2016-06-06", step: int = 60, periods: int = 4, zone: ZoneInfo = BERLIN) -> Clock:
    return Clock(datetime.fromisoformat(first).replace(tzinfo=zone), step, periods)


def prices(folder: Path, at: Clock, **config: Any) -> list[float]:
    return course(PriceSeries(file="prices.csv", **config), at, folder).run.tolist()


def problems(folder: Path, **config: Any) -> tuple[Problem, ...]:
    with pytest.raises(ProfileError) as caught:
        read_series(PriceSeries(file="prices.csv", **config), folder, BERLIN)
    return caught.value.problems


def test_price_holds_until_the_next_stamp(tmp_path: Path) -> None:
    write(tmp_path, *hourly("2016-06-05T22:00", 2))
    assert prices(tmp_path, clock(step=15, periods=8)) == [0.0] * 4 + [0.01] * 4


def test_finer_series_is_averaged_over_the_period(tmp_path: Path) -> None:
    write(tmp_path, *hourly("2016-06-05T22:00", 8, timedelta(minutes=15)))
    np.testing.assert_allclose(prices(tmp_path, clock(periods=2)), [0.015, 0.055], atol=1e-15)


def test_stamps_without_offset_are_local_unless_a_zone_is_named(tmp_path: Path) -> None:
    write(tmp_path, *(f"2016-06-05 {hour}:00,{hour / 100}" for hour in range(20, 24)), "2016-06-06 00:00,0.5")
    assert prices(tmp_path, clock("2016-06-05 22:00", periods=3)) == [0.22, 0.23, 0.5]
    assert prices(tmp_path, clock("2016-06-05 22:00", periods=3), zone="UTC") == [0.20, 0.21, 0.22]


def test_autumn_hour_that_comes_twice_is_told_by_its_order(tmp_path: Path) -> None:
    hours = ("01", "02", "02", "03")
    write(tmp_path, *(f"2016-10-30 {hour}:00,{k / 10}" for k, hour in enumerate(hours)))
    assert prices(tmp_path, clock("2016-10-30 01:00")) == [0.0, 0.1, 0.2, 0.3]


def test_spring_hour_that_is_left_out_is_no_gap_but_one_that_is_written_is_wrong(tmp_path: Path) -> None:
    write(tmp_path, *_night("00", "01", "03", "04"))
    assert len(read_series(PriceSeries(file="prices.csv"), tmp_path, BERLIN).price_eur_per_kwh) == 4
    (problem,) = problems(write(tmp_path, *_night("01", "02", "03")))
    assert problem.line == 3
    assert "does not exist in Europe/Berlin" in problem.message


def test_decimal_comma_in_a_file_that_commas_separate_is_told(tmp_path: Path) -> None:
    (problem, *_) = problems(write(tmp_path, "2016-06-06 00:00,0,25", "2016-06-06 01:00,0,30"))
    assert (problem.line, problem.message) == (2, "3 cells in the row, 2 in the title line")
    assert problem.remedy == "with a decimal comma, separate cells by semicolons"


def test_a_row_that_cannot_be_read_is_no_gap(tmp_path: Path) -> None:
    rows = [f"2016-06-06 {hour:02d}:00,0.1" for hour in range(6)]
    (problem,) = problems(write(tmp_path, *rows[:3], "soon,0.1", *rows[4:]))
    assert problem.line == 5


def _night(*hours: str) -> list[str]:
    return [f"2016-03-27 {hour}:00,0.1" for hour in hours]


@pytest.mark.parametrize(
    ("unit", "cell", "expected"),
    [("EUR/kWh", "0.25", 0.25), ("ct/kWh", "25", 0.25), ("EUR/MWh", "250", 0.25)],
)
def test_units(tmp_path: Path, unit: str, cell: str, expected: float) -> None:
    write(tmp_path, f"2016-06-06 00:00,{cell}", f"2016-06-06 01:00,{cell}")
    assert prices(tmp_path, clock(periods=2), unit=unit) == [expected, expected]


def test_semicolon_with_decimal_comma_and_named_column(tmp_path: Path) -> None:
    write(tmp_path, "2016-06-06 00:00;0,9;0,25", "2016-06-06 01:00;0,9;0,30", title="Zeit;CO2;Preis")
    assert prices(tmp_path, clock(periods=2), column="Preis") == [0.25, 0.30]
    (problem,) = problems(tmp_path)
    assert problem.message == "which column holds the prices? (CO2, Preis)"
    (problem,) = problems(tmp_path, column="Pries")
    assert problem.remedy == "did you mean 'Preis'?"


def test_every_bad_row_is_told_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, "2016-06-06 00:00,0.1", "yesterday,0.1", "2016-06-06 02:00,", "2016-06-06 03:00", "x,nan")
    found = problems(tmp_path)
    assert [problem.line for problem in found] == [3, 4, 5, 6]
    assert found[0].message == "cannot read the time stamp 'yesterday'"
    assert found[1].message == "no value"
    assert found[2].message == "1 cell in the row, 2 in the title line"


def test_gap_duplicate_and_step_back_are_told_with_their_line(tmp_path: Path) -> None:
    hours = [0, 1, 2, 4, 5, 5, 6, 7, 6, 7, 8]
    write(tmp_path, *(f"2016-06-06 {hour:02d}:00,0.1" for hour in hours))
    found = {problem.line: problem.message for problem in problems(tmp_path)}
    assert found == {
        5: "gap of 2:00:00, 1:00:00 is usual here",
        7: "2016-06-06 05:00 occurs more than once",
        10: "2016-06-06 06:00 comes after 2016-06-06 07:00: rows are not in order",
    }


def test_passing_from_hourly_to_quarter_hourly_is_no_gap(tmp_path: Path) -> None:
    quarters = hourly("2016-06-06T10:00", 40, timedelta(minutes=15))
    write(tmp_path, *hourly("2016-06-06T00:00", 10), *quarters)
    assert len(read_series(PriceSeries(file="prices.csv"), tmp_path, BERLIN).price_eur_per_kwh) == 50


def test_many_bad_rows_are_counted(tmp_path: Path) -> None:
    write(tmp_path, *(["no,thing"] * 30))
    found = problems(tmp_path)
    assert [problem.line for problem in found[:-1]] == list(range(2, 10))
    assert found[-1].message == "and 22 more problems of these kinds"


def test_series_that_does_not_cover_the_run(tmp_path: Path) -> None:
    write(tmp_path, *hourly("2016-06-05T22:00", 3))
    with pytest.raises(ProfileError, match=r"22:00 UTC to 2016-06-06 01:00 UTC do not cover .* 02:00 UTC"):
        prices(tmp_path, clock(periods=4))


def test_beyond_the_run_a_series_is_known_as_far_as_it_goes(tmp_path: Path) -> None:
    write(tmp_path, *hourly("2016-06-05T21:00", 7))  # to 04:00 UTC; the run is 22:00 to 02:00 UTC
    found = course(PriceSeries(file="prices.csv"), clock(), tmp_path)
    assert found.run.tolist() == [0.01, 0.02, 0.03, 0.04]
    assert found.beyond.tolist() == [0.05, 0.06] + [np.inf] * 21
    # The hour before the run counts in the bounds, which are those of the file.
    assert (found.low, found.high) == (0.0, 0.06)
    # Of a period that the series covers in part nothing is known.
    halves = course(PriceSeries(file="prices.csv"), clock(step=240, periods=1), tmp_path)
    assert halves.beyond.tolist() == [np.inf] * 5


def test_series_that_ends_with_the_run_is_used_to_its_end(tmp_path: Path) -> None:
    write(tmp_path, *hourly("2016-06-05T22:00", 4))
    found = course(PriceSeries(file="prices.csv"), clock(), tmp_path)
    assert (found.run.tolist(), set(found.beyond.tolist())) == ([0.0, 0.01, 0.02, 0.03], {np.inf})


def test_prices_in_another_unit_are_noticed(tmp_path: Path) -> None:
    write(tmp_path, "2016-06-06 00:00,0.1", "2016-06-06 01:00,38.5")
    (problem,) = problems(tmp_path)
    assert problem.line == 3
    assert problem.message == "38.5 EUR/kWh is not plausible (read as EUR/kWh)"


def test_missing_and_empty_files(tmp_path: Path) -> None:
    (tmp_path / "price.csv").write_text("")
    (problem,) = problems(tmp_path)
    assert (problem.message, problem.remedy) == ("no such file", "did you mean 'price.csv'?")
    (tmp_path / "prices.csv").write_text("")
    (problem,) = problems(tmp_path)
    assert problem.message == "the file is empty"
    (problem,) = problems(write(tmp_path, "2016-06-06 00:00,0.1"))
    assert problem.message == "at least two rows with a time and a price are needed"
    (tmp_path / "prices.csv").write_bytes(b"\xff\xfe\x00")
    (problem,) = problems(tmp_path)
    assert problem.message == "not a text file in UTF-8"


def test_rows_out_of_order_are_told_once_and_make_no_gap(tmp_path: Path) -> None:
    write(tmp_path, "2016-06-06 01:00,0.1", "2016-06-06 00:00,0.1", "2016-06-06 02:00,0.1")
    (problem,) = problems(tmp_path)
    assert problem.line == 3
    assert "rows are not in order" in problem.message
