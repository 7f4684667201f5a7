from __future__ import annotations

import copy
import dataclasses
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosim.core import cache as core_cache
from cosim.network import cache
from cosim.network.config import NetworkConfig
from cosim.network.grid import Grid, Origin, check_placement, find_buses, load_grid
from cosim.network.registry import simbench_codes

ROOT = Path(__file__).parents[2]
VILLAGE = NetworkConfig(source="json", name="networks/village.json")
Compile = Callable[[Any], Grid]


def assert_same(first: Grid, second: Grid) -> None:
    assert first.notes == second.notes
    assert first.origin == second.origin
    for part in ("buses", "lines", "transformers", "loads", "generators", "sources", "circuit"):
        one, other = getattr(first, part), getattr(second, part)
        for field in dataclasses.fields(one):
            a, b = getattr(one, field.name), getattr(other, field.name)
            np.testing.assert_array_equal(a, b)
            assert np.asarray(a).dtype == np.asarray(b).dtype, (part, field.name)


def test_rural2_is_the_grid_that_simbench_describes() -> None:
    grid = load_grid(NetworkConfig(), ROOT)
    counts = {
        "buses": len(grid.buses.name),
        "lines": len(grid.lines.name),
        "transformers": len(grid.transformers.name),
        "loads": len(grid.loads),
        "generators": len(grid.generators),
    }
    assert counts == {"buses": 97, "lines": 95, "transformers": 1, "loads": 99, "generators": 8}
    assert grid.transformers.sn_kva.tolist() == [250.0]
    assert grid.sources.vm_pu.tolist() == [1.025]
    assert grid.buses.vn_kv[grid.sources.bus].tolist() == [20.0]
    assert grid.circuit.shift_degree[grid.transformers.branch].tolist() == [150.0]
    assert grid.buses.fed.all()
    assert set(grid.loads.profile) >= {"H0-A", "H0-C"}
    assert np.isfinite(grid.buses.x).all()
    # the medium-voltage bus has limits of its own
    low_voltage = grid.buses.vn_kv < 1
    assert set(grid.buses.vm_max_pu[low_voltage]) == {1.1}
    assert set(grid.buses.vm_max_pu[~low_voltage]) == {1.055}


