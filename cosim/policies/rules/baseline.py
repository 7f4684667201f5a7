"""The self-consumption rule as an action: what a sensible household without a market in mind would do. It is
handed to every policy as `rule_action`; it is not a policy itself.

A device is recognised by its action field, `<device>.value` or `<device>.setpoint`; `<device>` is its kind,
with a number for the second and further ones (`battery`, `battery_2`). Kinds without a rule here get 0.
Fields that are absent count as zero (prices ahead: as today's). `net_forecast_kwh` is the household's net
energy with every device at set-point 0; what an EV has to charge now (`must_kwh`) is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from cosim.core.arrays import BoolArray, FloatArray, clipped
from cosim.core.records import NET_FORECAST
from cosim.errors import PolicyError
from cosim.policies.contract import ASK_MARGIN, BID_MARGIN, HEAT_ASK_MARGIN, HEAT_BID_MARGIN, Spec

VALUE_LOW, VALUE_HIGH = "value_low", "value_high"
"""Lowest feed-in and highest retail price of the own tariff [EUR/kWh], an observation or a parameter:
`.value` actions are mapped to `value_low x discharge efficiency` to `value_high / charge efficiency`."""
EXPECTED_PRICE = "expected_price"
"""Action on the price of electricity that heat sources reckon with: -1 feed-in, +1 retail."""
HEAT_KINDS = ("heat_store", "building")
"""Kinds that hold heat."""
EDGE_EUR_PER_KWH = 1e-4
"""What should happen has to be worth a little more than its alternative, or the tie is anybody's: more than
the rounding of a float32 network, less than a price that anybody tells apart. Added, not multiplied: prices
may be negative."""
DUST_KWH = 1e-9
"""A need below this is rounding."""


@dataclass(frozen=True)
class Reader:
    """Columns by name, zero where a field is absent."""

    spec: Spec
    observation: FloatArray
    parameters: Mapping[str, FloatArray]
    efficiencies: dict[str, FloatArray] = field(default_factory=dict)
    """What `efficiency` has found so far."""
    _columns: dict[str, FloatArray] = field(default_factory=dict, init=False)

    def observed(self, name: str) -> FloatArray:
        """A field of the observation, shape (n,); not to be written to."""
        kept = self._columns.get(name)
        if kept is None:
            kept = (
                self.observation[:, self.spec.observation_index(name)]
                if self.spec.observes(name)
                else np.zeros(len(self.observation))
            )
            self._columns[name] = kept
        return kept

    def efficiency(self, name: str) -> FloatArray:
        """An efficiency among the parameters; 1 where it is absent or 0 (the prosumer lacks the device)."""
        kept = self.efficiencies.get(name)
        if kept is None:
            given = np.asarray(self.parameters.get(name, np.ones(len(self.observation))), dtype=float)
            kept = self.efficiencies[name] = np.where(given > 0.0, given, 1.0)
        return kept

    def required(self, name: str) -> FloatArray:
        """An observation or a parameter that no default can stand in for."""
        if self.spec.observes(name):
            return self.observed(name)
        if name in self.parameters:
            return np.asarray(self.parameters[name], dtype=float)
        raise PolicyError(
            f"the self-consumption rule needs {name!r} among the observations or the device parameters, "
            "since there is an action on the value of stored energy"
        )

    def price_band(self) -> tuple[FloatArray, FloatArray]:
        """Lowest feed-in and highest retail price of the own tariff [EUR/kWh], shape (n,) each."""
        return self.required(VALUE_LOW), self.required(VALUE_HIGH)

    def cheapest_ahead(self) -> FloatArray:
        """Lowest retail price from now to 24 hours ahead [EUR/kWh]; today's where that is not observed."""
        now = self.observed("retail_price")
        if not self.spec.observes("lowest_retail_ahead"):
            return now
        return np.minimum(self.observed("lowest_retail_ahead"), now)


