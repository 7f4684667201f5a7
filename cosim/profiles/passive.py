"""The loads and generators that belong to a grid and stay as they are: SimBench's series by profile name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.clock import Clock
from cosim.profiles import simbench
from cosim.profiles.days import DayTable, RecordedDays
from cosim.profiles.profiles import Origin, Picked, Profiles
from cosim.profiles.resample import standard_seconds, wall_seconds

YEAR_HOURS = 8760.0


def passive_loads(
    profiles: Sequence[str | None],
    p_kw: FloatArray,
    q_kvar: FloatArray,
    clock: Clock,
    scenario: int = 0,
) -> tuple[Profiles, Profiles]:
    """Active and reactive power [kW, kvar] of loads that belong to the grid, drawn positive.

    Args:
        profiles: SimBench profile of every load ("H0-A"); None or "": constant power.
        p_kw: Nominal active power, shape (n,).
        q_kvar: Nominal reactive power, shape (n,).
        clock: Ticks on which they are wanted.
        scenario: SimBench scenario of the grid.

    Raises:
        ProfileError: if SimBench has no such profile.
    """
    names = sorted({name for name in profiles if name})
    active = [f"{name}_pload" for name in names]
    reactive = [f"{name}_qload" for name in names]
    table = _with_constant([(simbench.LOADS, active + reactive)], scenario)
    last = table.columns - 1
    p_column = np.array([names.index(name) if name else last for name in profiles], dtype=np.int64)
    q_column = np.where(p_column == last, last, p_column + len(names))
    axis = wall_seconds(clock)
    return (
        _passive(table, p_column, p_kw, clock, axis, by_weekday=True),
        _passive(table, q_column, q_kvar, clock, axis, by_weekday=True),
    )


def passive_generators(
    profiles: Sequence[str | None],
    p_kw: FloatArray,
    q_kvar: FloatArray,
    clock: Clock,
    scenario: int = 0,
) -> tuple[Profiles, Profiles]:
    """Active and reactive power [kW, kvar] of generators that belong to the grid, produced positive; reactive
    power follows active power. Arguments and errors as in `passive_loads`."""
    names = sorted({name for name in profiles if name})
    plants = set(simbench.column_names(simbench.POWER_PLANTS, scenario)) if names else set()
    renewable = [name for name in names if name not in plants]
    fossil = [name for name in names if name in plants]
    table = _with_constant([(simbench.RENEWABLES, renewable), (simbench.POWER_PLANTS, fossil)], scenario)
    order = renewable + fossil
    column = np.array([order.index(name) if name else len(order) for name in profiles], dtype=np.int64)
    axis = standard_seconds(clock)
    return (
        _passive(table, column, p_kw, clock, axis, by_weekday=False),
        _passive(table, column, q_kvar, clock, axis, by_weekday=False),
    )


def _passive(
    table: DayTable,
    column: IntArray,
    nominal: FloatArray,
    clock: Clock,
    axis: IntArray,
    *,
    by_weekday: bool,
) -> Profiles:
    source = Picked(RecordedDays(table, by_weekday=by_weekday), column, np.asarray(nominal, dtype=float))
    annual = table.values_kw.mean((0, 2))[column] * nominal * YEAR_HOURS
    origin = Origin("the grid's own", table.columns, len(np.unique(column)), annual)
    return Profiles(clock, len(column), source, axis, origin)


def _with_constant(parts: Sequence[tuple[str, Sequence[str]]], scenario: int) -> DayTable:
    """SimBench columns of one or several files, then a column of ones for constant power."""
    values = [
        simbench.day_table(file, columns, scenario).values_kw for file, columns in parts if len(columns)
    ]
    values.append(np.ones((366, 1, 96)))
    return DayTable(np.concatenate(values, axis=1), simbench.FIRST_DAY)
