"""`cosim check`: every mistake in a scenario, those that only a room can find too (a grid, a bus, a series),
and for a good one the facts of which a short account is made. It simulates nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from cosim.core.clock import Clock
from cosim.core.problems import Problems
from cosim.core.streams import Streams
from cosim.core.timeseries import require_file
from cosim.errors import InputError, Problem, ScenarioError
from cosim.market.registry import create
from cosim.network.config import NetworkConfig
from cosim.network.grid import Grid, check_placement, find_buses, load_grid
from cosim.network.limits import Limits, resolve
from cosim.network.slack import slack_series
from cosim.policies.learning.events import require_tensorboard
from cosim.profiles.config import of_weather
from cosim.profiles.profiles import Profiles
from cosim.profiles.weather import SiteWeather, load_weather
from cosim.scenario.load import Loaded, Source, in_order, opened, validated
from cosim.scenario.placement import Placement, place
from cosim.scenario.population import COMMUNITY, Ownership, Population, gas_prosumers, populate
from cosim.scenario.schema import Scenario
from cosim.scenario.series import follows, read_series
from cosim.scenario.yaml_file import Location
from cosim.settlement.tariffs import TariffBook

Found = TypeVar("Found")


@dataclass(frozen=True)
class Facts:
    """What a good scenario amounts to."""

    scenario: Scenario
    clock: Clock
    population: Population
    grid: Grid
    limits: Limits
    placement: Placement
    series: dict[str, tuple[tuple[Ownership, Profiles], ...]]
    """Device kind -> its series by ownership."""
    weather: SiteWeather | None
    notes: tuple[str, ...]
    """What a user should know before a run."""

    @property
    def loads(self) -> tuple[tuple[Ownership, Profiles], ...]:
        """Series of the inflexible loads."""
        return self.series.get("load", ())

    @property
    def pv(self) -> tuple[tuple[Ownership, Profiles], ...]:
        """Series of the photovoltaic plants."""
        return self.series.get("pv", ())


def check(
    path: str | Path,
    overrides: Sequence[tuple[str, Any]] = (),
    *,
    seed: int | None = None,
    days: float | None = None,
) -> Facts:
    """Facts about the scenario of a file; arguments as of `load`.

    Raises:
        ScenarioError: if anything is wrong; it carries every mistake that can be found.
    """
    document, source, found = opened(path, overrides, seed=seed, days=days)
    scenario, mistakes = validated(document.data, document.file)
    found += [source.placed(problem, location) for location, problem in mistakes]
    if scenario is None:
        found += _places_of(document.data, source)
        raise ScenarioError(in_order(found))
    return facts_of(Loaded(scenario, source), found)


def facts_of(loaded: Loaded, found: Sequence[Problem] = ()) -> Facts:
    """Facts about a scenario that is well-formed.

    Args:
        loaded: The scenario and its source.
        found: Problems known already.

    Raises:
        ScenarioError: if a room finds anything wrong.
    """
    rooms = _Rooms(loaded)
    facts = rooms.facts()
    problems = [*found, *rooms.problems]
    if facts is None or problems:
        raise ScenarioError(in_order(problems))
    return facts


@dataclass
class _Rooms:
    """Asks every room, goes on after one that finds a mistake, and keeps all of them."""

    loaded: Loaded
    problems: list[Problem] = field(default_factory=list)
    series: dict[str, tuple[tuple[Ownership, Profiles], ...]] = field(default_factory=dict)

    def facts(self) -> Facts | None:
        scenario, source = self.loaded.scenario, self.loaded.source
        clock = scenario.horizon.clock()
        streams = Streams(scenario.seed).within(COMMUNITY)
        self._ask(("market",), lambda: create(scenario.market.mechanism, **scenario.market.values()))
        if scenario.outputs.tensorboard:
            self._ask((), require_tensorboard)
        for label, use in scenario.policies.items():
            for name, file in use.files(scenario.base).items():
                self._ask(("policies", label, "parameters", name), partial(require_file, Problems(file)))
        population = populate(scenario, streams)
        grid = self._ask(("network",), lambda: load_grid(scenario.network, scenario.base))
        self._ask(("network",), lambda: slack_series(scenario.network, clock, scenario.base))
        placement = None
        if grid is not None:
            placement, misplaced = place(scenario, grid, streams)
            self.problems += source.located(misplaced, ())
        book = self._ask((), lambda: TariffBook(scenario.tariffs, clock, population.tariffs, scenario.base))
        burning = gas_prosumers(population)
        if book is not None and len(burning):
            self._ask((), lambda: book.require_gas(burning))
        weather = self._weather(clock)
        self.series = {
            kind: self._series(population, kind, clock, weather)
            for kind in population.devices
            if follows(kind)
        }
        if grid is None or placement is None or book is None or self.problems:
            return None
        notes = (*grid.notes, *book.notes())
        limits = resolve(grid, scenario.network.limits)
        return Facts(scenario, clock, population, grid, limits, placement, self.series, weather, notes)

    def _weather(self, clock: Clock) -> SiteWeather | None:
        config = self.loaded.scenario.weather
        if config is None:
            return None
        return self._ask(("weather",), lambda: load_weather(config, clock, self.loaded.scenario.base))

    def _ask(self, at: Location, question: Callable[[], Found]) -> Found | None:
        try:
            return question()
        except InputError as error:
            self.problems += self.loaded.source.located(error.problems, at)
            return None

    def _series(
        self, population: Population, kind: str, clock: Clock, weather: SiteWeather | None
    ) -> tuple[tuple[Ownership, Profiles], ...]:
        """The series of a kind by ownership, as the community reads them."""
        found = []
        for ownership in population.devices.get(kind, ()):
            if not len(ownership.prosumer):
                continue
            if weather is None and self.loaded.scenario.weather is not None and of_weather(ownership.profile):
                continue  # the weather is there, and what is wrong with it is reported
            read = partial(read_series, ownership, kind, clock, self.loaded.scenario.base, weather)
            profiles = self._ask(self._profile_of(ownership, kind), read)
            if profiles is not None:
                found.append((ownership, profiles))
        return tuple(found)

    def _profile_of(self, ownership: Ownership, kind: str) -> Location:
        """Where in the document the profile of an ownership is."""
        place: Location = ("load",) if kind == "load" else ("devices", kind)
        for index, group in enumerate(self.loaded.scenario.groups):
            if ownership.config is (group.load if kind == "load" else group.devices.get(kind)):
                return ("groups", index, *place, "profile")
        for name, single in self.loaded.scenario.prosumers.items():
            if ownership.config is (single.load if kind == "load" else single.devices.get(kind)):
                return ("prosumers", name, *place, "profile")
        return ()


def _places_of(data: dict[str, Any], source: Source) -> list[Problem]:
    """Buses that a document with other mistakes names and its grid does not have."""
    settings = data.get("network")
    known = settings if isinstance(settings, dict) else {}
    try:  # which grid it is, whatever else is wrong with the section
        config = NetworkConfig.model_validate({key: known[key] for key in ("source", "name") if key in known})
    except ValidationError:
        return []
    folder = source.document.file.parent if source.document.file else Path()
    try:
        grid = load_grid(config, folder / str(data.get("folder") or "."))
    except InputError as error:
        return source.located(error.problems, ("network",))
    problems = []
    for location, name in _named_buses(data):
        row, unknown = find_buses(grid, [name])
        problems += [source.placed(problem, location) for problem in unknown or check_placement(grid, row)]
    return problems


def _named_buses(data: dict[str, Any]) -> list[tuple[Location, str]]:
    """Every bus that a document names where it should, whatever else is wrong with it."""
    named: list[tuple[Location, Any]] = []
    groups = data.get("groups")
    for index, group in enumerate(groups if isinstance(groups, list) else ()):
        place = group.get("place") if isinstance(group, dict) else None
        buses = place.get("buses") if isinstance(place, dict) else None
        for number, name in enumerate(buses if isinstance(buses, list) else ()):
            named.append((("groups", index, "place", "buses", number), name))
    prosumers = data.get("prosumers")
    for label, single in (prosumers if isinstance(prosumers, dict) else {}).items():
        if isinstance(single, dict):
            named.append((("prosumers", label, "bus"), single.get("bus")))
    return [(location, name) for location, name in named if isinstance(name, str)]
