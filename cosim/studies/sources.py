"""What a study depends on that lies outside of its settings, by its content: files that settings name, and
modules of the user's own. Of these only the module that is named counts, not what it imports."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cosim.scenario.schema import Scenario
from cosim.studies.contenders import Contender

LONGEST_NAME = 255
"""No file has a longer name."""

Hashes = Mapping[str, str]
"""Hash of the content by the name of a file or module; what does not exist is not in it, and others tell."""


@dataclass(frozen=True)
class Sources:
    """What was in them when a study began."""

    scenario: Hashes = field(default_factory=dict)
    """Of the scenario, but for its policies: a study has its own."""
    policies: Mapping[str, Hashes] = field(default_factory=dict)
    """Of each policy that has some, by `Contender.stem`."""
    files: Mapping[Path, str] = field(default_factory=dict)
    """All of them, by where they are."""

    @classmethod
    def of(cls, scenario: Scenario, contenders: Iterable[Contender], others: Sequence[str] = ()) -> Sources:
        """Of a scenario, of policies whose paths start at its folder, and of other policies by name."""
        plain = scenario.model_dump(mode="json", exclude={"folder", "policies", "outputs"})
        own = _files(_texts(plain), scenario.base) | _modules([*_kinds(scenario), *others])
        policies = {
            one.stem: _files(_texts(one.parameters), scenario.base) | _modules([one.kind])
            for one in contenders
        }
        hashes = {path: _hash(path) for found in (own, *policies.values()) for path in found.values()}
        return cls(
            {name: hashes[path] for name, path in own.items()},
            {
                stem: {name: hashes[path] for name, path in found.items()}
                for stem, found in policies.items()
                if found
            },
            hashes,
        )

    def of_policy(self, contender: Contender) -> Hashes:
        """Of a policy of the study."""
        return self.policies.get(contender.stem, {})

    def changed(self) -> list[str]:
        """Files that are not what they were."""
        return [str(path) for path, found in self.files.items() if not path.is_file() or _hash(path) != found]


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


def _files(texts: Iterable[str], folder: Path) -> dict[str, Path]:
    """The texts that name a file, and where it is."""
    short = sorted({text for text in texts if 0 < len(text) <= LONGEST_NAME})
    return {text: (folder / text).resolve() for text in short if (folder / text).is_file()}


def _modules(kinds: Iterable[str]) -> dict[str, Path]:
    """The modules of `module:Class`, which have been imported to see what they are, and where they are."""
    names = sorted({kind.partition(":")[0] for kind in kinds if ":" in kind})
    files = {name: getattr(sys.modules.get(name), "__file__", None) for name in names}
    return {name: Path(file).resolve() for name, file in files.items() if file}


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