def device_actions(spec: Spec) -> list[tuple[str, str, str]]:
    """Actions on flexible devices: name of the action, device, kind of device, in the order of the spec."""
    found = []
    for item in spec.action:
        device, dot, what = item.name.rpartition(".")
        if dot and what in ("value", "setpoint"):
            found.append((item.name, device, device.rstrip("0123456789").rstrip("._")))
    return found


def baseline_action(
    spec: Spec,
    observation: FloatArray,
    parameters: Mapping[str, FloatArray] | None = None,
    efficiencies: dict[str, FloatArray] | None = None,
) -> FloatArray:
    """The self-consumption rule.

    Margins are -1: what is left is traded at the own limit price. Set-points of devices for heat are
    worked out by the community (`cosim.community.rule`), for they need each other's capacities: here they
    get 0. In bidding mode "reservation" a battery's energy is worth midway between what storing gives up
    and what using it saves; an EV's energy is worth what it would cost from the utility in the cheapest
    hour ahead. In mode "setpoint" the EV charges from own surplus, and what it needs when the utility is
    cheapest; then the battery charges from the surplus that is left, and covers the deficit. In both
    modes whoever is paid for taking takes all it can: no value is below zero.

    Args:
        spec: Fields of observation and action.
        observation: Shape (n, O).
        parameters: Device parameters, shape (n,) each: efficiencies `<device>.charge_efficiency` and
            `<device>.discharge_efficiency` (1 where absent), and the range of values, where not observed.
        efficiencies: Kept from call to call for the same parameters, since they are constant over a run.

    Returns:
        Actions in [-1, 1], shape (n, A).

    Raises:
        PolicyError: if the spec lacks what a value is computed from.
    """
    read = Reader(spec, observation, parameters or {}, {} if efficiencies is None else efficiencies)
    action = np.zeros((len(observation), len(spec.action)))
    for margin in (BID_MARGIN, ASK_MARGIN, HEAT_BID_MARGIN, HEAT_ASK_MARGIN):
        if spec.acts(margin):
            action[:, spec.action_index(margin)] = -1.0
    net_kwh = read.observed(NET_FORECAST)
    paid = read.observed("retail_price") < 0.0
    if spec.acts(EXPECTED_PRICE):
        action[:, spec.action_index(EXPECTED_PRICE)] = 2.0 * expected_share(read) - 1.0
    evs_first = sorted(device_actions(spec), key=lambda entry: entry[2] != "ev")
    for name, device, kind in evs_first:
        if kind in HEAT_KINDS and name.endswith(".value"):
            action[:, spec.action_index(name)] = heat_value_action(read, device)
        if kind not in RULES:
            continue
        value_rule, energy_rule = RULES[kind]
        if name.endswith(".value"):
            chosen = value_action(read, device, np.maximum(value_rule(read, device), 0.0))
        else:
            _, idle_kwh, most_kwh = _range_kwh(read, device)
            wanted_kwh = np.where(paid, most_kwh, energy_rule(read, device, net_kwh - idle_kwh))
            net_kwh = net_kwh - idle_kwh + wanted_kwh
            chosen = _scaled_energy(read, device, wanted_kwh)
        action[:, spec.action_index(name)] = chosen
    return action


def battery_value(read: Reader, device: str) -> FloatArray:
    """Value of stored energy at which surplus is stored rather than fed in and used rather than imported.

    Storing 1 kWh gives up the feed-in price and leaves `charge_efficiency` kWh inside; 1 kWh inside saves
    `discharge_efficiency` times the retail price. Midway between the two bounds both hold with room to spare
    (if there is room at all: losses can be dearer than the spread, and then the battery is left alone).

    Returns:
        [EUR/kWh inside the battery], shape (n,).
    """
    lower = read.observed("feed_in_price") / read.efficiency(f"{device}.charge_efficiency")
    upper = read.observed("retail_price") * read.efficiency(f"{device}.discharge_efficiency")
    return 0.5 * (lower + upper)


