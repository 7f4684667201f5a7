"""What a summary says of broken limits, gathered power flow by power flow: how many, how long, which element
is worst. Lists of single violations are in their table, not here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

import numpy as np

from cosim.core.clock import Clock


def moment(clock: Clock, index: int) -> str:
    """Start of a period in the clock's zone, with its offset: "2016-06-12T12:00:00+02:00"."""
    utc = clock.utc[index].astype("datetime64[s]").item().replace(tzinfo=UTC)
    return str(utc.astimezone(clock.zone).isoformat())


@dataclass
class _Worst:
    """The furthest that any element went beyond its limit."""

    excess: float = -np.inf
    name: str = ""
    value: float = np.nan
    limit: float = np.nan
    community: str = ""
    index: int = 0


@dataclass
class _Kind:
    """What is gathered of one kind of violation."""

    count: int = 0
    instants: int = 0
    last: tuple[int, int] = (-1, -1)
    episodes: int = 0
    newest: dict[int, int] = field(default_factory=dict)
    """Community -> highest number of an episode so far."""
    elements: dict[tuple[int, str], int] = field(default_factory=dict)
    worst: _Worst = field(default_factory=_Worst)


class BrokenLimits:
    """Gathers the violations of one run.

    Args:
        clock: Instants of the power flow.
        communities: Their names.
    """

    def __init__(self, clock: Clock, communities: Sequence[str]) -> None:
        self._clock = clock
        self._communities = communities
        self._kinds: dict[str, _Kind] = {}
        self._instants = [0] * len(communities)
        self._by_hour = np.zeros(24, dtype=np.int64)

    def add(self, index: int, columns: Mapping[str, Any], community: int) -> None:
        """Take the violations of one power flow of one community (columns of the table `violations`)."""
        kinds = columns["kind"]
        if not len(kinds):
            return
        self._instants[community] += 1
        self._by_hour[int(self._clock.hour_of_day[index])] += len(kinds)
        for kind in dict.fromkeys(kinds):
            rows = np.flatnonzero(np.asarray(kinds) == kind)
            self._add_kind(self._kinds.setdefault(str(kind), _Kind()), index, rows, columns, community)

    def _add_kind(
        self, found: _Kind, index: int, rows: Any, columns: Mapping[str, Any], community: int
    ) -> None:
        found.count += len(rows)
        if found.last != (index, community):
            found.instants += 1
            found.last = (index, community)
        numbers = np.unique(np.asarray(columns["episode"])[rows])
        newest = found.newest.get(community, -1)  # numbers count up, so a higher one is a new episode
        found.episodes += int(np.count_nonzero(numbers > newest))
        found.newest[community] = max(newest, int(numbers[-1]))
        for name in np.asarray(columns["name"])[rows]:
            key = (community, str(name))
            found.elements[key] = found.elements.get(key, 0) + 1
        excess = np.nan_to_num(np.asarray(columns["excess"])[rows], nan=0.0)
        row = rows[int(np.argmax(excess))]
        if excess.max() > found.worst.excess:
            found.worst = _Worst(
                float(excess.max()),
                str(columns["name"][row]),
                float(columns["value"][row]),
                float(columns["limit"][row]),
                self._communities[community],
                index,
            )

    def summary(self) -> dict[str, Any]:
        """Counts, hours, episodes and the worst element, overall and by kind."""
        hours = self._clock.hours
        return {
            "count": sum(kind.count for kind in self._kinds.values()),
            "hours": sum(self._instants) * hours,
            "by_hour_of_day": self._by_hour.tolist(),
            "kinds": {name: self._kind(kind) for name, kind in sorted(self._kinds.items())},
        }

    def _kind(self, kind: _Kind) -> dict[str, Any]:
        (community, often), times = max(kind.elements.items(), key=lambda item: item[1])
        worst = kind.worst
        return {
            "count": kind.count,
            "hours": kind.instants * self._clock.hours,
            "episodes": kind.episodes,
            "elements": len(kind.elements),
            "worst": {
                "name": worst.name,
                "community": worst.community,
                "value": worst.value,
                "limit": worst.limit,
                "excess": worst.excess,
                "time": moment(self._clock, worst.index),
            },
            "most_often": {
                "name": often,
                "community": self._communities[community],
                "hours": times * self._clock.hours,
            },
        }
