from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cosim.errors import NetworkError, Problem
from cosim.network.config import NetworkConfig
from cosim.network.grid import Grid, load_grid

ROOT = Path(__file__).parents[2]


def problems_of(folder: Path, name: str = "grid.json") -> tuple[Problem, ...]:
    with pytest.raises(NetworkError) as caught:
        load_grid(NetworkConfig(source="json", name=name), folder)
    return caught.value.problems


def write(folder: Path, text: str) -> Path:
    file = folder / "grid.json"
    file.write_text(text, encoding="utf-8")
    return folder


def document() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((ROOT / "networks" / "village.json").read_text())
    return content


def table(content: dict[str, Any], name: str) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(content["_object"][name]["_object"])
    return parsed


def test_missing_file_names_the_nearest(tmp_path: Path) -> None:
    write(tmp_path, "{}")
    (problem,) = problems_of(tmp_path, "grids.json")
    assert "grids.json" in problem.message
    assert "'grid.json'" in problem.remedy


def test_missing_folder(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, "nowhere/grid.json")
    assert "relative to the scenario file" in problem.remedy


def test_not_json_says_the_line(tmp_path: Path) -> None:
    (problem,) = problems_of(write(tmp_path, '{"a": 1,\n "b": }'))
    assert "not JSON" in problem.message
    assert problem.line == 2
    assert problem.file == tmp_path / "grid.json"


@pytest.mark.parametrize("text", ["[1, 2]", "{}", '{"_class": "pandapowerNet", "_object": "x"}', "3"])
def test_json_of_another_kind(tmp_path: Path, text: str) -> None:
    (problem,) = problems_of(write(tmp_path, text))
    assert "not a pandapower net" in problem.message


def test_binary_file(tmp_path: Path) -> None:
    (tmp_path / "grid.json").write_bytes(b"\xff\xfe\x00\x80")
    (problem,) = problems_of(tmp_path)
    assert "cannot be read" in problem.message


def test_nesting_without_end(tmp_path: Path) -> None:
    (problem,) = problems_of(write(tmp_path, "[" * 100_000))
    assert "cannot be used" in problem.message


@pytest.mark.parametrize("version", ["2.14.11", "1.0", "soon", None])
def test_old_format(tmp_path: Path, version: str | None) -> None:
    content = document()
    content["_object"]["version"] = content["_object"]["format_version"] = version
    (problem,) = problems_of(write(tmp_path, json.dumps(content)))
    assert "3.0 or newer" in problem.message
    assert "to_json" in problem.remedy


def test_table_is_missing(tmp_path: Path) -> None:
    content = document()
    content["_object"]["line"] = 3
    (problem,) = problems_of(write(tmp_path, json.dumps(content)))
    assert "no table 'line'" in problem.message


def evil(marker: Path) -> dict[str, Any]:
    """What makes pandapower's own reader run a program."""
    return {"_module": "subprocess", "_class": "Popen", "_object": ["touch", str(marker)]}


def test_program_in_a_file_is_not_run(tmp_path: Path) -> None:
    content = document()
    content["_object"]["extra"] = evil(tmp_path / "marker")
    (problem,) = problems_of(write(tmp_path, json.dumps(content)))
    assert "subprocess.Popen" in problem.message
    assert not (tmp_path / "marker").exists()


def test_program_in_a_cell_of_a_table_is_not_run(tmp_path: Path) -> None:
    content = document()
    buses = table(content, "bus")
    buses["data"][0][0] = evil(tmp_path / "marker")
    content["_object"]["bus"]["_object"] = json.dumps(buses)
    problems = problems_of(write(tmp_path, json.dumps(content)))
    assert "subprocess.Popen" in problems[0].message
    assert not (tmp_path / "marker").exists()


def test_program_behind_escaped_keys_in_a_nested_net_is_not_run(tmp_path: Path) -> None:
    content = document()
    inner = json.dumps(evil(tmp_path / "marker")).replace("_module", "\\u005fmodule")
    content["_object"]["extra"] = {
        "_module": "pandapower.auxiliary",
        "_class": "pandapowerNet",
        "_object": inner,
    }
    problems = problems_of(write(tmp_path, json.dumps(content)))
    assert "subprocess.Popen" in problems[0].message
    assert not (tmp_path / "marker").exists()


def test_pandapowers_own_reader_would_have_run_it(tmp_path: Path) -> None:
    """Guards the tests above: if this no longer holds, they prove nothing."""
    import pandapower

    content = document()
    content["_object"]["extra"] = evil(tmp_path / "marker")
    net = pandapower.from_json_string(json.dumps(content))
    started = net["extra"]
    assert isinstance(started, subprocess.Popen)
    started.wait(timeout=30)
    assert (tmp_path / "marker").exists()


