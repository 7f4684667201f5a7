"""Reading a pandapower net from SimBench, pandapower.networks or a JSON file; known traps are set right."""

from __future__ import annotations

import contextlib
import random
import warnings
from collections.abc import Iterator
from typing import Any

from cosim.errors import NetworkError, Problem
from cosim.network.grid import Origin
from cosim.network.json_file import read_json_net

_VOLTAGE_SHARES = ("const_z_p_percent", "const_i_p_percent", "const_z_q_percent", "const_i_q_percent")


def load_net(origin: Origin) -> Any:
    """The pandapower net of an origin.

    Raises:
        NetworkError: if it cannot be read.
    """
    if origin.source == "json":
        assert origin.file is not None
        net = read_json_net(origin.file)
    elif origin.source == "simbench":
        net = _simbench(origin.name)
    else:
        net = _pandapower(origin.name)
    _fill_voltage_shares(net)
    return net


def _simbench(code: str) -> Any:
    try:
        import simbench
    except ImportError as error:
        raise NetworkError(
            Problem(f"SimBench cannot be imported: {error}", "pip install simbench", path="source")
        ) from error

    with warnings.catch_warnings():
        # simbench 1.6.1 joins empty tables, of which pandas 2 warns; later pandas are not in our range
        warnings.filterwarnings(
            "ignore", message="The behavior of DataFrame concatenation", category=FutureWarning
        )
        return simbench.get_simbench_net(code)


def _pandapower(name: str) -> Any:
    from pandapower import networks

    with warnings.catch_warnings(), _fixed_chance():
        # pandapower's grids that come as files are read with pandas calls that will change
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        return getattr(networks, name)()


@contextlib.contextmanager
def _fixed_chance() -> Iterator[None]:
    """Within it, Python's global generator starts from one seed; afterwards it is as it was.

    pandapower draws the cable types and branches of Kerber's grids from it: without a seed every call gives
    another grid, and no run could be repeated.
    """
    state = random.getstate()
    random.seed(0)
    try:
        yield
    finally:
        random.setstate(state)


def _fill_voltage_shares(net: Any) -> None:
    """Set the voltage dependence of loads to 0, pandapower's own default, where a source left it open.

    simbench 1.6.1 does not know these columns of pandapower 3 and leaves NaN in them, which makes the power
    of every load NaN, so that no power flow converges.
    """
    for name in _VOLTAGE_SHARES:
        if name in net.load:
            net.load[name] = net.load[name].astype(float).fillna(0.0)