def ev_value(read: Reader, device: str) -> FloatArray:
    """Value of energy in an EV: what it would cost from the utility in the cheapest hour ahead.

    So an EV that needs energy charges from the utility when that is cheapest (at once, with a flat tariff),
    and from other prosumers whenever they are cheaper still; what time no longer allows to put off it has to
    charge anyway. One that needs none takes what would be fed in. Where it can discharge, its energy is worth
    no less than a battery's, and so much that it covers the own deficit only if that saves more than filling
    up again costs: else it would give now what it has to buy back, and lose by it.

    Returns:
        [EUR/kWh inside the battery], shape (n,).
    """
    inside = read.efficiency(f"{device}.charge_efficiency")
    ahead = read.cheapest_ahead()
    buying = (ahead + EDGE_EUR_PER_KWH) / inside
    surplus_stays = (read.observed("feed_in_price") + EDGE_EUR_PER_KWH) / inside
    value = np.where(_needs(read, device), buying, surplus_stays)
    refilling = (ahead - EDGE_EUR_PER_KWH) / inside  # an edge lower: no reason to buy it from the utility
    saving = read.observed("retail_price") * read.efficiency(f"{device}.discharge_efficiency")
    kept = np.minimum(refilling, saving + EDGE_EUR_PER_KWH)
    least = np.maximum(kept, battery_value(read, device))
    gives = read.observed(f"{device}.max_discharge_kwh") > 0.0
    return np.where(gives, np.maximum(value, least), value)


def battery_kwh(read: Reader, device: str, net_kwh: FloatArray) -> FloatArray:
    """Charge what would be fed in, discharge what would be imported, as far as possible [kWh], shape (n,)."""
    low, _, high = _range_kwh(read, device)
    return np.minimum(np.maximum(-net_kwh, low), high)


def ev_kwh(read: Reader, device: str, net_kwh: FloatArray) -> FloatArray:
    """Charge own surplus, and what is needed when the utility is cheapest; into a deficit discharge only what
    is not wanted, and only if that saves more than filling up again costs [kWh], shape (n,)."""
    low, base, high = _range_kwh(read, device)
    charge = read.efficiency(f"{device}.charge_efficiency")
    discharge = read.efficiency(f"{device}.discharge_efficiency")
    retail, ahead = read.observed("retail_price"), read.cheapest_ahead()
    cheapest = retail <= ahead + EDGE_EUR_PER_KWH
    bought = np.where(cheapest, read.observed(f"{device}.need") / charge, 0.0)
    pays = retail * charge * discharge > ahead
    least = np.where(_needs(read, device), np.maximum(base, bought), np.where(pays, low, base))
    return np.minimum(np.maximum(-net_kwh, least), high)


def deferrable_value(read: Reader, device: str) -> FloatArray:
    """Value of running a load that can wait: it runs when the utility is cheapest (at once, with a flat
    tariff), and earlier if what would be fed in does for it [EUR/kWh], shape (n,)."""
    del device
    return read.cheapest_ahead() + EDGE_EUR_PER_KWH


def deferrable_kwh(read: Reader, device: str, net_kwh: FloatArray) -> FloatArray:
    """Run when the utility is cheapest, or own surplus does for it [kWh], shape (n,)."""
    _, base, high = _range_kwh(read, device)
    now = read.observed("retail_price") <= read.cheapest_ahead() + EDGE_EUR_PER_KWH
    return np.where(now | (-net_kwh >= high), high, base)


def expected_share(read: Reader) -> FloatArray:
    """Where the price of electricity lies that heat sources reckon with, from feed-in (0) to retail (1).

    What is drawn from own surplus costs what would be paid for feeding it in, the rest retail; what a CHP
    gives saves retail as far as there is a deficit. Each at full power, since the price is one, shape (n,).
    """
    draw = np.zeros(len(read.observation))
    for device in ("heat_pump", "electric_heater"):
        cop = read.observed(f"{device}.cop")
        draw += read.observed(f"{device}.max_heat_kwh") / np.where(cop > 0.0, cop, 1.0)
    heat = read.observed("chp.max_heat_kwh")
    ratio = read.efficiency("chp.electrical_efficiency") / read.efficiency("chp.thermal_efficiency")
    give = heat * ratio
    net = read.observed(NET_FORECAST)
    surplus = np.divide(-net, draw, out=np.ones_like(net), where=draw > 0.0)
    deficit = np.divide(net, give, out=np.ones_like(net), where=give > 0.0)
    share: FloatArray = np.where(net < 0.0, 1.0 - clipped(surplus, 0.0, 1.0), clipped(deficit, 0.0, 1.0))
    return share


