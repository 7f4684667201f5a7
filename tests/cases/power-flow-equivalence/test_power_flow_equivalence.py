"""Both solvers give the same flow on published grids; README.md says where the expected values come from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosim.network.config import NetworkConfig
from cosim.network.grid import Grid, load_grid
from cosim.network.solver import create

HERE = Path(__file__).parent
CASE: dict[str, Any] = json.loads((HERE / "case.json").read_text())
ROOT = HERE.parents[2]


def injections(grid: Grid, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Random power at the fed low-voltage side buses, in sum a random share of the transformers' rating."""
    buses = len(grid.buses.name)
    share = rng.uniform(-1, 1) * CASE["largest_share_of_transformer_rating"]
    weight = rng.dirichlet(np.ones(buses)) * grid.buses.fed
    p_kw = share * grid.transformers.sn_kva.sum() * weight
    # scattered feed-in on top, so that flows turn round along the feeders
    p_kw += grid.buses.fed * rng.normal(0, 0.002 * grid.transformers.sn_kva.sum(), buses)
    return p_kw, p_kw * rng.uniform(-0.3, 0.5, buses)


@pytest.mark.parametrize("entry", CASE["grids"], ids=lambda entry: entry["name"])
def test_fast_solver_equals_pandapower(
    entry: dict[str, str], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
    config = NetworkConfig(source=entry["source"], name=entry["name"])  # type: ignore[arg-type]  # from JSON
    grid = load_grid(config, ROOT)
    fast = create(grid, config)
    reference = create(grid, config.model_copy(update={"solver": "pandapower"}))
    rng = np.random.default_rng(CASE["seed"])
    tolerance = CASE["tolerance"]
    converged = 0
    for number in range(CASE["injections"]):
        p_kw, q_kvar = injections(grid, rng)
        slack = None if number % 2 else float(rng.uniform(0.97, 1.05))
        ours, theirs = fast.solve(p_kw, q_kvar, slack), reference.solve(p_kw, q_kvar, slack)
        assert ours.converged == theirs.converged
        if not ours.converged:
            continue
        converged += 1
        assert np.isfinite(ours.vm_pu[grid.buses.fed]).all()
        close = {"rtol": 0, "equal_nan": True}
        np.testing.assert_allclose(ours.vm_pu, theirs.vm_pu, atol=tolerance["vm_pu"], **close)
        loading = {"atol": tolerance["loading_percent"], **close}
        np.testing.assert_allclose(ours.line_loading_percent, theirs.line_loading_percent, **loading)
        np.testing.assert_allclose(ours.trafo_loading_percent, theirs.trafo_loading_percent, **loading)
        power = tolerance["power_kw_per_mva"] * grid.transformers.sn_kva.sum() / 1e3
        assert ours.slack_kw == pytest.approx(theirs.slack_kw, abs=power)
        assert ours.losses_kw == pytest.approx(theirs.losses_kw, abs=power)
    assert converged >= CASE["injections"] - 2
