"""Which rule learning is measured against."""

from __future__ import annotations

import pytest

from cosim.benchmarks.learning import cases
from cosim.studies.contenders import Contender, contenders_of
from cosim.studies.start_rules import start_rules
from cosim.studies.study import Study
from cosim.studies.units import units_of
from cosim.studies.windows import windows_of

BOTH = ("reservation", "setpoint")


@pytest.mark.parametrize(
    ("scenario", "policies", "expected"),
    [
        (cases.ELECTRIC, "zip,mf-ppo", ["fixed-reservation:value=0.25", "price-taker:confidence=0"]),
        (cases.HEATED, "mf-q", ["price-taker:confidence=0.7", "price-taker:confidence=0"]),
        (
            cases.ELECTRIC,
            "mf-ppo:start=price-taker,mf-q",
            ["price-taker", "fixed-reservation:value=0.25", "price-taker", "price-taker:confidence=0"],
        ),
        (cases.ELECTRIC, "mf-ppo:start=nothing", ["self-consumption", "self-consumption"]),
    ],
)
def test_it_is_the_one_that_each_learner_starts_from(
    scenario: str, policies: str, expected: list[str]
) -> None:
    contenders = contenders_of([policies], BOTH)
    found = start_rules(cases.reference(scenario), windows_of(2016), contenders)
    learners = [one for one in contenders if one.kind != "zip"]
    assert list(found) == [one.stem for one in learners]
    assert [rule.name for rule in found.values()] == expected
    assert [rule.bidding for rule in found.values()] == [one.bidding for one in learners]
    assert not any(rule.tune for rule in found.values())


def test_rules_have_none() -> None:
    assert start_rules(cases.reference(cases.ELECTRIC), windows_of(2016), contenders_of(["zip"])) == {}


def test_a_study_has_the_rules_of_all_its_learners_each_once() -> None:
    scenario, windows = cases.reference(cases.HEATED), windows_of(2016)
    other = Contender("other", "mf-ac", {"start": "price-taker:confidence=0.5"})
    contenders = [*contenders_of(["zip,mf-ppo,mf-q"]), other]
    study = Study.of(scenario, windows, contenders, [1], rules=start_rules(scenario, windows, contenders))
    assert [study.rule(one).name for one in contenders] == [
        "self-consumption",
        "price-taker:confidence=0.7",
        "price-taker:confidence=0.7",
        "price-taker:confidence=0.5",
    ]
    names = ["price-taker:confidence=0.7", "price-taker:confidence=0.5"]
    assert [rule.name for rule in study.started_from] == names
    kept = [unit.contender.name for unit in units_of(study) if unit.kind == "rule"]
    assert kept == names
