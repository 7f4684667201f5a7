"""The bound of a scenario: what its community would cost with perfect foresight and one mind, and what it
costs without trade. It needs no run; a run is measured against it in `captured`.

    greedy    the counterfactual: the self-consumption rule and the utility alone
    alone     each prosumer optimised in hindsight, nobody trades
    optimum   all prosumers optimised in hindsight together, trade among them

All three are net of the value of what is stored at the end (`end_value`), and heat that was needed and not to
be had counts at the scenario's price. `optimum <= alone <= greedy`; a run may cost more than any of them, and
no less than the optimum, but for what `notes` say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from cosim.analysis.hindsight import Hindsight, hindsight, plan_notes
from cosim.community.community import Community
from cosim.core.arrays import FloatArray
from cosim.devices import registry
from cosim.errors import InputError, Problem
from cosim.policies.outlook import Outlook
from cosim.policies.planning.highs import Method
from cosim.policies.planning.programme import optimise
from cosim.policies.planning.solution import Solution
from cosim.scenario.groups import Group
from cosim.scenario.schema import Scenario

LARGE = 2_000
"""Prosumers times periods from which on the optimum is found by interior points: several times quicker."""
MOST = 300_000
"""Prosumers times periods of one programme: some minutes, some gigabytes."""
HEATED = 6
"""As so many prosumers counts one with devices for heat."""
TOGETHER = 5_000
"""Prosumers times periods that are put into one programme where nobody trades: their programmes separate."""

Say = Callable[[str], None]
"""Is told what is being done, in a few words."""


@dataclass(frozen=True)
class Bound:
    """What a community costs at best and without trade, over H periods of n prosumers [EUR]."""

    greedy_eur: float
    """The self-consumption rule and the utility alone, as a run's counterfactual."""
    alone_eur: float
    """Each prosumer optimised by itself, in hindsight; nobody trades."""
    optimum_eur: float
    """All optimised together, in hindsight; a lower bound where a device is relaxed."""
    shadow_price: FloatArray
    """Price at which the optimum's trades would clear, shape (H,): the dual of what is bought being what is
    sold [EUR/kWh]. Where nothing is traded it lies between what one could sell and what one could buy for."""
    heat_shadow_price: FloatArray
    """The same of heat as delivered, shape (H,); NaN where no heat is traded."""
    traded_kwh: FloatArray
    """Electricity traded in the optimum, shape (H,)."""
    greedy_bills_eur: float
    """Bills in `greedy_eur`."""
    greedy_cost_eur: FloatArray
    """`greedy_eur` by prosumer, shape (n,)."""
    alone_cost_eur: FloatArray
    """`alone_eur` by prosumer, shape (n,)."""
    notes: tuple[str, ...]
    """What is relaxed or approximated, one sentence each."""
    seconds: float
    """To find all of it."""

    def share_captured(self, cost_eur: float) -> float | None:
        """(greedy - cost) / (greedy - optimum) of a run of the scenario; None if there is nothing to capture.

        Args:
            cost_eur: Bills and unserved heat of all prosumers, less the value of what is stored at the end.
        """
        gap = self.greedy_eur - self.optimum_eur
        if gap <= 1e-9 * max(1.0, abs(self.greedy_eur)):
            return None
        return (self.greedy_eur - cost_eur) / gap


def bound(scenario: Scenario, say: Say | None = None) -> Bound:
    """The bound of a scenario.

    Args:
        scenario: Whose prosumers, prices and periods.
        say: Is told what is being done.

    Raises:
        InputError: if something of the scenario cannot be used, or it is too large to be solved at once.
        PolicyError: if the solver does not find an optimum.
    """
    require_size(scenario)
    return bound_of(hindsight(scenario), say)


