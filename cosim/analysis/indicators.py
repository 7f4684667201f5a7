"""Indicators of a run, gathered period by period so that memory does not grow with its length. It takes the
same columns as the tables do, and needs nothing else of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.analysis.broken import BrokenLimits, moment
from cosim.analysis.carriers import market, sections
from cosim.analysis.gathered import HIGHEST, LOWEST, Gathered, ratio, together
from cosim.core.arrays import FloatArray
from cosim.core.carriers import Carrier
from cosim.core.clock import Clock

PER_PROSUMER = (
    "load_kwh",
    "generation_kwh",
    "net_kwh",
    "bought_kwh",
    "sold_kwh",
    "import_kwh",
    "export_kwh",
    "trade_cost_eur",
    "heat_trade_eur",
    "gas_eur",
    "carbon_eur",
    "imbalance_eur",
    "cost_eur",
    "counterfactual_cost_eur",
)
"""Columns of `prosumers` that are summed over the run, besides all energies but what is stored."""


class Indicators:
    """Gathers the indicators of one run.

    Args:
        clock: Settlement periods.
        prosumers: Number of prosumers, by community, in the order of the communities.
        network_clock: Instants of the power flow, if they differ from the settlement periods.
    """

    def __init__(
        self, clock: Clock, prosumers: Mapping[str, int], *, network_clock: Clock | None = None
    ) -> None:
        self._clock = clock
        self._names = list(prosumers)
        self._communities = [Gathered(count) for count in prosumers.values()]
        self._broken = BrokenLimits(network_clock or clock, self._names)

    def add(self, table: str, period: int, columns: Mapping[str, Any], community: int = 0) -> None:
        """Take the rows of `steps`, `prosumers` or `violations`; other tables are passed over.

        Args:
            table: Name of the table.
            period: Number of the period (of the power flow, for violations).
            columns: Column name -> number or array, as for the recorder.
            community: Index of the community.
        """
        if table == "steps":
            self._add_steps(self._communities[community], period, columns)
        elif table == "prosumers":
            self._add_prosumers(self._communities[community], columns)
        elif table == "violations":
            self._broken.add(period, columns, community)

    def _add_steps(self, part: Gathered, period: int, columns: Mapping[str, Any]) -> None:
        part.add(columns)
        net = columns["import_kwh"] - columns["export_kwh"]
        if "short_kwh" in columns:
            net += columns["short_kwh"] - columns["long_kwh"]
        part.raise_to("import_kw", float(net) / self._clock.hours, period)
        part.raise_to("export_kw", -float(net) / self._clock.hours, period)
        if "slack_kwh" in columns:
            part.raise_to("slack_kw", float(columns["slack_kwh"]) / self._clock.hours, period)

    def _add_prosumers(self, part: Gathered, columns: Mapping[str, Any]) -> None:
        for name, values in columns.items():
            if name in part.totals:
                part.totals[name] += values
            elif name in PER_PROSUMER or (name.endswith("_kwh") and not name.endswith("stored_kwh")):
                part.totals[name] = np.array(values, dtype=float)

    def prosumer_totals(self, community: int = 0) -> dict[str, FloatArray]:
        """Each prosumer over the whole run: column name -> shape (n,)."""
        return self._communities[community].totals

    def stored_prices(self, community: int = 0) -> dict[Carrier, float]:
        """What a kWh left in a community's stores is worth [EUR/kWh], by carrier: see `Gathered`."""
        return self._communities[community].stored_prices

    def summary(
        self,
        *,
        seconds: Mapping[str, float] | None = None,
        money: Mapping[str, Any] | None = None,
        run: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The indicators of the whole run, as plain numbers; None where one does not exist.

        Args:
            seconds: Wall-clock time by phase [s].
            money: The money table as plain numbers: `parties`, `rows`, `gain_eur`, `transfer_eur`, `notes`.
            run: What identifies the run: name, seed, network.
        """
        every = together(self._communities)
        found: dict[str, Any] = {"run": {"horizon": self._horizon(), **(run or {})}, **self._figures(every)}
        found["violations"] = self._broken.summary()
        if len(self._communities) > 1:
            found["communities"] = {
                name: self._figures(part) for name, part in zip(self._names, self._communities, strict=True)
            }
        found["money"] = dict(money or {})
        found["speed"] = _speed(every.periods, dict(seconds or {}))
        return found

    def _horizon(self) -> dict[str, Any]:
        clock = self._clock
        return {
            "start": clock.start.isoformat(),
            "zone": str(clock.zone),
            "step_minutes": clock.step_minutes,
            "periods": clock.periods,
        }

    def _figures(self, part: Gathered) -> dict[str, Any]:
        return {
            "periods": part.periods,
            "prosumers": part.prosumers,
            "cost": _cost(part),
            "trade": market(part, "electricity"),
            "energy": _energy(part),
            "peaks": self._peaks(part),
            "network": _network(part),
            **sections(part),
            "audit": dict(part.residuals),
        }

    def _peaks(self, part: Gathered) -> dict[str, Any]:
        """Greatest power drawn from and fed into the utility's grid, and when."""
        found: dict[str, Any] = {}
        for name, (value, period) in part.highest.items():
            found[name] = {"value": max(value, 0.0), "time": moment(self._clock, period), "period": period}
        return found


def _cost(part: Gathered) -> dict[str, Any]:
    """Bills against the utility alone; who is worse off."""
    actual = part.sums.get("cost_eur", 0.0)
    alone = part.sums.get("counterfactual_cost_eur", 0.0)
    found: dict[str, Any] = {
        "cost_eur": actual,
        "utility_only_eur": alone,
        "saving_eur": alone - actual,
        "saving_percent": ratio(100.0 * (alone - actual), abs(alone)),
        "saving_per_prosumer_eur": ratio(alone - actual, part.prosumers),
    }
    found |= _stored(part, alone - actual)
    if "cost_eur" in part.totals:
        saving = part.totals["counterfactual_cost_eur"] - part.totals["cost_eur"]
        found["worse_off"] = int(np.count_nonzero(saving < _rounding(part.totals["cost_eur"])))
        found["saving_median_eur"] = float(np.median(saving)) if len(saving) else None
        found["saving_lowest_eur"] = float(saving.min()) if len(saving) else None
        found["saving_highest_eur"] = float(saving.max()) if len(saving) else None
    return found


def _stored(part: Gathered, saving_eur: float) -> dict[str, Any]:
    """What is left in the stores against the utility alone: a saving may be energy that is missing later.
    Difference and its worth are of electricity (heat has its own section), the saving counts both."""
    stored = part.stored("electricity")
    if stored is None:
        return {"stored_difference_kwh": None, "stored_difference_eur": None, "saving_with_stored_eur": None}
    more_kwh, worth_eur = stored
    heat = part.stored("heat") if part.has_heat else None
    return {
        "stored_difference_kwh": more_kwh,
        "stored_difference_eur": worth_eur,
        "saving_with_stored_eur": saving_eur + worth_eur + (0.0 if heat is None else heat[1]),
    }


def _rounding(cost: FloatArray) -> NDArray[np.float64]:
    """A saving above this is not a loss: bills that differ by rounding alone are equal."""
    return -1e-9 * np.maximum(1.0, np.abs(cost))


def _energy(part: Gathered) -> dict[str, Any]:
    """Self-sufficiency: share of the consumption that the community did not buy from the utility.
    Self-consumption: share of its production that it did not feed in. Trades count as the community's own.
    (Definitions of Luthander et al. 2015, Applied Energy 142:80, for the community as a whole.)"""
    sums = part.sums
    load, generation = sums.get("load_kwh", 0.0), sums.get("generation_kwh", 0.0)
    found: dict[str, Any] = {
        "load_kwh": load,
        "generation_kwh": generation,
        "curtailed_kwh": sums.get("curtailed_kwh"),
        "import_kwh": sums.get("import_kwh", 0.0),
        "export_kwh": sums.get("export_kwh", 0.0),
        "self_sufficiency": _share_kept(load, sums.get("delivered_import_kwh", sums.get("import_kwh"))),
        "self_consumption": _share_kept(generation, sums.get("delivered_export_kwh", sums.get("export_kwh"))),
        "utility_only_self_sufficiency": _share_kept(load, sums.get("counterfactual_import_kwh")),
        "utility_only_self_consumption": _share_kept(generation, sums.get("counterfactual_export_kwh")),
        "load_per_prosumer_kwh": ratio(load, part.prosumers),
        "stored_kwh": part.last.get("stored_kwh"),
        "utility_only_stored_kwh": part.last.get("counterfactual_stored_kwh"),
        "unserved_kwh": part.last.get("unserved_kwh"),
    }
    return found


def _network(part: Gathered) -> dict[str, Any]:
    """Energy at the slack, losses (relative to the consumption), and power flows that failed."""
    through = part.sums.get("slack_kwh")
    losses = part.sums.get("losses_kwh")
    used = part.sums.get("load_kwh", 0.0) + max(part.sums.get("passive_kwh", 0.0), 0.0)
    return {
        "slack_kwh": through,
        "passive_kwh": part.sums.get("passive_kwh"),
        "losses_kwh": losses,
        "losses_percent": None if losses is None else ratio(100.0 * losses, used),
        "diverged_periods": part.diverged,
        **{name: part.extremes.get(name) for name in (*LOWEST, *HIGHEST)},
        "broken_h": part.sums.get("broken_h"),
        "utility_only_losses_kwh": part.sums.get("counterfactual_losses_kwh"),
        "utility_only_violations": part.sums.get("counterfactual_violations"),
        "utility_only_broken_h": part.sums.get("counterfactual_broken_h"),
    }


def _share_kept(whole: float, lost: float | None) -> float | None:
    return None if lost is None or whole <= 0 else max(0.0, 1.0 - lost / whole)


def _speed(periods: int, seconds: dict[str, float]) -> dict[str, Any]:
    """Steps per second count what steps take, not what comes before the first one (`setup`)."""
    total = sum(seconds.values())
    stepping = total - seconds.get("setup", 0.0)
    return {"seconds": seconds, "seconds_total": total, "steps_per_s": ratio(periods, stepping)}
