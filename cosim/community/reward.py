"""What learners are rewarded with: the saving against the counterfactual, with what is stored counted. Bills
are made elsewhere, and no bill has this in it."""

from __future__ import annotations

import numpy as np

from cosim.bidding.heat_records import usual_costs
from cosim.core.arrays import FloatArray
from cosim.core.carriers import Carrier
from cosim.core.dispatch import Dispatch
from cosim.devices.fleet import Fleet, FleetState
from cosim.settlement.bills import Bill
from cosim.settlement.counterfactual import saving_eur
from cosim.settlement.tariffs import TariffBook


class Reward:
    """Rewards of a community, period by period.

        reward = (bill with the utility alone - bill) - price of unserved heat x (heat unserved more than
        then)
                 + price of what is stored x change of (energy stored - energy stored with the utility alone)

    The last line is the difference of a potential (Ng, Harada and Russell, "Policy invariance under reward
    transformations", ICML 1999): over a run it adds up to the value of what is left in the stores, and
    within it who buys at night in order to sell in the evening is not punished at night. (That the best
    policy stays the same holds for the sum over a run, not for a discounted one.) What is stored is
    worth the same throughout, by the own tariff of the run's first day alone, so that a longer run changes
    no reward.

    Args:
        fleet: The devices.
        tariffs: What a kWh stored is worth: electricity the middle of the mean retail and the mean feed-in
            price; heat
            the middle of what it usually costs.
        periods_per_day: Settlement periods in 24 hours.
        unserved_eur_per_kwh: What a kWh of heat that was needed and not to be had counts for.
    """

    def __init__(
        self, fleet: Fleet, tariffs: TariffBook, periods_per_day: int, unserved_eur_per_kwh: float
    ) -> None:
        self._fleet = fleet
        self._unserved = unserved_eur_per_kwh
        day = tariffs.ahead(0, periods_per_day)
        retail, feed_in = day.retail_eur_per_kwh.mean(axis=0), day.feed_in_eur_per_kwh.mean(axis=0)
        gas = np.nan_to_num(day.gas_eur_per_kwh).mean(axis=0)
        low, high = usual_costs(retail, feed_in, gas)
        self.stored_eur_per_kwh: dict[Carrier, FloatArray] = {"electricity": 0.5 * (retail + feed_in)}
        """What a kWh stored is worth, shape (n,) each; only carriers that are stored."""
        if fleet.of("heat"):
            self.stored_eur_per_kwh["heat"] = 0.5 * (low + high)
        self._ahead_eur = np.zeros(fleet.prosumers)

    def of(
        self,
        bill: Bill,
        shadow_bill: Bill,
        runs: tuple[Dispatch, Dispatch],
        states: tuple[FleetState, FleetState],
    ) -> FloatArray:
        """The reward of the period that was just settled [EUR], shape (n,).

        Args:
            bill: Of the period.
            shadow_bill: With the utility alone.
            runs: What was done, and what would have been done with the utility alone.
            states: Of the devices after the period, in both.
        """
        reward = saving_eur(bill, shadow_bill)
        heat, shadow_heat = runs[0].heat, runs[1].heat
        if heat is not None and shadow_heat is not None:
            reward = reward - self._unserved * (heat.import_kwh - shadow_heat.import_kwh)
        before, self._ahead_eur = self._ahead_eur, self._stored_eur(states[0]) - self._stored_eur(states[1])
        return reward + self._ahead_eur - before

    def _stored_eur(self, state: FleetState) -> FloatArray:
        """What is stored is worth, shape (n,)."""
        worth = np.zeros(self._fleet.prosumers)
        for carrier, price in self.stored_eur_per_kwh.items():
            worth += price * self._fleet.stored_kwh(state, carrier)
        return worth
