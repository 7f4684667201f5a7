"""Which rule learning is measured against."""

from __future__ import annotations

import pytest

from cosim.benchmarks.learning import cases
from cosim.studies.contenders import contenders_of
from cosim.studies.start_rules import start_rules
from cosim.studies.windows import windows_of

BOTH = ("reservation", "setpoint")


@pytest.mark.parametrize(
    ("scenario", "policies", "expected"),
    [
        (cases.ELECTRIC, "zip,mf-ppo", ["fixed-reservation:value=0.25", "price-taker:confidence=0"]),
        (cases.HEATED, "mf-q", ["price-taker:confidence=0.7", "price-taker:confidence=0"]),
        (cases.ELECTRIC, "mf-ppo:start=price-taker,mf-q", ["price-taker", "price-taker"]),
        (cases.ELECTRIC, "mf-ppo:start=nothing", ["self-consumption", "self-consumption"]),
    ],
)
def test_it_is_the_one_that_the_first_learner_of_a_bidding_mode_starts_from(
    scenario: str, policies: str, expected: list[str]
) -> None:
    found = start_rules(cases.reference(scenario), windows_of(2016), contenders_of([policies], BOTH))
    assert [rule.name for rule in found] == expected
    assert [rule.bidding for rule in found] == list(BOTH)
    assert not any(rule.tune for rule in found)


def test_without_learners_it_is_self_consumption() -> None:
    (rule,) = start_rules(cases.reference(cases.ELECTRIC), windows_of(2016), contenders_of(["zip"]))
    assert (rule.kind, rule.tune) == ("self-consumption", False)
