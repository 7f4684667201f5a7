"""The community planner: one linear programme over all devices of all its prosumers, with forecasts, solved
again and again. A reference that no market has: it pools what is private, and nobody acts on its own account.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import numpy as np
from pydantic import model_validator

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.config import Config as Parameters
from cosim.core.config import setting
from cosim.errors import PolicyError
from cosim.policies.contract import Policy, PolicyInputs, Spec
from cosim.policies.outlook import Outlook
from cosim.policies.planning.actions import planned_action
from cosim.policies.planning.blocks import Blocks
from cosim.policies.planning.programme import optimise
from cosim.policies.planning.solution import Solution

EDGE_SHARE = 0.05
"""How far beyond the plan's price a device bids, as a share of the way from feed-in to retail: enough for the
market's prices to be a little off."""
LEAST_KWH = 1e-6
"""Less is rounding of the solver."""


class CommunityPlannerConfig(Parameters):
    """Parameters of `community-planner`."""

    horizon_hours: float = setting(24.0, unit="h", about="How far ahead it plans.", gt=0, le=168)
    replan_hours: float = setting(
        6.0,
        unit="h",
        about="How often it plans anew; in between it follows its plan. A plan takes about a second for "
        "100 prosumers: in every quarter-hour that is most of a run. Poor forecasts want it more often.",
        gt=0,
        le=24,
    )
    fine_hours: float = setting(
        6.0, unit="h", about="Hours planned period by period; at least replan_hours.", gt=0, le=168
    )
    block_hours: float = setting(
        1.0, unit="h", about="Length of the blocks that later periods are put together to.", gt=0, le=24
    )

    @model_validator(mode="after")
    def _plans_what_it_follows(self) -> CommunityPlannerConfig:
        if self.fine_hours < self.replan_hours:
            raise ValueError("fine_hours has to be at least replan_hours: a plan is followed by the period")
        if self.horizon_hours < self.replan_hours:
            raise ValueError("horizon_hours has to be at least replan_hours: a plan is followed to its end")
        return self


class CommunityPlanner(Policy):
    """Set-points are the plan's; values of stored energy and expected prices are the programme's duals."""

    name = "community-planner"
    summary = "Plans all devices of its prosumers at once (LP): the reference in bidding mode setpoint"
    needs = ("own", "outlook", "everybody")
    Config = CommunityPlannerConfig
    config: CommunityPlannerConfig

    def __init__(
        self, spec: Spec, n: int, config: Parameters | None = None, *, seed: int = 0, label: str = ""
    ) -> None:
        super().__init__(spec, n, config, seed=seed, label=label)
        self.horizon_hours = self.config.horizon_hours
        self._plan: dict[str, Any] | None = None
        """Arrays by period that is planned singly, and whose devices they are of; None before the first."""
        self._at = 0
        """Period of the plan that is decided next."""

    def act(self, inputs: PolicyInputs, explore: bool = True) -> FloatArray:
        """The next step of the plan, shape (n, A); a new plan if the last one is old."""
        outlook = inputs.outlook
        if outlook is None:
            raise PolicyError(f"policy {self.name!r} needs an outlook and was given none")
        if len(outlook) == 0:
            return inputs.rule_action.copy()
        if self._plan is None or self._is_old(self._plan, outlook):
            self._plan, self._at = self._planned(outlook), 0
        plan, at = self._plan, self._at
        self._at += 1
        return planned_action(
            self.spec,
            inputs,
            outlook,
            {kind: planned[at] for kind, planned in plan["energy"].items()},
            {kind: planned[at] for kind, planned in plan["value"].items()},
            plan["price"][at],
        )

    def _is_old(self, plan: Mapping[str, Any], outlook: Outlook) -> bool:
        """Whether it is time for another, or the plan is of other devices."""
        ended = self._at >= len(plan["price"]) or self._at * outlook.period_hours >= self.config.replan_hours
        return ended or not _same(plan["devices"], _devices(outlook))

    def _planned(self, outlook: Outlook) -> dict[str, Any]:
        """A new plan.

        Raises:
            PolicyError: if the programme has no solution.
        """
        own = self.config
        blocks = Blocks.of(outlook.count, outlook.period_hours, own.fine_hours, own.block_hours)
        try:
            found = optimise(outlook, blocks)
        except PolicyError as error:
            raise PolicyError(f"policy {self.name!r}: {error}") from error
        fine = int(np.cumprod(blocks.width == 1).sum())
        return {
            "devices": _devices(outlook),
            "energy": {kind: planned[:fine].copy() for kind, planned in found.energy_kwh.items()},
            "value": {kind: reservation(outlook, found, kind)[:fine].copy() for kind in found.value},
            "price": found.price[:fine].copy(),
        }

    def reset(self) -> None:
        """The plan is of the running episode."""
        self._plan, self._at = None, 0

    def state_dict(self) -> dict[str, Any]:
        """The plan as well, and how far it was followed."""
        return {**super().state_dict(), "plan": deepcopy(self._plan), "at": self._at}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """As `Policy.load_state_dict`."""
        super().load_state_dict(state)
        missing = [name for name in ("plan", "at") if name not in state]
        if missing:
            raise PolicyError(f"state of policy {self.name!r} lacks {' and '.join(missing)}")
        self._plan, self._at = deepcopy(state["plan"]), int(state["at"])


def reservation(outlook: Outlook, found: Solution, kind: str) -> FloatArray:
    """Values of stored energy at which devices do what the plan says, shape (B, d) [EUR/kWh].

    At the optimum a device is indifferent wherever it does something in part: its dual is a price of the
    balance over or times an efficiency, and whether it acts would be left to rounding. So whoever is to draw
    values energy inside a little above that price, whoever is to give a little below, and who is to rest
    in between; where the dual is further on that side, it stays.
    """
    owned = outlook.devices[kind]
    store, owner = owned.envelope.store, owned.owner
    one = np.ones(len(owned))
    charge, give = (one, one) if store is None else (store.charge_efficiency, store.discharge_efficiency)
    price = (found.price if owned.envelope.carrier == "electricity" else found.heat_price)[:, owner]
    edge = EDGE_SHARE * np.abs(found.blocks.mean(outlook.retail - outlook.feed_in)[:, owner])
    dual, energy = found.value[kind], found.energy_kwh[kind]
    rest_low, rest_high = (price + edge) * give, (price - edge) / charge
    rests = np.where(
        rest_low < rest_high,
        np.minimum(np.maximum(dual, rest_low), rest_high),
        0.5 * (price * give + price / charge),
    )
    draws = np.maximum(dual, (price + edge) / charge)
    gives = np.minimum(dual, (price - edge) * give)
    return np.where(energy > LEAST_KWH, draws, np.where(energy < -LEAST_KWH, gives, rests))


def _devices(outlook: Outlook) -> dict[str, IntArray]:
    """Owners of the devices by kind."""
    return {kind: owned.owner.copy() for kind, owned in outlook.devices.items()}


def _same(first: Mapping[str, IntArray], second: Mapping[str, IntArray]) -> bool:
    return first.keys() == second.keys() and all(
        np.array_equal(owners, second[kind]) for kind, owners in first.items()
    )
