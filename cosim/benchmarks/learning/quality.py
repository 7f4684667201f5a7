"""How good policies are on the reference cases: studies of `cosim.studies`, what they share and in which
folder each is. What came of them is put into words in `page`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cosim.benchmarks.learning import cases
from cosim.benchmarks.learning.cases import CENTRAL, ELECTRIC, PRUDENCE, Extent
from cosim.scenario.schema import Scenario
from cosim.studies.contenders import Contender
from cosim.studies.evaluate import News, evaluate
from cosim.studies.exploitability import Probe
from cosim.studies.measured import SHARE
from cosim.studies.report import write_report
from cosim.studies.start_rules import start_rules
from cosim.studies.study import Study
from cosim.studies.summary import Summary, summarise, write_results
from cosim.studies.windows import windows_of


@dataclass(frozen=True)
class Part:
    """A study and where it is kept. Parts of one folder share what they have in common."""

    study: Study
    folder: Path

    def run(self, jobs: int, tell: Callable[[News], None]) -> list[News]:
        """Compute what is not there yet; the news of those that failed."""
        return [news for news in evaluate(self.study, self.folder, jobs, tell) if news.state == "failed"]

    def summary(self, against: str | None = None) -> Summary:
        """What was found, as far as it is there."""
        return summarise(self.study, self.folder, against, missing=True)


def reference_parts(extent: Extent, folder: Path) -> list[Part]:
    """All policies on every reference case."""
    return [
        Part(study_of(cases.reference(name), extent, cases.contenders(extent, name)), folder / name)
        for name in extent.cases
    ]


def ablation_part(extent: Extent, folder: Path) -> Part:
    """Learners with and without what they are about, in the folder of the electric case: they share units."""
    contenders = cases.ablation_contenders(extent)
    return Part(study_of(cases.reference(ELECTRIC), extent, contenders), folder / ELECTRIC)


def prudence_part(extent: Extent, folder: Path) -> Part:
    """The default learner with and without prudence, in the folder of the electric case."""
    contenders = cases.prudent_contenders(extent)
    return Part(study_of(cases.reference(ELECTRIC), extent, contenders), folder / ELECTRIC)


def size_part(extent: Extent, folder: Path, size: int, contenders: Sequence[Contender]) -> Part:
    """Some policies with another number of prosumers."""
    return Part(study_of(cases.scaled(size), extent, contenders), folder / f"reference-{size}")


def study_of(scenario: Scenario, extent: Extent, contenders: Sequence[Contender]) -> Study:
    """The study of a scenario."""
    windows = windows_of(
        scenario.horizon.start.year, train_days=extent.train_days, test_days=extent.test_days
    )
    return Study.of(
        scenario,
        windows,
        contenders,
        range(1, 1 + extent.seeds),
        passes=extent.passes,
        regret=extent.regret,
        rules=start_rules(scenario, windows, contenders),
        probe=Probe(extent.probe) if extent.probe else None,
    )


def best_of(summary: Summary, extent: Extent) -> list[Contender]:
    """Those that captured most in the first bidding mode, each kind once; without the central planner, and
    without prudence, whose constants are for about a hundred prosumers."""
    found: dict[str, Contender] = {}
    for _, contender in ranked(summary, extent.biddings[0]):
        if contender.kind != CENTRAL and PRUDENCE not in contender.parameters:
            found.setdefault(contender.kind, contender)
    return list(found.values())[: extent.best]


def best_rule(summary: Summary, extent: Extent, bidding: str) -> str | None:
    """The rule without central knowledge that captured most in a bidding mode."""
    rules = {rule.name for rule in extent.rules if rule.kind != CENTRAL}
    return next((one.name for _, one in ranked(summary, bidding) if one.name in rules), None)


def ranked(summary: Summary, bidding: str) -> list[tuple[float, Contender]]:
    """Mean share captured and policy, best first."""
    rows = [
        (row.over_seeds.mean, one)
        for one in summary.study.contenders
        if one.bidding == bidding and (row := summary.row(one, SHARE)) is not None
    ]
    return sorted(rows, key=lambda pair: -pair[0])


def keep(summary: Summary, folder: Path) -> None:
    """Write its figures, and the page that shows them, to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_results(summary, folder)
    write_report(summary, folder)
