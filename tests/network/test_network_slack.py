"""The slack voltage from a file: which value is in force, what must be covered, what is wrong by line."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from cosim.core.clock import Clock
from cosim.errors import NetworkError, Problem
from cosim.network.config import NetworkConfig
from cosim.network.slack import slack_series

CLOCK = Clock(datetime(2016, 1, 10, tzinfo=ZoneInfo("Europe/Berlin")), 30, 6)
CONFIG = NetworkConfig(slack_vm_pu="slack.csv")


def read(folder: Path, text: str) -> np.ndarray | None:
    (folder / "slack.csv").write_text(text)
    return slack_series(CONFIG, CLOCK, folder)


def problems(folder: Path, text: str) -> tuple[Problem, ...]:
    with pytest.raises(NetworkError) as caught:
        read(folder, text)
    return caught.value.problems


def test_a_number_is_no_series(tmp_path: Path) -> None:
    assert slack_series(NetworkConfig(slack_vm_pu=1.02), CLOCK, tmp_path) is None
    assert slack_series(NetworkConfig(), CLOCK, tmp_path) is None


def test_a_value_holds_until_the_next(tmp_path: Path) -> None:
    text = "time,vm_pu\n2016-01-09T00:00+01:00,1.01\n2016-01-10T01:00+01:00,1.02\n2016-01-10T01:10Z,1.03\n"
    values = read(tmp_path, text)
    assert values is not None
    assert values.tolist() == [1.01, 1.01, 1.02, 1.02, 1.02, 1.03]


def test_times_without_offset_are_local(tmp_path: Path) -> None:
    values = read(tmp_path, "time,vm_pu\n2016-01-10 00:00,1.0\n2016-01-10 02:00,1.04\n")
    assert values is not None
    assert values.tolist() == [1.0] * 4 + [1.04] * 2


def test_every_wrong_row_is_told_with_its_line(tmp_path: Path) -> None:
    text = (
        "time,vm_pu\n2016-01-10T00:00,1.0\nyesterday,1.0\n2016-01-10T01:00,20000\n"
        "2016-01-10T02:00,nan\n2016-01-09T00:00,1.0\n2016-01-11T00:00,\n"
    )
    found = problems(tmp_path, text)
    assert [problem.line for problem in found] == [3, 4, 5, 6, 7]
    assert "time stamp 'yesterday'" in found[0].message
    assert found[1].message == "20000 is not a voltage in pu"
    assert found[2].message == "'nan' is not a voltage"
    assert found[3].message == "2016-01-09T00:00 comes after 2016-01-10T02:00: rows are not in order"
    assert {problem.path for problem in found} == {"slack_vm_pu"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("t,vm_pu\n2016-01-10,1\n", "no column 'time'"),
        ("time,u\n2016-01-10,1\n", "no column 'vm_pu'"),
        ("time,vm_pu\n", "no rows"),
        ("time,vm_pu\n2016-01-10T00:00,1.0\n", "one row does not say for how long it holds"),
    ],
)
def test_series_that_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    assert message in problems(tmp_path, text)[0].message


@pytest.mark.parametrize(
    ("first", "last", "covered"),
    [
        # The run is 2016-01-09 23:00 UTC to 02:00 UTC.
        ("2016-01-10T00:30", "2016-01-10T05:00", "2016-01-09 23:30 UTC to 2016-01-10 08:30 UTC"),
        ("2016-01-01T00:00", "2016-01-01T00:15", "2015-12-31 23:00 UTC to 2015-12-31 23:30 UTC"),
        ("2016-01-09T23:59", "2016-01-10T01:29", "2016-01-09 22:59 UTC to 2016-01-10 01:59 UTC"),
    ],
)
def test_a_series_must_cover_the_run(tmp_path: Path, first: str, last: str, covered: str) -> None:
    (problem,) = problems(tmp_path, f"time,vm_pu\n{first},1.0\n{last},1.01\n")
    wanted = "2016-01-09 23:00 UTC to 2016-01-10 02:00 UTC"
    assert problem.message == f"slack voltages from {covered} do not cover the run from {wanted}"
    assert (problem.file, problem.path) == (tmp_path / "slack.csv", "slack_vm_pu")


def test_the_last_value_holds_as_long_as_the_step_before_it(tmp_path: Path) -> None:
    values = read(tmp_path, "time,vm_pu\n2016-01-10T00:00,1.0\n2016-01-10T01:30,1.01\n")
    assert values is not None
    assert values.tolist() == [1.0] * 3 + [1.01] * 3


def test_local_times_over_the_clock_changes(tmp_path: Path) -> None:
    (tmp_path / "slack.csv").write_text(
        "time,vm_pu\n"
        + "".join(f"2016-10-30 {hour}:00,1.0{k}\n" for k, hour in enumerate(["01", "02", "02", "03"]))
    )
    autumn = Clock(datetime(2016, 10, 30, 1, tzinfo=ZoneInfo("Europe/Berlin")), 60, 4)
    values = slack_series(CONFIG, autumn, tmp_path)
    assert values is not None
    assert values.tolist() == [1.00, 1.01, 1.02, 1.03]
    (spring,) = problems(tmp_path, "time,vm_pu\n2016-03-27 01:00,1\n2016-03-27 02:30,1\n2016-03-27 03:00,1\n")
    assert spring.line == 3
    assert "2016-03-27 02:30:00 does not exist in Europe/Berlin" in spring.message


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="no such file"):
        slack_series(CONFIG, CLOCK, tmp_path)
