"""Writing files so that none is ever seen half-written: into a temporary name, then renamed. What goes wrong
on the way becomes an OutputError that says what to do."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cosim.errors import OutputError

TEMPORARY = ".writing"
"""Suffix of a file that is not finished."""


@contextmanager
def published(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`; it becomes `path` if the block ends well and vanishes if it does not.

    It is the process's own: two that write the same file do not disturb each other, the later one counts.

    Raises:
        OutputError: if the system refuses (full disk, no permission, folder gone).
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        _discard(temporary)
        raise OutputError(explain(error, path)) from error
    except BaseException:
        _discard(temporary)
        raise


def _discard(temporary: Path) -> None:
    try:
        temporary.unlink(missing_ok=True)
    except OSError:  # the first error is the one to report; the leftover is named as unfinished
        return


def explain(error: OSError, path: Path) -> str:
    """What the system's error means for the user, in words."""
    if error.errno == errno.ENOSPC or "No space left" in str(error):
        return f"the disk is full: {path} could not be written{_free(path)} (free some space, or choose \
another place with --output)"
    if error.errno == errno.EDQUOT:
        return f"your disk quota is used up: {path} could not be written (choose another place with --output)"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"no permission to write {path} (choose another place with --output)"
    if error.errno == errno.ENOENT:
        return f"{path} could not be written: its folder was removed while the run was writing to it"
    if error.errno == errno.ENOTDIR:
        return (
            f"{path} could not be written: a part of its path is a file (choose another place with --output)"
        )
    return f"{path} could not be written: {error.strerror or error} (choose another place with --output)"


def _free(path: Path) -> str:
    try:
        return f", {shutil.disk_usage(path.parent).free / 1e6:.1f} MB are left there"
    except OSError:
        return ""


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all.

    Raises:
        OutputError: see `published`.
    """
    with published(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file, whole or not at all; NaN and infinity, which JSON does not know, become null.

    Raises:
        OutputError: see `published`.
    """
    write_text(path, json.dumps(plain(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def plain(value: Any) -> Any:
    """The same value in Python's own types (from numpy's), with None for what is not finite."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return plain(value.tolist())
    if isinstance(value, float):
        return value if value - value == 0 else None
    if value is None or isinstance(value, str | int | bool):
        return value
    return str(value)
