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

from cosim.core.arrays import FloatArray
from cosim.errors import PolicyError
from cosim.policies.contract import ASK_MARGIN, BID_MARGIN, Spec

VALUE_LOW, VALUE_HIGH = "value_low", "value_high"
"""Ends of the range that `.value` actions are mapped to [EUR/kWh]: an observation or a parameter."""
JUST_ABOVE = 1.01
"""Storing has to be worth a little more than feeding in, or the tie is anybody's."""


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

    def parameter(self, name: str, default: float) -> FloatArray:
        if name in self.parameters:
            return np.asarray(self.parameters[name], dtype=float)
        return np.full(len(self.observation), default)

    def required(self, name: str) -> FloatArray:
        """An observation or a parameter that no default can stand in for."""
        if self.spec.observes(name):
            return self.observed(name)
        if name in self.parameters:
            return self.parameter(name, 0.0)
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
    energy is worth midway between what storing gives up and what using it saves; an EV's worth grows with
    its urgency from the lower to the upper end of the range of values. In mode "setpoint" the EV charges from
    own surplus and evenly until departure; then the battery charges from the surplus that is left, and covers
    the deficit.

    Args:
        spec: Fields of observation and action.
        observation: Shape (n, O).
        parameters: Device parameters, shape (n,) each: efficiencies `<device>.charge_efficiency` and
            `<device>.discharge_efficiency` (1 where absent), and the range of values, where not observed.

    Returns:
        Actions in [-1, 1], shape (n, A).

    Raises:
        PolicyError: if the spec lacks what a value or an EV's urgency is computed from.
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
            chosen = _scaled_value(read, value_rule(read, device))
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
    lower = read.observed("feed_in_price") / read.parameter(f"{device}.charge_efficiency", 1.0)
    upper = read.observed("retail_price") * read.parameter(f"{device}.discharge_efficiency", 1.0)
    return 0.5 * (lower + upper)


def urgency(read: _Reader, device: str) -> FloatArray:
    """Energy wanted until departure over the energy that can be charged until then, in [0, 1], shape (n,)."""
    hours = read.spec.period_hours
    if hours is None:
        raise PolicyError(
            "the self-consumption rule needs the length of a period (Spec.period_hours): an EV's urgency is "
            "measured by it"
        )
    periods = np.maximum(read.observed(f"{device}.hours_left") / hours, 1.0)
    inside = read.parameter(f"{device}.charge_efficiency", 1.0) * read.observed(f"{device}.max_charge_kwh")
    need = np.maximum(read.observed(f"{device}.need_kwh"), 0.0)
    share = np.where(need > 0.0, 1.0, 0.0)  # what cannot be met at all is as urgent as can be
    np.divide(need, inside * periods, out=share, where=inside > 0.0)
    return np.clip(share, 0.0, 1.0) * (read.observed(f"{device}.plugged") > 0.5)


def ev_value(read: _Reader, device: str) -> FloatArray:
    """Value of energy in an EV: grows with urgency from the lower to the upper end of the range of values.

    Never so low that own surplus is fed in rather than charged, and never below a battery's where the EV can
    discharge. Under time-of-use prices this buys from the utility when that is cheap, and in the dear hours
    only when time runs out.

    Returns:
        [EUR/kWh inside the battery], shape (n,).
    """
    low, high = read.required(VALUE_LOW), read.required(VALUE_HIGH)
    grown = low + urgency(read, device) * (high - low)
    surplus_stays = (
        JUST_ABOVE * read.observed("feed_in_price") / read.parameter(f"{device}.charge_efficiency", 1.0)
    )
    discharges = read.observed(f"{device}.max_discharge_kwh") > 0.0
    return np.maximum(grown, np.where(discharges, battery_value(read, device), surplus_stays))


def battery_kwh(read: _Reader, device: str, net_kwh: FloatArray) -> FloatArray:
    """Charge what would be fed in, discharge what would be imported, as far as possible [kWh], shape (n,)."""
    low, _, high = _range_kwh(read, device)
    return np.minimum(np.maximum(-net_kwh, low), high)


def ev_kwh(read: _Reader, device: str, net_kwh: FloatArray) -> FloatArray:
    """Charge own surplus, and no less than evenly until departure; discharge into a deficit only what is not
    wanted [kWh], shape (n,)."""
    low, base, high = _range_kwh(read, device)
    even = np.maximum(base, urgency(read, device) * high)
    spare = read.observed(f"{device}.need_kwh") <= 0.0
    return np.minimum(np.maximum(-net_kwh, np.where(spare, low, even)), high)


def _range_kwh(read: _Reader, device: str) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Smallest, idle and largest energy of this period, drawn positive [kWh]: set-points -1, 0 and 1."""
    base = np.maximum(read.observed(f"{device}.must_kwh"), 0.0)
    high = np.maximum(read.observed(f"{device}.max_charge_kwh"), base)
    return np.minimum(-read.observed(f"{device}.max_discharge_kwh"), base), base, high


def _scaled_value(read: _Reader, value: FloatArray) -> FloatArray:
    low, high = read.required(VALUE_LOW), read.required(VALUE_HIGH)
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
