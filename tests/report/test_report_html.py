"""The report: one file, nothing from a network, names harmless, figures as in the tables."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from cosim.core.outputs import OutputsConfig
from cosim.report import figures
from cosim.report.figures import Series
from cosim.report.html import page, write_report
from cosim.results.read import load


def drawn(html):
    """The figures in a page."""
    found = re.search(r'<script type="application/json" id="figures">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    return json.loads(found.group(1))


def outside_plotly(html):
    """The page without plotly.js."""
    pieces = re.split(r"(?s)<script>.*?</script>", html)
    return "".join(pieces)


def test_the_page_needs_no_network(made_run):
    html = page(load(made_run))
    assert not re.search(r"(src|href)\s*=|@import|url\(", outside_plotly(html))
    assert "Plotly" in html
    assert len(html) > 1_000_000


def test_the_report_lies_in_the_runs_folder(tmp_path, synthetic):
    path = synthetic.make_run(tmp_path, periods=4)
    assert write_report(load(path)) == path / "report.html"
    assert (path / "report.html").read_text(encoding="utf-8") == page(load(path))


def test_figures_hold_the_tables_values(made_run):
    run = load(made_run)
    found = drawn(page(run))
    assert list(found) == ["power", "trade", "voltage", "loading", "duration", "violations", "savings", "day"]
    load_kw = run.steps["load_kwh"].to_numpy() / 0.25
    assert found["power"]["data"][0]["y"] == pytest.approx(load_kw.tolist(), rel=1e-5)
    assert found["power"]["data"][0]["x"][:2] == ["2016-06-06 00:00", "2016-06-06 00:15"]
    assert found["trade"]["data"][3]["y"][0] is None  # no trade at midnight
    lowest, highest = found["voltage"]["data"][1]["y"], found["voltage"]["data"][0]["y"]
    assert min(lowest) == pytest.approx(run.buses["vm_pu"].min(), rel=1e-5)
    assert max(highest) == pytest.approx(run.buses["vm_pu"].max(), rel=1e-5)
    hours = np.nansum(np.array(found["violations"]["data"][0]["z"], dtype=float))
    assert hours == 0.25 * len(run.violations)
    assert sum(found["savings"]["data"][0]["y"]) == pytest.approx(run.summary["cost"]["saving_eur"], rel=1e-4)


def test_limits_are_drawn_where_they_are_known(made_run):
    run = load(made_run)
    shapes = drawn(page(run))["voltage"]["layout"]["shapes"]
    assert {shape["y0"] for shape in shapes} <= {0.95, 1.05}
    assert shapes
    run.summary["run"]["limits"] = {"undervoltage": 0.9, "overvoltage": 1.1, "line_overload": None}
    shapes = drawn(page(run))["voltage"]["layout"]["shapes"]
    assert [shape["y0"] for shape in shapes] == [0.9, 1.1]


def test_names_cannot_inject(made_run):
    run = load(made_run)
    name = "</script><script>alert(1)</script>"
    run.manifest["name"] = name
    run.prosumer_totals["prosumer"] = name
    html = page(run)
    assert name not in html
    assert "&lt;/script&gt;" in html
    assert drawn(html)["savings"]["data"][0]["text"][0] == name


def test_a_run_without_steps_or_violations_still_has_a_page(tmp_path, synthetic):
    outputs = OutputsConfig(record={"steps": "none", "violations": "none"})
    run = load(synthetic.make_run(tmp_path, outputs=outputs))
    html = outside_plotly(page(run))
    assert "The table steps was not recorded." in html
    assert "The table violations was not recorded." in html


def test_a_run_that_broke_nothing_says_so(tmp_path, synthetic):
    run = load(synthetic.make_run(tmp_path, periods=8))
    assert run.summary["violations"]["count"] == 0
    assert "No network limit was broken." in page(run)


def test_the_money_table_is_shown(made_run):
    run = load(made_run)
    party = {"cost_eur": 1234.5, "utility_only_eur": 1300.0, "change_eur": -65.5}
    run.summary["money"] = {"parties": {"retailer": party}, "notes": ["a < b"]}
    html = page(run)
    assert "<td>retailer</td><td>1,234.50</td><td>1,300.00</td><td>-65.50</td>" in html
    assert "a &lt; b" in html


@pytest.fixture
def long():
    """Two communities over 5,000 periods."""
    count = 5000
    time = pd.date_range("2016-01-01", periods=count, freq="15min", tz="Europe/Berlin")
    value = np.arange(count, dtype=float)
    frame = pd.DataFrame(
        {
            "time": np.repeat(time, 2),
            "period": np.repeat(np.arange(count), 2),
            "load_kwh": np.repeat(value, 2),
            "vm_min_pu": 1.0 - np.repeat(value, 2) / 1e5,
            "price": np.tile([0.1, np.nan], count),
        }
    )
    return Series(frame, 0.25)


def test_long_runs_are_drawn_in_blocks(long):
    power = long.power("load_kwh")
    assert len(power) == len(long.time) == -(-5000 // 3) <= figures.MOST_POINTS
    assert power[0] == pytest.approx(2 * np.mean([0, 1, 2]) / 0.25)
    assert long.extreme("vm_min_pu", "min")[0] == pytest.approx(1.0 - 2e-5, abs=1e-6)
    assert long.mean("price")[0] == pytest.approx(0.1)


def test_a_duration_curve_falls_from_the_peak_to_the_least(long):
    share, power = long.duration("load_kwh")
    assert power[0] == pytest.approx(2 * 4999 / 0.25)
    assert power[-1] == 0.0
    assert all(one >= two for one, two in pairwise(power))
    assert share[-1] == 100.0
