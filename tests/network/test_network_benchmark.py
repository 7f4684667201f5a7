"""That the benchmark runs and tells what it measured; figures are not tested."""

from __future__ import annotations

import pytest

from cosim.benchmarks import network
from cosim.network.grid import Grid


def test_rows_of_the_benchmark(village: Grid, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "_REPETITIONS", 1)
    monkeypatch.setattr(network, "load_grid", lambda config, folder: village)
    rows = network.run()
    assert [row["method"] for row in rows] == [
        "power-grid-model, step by step",
        "power-grid-model, batch",
        "pandapower runpp",
        "pandapower run_timeseries",
    ]
    assert rows[0]["ratio"] == 1.0
    assert all(row["ms_per_step"] > 0 and row["buses"] == 39 for row in rows)
