"""Where departing from the rule surely pays: a safeguard for learners that decide seldom and try levels. What
it says is learnt apart from the networks, from few numbers of each day. How a learner decides and learns is
not its affair.

On one day, to depart by z from what was to be expected brings one prosumer, in units of its root mean square
reward,

    z g(x, e) + what does not hang on z,      g(x, e) = theta . x - c e,

with x what is foretold of the day and e its expected departure. All of a label do the same in the mean, so
that e stands for what the others do (a representative agent, as in mean-field games), and c is by how much a
departure is worth less when all depart. theta and c are fitted by ridge regression to what was earned beyond
what was foreseen. z has mean zero by construction, and its odds are known: whatever the errors of what was
foreseen, they bias nothing (Robinson, Econometrica 56(4), 1988; Nie and Wager, Biometrika 108(2), 2021).
A day has luck of its own that all its prosumers share, of standard deviation `DAYS_DIFFER`, so that a day
with much data counts for less than many with little.

If all go from the rule to e together, each gains the sum of g on the way (the potential of a congestion game:
Monderer and Shapley, Games and Economic Behavior 14(1), 1996), less `MARGIN` for what it may cost others:

    G = theta . x e - c e^2 / 2 - MARGIN |e|.

As many depart, of `PARTS`, as G > k s holds for, with e times that part and s the standard error of G. Where
it holds for none a share `TRY` departs all the same, to learn more. That a policy leaves its baseline only
where it is known with confidence to be better is the conservative contextual bandit (Kazerouni, Ghavamzadeh,
Abbasi-Yadkori and Van Roy, NeurIPS 2017; stage by stage: Moradipari, Thrampoulidis and Alizadeh, NeurIPS
2020).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cosim.core.arrays import BoolArray, FloatArray
from cosim.core.weather import Quantity
from cosim.policies.contract import PolicyInputs
from cosim.policies.learning.encoding import DayAhead

SUN: Quantity = "ghi_w_per_m2"
NO_SUN, ONE_SUN = 60.0, 60.0
"""Mean irradiance of a day that counts as nothing, and as one [W/m2]."""
FORETOLD = ("one", "sun", *DayAhead.names)
"""What g hangs on: a constant, the region's sun, the own energy of the coming day."""
PRECISION = (0.1, 0.03, 0.1, 0.1)
"""Of theta before anything is known (0, but for that), in units of the noise's: little for the sun, so that a
day much brighter than any is not taken for known."""
CROWDING, CROWDING_PRECISION = 3.5, 0.1
"""c before anything is known, and its precision: among a few prosumers everything pays better than among
all."""
MARGIN = 0.5
"""What a departure by one has to bring each, in units of the root mean square reward, for what it may cost
others."""
DAYS_DIFFER = 1.0
"""Standard deviation of g from day to day that nothing foretold explains."""
KEEPS = 0.99
"""What a day still counts for on the next: seasons and others change, and so that the same days seen again do
not make it ever surer."""
FIRST_NOISE, NOISE_RATE = 0.25, 0.05
"""Mean square of what is earned beyond g, before anything is known, and the weight of a new day in it."""
PARTS = (0.25, 0.5, 1.0)
"""Of the prosumers that may depart: so few at first that it shows what is lost when more do."""
TRY = 0.03
"""Share of prosumers that depart all the same, to learn more: also where it is known not to pay, as what is
known may be wrong, and seasons change."""


def foretold_rows(inputs: PolicyInputs, day_periods: int) -> FloatArray:
    """x of a decision, shape (n, 4); 0 where nothing tells of it.

    Args:
        inputs: Of the period that is decided.
        day_periods: Periods in 24 hours.
    """
    rows = np.zeros((len(inputs), len(FORETOLD)))
    rows[:, 0] = 1.0
    outlook = inputs.outlook
    if outlook is not None:
        if outlook.public is not None and SUN in outlook.public.weather:
            rows[:, 1] = (outlook.public.weather[SUN][:day_periods].mean() - NO_SUN) / ONE_SUN
        rows[:, 2:] = DayAhead.encode(outlook) - 1.0
    return rows


