"""From a scenario to a community, room by room: each room turns its own settings into its objects, this
module hands them to each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import acos, tan

import numpy as np

from cosim.bidding.bidder import Bidder
from cosim.bidding.fields import EXPECTED_PRICE, HEAT_ASK_MARGIN, HEAT_BID_MARGIN, name_of, slots
from cosim.bidding.heat_records import HeatLoop, usual_costs
from cosim.bidding.observation import Observer
from cosim.community.community import Community, Market, Members
from cosim.community.counterfactual import Counterfactual
from cosim.community.deciders import Deciders, Fields, group_of
from cosim.community.feeder import Connections, Feeder, Passive, Rates
from cosim.community.foresight import Foresight
from cosim.community.outlook import Outlooks
from cosim.community.public_memory import PublicMemory
from cosim.community.reward import Reward
from cosim.community.rule import Rule
from cosim.community.sources import follow
from cosim.core.arrays import BoolArray, FloatArray
from cosim.core.clock import Clock
from cosim.core.mean_field import mean_field_fields
from cosim.core.records import Series
from cosim.core.streams import Streams
from cosim.core.weather import Weather
from cosim.devices import registry
from cosim.devices.base import Request, Site
from cosim.devices.fleet import Fleet
from cosim.errors import InputError, PolicyError, Problem, ScenarioError
from cosim.market import registry as mechanisms
from cosim.network import limits, solver
from cosim.network.episodes import Episodes
from cosim.network.grid import Grid, load_grid
from cosim.network.slack import slack_series
from cosim.policies.contract import Policy, Spec
from cosim.policies.registry import create
from cosim.policies.validation import checked_weights
from cosim.profiles.config import SimBenchPv
from cosim.profiles.forecast import Issue, Perfect, forecast_series, forecast_weather
from cosim.profiles.passive import passive_generators, passive_loads
from cosim.profiles.regional_sun import regional_sun
from cosim.profiles.weather import load_weather
from cosim.scenario.placement import Placement, place
from cosim.scenario.population import COMMUNITY, Ownership, Population, gas_prosumers, populate
from cosim.scenario.schema import Scenario
from cosim.scenario.series import follows
from cosim.settlement.tariffs import PublicBounds, TariffBook


@dataclass(frozen=True, slots=True)
class _Rates:
    """The clocks of a run."""

    settlement: Clock
    flows: Clock
    """Of the power flows."""
    ticks: Clock
    """Of the series: the finer of the two."""


def community_of(scenario: Scenario) -> Community:
    """The community of a scenario, to be looked at: without a simulation, whose model Mesa would keep.

    Raises:
        InputError: as `build_community`.
    """
    return build_community(scenario, scenario.horizon.clock(), Streams(scenario.seed))


def build_community(
    scenario: Scenario,
    clock: Clock,
    streams: Streams,
    name: str = COMMUNITY,
    chance: Streams | None = None,
) -> Community:
    """The community that a scenario describes.

    Args:
        scenario: Its settings.
        clock: Settlement periods of the run.
        streams: Randomness of the run.
        name: Name in tables.
        chance: Randomness of what happens to the same prosumers: the order in which orders arrive, the errors
            of forecasts, what policies draw. None: as everything else from `streams`.

    Raises:
        InputError: if grid, profiles, prices or places cannot be used; every problem of the room is in it.
    """
    own = streams.within(name)
    chance = (streams if chance is None else chance).within(name)
    rates = _clocks(scenario, clock)
    population = populate(scenario, own)
    grid = load_grid(scenario.network, scenario.base)
    placement, problems = place(scenario, grid, own)
    if problems:
        raise ScenarioError(problems)
    tariffs = TariffBook(scenario.tariffs, clock, population.tariffs, scenario.base)
    tariffs.require_gas(gas_prosumers(population))
    site = _site(scenario, population, rates)
    fleet = _fleet(population, site)
    foresight = _foresight(scenario, population, fleet, site, rates, chance)
    loop = _loop(scenario, population, fleet, clock)
    bidder = Bidder(fleet, scenario.market.bidding, loop)
    observer = Observer(foresight.fleet)
    fields = _fields(bidder, observer, clock)
    bounds = tariffs.public_bounds
    middle_heat = 0.5 * float(sum(usual_costs(*tariffs.default_prices(0))))
    return Community(
        name=name,
        clock=clock,
        members=Members(population.names, population.groups, placement.bus),
        fleet=fleet,
        foresight=foresight,
        bidder=bidder,
        observer=observer,
        rule=Rule(bidder, fields.observation, fields.parameters, clock.hours),
        outlooks=Outlooks(
            foresight,
            clock,
            tariffs,
            loop,
            ((bounds.feed_in, bounds.ceiling), None if loop is None else _heat_band(bounds)),
        ),
        deciders=_deciders(scenario, population, fields, chance.seed, name),
        market=Market(
            mechanisms.create(scenario.market.mechanism, **scenario.market.values()), chance.within("market")
        ),
        tariffs=tariffs,
        feeder=_feeder(scenario, grid, placement, rates),
        episodes=Episodes(grid.elements, rates.flows.step_minutes),
        counterfactual=Counterfactual(
            fleet, Observer(fleet), fields, scenario.market.bidding, scenario.network.counterfactual
        ),
        memory=PublicMemory(clock.hours, bounds.middle, None if loop is None else middle_heat),
        rewards=Reward(fleet, tariffs, round(24.0 / clock.hours), scenario.heat.unserved_eur_per_kwh),
        unserved_eur_per_kwh=scenario.heat.unserved_eur_per_kwh,
    )


def _heat_band(bounds: PublicBounds) -> tuple[float, float]:
    """Between which costs heat is usually made in any period [EUR/kWh]."""
    low, high = usual_costs(bounds.retail, bounds.feed_in, bounds.gas)
    return float(low), float(high)


def _clocks(scenario: Scenario, clock: Clock) -> _Rates:
    """The clocks of settlement, power flow and series."""
    step = scenario.network.step or clock.step_minutes
    minutes = clock.periods * clock.step_minutes
    flows = replace(clock, step_minutes=step, periods=-(-minutes // step))
    return _Rates(clock, flows, flows if step < clock.step_minutes else clock)


def _site(scenario: Scenario, population: Population, rates: _Rates) -> Site:
    """What devices follow: time, series and weather."""
    weather = None
    if scenario.weather is not None:
        weather = load_weather(scenario.weather, rates.ticks, scenario.base)
    series: dict[str, Series] = {
        # By the name that the class has of itself: a scenario may call it `module:Class`.
        registry.load(kind).kind: follow(_owned(population, kind), kind, rates.ticks, scenario.base, weather)
        for kind in population.devices
        if follows(kind) and _owned(population, kind)
    }
    per_period = rates.settlement.step_minutes // rates.ticks.step_minutes
    return Site(rates.settlement, per_period, series, weather)


def _fleet(population: Population, site: Site) -> Fleet:
    """All devices of the population."""
    requests = {
        kind: [
            Request(item.config, item.prosumer, item.member, item.members, item.streams.within(kind))
            for item in _owned(population, kind)
        ]
        for kind in population.devices
    }
    return Fleet.build(requests, site, len(population.names))


def _foresight(
    scenario: Scenario, population: Population, fleet: Fleet, site: Site, rates: _Rates, streams: Streams
) -> Foresight:
    """The fleet over forecasts."""
    closure = scenario.market.gate_closure
    public = _public_weather(scenario, site, rates)
    if isinstance(scenario.forecast, Perfect):
        return Foresight(fleet, None, site.ticks_per_period, closure, public)
    issue, own = Issue(), streams.within("forecast")
    series = {}
    for kind, actual in site.series.items():
        device = fleet.kinds[kind]
        assert device.follows is not None  # else it had no series
        series[kind] = forecast_series(
            actual, issue, scenario.forecast, device.follows, own, rates.ticks, device.site.draws.normal
        )
    weather = None
    if public is not None:
        public = forecast_weather(public, issue, scenario.forecast, own, rates.ticks)
        weather = None if site.weather is None else public
    return Foresight(fleet.seeing(series, weather), issue, site.ticks_per_period, closure, public)


def _public_weather(scenario: Scenario, site: Site, rates: _Rates) -> Weather | None:
    """What everybody may know of the weather: the scenario's, or the sun of SimBench's plants if it tells of
    any. Who has one in fact changes nothing: that is private."""
    if site.weather is not None:
        return site.weather
    settings: list[object] = [item for group in scenario.groups for item in group.devices.values()]
    settings += [item for single in scenario.prosumers.values() for item in single.devices.values()]
    simbench = any(isinstance(getattr(item, "profile", None), SimBenchPv) for item in settings)
    return regional_sun(rates.ticks) if simbench else None


def _loop(scenario: Scenario, population: Population, fleet: Fleet, clock: Clock) -> HeatLoop | None:
    """Who may trade heat with whom."""
    config = scenario.heat.loop
    if config is None or not fleet.of("heat"):
        return None
    member = np.zeros(fleet.prosumers, dtype=bool)
    for device in fleet.of("heat").values():
        member[device.prosumer] = True
    if config.groups is not None:
        member &= np.isin(np.array(population.groups), config.groups)
    return HeatLoop(member, config.loss_factor, config.capacity_kw * clock.hours)


def _owned(population: Population, kind: str) -> list[Ownership]:
    """Ownerships of a kind that have an owner at all."""
    return [item for item in population.devices.get(kind, ()) if len(item.prosumer)]


def _fields(bidder: Bidder, observer: Observer, clock: Clock) -> Fields:
    """Fields of the community, and which prosumer has which."""
    fleet, loop = bidder.fleet, bidder.heat.loop if bidder.heat is not None else None
    has_action = _owners(fleet, [field.name for field in bidder.fields])
    for column, field in enumerate(bidder.fields):
        if field.name == EXPECTED_PRICE.name:
            has_action[:, column] = False
            for device in fleet.kinds.values():
                if device.role == "conversion":
                    has_action[device.prosumer, column] = True
        elif field in (HEAT_BID_MARGIN, HEAT_ASK_MARGIN) and loop is not None:
            has_action[:, column] = loop.member
    return Fields(
        observation=observer.fields,
        mean_field=mean_field_fields(heat=loop is not None),
        action=bidder.fields,
        has_observation=_owners(fleet, [field.name for field in observer.fields]),
        has_action=has_action,
        parameters=_parameters(fleet),
        period_hours=clock.hours,
    )


def _owners(fleet: Fleet, names: Sequence[str]) -> BoolArray:
    """For each field whether a prosumer has it: those without a device in their name belong to all."""
    has = np.ones((fleet.prosumers, len(names)), dtype=bool)
    for device in fleet.kinds.values():
        for slot in range(slots(device)):
            prefix = name_of(device.kind, slot, "")
            owner = np.zeros(fleet.prosumers, dtype=bool)
            owner[device.prosumer[device.slot == slot]] = True
            for column, name in enumerate(names):
                if name.startswith(prefix):
                    has[:, column] = owner
    return has


def _parameters(fleet: Fleet) -> dict[str, FloatArray]:
    """Device parameters by name (`battery.capacity_kwh`), zero where a prosumer has none, shape (n,)."""
    found: dict[str, FloatArray] = {}
    for device in fleet.kinds.values():
        for slot in range(slots(device)):
            rows = device.slot == slot
            for name, column in device.columns.items():
                values = np.zeros(fleet.prosumers)
                values[device.prosumer[rows]] = column[rows]
                values.flags.writeable = False
                found[name_of(device.kind, slot, name)] = values
    return found


def _deciders(
    scenario: Scenario, population: Population, fields: Fields, seed: int, community: str
) -> Deciders:
    """One policy object for each label that somebody uses; what is wrong with any of them is told at once."""
    labels = np.array(population.policies)
    groups, problems = [], list[Problem]()
    for label in dict.fromkeys(population.policies):
        use = scenario.policies[label]
        make = partial(_policy, use.kind, seed, f"{community}/{label}", use.values(scenario.base))
        try:
            groups.append(group_of(label, np.flatnonzero(labels == label), fields, make))
        except ScenarioError as error:
            problems += error.problems
    if problems:
        raise ScenarioError(problems)
    return Deciders(groups, population.names, len(fields.action))


def _policy(kind: str, seed: int, label: str, parameters: dict[str, object], spec: Spec, n: int) -> Policy:
    """A policy; what is wrong with it has its place in the scenario. A learner's weights are asked for once,
    so that a run does not end with some that cannot be kept."""
    place = f"policies.{label.partition('/')[2]}"
    try:
        made = create(kind, spec, n, seed, label=label, **parameters)
        if made.learns:
            checked_weights(made, f"policy {kind!r}")
        return made
    except InputError as error:
        inside = (replace(one, path=f"{place}.parameters.{one.path}") for one in error.problems)
        raise ScenarioError(list(inside)) from error
    except PolicyError as error:
        raise ScenarioError(Problem(str(error), path=f"{place}.kind")) from error


def _feeder(scenario: Scenario, grid: Grid, placement: Placement, rates: _Rates) -> Feeder:
    """The grid with everybody on it."""
    config = scenario.network
    site = Connections(
        bus=placement.bus,
        reactive_share=tan(acos(config.load_power_factor)),
        passive=_passive(grid, placement, rates.ticks),
    )
    return Feeder(
        grid,
        solver.create(grid, config),
        limits.resolve(grid, config.limits),
        site,
        Rates(rates.settlement, rates.flows),
        slack_series(config, rates.flows, scenario.base),
    )


def _passive(grid: Grid, placement: Placement, ticks: Clock) -> tuple[Passive, ...]:
    """The grid's own loads and generators that stay."""
    found = []
    for injections, rows, read, sign in (
        (grid.loads, placement.passive_loads, passive_loads, 1.0),
        (grid.generators, placement.passive_generators, passive_generators, -1.0),
    ):
        if len(rows):
            active, reactive = read(
                list(injections.profile[rows]),
                injections.p_kw[rows],
                injections.q_kvar[rows],
                ticks,
                grid.origin.simbench_scenario,
            )
            found.append(Passive(injections.bus[rows], active, reactive, sign))
    return tuple(found)
