"""Compiled grids in the user's cache folder, as plain arrays: with them a run imports neither pandapower nor
simbench."""

from __future__ import annotations

import dataclasses
import hashlib
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from cosim.core.cache import cached, key_of
from cosim.errors import NetworkError, Problem
from cosim.network.grid import (
    Buses,
    Circuit,
    Grid,
    Injections,
    Lines,
    Origin,
    Sources,
    Transformers,
)

FORMAT = 1
"""Raise it when `Grid`, or how it is compiled, changes."""
_PARTS = {
    "buses": Buses,
    "lines": Lines,
    "transformers": Transformers,
    "loads": Injections,
    "generators": Injections,
    "sources": Sources,
    "circuit": Circuit,
}


def compiled(origin: Origin) -> Grid:
    """The grid of an origin, read from the cache or compiled and kept there."""
    return cached(
        cache_name(origin), lambda: _compile(origin), lambda path: load_arrays(path, origin), store_arrays
    )


def cache_name(origin: Origin) -> str:
    """File name in the cache: it holds all that the grid depends on."""
    content = origin.name
    if origin.file is not None:
        try:
            content = hashlib.sha256(origin.file.read_bytes()).hexdigest()
        except OSError as error:
            raise NetworkError(Problem(f"the grid file cannot be read: {error}", file=origin.file)) from error
    versions = [_version(package) for package in ("cosim", "pandapower", "simbench")]
    return f"grid-{key_of(FORMAT, origin.source, content, *versions)}.npz"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # cosim run from its folder without being installed
        return ""


def _compile(origin: Origin) -> Grid:
    from cosim.network.compile import compile_net
    from cosim.network.sources import load_net

    try:
        return compile_net(load_net(origin), origin)
    except NetworkError as error:
        raise NetworkError([problem.at(file=origin.file) for problem in error.problems]) from error


def store_arrays(path: Path, grid: Grid) -> None:
    """Write a grid as an archive of arrays without objects (texts in fixed width)."""
    arrays: dict[str, Any] = {"notes": np.array(grid.notes, dtype=np.str_)}
    for part in _PARTS:
        for field in dataclasses.fields(getattr(grid, part)):
            value = np.asarray(getattr(getattr(grid, part), field.name))
            arrays[f"{part}.{field.name}"] = value.astype(np.str_) if value.dtype == object else value
    with path.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)


def load_arrays(path: Path, origin: Origin) -> Grid:
    """Read what `store_arrays` wrote.

    Raises:
        OSError, ValueError, KeyError, zipfile.BadZipFile: for a damaged file.
    """
    # opened here, since numpy leaves a file that is no archive open
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
        parts = {part: kind(**_fields(archive, part, kind)) for part, kind in _PARTS.items()}
        notes = tuple(str(note) for note in archive["notes"])
    return Grid(origin=origin, notes=notes, **parts)


def _fields(archive: Any, part: str, kind: Any) -> dict[str, Any]:
    fields = {}
    for field in dataclasses.fields(kind):
        value = archive[f"{part}.{field.name}"]
        if value.dtype.kind == "U":
            value = np.array([str(text) for text in value] + [None], dtype=object)[:-1]
        fields[field.name] = value.item() if value.ndim == 0 else value
    return fields
