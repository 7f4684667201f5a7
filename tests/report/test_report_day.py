"""The picture of a prosumer's day."""

from __future__ import annotations

import re
from datetime import date

import numpy as np
import pandas as pd
import pytest

from cosim.core.outputs import OutputsConfig
from cosim.errors import InputError, OutputError
from cosim.report.day import Day, day_of, figure, page, write_day
from cosim.report.html import page as report_page
from cosim.results.read import load


@pytest.fixture
def warm():
    """Two quarter-hours of both carriers."""
    time = pd.date_range("2016-01-07", periods=2, freq="15min", tz="Europe/Berlin")
    flows = {
        "electricity": pd.DataFrame({"load": [-1.0, -2.0], "import": [1.0, 2.0]}, index=time),
        "heat": pd.DataFrame({"boiler": [1.0, 0.0], "my_tank": [-1.0, 0.0]}, index=time),
    }
    return Day("main", "house-1", date(2016, 1, 7), 0.25, flows, 1.0, 2.5)


def test_each_carrier_has_a_panel_and_bars_add_up_to_zero(warm):
    found = figure(warm)
    assert [trace["name"] for trace in found["data"]] == ["load", "import", "boiler", "my tank"]
    assert [trace["yaxis"] for trace in found["data"]] == ["y", "y", "y2", "y2"]
    assert found["data"][1]["y"] == [4.0, 8.0]  # kW
    assert found["data"][0]["x"] == ["2016-01-07 00:00", "2016-01-07 00:15"]
    assert found["data"][0]["width"] == 15 * 60 * 1000
    assert found["layout"]["barmode"] == "relative"
    top, bottom = found["layout"]["yaxis"]["domain"], found["layout"]["yaxis2"]["domain"]
    assert bottom[1] < top[0]
    for axis in ("y", "y2"):
        bars = [trace["y"] for trace in found["data"] if trace["yaxis"] == axis]
        assert np.sum(bars, axis=0).tolist() == [0.0, 0.0]


def test_no_two_periods_share_a_place_when_clocks_change(warm):
    time = pd.date_range("2016-10-30", periods=25, freq="h", tz="Europe/Berlin")
    flows = {"electricity": pd.DataFrame({"load": np.ones(25)}, index=time)}
    day = Day("main", "house-1", date(2016, 10, 30), 1.0, flows, 0.0, 0.0)
    assert len(set(figure(day)["data"][0]["x"])) == 25


def test_a_day_of_a_run(made_run, tmp_path):
    run = load(made_run)
    day = day_of(run)
    assert (day.prosumer, day.date) == ("house-0", date(2016, 6, 6))
    rows = run.prosumers[run.prosumers.prosumer == "house-0"]
    assert day.cost_eur == pytest.approx(rows.cost_eur.sum())
    assert (-day.flows["electricity"]["load"]).sum() == pytest.approx(
        (rows.load_kwh - rows.generation_kwh).sum()
    )
    path = write_day(run, day, tmp_path / "day.html")
    html = path.read_text(encoding="utf-8")
    assert "house-0, Monday 2016-06-06" in html
    assert "<td>electricity</td><td>import</td>" in html
    assert not re.search(r"(src|href)\s*=", re.sub(r"(?s)<script>.*?</script>", "", html))


def test_names_cannot_inject(made_run, warm):
    bad = "</script><script>alert(1)</script>"
    day = Day("main", bad, warm.date, 0.25, {"electricity": warm.flows["electricity"]}, 0.0, 0.0)
    assert bad not in page(load(made_run), day)


def test_the_report_shows_the_day_that_is_asked_for(made_run):
    run = load(made_run)
    assert "day: house-0, Monday 2016-06-06" in report_page(run)
    assert "day: house-2, Monday 2016-06-06" in report_page(run, "house-2", "2016-06-06")
    with pytest.raises(InputError, match="no prosumer 'house-9'"):
        report_page(run, "house-9")


def test_a_run_without_the_table_says_so(tmp_path, synthetic):
    outputs = OutputsConfig(record={"prosumers": "none"})
    run = load(synthetic.make_run(tmp_path, outputs=outputs))
    assert "The table prosumers was not recorded." in report_page(run)
    with pytest.raises(OutputError, match=r"'prosumers'.*was not recorded"):
        day_of(run)
