"""From a file to a scenario, or to every mistake in it with its line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cosim.core.config import Config, setting
from cosim.devices.base import Device
from cosim.errors import Problem, ScenarioError
from cosim.policies.contract import Policy
from cosim.scenario.load import load, load_scenario
from cosim.scenario.schema import Scenario

Write = Callable[..., Path]


def mistakes(path: Path, *overrides: tuple[str, Any], **options: Any) -> list[Problem]:
    with pytest.raises(ScenarioError) as caught:
        load(path, overrides, **options)
    return list(caught.value.problems)


def line_of(text: str, part: str) -> int:
    return next(number for number, row in enumerate(text.splitlines(), 1) if part in row)


def test_a_good_file_gives_a_scenario_with_defaults(write: Write, good: str) -> None:
    path = write(good)
    scenario = load_scenario(path)
    assert scenario.horizon.duration == timedelta(days=1)
    assert scenario.horizon.zone == "Europe/Berlin"
    assert scenario.horizon.periods == 24
    assert scenario.market.values()["rounds"] == 1
    assert scenario.folder == path.parent
    assert scenario.groups[0].devices["pv"].share == 0.5  # type: ignore[attr-defined]  # the class is made from the plug-in's Config
    assert scenario.groups[0].load.annual_energy_kwh == 3500.0
    assert scenario.policies["default"].kind == "zero-intelligence"


def test_five_mistakes_five_messages_five_lines(write: Write, good: str) -> None:
    text = (
        good.replace("duration: 1 day", "duratoin: 1 day")
        .replace("step_minutes: 60", "step_minutes: 7")
        .replace("feed_in: 0.08", "feed_in: cheap")
        .replace("capacity_kwh: 8", "capacity_kwh: -8")
        .replace("zero-intelligence", "zero-inteligence")
    )
    found = mistakes(write(text))
    assert [problem.line for problem in found] == [
        line_of(text, part) for part in ("duratoin", "step_minutes", "cheap", "-8", "zero-inteligence")
    ]
    assert [problem.path for problem in found] == [
        "horizon.duratoin",
        "horizon.step_minutes",
        "tariffs.default.feed_in",
        "groups[0].devices.battery.capacity_kwh",
        "policies.default.kind",
    ]
    assert "did you mean 'duration'?" in found[0].remedy
    assert "did you mean 'zero-intelligence'?" in found[4].remedy


PEAK = "groups[0].devices.pv.peak_kw"
BAND = "network.limits.vm_pu"
LOAD = "groups[0].load.profile"
NOBODY = "prosumers.households-020"
SPEED = "policies.default.parameters.speed"
START, DURATION = "horizon.start", "horizon.duration"
YEARS = "is not between 1900 and 2200"
ODD_STEP = "every 7 min does not fit settlement periods of 60"
TWO_PLACES = "place: {spread: true, buses: [LV2.101 Bus 4]}"
SPEEDY = "{kind: zip, parameters: {speed: 3}}"


@pytest.mark.parametrize(
    ("old", "new", "message", "path"),
    [
        ("seed: 1", "sede: 1", "unknown key 'sede' (did you mean 'seed'?)", "sede"),
        ("seed: 1", "seed: 1.5", "1.5 is not a whole number", "seed"),
        ("seed: 1", "seed: true", "true is not what belongs here", "seed"),
        ("seed: 1", "seed:", "a whole number was expected, nothing is there", "seed"),
        ("seed: 1", "seed: -1", "-1 must be at least 0", "seed"),
        ("name: small", "name: ../../etc/passwd", "characters that a name may not have", "name"),
        ("name: small", "name: 5", '5 is not text (quote it: "5")', "name"),
        ("name: households", "name: a/b", "characters that a name may not have", "groups[0].name"),
        ("duration: 1 day", "duration: 1 dya", "'1 dya' is not a duration", DURATION),
        ("duration: 1 day", "duration: 90 minutes", "not a whole number of steps", DURATION),
        ("start: 2016-06-15 00:00", "start: tomorrow", "'tomorrow' is not a date and time", START),
        ("start: 2016-06-15 00:00", "start: 2016-06-15T00:00Z", "name the zone in `zone`", START),
        ("start: 2016-06-15 00:00", "start: 2016-03-27 02:00", "does not exist in Europe/Berlin", START),
        ("start: 2016-06-15 00:00", "start: 0001-01-01 00:00", YEARS, START),
        ("start: 2016-06-15 00:00", "start: 9999-12-31 00:00", YEARS, START),
        ("step_minutes: 60", "zone: ../../etc/passwd", "... and", "horizon.zone"),
        ("  name: 1-LV", "  step: 7\n  name: 1-LV", ODD_STEP, "network.step"),
        ("  name: 1-LV", "  limits: {vm_pu: [0.9]}\n  name: 1-LV", "number 2 of the list", f"{BAND}[1]"),
        ("seed: 1", "seed: 4294967296", "must be below 4294967296", "seed"),
        ("count: 20", "count: 20\n    place: {spread: false}", "valid: true", "groups[0].place.spread"),
        ("count: 20", f"count: 20\n    {TWO_PLACES}", "does not go with", "groups[0].place.buses"),
        ("step_minutes: 60", "zone: Europe/Berlim", "did you mean 'Europe/Berlin'?", "horizon.zone"),
        ("count: 20", "count: 0", "0 must be at least 1", "groups[0].count"),
        ("count: 20", "count: many", "'many' is not a whole number", "groups[0].count"),
        ("pv: {share: 0.5", "pv: {share: 1.5", "1.5 must be at most 1", "groups[0].devices.pv.share"),
        ("uniform: [4, 10]", "uniform: [10, 4]", "upside down", PEAK),
        ("uniform: [4, 10]", "uniform: [-4, 10]", "-4 is below the lowest", PEAK),
        ("uniform: [4, 10]", "unifrom: [4, 10]", "did you mean 'uniform'?", f"{PEAK}.unifrom"),
        ("pv: {", "pvv: {", "unknown device 'pvv' (did you mean 'pv'?", "groups[0].devices.pvv"),
        ("of: pv", "of: ev", "no other device 'ev'", "groups[0].devices.battery.of"),
        ("of: pv", "of: battery", "itself", "groups[0].devices.battery.of"),
        ("retail: 0.30", "retial: 0.30", "did you mean 'retail'?", "tariffs.default.retial"),
        ("feed_in: 0.08", "", "'feed_in' is missing", "tariffs.default.feed_in"),
        ("  name: 1-LV", "  limits: {vm_pu: [1.1, 0.9]}\n  name: 1-LV", "upside down", BAND),
        ("  name: 1-LV", "  source: simbnech\n  name: 1-LV", "valid: simbench", "network.source"),
        ("count: 20", "count: 20\n    policy: learner", "'policies' has no 'learner'", "groups[0].policy"),
        ("count: 20", "count: 20\n    tariff: green", "'tariffs' has no 'green'", "groups[0].tariff"),
        ("count: 20", "count: 20\n    place: {bus: [a]}", "did you mean 'buses'?", "groups[0].place.bus"),
        ("count: 20", "count: 20\n    place: rooftop", "a place is", "groups[0].place"),
        ("count: 20", "count: 20\n    load: {profile: {source: csb}}", "'csb' is not", f"{LOAD}.source"),
        ("policies:", "prosumers: {households-020: {}}\npolicies:", "to households-019", NOBODY),
        ("  default: zero", f"  default: {SPEEDY}\n  b: zero", "unknown key 'speed'", SPEED),
    ],
)  # fmt: skip
def test_one_mistake_one_message(
    write: Write, good: str, old: str, new: str, message: str, path: str
) -> None:
    assert old in good
    text = good.replace(old, new, 1)
    (problem,) = mistakes(write(text))
    assert message in str(problem)
    assert problem.path == path
    assert problem.file is not None
    if path.rpartition(".")[2] in new:
        assert problem.line == line_of(text, new.splitlines()[-1].strip()) or problem.line == line_of(
            text, new.splitlines()[0].strip()
        )


def test_two_groups_of_one_name(write: Write, good: str) -> None:
    text = good.replace("policies:", "  - {name: households, count: 2}\npolicies:")
    (problem,) = mistakes(write(text))
    assert "two groups are called 'households'" in problem.message
    assert problem.line == line_of(text, "groups:")


def test_overrides_change_what_the_file_says(write: Write, good: str) -> None:
    path = write(good)
    scenario = load_scenario(
        path,
        [
            ("market.parameters.rounds", 3),
            ("groups[0].count", 7),
            ("groups.households.devices.pv.share", 0.25),
        ],
        seed=9,
        days=0.5,
    )
    assert (scenario.market.values()["rounds"], scenario.groups[0].count, scenario.seed) == (3, 7, 9)
    assert scenario.groups[0].devices["pv"].share == 0.25  # type: ignore[attr-defined]  # as above
    assert scenario.horizon.periods == 12


def test_overrides_lead_into_names_that_stand_alone(write: Write, good: str) -> None:
    """A policy or market that is written as a mere name is short for one without parameters."""
    path = write(good)
    scenario = load_scenario(
        path,
        [
            ("policies.default", "fixed-reservation"),
            ("policies.default.parameters.value", 0.3),
            ("market", "double-auction"),
            ("market.parameters.rounds", 2),
        ],
    )
    assert scenario.policies["default"].kind == "fixed-reservation"
    assert scenario.policies["default"].values()["value"] == 0.3
    assert scenario.market.values()["rounds"] == 2
    (problem,) = mistakes(path, ("policies.default", "zip"), ("policies.default.parameters.value", 0.3))
    assert problem.path.startswith("--set policies.default") and "'value'" in str(problem)


def test_wrong_overrides_are_named_as_they_were_written(write: Write, good: str) -> None:
    found = mistakes(
        write(good),
        ("market.parameters.rouds", 3),
        ("groups.villas.count", 3),
        ("groups[4].count", 3),
        ("seed.deeper", 3),
        ("groups.households.count", "many"),
        days=-1,
    )
    text = {problem.path: str(problem) for problem in found}
    assert "did you mean 'rounds'?" in text["--set market.parameters.rouds"]
    assert "no item called 'villas'" in text["--set groups.villas.count"]
    assert "counted from 0 to 0" in text["--set groups[4].count"]
    assert 'nothing inside (set it as a whole: --set "seed={deeper: 3}")' in text["--set seed.deeper"]
    assert "'many' is not a whole number" in text["--set groups.households.count"]
    assert "not a duration" in text["--days"]
    assert all(problem.line is None for problem in found)


def test_scenarios_cannot_be_changed(write: Write, good: str) -> None:
    scenario = load_scenario(write(good))
    with pytest.raises(ValueError, match="frozen"):
        scenario.seed = 2  # type: ignore[misc]  # that is the point


class WindConfig(Config):
    """A wind turbine."""

    rotor_m: float = setting(unit="m", about="Diameter.", gt=0)


class Wind(Device):
    """A device kind of somebody else."""

    kind = "wind"
    summary = "a wind turbine"
    role = "generation"
    Config = WindConfig


class QuietConfig(Config):
    """Parameters of a policy of somebody else."""

    patience: int = setting(3, about="Rounds to wait.", ge=0)


class Quiet(Policy):
    """A policy of somebody else."""

    name = "quiet"
    Config = QuietConfig


@pytest.fixture
def plug_in(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    import types

    module = types.ModuleType("their_package")
    module.Wind, module.Quiet, module.Nothing = Wind, Quiet, object()  # type: ignore[attr-defined]  # made here
    monkeypatch.setitem(sys.modules, "their_package", module)


@pytest.mark.usefixtures("plug_in")
def test_plug_ins_are_checked_by_their_own_settings(write: Write, good: str) -> None:
    text = good.replace("      pv:", "      their_package:Wind: {share: 0.1, rotor_m: 3}\n      pv:").replace(
        "default: zero-intelligence", "default: {kind: their_package:Quiet, parameters: {patience: 5}}"
    )
    scenario = load_scenario(write(text))
    assert scenario.groups[0].devices["their_package:Wind"].rotor_m == 3.0  # type: ignore[attr-defined]  # as above
    assert scenario.policies["default"].values() == {"patience": 5}
    assert Scenario.model_validate(scenario.model_dump(mode="json")) == scenario
    wrong = text.replace("rotor_m: 3", "rotor_m: -3").replace("patience: 5", "patienc: 5")
    found = mistakes(write(wrong))
    assert [problem.path for problem in found] == [
        "groups[0].devices.their_package:Wind.rotor_m",
        "policies.default.parameters.patienc",
    ]


@pytest.mark.usefixtures("plug_in")
def test_plug_ins_that_are_not_there_are_named(write: Write, good: str) -> None:
    text = good.replace("      pv:", "      nowhere:Wind: {}\n      their_package:Wnd: {}\n      pv:")
    first, second = mistakes(write(text))
    assert "cannot import 'nowhere'" in first.message
    assert "did you mean 'Wind'?" in second.remedy
