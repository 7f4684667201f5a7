"""Grids for the tests of the network room: small ones made on the spot, and a cache folder of the session's
own."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cosim.network.compile import compile_net
from cosim.network.config import NetworkConfig
from cosim.network.grid import Grid, Origin, load_grid

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(autouse=True)
def _quiet_pandas() -> Iterator[None]:
    """Tests build nets by pandapower calls, which use pandas calls that will change."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning, module="pandapower")
        yield


@pytest.fixture
def village() -> Grid:
    return load_grid(NetworkConfig(source="json", name="networks/village.json"), ROOT)


@pytest.fixture
def net() -> Any:
    """20 kV bus, transformer, and three low-voltage buses in a row: A - B - C."""
    import pandapower as pp

    net = pp.create_empty_network()
    supply = pp.create_bus(net, 20.0, name="MV")
    pp.create_ext_grid(net, supply, vm_pu=1.0)
    a, b, c = (pp.create_bus(net, 0.4, name=name) for name in "ABC")
    pp.create_transformer(net, supply, a, "0.25 MVA 20/0.4 kV", name="T")
    pp.create_line(net, a, b, 0.1, "NAYY 4x150 SE", name="AB")
    pp.create_line(net, b, c, 0.1, "NAYY 4x150 SE", name="BC")
    pp.create_load(net, c, p_mw=0.01, q_mvar=0.002, name="house")
    return net


@pytest.fixture
def compiled() -> Callable[[Any], Grid]:
    """The grid of a net made in a test."""
    return lambda net: compile_net(net, Origin("json", "test"))
