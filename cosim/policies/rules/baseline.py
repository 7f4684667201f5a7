"""The self-consumption rule as an action: what a sensible household without a market in mind would do. It is
handed to every policy as `rule_action`; it is not a policy itself.

A device is recognised by its action field, `<device>.value` or `<device>.setpoint`; `<device>` is its kind,
with a number for the second and further ones (`battery`, `battery_2`). Kinds without a rule here get 0.
Fields that are absent count as zero. `net_forecast_kwh` is the household's net energy with every device at
set-point 0; what an EV has to charge now (`must_kwh`) is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from cosim.core.arrays import BoolArray, FloatArray
from cosim.errors import PolicyError
from cosim.policies.contract import ASK_MARGIN, BID_MARGIN, Spec

VALUE_LOW, VALUE_HIGH = "value_low", "value_high"
"""Lowest feed-in and highest retail price of the run [EUR/kWh], an observation or a parameter: `.value`
actions are mapped to `value_low x discharge efficiency` to `value_high / charge efficiency`."""
JUST_ABOVE = 1.01
"""What should happen has to be worth a little more than its alternative, or the tie is anybody's."""
ROUNDING = 1.0 + 1e-9


@dataclass(frozen=True)
class _Reader:
    """Columns by name, zero where a field is absent."""

    spec: Spec
    observation: FloatArray
    parameters: Mapping[str, FloatArray]

    def observed(self, name: str) -> FloatArray:
        if self.spec.observes(name):
            return self.observation[:, self.spec.observation_index(name)]
        return np.zeros(len(self.observation))

    def efficiency(self, name: str) -> FloatArray:
        """An efficiency among the parameters; 1 where it is absent or 0 (the prosumer lacks the device)."""
        if name not in self.parameters:
            return np.ones(len(self.observation))
        given = np.asarray(self.parameters[name], dtype=float)
        return np.where(given > 0.0, given, 1.0)

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


def device_actions(spec: Spec) -> list[tuple[str, str, str]]:
    """Actions on flexible devices: name of the action, device, kind of device, in the order of the spec."""
    found = []
    for item in spec.action:
        device, dot, what = item.name.rpartition(".")
        if dot and what in ("value", "setpoint"):
            found.append((item.name, device, device.rstrip("0123456789").rstrip("._")))
    return found


def baseline_action(
    spec: Spec, observation: FloatArray, parameters: Mapping[str, FloatArray] | None = None
) -> FloatArray:
    """The self-consumption rule.

    Margins are -1: what is left is traded at the own limit price. In bidding mode "reservation" a battery's
    energy is worth midway between what storing gives up and what using it saves; an EV's
    energy is worth what it would cost from the utility in the cheapest hour ahead. In mode "setpoint" the EV
    charges from own surplus, and what it needs when the utility is cheapest; then the battery charges from
    the surplus that is left, and covers the deficit.

    Args:
        spec: Fields of observation and action.
        observation: Shape (n, O).
        parameters: Device parameters, shape (n,) each: efficiencies `<device>.charge_efficiency` and
            `<device>.discharge_efficiency` (1 where absent), and the range of values, where not observed.

    Returns:
        Actions in [-1, 1], shape (n, A).

    Raises:
        PolicyError: if the spec lacks what a value is computed from.
    """
    read = _Reader(spec, observation, parameters or {})
    action = np.zeros((len(observation), len(spec.action)))
    for margin in (BID_MARGIN, ASK_MARGIN):
        if spec.acts(margin):
            action[:, spec.action_index(margin)] = -1.0
    net_kwh = read.observed("net_forecast_kwh")
    evs_first = sorted(device_actions(spec), key=lambda entry: entry[2] != "ev")
    for name, device, kind in evs_first:
        if kind not in RULES:
            continue
        value_rule, energy_rule = RULES[kind]
        if name.endswith(".value"):
            chosen = _scaled_value(read, device, value_rule(read, device))
        else:
            idle_kwh = _range_kwh(read, device)[1]
            wanted_kwh = energy_rule(read, device, net_kwh - idle_kwh)
            net_kwh = net_kwh - idle_kwh + wanted_kwh
            chosen = _scaled_energy(read, device, wanted_kwh)
        action[:, spec.action_index(name)] = chosen
    return action


