"""`cosim bench learning`: how good learners are, what that hangs on, and how they grow with the number of
prosumers.

`cases` says what is compared, `quality` and `scale` compute it, `page` writes it down.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from cosim.benchmarks.learning import cases, page, quality, scale
from cosim.benchmarks.learning.cases import DEFAULT_LEARNER, ELECTRIC, Extent
from cosim.benchmarks.learning.quality import Part
from cosim.core.registry import nearest
from cosim.errors import InputError, Problem
from cosim.studies.contenders import Contender
from cosim.studies.evaluate import News

PARTS = ("quality", "scale", "ablation", "prudence")
"""What can be done alone."""
Tell = Callable[[News], None]
Say = Callable[[str], None]


class Bench:
    """All of it, step by step; what is done already is not done again.

    Args:
        extent: How much.
        folder: Where units are kept.
        jobs: Processes that work at the same time; 0: all in this one. Scale is measured one at a time.
        tell: Told how far the units of studies are.
        say: Told what else happens.
    """

    def __init__(self, extent: Extent, folder: Path, jobs: int, tell: Tell, say: Say) -> None:
        self.extent, self.folder = extent, folder
        self._jobs, self._tell, self._say = jobs, tell, say
        self.failed: list[News] = []
        """Units that failed: tables are without them."""

    def sections(self, only: str | None = None) -> dict[str, str]:
        """Sections of the page, by name.

        Args:
            only: One of `PARTS`; None: all.

        Raises:
            InputError: if there is no such part, or the folder holds something else.
        """
        if only is not None and only not in PARTS:
            raise InputError(Problem(f"there is no part {only!r}", nearest(only, PARTS), path="--only"))
        found: dict[str, str] = {}
        if only in (None, "quality"):
            found |= self._quality()
        if only in (None, "ablation"):
            found["ablation"] = self._ablation()
        if only in (None, "prudence"):
            found["prudence"] = self._prudence()
        if only in (None, "scale"):
            found["scale"] = page.scale(scale.measure_all(self.extent, self.folder / "scale", self._say))
        return found

    def _quality(self) -> dict[str, str]:
        """The reference cases, then the best of them with other numbers of prosumers."""
        parts = {part.study.base["name"]: part for part in quality.reference_parts(self.extent, self.folder)}
        for part in parts.values():
            self._done(part)
        found = {"quality": page.quality({name: part.summary for name, part in parts.items()}, self.extent)}
        if ELECTRIC in parts:
            best = quality.best_of(parts[ELECTRIC].summary(), self.extent)
            found["size"] = self._sizes(best) if best else ""
        return found

    def _sizes(self, best: Sequence[Contender]) -> str:
        sizes = {n: quality.size_part(self.extent, self.folder, n, best) for n in self.extent.quality_sizes}
        for part in sizes.values():
            self._done(part)
        return page.size({n: part.summary() for n, part in sizes.items()}, self.extent)

    def _ablation(self) -> str:
        part = quality.ablation_part(self.extent, self.folder)
        self._done(part, results=False)
        plain = [cases.variants(kind)[0].name for kind in self.extent.ablated_kinds]
        return page.ablation({name: part.summary(name) for name in plain}, self.extent)

    def _prudence(self) -> str:
        if DEFAULT_LEARNER not in self.extent.kinds:
            return ""
        part = quality.prudence_part(self.extent, self.folder)
        self._done(part, results=False)
        quality.keep(part.summary(), part.folder / "prudence")
        return page.prudence(part.summary(), self.extent)

    def _done(self, part: Part, *, results: bool = True) -> None:
        """Compute a study; keep its figures beside its units, unless another study of the folder does."""
        part.study.check()
        self.failed += part.run(self._jobs, self._tell)
        if results:
            rule = quality.best_rule(part.summary(), self.extent, self.extent.biddings[0])
            quality.keep(part.summary(rule), part.folder)
