"""A resolved scenario loads as an equal one, from any folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.scenario.horizon import duration_text, parse_duration
from cosim.scenario.load import load_scenario
from cosim.scenario.overrides import parse_override
from cosim.scenario.resolved import resolved_text

SHIPPED = sorted((Path(__file__).parents[2] / "scenarios").glob("*.yaml"))


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_round_trip_of_every_shipped_scenario(file: Path, tmp_path: Path) -> None:
    scenario = load_scenario(file)
    copy = tmp_path / "elsewhere" / "scenario.yaml"
    copy.parent.mkdir()
    copy.write_text(resolved_text(scenario), encoding="utf-8")
    again = load_scenario(copy)
    assert again == scenario
    assert again.base == file.parent.resolve()
    assert resolved_text(again) == resolved_text(scenario)
    assert again.digest() == scenario.digest()


def test_defaults_are_written_out(write: Callable[..., Path], good: str) -> None:
    text = resolved_text(load_scenario(write(good)))
    for part in (
        "rounds: 1",
        "solver: power-grid-model",
        "annual_energy_kwh: 3500.0",
        "charge_efficiency: 0.95",
    ):
        assert part in text


def test_the_digest_tells_what_matters(write: Callable[..., Path], good: str, tmp_path: Path) -> None:
    path = write(good)
    scenario = load_scenario(path)
    moved = tmp_path / "moved"
    moved.mkdir()
    assert load_scenario(shutil.copy(path, moved)).digest() == scenario.digest()
    assert load_scenario(path, seed=2).digest() != scenario.digest()


@given(st.integers(1, 60 * 24 * 400))
def test_durations_survive_as_text(minutes: int) -> None:
    duration = timedelta(minutes=minutes)
    assert parse_duration(duration_text(duration)) == duration


@pytest.mark.parametrize(
    ("text", "hours"),
    [("2 days", 48), ("36 hours", 36), ("1 week", 168), (0.25, 6), ("90minutes", 1.5), ("1.5 days", 36)],
)
def test_durations_in_words(text: object, hours: float) -> None:
    assert parse_duration(text) == timedelta(hours=hours)


def test_overrides_are_read_as_yaml() -> None:
    assert parse_override("a.b=3") == ("a.b", 3)
    assert parse_override("a.b=x=y") == ("a.b", "x=y")
    assert parse_override("a={uniform: [1, 2]}") == ("a", {"uniform": [1, 2]})
