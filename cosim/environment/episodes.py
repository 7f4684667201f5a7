"""Which episode comes next: the part of the scenario's horizon that it plays in, and the seed of what happens
in it. Who takes part is the scenario's, and the same in all of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from operator import index

from cosim.core.streams import Streams
from cosim.errors import InputError, Problem
from cosim.scenario.horizon import Horizon, duration_text
from cosim.scenario.schema import Scenario

SEEDS = 2**32


@dataclass(frozen=True, slots=True)
class Episode:
    """What tells one episode from another."""

    seed: int
    """Of what happens: order of arrival, errors of forecasts, draws of policies."""
    horizon: Horizon


class Episodes:
    """The episodes of an environment, one after the other.

    The first after a seed was given has that seed itself, later ones draw theirs from it; before any is given
    the scenario's seed counts as given.

    Args:
        scenario: Whose horizon and seed.
        days: Length of an episode [days]; None: the whole horizon.
        random_start: Whether each begins on another day.

    Raises:
        InputError: if an episode is no whole number of periods, is longer than the horizon, ends before any
            gate opens, or may begin on one day alone though that is to vary.
    """

    def __init__(self, scenario: Scenario, days: float | None, random_start: bool) -> None:
        self._seed = scenario.seed
        self._number = 0
        self._random_start = random_start
        whole = scenario.horizon
        length = whole.duration if days is None else timedelta(days=days)
        self._starts = _starts(whole, length)
        closure = scenario.market.gate_closure
        text = remedy = ""
        if not self._starts:
            text = f"an episode of {days:g} days does not fit into {duration_text(whole.duration)}"
            remedy = "load the scenario with more days, or write fewer"
        elif length % timedelta(minutes=whole.step_minutes):
            text = f"an episode of {days:g} days is no whole number of periods"
            remedy = f"a period has {whole.step_minutes} minutes"
        elif self._starts[0].periods <= closure:
            text = f"an episode of {self._starts[0].periods} periods has nothing to decide"
            remedy = f"the gate closes {closure} periods ahead"
        elif random_start and len(self._starts) == 1:
            text = f"episodes of {duration_text(length)} can begin on one day alone"
            remedy = f"with random_start, write `days` below the scenario's {duration_text(whole.duration)}"
        if text:
            raise InputError(Problem(text, remedy))

    def begin(self, seed: int | None = None) -> Episode:
        """The next episode.

        Args:
            seed: Starts a new row of episodes; None: the row goes on.

        Raises:
            InputError: if the seed is no whole number from 0 to below 2^32.
        """
        if seed is not None:
            self._seed, self._number = _checked(seed), 0
        own = self._seed
        if self._number:
            own = int(Streams(own).generator("episode", self._number).integers(SEEDS))
        self._number += 1
        start = 0
        if self._random_start:
            start = int(Streams(own).generator("start").integers(len(self._starts)))
        return Episode(own, self._starts[start])


def _starts(whole: Horizon, length: timedelta) -> list[Horizon]:
    """Episodes of a length, one for each day of a horizon on which there is time for it."""
    if not timedelta(0) < length <= whole.duration:
        return []
    later = [
        whole.model_copy(update={"start": whole.start + timedelta(days=day), "duration": length})
        for day in range(whole.duration // timedelta(days=1) + 1)
    ]
    end = whole.clock().end
    return [part for part in later if part.clock().end <= end]  # a clock change may take an hour


def _checked(seed: int) -> int:
    try:
        number = index(seed)
    except TypeError:
        number = -1
    if not 0 <= number < SEEDS:
        raise InputError(Problem(f"{seed!r} is no seed", "a whole number from 0 to below 2^32"))
    return number
