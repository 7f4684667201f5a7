"""The work of a study in units. Each stands for itself: it is computed in whatever order, in whatever
process, and once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from cosim.analysis.hindsight import hindsight
from cosim.analysis.optimum import bound
from cosim.analysis.regret import best_response_eur
from cosim.core.arrays import FloatArray
from cosim.policies.learning.checkpoint import Checkpoint
from cosim.policies.registry import load
from cosim.scenario.schema import Scenario
from cosim.simulation import Simulation
from cosim.simulation.processes import Tell, after, silent
from cosim.studies.cases import case
from cosim.studies.contenders import Contender
from cosim.studies.episode import Episode, run_episode
from cosim.studies.exploitability import Place, exploitability
from cosim.studies.measured import MODES
from cosim.studies.study import RULE, Study, digest_of
from cosim.studies.training import Keep, Trained, forget, judge, learns, train
from cosim.studies.tuning import stages_of, trials, tune
from cosim.studies.windows import Window

Kind = Literal["optimum", "rule", "policy"]


@dataclass(frozen=True)
class Result:
    """What came of a unit."""

    values: dict[str, Any]
    """Plain values."""
    learnt: Mapping[str, Checkpoint] = field(default_factory=dict)
    """What was learnt, by label."""


@dataclass(frozen=True)
class Unit:
    """A piece of a study that is computed and kept as a whole.

    - `optimum`: what a test window could cost at best;
    - `rule`: what the training window costs, day by day, with the rule that learners start from;
    - `policy`: a policy, tuned or trained in the training window, judged in all test windows.
    """

    study: Study = field(repr=False)
    kind: Kind
    contender: Contender
    seed: int
    window: Window | None = None
    """Of an optimum."""

    @property
    def name(self) -> str:
        """In messages, and of its files."""
        if self.kind == "policy":
            return f"{self.contender.stem}_{self.seed}"
        part = self.contender.stem if self.window is None else self.window.stem
        return f"{self.kind}.{part}_{self.seed}"

    def digest(self) -> str:
        """Hash of all that the result depends on."""
        found: dict[str, Any] = {"kind": self.kind, "seed": self.seed, "study": self.study.digest()}
        if self.kind == "policy":
            found |= {"policy": {**self.contender.content(), "tune": self._tried()}}
            found |= {"passes": self.study.passes, "regret": self.study.regret}
            if self.study.probe is not None:
                found["probe"] = self.study.probe.content()
        elif self.window is None:
            found["policy"] = self.contender.content()
        else:
            found["window"] = self.window.content()
        files = {} if self.window is not None else self.study.sources.of_policy(self.contender)
        return digest_of(found | ({"files": dict(files)} if files else {}))

    def _tried(self) -> list[list[dict[str, Any]]]:
        """All parameters among which tuning chooses."""
        return [[dict(choice) for choice in stage.choices] for stage in stages_of(self.contender)]

    @property
    def periods(self) -> int:
        """How many periods are simulated, at most; an optimum counts as one."""
        periods, windows = self.study.periods, self.study.windows
        if self.window is not None:
            return 1
        if self.kind == "rule":
            return periods(windows.train)
        train, tests = periods(windows.train), sum(map(periods, windows.tests))
        alone = 0 if self.study.probe is None else self.study.probe.periods(train, tests)
        return self._before_judging + len(MODES) * tests + alone

    @property
    def _before_judging(self) -> int:
        often = trials(self.contender)
        if load(self.contender.kind).learns:
            often += self.study.passes
        return often * self.study.periods(self.study.windows.train)

    def compute(self, tell: Tell = silent, keep: Keep = forget) -> Result:
        """Do the work.

        Args:
            tell: Called with the periods done.
            keep: Called with what was learnt so far, also if it fails.

        Raises:
            CosimError: if something of the scenario cannot be used, or a run fails.
        """
        base, train_window = self.study.base, self.study.windows.train
        if self.window is not None:
            return Result(_optimum(case(base, self.window, self.seed, self.contender)))
        if self.kind == "rule":
            simulation = Simulation(case(base, train_window, self.seed, self.contender))
            return Result({"training": run_episode(simulation, tell).content()})
        return self._policy(tell, keep)

    def _policy(self, tell: Tell, keep: Keep) -> Result:
        """Tune or train in the training window; judge."""
        base, window = self.study.base, self.study.windows.train
        tuned = tune(base, window, self.seed, self.contender, tell)
        trained = Trained({}, ())
        is_learner = learns(Simulation(case(base, window, self.seed, tuned.contender)))
        if is_learner:
            trained = train(case(base, window, self.seed, tuned.contender), self.study.passes, tell, keep)
        weeks = self._weeks(tuned.contender, trained, MODES if is_learner else MODES[:1], tell)
        values = {
            "learns": is_learner,
            "chosen": tuned.chosen,
            "tried": list(tuned.tried),
            "training": [episode.content() for episode in trained.passes],
            "weeks": weeks,
        }
        if trained.fallen:
            fallen = trained.fallen.items()
            values["fallen_back"] = [{"label": label, "pass": number} for label, number in fallen]
        if self.study.probe is not None:
            values["exploited"] = self._exploited(tuned.contender, trained, weeks, tell)
        return Result(values, trained.learnt)

    def _exploited(
        self, contender: Contender, trained: Trained, weeks: list[dict[str, Any]], tell: Tell
    ) -> list[dict[str, Any]]:
        """What sampled prosumers gain by learning on, alone."""
        study = self.study
        assert study.probe is not None
        staying = np.sum([week["saving_eur"] for week in weeks if week["mode"] == MODES[0]], axis=0)
        place = Place(
            study.base, self.seed, contender, trained.weights, study.probe.stranger, tuple(trained.fallen)
        )
        tests = sum(map(study.periods, study.windows.tests))
        tell = after(self._before_judging + len(MODES) * tests, tell)
        return exploitability(place, study.windows, study.probe, staying, tell)

    def _weeks(
        self, contender: Contender, trained: Trained, modes: tuple[str, ...], tell: Tell
    ) -> list[dict[str, Any]]:
        """The policy, frozen, in every test window and mode."""
        study, done = self.study, self._before_judging
        weeks = []
        for test in study.windows.tests:
            scenario = case(study.base, test, self.seed, contender)
            for mode in modes:
                explore = mode == MODES[0]
                on = after(done, tell)
                episode = judge(scenario, trained.weights, explore=explore, fallen=trained.fallen, tell=on)
                done += study.periods(test)
                weeks.append({"window": test.name, "mode": mode, **episode.content()})
                if study.regret and explore:
                    weeks[-1]["regret_eur"] = _regret_eur(scenario, episode).tolist()
        return weeks


def _optimum(scenario: Scenario) -> dict[str, Any]:
    """What a window costs at best, and without trade."""
    found = bound(scenario)
    return {
        "optimum_eur": found.optimum_eur,
        "alone_eur": found.alone_eur,
        "greedy_eur": found.greedy_eur,
        "traded_kwh": float(found.traded_kwh.sum()),
        "notes": list(found.notes),
    }


def _regret_eur(scenario: Scenario, episode: Episode) -> FloatArray:
    """Price-taker regret of each prosumer, shape (n,): what it paid less what its best response costs."""
    prices = episode.market_price, episode.heat_market_price
    regret: FloatArray = episode.prosumer_eur - best_response_eur(hindsight(scenario), *prices)
    return regret


def units_of(study: Study) -> list[Unit]:
    """All work of a study, what is short first."""
    seeds, tests = study.seeds, study.windows.tests
    # The optimum is the same whoever decides and however they bid.
    found = [Unit(study, "optimum", RULE, seed, window) for seed in seeds for window in tests]
    found += [Unit(study, "rule", rule, seed) for rule in study.started_from for seed in seeds]
    found += [Unit(study, "policy", contender, seed) for contender in study.contenders for seed in seeds]
    return found
