"""The contract of a device kind: all devices of one kind in one community, as columns. It decides nothing:
it says what is possible (`ranges`), what flexibility is worth (`reservation`), what it takes from other
carriers (`inputs`), what a planner needs to know (`envelope`) and what happens (`commit`).

Every device has one main terminal, on the carrier `Device.carrier`; its energy is what is decided, traded and
committed, drawn positive. A heat source has it on the heat side, where it is negative; the electricity or gas
that it takes for that follows from `inputs`.

A kind is immutable; its state is a separate mapping of columns, so that a shadow fleet, a checkpoint or a
planner has its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self, TypeVar, get_args

import numpy as np

from cosim.core import draw
from cosim.core.arrays import BoolArray, FloatArray, IntArray, clipped
from cosim.core.carriers import Carrier
from cosim.core.clock import Clock, Period
from cosim.core.config import Config
from cosim.core.envelope import Envelope
from cosim.core.records import Field, Series
from cosim.core.streams import Streams
from cosim.core.weather import Weather
from cosim.devices.switching import switch

State = Mapping[str, FloatArray]
"""Columns of what changes from period to period, each of shape (devices,)."""


Role = Literal["load", "generation", "storage", "conversion"]
Kept = TypeVar("Kept")
REMEMBERED = 16
"""How many results of `Device.once` a kind keeps."""
Follows = Literal["load", "pv", "wind", "heat"]
"""What kind of series a device follows; where it comes from is its `profile` in the scenario."""


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
    weather: Weather | None = None
    """On the ticks of the series; None if the scenario has none."""
    draws: Draws = Draws()
    """Randomness of the kind; `Device.build` fills it in."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """Energy at the devices' terminals that is possible in one period [kWh], drawn positive, shape (d,).

    `low <= base <= high`. `base` is what happens when nobody asks for flexibility; every value between
    `low` and `high` can be committed, but for what `minimum` leaves out.
    """

    low_kwh: FloatArray
    base_kwh: FloatArray
    high_kwh: FloatArray
    minimum_kwh: FloatArray | None = None
    """Smallest magnitude besides zero that can be committed (minimum load; a load that runs or does not), 0
    where there is none, shape (d,); None if no device of the kind has one. Whether such a device is on is
    settled before anything is traded (`switched`); one whose base is not zero is on already."""

    def setpoint(self, action: FloatArray) -> FloatArray:
        """Energy [kWh] for set-points in [-1, 1]: 0 is `base`, 1 is `high`, -1 is `low`, linear between."""
        up = np.maximum(action, 0.0) * (self.high_kwh - self.base_kwh)
        down = np.minimum(action, 0.0) * (self.base_kwh - self.low_kwh)
        return self.base_kwh + up + down

    def switched(self, on: BoolArray) -> Ranges:
        """What is left once it is settled which devices with a minimum are on, shape (d,): between minimum
        and the far end where on, nothing where off; devices without a minimum stay as they are."""
        if self.minimum_kwh is None:
            return self
        low, base, high = (np.empty_like(self.base_kwh) for _ in range(3))
        switch(self.low_kwh, self.base_kwh, self.high_kwh, self.minimum_kwh, on, low, base, high)
        return Ranges(low, base, high)


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
    """How its energy counts in totals: a `conversion` turns one carrier into another."""
    carrier: ClassVar[Carrier] = "electricity"
    """Of the main terminal."""
    follows: ClassVar[Follows | None] = None
    """The kind of series that it follows (`Site.series[kind]`), None for devices without one."""
    takes: ClassVar[tuple[Carrier, ...]] = ()
    """Carriers that `inputs` names."""
    needs_weather: ClassVar[bool] = False
    """True: the scenario has to have a `weather`."""
    flexible: ClassVar[bool] = False
    """True: a policy decides (a field `KIND.value` or `KIND.setpoint` of its action). What a `conversion`
    does follows from its cost in bidding mode `reservation`: there it has no field."""
    observations: ClassVar[tuple[Field, ...]] = ()
    """What `observe` returns, in order; names without the kind."""

    def __init__(self, prosumer: IntArray, columns: Mapping[str, FloatArray], site: Site) -> None:
        self.prosumer = prosumer
        self.columns = columns
        self.site = site
        self.slot = _occurrence(prosumer)
        self._seen: tuple[State, int, Ranges] | None = None
        """What was possible last: from which state, in which period."""
        self._once: dict[tuple[str, int, int], Any] = {}

    def __len__(self) -> int:
        return len(self.prosumer)

    def seeing(self, series: Mapping[str, Series], weather: Weather | None) -> Self:
        """The same devices with other series and weather, for example forecasts; all else is shared."""
        other = copy(self)
        other.site = replace(self.site, series=series, weather=weather)
        other.forget()
        return other

    def forget(self) -> None:
        """What was possible is worked out anew: from now on series or weather may show something else."""
        self._seen = None
        self._once = {}

    def once(self, name: str, first: int, count: int, compute: Callable[[int, int], Kept]) -> Kept:
        """`compute(first, count)`, worked out once: for what hangs on time, series and weather alone.

        Args:
            name: Of what is computed.
            first: First period.
            count: Number of periods.
            compute: Is not asked again until `forget`, or until a few other periods were asked for.
        """
        key = name, first, count
        if key not in self._once:
            if len(self._once) >= REMEMBERED:
                self._once.clear()
            self._once[key] = compute(first, count)
        kept: Kept = self._once[key]
        return kept

    def possible(self, state: State, period: Period) -> Ranges:
        """`ranges`, worked out once: states are never changed, but replaced."""
        seen = self._seen
        same = seen is not None and (seen[0] is state or not (seen[0] or state))  # or without any state
        if seen is None or not same or seen[1] != period.index:
            seen = self._seen = (state, period.index, self.ranges(state, period))
        return seen[2]

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

    def setpoint(self, ranges: Ranges, action: FloatArray) -> FloatArray:
        """Energy at the main terminal [kWh] for set-points in [-1, 1]: 0 is `base`, 1 is `high`, -1 is `low`,
        linear between. A `conversion` goes from off (-1) to all it can give (1).

        What lies between zero and a minimum is moved to the nearer of the two before anything is traded.
        """
        if self.role == "conversion":
            return ranges.high_kwh - 0.5 * (action + 1.0) * (ranges.high_kwh - ranges.low_kwh)
        return ranges.setpoint(action)

    def action_of(self, ranges: Ranges, energy_kwh: FloatArray) -> FloatArray:
        """The set-point in [-1, 1] of an energy: `setpoint` turned round; 0 where nothing can be decided."""
        if self.role == "conversion":
            share = _ratio(ranges.high_kwh - energy_kwh, ranges.high_kwh - ranges.low_kwh)
            return clipped(2.0 * share - 1.0, -1.0, 1.0)
        beyond = energy_kwh - ranges.base_kwh
        up = _ratio(beyond, ranges.high_kwh - ranges.base_kwh)
        down = _ratio(beyond, ranges.base_kwh - ranges.low_kwh)
        return clipped(np.where(beyond > 0.0, up, down), -1.0, 1.0)

    def inputs(self, state: State, period: Period) -> Mapping[Carrier, FloatArray]:
        """Energy drawn from other carriers per kWh drawn at the main terminal, shape (d,) each.

        A heat source draws negative heat: a heat pump has -1 / COP for electricity, a boiler -1 / efficiency
        for gas, and what gives electricity besides (CHP) a positive number.
        """
        del state, period
        return {}

    def envelope(self, state: State, first: int, count: int) -> Envelope:
        """What a planner knows of the periods `first` to `first + count - 1`, starting from `state`.

        The default is right for devices without memory and without a minimum.
        """
        periods = [self.site.clock.period(index) for index in range(first, first + count)]
        ranges = [self.ranges(state, period) for period in periods]
        inputs = [self.inputs(state, period) for period in periods]
        return Envelope(
            self.carrier,
            np.array([span.low_kwh for span in ranges]),
            np.array([span.high_kwh for span in ranges]),
            {carrier: np.array([taken[carrier] for taken in inputs]) for carrier in inputs[0]},
        )

    def relaxed(self) -> tuple[str, ...]:
        """What `envelope` leaves out of these devices, a few words each; empty where every plan within it can
        be carried out."""
        return ()

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


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    """`part / whole`, 0 where the whole is nothing."""
    return np.divide(part, whole, out=np.zeros_like(part), where=np.abs(whole) > 0.0)


def _drawn(request: Request, name: str) -> FloatArray:
    """One parameter of a request's devices; a boolean becomes 0 or 1, one of a list of names (`Literal`) its
    place in the list, and what is not given (None) NaN."""
    setting: Any = getattr(request.config, name)
    if setting is None:
        setting = np.nan
    elif isinstance(setting, str):
        names = get_args(type(request.config).model_fields[name].annotation)
        setting = names.index(setting)
    return draw.sample(setting, request.streams.generator(name), request.members)[request.member]
