"""Reading a pandapower JSON file without running what is in it.

pandapower's own reader imports any module that a file names and calls any class in it with arguments from the
file: `{"_module": "subprocess", "_class": "Popen", ...}` runs a program. So a file is first parsed as plain
JSON and every object in it, also inside the texts in which pandapower nests its tables, must be one of
`_ALLOWED`: data of pandapower, pandas, numpy and Python. Only then does pandapower read the text. Duplicate
keys are refused, since two parsers could take different ones.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from cosim.errors import NetworkError, Problem

_ALLOWED = {
    ("pandapower.auxiliary", "pandapowerNet"),
    ("pandas.core.frame", "DataFrame"),
    ("pandas.core.series", "Series"),
    ("numpy", "array"),
    ("builtins", "tuple"),
    ("builtins", "set"),
    ("builtins", "frozenset"),
}
_TABLES = ("bus", "line", "trafo", "ext_grid", "load")
_OLDEST = (3, 0)
"""pandapower version that wrote the oldest files read here (older ones keep geodata elsewhere)."""


def read_json_net(file: Path) -> Any:
    """The pandapower net in a file.

    Raises:
        NetworkError: if the file is not a pandapower net, is of an old format, or holds anything but data.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NetworkError(Problem(f"the grid file cannot be read: {error}", file=file)) from error
    document = _parsed(text, file)
    _check_is_net(document, file)
    problems = [problem.at(file=file) for problem in _foreign(document)]
    if problems:
        raise NetworkError(problems)
    return _read_by_pandapower(text, file)


def _read_by_pandapower(text: str, file: Path) -> Any:
    import pandapower

    try:
        with warnings.catch_warnings():
            # pandas warns of its own future where pandapower reads tables; values do not depend on it
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            net = pandapower.from_json_string(text, convert=True)
    except (ValueError, KeyError, TypeError, AttributeError, UserWarning, IndexError) as error:
        raise NetworkError(
            Problem(f"pandapower cannot read the grid file: {error}", "was it written by to_json?", file=file)
        ) from error
    missing = [table for table in _TABLES if not hasattr(net.get(table, None), "columns")]
    if missing:
        raise NetworkError(
            Problem(f"the grid file has no table {missing[0]!r}", "was it written by to_json?", file=file)
        )
    return net


class _DuplicateKeyError(ValueError):
    pass


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise _DuplicateKeyError("a key appears twice in one object")
    return content


def _parsed(text: str, file: Path) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise NetworkError(
            Problem(f"the grid file is not JSON: {error.msg}", file=file, line=error.lineno)
        ) from error
    except (_DuplicateKeyError, RecursionError) as error:
        raise NetworkError(Problem(f"the grid file cannot be used: {error}", file=file)) from error


def _check_is_net(document: Any, file: Path) -> None:
    is_net = isinstance(document, dict) and document.get("_class") == "pandapowerNet"
    if not is_net or not isinstance(document.get("_object"), dict):
        raise NetworkError(
            Problem(
                "the grid file is JSON, but not a pandapower net", "write it by pandapower.to_json", file=file
            )
        )
    content = document["_object"]
    written = content.get("format_version", content.get("version", ""))
    try:
        version = tuple(int(part) for part in str(written).split(".")[:2])
    except ValueError:
        version = ()
    if version < _OLDEST:
        raise NetworkError(
            Problem(
                f"the grid file has pandapower's format {written or 'of no version'}, 3.0 or newer is needed",
                "open it in a current pandapower and write it again by to_json",
                file=file,
            )
        )


def _foreign(document: Any) -> list[Problem]:
    """A problem for each kind of object in the file that is not plain data."""
    found: dict[tuple[str, str], None] = {}
    stack = [document]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            if "_module" in item or "_class" in item:
                kind = (str(item.get("_module", "")), str(item.get("_class", "")))
                tabular = kind[0].startswith("pandas")
                if kind not in _ALLOWED or (tabular and not _is_json(item.get("_object"))):
                    found[kind] = None
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, str) and item.lstrip()[:1] in ("{", "["):
            stack.append(_nested(item, found))
    return [
        Problem(
            f"the grid file holds an object of {module or 'no module'}.{name}, which is not data",
            "cosim never runs code from a grid file; write the net without controllers and other objects",
        )
        for module, name in found
    ]


def _nested(text: str, found: dict[tuple[str, str], None]) -> Any:
    """What a text holds that is JSON itself, as pandapower's tables are; None for any other text."""
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except (_DuplicateKeyError, RecursionError):
        found["json", "text with duplicate keys or nested too deep"] = None
    except json.JSONDecodeError:
        pass  # some other text: pandapower does not read it as JSON either
    return None


def _is_json(content: Any) -> bool:
    """Whether a table's content is strict JSON in a text.

    pandas' reader accepts more than Python's, and takes a text that is a path for a file to open: what was
    not seen here must not get there.
    """
    if not isinstance(content, str):
        return False
    try:
        json.loads(content)
    except (json.JSONDecodeError, RecursionError):
        return False
    return content.lstrip()[:1] in ("{", "[")
