"""The short account of a scenario that `cosim check` prints: facts in words, and what looks implausible.
How it is laid out is the command line's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.devices import registry
from cosim.profiles.account import USUAL, account, sampled
from cosim.profiles.forecast_config import Noisy, Perfect, Persistence
from cosim.scenario.check import Facts
from cosim.scenario.horizon import duration_text
from cosim.scenario.population import Population, drawn

_SECONDS_START = 2.5
_SECONDS_STEP = 3.4e-3
_SECONDS_PROSUMER_STEP = 6.0e-6
_MEGABYTES_START = 365.0
_MEGABYTES_PROSUMER = 0.024
"""Fitted to rural-100-winter with zero-intelligence and 100 to 10,000 prosumers, on 2 cores, all tables and
the report written. Memory does not grow with the number of steps."""


@dataclass(frozen=True)
class Account:
    """Rows of label and text, and warnings."""

    title: str
    rows: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]


def account_of(facts: Facts) -> Account:
    """What a scenario amounts to, in words."""
    scenario, clock = facts.scenario, facts.clock
    rows = [
        (
            "horizon",
            f"{scenario.horizon.start:%Y-%m-%d %H:%M} {scenario.horizon.zone}, "
            f"{duration_text(scenario.horizon.duration)}, "
            f"{clock.periods:,} steps of {clock.step_minutes} min",
        ),
        ("prosumers", _prosumers(facts)),
        ("devices", _devices(facts.population)),
        ("policies", _policies(facts)),
        ("market", _market(facts)),
        ("forecast", _forecast(facts)),
        ("weather", "" if facts.weather is None else facts.weather.name),
        ("grid", _grid(facts)),
        ("passive", _passive(facts)),
        *((f"limit: {kind.replace('_', ' ')}", words) for kind, words in facts.limits.sources.items()),
        *_households(facts),
        *_others(facts),
        ("expected", _expected(facts)),
    ]
    return Account(scenario.name, tuple(row for row in rows if row[1]), (*facts.notes, *_warnings(facts)))


def _prosumers(facts: Facts) -> str:
    groups = ", ".join(f"{group.count:,} {group.name}" for group in facts.scenario.groups)
    changed = len(facts.scenario.prosumers)
    return f"{len(facts.population.names):,} ({groups})" + (
        f", {changed} with settings of their own" if changed else ""
    )


def _devices(population: Population) -> str:
    """Count of each kind, with the total of its first setting that has an amount (kWp, kWh, kW)."""
    parts = []
    for kind, ownerships in population.devices.items():
        count = population.count(kind)
        if kind == "load" or not count:
            continue
        name, unit = _size_of(kind, population)
        text = f"{count:,} {kind}"
        if name:
            total = sum(float(drawn(item, kind, name)[item.member].sum()) for item in ownerships)
            text += f" ({total:,.0f} {unit})"
        parts.append(text)
    return ", ".join(parts) or "none beside the loads"


def _size_of(kind: str, population: Population) -> tuple[str, str]:
    """The setting that says how large a device is, and its unit."""
    for name, setting in type(population.devices[kind][0].config).model_fields.items():
        unit = (
            (setting.json_schema_extra or {}).get("unit")
            if isinstance(setting.json_schema_extra, dict)
            else None
        )
        known = all(getattr(item.config, name, None) is not None for item in population.devices[kind])
        if known and unit in ("kWp", "kWh", "kW", "W/K", "l"):
            return name, str(unit)
    return "", ""


def _policies(facts: Facts) -> str:
    labels = facts.population.policies
    return ", ".join(
        f"{facts.scenario.policies[label].kind} for {labels.count(label):,}"
        for label in dict.fromkeys(labels)
    )


def _market(facts: Facts) -> str:
    market, loop = facts.scenario.market, facts.scenario.heat.loop
    text = f"{market.mechanism}, bidding by {market.bidding}"
    if market.gate_closure:
        text += f", gate closes {market.gate_closure * facts.clock.step_minutes} min before the period"
    if loop is not None:
        text += f"; heat too (loop: {loop.loss_factor:.0%} lost, at most {loop.capacity_kw:g} kW)"
    return text


def _forecast(facts: Facts) -> str:
    config = facts.scenario.forecast
    if isinstance(config, Perfect):
        return ""
    if isinstance(config, Persistence):
        return "persistence: as on the latest whole day"
    assert isinstance(config, Noisy)
    error = config.error
    return f"noisy: an hour ahead load {error.load:.0%}, PV {error.pv:.0%}, heat {error.heat:.0%} off"


def _others(facts: Facts) -> list[tuple[str, str]]:
    """Energy of everything else that follows a series: kWh a year, or full-load hours."""
    rows = []
    for kind, series in facts.series.items():
        family = registry.load(kind).follows
        if kind == "load" or family is None or not series:
            continue
        annual = np.concatenate([profiles.origin.annual_kwh[item.member] for item, profiles in series])
        names = dict.fromkeys(profiles.origin.name for _, profiles in series)
        unit, least, most = USUAL[family][2], annual.min(), annual.max()
        span = f"{annual.mean():,.0f} {unit} (lowest {least:,.0f}, highest {most:,.0f})"
        rows.append((kind.replace("_", " "), f"{span}; {'; '.join(names)}"))
    return rows


def _grid(facts: Facts) -> str:
    grid = facts.grid
    kva = ", ".join(f"{value:g} kVA" for value in grid.transformers.sn_kva)
    used = len(np.unique(facts.placement.bus))
    return (
        f"{grid.origin.name}: {len(grid.buses.name):,} buses ({used:,} with prosumers), "
        f"{len(grid.lines.name):,} lines, {len(grid.transformers.name)} transformers"
        + (f" ({kva})" if kva else "")
    )


def _passive(facts: Facts) -> str:
    loads, generators = len(facts.placement.passive_loads), len(facts.placement.passive_generators)
    if loads or generators:
        return f"{loads} loads and {generators} generators of the grid file stay"
    return (
        f"none: the {len(facts.grid.loads)} loads of the grid file are left out"
        if len(facts.grid.loads)
        else ""
    )


def _annual(facts: Facts) -> FloatArray:
    return np.concatenate([profiles.origin.annual_kwh[item.member] for item, profiles in facts.loads])


def _households(facts: Facts) -> list[tuple[str, str]]:
    """Energy, shapes and coincidence of all loads together."""
    if not facts.loads:
        return []
    annual = _annual(facts)
    distinct = sum(min(profiles.origin.distinct, len(item.prosumer)) for item, profiles in facts.loads)
    names = dict.fromkeys(profiles.origin.name for _, profiles in facts.loads)
    shapes = sum({id(item.profile): profiles.origin.shapes for item, profiles in facts.loads}.values())
    power = np.concatenate([sampled(profiles)[:, item.member] for item, profiles in facts.loads], axis=1)
    together, alone = float(power.sum(axis=1).max(initial=0.0)), float(power.max(axis=0, initial=0.0).sum())
    return [
        (
            "load",
            f"{annual.mean():,.0f} kWh a year per household "
            f"(lowest {annual.min():,.0f}, highest {annual.max():,.0f})",
        ),
        ("profiles", "; ".join(names)),
        ("shapes", f"{distinct:,} different load curves from {shapes} recorded shapes"),
        ("coincidence", f"{together / alone:.2f} (peak of the sum {together:,.0f} kW)" if alone else ""),
    ]


def _warnings(facts: Facts) -> list[str]:
    """What is implausible, once for each profile."""
    found: dict[str, None] = {}
    for _, profiles in facts.loads:
        found |= dict.fromkeys(profiles.origin.notes)
    if facts.loads:
        annual = _annual(facts)
        low, high, _, _ = USUAL["load"]
        odd = int(((annual < low) | (annual > high)).sum())
        if odd:
            usual = f"{low:,.0f} to {high:,.0f} kWh a year"
            found[f"{odd} of {len(annual)} loads are outside {usual}: is that meant?"] = None
    for kind, series in facts.series.items():
        family = registry.load(kind).follows
        for _, profiles in series if kind != "load" else ():
            found |= dict.fromkeys(account(profiles, kind=family).warnings)
    short = _short_trips(facts.population)
    if short:
        found[f"{short} vehicles may drive more than they are charged to at departure: is that meant?"] = None
    found |= dict.fromkeys(_unheated(facts))
    if facts.scenario.market.gate_closure >= facts.clock.periods:
        found["the gate closes more periods ahead than the run has: nothing is traded"] = None
    return list(found)


def _unheated(facts: Facts) -> list[str]:
    """Who needs heat but has no source of it, and who needs space heat twice."""
    needs, sources, space, found = set[int](), set[int](), set[int](), []
    for kind, ownerships in facts.population.devices.items():
        device = registry.load(kind)
        owners = {int(row) for item in ownerships for row in item.prosumer}
        if device.carrier == "heat" and device.role == "conversion":
            sources |= owners
        elif device.carrier == "heat" and device.role == "load":
            needs |= owners
    for item in facts.population.devices.get("heat_demand", ()):
        space |= set(item.prosumer[drawn(item, "heat_demand", "annual_heat_kwh")[item.member] > 0.0].tolist())
    if alone := len(needs - sources):
        text = f"{alone} prosumers need heat and have no source of their own: "
        heated = facts.scenario.heat.loop is not None
        found.append(text + ("what the loop does not bring is not served" if heated else "it is not served"))
    buildings = facts.population.devices.get("building", ())
    if twice := len(space & {int(row) for item in buildings for row in item.prosumer}):
        text = f"{twice} prosumers have a building and space heat in heat_demand, which is heating twice"
        found.append(f"{text}: `annual_heat_kwh: 0` leaves the hot water")
    return found


def _short_trips(population: Population) -> int:
    """Vehicles whose longest trip takes more than what is wanted at departure."""
    count = 0
    for ownership in population.devices.get("ev", ()):
        trip, variation, capacity, wanted = (
            drawn(ownership, "ev", name)[ownership.member]
            for name in ("trip_kwh", "trip_variation", "capacity_kwh", "departure_soc")
        )
        count += int((trip * (1.0 + variation) > capacity * wanted).sum())
    return count


def _expected(facts: Facts) -> str:
    """Time and memory; rough, on a machine like the one on which the figures were measured."""
    prosumers, steps = len(facts.population.names), facts.clock.periods
    seconds = _SECONDS_START + steps * (_SECONDS_STEP + prosumers * _SECONDS_PROSUMER_STEP)
    memory = _MEGABYTES_START + prosumers * _MEGABYTES_PROSUMER
    time = f"{seconds:,.0f} s" if seconds < 120 else f"{seconds / 60:,.0f} min"
    return f"about {time} and {memory:,.0f} MB (rule-based policies, 2 cores)"
