"""What the self-consumption rule would do, for everybody at once: the action that policies start from, and
what the shadow fleet does. The rule for devices on electricity is the policies' own; heat sources and
stores that are told by set-points get those that meet each prosumer's own need at least cost."""

from __future__ import annotations

from collections.abc import Mapping

from cosim.bidding.bidder import Bidder, Known
from cosim.bidding.fields import action_columns, action_fields, decided
from cosim.bidding.heat import HeatBidder
from cosim.bidding.heat_records import heat_prices
from cosim.core.arrays import FloatArray
from cosim.core.records import Field
from cosim.policies.contract import Spec
from cosim.policies.rules.baseline import baseline_action


class Rule:
    """The rule of one community.

    Args:
        bidder: Its bidding.
        observation: Fields that are observed.
        parameters: Device parameters by name, shape (n,) each.
        period_hours: Length of a settlement period [h].
    """

    def __init__(
        self,
        bidder: Bidder,
        observation: tuple[Field, ...],
        parameters: Mapping[str, FloatArray],
        period_hours: float,
    ) -> None:
        self._bidder = bidder
        self._parameters = parameters
        self._efficiencies: dict[str, FloatArray] = {}
        self._spec = Spec(observation, (), bidder.fields, period_hours)
        self._heat: HeatBidder | None = None
        if bidder.heat is not None and bidder.mode == "setpoint":
            fields = action_fields(bidder.fleet, "reservation")
            self._valued = Spec(observation, (), fields, period_hours)
            self._heat = HeatBidder(bidder.fleet, "reservation", fields)

    def action(self, observation: FloatArray, known: Known) -> FloatArray:
        """What the rule does, shape (n, A).

        Args:
            observation: What everybody observes, shape (n, O).
            known: What is known of the period.
        """
        action = baseline_action(self._spec, observation, self._parameters, self._efficiencies)
        if self._heat is not None:
            self._set_heat(
                action,
                baseline_action(self._valued, observation, self._parameters, self._efficiencies),
                known,
            )
        return action

    def _set_heat(self, action: FloatArray, valued: FloatArray, known: Known) -> None:
        """Write the set-points of devices for heat: what they would do if values decided."""
        heat, bidder = self._heat, self._bidder
        assert heat is not None  # asked for only then
        net = bidder.fleet.total_by_prosumer(
            {name: known.ranges[name].base_kwh for name in bidder.electricity.kinds}
        )
        expected = heat.expected_price(valued, net, known.prices)
        costs = heat.costs(known.inputs, known.gas_eur_per_kwh, expected)
        alone = heat.bids(known.ranges, valued, heat_prices(known.prices), costs).alone_kwh
        for name, device in heat.kinds.items():
            if decided(device, "setpoint"):
                columns = action_columns(bidder.fields, device, "setpoint")
                action[device.prosumer, columns] = device.action_of(known.ranges[name], alone[name])
