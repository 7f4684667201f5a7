"""What only a room can find is reported with its line, together with everything else; the account is true."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cosim.devices.base import Device
from cosim.errors import Problem, ScenarioError
from cosim.scenario.account import account_of
from cosim.scenario.check import check

Write = Callable[..., Path]
BUSES = "\n        - LV2.101 Bus 10\n        - LV2.101 Bos 11"


def mistakes(path: Path, *overrides: tuple[str, Any]) -> list[Problem]:
    with pytest.raises(ScenarioError) as caught:
        check(path, overrides)
    return list(caught.value.problems)


def line_of(text: str, part: str) -> int:
    return next(number for number, row in enumerate(text.splitlines(), 1) if part in row)


def test_rooms_and_schema_report_together(write: Write, good: str) -> None:
    text = (
        good.replace("seed: 1", "sead: 1")
        .replace("  name: 1-LV", "  limits: {vm_pu: [0.9, 1.1], line_loading_percent: 100}\n  name: 1-LV")
        .replace("capacity_kwh: 8", "capacity_kwh: -8")
        .replace("  - name: households", f"  - name: households\n    place:\n      buses: {BUSES}")
        .replace("default: zero-intelligence", "default: telepathy")
    )  # fmt: skip
    found = mistakes(write(text))
    assert [problem.line for problem in found] == [
        line_of(text, part) for part in ("sead", "Bos 11", "-8", "telepathy")
    ]
    assert "did you mean 'LV2.101 Bus 11'?" in found[1].remedy


@pytest.mark.parametrize(
    ("old", "new", "at", "message"),
    [
        ("1-LV-rural2--0-sw", "1-LV-rural9--0-sw", "1-LV-rural9", "did you mean"),
        ("name: 1-LV-rural2--0-sw", "source: json\n  name: nowhere.json", "nowhere.json", "no grid file"),
        ("  name: 1-LV", "  step: 25\n  name: 1-LV", "step: 25", "does not fit"),
        ("feed_in: 0.08", "feed_in: 0.40", "feed_in", "0.4"),
        (
            "count: 20",
            "count: 20\n    load: {profile: {source: csv, file: none.csv}}",
            "none.csv",
            "none.csv",
        ),
        ("count: 20", "count: 120\n    place: {in_place_of_loads: true}", "in_place", "99 loads"),
    ],
)
def test_each_room_is_asked(write: Write, good: str, old: str, new: str, at: str, message: str) -> None:
    assert old in good
    text = good.replace(old, new, 1)
    (problem,) = mistakes(write(text))
    assert message in str(problem)
    assert problem.line in (line_of(text, at), line_of(text, at) - 1, line_of(text, at) + 1)


def test_a_price_series_that_is_not_there(write: Write, good: str) -> None:
    (problem,) = mistakes(write(good.replace("feed_in: 0.08", "feed_in: {file: prices.csv}")))
    assert problem.path == "tariffs.default.feed_in.file"
    assert problem.line == line_of(good, "feed_in")
    assert "prices.csv" in str(problem)


def test_a_slack_series_is_read(write: Write, good: str, tmp_path: Path) -> None:
    text = good.replace("  name: 1-LV", "  slack_vm_pu: slack.csv\n  name: 1-LV")
    (problem,) = mistakes(write(text))
    assert (problem.path, problem.line) == ("network.slack_vm_pu", line_of(text, "slack.csv"))
    assert "no such file" in problem.message
    (tmp_path / "slack.csv").write_text("time,vm_pu\n2016-06-15 00:00,1.0\n2016-06-15 01:00,high\n")
    (problem,) = mistakes(write(text))
    assert (problem.file, problem.line) == (tmp_path / "slack.csv", 3)


def test_a_profile_that_is_too_short_or_has_text(write: Write, good: str, tmp_path: Path) -> None:
    rows = [f"2016-06-15T{hour:02d}:00+02:00,0.5" for hour in range(24)]
    (tmp_path / "load.csv").write_text("\n".join(["time,a", *rows[:12]]) + "\n")
    text = good.replace("count: 20", "count: 20\n    load: {profile: {source: csv, file: load.csv}}")
    assert "load.csv" in str(mistakes(write(text))[0])
    rows[5] = rows[5].replace("0.5", "much")
    (tmp_path / "load.csv").write_text("\n".join(["time,a", *rows]) + "\n")
    (problem,) = mistakes(write(text))
    assert problem.file == tmp_path / "load.csv"
    assert problem.line == 7


def test_prosumers_on_a_bus_that_nothing_feeds(write: Write, good: str, tmp_path: Path) -> None:
    pandapower = pytest.importorskip("pandapower")
    net = pandapower.create_empty_network()
    buses = [pandapower.create_bus(net, 0.4, name=f"bus {name}") for name in ("a", "b", "island")]
    pandapower.create_ext_grid(net, buses[0])
    pandapower.create_line(net, buses[0], buses[1], 0.1, "NAYY 4x150 SE")
    pandapower.to_json(net, str(tmp_path / "grid.json"))
    text = good.replace("name: 1-LV-rural2--0-sw", "source: json\n  name: grid.json").replace(
        "count: 20", "count: 20\n    place: {buses: [bus b, bus island]}"
    )
    (problem,) = mistakes(write(text))
    assert "isolated" in problem.message
    assert problem.line == line_of(text, "bus island")


def test_the_account_of_a_good_scenario(write: Write, good: str) -> None:
    account = account_of(check(write(good)))
    rows = dict(account.rows)
    assert rows["prosumers"] == "20 (20 households)"
    assert rows["devices"].startswith("10 pv (")
    assert "5 battery (40 kWh)" in rows["devices"]
    assert "97 buses" in rows["grid"]
    assert rows["load"].startswith("3,500 kWh a year per household")
    assert "the grid file" in rows["limit: overvoltage"]
    assert 0.15 < float(rows["coincidence"].split()[0]) < 0.6
    assert account.warnings == ()


def test_implausible_energy_is_a_warning(write: Write, good: str) -> None:
    facts = check(write(good), [("groups[0].load", {"annual_energy_kwh": 90_000})])
    assert any("20 of 20 loads are outside" in warning for warning in account_of(facts).warnings)


HEAT = "weather: {source: demandlib, region: 4}\nheat: {loop: {loss_factor: 0.1}}\npolicies:"


@pytest.mark.parametrize(
    ("devices", "more", "warning"),
    [
        ("heat_demand: {}\n      electric_heater: {}", HEAT, ""),
        ("building: {}\n      heat_demand: {annual_heat_kwh: 0}\n      electric_heater: {}", HEAT, ""),
        (
            "building: {}\n      heat_demand: {}\n      electric_heater: {}",
            HEAT,
            "20 prosumers have a building",
        ),
        ("heat_demand: {}", HEAT, "20 prosumers need heat and have no source of their own: what the loop"),
        ("heat_demand: {}\n      electric_heater: {share: 0.25}", HEAT, "15 prosumers need heat"),
        ("battery: {capacity_kwh: 8}", "market: {gate_closure: 24}\npolicies:", "nothing is traded"),
    ],
)
def test_what_is_odd_about_heat_and_gates_is_a_warning(
    write: Write, good: str, devices: str, more: str, warning: str
) -> None:
    text = good.replace("battery: {share: 0.5, of: pv, capacity_kwh: 8}", devices).replace("policies:", more)
    found = account_of(check(write(text))).warnings
    assert len(found) == bool(warning)
    assert warning in "".join(found)


def test_a_broken_weather_is_reported_once(write: Write, good: str) -> None:
    weather = "weather: {source: csv, file: none.csv, latitude_deg: 52, longitude_deg: 13, temperature_c: T}"
    text = good.replace("peak_kw: {", "profile: {source: pvlib}, peak_kw: {") + weather
    (problem,) = mistakes(write(text))
    assert problem.line == line_of(text, "none.csv")


def test_a_loop_of_no_group_is_refused(write: Write, good: str) -> None:
    (problem,) = mistakes(write(good + "heat: {loop: {groups: []}}"))
    assert "at least 1 needed" in problem.message


def test_a_parameter_of_a_policy_at_the_wrong_level(write: Write, good: str) -> None:
    (problem,) = mistakes(
        write(good.replace("default: zero-intelligence", "default: {kind: price-taker, horizon_hours: 12}"))
    )
    assert "parameter of the policy price-taker (write it below `parameters`)" in str(problem)


class Mute(Device):
    """A device that says nothing of itself."""


def test_a_device_that_says_too_little_of_itself(write: Write, good: str) -> None:
    (problem,) = mistakes(
        write(good.replace("battery: {", f"{__name__}:Mute: {{").replace(" capacity_kwh: 8", ""))
    )
    assert "does not say its kind, summary, Config, role" in str(problem)


def test_a_run_is_a_whole_number_of_power_flows(tmp_path: Path) -> None:
    file = Path(__file__).resolve().parents[2] / "scenarios" / "quickstart.yaml"
    with pytest.raises(ScenarioError, match="60 min does not fit a run of 75 min"):
        check(file, [("network.step", 60), ("horizon.duration", "75 minutes")])
