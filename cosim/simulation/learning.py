"""What is kept of policies that learn: the measures of their updates, what they do at which hour, what they
save by day, and in the end what they learnt. How they learn is their affair."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cosim.analysis.hourly import HourlyStatistics
from cosim.community.community import Community
from cosim.community.deciders import PolicyGroup
from cosim.errors import OutputError, PolicyError, RunError
from cosim.policies.learning.checkpoint import checkpoint_of
from cosim.policies.learning.events import EventFiles
from cosim.policies.learning.learner import FALLEN_BACK
from cosim.policies.validation import checked_weights
from cosim.results.recorder import Recorder
from cosim.results.tables import ACTIONS, LEARNING
from cosim.results.weights import weights_file, write_weights

CHECKPOINTS, TENSORBOARD = "checkpoints", "tensorboard"
"""Folders inside a run's folder."""
SAVING = "day.saving_eur"
"""Metric of each 24 hours: what its prosumers saved on average, as rewarded: what is stored counts."""
SHOWN = ("kl", "entropy", "policy_loss")
"""Metrics of which the progress bar shows the first that there is."""


@dataclass
class _Learner:
    """A policy that learns, and what is gathered of it."""

    number: int
    """Of its community."""
    community: Community
    group: PolicyGroup
    hourly: HourlyStatistics
    updates: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    """Of the last update."""
    fallen: int | None = None
    """Period in which it fell back to its rule."""
    saved_eur: float = 0.0
    """In the running 24 hours, mean over its prosumers."""
    daily_eur: list[float] = field(default_factory=list)
    """Saved in each whole 24 hours so far."""

    def updated(self) -> dict[str, float] | None:
        """The metrics of an update that is not known yet."""
        found = self.community.deciders.metrics.get(self.group.label)
        if found is None or found is self.metrics:
            return None
        self.metrics = found
        self.updates += 1
        return found

    def watch(self) -> None:
        """Take in what was decided and saved in the period that was just simulated."""
        community, group = self.community, self.group
        if community.gate is not None:
            action = community.gate.action[np.ix_(group.rows, group.action_columns)]
            self.hourly.add(int(community.gate.period.hour_of_day), action, group.mask)
        if len(group.rows):
            self.saved_eur += float(community.turn.reward_eur[group.rows].mean())


