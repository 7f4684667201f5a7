"""A linopy model handed to HiGHS, and what came back. Not through `Model.solve`: that prints the solver's
banner whatever it is told (linopy 0.10: the model is passed on before the options are)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.errors import PolicyError

if TYPE_CHECKING:
    from linopy import Model

Method = Literal["simplex", "centre"]
"""How a programme is solved. `simplex` ends in a vertex, and is the quicker one for a household or a few
blocks. `centre`: interior points that factorise (HiGHS's HiPO, of `highspy-extras`), without a crossover to a
vertex, for days of a community: where many solutions are optimal, it ends amid them."""
OPTIONS: dict[str, Any] = {"output_flag": False, "threads": 1}
"""One thread: the same solution, among several optimal ones, whatever the machine."""
OF_METHOD: dict[Method, dict[str, Any]] = {
    "simplex": {"solver": "simplex"},
    "centre": {"solver": "hipo", "run_crossover": "off"},
}


@dataclass(frozen=True, slots=True)
class Optimum:
    """The solution of a model."""

    model: Any
    objective: float
    values: FloatArray
    """By label of linopy's variables."""
    duals: FloatArray
    """By label of linopy's constraints: what one more on the right-hand side adds to the objective."""

    def has(self, name: str) -> bool:
        """Whether the model has variables of that name."""
        return name in self.model.variables

    def value(self, name: str) -> FloatArray:
        """Variables of that name, in their shape."""
        found: FloatArray = self.values[np.asarray(self.model.variables[name].labels)]
        return found

    def dual(self, name: str) -> FloatArray:
        """Duals of the constraints of that name, in their shape."""
        found: FloatArray = self.duals[np.asarray(self.model.constraints[name].labels)]
        return found


def solve(model: Model, method: Method = "simplex") -> Optimum:
    """Solve a linear programme.

    Args:
        model: The programme.
        method: How.

    Raises:
        PolicyError: unless the optimum was found.
    """
    from highspy import Highs, HighsModelStatus, HighsStatus

    solver = Highs()
    for option, setting in {**OPTIONS, **OF_METHOD[method]}.items():
        if solver.setOptionValue(option, setting) != HighsStatus.kOk:
            raise PolicyError(f"HiGHS does not know the option {option} = {setting} (version too old?)")
    given = model.matrices
    rows = given.A.tocsr()
    solver.addVars(len(given.vlabels), given.lb, given.ub)
    solver.changeColsCost(len(given.c), np.arange(len(given.c), dtype=np.int32), given.c)
    lower = np.where(given.sense != "<", given.b, -np.inf)
    upper = np.where(given.sense != ">", given.b, np.inf)
    solver.addRows(rows.shape[0], lower, upper, rows.nnz, rows.indptr, rows.indices, rows.data)
    solver.run()
    status = solver.getModelStatus()
    if status != HighsModelStatus.kOptimal:
        size = f"{rows.shape[1]} variables, {rows.shape[0]} rows"
        raise PolicyError(
            f"the linear programme ({size}) was not solved: {solver.modelStatusToString(status).lower()}"
        )
    found = solver.getSolution()
    values, duals = np.zeros(given.vlabels.max() + 1), np.zeros(given.clabels.max() + 1)
    values[given.vlabels], duals[given.clabels] = found.col_value, found.row_dual
    return Optimum(model, float(solver.getInfo().objective_function_value), values, duals)
