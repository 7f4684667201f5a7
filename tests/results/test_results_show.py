"""Results in words: numbers for people, names as they are."""

from __future__ import annotations

import io
import math

import pandas as pd
import pytest
from rich.console import Console

from cosim.results import show
from cosim.results.read import load


def text(renderable) -> str:
    console = Console(file=io.StringIO(), width=120)
    console.print(renderable)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("value", "decimals", "unit", "expected"),
    [
        (1234.567, 1, "kWh", "1,234.6 kWh"),
        (None, 1, "kWh", "-"),
        (math.nan, 1, "", "-"),
        (-0.0001, 2, "EUR", "0.00 EUR"),
        (-12.5, 1, "", "-12.5"),
        (0.0, 0, "", "0"),
    ],
)
def test_numbers_for_people(value, decimals, unit, expected):
    assert show.number(value, decimals, unit) == expected


def test_changes_carry_a_sign_unless_there_is_none():
    assert show.number(3.0, 1, sign=True) == "+3.0"
    assert show.number(-3.0, 1, sign=True) == "-3.0"
    assert show.number(0.0, 1, sign=True) == "0.0"


def test_the_summary_says_what_was_saved_and_traded(made_run):
    summary = load(made_run).summary
    shown = text(show.summary(summary))
    assert "made-up: 4 prosumers, 96 periods" in shown
    assert f"{summary['cost']['cost_eur']:,.2f} EUR" in shown
    assert "90.0 %" in shown
    assert "192 steps/s" in shown
    assert f"broken in {summary['violations']['hours']:.2f} hours" in shown


def test_a_run_that_broke_nothing_says_so():
    assert show.limits({"count": 0, "hours": 0.0, "kinds": {}}) == "No network limit was broken."


def test_broken_limits_name_the_worst_element():
    found = {
        "count": 3,
        "hours": 0.5,
        "kinds": {
            "line_overload": {
                "hours": 0.5,
                "episodes": 1,
                "elements": 2,
                "worst": {
                    "name": "line [4]",
                    "value": 131.2,
                    "limit": 100.0,
                    "time": "2016-01-07T18:15:00+01:00",
                },
            }
        },
    }
    shown = text(show.limits(found))
    assert "broken in 0.50 hours" in shown
    assert "line [4]" in shown
    assert "131.2 %" in shown
    assert "2016-01-07 18:15" in shown


def test_the_money_table_shows_parties_gain_and_transfers():
    party = {"cost_eur": 10.0, "utility_only_eur": 12.0, "change_eur": -2.0}
    shown = text(
        show.money(
            {
                "parties": {"prosumers": party},
                "saving_eur": 2.0,
                "gain_eur": {"energy": 0.5},
                "transfer_eur": {"retailer": 1.5},
                "notes": ["losses are unknown"],
            }
        )
    )
    assert "-2.00" in shown
    assert "gain 0.50 + transfers 1.50 (retailer 1.50)" in shown
    assert "Note: losses are unknown" in shown


def test_long_frames_are_cut_and_said_to_be():
    frame = pd.DataFrame({"community": ["a"] * 9, "name": ["[red]bus[/red]"] * 9, "value": [1.05] * 9})
    shown = text(show.violations(frame, "Worst", ("name", "value"), most=4))
    assert shown.count("[red]bus[/red]") == 4
    assert "... and 5 more" in shown
    assert "community" not in shown


def test_values_carry_the_unit_of_their_kind():
    frame = pd.DataFrame(
        {"community": "a", "kind": ["overvoltage", "line_overload"], "value": [1.05678, 131.26]}
    )
    shown = text(show.violations(frame, "Worst", ("kind", "value")))
    assert "1.0568 pu" in shown
    assert "131.3 %" in shown


def test_several_communities_are_told_apart():
    frame = pd.DataFrame({"community": ["a", "b"], "name": ["bus", "bus"], "value": [1.05, 1.06]})
    assert "community" in text(show.violations(frame, "Worst", ("name", "value")))