@pytest.mark.parametrize("content", ["/etc/grid.json", 3, None, '"text"', "{,}"])
def test_table_that_is_no_strict_json_text(tmp_path: Path, content: object) -> None:
    whole = document()
    whole["_object"]["bus"]["_object"] = content
    problems = problems_of(write(tmp_path, json.dumps(whole)))
    assert "which is not data" in problems[0].message


def test_duplicate_keys(tmp_path: Path) -> None:
    text = json.dumps(document())
    text = text.replace('{"_module"', '{"_module": "os", "_module"', 1)
    (problem,) = problems_of(write(tmp_path, text))
    assert "twice" in problem.message


def test_controllers_are_refused_with_a_remedy(tmp_path: Path) -> None:
    content = document()
    content["_object"]["extra"] = {"_module": "pandapower.control.x", "_class": "Tap", "_object": {}}
    (problem,) = problems_of(write(tmp_path, json.dumps(content)))
    assert "controllers" in problem.remedy


def to_file(net: Any, folder: Path) -> Path:
    import pandapower

    pandapower.to_json(net, str(folder / "grid.json"))
    return folder


Change = Callable[[Any], None]


def _no_source(net: Any) -> None:
    net.ext_grid = net.ext_grid.iloc[:0]


def _source_off(net: Any) -> None:
    net.ext_grid["in_service"] = False


def _no_resistance(net: Any) -> None:
    net.line.loc[1, "r_ohm_per_km"] = float("nan")


def _no_impedance(net: Any) -> None:
    net.line.loc[1, ["r_ohm_per_km", "x_ohm_per_km"]] = 0.0


def _no_length(net: Any) -> None:
    net.line.loc[0, "length_km"] = 0.0


def _no_short_circuit_voltage(net: Any) -> None:
    net.trafo["vk_percent"] = float("nan")


def _bus_gone(net: Any) -> None:
    net.line.loc[1, "to_bus"] = 77


def _load_at_no_bus(net: Any) -> None:
    net.load.loc[0, "bus"] = 77


def _band_upside_down(net: Any) -> None:
    net.bus["min_vm_pu"], net.bus["max_vm_pu"] = 1.1, 0.9


def _generator(net: Any) -> None:
    import pandapower as pp

    pp.create_gen(net, 2, p_mw=0.01, vm_pu=1.0)


def _no_buses(net: Any) -> None:
    net.bus = net.bus.iloc[:0]


def _no_column(net: Any) -> None:
    del net.line["in_service"]


def _index_twice(net: Any) -> None:
    net.line.index = [4, 4]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_no_source, "no connection to the one above"),
        (_source_off, "no connection to the one above"),
        (_no_resistance, "'BC' has no r_ohm_per_km"),
        (_no_impedance, "'BC' has no impedance"),
        (_no_length, "'AB' has length_km 0"),
        (_no_short_circuit_voltage, "'T' has no vk_percent"),
        (_bus_gone, "line 1 is at bus 77"),
        (_load_at_no_bus, "load 0 is at bus 77"),
        (_band_upside_down, "min_vm_pu 1.1 and max_vm_pu 0.9"),
        (_generator, "holds its voltage"),
        (_no_buses, "no buses"),
        (_no_column, "no column 'in_service'"),
        (_index_twice, "each once"),
    ],
)
def test_unusable_grids_are_told(tmp_path: Path, net: Any, change: Change, message: str) -> None:
    change(net)
    problems = problems_of(to_file(net, tmp_path))
    assert any(message in problem.message for problem in problems)
    assert all(problem.file == tmp_path / "grid.json" for problem in problems)


def test_all_mistakes_at_once(tmp_path: Path, net: Any) -> None:
    for change in (_no_resistance, _no_length, _no_source, _generator):
        change(net)
    assert len(problems_of(to_file(net, tmp_path))) == 4


def test_village_is_what_its_script_makes(village: Grid) -> None:
    import importlib.util

    spec = importlib.util.spec_from_file_location("make_village", ROOT / "networks" / "make_village.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    import pandapower

    made = module.build()
    read = pandapower.from_json(str(ROOT / "networks" / "village.json"))
    assert pandapower.nets_equal(made, read, tol=1e-12)
    assert len(village.buses.name) == 39
    assert village.buses.fed.all()
    assert village.buses.name[village.sources.bus].tolist() == ["Medium voltage"]
    assert village.notes == ()
