"""One simulation without recording, and what a study wants to know of it: costs, trade, savings, seconds."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosim.community.community import Community
from cosim.core.arrays import FloatArray
from cosim.simulation import Simulation
from cosim.simulation.processes import Tell, silent
from cosim.studies.stored import StoredValue


@dataclass(frozen=True)
class Episode:
    """What came of one simulation. Costs count what heat that was needed and not served counts for, and are
    less the value of what is stored at the end."""

    days: float
    cost_eur: float
    """Of the community."""
    greedy_eur: float
    """The same with the utility alone (the shadow fleet)."""
    daily_eur: FloatArray
    """Cost of the community by local day, less the value of what more is stored after it, shape (days,)."""
    saving_eur: FloatArray
    """Of each prosumer against the utility alone, shape (n,)."""
    p2p_kwh: float
    """Electricity traded between prosumers."""
    unserved_kwh: float
    """Heat not served and energy that devices needed and could not have."""
    seconds: dict[str, float]
    """Wall-clock time of `decide`, `learn` and all phases together, `total` [s]."""

    def content(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "days": self.days,
            "cost_eur": self.cost_eur,
            "greedy_eur": self.greedy_eur,
            "daily_eur": self.daily_eur.tolist(),
            "saving_eur": self.saving_eur.tolist(),
            "p2p_kwh": self.p2p_kwh,
            "unserved_kwh": self.unserved_kwh,
            "seconds": self.seconds,
        }


def run_episode(simulation: Simulation, tell: Tell = silent) -> Episode:
    """Step a simulation to its end.

    Args:
        simulation: Fresh; what its policies start from, and whether they learn, is the caller's.
        tell: Called after every period.

    Raises:
        RunError: if an audit fails or a policy breaks its contract.
    """
    books = [_Book(community) for community in simulation.communities]
    while not simulation.done:
        simulation.step()
        for book in books:
            book.add()
        tell(simulation.index)
    began = time.perf_counter()
    simulation.finish()
    last_update = time.perf_counter() - began
    clock = simulation.clock
    return Episode(
        days=clock.periods / clock.periods_per_day,
        cost_eur=sum(float(book.cost_eur.sum()) for book in books),
        greedy_eur=sum(float(book.greedy_eur.sum()) for book in books),
        daily_eur=np.sum([book.daily_eur() for book in books], axis=0),
        saving_eur=np.concatenate([book.greedy_eur - book.cost_eur for book in books]),
        p2p_kwh=sum(book.p2p_kwh for book in books),
        unserved_kwh=sum(book.unserved_kwh() for book in books),
        seconds={
            "decide": simulation.seconds["decide"],
            "learn": simulation.seconds["learn"] + last_update,
            "total": sum(simulation.seconds.values()) + last_update,
        },
    )


class _Book:
    """Keeps account of one community."""

    def __init__(self, community: Community) -> None:
        self._community = community
        self._stored = StoredValue(community)
        n = len(community.members.names)
        self._paid_eur, self._alone_eur = np.zeros(n), np.zeros(n)
        self._after_eur = [float(self.cost_eur.sum())]
        """Cost so far: before the first period, and after each local day that is over."""
        self._unserved_heat_kwh = 0.0
        self.p2p_kwh = 0.0

    def add(self) -> None:
        """Take the period that was just simulated."""
        community, turn = self._community, self._community.turn
        penalty = community.unserved_eur_per_kwh
        self._paid_eur += turn.bill.total_eur
        self._alone_eur += turn.shadow_bill.total_eur
        if turn.dispatch.heat is not None and turn.shadow.heat is not None:
            self._paid_eur += penalty * turn.dispatch.heat.import_kwh
            self._alone_eur += penalty * turn.shadow.heat.import_kwh
            self._unserved_heat_kwh += float(turn.dispatch.heat.import_kwh.sum())
        self.p2p_kwh += float(turn.dispatch.electricity.sold_kwh.sum())
        index, day = turn.period.index, community.clock.day
        if index + 1 == len(day) or day[index + 1] != day[index]:
            self._after_eur.append(float(self.cost_eur.sum()))

    @property
    def cost_eur(self) -> FloatArray:
        """Of each prosumer so far, less the value of what it has stored, shape (n,)."""
        return self._paid_eur - self._stored.eur()

    @property
    def greedy_eur(self) -> FloatArray:
        """The same with the utility alone."""
        return self._alone_eur - self._stored.alone_eur()

    def daily_eur(self) -> FloatArray:
        """Cost of all by local day, shape (days,)."""
        return np.diff(self._after_eur)

    def unserved_kwh(self) -> float:
        """Energy that was needed and not to be had."""
        community = self._community
        return self._unserved_heat_kwh + community.fleet.unserved_kwh(community.state)
