"""What a network reads: observation, presence of devices and mean field as numbers of order one. Each
prosumer's row is scaled by constants and by its own tariff alone, so nothing of another prosumer gets in,
and what was learnt fits another scenario. No statistics are kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.core.records import NET_FORECAST
from cosim.policies.contract import PolicyInputs, Spec
from cosim.policies.learning.mean_field import PRICE_UNIT, MeanField, in_band
from cosim.policies.outlook import Outlook

VALUE_LOW, VALUE_HIGH = "value_low", "value_high"
DAY_HOURS = 24.0
"""How far ahead the coming day goes, however far the outlook does [h]."""
DAILY_KW = 0.25
"""What counts as one of a household's mean power over a day."""
PER_PERIOD = "_kwh"
"""Ending of energies of one period: read as mean power."""
UNITS = {"kWh": 10.0, "kW": 1.0, "h": 12.0, "degC": 20.0}
"""What counts as one of each unit; others count as they are."""


class OwnDay:
    """A prosumer's own inflexible energy of the last 24 hours, its private memory of what kind of day it was:
    as it was foreseen when it was decided. What vehicles and jobs have to draw now, because they did not draw
    before, is none: it hangs on what was decided.

    Args:
        spec: Names the columns, and says how long a period is.
        n: Prosumers.
    """

    names = ("own_day.drawn", "own_day.injected")

    def __init__(self, spec: Spec, n: int) -> None:
        self._column = spec.observation_index(NET_FORECAST) if spec.observes(NET_FORECAST) else None
        self._decided = [k for k, item in enumerate(spec.observation) if item.part_of == NET_FORECAST]
        self._hours = spec.period_hours or 1.0
        self._past = np.zeros((max(round(24.0 / self._hours), 1), n))
        self._seen = 0

    @property
    def complete(self) -> bool:
        """Whether it remembers a whole day."""
        return self._seen >= len(self._past)

    def net_kwh(self, inputs: PolicyInputs) -> FloatArray:
        """Of the period that is decided, shape (n,); 0 where it is not observed."""
        if self._column is None:
            return np.zeros(len(inputs))
        net: FloatArray = inputs.observation[:, self._column]
        return net - inputs.observation[:, self._decided].sum(axis=1) if self._decided else net

    def remember(self, inputs: PolicyInputs) -> None:
        """Take in the period that is decided."""
        self._past[self._seen % len(self._past)] = self.net_kwh(inputs)
        self._seen += 1

    def encode(self) -> FloatArray:
        """What was drawn and what was injected, shape (n, 2), of order one."""
        known = self._past[: max(min(self._seen, len(self._past)), 1)]
        return energy_rows(
            np.stack([np.maximum(known, 0.0), np.maximum(-known, 0.0)]).mean(axis=1) / self._hours
        )

    def forget(self) -> None:
        """An episode starts over."""
        self._past[:], self._seen = 0.0, 0

    def state(self) -> dict[str, Any]:
        """What it remembers, a copy."""
        return {"past": self._past.copy(), "seen": self._seen}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`."""
        self._past, self._seen = np.array(state["past"], dtype=float), int(state["seen"])


class DayAhead:
    """A prosumer's own inflexible energy of the coming day as it is foreseen: loads that cannot wait, and
    what its plants can produce at most. From the outlook, which holds nothing of others."""

    names = ("own_ahead.drawn", "own_ahead.injected")

    @staticmethod
    def encode(outlook: Outlook) -> FloatArray:
        """Shape (n, 2), of order one; of less than a day where the run ends before, or the start rule looks
        less far."""
        net = np.zeros((outlook.count, len(outlook)))
        for owned in outlook.devices.values():
            envelope = owned.envelope
            firm = owned.role == "load" and envelope.store is None and envelope.total_kwh is None
            if envelope.carrier == "electricity" and (firm or owned.role == "generation"):
                np.add.at(net.T, owned.owner, envelope.low_kwh.T)
        net = net[: max(round(DAY_HOURS / outlook.period_hours), 1)]
        split = np.stack([np.maximum(net, 0.0), np.maximum(-net, 0.0)])
        return energy_rows(split.mean(axis=1) / outlook.period_hours)


def energy_rows(mean_kw: FloatArray) -> FloatArray:
    """Mean powers of a day, shape (k, n), as inputs of a network, shape (n, k)."""
    return np.asarray(np.arcsinh(mean_kw / DAILY_KW).T)


class Encoder:
    """From `PolicyInputs` to the rows that networks read.

    Args:
        spec: Names the columns.
        mean_field: What stands for the others.
    """

    def __init__(self, spec: Spec, mean_field: MeanField) -> None:
        self.spec = spec
        self.mean_field = mean_field
        own = spec.observation
        prices = [item.unit == PRICE_UNIT for item in own]
        self._prices = [
            place for place, priced in enumerate(prices) if priced and own[place].name not in _BAND
        ]
        self._others = [place for place, priced in enumerate(prices) if not priced]
        hours = spec.period_hours or 1.0
        self._unit = np.array(
            [
                hours if own[place].name.endswith(PER_PERIOD) else UNITS.get(own[place].unit, 1.0)
                for place in self._others
            ]
        )
        self._linear = np.array([own[place].unit in ("1", "") for place in self._others], dtype=bool)
        self._band = [spec.observation_index(name) if spec.observes(name) else None for name in _BAND]
        self._hour = (
            [spec.observation_index(name) for name in HOUR] if all(map(spec.observes, HOUR)) else None
        )
        self._devices = [place for place, item in enumerate(spec.action) if "." in item.name]
        self.names = (
            *(own[place].name for place in self._prices),
            *(own[place].name for place in self._others),
            *(HARMONICS if self._hour else ()),
            *(f"has {spec.action[place].name}" for place in self._devices),
            *mean_field.names,
        )

    def band(self, inputs: PolicyInputs) -> tuple[FloatArray, FloatArray]:
        """Lowest feed-in and highest retail price of every prosumer's tariff [EUR/kWh], shape (n,) each; 0
        and 1 where they are not observed."""
        low, high = (
            np.full(len(inputs), default) if place is None else inputs.observation[:, place]
            for place, default in zip(self._band, (0.0, 1.0), strict=True)
        )
        return low, high

    def encode(self, inputs: PolicyInputs) -> FloatArray:
        """The rows of one period, shape (n, F), numbers of order one: prices by their place in the own band,
        shares as they are, energies and powers by their inverse hyperbolic sine (linear when small,
        logarithmic when large)."""
        low, high = self.band(inputs)
        prices = in_band(inputs.observation[:, self._prices], low[:, None], high[:, None])
        others = inputs.observation[:, self._others] / self._unit
        others = np.where(self._linear, others, np.arcsinh(others))
        hours = (
            np.zeros((len(inputs), 0))
            if self._hour is None
            else _harmonics(*inputs.observation[:, self._hour].T)
        )
        owned = inputs.action_mask[:, self._devices].astype(float)
        return np.hstack([prices, others, hours, owned, self.mean_field.of(inputs, low, high)])


def _harmonics(sine: FloatArray, cosine: FloatArray) -> FloatArray:
    """Sine and cosine of twice to four times the hour's angle, shape (n, 6): tariffs have edges."""
    wave, turn = cosine + 1j * sine, cosine + 1j * sine
    found = []
    for _ in range(3):
        wave = wave * turn
        found += [wave.imag, wave.real]
    return np.column_stack(found)


HOUR = ("hour_sin", "hour_cos")
HARMONICS = tuple(f"hour_{what}_{times}" for times in (2, 3, 4) for what in ("sin", "cos"))
_BAND = (VALUE_LOW, VALUE_HIGH)
