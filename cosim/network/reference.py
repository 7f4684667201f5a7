"""pandapower's own power flow, run one way wherever cosim runs it."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import numpy as np

from cosim.errors import NetworkError, Problem
from cosim.network.grid import Circuit


def run_reference(net: Any) -> None:
    """pandapower's power flow, with the options that both solvers share.

    Raises:
        NetworkError: if it does not converge, or pandapower cannot build its model.
    """
    import pandapower
    from pandapower.auxiliary import LoadflowNotConverged

    try:
        with warnings.catch_warnings(), quiet("pandapower"):
            # pandapower's own use of pandas warns of a future one; its result does not depend on it.
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            pandapower.runpp(net, **REFERENCE_OPTIONS)
    except LoadflowNotConverged as error:
        raise NetworkError(
            Problem(
                "the power flow of the grid does not converge even without load",
                "check impedances, nominal voltages and transformer data in the grid file",
            )
        ) from error
    except (UserWarning, KeyError, ValueError, IndexError, NotImplementedError) as error:
        raise NetworkError(
            Problem(
                f"pandapower cannot build a model of this grid: {error}",
                "does pandapower.runpp accept the grid file?",
            )
        ) from error


def tolerance_mva(circuit: Circuit) -> float:
    """The mismatch of power at which the reference stops: near rounding, but never below it.

    Power at a node is a difference of admittance times voltage, so its rounding error is of the size of the
    admittances at the node: 1e-14 MVA in a village, 1e-11 beside a busbar coupler of a few metres at 20 kV.
    """
    admittance = 1.0 / np.hypot(circuit.r, circuit.x)
    nodes = len(circuit.node_kv)
    at_node = np.bincount(circuit.from_node, admittance, nodes) + np.bincount(
        circuit.to_node, admittance, nodes
    )
    rounding = np.finfo(float).eps * circuit.base_mva * float(at_node.max(initial=0.0))
    return max(1e-11, 10.0 * rounding)


REFERENCE_OPTIONS: dict[str, Any] = {
    "algorithm": "nr",
    "init": "dc",  # a flat start does not converge across the 150 degrees of a Dyn5 transformer
    "calculate_voltage_angles": True,
    "tolerance_mva": 1e-9,  # of the run that only builds the model; see `tolerance_mva`
    "max_iteration": 30,
    "trafo_model": "t",
    "trafo_loading": "current",
    "check_connectivity": True,
    "voltage_depend_loads": False,
    "numba": False,  # one run: compiling costs more than it saves
}


class quiet:  # noqa: N801 - reads as a statement: with quiet("pandapower")
    """Within it, a library's log is kept to errors."""

    def __init__(self, name: str) -> None:
        self._log = logging.getLogger(name)

    def __enter__(self) -> None:
        self._level = self._log.level
        self._log.setLevel(logging.ERROR)

    def __exit__(self, *_: object) -> None:
        self._log.setLevel(self._level)
