from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from cosim.core.records import Flow
from cosim.network.config import LimitsConfig
from cosim.network.grid import Grid
from cosim.network.limits import Limits, find, resolve
from cosim.network.solver import diverged


def flow_of(grid: Grid, **changes: object) -> Flow:
    quiet = Flow(
        converged=True,
        vm_pu=np.ones(len(grid.buses.name)),
        line_loading_percent=np.full(len(grid.lines.name), 20.0),
        trafo_loading_percent=np.full(len(grid.transformers.name), 20.0),
        slack_kw=0.0,
        losses_kw=0.0,
    )
    return dataclasses.replace(quiet, **changes)  # type: ignore[arg-type]  # any field


def without_limits(grid: Grid) -> Grid:
    return dataclasses.replace(
        grid,
        buses=dataclasses.replace(
            grid.buses,
            vm_min_pu=np.full_like(grid.buses.vm_min_pu, np.nan),
            vm_max_pu=np.full_like(grid.buses.vm_max_pu, np.nan),
        ),
        lines=dataclasses.replace(grid.lines, max_loading_percent=np.full(len(grid.lines.name), np.nan)),
    )


def test_limits_of_the_grid_file_element_by_element(village: Grid) -> None:
    limits = resolve(village, LimitsConfig())
    slack = village.sources.bus
    assert limits.vm_min_pu[slack].tolist() == [0.95]
    assert set(np.delete(limits.vm_min_pu, slack)) == {0.9}
    assert limits.sources["overvoltage"] == "the grid file (1.05 to 1.1 pu)"
    assert limits.sources["line_overload"] == "the grid file (100 %)"


def test_the_scenario_comes_first(village: Grid) -> None:
    config = LimitsConfig(vm_pu=(0.96, 1.04), line_loading_percent=80, transformer_loading_percent=120)
    limits = resolve(village, config)
    assert set(limits.vm_min_pu) == {0.96}
    assert set(limits.vm_max_pu) == {1.04}
    assert set(limits.line_percent) == {80.0}
    assert set(limits.trafo_percent) == {120.0}
    assert limits.sources == {
        "undervoltage": "the scenario (0.96 pu)",
        "overvoltage": "the scenario (1.04 pu)",
        "line_overload": "the scenario (80 %)",
        "transformer_overload": "the scenario (120 %)",
    }


def test_en_50160_comes_last(village: Grid) -> None:
    limits = resolve(without_limits(village), LimitsConfig())
    assert set(limits.vm_min_pu) == {0.9}
    assert set(limits.vm_max_pu) == {1.1}
    assert set(limits.line_percent) == {100.0}
    assert limits.sources["undervoltage"] == "EN 50160 (0.9 pu)"
    assert limits.sources["line_overload"] == "the rated current (100 %)"


def test_a_file_that_is_silent_on_some_elements_is_filled_and_told(village: Grid) -> None:
    limited = village.buses.vm_min_pu.copy()
    limited[:4] = np.nan
    grid = dataclasses.replace(village, buses=dataclasses.replace(village.buses, vm_min_pu=limited))
    limits = resolve(grid, LimitsConfig())
    assert np.isfinite(limits.vm_min_pu).all()
    assert "for 35, EN 50160 (0.9 pu) for 4" in limits.sources["undervoltage"]


def test_nothing_broken_gives_no_rows(village: Grid) -> None:
    assert len(find(flow_of(village), resolve(village, LimitsConfig()), village.elements)) == 0


def test_every_kind_in_order_with_names_and_excess(village: Grid) -> None:
    vm_pu = np.ones(len(village.buses.name))
    vm_pu[[7, 3, 20]] = [0.85, 1.13, 0.899]
    line = np.full(len(village.lines.name), 50.0)
    line[5] = 130.0
    flow = flow_of(village, vm_pu=vm_pu, line_loading_percent=line, trafo_loading_percent=np.array([101.0]))
    found = find(flow, resolve(village, LimitsConfig()), village.elements)
    assert found.kind.tolist() == [
        "undervoltage",
        "undervoltage",
        "overvoltage",
        "line_overload",
        "transformer_overload",
    ]
    assert found.element.tolist() == [7, 20, 3, 5, 0]
    assert found.name.tolist() == [
        *village.buses.name[[7, 20, 3]],
        village.lines.name[5],
        "Village transformer",
    ]
    assert found.value == pytest.approx([0.85, 0.899, 1.13, 130.0, 101.0])
    assert found.limit == pytest.approx([0.9, 0.9, 1.1, 100.0, 100.0])
    assert found.excess == pytest.approx([0.05, 0.001, 0.03, 30.0, 1.0])


def test_exactly_at_the_limit_is_none(village: Grid) -> None:
    limits = resolve(village, LimitsConfig())
    at_limit = flow_of(
        village,
        vm_pu=limits.vm_max_pu + 1e-9,
        line_loading_percent=limits.line_percent + 1e-7,
        trafo_loading_percent=limits.trafo_percent,
    )
    assert len(find(at_limit, limits, village.elements)) == 0


def test_what_is_not_fed_breaks_nothing(village: Grid) -> None:
    vm_pu = np.ones(len(village.buses.name))
    vm_pu[4] = np.nan
    line = np.full(len(village.lines.name), np.nan)
    flow = flow_of(village, vm_pu=vm_pu, line_loading_percent=line)
    assert len(find(flow, resolve(village, LimitsConfig()), village.elements)) == 0


def test_a_diverged_flow_is_one_row(village: Grid) -> None:
    limits: Limits = resolve(village, LimitsConfig())
    found = find(diverged(village), limits, village.elements)
    assert found.kind.tolist() == ["diverged"]
    assert found.element.tolist() == [-1]
    assert np.isnan([found.value[0], found.limit[0], found.excess[0]]).all()
