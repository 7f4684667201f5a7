"""Forecasts of series and of the weather, as they stand at the tick at which they were issued. What is done
with them is the community's business.

`noisy`: f = a (1 + e) with 1 + e = exp(s z - s^2/2) and s^2 = ln(1 + sigma^2): mean one, standard deviation
sigma, never negative, zero at night where the actual value a is; sigma grows with the lead. The draw z of a
tick is the same whatever the lead, so forecasts converge as they are issued again. z is standard normal,
correlated over time (straight lines between independent draws) and among the members of a kind."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import numpy as np

from cosim.core.arrays import FloatArray, IntArray
from cosim.core.blocks import Blocks
from cosim.core.clock import Clock
from cosim.core.records import Series
from cosim.core.streams import Streams
from cosim.core.weather import Quantity, Weather
from cosim.profiles.forecast_config import (
    ForecastConfig,
    ForecastErrors,
    ForecastKind,
    Noisy,
    Perfect,
    Persistence,
)
from cosim.profiles.resample import utc_seconds

__all__ = [
    "ForecastConfig",
    "ForecastErrors",
    "ForecastKind",
    "Issue",
    "Noisy",
    "Perfect",
    "Persistence",
    "forecast_series",
    "forecast_weather",
]

Own = Callable[..., FloatArray]
"""(width, name, day) -> standard normal draws, shape (columns, width): the same names, the same draws."""
WIND_CUBED = 3.0
"""Power goes with the cube of the wind speed, so the speed has a third of the error."""


@dataclass
class Issue:
    """When the forecasts of a community were issued; whoever runs the community moves it on."""

    tick: int = 0
    """First tick that has not happened."""


def forecast_series(
    series: Series,
    issue: Issue,
    config: ForecastConfig,
    kind: ForecastKind,
    streams: Streams,
    clock: Clock,
    own: Own | None = None,
) -> Series:
    """A series as it is forecast; what has happened is what it was.

    Args:
        series: What happens.
        issue: Shared by all forecasts of a community.
        config: How well it is known.
        kind: Which error it has.
        streams: Of the community: the common part of the errors is the same for all series of a kind.
        clock: Ticks of the series.
        own: Draws of each column's own part of the error, so that a column keeps them whoever else has one;
            None: from `streams`, by the number of columns.

    Returns:
        The series itself where it is known perfectly.
    """
    if isinstance(config, Perfect):
        return series
    if isinstance(config, Persistence):
        return _Persistent(series.power_kw, issue, clock)
    return _Noisy(series.power_kw, issue, clock, _Factor(config, kind, streams, clock, own))


def forecast_weather(
    weather: Weather, issue: Issue, config: ForecastConfig, streams: Streams, clock: Clock
) -> Weather:
    """The weather as it is forecast: irradiance and wind speed with the common part of the errors of PV and
    wind, temperature with that of heat demand (forecast too warm, too little heat). Arguments as in
    `forecast_series`."""
    if isinstance(config, Perfect):
        return weather
    return _ForecastWeather(weather, issue, config, streams, clock)


@dataclass
class _Persistent:
    """Values of the latest whole day, counted in days from the start of the run."""

    actual: Callable[[int, int], FloatArray]
    issue: Issue
    clock: Clock
    _known: int = field(default=-1, init=False, repr=False)
    _day: FloatArray = field(default_factory=lambda: np.zeros((0, 0)), init=False, repr=False)

    def power_kw(self, first: int, last: int) -> FloatArray:
        """Forecast of the ticks first to last - 1.

        Raises:
            IndexError: if the run has no such ticks.
        """
        issued, size = self.issue.tick, self.clock.periods_per_day
        known = issued // size - 1
        begin = max(first, issued)
        if known < 0 or last <= issued or not 0 <= first < last <= self.clock.periods:
            return self.actual(first, last)
        if known != self._known:
            self._day, self._known = self.actual(known * size, (known + 1) * size), known
        ahead = self._day[np.arange(begin, last) % size]
        return ahead if begin == first else np.concatenate([self.actual(first, begin), ahead])


@dataclass
class _Noisy:
    """Values that happen, times the factor of the error."""

    actual: Callable[[int, int], FloatArray]
    issue: Issue
    clock: Clock
    factor: _Factor
    _columns: int = field(default=-1, init=False, repr=False)

    def power_kw(self, first: int, last: int) -> FloatArray:
        """Forecast of the ticks first to last - 1.

        Raises:
            IndexError: if the run has no such ticks.
        """
        actual = self.actual(first, last)
        if last <= self.issue.tick or first == last:
            return actual
        return actual * self.factor.of(first, last, self.issue.tick, actual.shape[1])


@dataclass
class _Draws:
    """Standard normal draws of the ticks of a run for some columns, keyed by the date in UTC: neither the
    horizon nor the step nor the order of questions changes them."""

    normal: Callable[[int, int], FloatArray]
    """(width, day since 1970) -> standard normal draws, shape (columns, width)."""
    clock: Clock
    memory_hours: int
    _start_s: IntArray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._start_s = utc_seconds(self.clock)

    def compute(self, first: int, last: int) -> FloatArray:
        """Draws of the ticks first to last - 1, shape (last - first, columns)."""
        node_s = self.memory_hours * 3600
        middle = self._start_s[first:last] + 0.5 * self.clock.step_minutes * 60
        node = (middle // node_s).astype(np.int64)
        weight = (middle / node_s - node)[:, None]
        values, begin = self._nodes(int(node[0]), int(node[-1]) + 1)
        low, high = values[node - begin], values[node - begin + 1]
        mixed = (1.0 - weight) * low + weight * high
        return np.asarray(mixed / np.sqrt((1.0 - weight) ** 2 + weight**2))

    def _nodes(self, first: int, last: int) -> tuple[FloatArray, int]:
        """Draws of the days that hold the nodes first to last, and the number of the first of them."""
        per_day = 24 // self.memory_hours
        days = range(first // per_day, last // per_day + 1)
        drawn = [self.normal(per_day, day).T for day in days]
        return np.concatenate(drawn), days[0] * per_day


def _common(config: Noisy, kind: ForecastKind, streams: Streams, clock: Clock) -> _Draws:
    """What the errors of a kind have in common."""

    def normal(width: int, day: int) -> FloatArray:
        return streams.generator("forecast", kind, "common", day).standard_normal((1, width))

    return _Draws(normal, clock, config.memory_hours)


@dataclass
class _Spread:
    """Standard deviation of the error by lead."""

    config: Noisy
    clock: Clock
    error: float
    """One hour ahead."""
    _known: dict[tuple[int, int], FloatArray] = field(default_factory=dict, init=False, repr=False)
    """By lead of the first tick and their number."""

    def sigma(self, first: int, last: int, issued: int) -> FloatArray:
        """Of the ticks first to last - 1; the lead goes to a tick's end, zero for what has happened,
        shape (last - first,)."""
        key = first - issued, last - first
        if key not in self._known:
            self._known[key] = self._sigma(first, last, issued)
        return self._known[key]

    def _sigma(self, first: int, last: int, issued: int) -> FloatArray:
        lead = np.maximum(np.arange(first, last) - issued + 1, 0) * self.clock.hours
        grown = np.minimum(lead, self.config.cap_hours) ** self.config.growth
        return np.where(lead > 0, self.error * grown, 0.0)


@dataclass
class _Factor:
    """1 + e for every member of a kind."""

    config: Noisy
    kind: ForecastKind
    streams: Streams
    clock: Clock
    own: Own | None = None
    _members: Blocks | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self._spread = _Spread(self.config, self.clock, getattr(self.config.error, self.kind))

    def of(self, first: int, last: int, issued: int, columns: int) -> FloatArray:
        """Factors of the ticks first to last - 1, shape (last - first, columns)."""
        if self._members is None:
            self._members = self._blocks(columns)
        sigma = self._spread.sigma(first, last, issued)[:, None]
        return _mean_one(sigma, self._members.window(first, last))

    def _blocks(self, columns: int) -> Blocks:
        """Draws of the members: what they have in common and what is their own."""
        common = _common(self.config, self.kind, self.streams, self.clock)

        def normal(width: int, day: int) -> FloatArray:
            if self.own is not None:
                return self.own(width, "forecast", day)
            generator = self.streams.generator("forecast", self.kind, "own", day)
            return generator.standard_normal((columns, width))

        own = _Draws(normal, self.clock, self.config.memory_hours)
        shared = 0.0 if self.kind == "load" else self.config.correlation

        def compute(first: int, last: int) -> FloatArray:
            apart = np.sqrt(1.0 - shared) * own.compute(first, last)
            return np.asarray(apart + np.sqrt(shared) * common.compute(first, last))

        return _by_day(compute, self.clock)


def _by_day(compute: Callable[[int, int], FloatArray], clock: Clock) -> Blocks:
    return Blocks(compute, clock.periods, clock.periods_per_day)


def _mean_one(sigma: FloatArray, draws: FloatArray) -> FloatArray:
    """exp(s z - s^2/2) with s^2 = ln(1 + sigma^2): a log-normal factor of mean one and deviation sigma."""
    variance = np.log1p(sigma * sigma)
    return np.asarray(np.exp(np.sqrt(variance) * draws - 0.5 * variance))


@dataclass
class _ForecastWeather:
    """The weather with the errors of its forecast."""

    weather: Weather
    issue: Issue
    config: Noisy | Persistence
    streams: Streams
    clock: Clock
    _persistent: dict[Quantity, _Persistent] = field(default_factory=dict, init=False, repr=False)
    _draws: dict[ForecastKind, Blocks] = field(default_factory=dict, init=False, repr=False)
    _spreads: dict[Quantity, _Spread] = field(default_factory=dict, init=False, repr=False)

    @property
    def quantities(self) -> Collection[str]:
        """What is forecast: all that the weather has."""
        return self.weather.quantities

    def values(self, quantity: Quantity, first: int, last: int) -> FloatArray:
        """Forecast of a quantity in the ticks first to last - 1, shape (last - first,).

        Raises:
            IndexError: if the run has no such ticks.
        """
        if isinstance(self.config, Persistence):
            return self._of_yesterday(quantity).power_kw(first, last)[:, 0]
        actual = self.weather.values(quantity, first, last)
        if last <= self.issue.tick or first == last:
            return actual
        kind, error = self._error(quantity)
        if quantity not in self._spreads:
            self._spreads[quantity] = _Spread(self.config, self.clock, error)
        sigma = self._spreads[quantity].sigma(first, last, self.issue.tick)
        draws = self._of(kind).window(first, last)[:, 0]
        if quantity == "temperature_c":
            return actual - sigma * draws
        return actual * _mean_one(sigma, draws)

    def _error(self, quantity: Quantity) -> tuple[ForecastKind, float]:
        """The kind whose common error a quantity has, and how large it is one hour ahead."""
        assert isinstance(self.config, Noisy)
        error = self.config.error
        if quantity == "temperature_c":
            return "heat", error.temperature_k
        if quantity == "wind_m_per_s":
            return "wind", error.wind / WIND_CUBED
        return "pv", error.pv

    def _of(self, kind: ForecastKind) -> Blocks:
        assert isinstance(self.config, Noisy)
        if kind not in self._draws:
            common = _common(self.config, kind, self.streams, self.clock)
            self._draws[kind] = _by_day(common.compute, self.clock)
        return self._draws[kind]

    def _of_yesterday(self, quantity: Quantity) -> _Persistent:
        if quantity not in self._persistent:
            self._persistent[quantity] = _Persistent(
                lambda first, last: self.weather.values(quantity, first, last)[:, None],
                self.issue,
                self.clock,
            )
        return self._persistent[quantity]
