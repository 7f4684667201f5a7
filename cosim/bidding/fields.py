"""The fields of a prosumer's action, in both bidding modes, for every kind of device that a community has."""

from __future__ import annotations

from typing import Literal

import numpy as np

from cosim.core.arrays import IntArray
from cosim.core.records import Field
from cosim.devices.base import Device
from cosim.devices.fleet import Fleet

Mode = Literal["reservation", "setpoint"]

BID_MARGIN = Field(
    "bid_margin", "1", -1.0, 1.0, "Share of the way from the own limit price (-1) to feed-in (1), bids."
)
ASK_MARGIN = Field(
    "ask_margin", "1", -1.0, 1.0, "Share of the way from the own limit price (-1) to retail (1), asks."
)
ABOUT = {
    "reservation": "Value of energy inside, from giving at any price (-1) to drawing at any price (1).",
    "setpoint": "Energy from the largest discharge (-1) over idle (0) to the largest charge (1).",
}
WHAT = {"reservation": "value", "setpoint": "setpoint"}


def name_of(kind: str, slot: int, what: str) -> str:
    """Name of a field: `battery.value`, of a prosumer's second battery `battery_2.value`."""
    return f"{kind}.{what}" if slot == 0 else f"{kind}_{slot + 1}.{what}"


def action_fields(fleet: Fleet, mode: Mode) -> tuple[Field, ...]:
    """Margins, then one field for each flexible kind and slot."""
    fields = [BID_MARGIN, ASK_MARGIN]
    for device in fleet.kinds.values():
        if device.flexible:
            fields += [
                Field(name_of(device.kind, slot, WHAT[mode]), "1", -1.0, 1.0, ABOUT[mode])
                for slot in range(slots(device))
            ]
    return tuple(fields)


def slots(device: Device) -> int:
    """Largest number of devices of a kind that one prosumer has."""
    return int(device.slot.max()) + 1 if len(device) else 0


def action_columns(fields: tuple[Field, ...], device: Device, mode: Mode) -> IntArray:
    """Column of every device in the action, shape (d,)."""
    index = {field.name: column for column, field in enumerate(fields)}
    columns = [index[name_of(device.kind, slot, WHAT[mode])] for slot in range(slots(device))]
    result: IntArray = np.array(columns, dtype=np.int64)[device.slot]
    return result
