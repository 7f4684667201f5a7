"""Which limits hold for every element, where each comes from, and what breaks them. It words nothing and
raises nothing on a violation: violations are data."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cosim.core.arrays import BoolArray, FloatArray, IntArray
from cosim.core.records import Elements, Flow, Violations
from cosim.network.config import LimitsConfig
from cosim.network.grid import Grid, Names

UNDERVOLTAGE = "undervoltage"
OVERVOLTAGE = "overvoltage"
LINE_OVERLOAD = "line_overload"
TRANSFORMER_OVERLOAD = "transformer_overload"
DIVERGED = "diverged"
KINDS = (UNDERVOLTAGE, OVERVOLTAGE, LINE_OVERLOAD, TRANSFORMER_OVERLOAD, DIVERGED)
"""Every kind of violation, in the order in which `find` lists them."""

EN_50160_LOW_PU, EN_50160_HIGH_PU = 0.9, 1.1
"""Band of the supply voltage in normal operation (EN 50160:2010, 4.2.2.2 and 5.2.2.2: Un +- 10 %)."""
RATED_PERCENT = 100.0
TOLERANCE_PU = 1e-7
TOLERANCE_PERCENT = 1e-5
"""A limit is broken only beyond these: ten times what the solvers may differ by, so that both find the same
violations, and a slack bus held at exactly its limit is none."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limit of every element, in the order of `Flow`'s arrays."""

    vm_min_pu: FloatArray
    vm_max_pu: FloatArray
    line_percent: FloatArray
    trafo_percent: FloatArray
    sources: dict[str, str] = field(default_factory=dict)
    """Kind of violation -> in words, where its limits come from and what they are."""

    def usual(self) -> dict[str, float]:
        """Kind of violation -> the limit of most of its elements; kinds without an element are left out."""
        every = {
            UNDERVOLTAGE: self.vm_min_pu,
            OVERVOLTAGE: self.vm_max_pu,
            LINE_OVERLOAD: self.line_percent,
            TRANSFORMER_OVERLOAD: self.trafo_percent,
        }
        found = {}
        for kind, limits in every.items():
            values, counts = np.unique(limits, return_counts=True)
            if len(values):
                found[kind] = float(values[counts.argmax()])
        return found


def resolve(grid: Grid, config: LimitsConfig) -> Limits:
    """The limits that hold: the scenario's, else the grid file's, else EN 50160's and the rated current."""
    low, high = config.vm_pu if config.vm_pu is not None else (None, None)
    sources: dict[str, str] = {}

    def choose(kind: str, asked: float | None, filed: FloatArray, last: float, last_name: str) -> FloatArray:
        values, sources[kind] = _choose(asked, filed, last, last_name, "pu" if "voltage" in kind else "%")
        return values

    standard, rated = "EN 50160", "the rated current"
    lines, trafos = grid.lines.max_loading_percent, grid.transformers.max_loading_percent
    return Limits(
        vm_min_pu=choose(UNDERVOLTAGE, low, grid.buses.vm_min_pu, EN_50160_LOW_PU, standard),
        vm_max_pu=choose(OVERVOLTAGE, high, grid.buses.vm_max_pu, EN_50160_HIGH_PU, standard),
        line_percent=choose(LINE_OVERLOAD, config.line_loading_percent, lines, RATED_PERCENT, rated),
        trafo_percent=choose(
            TRANSFORMER_OVERLOAD, config.transformer_loading_percent, trafos, RATED_PERCENT, rated
        ),
        sources=sources,
    )


def _choose(
    asked: float | None, filed: FloatArray, last: float, last_name: str, unit: str
) -> tuple[FloatArray, str]:
    """Limits of one kind and where they come from."""
    if asked is not None:
        return np.full(len(filed), float(asked)), f"the scenario ({asked:g} {unit})"
    known = np.isfinite(filed)
    values = np.where(known, filed, last)
    if not len(filed):
        return values, "none (there is no such element)"
    if not known.any():
        return values, f"{last_name} ({last:g} {unit})"
    words = f"the grid file ({_span(filed[known])} {unit})"
    if not known.all():
        words = (
            f"{words} for {int(known.sum())}, {last_name} ({last:g} {unit}) for {int((~known).sum())}, "
            "on which the file is silent"
        )
    return values, words


def _span(values: FloatArray) -> str:
    low, high = values.min(), values.max()
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


_EMPTY = Violations(
    kind=np.empty(0, dtype=object),
    element=np.empty(0, dtype=np.int64),
    name=np.empty(0, dtype=object),
    value=np.empty(0),
    limit=np.empty(0),
    excess=np.empty(0),
)


def find(flow: Flow, limits: Limits, elements: Elements) -> Violations:
    """What of a flow is beyond its limits: kinds in the order of `KINDS`, elements in the grid's order.

    A flow that did not converge gives the one row `diverged`. Elements that are not fed (NaN) break nothing.
    """
    if not flow.converged:
        return _diverged()
    # comparisons with NaN are False: what is not fed drops out here
    low = flow.vm_pu < limits.vm_min_pu - TOLERANCE_PU
    high = flow.vm_pu > limits.vm_max_pu + TOLERANCE_PU
    line = flow.line_loading_percent > limits.line_percent + TOLERANCE_PERCENT
    trafo = flow.trafo_loading_percent > limits.trafo_percent + TOLERANCE_PERCENT
    if not (low.any() or high.any() or line.any() or trafo.any()):
        return _EMPTY
    return _joined(
        _part(UNDERVOLTAGE, low, elements.bus, flow.vm_pu, limits.vm_min_pu),
        _part(OVERVOLTAGE, high, elements.bus, flow.vm_pu, limits.vm_max_pu),
        _part(LINE_OVERLOAD, line, elements.line, flow.line_loading_percent, limits.line_percent),
        _part(TRANSFORMER_OVERLOAD, trafo, elements.trafo, flow.trafo_loading_percent, limits.trafo_percent),
    )


_Part = tuple[str, IntArray, Names, FloatArray, FloatArray]


def _part(kind: str, broken: BoolArray, names: Names, value: FloatArray, limit: FloatArray) -> _Part:
    rows = np.flatnonzero(broken)
    return kind, rows, names[rows], value[rows], limit[rows]


def _joined(*parts: _Part) -> Violations:
    kinds, rows, names, values, limits = zip(*parts, strict=True)
    value, limit = np.concatenate(values), np.concatenate(limits)
    return Violations(
        kind=np.repeat(np.array(kinds, dtype=object), [len(row) for row in rows]),
        element=np.concatenate(rows),
        name=np.concatenate(names),
        value=value,
        limit=limit,
        excess=np.abs(value - limit),
    )


def _diverged() -> Violations:
    nothing = np.array([np.nan])
    return Violations(
        kind=np.array([DIVERGED], dtype=object),
        element=np.array([-1], dtype=np.int64),
        name=np.array([""], dtype=object),
        value=nothing,
        limit=nothing,
        excess=nothing,
    )