def heat_value_action(read: Reader, device: str) -> FloatArray:
    """The action that values heat in a store or a building midway between what own heat costs if electricity
    is surplus and if it is bought, shape (n,): so it is filled from surplus and used otherwise.

    -1 is no value at all, +1 what makes it draw even at the highest retail price.
    """
    charge, discharge = (read.efficiency(f"{device}.{side}_efficiency") for side in ("charge", "discharge"))
    low, high = read.observed("heat_cost_low"), read.observed("heat_cost_high")
    value = np.minimum(0.5 * (low / charge + high * discharge), high * discharge - EDGE_EUR_PER_KWH)
    most = np.maximum(read.price_band()[1], 0.0) / charge
    share = np.divide(value, most, out=np.zeros_like(value), where=most > 0.0)
    return clipped(2.0 * share - 1.0, -1.0, 1.0)


def _needs(read: Reader, device: str) -> BoolArray:
    """Whether energy is missing for departure, shape (n,)."""
    return read.observed(f"{device}.need") > DUST_KWH


def _range_kwh(read: Reader, device: str) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Smallest, idle and largest energy of this period, drawn positive [kWh]: set-points -1, 0 and 1."""
    base = np.maximum(read.observed(f"{device}.must_kwh"), 0.0)
    high = np.maximum(read.observed(f"{device}.max_charge_kwh"), base)
    return np.minimum(-read.observed(f"{device}.max_discharge_kwh"), base), base, high


def value_action(read: Reader, device: str, value: FloatArray) -> FloatArray:
    """The action in [-1, 1] that puts a value on the energy in a device; the nearest where there is none.

    -1 is `value_low x discharge efficiency`: it gives even at the lowest feed-in price. +1 is
    `value_high / charge efficiency`: it draws even at the highest retail price.

    Args:
        read: What is known.
        device: Such as `battery`.
        value: [EUR/kWh inside], shape (n,).

    Raises:
        PolicyError: if the range of values is not known.
    """
    lowest, highest = read.price_band()
    low = lowest * read.efficiency(f"{device}.discharge_efficiency")
    high = highest / read.efficiency(f"{device}.charge_efficiency")
    width = high - low
    share = np.full(len(value), 0.5)
    np.divide(value - low, width, out=share, where=width > 0.0)
    return clipped(2.0 * share - 1.0, -1.0, 1.0)


def _scaled_energy(read: Reader, device: str, energy_kwh: FloatArray) -> FloatArray:
    """The set-point in [-1, 1] of an energy: linear from -1 to 0 and from 0 to 1."""
    low, base, high = _range_kwh(read, device)
    beyond = energy_kwh - base
    possible = np.where(beyond > 0.0, high - base, base - low)
    share = np.zeros(len(energy_kwh))
    np.divide(beyond, possible, out=share, where=possible > 0.0)
    return clipped(share, -1.0, 1.0)


ValueRule = Callable[[Reader, str], FloatArray]
EnergyRule = Callable[[Reader, str, FloatArray], FloatArray]
RULES: dict[str, tuple[ValueRule, EnergyRule]] = {
    "battery": (battery_value, battery_kwh),
    "hydrogen": (battery_value, battery_kwh),
    "ev": (ev_value, ev_kwh),
    "deferrable": (deferrable_value, deferrable_kwh),
}
"""Kind -> its value of stored energy; its energy, given the rest of the household's net energy."""
