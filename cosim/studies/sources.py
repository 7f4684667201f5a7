"""What a study depends on that lies outside of its settings, by its content: files that settings name, and
modules of the user's own. Of these only the module that is named counts, not what it imports."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cosim.scenario.schema import Scenario
from cosim.studies.contenders import Contender

LONGEST_NAME = 255
"""No file has a longer name."""

Sources = dict[str, str]
"""Hash of the content by the name of a file or module; what does not exist is not in it, and others tell."""


def of_scenario(scenario: Scenario) -> Sources:
    """Of a scenario, but for its policies: a study has its own."""
    plain = scenario.model_dump(mode="json", exclude={"folder", "policies", "outputs"})
    return _files(_texts(plain), scenario.base) | _modules(_kinds(scenario))


def of_contender(contender: Contender, folder: Path) -> Sources:
    """Of a policy whose paths start at a folder."""
    return _files(_texts(contender.parameters), folder) | _modules([contender.kind])


def _kinds(scenario: Scenario) -> Iterator[str]:
    """All that may be classes of the user's own."""
    yield scenario.market.mechanism
    for group in scenario.groups:
        yield from group.devices
    for single in scenario.prosumers.values():
        yield from single.devices or ()


def _texts(value: Any) -> Iterator[str]:
    """All texts among plain values."""
    if isinstance(value, str | Path):
        yield str(value)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _files(texts: Iterable[str], folder: Path) -> Sources:
    """The texts that name a file."""
    short = sorted({text for text in texts if 0 < len(text) <= LONGEST_NAME})
    return {text: _hash(folder / text) for text in short if (folder / text).is_file()}


def _modules(kinds: Iterable[str]) -> Sources:
    """The modules of `module:Class`."""
    names = sorted({kind.partition(":")[0] for kind in kinds if ":" in kind})
    specs = {name: find_spec(name) for name in names}
    return {name: _hash(Path(spec.origin)) for name, spec in specs.items() if spec and spec.origin}


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
