"""Numpy arrays and names as Arrow arrays, straight from memory: nothing is copied or converted, and pandas,
which `pyarrow.array` would import, is not needed while a run goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cosim.results.files import published


def numbers(values: NDArray[np.generic], kind: pa.DataType) -> pa.Array:
    """A numeric, boolean or time column.

    Args:
        values: Shape (rows,), of the type that `kind` has in memory (times: datetime64 of the same unit). It
            is not copied: it must not change while the Arrow array is in use.
        kind: The Arrow type.
    """
    if pa.types.is_boolean(kind):
        bits = np.packbits(values.astype(np.bool_), bitorder="little")
        return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(bits)])
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])


def names(values: Sequence[str]) -> pa.Array:
    """A column of texts."""
    encoded = [value.encode() for value in values]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(encoded), buffers)


def coded(codes: NDArray[np.int32], known: pa.Array) -> pa.DictionaryArray:
    """A column of names given by their number in `known`."""
    return pa.DictionaryArray.from_arrays(numbers(codes, pa.int32()), known)


def distinct(values: Iterable[str]) -> tuple[pa.Array, NDArray[np.int32]]:
    """The distinct names in order of appearance, and the code of each name."""
    code: dict[str, int] = {}
    codes = [code.setdefault(value, len(code)) for value in values]
    return names(list(code)), np.array(codes, dtype=np.int32)


@contextmanager
def published_file(path: Path) -> Iterator[pa.OSFile]:
    """A file to write Arrow data to; it becomes `path` if the block ends well (see `files.published`).

    Writers that open a path themselves leave it open when the disk is full, and a file that is deleted but
    open still takes its space, which is then missing for the manifest.

    Raises:
        OutputError: see `files.published`.
    """
    with published(path) as temporary, pa.OSFile(str(temporary), "wb") as file:
        yield file
