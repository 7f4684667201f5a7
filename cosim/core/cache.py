"""Parsed sources in the user's cache folder, so that a second start need not parse them again. Whatever is in
it can be deleted at any time: nothing here is a result, and a run without a cache gives the same numbers."""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import platformdirs
from numpy.typing import NDArray

T = TypeVar("T")

_log = logging.getLogger(__name__)

DAMAGED = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile)
"""What reading a damaged file raises (numpy, pyarrow and json included): such a file is built again."""


def cache_folder() -> Path:
    """cosim's folder in the user's cache (`$XDG_CACHE_HOME/cosim` on Linux); it need not exist."""
    return Path(platformdirs.user_cache_dir("cosim", appauthor=False))


def key_of(*parts: object) -> str:
    """A short hash of what a cached file depends on: names, versions, sizes, times of change."""
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:24]


def file_stamp(path: Path) -> tuple[str, int, int]:
    """What tells one state of a file from another without reading it: place, size, time of change.

    Raises:
        OSError: if there is no such file.
    """
    status = path.stat()
    return str(path.resolve()), status.st_size, status.st_mtime_ns


def cached(
    name: str, build: Callable[[], T], load: Callable[[Path], T], store: Callable[[Path, T], None]
) -> T:
    """What `build` makes, from the cache if it is there.

    A damaged file is built again. A cache that cannot be written costs time, not the run: it is warned of
    once. Files appear by rename, so that two processes never read half of one.

    Args:
        name: File in the cache folder, with suffix: "grid-3f2a...npz". Its hash (`key_of`) holds everything
            that the content depends on, so that a file never has to be invalidated.
        build: Makes the value; its exceptions are the caller's.
        load: Reads it; raises one of `DAMAGED` where the file is not whole.
        store: Writes it to the path given (which has the suffix of `name`).
    """
    path = cache_folder() / name
    try:
        if path.is_file():
            return load(path)
    except DAMAGED as error:
        _log.info("%s is damaged and is built again: %s", path, error)
    value = build()
    try:
        write_whole(path, lambda part: store(part, value))
    except OSError as error:
        _warn_unwritable(str(path.parent), str(error))
    return value


def cached_arrays(name: str, build: Callable[[], Mapping[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """`cached` for named arrays (numbers, booleans, fixed-width text, no objects) in `name` + `.npz`."""
    return cached(name + ".npz", lambda: dict(build()), _load_arrays, _store_arrays)


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a file beside `path`, then put it in its place: it is there whole or not at all.

    Raises:
        OSError: if it cannot be written (no rights, full disk); nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=".part-", suffix=path.suffix)
    os.close(handle)
    try:
        write(Path(part))
        with Path(part).open("rb+") as stream:
            os.fsync(stream.fileno())
        Path(part).replace(path)
    finally:
        Path(part).unlink(missing_ok=True)


@functools.cache
def _warn_unwritable(folder: str, reason: str) -> None:
    _log.warning("cosim works without a cache, so every start takes longer: %s (%s)", folder, reason)


def _load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    # numpy leaves a file open that it cannot read, if it opened it itself.
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files}


def _store_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    if any(array.dtype.hasobject for array in arrays.values()):
        raise TypeError("object arrays cannot be cached: reading them back would run code from a file")
    with path.open("wb") as stream:
        np.savez(stream, **arrays)
