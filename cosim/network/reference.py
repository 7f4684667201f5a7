"""pandapower's own power flow, run one way wherever cosim runs it."""

from __future__ import annotations

import logging
import warnings
from typing import Any

from cosim.errors import NetworkError, Problem


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


REFERENCE_OPTIONS: dict[str, Any] = {
    "algorithm": "nr",
    "init": "dc",  # a flat start does not converge across the 150 degrees of a Dyn5 transformer
    "calculate_voltage_angles": True,
    "tolerance_mva": 1e-11,
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