def battery_value(read: _Reader, device: str) -> FloatArray:
    """Value of stored energy at which surplus is stored rather than fed in and used rather than imported.

    Storing 1 kWh gives up the feed-in price and leaves `charge_efficiency` kWh inside; 1 kWh inside saves
    `discharge_efficiency` times the retail price. Midway between the two bounds both hold with room to spare
    (if there is room at all: losses can be dearer than the spread).

    Returns:
        [EUR/kWh inside the battery], shape (n,).
    """
    lower = read.observed("feed_in_price") / read.efficiency(f"{device}.charge_efficiency")
    upper = read.observed("retail_price") * read.efficiency(f"{device}.discharge_efficiency")
    return 0.5 * (lower + upper)


def is_cheapest(read: _Reader) -> BoolArray:
    """Whether the utility will not be cheaper in the next 24 hours, shape (n,); a flat tariff: always."""
    retail = read.observed("retail_price")
    return retail <= np.minimum(read.observed("lowest_retail_ahead"), retail) * ROUNDING


def ev_value(read: _Reader, device: str) -> FloatArray:
    """Value of energy in an EV: what it would cost from the utility in the cheapest hour ahead.

    So an EV that needs energy charges from the utility when that is cheapest (at once, with a flat tariff),
    and from other prosumers whenever they are cheaper still; what time no longer allows to put off it has to
    charge anyway. One that needs none takes what would be fed in. Where it can discharge, its energy is
    worth no less than a battery's.

    Returns:
        [EUR/kWh inside the battery], shape (n,).
    """
    inside = read.efficiency(f"{device}.charge_efficiency")
    ahead = np.minimum(read.observed("lowest_retail_ahead"), read.observed("retail_price"))
    needed = JUST_ABOVE * ahead / inside
    surplus_stays = JUST_ABOVE * read.observed("feed_in_price") / inside
    value = np.where(read.observed(f"{device}.need_kwh") > 0.0, needed, surplus_stays)
    discharges = read.observed(f"{device}.max_discharge_kwh") > 0.0
    return np.maximum(value, np.where(discharges, battery_value(read, device), value))


def battery_kwh(read: _Reader, device: str, net_kwh: FloatArray) -> FloatArray:
    """Charge what would be fed in, discharge what would be imported, as far as possible [kWh], shape (n,)."""
    low, _, high = _range_kwh(read, device)
    return np.minimum(np.maximum(-net_kwh, low), high)


def ev_kwh(read: _Reader, device: str, net_kwh: FloatArray) -> FloatArray:
    """Charge own surplus, and what is needed when the utility is cheapest; discharge into a deficit only what
    is not wanted [kWh], shape (n,)."""
    low, base, high = _range_kwh(read, device)
    need = np.maximum(read.observed(f"{device}.need_kwh"), 0.0)
    bought = np.where(is_cheapest(read), need / read.efficiency(f"{device}.charge_efficiency"), 0.0)
    least = np.where(need > 0.0, np.maximum(base, bought), low)
    return np.minimum(np.maximum(-net_kwh, least), high)


def _range_kwh(read: _Reader, device: str) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Smallest, idle and largest energy of this period, drawn positive [kWh]: set-points -1, 0 and 1."""
    base = np.maximum(read.observed(f"{device}.must_kwh"), 0.0)
    high = np.maximum(read.observed(f"{device}.max_charge_kwh"), base)
    return np.minimum(-read.observed(f"{device}.max_discharge_kwh"), base), base, high


def _scaled_value(read: _Reader, device: str, value: FloatArray) -> FloatArray:
    low = read.required(VALUE_LOW) * read.efficiency(f"{device}.discharge_efficiency")
    high = read.required(VALUE_HIGH) / read.efficiency(f"{device}.charge_efficiency")
    width = high - low
    share = np.full(len(value), 0.5)
    np.divide(value - low, width, out=share, where=width > 0.0)
    return np.clip(2.0 * share - 1.0, -1.0, 1.0)


def _scaled_energy(read: _Reader, device: str, energy_kwh: FloatArray) -> FloatArray:
    """The set-point in [-1, 1] of an energy: linear from -1 to 0 and from 0 to 1."""
    low, base, high = _range_kwh(read, device)
    beyond = energy_kwh - base
    possible = np.where(beyond > 0.0, high - base, base - low)
    share = np.zeros(len(energy_kwh))
    np.divide(beyond, possible, out=share, where=possible > 0.0)
    return np.clip(share, -1.0, 1.0)


ValueRule = Callable[[_Reader, str], FloatArray]
EnergyRule = Callable[[_Reader, str, FloatArray], FloatArray]
RULES: dict[str, tuple[ValueRule, EnergyRule]] = {
    "battery": (battery_value, battery_kwh),
    "ev": (ev_value, ev_kwh),
}
"""Kind -> its value of stored energy; its energy, given the rest of the household's net energy."""