class LearningLog:
    """Follows all policies that learn.

    Args:
        communities: Of the run.
        recorder: Takes the tables `learning` and `actions`.
        folder: Of the run.
        tensorboard: Whether event files are written, too.
    """

    def __init__(
        self, communities: Sequence[Community], recorder: Recorder, folder: Path, tensorboard: bool
    ) -> None:
        self._recorder, self._folder = recorder, folder
        self._learners = [
            _Learner(number, community, group, HourlyStatistics(len(group.action_columns)))
            for number, community in enumerate(communities)
            for group in learners(community)
        ]
        self._several = len(communities) > 1
        self._events = EventFiles(folder / TENSORBOARD) if tensorboard and self._learners else None
        self._first = 0
        """First period of the running 24 hours."""
        self._done = 0
        self._lost: list[RunError] = []
        """Why what was learnt could not be kept, one a learner."""
        self.line = ""
        """What the progress bar says."""

    # Period by period

    def take(self) -> None:
        """Follow the period that was just simulated."""
        if not self._learners:
            return
        self._take_updates()
        for learner in self._learners:
            learner.watch()
        period = self._learners[0].community.turn.period
        self._done = period.index + 1
        if int((self._done - self._first) * period.hours + 1e-9) >= 24:
            self._end_of_day()

    def finish(self) -> None:
        """The run is over: there may be last updates, and hours of a day that is not whole."""
        self._take_updates()
        self._take_rest()

    def _take_updates(self) -> None:
        for learner in self._learners:
            metrics = learner.updated()
            if metrics is None:
                continue
            period = learner.community.deciders.updated[learner.group.label]
            if FALLEN_BACK in metrics:
                learner.fallen = period
            self._note(learner, metrics, period)
            self.line = _line(learner, self._done, len(self._learners))

    def _end_of_day(self) -> None:
        for learner in self._learners:
            learner.daily_eur.append(learner.saved_eur)
            self._note(learner, {SAVING: learner.saved_eur}, self._done - 1)
            learner.saved_eur = 0.0
            self.line = _line(learner, self._done, len(self._learners))
        self._write_actions()

    def _note(self, learner: _Learner, metrics: dict[str, float], period: int) -> None:
        """Rows of the table `learning`, and points of curves."""
        count = len(metrics)
        rows = {
            "policy": [learner.group.label] * count,
            "update": np.full(count, learner.updates),
            "metric": list(metrics),
            "value": np.array(list(metrics.values())),
        }
        self._recorder.add(LEARNING.name, period, rows, learner.number)
        if self._events is not None:
            for name, value in metrics.items():
                self._events.add(f"{self._name(learner)}/{name}", value, period)

    def _write_actions(self) -> None:
        """Rows of the table `actions` for the running 24 hours, which are over."""
        for learner in self._learners:
            hourly = learner.hourly
            names = [item.name for item in learner.group.spec.action]
            hours, columns = np.nonzero(hourly.count)
            mean, std = hourly.mean()[hours, columns], hourly.std()[hours, columns]
            rows = {
                "policy": [learner.group.label] * len(hours),
                "hour": hours,
                "action": [names[column] for column in columns],
                "mean": mean,
                "std": std,
                "decisions": hourly.count[hours, columns],
            }
            self._recorder.add(ACTIONS.name, self._first, rows, learner.number)
            if self._events is not None:
                for row, hour in enumerate(hours.tolist()):
                    for what, values in (("mean", mean), ("std", std)):
                        name = f"{self._name(learner)} {names[columns[row]]} {what}/{hour:02d} h"
                        self._events.add(name, float(values[row]), self._done - 1)
            learner.hourly = HourlyStatistics(len(names))
        self._first = self._done

    def _name(self, learner: _Learner) -> str:
        label = learner.group.label
        return f"{learner.community.name}/{label}" if self._several else label

    # The end, whichever it is

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Around a run and the making of its tables: however it ends, what was learnt is kept, and what was
        gathered of the last hours. What cannot be kept ends no run: `require_kept` tells it afterwards.

        Raises:
            PolicyError: the one that ended the run, with the file of the last good weights.
        """
        try:
            yield
        except BaseException as error:
            saved = self._rescued(error)
            more = [f"what was learnt until then is in {', '.join(map(str, saved))}"] if saved else []
            more += map(str, self._lost)
            if isinstance(error, PolicyError) and more:
                raise PolicyError("; ".join([str(error), *more])) from error
            raise
        else:
            self._save_all()

    def require_kept(self) -> None:
        """Make sure that all that was learnt is in files.

        Raises:
            PolicyError: with each policy whose weights cannot be kept.
            OutputError: if it was the system that refused them.
        """
        if self._lost:
            first = self._lost[0]
            what = "; ".join(map(str, self._lost))
            raise type(first)(f"{what}; all else of the run is whole, in {self._folder}") from first

    def _rescued(self, error: BaseException) -> list[Path]:
        """What could be kept; the error that ended the run stays the one to report."""
        try:
            self._take_rest()
        except (OSError, OutputError) as second:
            error.add_note(f"what was gathered last is lost: {second}")
        saved = self._save_all()
        for each in self._lost:
            error.add_note(str(each))
        return saved

    def _take_rest(self) -> None:
        """The hours of a day that is not whole, and the ends of event files."""
        if self._done > self._first:
            self._write_actions()
        if self._events is not None:
            self._events.close()

    def _save_all(self) -> list[Path]:
        """Write what each has learnt; one that cannot be kept takes nothing from the others."""
        saved = []
        for learner in self._learners:
            try:
                saved += self._save(learner)
            except PolicyError as error:
                self._lost.append(error)
            except Exception as error:  # noqa: BLE001 - a disk, or somebody else's code: it is told in the end
                what = f"the weights of {learner.group.title} could not be kept"
                self._lost.append(OutputError(f"{what}: {str(error) or type(error).__name__}"))
        return saved

    def _save(self, learner: _Learner) -> list[Path]:
        """Write what one has learnt, if there is anything."""
        policy, path = learner.group.policy, self._folder / self.checkpoint(learner)
        weights = checked_weights(policy, learner.group.title)
        if not weights:
            return []
        write_weights(path, checkpoint_of(policy, weights))
        return [path]

    def checkpoint(self, learner: _Learner) -> Path:
        """Where its weights are, inside the run's folder: labels that look alike as files are told apart."""
        names = [weights_file(self._name(each)) for each in self._learners]
        place = next(place for place, each in enumerate(self._learners) if each is learner)
        twins = names[:place].count(names[place])
        folder = Path(CHECKPOINTS) / str(twins + 1) if twins else Path(CHECKPOINTS)
        return folder / names[place]

    # What is said of it

    def notes(self) -> list[str]:
        """What a user should know: who fell back to a rule, and whose weights could not be kept."""
        fallen = [
            f"{learner.group.title} diverged in period {learner.fallen}, and followed the rule that it "
            "started from ever after (diverged: rule)"
            for learner in self._learners
            if learner.fallen is not None
        ]
        return [*fallen, *map(str, self._lost)]

    def summary(self) -> dict[str, Any]:
        """By label: updates, the last metrics, savings by day, where the weights are."""
        return {
            self._name(learner): {
                "policy": learner.group.policy.name,
                "updates": learner.updates,
                "fallen_back_in_period": learner.fallen,
                "daily_saving_eur": learner.daily_eur,
                "metrics": learner.metrics,
                "checkpoint": self._kept_in(learner),
            }
            for learner in self._learners
        }

    def _kept_in(self, learner: _Learner) -> str | None:
        """The file of its weights inside the run's folder; None if there were none worth keeping."""
        file = self.checkpoint(learner)
        return file.as_posix() if (self._folder / file).is_file() else None


def learners(community: Community) -> list[PolicyGroup]:
    """Its policies that learn."""
    return [group for group in community.deciders.groups if group.policy.learns]


def _line(learner: _Learner, done: int, of: int) -> str:
    """How it is going, in a few words."""
    name = learner.group.policy.name if of == 1 else learner.group.label
    parts = [f"day {int(done * learner.community.clock.hours // 24) + 1}"]
    if learner.daily_eur:
        parts.append(f"saving {learner.daily_eur[-1]:.2f} EUR/day a prosumer")
    parts += [f"{each} {learner.metrics[each]:.2g}" for each in SHOWN if each in learner.metrics][:1]
    if learner.fallen is not None:
        parts.append("diverged, follows its rule")
    return f"{name}: {', '.join(parts)}"
