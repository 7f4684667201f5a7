"""Who owns what: groups and single prosumers of a scenario become one list of prosumers and requests for
devices. Drawn from the seed; changing a share or one prosumer leaves everybody else as they were. Where
they are on the grid is decided in `placement`; the devices are built by the community."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from cosim.core.arrays import BoolArray, FloatArray, IntArray
from cosim.core.config import Config
from cosim.core.draw import sample
from cosim.core.streams import Streams
from cosim.devices import registry
from cosim.scenario.groups import Group
from cosim.scenario.schema import Scenario

COMMUNITY = "community"
"""Name of the community that a scenario describes, in tables and as the scope of its randomness."""


@dataclass(frozen=True, slots=True)
class Ownership:
    """Devices of one kind with the same settings."""

    config: Config
    profile: Config | None
    """Where the series comes from that they follow; None for kinds without one."""
    prosumer: IntArray
    """Owners, shape (d,)."""
    member: IntArray
    """Position of the owners among those that the settings are drawn for, shape (d,)."""
    members: int
    """How many the settings are drawn for: the whole group, so that a draw belongs to a prosumer."""
    streams: Streams


@dataclass(frozen=True, slots=True)
class Population:
    """All prosumers of a community, in the order of its columns."""

    names: tuple[str, ...]
    groups: tuple[str, ...]
    policies: tuple[str, ...]
    """Label of everybody's policy."""
    tariffs: tuple[str, ...]
    """Name of everybody's tariff."""
    devices: dict[str, list[Ownership]]
    """Device kind -> who has one; `load` is among them."""

    def count(self, kind: str) -> int:
        """How many devices of a kind there are."""
        return sum(len(ownership.prosumer) for ownership in self.devices.get(kind, ()))


def gas_prosumers(population: Population) -> IntArray:
    """Who has a device that burns gas, shape (m,)."""
    owners = [
        ownership.prosumer
        for kind, ownerships in population.devices.items()
        if "gas" in registry.load(kind).takes
        for ownership in ownerships
    ]
    return np.unique(np.concatenate(owners)) if owners else np.zeros(0, dtype=np.int64)


def drawn(ownership: Ownership, kind: str, name: str) -> FloatArray:
    """Values of a setting for all members of an ownership, as the devices have them, shape (members,)."""
    rng = ownership.streams.within(kind).generator(name)
    return sample(getattr(ownership.config, name), rng, ownership.members)


def populate(scenario: Scenario, streams: Streams) -> Population:
    """The prosumers of a scenario.

    Args:
        scenario: Groups and single prosumers.
        streams: Randomness of the community.
    """
    names = [name for group in scenario.groups for name in group.names()]
    groups = [group.name for group in scenario.groups for _ in range(group.count)]
    policies = [group.policy for group in scenario.groups for _ in range(group.count)]
    tariffs = [group.tariff for group in scenario.groups for _ in range(group.count)]
    devices: dict[str, list[Ownership]] = {}
    first = 0
    for group in scenario.groups:
        for kind, ownership in _of_group(group, first, streams.within("group", group.name)):
            devices.setdefault(kind, []).append(ownership)
        first += group.count
    index = {name: position for position, name in enumerate(names)}
    for name, single in scenario.prosumers.items():
        own = index[name]
        policies[own] = single.policy or policies[own]
        tariffs[own] = single.tariff or tariffs[own]
        changes: dict[str, Config | None] = {**single.devices}
        if single.load is not None:
            changes["load"] = single.load
        for kind, config in changes.items():
            devices[kind] = [_without(ownership, own) for ownership in devices.get(kind, [])]
            if config is not None:
                devices[kind].append(_of_one(config, own, streams.within("prosumer", name)))
    return Population(tuple(names), tuple(groups), tuple(policies), tuple(tariffs), devices)


def _of_group(group: Group, first: int, streams: Streams) -> Iterator[tuple[str, Ownership]]:
    """Devices of a group whose prosumers begin at index `first`."""
    everybody = np.arange(group.count)
    yield "load", _owned(group.load, everybody, first, group.count, streams)
    owners: dict[str, BoolArray] = {}
    for kind, config in _in_order(group):
        of = getattr(config, "of", None)
        among = everybody if of is None else np.flatnonzero(owners[of])
        chosen = _share_of(among, float(getattr(config, "share", 1.0)), streams.within("owners", kind))
        owners[kind] = np.isin(everybody, chosen)
        yield kind, _owned(config, chosen, first, group.count, streams)


def _in_order(group: Group) -> list[tuple[str, Config]]:
    """Devices of a group, each after the one that it is a share `of`; circles keep the written order."""
    waiting = dict(group.devices)
    ordered: list[tuple[str, Config]] = []
    while waiting:
        ready = [kind for kind, config in waiting.items() if getattr(config, "of", None) not in waiting]
        for kind in ready or list(waiting):
            ordered.append((kind, waiting.pop(kind)))
    return ordered


def _share_of(among: IntArray, share: float, streams: Streams) -> IntArray:
    """The first of `among` in an order drawn once: a larger share adds owners and replaces none."""
    order = streams.generator("order").permutation(len(among))
    return np.sort(among[order[: round(share * len(among))]])


def _owned(config: Config, chosen: IntArray, first: int, members: int, streams: Streams) -> Ownership:
    profile = getattr(config, "profile", None)
    return Ownership(config, profile, chosen + first, chosen, members, streams)


def _of_one(config: Config, prosumer: int, streams: Streams) -> Ownership:
    profile = getattr(config, "profile", None)
    return Ownership(config, profile, np.array([prosumer]), np.array([0]), 1, streams)


def _without(ownership: Ownership, prosumer: int) -> Ownership:
    kept = ownership.prosumer != prosumer
    return replace(ownership, prosumer=ownership.prosumer[kept], member=ownership.member[kept])
