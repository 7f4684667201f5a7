"""A village of seven with all kinds of devices for heat, a loop, and forecasts that may err."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosim.scenario.schema import Scenario

Build = Callable[..., Scenario]


def write_heat(folder: Path, start: str = "2016-06-06", days: int = 4) -> None:
    """Heat demand of five buildings and a cool week, in hours: no heat at all around noon."""
    first = datetime.fromisoformat(start) - timedelta(days=1)
    hours = np.arange(24 * (days + 2), dtype=float)
    day = np.floor(hours / 24.0)
    cold = np.maximum(np.cos(hours / 12.0 * np.pi), 0.0)
    heat = [(1.0 + k) * cold + 0.5 * (hours % 6 == k) + 0.3 * ((day + k) % 3) * cold for k in range(5)]
    air = 4.0 - 5.0 * np.cos((hours - 3.0) / 12.0 * np.pi) - 2.0 * (day % 2)
    sun = 400.0 * np.maximum(np.sin((hours % 24.0 - 6.0) / 12.0 * np.pi), 0.0)
    for name, head, columns in (
        ("heat.csv", "time," + ",".join(f"b{k}" for k in range(5)), heat),
        ("weather.csv", "time,air,sun", [air, sun]),
    ):
        rows = [head]
        for number, hour in enumerate(hours):
            stamp = (first + timedelta(hours=float(hour))).isoformat()
            rows.append(stamp + "," + ",".join(f"{column[number]:.6f}" for column in columns))
        (folder / name).write_text("\n".join(rows) + "\n")


def csv(name: str) -> dict[str, str]:
    return {"source": "csv", "file": f"{name}.csv", "zone": "UTC"}


def groups(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Two with a pump, PV, battery and tank; two with CHP and boiler; one with a building; one with a boiler
    and a load that can wait; one that has to buy its heat."""
    (homes,) = data["groups"]
    pv = homes["devices"]["pv"] | {"share": 1.0}
    plain = {key: homes[key] for key in ("place", "load")}
    heat = {"profile": csv("heat")}
    pump = {"max_heat_kw": 5.0, "minimum_load": 0.2}
    return [
        plain
        | {
            "name": "pumps",
            "count": 2,
            "devices": {
                "pv": pv,
                "battery": {"capacity_kwh": 6},
                "heat_demand": heat,
                "heat_pump": pump,
                "heat_store": {"volume_l": 200},
            },
        },
        plain
        | {
            "name": "engines",
            "count": 2,
            "devices": {
                "heat_demand": heat,
                "chp": {"max_heat_kw": 6.0, "minimum_load": 0.3, "ramp_per_minute": 0.01},
                "boiler": {"max_heat_kw": 8.0},
            },
        },
        plain
        | {
            "name": "walls",
            "count": 1,
            "devices": {"building": {}, "heat_pump": pump, "electric_heater": {"max_kw": 3.0}},
        },
        plain
        | {
            "name": "boilers",
            "count": 1,
            "devices": {
                "pv": pv,
                "heat_demand": heat,
                "boiler": {"max_heat_kw": 3.0},
                "deferrable": {"energy_kwh": 2.0, "interruptible": False},
            },
        },
        plain | {"name": "guests", "count": 1, "devices": {"heat_demand": heat}},
    ]


@pytest.fixture(scope="session")
def village(scenario_data: Callable[[], dict[str, Any]], five: Build) -> Build:
    """The village with settings changed, as `five`; `closure`, `bidding` and `loop` are short for the parts
    of the scenario that they belong to."""
    data = scenario_data()
    write_heat(Path(data["folder"]))
    base: dict[str, Any] = {
        "groups": groups(data),
        "weather": csv("weather")
        | {"latitude_deg": 52.0, "longitude_deg": 13.0, "temperature_c": "air", "ghi_w_per_m2": "sun"},
        "tariffs": {
            "default": {
                "retail": 0.30,
                "feed_in": 0.08,
                "gas": 0.09,
                "imbalance": {"short": 0.40, "long": 0.02},
            }
        },
    }

    def build(closure: int = 0, bidding: str = "reservation", loop: bool = True, **changes: Any) -> Scenario:
        market = {"bidding": bidding, "gate_closure": closure} | changes.pop("market", {})
        heat = {"loop": {"loss_factor": 0.1, "capacity_kw": 20.0} if loop else None}
        return five(**(base | {"market": market, "heat": heat} | changes))

    return build