def bound_of(look: Hindsight, say: Say | None = None) -> Bound:
    """The same of a hindsight that is there already."""
    began = perf_counter()
    say = say or _nothing
    say("the utility alone, without foresight")
    bills, greedy = _greedy_eur(look)
    say("each prosumer optimised alone")
    alone = each_alone(look, look.outlook)
    say("all prosumers optimised together")
    size = len(look.outlook) * look.outlook.count
    method: Method = "centre" if size > LARGE else "simplex"
    found = optimise(look.outlook, method=method, lean=True)
    return Bound(
        greedy_eur=float(greedy.sum()),
        alone_eur=float(alone.sum()),
        optimum_eur=float(look.cost_eur(found).sum()),
        shadow_price=_within_band(found.market_price, look.outlook),
        heat_shadow_price=found.heat_market_price,
        traded_kwh=found.flows_kwh["bought"].sum(axis=1),
        greedy_bills_eur=bills,
        greedy_cost_eur=greedy,
        alone_cost_eur=alone,
        notes=(*look.notes, *plan_notes(found)),
        seconds=perf_counter() - began,
    )


def _within_band(price: FloatArray, outlook: Outlook) -> FloatArray:
    """Where nothing is traded a clearing price is one of many: that nearest to what anybody trades at."""
    low, high = outlook.ask_floor.min(axis=1), outlook.bid_ceiling.max(axis=1)
    within: FloatArray = np.minimum(np.maximum(price, low), np.maximum(low, high))
    return within


def each_alone(look: Hindsight, outlook: Outlook, *, price_taking: bool = False) -> FloatArray:
    """Least cost of each prosumer if none trades with another, shape (n,), a few at a time.

    Args:
        look: What is known in hindsight.
        outlook: Its outlook, or the same with other prices.
        price_taking: As of `optimise`.
    """
    n = len(outlook)
    cost = np.zeros(n)
    width = max(TOGETHER // max(outlook.count, 1), 1)
    for first in range(0, n, width):
        rows = np.arange(first, min(first + width, n))
        part = outlook.of(rows)
        found = optimise(part, trade=False, price_taking=price_taking)
        cost[rows] = _part_cost(look, part, found)
    return cost


def _part_cost(look: Hindsight, part: Outlook, found: Solution) -> FloatArray:
    """Cost of some of the prosumers."""
    return replace(look, outlook=part).cost_eur(found)


def counted(scenario: Scenario) -> int:
    """Prosumers, as they count for the size of a programme: more, where they have devices for heat."""
    return sum(group.count * (HEATED if _heats(group) else 1) for group in scenario.groups)


def require_size(scenario: Scenario) -> None:
    """Makes sure that the programme of a scenario can be solved.

    Raises:
        InputError: if it is too large.
    """
    periods = scenario.horizon.periods
    if counted(scenario) * periods <= MOST:
        return
    days = MOST // counted(scenario) * scenario.horizon.step_minutes / (24 * 60)
    remedy = f"at most {int(days)} days of it: --days {int(days)}" if days >= 1 else "fewer prosumers"
    raise InputError(
        Problem(
            f"{scenario.prosumer_count:,} prosumers over {periods:,} periods are too many for one linear "
            f"programme, and a bound of parts would be none (at most {MOST:,} prosumers times periods; who "
            f"has devices for heat counts as {HEATED})",
            remedy,
        )
    )


def _heats(group: Group) -> bool:
    return any(registry.load(kind).carrier == "heat" for kind in group.devices)


def _greedy_eur(look: Hindsight) -> tuple[float, FloatArray]:
    """Bills of the counterfactual, and what it costs each prosumer, shape (n,)."""
    bills, unserved_kwh = utility_alone(look.community)
    counterfactual = look.community.counterfactual
    held = look.end.value_eur(counterfactual.fleet, counterfactual.state)
    cost: FloatArray = bills.sum(axis=0) + look.unserved_eur(unserved_kwh) - held
    return float(bills.sum()), cost


def utility_alone(community: Community) -> tuple[FloatArray, FloatArray]:
    """Bills of a counterfactual, shape (H, n) [EUR], and its unserved heat [kWh], shape (n,), as in a run but
    without market and grid. Moves the states of the counterfactual on to the end.

    Args:
        community: In the state in which the run begins.
    """
    clock = community.clock
    bills = np.zeros((clock.periods, community.fleet.prosumers))
    unserved = np.zeros(community.fleet.prosumers)
    for index in range(clock.periods):
        dispatch = community.counterfactual.step(clock.period(index), community.tariffs)
        bills[index] = community.tariffs.bill(index, dispatch).total_eur
        if dispatch.heat is not None:
            unserved += dispatch.heat.import_kwh
    return bills, unserved


def _nothing(what: str) -> None:
    del what
