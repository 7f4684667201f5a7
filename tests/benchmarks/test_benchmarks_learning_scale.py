"""How growth is measured, and when a size is left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cosim.benchmarks.learning import cases
from cosim.benchmarks.learning import scale as room
from cosim.benchmarks.learning.cases import QUICK, Extent, Variant, variants
from cosim.benchmarks.learning.scale import Size, Sized, expected, exponent, measure_all, out_of_reach
from cosim.policies import create
from cosim.policies.sample import sample_spec
from cosim.simulation.processes import Message


def row(prosumers: int, **values: float) -> dict[str, Any]:
    plain = {"learn_s_per_day": 1.0, "act_s_per_day": 0.0, "peak_mb": 500.0, "critic_width": None}
    return {"prosumers": prosumers, "parameters": 10, **plain, **values}


def test_growth_is_the_power_between_the_last_two_sizes() -> None:
    rows = [row(10, learn_s_per_day=99.0), row(30, learn_s_per_day=2.0), row(300, learn_s_per_day=200.0)]
    assert exponent(rows, "learn_s_per_day") == pytest.approx(2.0)
    assert expected(rows, "learn_s_per_day", 3000) == pytest.approx(20_000.0)
    assert exponent(rows, "parameters") == 0.0
    assert exponent(rows, "critic_width") is None and exponent(rows[:1], "learn_s_per_day") is None


def test_what_is_out_of_reach_is_left_out_and_its_growth_says_why() -> None:
    slow = [row(100, learn_s_per_day=10.0), row(300, learn_s_per_day=90.0)]
    assert out_of_reach(slow, 1000, 6, 1e5) == "learning grew as n^2.00: 1,000 s a day expected"
    assert out_of_reach(slow, 1000, 1, 1e5) == ""  # one day of 1,000 s is within half an hour
    large = [row(100, peak_mb=1_000.0), row(300, peak_mb=3_000.0)]
    assert out_of_reach(large, 1000, 6, 12_000.0) == "memory grew as n^1.00: 10.0 GB expected"
    assert out_of_reach(large, 1000, 6, 20_000.0) == ""
    assert out_of_reach([], 1000, 6, 1.0) == ""


def test_a_learner_is_measured() -> None:
    (first, *_) = variants("mf-ppo")
    found = Size(first, 10, 1, 1).measure(lambda done: None)
    assert found["prosumers"] == 10 and found["parameters"] > 1000
    assert found["learn_s_per_day"] > 0.0 and found["act_s_per_day"] > 0.0
    per_period = found["learn_s_per_day"] / 48 / 10 * 1e6
    assert found["learn_us_per_prosumer_period"] == pytest.approx(per_period)


def test_sizes_are_kept_and_failures_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []

    def run_all(works: Any, at_once: int, tell: Any) -> list[Message]:
        (work,) = works
        called.append(work.size.name)
        if work.size.prosumers == 30:
            return [Message(0, "failed", lines=("its critics would take 99 GiB",), exit_code=1)]
        monkeypatch.setattr(Size, "measure", lambda size, tell: row(size.prosumers))
        work(lambda done: None)
        return [Message(0, "done")]

    monkeypatch.setattr(room, "run_all", run_all)
    monkeypatch.setattr(cases, "variants", lambda kind: [Variant(kind)])
    extent = Extent(learners=("mf-ppo",), sizes=(30, 10), scale_days=1, warm_up_days=1)
    said: list[str] = []
    for _ in range(2):
        (found,) = measure_all(extent, tmp_path, said.append)
        assert [one["prosumers"] for one in found.rows] == [10]
        assert found.missing == {30: "its critics would take 99 GiB"}
    assert called == [f"scale.mf-ppo_reservation_{n}" for n in (10, 30, 30)]
    assert "scale.mf-ppo_reservation_10: was computed before" in said
    assert QUICK.scale_days == 1


@pytest.mark.parametrize("kind", ["mf-ppo", "mf-q", "mf-ac", "mf-td3", "da-maddpg"])
def test_what_a_critic_reads_does_not_grow_with_the_others(kind: str) -> None:
    spec, widths = sample_spec(devices=("battery",)), set()
    for n in (3, 30):
        learner = create(kind, spec, n, 1)
        assert isinstance(learner, Sized)
        widths.add(learner.critic_width)
    assert len(widths) == 1 and min(widths) > len(spec.mean_field)


def test_the_critic_of_maddpg_grows_with_the_others() -> None:
    widths = [create("maddpg", sample_spec(devices=("battery",)), n, 1).critic_width for n in (3, 6, 9)]  # type: ignore[attr-defined]
    assert widths[2] - widths[1] == widths[1] - widths[0] > 3
