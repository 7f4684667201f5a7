from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from cosim.errors import NetworkError
from cosim.network import sources
from cosim.network.config import NetworkConfig
from cosim.network.grid import Origin, find_origin
from cosim.network.registry import PANDAPOWER_NETWORKS, check_name, names, simbench_codes

ROOT = Path(__file__).parents[2]


def test_codes_are_those_of_simbench() -> None:
    import simbench

    every = simbench.collect_all_simbench_codes(all_data=False)
    wanted = {code for code in every if code.split("-")[1] in ("LV", "MV", "MVLV")}
    wanted |= {code for code in simbench.collect_all_simbench_codes() if code.split("-")[1] == "MVLV"}
    assert set(simbench_codes()) == wanted


def test_functions_are_those_of_pandapower() -> None:
    from pandapower import networks

    assert [name for name in PANDAPOWER_NETWORKS if not callable(getattr(networks, name, None))] == []


def test_names_are_unique_and_pass() -> None:
    assert len(set(names())) == len(names())
    for source in ("simbench", "pandapower"):
        for name in names(source):
            check_name(source, name)


@pytest.mark.parametrize(
    ("source", "name", "remedy"),
    [
        ("simbench", "1-LV-rural2--0-sv", "'1-LV-rural2--0-sw'"),
        ("simbench", "1-LV-rural2--*", "1-LV-rural2--"),
        ("pandapower", "create_kerber_dorfnets", "'create_kerber_dorfnetz'"),
        ("pandapower", "1-LV-rural2--0-sw", "source: simbench"),
        ("pandapower", "xyz", "cosim list networks"),
        ("pandapower", "__import__", "cosim list networks"),
    ],
)
def test_unknown_name_names_the_nearest(source: str, name: str, remedy: str) -> None:
    with pytest.raises(NetworkError) as caught:
        find_origin(NetworkConfig(source=source, name=name), ROOT)  # type: ignore[arg-type]  # parametrized
    (problem,) = caught.value.problems
    assert remedy in problem.remedy
    assert problem.path == "name"


def test_grids_drawn_by_chance_are_the_same_every_time() -> None:
    random.seed(3)
    before = random.getstate()
    first = sources.load_net(Origin("pandapower", "create_kerber_dorfnetz"))
    assert random.getstate() == before
    random.seed(4)
    second = sources.load_net(Origin("pandapower", "create_kerber_dorfnetz"))
    np.testing.assert_array_equal(first.line["r_ohm_per_km"], second.line["r_ohm_per_km"])


def test_simbench_loads_do_not_depend_on_voltage() -> None:
    net = sources.load_net(Origin("simbench", "1-LV-rural1--0-sw"))
    columns = ["const_z_p_percent", "const_i_p_percent", "const_z_q_percent", "const_i_q_percent"]
    assert (net.load[columns] == 0).all().all()