def test_cached_grid_is_the_compiled_grid(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    compiled = load_grid(VILLAGE, ROOT)
    (file,) = core_cache.cache_folder().iterdir()
    monkeypatch.setattr(cache, "_compile", lambda origin: pytest.fail("compiled again"))
    assert_same(load_grid(VILLAGE, ROOT), compiled)
    assert file.suffix == ".npz"


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 cut short", b"not an archive"])
def test_damaged_cache_is_built_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, damage: bytes) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    grid = load_grid(VILLAGE, ROOT)
    (file,) = core_cache.cache_folder().iterdir()
    whole = file.read_bytes()
    file.write_bytes(damage or whole[: len(whole) // 2])
    assert_same(load_grid(VILLAGE, ROOT), grid)
    assert file.stat().st_size == len(whole)


def test_cache_of_another_shape_is_built_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    grid = load_grid(VILLAGE, ROOT)
    (file,) = core_cache.cache_folder().iterdir()
    np.savez(file, notes=np.array([], dtype=np.str_))
    assert_same(load_grid(VILLAGE, ROOT), grid)


def test_changed_file_is_another_cache_entry(tmp_path: Path) -> None:
    text = (ROOT / "networks" / "village.json").read_text()
    file = tmp_path / "a.json"
    file.write_text(text)
    first = cache.cache_name(Origin("json", "a.json", file))
    file.write_text(text + " ")
    assert cache.cache_name(Origin("json", "a.json", file)) != first


def test_second_start_imports_no_grid_library() -> None:
    load_grid(VILLAGE, ROOT)
    code = """
import sys
from pathlib import Path
import numpy as np
from cosim.network.config import NetworkConfig
from cosim.network.grid import load_grid
from cosim.network.limits import resolve
from cosim.network.registry import names
from cosim.network.solver import create
config = NetworkConfig(source="json", name="networks/village.json")
grid = load_grid(config, Path())
flow = create(grid, config).solve(np.zeros(39), np.zeros(39))
resolve(grid, config.limits), names()
assert flow.converged
print(sorted({"pandapower", "simbench", "pandas"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr


def test_names_are_made_unique(net: Any, compiled: Compile) -> None:
    net.bus["name"] = ["MV", None, "B", "B"]
    net.line["name"] = ["", float("nan")]
    grid = compiled(net)
    assert grid.buses.name.tolist() == ["MV", "bus 1", "B (bus 2)", "B (bus 3)"]
    assert grid.lines.name.tolist() == ["line 0", "line 1"]


def test_name_that_is_taken_by_a_generic_one(net: Any, compiled: Compile) -> None:
    net.bus["name"] = ["bus 1", None, "C", "D"]
    assert grid_names(compiled(net)) == ["bus 1", "bus 1'", "C", "D"]


def grid_names(grid: Grid) -> list[str]:
    return [str(name) for name in grid.buses.name]


def test_indices_of_the_file_need_not_be_row_numbers(net: Any, compiled: Compile) -> None:
    import pandapower as pp

    before = compiled(copy.deepcopy(net))
    pp.reindex_buses(net, {0: 50, 1: 7, 2: 31, 3: 12})
    after = compiled(net)
    assert after.lines.from_bus.tolist() == before.lines.from_bus.tolist()
    assert after.loads.bus.tolist() == before.loads.bus.tolist()
    assert after.sources.bus.tolist() == before.sources.bus.tolist()


def test_ratings_count_parallel_systems_and_derating(net: Any, compiled: Compile) -> None:
    net.line.loc[0, ["parallel", "df"]] = [2, 0.5]
    net.line.loc[1, "parallel"] = 3
    net.trafo["parallel"] = 2
    grid = compiled(net)
    assert grid.lines.max_i_ka == pytest.approx([0.27, 0.81])
    assert grid.transformers.sn_kva == pytest.approx([500.0])


def test_what_is_left_out_is_noted(net: Any, compiled: Compile) -> None:
    import pandapower as pp

    pp.create_storage(net, 2, p_mw=0.001, max_e_mwh=0.01)
    pp.create_asymmetric_load(net, 2, p_a_mw=0.001, p_b_mw=0.002, p_c_mw=0.003)
    net.load["const_z_p_percent"] = 50.0
    pp.create_bus(net, 0.4, name="island")
    grid = compiled(net)
    words = "\n".join(grid.notes)
    for part in ("left out (1)", "single-phase", "constant power", "1 of 5 buses are isolated"):
        assert part in words
    assert grid.loads.p_kw == pytest.approx([10.0, 6.0])
    assert not grid.buses.fed[4]


def test_loads_are_scaled_and_those_off_left_out(net: Any, compiled: Compile) -> None:
    import pandapower as pp

    net.load["scaling"] = 0.5
    pp.create_load(net, 2, p_mw=1.0, in_service=False)
    pp.create_sgen(net, 3, p_mw=0.02, q_mvar=-0.001, name="roof")
    grid = compiled(net)
    assert grid.loads.p_kw.tolist() == [5.0]
    assert grid.loads.bus.tolist() == [3]
    assert grid.generators.p_kw.tolist() == [20.0]
    assert grid.generators.name.tolist() == ["roof"]


def test_the_scenario_of_a_simbench_code() -> None:
    for number in (0, 1, 2):
        codes = [code for code in simbench_codes() if re.search(rf"-{number}-(no_)?sw$", code)]
        assert 3 * len(codes) == len(simbench_codes())
        assert {Origin("simbench", code).simbench_scenario for code in codes} == {number}
    assert Origin("json", "of-1-sw.json").simbench_scenario == 0
    assert Origin("pandapower", "create_cigre_network_lv").simbench_scenario == 0


def test_buses_are_found_by_name(village: Grid) -> None:
    index, problems = find_buses(village, ["Mill Lane 2", "Mil Lane 3", "Station"], "groups[0].place")
    assert village.buses.name[index[[0, 2]]].tolist() == ["Mill Lane 2", "Station"]
    assert index[1] == -1
    (problem,) = problems
    assert "'Mill Lane 3'" in problem.remedy
    assert problem.path == "groups[0].place"


def test_placement_on_isolated_and_unknown_buses(net: Any, compiled: Compile) -> None:
    import pandapower as pp

    pp.create_bus(net, 0.4, name="BB")
    grid = compiled(net)
    assert check_placement(grid, [1, 2, 3, 3]) == []
    isolated, unknown = check_placement(grid, [1, 4, 4, 9], "place")
    assert "'BB' is isolated" in isolated.message
    assert "'B'" in isolated.remedy
    assert "no bus number 9" in unknown.message
    assert unknown.path == "place"


def test_loads_at_isolated_buses_are_left_out_and_told(net: Any, compiled: Compile) -> None:
    import pandapower as pp

    island = pp.create_bus(net, 0.4, name="island")
    pp.create_load(net, island, p_mw=0.003)
    grid = compiled(net)
    assert grid.loads.p_kw.tolist() == [10.0]
    assert "loads at isolated buses are left out (1)" in grid.notes
