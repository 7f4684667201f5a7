"""A run made up for tests: its figures follow from simple formulas, so that tests know what must come out."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from cosim.analysis.indicators import Indicators
from cosim.core.clock import Clock
from cosim.core.outputs import OutputsConfig
from cosim.results import manifest as manifests
from cosim.results.recorder import Members, Recorder
from cosim.results.tables import Column
from cosim.results.totals import write_totals
from cosim.results.writer import RunFolder, make_folder

RETAIL, FEED_IN, TRADE = 0.30, 0.08, 0.19
LOW, HIGH = 0.95, 1.05
BATTERY = Column("battery_kwh", "kWh", "Energy of the prosumer's battery devices, drawn positive.")


def clock(periods: int = 96, step_minutes: int = 15, start: str = "2016-06-06") -> Clock:
    return Clock(
        datetime.fromisoformat(start).replace(tzinfo=ZoneInfo("Europe/Berlin")), step_minutes, periods
    )


def members(prosumers: int = 4, buses: int = 5, community: str = "main") -> Members:
    return Members(
        community,
        [f"house-{number}" for number in range(prosumers)],
        [f"bus {number}" for number in range(buses)],
        [f"line {number}" for number in range(buses - 1)],
        ["transformer"],
    )


def period_columns(
    period: int, part: Members, hours: float = 0.25, seed: int = 1
) -> dict[str, dict[str, Any]]:
    """Tables of one period: a household load, PV at day, and as much trade as both sides allow."""
    rng = np.random.default_rng([seed, period])
    n, hour = len(part.prosumers), period * hours % 24
    load = hours * (0.25 + 0.35 * np.exp(-(((hour - 19) / 2.5) ** 2)) + rng.gamma(1.0, 0.15, n))
    sun = max(0.0, np.sin((hour - 6) / 12 * np.pi)) ** 1.5 * rng.uniform(0.7, 1.0)
    pv = hours * 5.0 * sun * (np.arange(n) % 3 == 0)
    net = load - pv
    need, spare = np.maximum(net, 0), np.maximum(-net, 0)
    volume = min(need.sum(), spare.sum())
    bought = need * (volume / need.sum()) if volume else np.zeros(n)
    sold = spare * (volume / spare.sum()) if volume else np.zeros(n)
    imported, exported = need - bought, spare - sold
    cost = RETAIL * imported - FEED_IN * exported + TRADE * (bought - sold)
    alone = RETAIL * need - FEED_IN * spare
    pull = net.sum() / hours / n
    vm = 1.0 - 0.045 * pull * np.arange(len(part.buses)) / len(part.buses)
    loading = np.abs(pull) * np.linspace(90, 20, len(part.lines) + 1)
    tables: dict[str, dict[str, Any]] = {
        "prosumers": {
            "load_kwh": load,
            "generation_kwh": pv,
            "net_kwh": net,
            "bought_kwh": bought,
            "sold_kwh": sold,
            "import_kwh": imported,
            "export_kwh": exported,
            "trade_cost_eur": TRADE * (bought - sold),
            "cost_eur": cost,
            "counterfactual_cost_eur": alone,
            "battery_kwh": np.zeros(n),
        },
        "buses": {"vm_pu": vm},
        "branches": {"loading_percent": loading},
        "violations": _broken(vm, part),
        "trades": _trades(bought, sold),
    }
    tables["steps"] = {
        **{name: float(tables["prosumers"][name].sum()) for name in tables["prosumers"] if name in _SUMS},
        "p2p_kwh": float(volume),
        "trades": len(tables["trades"]["buyer"]),
        "mean_price": TRADE if volume else np.nan,
        "retail_price": RETAIL,
        "feed_in_price": FEED_IN,
        "surplus_eur": 0.9 * volume,
        "optimal_surplus_eur": float(volume),
        "losses_kwh": 0.02 * abs(float(net.sum())),
        "slack_kwh": float(net.sum()) + 0.02 * abs(float(net.sum())),
        "vm_min_pu": float(vm.min()),
        "vm_max_pu": float(vm.max()),
        "line_loading_max_percent": float(loading[:-1].max()),
        "trafo_loading_max_percent": float(loading[-1]),
        "violations": len(tables["violations"]["kind"]),
        "converged": True,
    }
    return tables


_SUMS = (
    "load_kwh",
    "generation_kwh",
    "net_kwh",
    "import_kwh",
    "export_kwh",
    "cost_eur",
    "counterfactual_cost_eur",
)


def _trades(bought: Any, sold: Any) -> dict[str, Any]:
    buyers = np.flatnonzero(bought > 0)
    sellers = np.flatnonzero(sold > 0)
    count = len(buyers)
    return {
        "round": np.zeros(count, dtype=np.int64),
        "buyer": buyers,
        "seller": np.resize(sellers, count),
        "quantity_kwh": bought[buyers],
        "price_eur_per_kwh": np.full(count, TRADE),
    }


def _broken(vm: Any, part: Members) -> dict[str, Any]:
    rows = np.flatnonzero((vm < LOW) | (vm > HIGH))
    under = vm[rows] < LOW
    limit = np.where(under, LOW, HIGH)
    return {
        "kind": np.where(under, "undervoltage", "overvoltage").astype(object),
        "element": rows,
        "name": np.array([part.buses[row] for row in rows], dtype=object),
        "value": vm[rows],
        "limit": limit,
        "excess": np.abs(vm[rows] - limit),
        "episode": rows,  # one for each bus, however often it returns: numbers must count up only when new
        "lasted_h": np.full(len(rows), 0.25),
    }


def make_run(
    root: Path,
    *,
    name: str = "made-up",
    prosumers: int = 4,
    buses: int = 5,
    periods: int = 96,
    outputs: OutputsConfig | None = None,
    stop_at: int | None = None,
    error: BaseException | None = None,
    seed: int = 1,
) -> Path:
    """Write a whole run and return its folder; `error` is raised after period `stop_at`."""
    time, part = clock(periods), members(prosumers, buses)
    outputs = outputs or OutputsConfig()
    manifest = manifests.begun(
        name,
        seed,
        "name: made-up\n",
        horizon={
            "start": time.start.isoformat(),
            "zone": str(time.zone),
            "step_minutes": time.step_minutes,
            "periods": periods,
        },
        network="grid",
        tables=outputs.record.model_dump(),
    )
    path = make_folder(name, root / name)
    with RunFolder(path, manifest, "name: made-up\n") as folder:
        recorder = folder.attach(Recorder(path, time, [part], outputs, extra={"prosumers": [BATTERY]}))
        indicators = Indicators(time, {"main": prosumers})
        for period in range(periods):
            for table, columns in period_columns(period, part, seed=seed).items():
                recorder.add(table, period, columns)
                indicators.add(table, period, columns)
            if period == stop_at and error is not None:
                raise error
        write_totals(path, [part], [indicators.prosumer_totals()], [BATTERY])
        summary = indicators.summary(
            seconds={"setup": 1.0, "trade": 0.5}, run={"name": name, "seed": seed, "network": "grid"}
        )
        folder.complete(summary, seconds={"trade": 0.5}, audit=summary["audit"])
    return path