class Prudence:
    """Of G groups of prosumers that learn from each other, for A fields of the action.

    What crosses within a group are sums over its prosumers of products of own numbers, as in the gradient of
    a regression that is learnt in a federation.

    Args:
        groups: G: one a prosumer, or one for all.
        names: Of the A fields.
        errors: k, how many standard errors departing has to pay by.
        decisions_per_day: How often it is asked and told.
    """

    def __init__(
        self, groups: int, names: Sequence[str], errors: float, decisions_per_day: float = 1.0
    ) -> None:
        fields = len(names)
        self._names = "+".join(names)
        self._keeps = KEEPS ** (1.0 / decisions_per_day)
        prior = np.tile([*PRECISION, CROWDING_PRECISION], fields)
        self._prior = np.diag(prior)
        self._errors = errors
        self._start = np.tile([*np.zeros(len(FORETOLD)), CROWDING_PRECISION * CROWDING], fields)
        self.products = np.tile(self._prior, (groups, 1, 1))
        """Precision of theta and c, field by field, shape (G, K, K)."""
        self.sums = np.tile(self._start, (groups, 1))
        """The same times their mean, (G, K)."""
        self.noise = np.full(groups, FIRST_NOISE)
        """Mean square of what g does not explain, (G,)."""

    def learn(
        self, foretold: FloatArray, expected: FloatArray, beyond: FloatArray, earned: FloatArray
    ) -> None:
        """Take in a decision.

        Args:
            foretold: x, shape (n, P).
            expected: e, shape (n, A).
            beyond: z, shape (n, A): 0 where nothing was decided.
            earned: Beyond what was foreseen, in units of the root mean square reward, shape (n,).
        """
        groups = len(self.noise)
        per = self._read(foretold[:, None, :], beyond, -expected * beyond).reshape(
            groups, -1, self.sums.shape[1]
        )
        decided = beyond.any(axis=1)
        earned = np.where(decided, earned, 0.0).reshape(groups, -1)
        count = decided.reshape(groups, -1).sum(axis=1)
        unexplained = np.square(earned - np.einsum("gbk,gk->gb", per, self.coefficients)).sum(axis=1)
        new = np.divide(unexplained, count, out=self.noise.copy(), where=count > 0)
        self.noise = self.noise + NOISE_RATE * (new - self.noise)
        spread = np.square(beyond).sum(axis=1).reshape(groups, -1).sum(axis=1)
        weight = 1.0 / (np.maximum(new / self.noise, 1.0) + spread * DAYS_DIFFER**2 / self.noise)
        self.products = self._faded(self.products, self._prior)
        self.sums = self._faded(self.sums, self._start)
        self.products += np.einsum("g,gbk,gbl->gkl", weight, per, per)
        self.sums += np.einsum("g,gbk,gb->gk", weight, per, earned)

    def _faded(self, known: FloatArray, before: FloatArray) -> FloatArray:
        """What is still known by the next decision, on the way back to what was before anything was."""
        return np.asarray(before + self._keeps * (known - before))

    @property
    def coefficients(self) -> FloatArray:
        """theta and c, field by field, shape (G, K)."""
        found: FloatArray = np.linalg.solve(self.products, self.sums[..., None])[..., 0]
        return found

    def gain(self, foretold: FloatArray, expected: FloatArray) -> tuple[FloatArray, FloatArray]:
        """G and its standard error, in units of the root mean square reward, shape (n,) each.

        Args:
            foretold: x, shape (n, P).
            expected: e, shape (n, A): 0 where there is nothing to decide.
        """
        groups, width = self.sums.shape
        per = self._read(foretold[:, None, :], expected, -0.5 * np.square(expected)).reshape(
            groups, -1, width
        )
        mean = np.einsum("gbk,gk->gb", per, self.coefficients)
        variance = np.einsum("gbk,gkl,gbl->gb", per, np.linalg.inv(self.products), per) * self.noise[:, None]
        return mean.ravel() - MARGIN * np.abs(expected).sum(axis=1), np.sqrt(variance).ravel()

    def share(self, foretold: FloatArray, expected: FloatArray, learning: bool) -> FloatArray:
        """Probability with which each may depart, shape (n,).

        Args:
            foretold: x, shape (n, P).
            expected: e, shape (n, A).
            learning: Whether anything is tried and learnt.
        """
        share = np.full(len(foretold), TRY if learning else 0.0)
        for part in PARTS:
            gain, error = self.gain(foretold, part * expected)
            share = np.where(gain > self._errors * error, part, share)
        return share

    @staticmethod
    def _read(foretold: FloatArray, times: FloatArray, crowd: FloatArray) -> FloatArray:
        """Regressors, shape (n, K): of every field x times something, and one number for c."""
        parts = np.concatenate([foretold * times[..., None], crowd[..., None]], axis=-1)
        return parts.reshape(len(times), -1)

    # What is kept

    def weights(self) -> dict[str, FloatArray]:
        """What was learnt, by name; a copy. The names tell the fields in their order, so that what was learnt
        of one is not taken for another's."""
        kept = {"products": self.products, "sums": self.sums, "noise": self.noise}
        return {self._named(name): part.copy() for name, part in kept.items()}

    def _named(self, part: str) -> str:
        return f"prudence.{part}.{self._names}"

    def load(self, weights: Mapping[str, FloatArray]) -> None:
        """Take over what was learnt elsewhere; names and shapes are those of `weights`."""
        self.products, self.sums, self.noise = (
            np.array(weights[self._named(name)], dtype=float) for name in ("products", "sums", "noise")
        )


def evenly(rng: np.random.Generator, n: int) -> FloatArray:
    """A lottery: uniform in [0, 1), shape (n,), one in each n-th of it (a Latin hypercube sample: McKay,
    Beckman and Conover, Technometrics 21(2), 1979). Of n prosumers at most a share, rounded up, is below it:
    chance lets no crowd of them try at once. It reads nothing of them, so that those with nothing to decide
    draw lots as well. Others depart a little less if one does: what that brings seems larger by 1 / (n - 1)
    of what is lost when all do."""
    return (rng.permutation(n) + rng.random(n)) / n


class Leave:
    """Who may depart in the decision that stands, of n prosumers: drawn once, and taken back if what is
    foretold later says so.

    Args:
        drawn: Uniform in [0, 1), shape (n,).
        share: Probabilities with which each may, shape (n,).
        expected: Mean departure of those who may, shape (n, A).
    """

    def __init__(self, drawn: FloatArray, share: FloatArray, expected: FloatArray) -> None:
        self._drawn, self.expected = drawn, expected
        self.held: BoolArray = drawn >= share
        """Who keeps to the rule."""
        self.seen_again = False
        """Whether the coming day was looked at once more."""

    def narrow(self, share: FloatArray) -> None:
        """Some may no longer; nobody may who could not before."""
        self.held = self.held | (self._drawn >= share)

    def state(self) -> dict[str, Any]:
        """A copy."""
        arrays = {"drawn": self._drawn.copy(), "held": self.held.copy(), "expected": self.expected.copy()}
        return {**arrays, "seen_again": self.seen_again}

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> Leave:
        """From `state`."""
        drawn = np.array(state["drawn"], dtype=float)
        found = cls(drawn, np.ones_like(drawn), np.array(state["expected"], dtype=float))
        found.held, found.seen_again = np.array(state["held"], dtype=bool), bool(state["seen_again"])
        return found
