from __future__ import annotations

import pytest
from pydantic import ValidationError

from cosim.network.config import LimitsConfig, NetworkConfig, check_step


def test_band_upside_down_is_an_error() -> None:
    with pytest.raises(ValidationError, match="upside down"):
        LimitsConfig(vm_pu=(1.1, 0.9))


def test_negative_band_is_an_error() -> None:
    with pytest.raises(ValidationError, match="negative"):
        LimitsConfig(vm_pu=(-0.1, 0.9))


@pytest.mark.parametrize("value", [0.0, -1.0, 400.0])
def test_slack_voltage_is_in_pu(value: float) -> None:
    with pytest.raises(ValidationError):
        NetworkConfig(slack_vm_pu=value)


def test_slack_voltage_may_be_a_file() -> None:
    assert NetworkConfig(slack_vm_pu="slack.csv").slack_vm_pu == "slack.csv"


@pytest.mark.parametrize("step", [None, 15, 30, 60, 5, 3])
def test_multiples_and_divisors_of_the_step_fit(step: int | None) -> None:
    assert check_step(NetworkConfig(step=step), 15) == []


def test_other_steps_do_not_fit() -> None:
    (problem,) = check_step(NetworkConfig(step=20), 15)
    assert "20 min" in problem.message
    assert "for example 15" in problem.remedy
