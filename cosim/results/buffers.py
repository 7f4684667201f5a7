"""Rows kept in memory until a part is full: blocks of fixed size for tables with the same rows in every
period, lists for events. Values in, Arrow columns out; no file is touched here."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cosim.results.arrow import coded, distinct
from cosim.results.tables import Column, numpy_type

Columns = Mapping[str, Any]
"""Column name -> value of each row (array) or of the only row (number)."""


class Buffer(Protocol):
    """What the recorder asks of either kind."""

    def add(self, slot: int, community: int, columns: Columns) -> None:
        """Take the rows of one period and community; `slot` counts blocks from the start of the part."""

    def take(self, *, complete: bool = True) -> tuple[NDArray[np.int64], NDArray[np.int64], dict[str, Any]]:
        """Slot and community of every row so far, and the columns; the buffer is empty then.

        A last period that not every community has reached is an error if the run is said to be `complete`,
        and left out if not.
        """


class EventBuffer:
    """Any number of rows a period (trades, violations)."""

    def __init__(self, columns: tuple[Column, ...]) -> None:
        self._columns = columns
        self._names = {column.name for column in columns}
        self._rows: list[tuple[int, int, int, Columns]] = []

    def add(self, slot: int, community: int, columns: Columns) -> None:
        """Keep the rows; the arrays must not change afterwards."""
        if columns.keys() != self._names:
            wrong = sorted(columns.keys() ^ self._names)
            raise ValueError(f"columns are missing or unknown: {wrong}")
        count = len(next(iter(columns.values())))
        if count:
            self._rows.append((slot, community, count, columns))

    def take(self, *, complete: bool = True) -> tuple[NDArray[np.int64], NDArray[np.int64], dict[str, Any]]:
        """See `Buffer`."""
        counts = np.array([count for _, _, count, _ in self._rows], dtype=np.int64)
        slots = np.repeat(np.array([slot for slot, *_ in self._rows], dtype=np.int64), counts)
        owners = np.repeat(np.array([row[1] for row in self._rows], dtype=np.int64), counts)
        found: dict[str, Any] = {}
        for column in self._columns:
            text = column.kind == "name" and not column.members
            empty = np.empty(0, dtype=object if text else numpy_type(column.kind))
            pieces = [np.asarray(columns[column.name]) for *_, columns in self._rows]
            joined = np.concatenate(pieces) if pieces else empty
            if text:
                known, codes = distinct(joined.tolist())
                found[column.name] = coded(codes, known)
            else:
                found[column.name] = joined.astype(empty.dtype, copy=False)
        self._rows.clear()
        return slots, owners, found


class BlockBuffer:
    """The same rows in every period: `counts[c]` of them for community c. With `every` above 1, that many
    periods become one row each, by the column's rule.

    Args:
        columns: As the table is recorded (with `_min` and `_max` where blocks keep extremes).
        counts: Rows of each community.
        slots: Rows-in-time that a part holds.
        every: Periods in a block.
    """

    def __init__(self, columns: tuple[Column, ...], counts: list[int], slots: int, every: int) -> None:
        self._columns = columns
        self._given = [column for column in columns if not _derived(column, columns)]
        self._every = every
        offsets = np.concatenate(([0], np.cumsum(counts))).astype(int).tolist()
        self._spans = [slice(first, last) for first, last in pairwise(offsets)]
        self._owner = np.repeat(np.arange(len(counts)), counts)
        shape = (slots, offsets[-1])
        self._values = {column.name: np.zeros(shape, numpy_type(column.kind)) for column in columns}
        means = [column for column in columns if column.aggregate == "mean" and every > 1]
        self._weights = {column.name: np.zeros(shape) for column in means}
        self._plan = [(column.name, column.optional, self._values[column.name]) for column in self._given]
        self._periods = np.zeros((slots, len(counts)), dtype=np.int64)

    def add(self, slot: int, community: int, columns: Columns) -> None:
        """See `Buffer`; values are copied."""
        span = self._spans[community]
        alone = span.start if span.stop == span.start + 1 else span  # a number is put in its place faster
        if self._every > 1:
            self._merge(slot, community, columns)
            used = sum(name in columns for name, _, _ in self._plan)
        else:
            used = 0
            for name, optional, values in self._plan:
                value = columns.get(name)
                if value is None:
                    _require(optional, name)
                    values[slot, span] = np.nan
                else:
                    values[slot, span if isinstance(value, np.ndarray) else alone] = value
                    used += 1
        if used != len(columns):
            raise ValueError(f"unknown columns {sorted(columns.keys() - self._values.keys())}")
        self._periods[slot, community] += 1
        if self._periods[slot, community] > self._every:
            raise ValueError("a period was recorded twice")

    def _merge(self, slot: int, community: int, columns: Columns) -> None:
        span = self._spans[community]
        fresh = self._periods[slot, community] == 0
        for column in self._given:
            value = columns.get(column.name)
            if value is None:
                _require(column.optional, column.name)
                value = np.nan
            target = self._values[column.name][slot, span]
            if column.aggregate == "mean":
                weight = columns[column.weight] if column.weight else 1.0
                self._merge_mean(column.name, slot, span, fresh, value, weight)
                if column.extremes:
                    _merge_into(self._values[f"{column.name}_min"][slot, span], value, "min", fresh)
                    _merge_into(self._values[f"{column.name}_max"][slot, span], value, "max", fresh)
            else:
                _merge_into(target, value, column.aggregate, fresh)

    def _merge_mean(self, name: str, slot: int, span: slice, fresh: bool, value: Any, weight: Any) -> None:
        """Sum of weighted values and of weights; values that do not exist (NaN) weigh nothing."""
        value = np.asarray(value, dtype=float)
        exists = np.isfinite(value)
        weight = np.where(exists, weight, 0.0)
        total, weights = self._values[name][slot, span], self._weights[name][slot, span]
        if fresh:
            total[...] = 0.0
            weights[...] = 0.0
        total += np.where(exists, value, 0.0) * weight
        weights += weight

    def take(self, *, complete: bool = True) -> tuple[NDArray[np.int64], NDArray[np.int64], dict[str, Any]]:
        """See `Buffer`.

        Raises:
            ValueError: if a community missed a period (unless it is the last one, and not `complete`).
        """
        counts = self._periods
        even = (counts > 0).all(axis=1) & (counts == counts[:, :1]).all(axis=1)
        begun = int(np.count_nonzero(counts.any(axis=1)))
        used = int(np.argmin(even)) if not even.all() else len(even)
        if used < begun - (not complete):
            raise ValueError("a community was not recorded in every period")
        found: dict[str, Any] = {}
        for column in self._columns:
            values = self._values[column.name][:used]
            if column.name in self._weights:
                weights = self._weights[column.name][:used]
                values = np.divide(values, weights, out=np.full(values.shape, np.nan), where=weights > 0)
            found[column.name] = values.reshape(-1).astype(numpy_type(column.kind), copy=True)
        self._periods[:] = 0
        return np.repeat(np.arange(used), len(self._owner)), np.tile(self._owner, used), found


def _derived(column: Column, columns: tuple[Column, ...]) -> bool:
    """Whether the buffer makes the column itself, from another one's extremes."""
    return any(
        other.extremes and column.name in (f"{other.name}_min", f"{other.name}_max") for other in columns
    )


def _require(optional: bool, name: str) -> None:
    if not optional:
        raise ValueError(f"column {name!r} is missing")


def _merge_into(target: NDArray[Any], value: Any, rule: str, fresh: bool) -> None:
    if fresh or rule == "last":
        target[...] = value
    elif rule == "sum":
        target += value
    elif rule == "min":
        np.fmin(target, value, out=target)
    elif rule == "max":
        np.fmax(target, value, out=target)
    else:
        np.logical_and(target, value, out=target)
