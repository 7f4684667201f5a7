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
    assert "'yesterday' is no time" in found[0].message
    assert "not after the row before" in found[3].message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column 'time'"),
        ("time,u\n2016-01-10,1\n", "no column 'vm_pu'"),
        ("time,vm_pu\n", "no rows"),
        ("time,vm_pu\n2016-01-11T00:00,1.0\n", "after the run"),
    ],
)
def test_series_that_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    assert message in problems(tmp_path, text)[0].message


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="no such file"):
        slack_series(CONFIG, CLOCK, tmp_path)
