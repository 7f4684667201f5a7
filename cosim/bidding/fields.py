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
HEAT_BID_MARGIN = Field(
    "heat_bid_margin",
    "1",
    -1.0,
    1.0,
    "When heat is bought: down to what heat usually costs at least.",
)
HEAT_ASK_MARGIN = Field(
    "heat_ask_margin",
    "1",
    -1.0,
    1.0,
    "When heat is sold: up to what heat usually costs at most.",
)
EXPECTED_PRICE = Field(
    "expected_price",
    "1",
    -1.0,
    1.0,
    "Price of electricity that heat sources reckon with, from feed-in (-1) to retail (1).",
)
ABOUT = {
    "reservation": "Value of energy inside, from giving at any price (-1) to drawing at any price (1).",
    "setpoint": "Energy from the largest discharge (-1) over idle (0) to the largest charge (1).",
}
WHAT = {"reservation": "value", "setpoint": "setpoint"}


def name_of(kind: str, slot: int, what: str) -> str:
    """Name of a field: `battery.value`, of a prosumer's second battery `battery_2.value`."""
    return f"{kind}.{what}" if slot == 0 else f"{kind}_{slot + 1}.{what}"


def action_fields(fleet: Fleet, mode: Mode, heat_loop: bool = False) -> tuple[Field, ...]:
    """Margins, the expected price where heat sources bid by cost, then one field for each kind and slot that
    is decided on.

    Args:
        fleet: The devices.
        mode: How actions are read.
        heat_loop: Whether heat is traded.
    """
    fields = [BID_MARGIN, ASK_MARGIN]
    if heat_loop:
        fields += [HEAT_BID_MARGIN, HEAT_ASK_MARGIN]
    if mode == "reservation" and any(device.role == "conversion" for device in fleet.kinds.values()):
        fields.append(EXPECTED_PRICE)
    for device in fleet.kinds.values():
        if decided(device, mode):
            fields += [
                Field(name_of(device.kind, slot, WHAT[mode]), "1", -1.0, 1.0, ABOUT[mode])
                for slot in range(slots(device))
            ]
    return tuple(fields)


def decided(device: Device, mode: Mode) -> bool:
    """Whether policies decide on the devices of a kind: what heat sources do follows from their cost, unless
    they are told by set-points."""
    return device.flexible and (mode == "setpoint" or device.role != "conversion")


def column_of(fields: tuple[Field, ...], name: str) -> int | None:
    """Column of a field, None if there is none."""
    return next((column for column, field in enumerate(fields) if field.name == name), None)


def slots(device: Device) -> int:
    """Largest number of devices of a kind that one prosumer has."""
    return int(device.slot.max()) + 1 if len(device) else 0


def action_columns(fields: tuple[Field, ...], device: Device, mode: Mode) -> IntArray:
    """Column of every device in the action, shape (d,)."""
    index = {field.name: column for column, field in enumerate(fields)}
    columns = [index[name_of(device.kind, slot, WHAT[mode])] for slot in range(slots(device))]
    result: IntArray = np.array(columns, dtype=np.int64)[device.slot]
    return result
