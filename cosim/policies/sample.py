"""Fields and inputs that look like a community's, for trying a policy outside a simulation. Nothing in a
simulation uses them."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from cosim.core.arrays import BoolArray, FloatArray
from cosim.core.mean_field import mean_field_fields
from cosim.core.records import NET_FORECAST, Field, PublicInformation
from cosim.policies.contract import ASK_MARGIN, BID_MARGIN, Everybody, PolicyInputs, RoundView, Spec, board
from cosim.policies.rules.baseline import baseline_action

LARGEST = 10.0
"""Stands in for a bound that is infinite."""

OWN = (
    Field(NET_FORECAST, "kWh", -10.0, 10.0, "Own inflexible energy of the period, drawn positive."),
    Field("retail_price", "EUR/kWh", 0.25, 0.45, "Buying from the utility."),
    Field("feed_in_price", "EUR/kWh", 0.04, 0.12, "Selling to the utility."),
    Field("bid_ceiling", "EUR/kWh", 0.2, 0.4, "Highest trade price worth paying."),
    Field("ask_floor", "EUR/kWh", 0.04, 0.12, "Lowest trade price worth taking."),
    Field("lowest_retail_ahead", "EUR/kWh", 0.25, 0.45, "Lowest retail price of the next 24 hours."),
    Field("value_low", "EUR/kWh", 0.04, 0.04, "Lowest feed-in price of the own tariff."),
    Field("value_high", "EUR/kWh", 0.45, 0.45, "Highest retail price of the own tariff."),
    Field("hour_sin", "1", -1.0, 1.0, "Sine of the hour of the day."),
    Field("hour_cos", "1", -1.0, 1.0, "Cosine of the hour of the day."),
    Field("weekend", "1", 0.0, 1.0, "1 on Saturday and Sunday."),
)
DEVICES = {
    "battery": (
        Field("battery.soc", "1", 0.0, 1.0, "State of charge."),
        Field("battery.capacity", "kWh", 0.0, 12.0, "Usable capacity."),
        Field("battery.max_charge_kwh", "kWh", 0.0, 2.0, "Energy it could draw in this period."),
        Field("battery.max_discharge_kwh", "kWh", 0.0, 2.0, "Energy it could give in this period."),
    ),
    "ev": (
        Field("ev.plugged", "1", 0.0, 1.0, "1 while at home."),
        Field("ev.soc", "1", 0.0, 1.0, "State of charge."),
        Field("ev.need", "kWh", 0.0, 40.0, "Energy still missing for departure."),
        Field("ev.hours_left", "h", 0.0, 24.0, "Hours until departure."),
        Field("ev.must_kwh", "kWh", 0.0, 1.0, "Energy that has to be drawn now.", NET_FORECAST),
        Field("ev.max_charge_kwh", "kWh", 0.0, 3.0, "Energy it could draw in this period."),
        Field("ev.max_discharge_kwh", "kWh", 0.0, 3.0, "Energy it could give in this period."),
    ),
}


def sample_spec(
    bidding: Literal["reservation", "setpoint"] = "reservation", devices: tuple[str, ...] = ("battery", "ev")
) -> Spec:
    """Fields of a community whose prosumers own these devices (`battery`, `ev`)."""
    what = "value" if bidding == "reservation" else "setpoint"
    observation = OWN + tuple(item for device in devices for item in DEVICES[device])
    public = tuple(replace(item, low=0.0, high=1.0) for item in mean_field_fields())
    actions = (BID_MARGIN, ASK_MARGIN, *(f"{device}.{what}" for device in devices))
    action = tuple(Field(name, "1", -1.0, 1.0, "Sample action.") for name in actions)
    return Spec(observation, public, action, period_hours=0.25)


def sample_inputs(spec: Spec, n: int, rng: np.random.Generator, extreme: bool = False) -> PolicyInputs:
    """Inputs within the bounds of the fields; about a third of the devices is missing.

    Args:
        spec: Fields; an infinite bound counts as 10.
        n: Prosumers.
        rng: Draws everything.
        extreme: True draws every number from the two bounds of its field.
    """
    owned = rng.random((n, len(spec.action))) < 0.67
    owned[:, [column for column, item in enumerate(spec.action) if "." not in item.name]] = True
    observation = _draw(spec.observation, n, rng, extreme)
    for column, item in enumerate(spec.observation):
        device, dot, _ = item.name.rpartition(".")
        actions = [
            place for place, action in enumerate(spec.action) if dot and action.name.startswith(f"{device}.")
        ]
        if actions:  # what a prosumer lacks is observed as zero
            observation[:, column] *= owned[:, actions[0]]
    mean_field = np.repeat(_draw(spec.mean_field, 1, rng, extreme), n, axis=0)
    return sample_of(spec, observation, mean_field, owned)


def sample_of(spec: Spec, observation: FloatArray, mean_field: FloatArray, mask: BoolArray) -> PolicyInputs:
    """Inputs with the baseline, arrays read only."""
    rule = np.where(mask, baseline_action(spec, observation), 0.0)
    for array in (observation, mean_field, rule, mask):
        array.setflags(write=False)
    return PolicyInputs(observation, mean_field, rule, mask)


def with_everybody(inputs: PolicyInputs, spec: Spec) -> PolicyInputs:
    """The same inputs for a policy that needs everybody's data: all others are its own prosumers."""
    n = len(inputs)
    return replace(
        inputs,
        everybody=Everybody(
            inputs.observation, np.zeros((n, len(spec.action))), np.arange(n, dtype=np.int64)
        ),
    )


def sample_view(number: int, n: int, rng: np.random.Generator) -> RoundView:
    """What a policy sees after round `number`; most prosumers have an order on one side only."""
    last, bid, ask = rng.uniform(0.1, 0.3, size=3)
    public = PublicInformation(last, last, min(bid, ask), max(bid, ask), 1.0, 2.0, 2.0, number + 1)
    limit = np.column_stack([rng.uniform(0.2, 0.4, n), rng.uniform(0.04, 0.12, n)])
    limit[np.arange(n), rng.integers(0, 2, n)] = np.where(rng.random(n) < 0.7, np.nan, 0.2)
    far = np.tile([0.04, 0.45], (n, 1))
    quote = limit + rng.random((n, 2)) * (far - limit)
    remaining = np.where(np.isnan(limit), 0.0, rng.random((n, 2)))
    for array in (limit, far, quote, remaining):
        array.setflags(write=False)
    return RoundView(number, public, board(public, number), limit, far, quote, remaining)


def _draw(fields: tuple[Field, ...], n: int, rng: np.random.Generator, extreme: bool) -> FloatArray:
    low = np.array([max(item.low, -LARGEST) for item in fields])
    high = np.array([min(item.high, LARGEST) for item in fields])
    share = rng.random((n, len(fields)))
    drawn: FloatArray = low + (np.round(share) if extreme else share) * (high - low)
    return drawn
