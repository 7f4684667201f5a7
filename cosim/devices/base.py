"""The contract of a device kind: all devices of one kind in one community, as columns. It decides nothing:
it says what is possible (`ranges`), what flexibility is worth (`reservation`) and what happens (`commit`).

A kind is immutable; its state is a separate mapping of columns, so that a shadow fleet, a checkpoint or a
planner has its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

import numpy as np

from cosim.core import draw
from cosim.core.arrays import FloatArray, IntArray
from cosim.core.clock import Clock, Period
from cosim.core.config import Config
from cosim.core.records import Field, Series
from cosim.core.streams import Streams

State = Mapping[str, FloatArray]
"""Columns of what changes from period to period, each of shape (devices,)."""


Role = Literal["load", "generation", "storage"]


@dataclass(frozen=True, slots=True)
class Request:
    """Devices of one kind that share a Config, for example those of a group of prosumers."""

    config: Config
    prosumer: IntArray
    """Owners, one per device, shape (devices,)."""
    member: IntArray
    """Position of every owner among those that parameters are drawn for, shape (devices,)."""
    members: int
    """How many parameters are drawn for, so that a prosumer keeps its draws when others own none."""
    streams: Streams
    """Randomness of this request: parameters that are drawn use it by field name."""


@dataclass(frozen=True, slots=True)
class Draws:
    """Randomness of the devices of one kind while a run goes on.

    Every request draws for all its members, so that a device keeps its draws whoever else owns one.
    """

    requests: tuple[Request, ...] = ()

    def normal(self, width: int, *names: str | int) -> FloatArray:
        """Standard normal draws, shape (d, width): the same names, the same draws."""
        return np.concatenate(
            [
                request.streams.generator(*names).standard_normal((request.members, width))[request.member]
                for request in self.requests
            ]
        )

    def uniform(self, width: int, *names: str | int) -> FloatArray:
        """Draws between -1 and 1, shape (d, width): the same names, the same draws."""
        return np.concatenate(
            [
                request.streams.generator(*names).uniform(-1.0, 1.0, (request.members, width))[request.member]
                for request in self.requests
            ]
        )


@dataclass(frozen=True, slots=True)
class Site:
    """What devices are given besides their parameters: time, the series of their sources, randomness."""

    clock: Clock
    ticks_per_period: int
    """Steps of the series in one settlement period."""
    series: Mapping[str, Series]
    """Series by device kind, one column per device of the kind, in the order of the requests."""
    draws: Draws = Draws()
    """Randomness of the kind; `Device.build` fills it in."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """Energy at the devices' terminals that is possible in one period [kWh], drawn positive, shape (d,).

    `low <= base <= high`. `base` is what happens when nobody asks for flexibility; every value between
    `low` and `high` can be committed.
    """

    low_kwh: FloatArray
    base_kwh: FloatArray
    high_kwh: FloatArray

    def setpoint(self, action: FloatArray) -> FloatArray:
        """Energy [kWh] for set-points in [-1, 1]: 0 is `base`, 1 is `high`, -1 is `low`, linear between."""
        up = np.maximum(action, 0.0) * (self.high_kwh - self.base_kwh)
        down = np.minimum(action, 0.0) * (self.base_kwh - self.low_kwh)
        return self.base_kwh + up + down


class Device(ABC):
    """All devices of one kind in one community.

    Args:
        prosumer: Owner of every device, shape (d,).
        columns: Parameters by name, shape (d,) each.
        site: Time, series and randomness.
    """

    kind: ClassVar[str]
    """Name in scenarios and tables."""
    summary: ClassVar[str]
    """One line for `cosim list devices`."""
    Config: ClassVar[type[Config]]
    role: ClassVar[Role]
    """How its energy counts in totals."""
    flexible: ClassVar[bool] = False
    """True: a policy decides (a field `KIND.value` or `KIND.setpoint` of its action)."""
    observations: ClassVar[tuple[Field, ...]] = ()
    """What `observe` returns, in order; names without the kind."""

    def __init__(self, prosumer: IntArray, columns: Mapping[str, FloatArray], site: Site) -> None:
        self.prosumer = prosumer
        self.columns = columns
        self.site = site
        self.slot = _occurrence(prosumer)

    def __len__(self) -> int:
        return len(self.prosumer)

    @classmethod
    def build(cls, requests: Sequence[Request], site: Site) -> Self:
        """The devices of all requests, parameters drawn where the Config asks for it."""
        columns = {
            name: np.concatenate([_drawn(request, name) for request in requests])
            for name in cls.Config.model_fields
        }
        prosumer = np.concatenate([request.prosumer for request in requests])
        return cls(prosumer, columns, replace(site, draws=Draws(tuple(requests))))

    def initial_state(self) -> State:
        """State before the first period; empty for devices without memory."""
        return {}

    @abstractmethod
    def ranges(self, state: State, period: Period) -> Ranges:
        """What is possible in this period."""

    def reservation(self, value_eur_per_kwh: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Highest price [EUR/kWh] worth drawing more for, lowest price worth drawing less for.

        Args:
            value_eur_per_kwh: Value of one kWh inside the device (stored energy), shape (d,).
        """
        return value_eur_per_kwh, value_eur_per_kwh

    def value_range(
        self, low_eur_per_kwh: FloatArray, high_eur_per_kwh: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Values that an action can put on energy inside [EUR/kWh], shape (d,) each.

        At the lower end the device gives even for the lowest feed-in price, at the upper end it draws even at
        the highest retail price.

        Args:
            low_eur_per_kwh: Lowest feed-in price of the tariff, shape (d,).
            high_eur_per_kwh: Highest retail price of the tariff, shape (d,).
        """
        return low_eur_per_kwh, high_eur_per_kwh

    def commit(self, state: State, period: Period, energy_kwh: FloatArray) -> State:
        """State after a period in which the devices drew `energy_kwh`; pure."""
        del period, energy_kwh
        return state

    def observe(self, state: State, period: Period, ranges: Ranges) -> FloatArray:
        """Own observations, shape (d, len(observations))."""
        del state, period, ranges
        return np.zeros((len(self), 0))

    def within_period_kw(self, period: Period, energy: FloatArray) -> FloatArray | None:
        """Deviation of power from the period's mean [kW] by tick, shape (ticks, d); None where constant.

        Only for grids that are solved more often than the market settles.

        Args:
            period: The period.
            energy: What the devices drew in it [kWh], shape (d,).
        """
        del period, energy
        return None

    def unserved_kwh(self, state: State) -> FloatArray | None:
        """Energy that was needed so far and not to be had [kWh], shape (d,); None if it needs none."""
        del state
        return None

    def stored_kwh(self, state: State) -> FloatArray | None:
        """Energy inside the devices [kWh], shape (d,); None for kinds that store nothing."""
        del state
        return None


def _occurrence(owner: IntArray) -> IntArray:
    """For every row, how many earlier rows have the same owner: 0 for the first, 1 for the second ..."""
    order = np.argsort(owner, kind="stable")
    ordered = owner[order]
    starts = np.r_[True, ordered[1:] != ordered[:-1]] if len(owner) else np.zeros(0, bool)
    first = np.maximum.accumulate(np.where(starts, np.arange(len(owner)), 0))
    slot = np.empty(len(owner), dtype=np.int64)
    slot[order] = np.arange(len(owner)) - first
    return slot


def _drawn(request: Request, name: str) -> FloatArray:
    """One parameter of a request's devices; a boolean becomes 0 or 1."""
    setting: Any = getattr(request.config, name)
    return draw.sample(setting, request.streams.generator(name), request.members)[request.member]
