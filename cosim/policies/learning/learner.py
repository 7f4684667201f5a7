"""What all learners have in common. They start from a rule and learn how far to depart from it; they think
anew every few hours and stand by what they decided in between; each prosumer has networks of its own, or
shares them. How they learn is in a file for each family."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.core.config import Config as Parameters
from cosim.core.records import NET_FORECAST
from cosim.errors import InputError, PolicyError
from cosim.policies.contract import Policy, PolicyInputs, Spec, Transition
from cosim.policies.learning.checkpoint import misfits, start_from
from cosim.policies.learning.config import LearnerConfig
from cosim.policies.learning.divergence import MOST_WEIGHT, unless_diverged
from cosim.policies.learning.experience import Decision, Experience, Standing
from cosim.policies.learning.mean_field import MeanField
from cosim.policies.learning.spans import Spans
from cosim.policies.learning.start import (
    EVERY_HOUR,
    NOTHING,
    ONCE_A_DAY,
    SELDOM,
    learnt_actions,
    plans,
    start_in_full,
    start_policy,
    tells_setpoints,
    usual_start,
)
from cosim.policies.learning.view import Others, View

if TYPE_CHECKING:
    from torch import Tensor

    from cosim.policies.learning.expectation import Expectation
    from cosim.policies.learning.networks import Networks

FALLEN_BACK = "fallen_back"
"""Metric of a learner that diverged and follows its rule from then on."""
KEPT_PERIODS = 100
"""How long a decision waits for what comes of it: longer than any gate closure."""


class Learner(Policy):
    """Starts from a rule; a family implements `_decide`, `_collect`, `_update` and `_learning`.

    Args:
        spec: Fields of its inputs and actions.
        n: Prosumers.
        config: Parameters.
        seed: Seed of the run.
        label: Tells apart policies of one run.

    Raises:
        InputError: if a GPU is asked for and there is none.
    """

    learns = True
    needs: tuple[str, ...] = ("own", "public", "outlook")
    crosses = (
        "with sharing none nothing, federated (default) changes of weights, averaged, group all their data"
    )
    Config = LearnerConfig
    config: LearnerConfig

    def __init__(
        self, spec: Spec, n: int, config: Parameters | None = None, *, seed: int = 0, label: str = ""
    ) -> None:
        super().__init__(spec, n, config, seed=seed, label=label)
        from cosim.policies.learning.networks import chosen_device

        own = self.config
        self.learns = not own.freeze
        self.device = chosen_device(own.device)
        self.networks = n if own.sharing == "none" else min(n, 1)
        """Networks of each kind, G: one a prosumer, or one for all."""
        self.foresight = own.foresight and spec.observes(NET_FORECAST)
        if not self.foresight:
            self.needs = tuple(need for need in self.needs if need != "outlook")
        self.starts_from = own.start or usual_start(spec)
        """The rule that it starts from."""
        self.start = start_policy(self.starts_from, spec, n, seed, f"{self.label}/start")
        if self.start is not None:
            self.needs = tuple(dict.fromkeys((*self.needs, *self.start.needs)))
            self.horizon_hours = self.start.horizon_hours
        self.spans = Spans(spec, own.decide_hours or self.usual_hours)
        """For how long a decision stands."""
        self.decisions_per_day = self.spans.per_day
        self.gamma = own.discount ** (1.0 / self.decisions_per_day)
        """Discount from one decision to the next."""
        self.every = max(round(own.update_hours / 24.0 * self.decisions_per_day), 1)
        """Decisions from one update to the next."""
        self.learnt = learnt_actions(spec, self.start, own.leaves, margins=own.margins == "learn")
        """Which actions it learns, shape (A,); the others stay the rule's."""
        if own.sharing == "group":
            self.needs = tuple(dict.fromkeys((*self.needs, "everybody")))
        self.view = View(
            spec,
            n,
            MeanField(spec, own.mean_field, self.draw("mean field")),
            foresight=self.foresight,
            begins_blind=bool(spec.mean_field)
            and spec.observes(NET_FORECAST)
            and self.decisions_per_day <= SELDOM,
            others=self._others(),
        )
        """What networks read."""
        self.expectation = self._expectation()
        """What it expects of prices; None: what was seen last."""
        self._standing = Standing(KEPT_PERIODS)
        self._decision: Decision | None = None

    @property
    def usual_hours(self) -> float:
        """How often it thinks anew if nothing is said [h]."""
        return EVERY_HOUR if tells_setpoints(self.spec) else ONCE_A_DAY

    def _expectation(self) -> Expectation | None:
        """Learnt where a rule reckons with prices of the market, and what is public may be read."""
        own = self.config
        if self.start is None or not self.start.expects_prices or own.mean_field != "public":
            return None
        if own.expects == "last":
            return None
        from cosim.policies.learning.expectation import Expectation

        return Expectation(self.spec, self.draw("expectation"), self.draw("expectation rows"))

    # What a family implements

    @abstractmethod
    def _decide(self, rows: FloatArray, explore: bool) -> tuple[FloatArray, dict[str, FloatArray]]:
        """By how much to depart from the rule, shape (n, A), and notes for learning, one row a prosumer.

        Args:
            rows: What networks read, shape (n, F), named by `input_names`.
            explore: Whether to try things.
        """

    def _others(self) -> Others | None:
        """What it wants to know of others besides the mean field; made before anything else of the family."""
        return None

    @abstractmethod
    def _collect(self, experience: Experience) -> bool:
        """Take in a decision that is over; whether it is time to learn."""

    @abstractmethod
    def _update(self) -> dict[str, float]:
        """Learn from what was taken in; metrics."""

    @abstractmethod
    def _learning(self) -> Sequence[Networks]:
        """All networks that learn: their weights are what was learnt."""

    def _copies(self) -> Mapping[str, Sequence[Tensor]]:
        """Parameters of slow copies of networks, by name; they are not kept with the weights."""
        return {}

    def _loaded(self) -> None:
        """Weights were loaded: slow copies start from them."""

    # The contract

    def prepare(self) -> None:
        """Load the weights that the scenario names."""
        if self.config.weights is not None:
            try:
                start_from(self, self.config.weights)
            except InputError as error:
                raise InputError([problem.at(path="weights") for problem in error.problems]) from error

    @property
    def input_names(self) -> tuple[str, ...]:
        """What networks read, by name."""
        return self.view.names

    @property
    def hindsight_names(self) -> tuple[str, ...]:
        """Columns of `Experience.hindsight`."""
        return self.view.hindsight_names

    @property
    def basis(self) -> str:
        """A shift means nothing without the rule that it departs from."""
        hours = 24.0 / self.decisions_per_day
        return f"a departure from {start_in_full(self.starts_from)}, held for {hours:g} h"

    @property
    def looks_now(self) -> bool:
        """Before a decision, and whenever the rule that it started from looks."""
        starts = self.start is not None and plans(self.start) and self.start.looks_now
        return starts or (self.foresight and not self.fallen and self.spans.due)

    @property
    def critic_width(self) -> int:
        """Numbers that the widest critic of a prosumer reads: its own, and what is public by the end. A
        family whose critics read something else says so."""
        return len(self.input_names) + len(self.hindsight_names)

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        """The rule's action, shifted by what was decided last; decides anew when it is time. Shape (n, A)."""
        base = self._base(inputs, explore)
        if self.n == 0 or self.fallen:
            return base
        due, decision, read = self.spans.enter(inputs), self._decision, None
        if due or decision is None:
            read = self.view.rows(inputs)
            decision = self._decision = self._anew(inputs, read, explore and not self.config.freeze)
        shift = self._departure(inputs, decision, explore)
        self.spans.leave()
        self.view.remember(inputs)
        self._standing.keep(inputs, decision, read)
        return np.clip(base + shift, -1.0, 1.0)

    def _departure(self, inputs: PolicyInputs, decision: Decision, explore: bool) -> FloatArray:
        """By how much to depart from the rule in a period in which a decision stands, shape (n, A)."""
        return decision.shift

    def _anew(self, inputs: PolicyInputs, rows: FloatArray, tries: bool) -> Decision:
        """A new decision, from what networks read of the period, shape (n, F)."""
        if self.view.begins_blind and tries and self.learns:  # so that it knows what to do on a first day
            away = self.draw("look away").random(self.n) < self.config.look_away
            rows = self.view.looking_away(rows, away)
        shift, notes = self._decide(rows, tries)
        return Decision(rows, np.where(self.learnt, shift, 0.0), inputs.action_mask & self.learnt, notes)

    def _shaped(self, rows: FloatArray) -> Tensor:
        """Rows of n prosumers, (n, F), for the networks, (G, n / G, F)."""
        import torch

        shaped = torch.as_tensor(rows.astype(np.float32), device=self.device)
        return shaped.reshape(self.networks, self.n // max(self.networks, 1), -1)

    def _tries(self, drawn: Callable[[np.random.Generator], FloatArray]) -> FloatArray:
        """What chance says of each field of the action, from its own generator, shape (n, A)."""
        return np.column_stack([drawn(self.draw(f"try {item.name}")) for item in self.spec.action])

    def learn(self, transition: Transition) -> dict[str, float]:
        """Add one period to the decision that stood in it; learn from the decision when it is over."""
        if self.n == 0 or self.fallen:
            return {}
        expected: dict[str, float] = {}
        if self.expectation is not None and self.expectation.due:
            expected = self._guarded(self.expectation.learn, self.expectation.numbers())
        return expected if self.fallen else expected | self._learn_deciding(transition)

    def finish(self) -> dict[str, float]:
        """The run is over: what remains of a day is learnt about prices. A family may add to it."""
        if self.n == 0 or self.fallen or self.expectation is None or not self.expectation.left:
            return {}
        return self._guarded(self.expectation.learn, self.expectation.numbers())

    def _learn_deciding(self, transition: Transition) -> dict[str, float]:
        """The outcome of a period, for the decision that stood in it."""
        decision = self._standing.of(transition.inputs)
        if decision is None:
            raise PolicyError("is to learn from a period in which it did not decide")
        decision.add(transition, self.view.net_kwh(transition.inputs))
        ended = bool(transition.terminated.any() or transition.truncated.any())
        if not (ended or self._is_over(decision, transition.next_inputs)):
            return {}
        is_time = self._collect(self._experience(decision, transition, ended))
        return self._guarded(self._update, self._numbers()) if is_time else {}

    def _is_over(self, decision: Decision, following: PolicyInputs) -> bool:
        """Whether another decision stands in the period that follows; where gates close early it is known."""
        other = self._standing.first
        return self.spans.begins(following) if other is None else other is not decision

    def _experience(self, decision: Decision, transition: Transition, ended: bool) -> Experience:
        """A decision that is over."""
        following = transition.next_inputs
        net_kw = decision.net_kwh / (decision.periods * (self.spec.period_hours or 1.0))
        hindsight = self.view.hindsight(following, net_kw)
        read = self._standing.read_of(following)  # decided already, where gates close early
        if read is None:
            read = self.view.rows(following)
        return Experience(decision, read, hindsight, transition.terminated, not ended)

    def _guarded(
        self, update: Callable[[], dict[str, float]], numbers: Mapping[str, Tensor]
    ) -> dict[str, float]:
        """Learn something; what diverges is undone.

        Args:
            update: Learns, and returns metrics.
            numbers: All that it changes, by name.

        Raises:
            PolicyError: if they or the metrics are no longer finite, or absurd, and the run is to stop.
        """
        metrics, wrong = unless_diverged(update, numbers)
        if not wrong:
            return metrics
        if self.config.diverged == "stop":
            raise PolicyError(
                f"diverged: {', '.join(wrong[:3])} not finite, or beyond {MOST_WEIGHT:g}; the weights before "
                "this update are kept (try a smaller learning rate, or `diverged: rule`)"
            )
        self.fallen = True
        self._standing.clear()
        return {FALLEN_BACK: 1.0}

    def _base(self, inputs: PolicyInputs, explore: bool) -> FloatArray:
        """What the start rule does, shape (n, A)."""
        if self.starts_from == NOTHING:
            return np.zeros_like(inputs.rule_action)
        if self.start is None:
            return inputs.rule_action.copy()
        if self.expectation is not None and self.n and not self.fallen:
            inputs = self.expectation.expecting(inputs, learning=self.learns)
        return self.start.act(inputs, explore)

    def reset(self) -> None:
        """A new episode begins: nothing stands, nothing is remembered of the day before. What was learnt
        stays."""
        self._standing.clear()
        self.view.forget()
        self.spans.reset()
        self._decision = None
        if self.start is not None:
            self.start.reset()
        if self.expectation is not None:
            self.expectation.forget()

    def _numbers(self) -> dict[str, Tensor]:
        """Every number that learning from decisions changes, by name."""
        found = chain(((each.name, each.parameters) for each in self._learning()), self._copies().items())
        return {f"{name}.{number}": part for name, parts in found for number, part in enumerate(parts)}

    def weights(self) -> dict[str, FloatArray]:
        """What was learnt, by the names of the fields; a copy. Slow copies are not in it."""
        found = {name: values for each in self._learning() for name, values in each.weights().items()}
        return found | self._beside()

    def _beside(self) -> dict[str, FloatArray]:
        """What is kept with the weights of the networks, named PART.NAME; a copy. Weights from before there
        was such a part fit: it then stays as it is."""
        return {} if self.expectation is None else self.expectation.weights()

    def load_weights(self, weights: Mapping[str, FloatArray]) -> None:
        """Start from weights learnt elsewhere.

        Raises:
            PolicyError: if they do not fit, naming each field that differs.
        """
        own, parts = self.weights(), {_part(name) for name in weights}
        younger = {name: kept for name, kept in self._beside().items() if _part(name) not in parts}
        weights = younger | dict(weights)
        problems = misfits(own, weights)
        absurd = (name for each in self._learning() for name in each.weights() if name in weights)
        problems += [
            f"{name} has a weight beyond {MOST_WEIGHT:g}"
            for name in absurd
            if not bool((np.abs(weights[name]) < MOST_WEIGHT).all())
        ]
        if problems:
            more = f" and {len(problems) - 5} more" if len(problems) > 5 else ""
            raise PolicyError(f"weights do not fit policy {self.name!r}: {'; '.join(problems[:5])}{more}")
        self._load(weights)

    def _load(self, weights: Mapping[str, FloatArray]) -> None:
        for each in self._learning():
            each.load(weights)
        if self.expectation is not None:
            self.expectation.load(weights)
        self._loaded()

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on as if nothing had happened."""
        return {
            **super().state_dict(),
            "weights": self.weights(),
            "standing": self._standing.state(self._decision),
            "spans": self.spans.state(),
            "view": self.view.state(),
            "fallen": self.fallen,
            "start": None if self.start is None else self.start.state_dict(),
            "expectation": None if self.expectation is None else self.expectation.state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See `Policy.load_state_dict`."""
        super().load_state_dict(state)
        self.load_weights(state["weights"])
        self._decision = self._standing.load_state(state["standing"])
        self.spans.load_state(state["spans"])
        self.fallen = bool(state["fallen"])
        self.view.load_state(state["view"])
        if self.start is not None:
            self.start.load_state_dict(state["start"])
        if self.expectation is not None:
            self.expectation.load_state(state["expectation"])


def _part(name: str) -> str:
    """What a weight belongs to."""
    return name.partition(".")[0]
