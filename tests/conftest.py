"""Fixtures that several rooms share: clocks, series, prices, fleets built by hand, and a scenario of five
prosumers on a small grid. All are factories of session scope, so that hypothesis may use them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import hypothesis
import numpy as np
import pytest

from cosim.core.clock import Clock
from cosim.core.records import Prices
from cosim.core.streams import Streams
from cosim.devices import registry
from cosim.devices.base import Device, Request, Site
from cosim.devices.fleet import Fleet
from cosim.scenario.schema import Scenario

# A busy machine is no defect: nothing here is tested for its time. The same examples in every run:
# `--hypothesis-profile=default` draws others.
hypothesis.settings.register_profile("cosim", deadline=None, derandomize=True)
hypothesis.settings.load_profile("cosim")


@dataclass
class FakeSeries:
    """Power by tick and column [kW], from an array; a row stands for all ticks if there is only one."""

    values_kw: np.ndarray

    def power_kw(self, first: int, last: int) -> np.ndarray:
        if len(self.values_kw) == 1:
            return np.repeat(self.values_kw, last - first, axis=0)
        return self.values_kw[first:last]


def write_profiles(folder: Path, start: str = "2016-06-06", days: int = 3) -> None:
    """Load and PV of five households in half-hours: smooth, different, with sun from 6 to 18 o'clock UTC."""
    first = datetime.fromisoformat(start) - timedelta(days=1)
    hours = np.arange(48 * (days + 2)) / 2.0
    load = [0.4 + 0.3 * k / 5 + 0.3 * np.sin((hours / 24.0 + k / 7.0) * 2 * np.pi) ** 2 for k in range(5)]
    sun = np.maximum(np.sin((hours % 24.0 - 6.0) / 12.0 * np.pi), 0.0)
    pv = [0.8 * sun, 0.7 * sun**2]
    for name, columns in (("load.csv", load), ("pv.csv", pv)):
        rows = ["time," + ",".join(f"h{k}" for k in range(len(columns)))]
        for number, hour in enumerate(hours):
            stamp = (first + timedelta(hours=float(hour))).isoformat()
            rows.append(stamp + "," + ",".join(f"{column[number]:.6f}" for column in columns))
        (folder / name).write_text("\n".join(rows) + "\n")


@dataclass
class Kit:
    """What a fleet is built from by hand."""

    profiles = staticmethod(write_profiles)

    @staticmethod
    def clock(
        start: str = "2016-06-06 00:00", minutes: int = 60, periods: int = 48, zone: str = "Europe/Berlin"
    ) -> Clock:
        return Clock(datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone)), minutes, periods)

    @staticmethod
    def series(values_kw: Any) -> FakeSeries:
        return FakeSeries(np.atleast_2d(np.asarray(values_kw, dtype=float)))

    @staticmethod
    def request(
        kind: str,
        settings: Mapping[str, Any],
        prosumer: Sequence[int] = (0,),
        member: Sequence[int] | None = None,
        members: int | None = None,
        streams: Streams | None = None,
    ) -> Request:
        owners = np.array(prosumer, dtype=np.int64)
        member = np.arange(len(owners)) if member is None else np.array(member, dtype=np.int64)
        config = registry.config_of(kind).model_validate(settings)
        count = int(member.max(initial=-1)) + 1 if members is None else members
        return Request(config, owners, member, count, streams or Streams(1).within(kind))

    @staticmethod
    def site(clock: Clock, series: Mapping[str, Any] | None = None, ticks: int = 1) -> Site:
        return Site(clock, ticks, {name: Kit.series(values) for name, values in (series or {}).items()})

    @staticmethod
    def device(request: Request, kind: str, site: Site) -> Device:
        return registry.load(kind).build([request], site)

    @staticmethod
    def fleet(requests: Mapping[str, Sequence[Request]], site: Site, prosumers: int) -> Fleet:
        return Fleet.build(requests, site, prosumers)

    @staticmethod
    def prices(
        n: int,
        retail: Any = 0.30,
        feed_in: Any = 0.08,
        factor: float = 1.0,
        adder: float = 0.0,
        low: float | None = None,
        high: float | None = None,
    ) -> Prices:
        """As the tariff book makes them: `ceiling = (retail - adder) / factor`, `floor = feed-in`."""
        dear, cheap = np.broadcast_to(retail, n).astype(float), np.broadcast_to(feed_in, n).astype(float)
        return Prices(
            dear,
            cheap,
            (dear - adder) / factor,
            cheap,
            np.full(n, factor),
            np.full(n, adder),
            cheap if low is None else np.full(n, low),
            dear if high is None else np.full(n, high),
        )


@pytest.fixture(scope="session")
def kit() -> Kit:
    return Kit()


SCENARIO: dict[str, Any] = {
    "name": "five",
    "seed": 1,
    "horizon": {"start": "2016-06-06 00:00", "zone": "UTC", "duration": "1 day", "step_minutes": 60},
    "network": {"source": "pandapower", "name": "create_cigre_network_lv"},
    "tariffs": {"default": {"retail": 0.30, "feed_in": 0.08}},
    "groups": [
        {
            "name": "homes",
            "count": 5,
            "place": {"buses": ["Bus R11", "Bus R15", "Bus R16", "Bus R17", "Bus R18"]},
            "load": {"profile": {"source": "csv", "file": "load.csv", "zone": "UTC"}},
            "devices": {
                "pv": {
                    "share": 0.6,
                    "peak_kw": {"uniform": [3, 8]},
                    "profile": {"source": "csv", "file": "pv.csv", "zone": "UTC"},
                },
                "battery": {"share": 0.4, "capacity_kwh": {"uniform": [4, 9]}},
                "ev": {"share": 0.4, "max_discharge_kw": 3.0},
            },
        }
    ],
    "policies": {"default": "self-consumption"},
    "outputs": {"report": False},
}


@pytest.fixture(scope="session")
def scenario_data(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], dict[str, Any]]:
    """A copy of the scenario's document, whose profiles are there, to be changed at will."""
    folder = tmp_path_factory.mktemp("five")
    write_profiles(folder)
    return lambda: copy.deepcopy(SCENARIO) | {"folder": str(folder)}


@pytest.fixture(scope="session")
def five(scenario_data: Callable[[], dict[str, Any]]) -> Callable[..., Scenario]:
    """The scenario with settings changed: `five(network={"limits": ...})` updates that part, a level deep."""

    def build(**changes: Any) -> Scenario:
        data = scenario_data()
        for key, value in changes.items():
            both = isinstance(value, dict) and isinstance(data.get(key), dict) and key != "policies"
            data[key] = data[key] | value if both else value
        return Scenario.model_validate(data)

    return build
