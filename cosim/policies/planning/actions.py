"""From a plan to an action: set-points of energies, values of stored energy, and the electricity price that
heat is traded with. What to plan is not decided here."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cosim.core.arrays import BoolArray, FloatArray
from cosim.policies.contract import PolicyInputs, Spec
from cosim.policies.outlook import Outlook, Owned, action_name

EXPECTED_PRICE = "expected_price"
"""Action: the electricity price that the prosumer expects when it trades heat, from feed-in (-1) to retail
(+1)."""
LEAST_SETPOINT = 1e-9
"""Set-points nearer to 0 than this are rounding of an energy that is the base."""


def planned_action(
    spec: Spec,
    inputs: PolicyInputs,
    outlook: Outlook,
    energy_kwh: Mapping[str, FloatArray],
    value_eur_per_kwh: Mapping[str, FloatArray],
    electricity_eur_per_kwh: FloatArray,
) -> FloatArray:
    """The action of a plan, shape (n, A): the rule's where the plan says nothing (margins, for example).

    Args:
        spec: Names the columns.
        inputs: What is known.
        outlook: Of the period that is decided.
        energy_kwh: Kind -> energy planned for the period, shape (d,).
        value_eur_per_kwh: Kind -> value of energy inside, shape (d,).
        electricity_eur_per_kwh: Price expected in the period, shape (n,).
    """
    action = np.where(inputs.action_mask, inputs.rule_action, 0.0)
    for kind, owned in outlook.devices.items():
        for slot in range(int(owned.slot.max(initial=-1)) + 1):
            chosen = owned.slot == slot
            name = action_name(kind, slot, "setpoint")
            if spec.acts(name) and kind in energy_kwh:
                _put(action, spec, name, owned, chosen, owned.setpoint_of(energy_kwh[kind]))
            name = action_name(kind, slot, "value")
            if spec.acts(name) and kind in value_eur_per_kwh:
                _put(action, spec, name, owned, chosen, owned.value_action_of(value_eur_per_kwh[kind]))
    if spec.acts(EXPECTED_PRICE):
        low, high = outlook.feed_in[0], outlook.retail[0]
        share = np.full(len(outlook), 0.5)
        np.divide(electricity_eur_per_kwh - low, high - low, out=share, where=high > low)
        action[:, spec.action_index(EXPECTED_PRICE)] = np.clip(2.0 * share - 1.0, -1.0, 1.0)
    return action


def _put(
    action: FloatArray, spec: Spec, name: str, owned: Owned, chosen: BoolArray, values: FloatArray
) -> None:
    """Write the values of the devices of one slot into their owners' rows."""
    values = np.where(np.abs(values) < LEAST_SETPOINT, 0.0, values)
    action[owned.owner[chosen], spec.action_index(name)] = values[chosen]
