"""What a study is: a scenario, windows, policies and seeds, and what its results depend on. How it is
computed is in `units`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any

import cosim
from cosim.analysis.optimum import HEATED, MOST, counted
from cosim.community.build import community_of
from cosim.errors import InputError, PolicyError, Problem
from cosim.policies.registry import load
from cosim.scenario.schema import Scenario
from cosim.simulation import Simulation
from cosim.studies.cases import Base, base_of, case
from cosim.studies.contenders import Contender
from cosim.studies.exploitability import OPTION, Place, Probe, check_leaving
from cosim.studies.sources import Sources
from cosim.studies.windows import Window, Windows

FORMAT = 2
"""Of what is kept of a study; raised when older results cannot be read any more."""
RULE = Contender("self-consumption", "self-consumption", tune=False)
"""What everything is compared with: nobody needs anything for it."""
_OWN = ("name", "folder", "seed", "policies", "outputs")
"""Parts of the scenario that change no result: a study has seeds and policies of its own, and where files lie
does not matter, but what is in them."""


@dataclass(frozen=True)
class Study:
    """What is compared, on what."""

    base: Base = field(repr=False)
    """The scenario, resolved, as plain values; its own time, seed and policies play no part."""
    windows: Windows
    contenders: tuple[Contender, ...]
    """Who is compared."""
    seeds: tuple[int, ...]
    """Each draws population, profiles, market and policies anew."""
    passes: int = 1
    """How often learners go through the training window."""
    regret: bool = False
    """Whether the price-taker regret is computed, too: a linear programme for each prosumer and window."""
    rules: Mapping[str, Contender] = field(default_factory=dict)
    """Learner (`Contender.stem`) -> the rule that the cost of learning is measured against: the one that it
    starts from."""
    probe: Probe | None = None
    """How exploitability is sampled; None: it is not."""
    sources: Sources = field(default_factory=Sources, repr=False)
    """What is in the files and modules that the scenario and policies name, when the study begins."""

    @classmethod
    def of(
        cls,
        scenario: Scenario,
        windows: Windows,
        contenders: Sequence[Contender],
        seeds: Sequence[int],
        *,
        passes: int = 1,
        regret: bool = False,
        rules: Mapping[str, Contender] | None = None,
        probe: Probe | None = None,
    ) -> Study:
        """The study of a scenario."""
        base, who, compared = base_of(scenario), tuple(contenders), dict(rules or {})
        sources = Sources.of(scenario, [*who, *compared.values()], () if probe is None else (probe.stranger,))
        return cls(base, windows, who, tuple(seeds), passes, regret, compared, probe, sources)

    def rule(self, contender: Contender) -> Contender:
        """The rule that a learner is measured against; self-consumption, if nothing else is said."""
        return self.rules.get(contender.stem, replace(RULE, bidding=contender.bidding))

    @property
    def started_from(self) -> list[Contender]:
        """The rules of all learners, each once."""
        learners = [one for one in self.contenders if load(one.kind).learns]
        return list({rule.stem: rule for rule in map(self.rule, learners)}.values())

    def check(self) -> None:
        """Make sure that every policy fits the scenario, the scenario every window, and that prosumers can
        leave if they are to; simulates nothing.

        Raises:
            InputError: with every mistake that was found.
        """
        attempts: list[Callable[[], Any]] = [
            partial(self._made, contender) for contender in (*self.contenders, *self.started_from)
        ]
        attempts += [partial(self._built, window) for window in (self.windows.train, *self.windows.tests)]
        if self.probe is not None:
            attempts += [partial(self._leaving, contender) for contender in self.contenders]
        attempts += [partial(self._solvable, window) for window in self.windows.tests]
        problems: dict[str, Problem] = {}
        for attempt in attempts:
            try:
                attempt()
            except InputError as error:
                problems |= {str(problem): problem for problem in error.problems}
        if problems:
            raise InputError(list(problems.values()))

    def _leaving(self, contender: Contender) -> None:
        """Make sure that prosumers can leave, if they are to."""
        assert self.probe is not None
        self.probe.check()
        place = Place(self.base, self.seeds[0], contender, {}, self.probe.stranger)
        try:
            check_leaving(place, self.windows.train)
        except PolicyError as error:
            raise InputError(Problem(f"{contender.name}: {error}", path=OPTION)) from error

    def _solvable(self, window: Window) -> None:
        """Make sure that the optimum of a test window is not beyond what can be solved."""
        scenario = case(self.base, window, self.seeds[0], RULE)
        if counted(scenario) * scenario.horizon.periods > MOST:
            text = (
                f"{scenario.prosumer_count:,} prosumers over {window.days:g} days are too many for one "
                f"linear programme (who has devices for heat counts as {HEATED})"
            )
            most = MOST // counted(scenario) * scenario.horizon.step_minutes // (24 * 60)
            raise InputError(Problem(text, f"at most {most} days, or fewer prosumers", path="--test-days"))

    def _made(self, contender: Contender) -> None:
        """Make sure that a policy can be made for the scenario."""
        scenario = case(self.base, self.windows.train, self.seeds[0], contender)
        try:
            community_of(scenario)
        except InputError as error:
            where = f"{contender.name} in the window {self.windows.train.name}"
            raise InputError(
                [replace(one, path=f"{where}: {one.path}" if one.path else where) for one in error.problems]
            ) from error

    def _built(self, window: Window) -> None:
        """Make sure that the scenario has all that a window needs."""
        Simulation(case(self.base, window, self.seeds[0], RULE)).close()

    def common(self) -> dict[str, Any]:
        """What all results depend on, whoever decides, as plain values."""
        base = {key: value for key, value in self.base.items() if key not in _OWN}
        base["horizon"] = {**base["horizon"], "start": None, "duration": None}
        base["market"] = {**base["market"], "bidding": None}
        base["labels"] = sorted(self.base["policies"])
        found = {"format": FORMAT, "cosim": cosim.__version__, "scenario": base, **self.windows.content()}
        return found | ({"files": dict(self.sources.scenario)} if self.sources.scenario else {})

    def digest(self) -> str:
        """Hash of what all results depend on: two studies with the same one may share a folder."""
        return digest_of(self.common())

    def periods(self, window: Window) -> int:
        """Settlement periods of a window."""
        horizon = self.base["horizon"]
        return window.length(horizon["zone"]) // timedelta(minutes=horizon["step_minutes"])

    def content(self) -> dict[str, Any]:
        """As plain values, for people."""
        return {
            "scenario": self.base["name"],
            **self.windows.content(),
            "passes": self.passes,
            "regret": self.regret,
            "probe": None if self.probe is None else self.probe.content(),
            "rules": [{"name": rule.name, **rule.content()} for rule in self.started_from],
            "seeds": list(self.seeds),
            "policies": [{"name": one.name, **one.content()} for one in self.contenders],
            "cosim": cosim.__version__,
            "digest": self.digest(),
        }


def digest_of(content: Any) -> str:
    """Hash of plain values."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
