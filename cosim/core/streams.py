"""The one owner of randomness: every component gets a generator keyed by (seed, names), so that adding a
component, or spreading communities over processes, changes nobody else's draws."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Streams:
    """Generators of one run."""

    seed: int
    scope: tuple[str, ...] = ()

    def within(self, *names: str | int) -> Streams:
        """Streams of one part of the run, for example a community."""
        return Streams(self.seed, (*self.scope, *map(str, names)))

    def generator(self, *names: str | int) -> np.random.Generator:
        """A fresh generator for the component of that name: the same names, the same draws."""
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(self.entropy(*names))))

    def entropy(self, *names: str | int) -> list[int]:
        """Seed words for a library that seeds itself (numba, torch)."""
        key = "\x1f".join((*self.scope, *map(str, names)))
        digest = hashlib.sha256(key.encode()).digest()
        return [self.seed, *np.frombuffer(digest[:16], dtype=np.uint32).tolist()]
