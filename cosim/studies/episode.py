"""One simulation without recording, and what a study wants to know of it: costs, trade, savings, seconds."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosim.analysis.end_value import EndPrices
from cosim.community.community import Community
from cosim.core.arrays import FloatArray
from cosim.simulation import Simulation
from cosim.simulation.processes import Tell, silent


@dataclass(frozen=True)
class Episode:
    """What came of one simulation of one community. In costs, heat that was needed and not served counts at
    the scenario's price, and what is stored at the end is taken off (`cosim.analysis.end_value`)."""

    days: float
    cost_eur: float
    """Of the community."""
    greedy_eur: float
    """The same with the utility alone (the shadow fleet)."""
    daily_eur: FloatArray
    """Cost of the community by local day, less the value of what more is stored after it, shape (days,)."""
    prosumer_eur: FloatArray
    """Cost of each prosumer, shape (n,)."""
    saving_eur: FloatArray
    """Of each prosumer against the utility alone, shape (n,)."""
    market_price: FloatArray
    """Mean price of each period's trades, NaN without any, shape (periods,) [EUR/kWh]."""
    heat_market_price: FloatArray | None
    """The same of heat; None where it is not traded."""
    p2p_kwh: float
    """Electricity traded between prosumers."""
    unserved_kwh: float
    """Heat not served and energy that devices needed and could not have."""
    seconds: dict[str, float]
    """Wall-clock time of `decide`, `learn` and all phases together, `total` [s]."""

    def content(self) -> dict[str, Any]:
        """As plain values; prices and what each pays are left out."""
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
    (community,) = simulation.communities
    book = _Book(community)
    while not simulation.done:
        simulation.step()
        book.add()
        tell(simulation.index)
    began = time.perf_counter()
    simulation.finish()
    last_update = time.perf_counter() - began
    clock = simulation.clock
    return Episode(
        days=clock.periods / clock.periods_per_day,
        cost_eur=float(book.cost_eur.sum()),
        greedy_eur=float(book.greedy_eur.sum()),
        daily_eur=book.daily_eur(),
        prosumer_eur=book.cost_eur,
        saving_eur=book.greedy_eur - book.cost_eur,
        market_price=np.array(book.prices),
        heat_market_price=np.array(book.heat_prices) if book.heat_prices else None,
        p2p_kwh=book.p2p_kwh,
        unserved_kwh=book.unserved_kwh(),
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
        self._end = EndPrices.of(community)
        n = len(community.members.names)
        self._paid_eur, self._alone_eur = np.zeros(n), np.zeros(n)
        self._after_eur = [float(self.cost_eur.sum())]
        """Cost so far: before the first period, and after each local day that is over."""
        self._unserved_heat_kwh = 0.0
        self.p2p_kwh = 0.0
        self.prices: list[float] = []
        self.heat_prices: list[float] = []

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
        self.prices.append(turn.gate.electricity.clearing.public.mean_price)
        if turn.gate.heat is not None:
            self.heat_prices.append(turn.gate.heat.clearing.public.mean_price)
        index, day = turn.period.index, community.clock.day
        if index + 1 == len(day) or day[index + 1] != day[index]:
            self._after_eur.append(float(self.cost_eur.sum()))

    @property
    def cost_eur(self) -> FloatArray:
        """Of each prosumer so far, less the value of what it has stored, shape (n,)."""
        community = self._community
        left: FloatArray = self._paid_eur - self._end.value_eur(community.fleet, community.state)
        return left

    @property
    def greedy_eur(self) -> FloatArray:
        """The same with the utility alone."""
        shadow = self._community.counterfactual
        left: FloatArray = self._alone_eur - self._end.value_eur(shadow.fleet, shadow.state)
        return left

    def daily_eur(self) -> FloatArray:
        """Cost of all by local day, shape (days,)."""
        return np.diff(self._after_eur)

    def unserved_kwh(self) -> float:
        """Energy that was needed and not to be had."""
        community = self._community
        return self._unserved_heat_kwh + community.fleet.unserved_kwh(community.state)
