"""Indicators of a run, gathered period by period so that memory does not grow with its length. It takes the
same columns as the tables do, and needs nothing else of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.analysis.broken import BrokenLimits, moment
from cosim.core.arrays import FloatArray
from cosim.core.clock import Clock

SUMS = (
    "load_kwh",
    "generation_kwh",
    "curtailed_kwh",
    "storage_kwh",
    "net_kwh",
    "import_kwh",
    "export_kwh",
    "p2p_kwh",
    "internal_kwh",
    "trades",
    "cost_eur",
    "counterfactual_cost_eur",
    "counterfactual_import_kwh",
    "counterfactual_export_kwh",
    "surplus_eur",
    "optimal_surplus_eur",
    "passive_kwh",
    "slack_kwh",
    "losses_kwh",
    "broken_h",
    "counterfactual_losses_kwh",
    "counterfactual_violations",
    "counterfactual_broken_h",
    "retail_price",
    "feed_in_price",
)
"""Columns of `steps` that are summed over the run."""

LAST = ("stored_kwh", "counterfactual_stored_kwh", "unserved_kwh")
"""Columns of `steps` whose last value counts."""

PER_PROSUMER = (
    "load_kwh",
    "generation_kwh",
    "net_kwh",
    "bought_kwh",
    "sold_kwh",
    "import_kwh",
    "export_kwh",
    "trade_cost_eur",
    "cost_eur",
    "counterfactual_cost_eur",
)
"""Columns of `prosumers` that are summed over the run, besides the energies of device kinds (KIND_kwh)."""


@dataclass
class _Community:
    """What is gathered of one community."""

    prosumers: int
    sums: dict[str, float] = field(default_factory=dict)
    p2p_eur: float = 0.0
    highest: dict[str, tuple[float, int]] = field(default_factory=dict)
    """Name -> greatest value and its period."""
    residuals: dict[str, float] = field(default_factory=dict)
    last: dict[str, float] = field(default_factory=dict)
    periods: int = 0
    diverged: int = 0
    totals: dict[str, FloatArray] = field(default_factory=dict)
    parts: list[_Community] = field(default_factory=list)
    """The communities that were put together, if this is more than one."""

    @property
    def stored_price(self) -> float | None:
        """What a kWh in the stores is worth [EUR/kWh]: midway between the run's mean retail and feed-in."""
        if not self.periods or "retail_price" not in self.sums or "feed_in_price" not in self.sums:
            return None
        return 0.5 * (self.sums["retail_price"] + self.sums["feed_in_price"]) / self.periods

    def stored(self) -> tuple[float, float] | None:
        """Energy stored at the end, run less utility alone [kWh], and its worth [EUR]; None if not known."""
        if self.parts:
            each = [part.stored() for part in self.parts]
            known = [pair for pair in each if pair is not None]
            if len(known) < len(each):
                return None
            return sum(kwh for kwh, _ in known), sum(eur for _, eur in known)
        price = self.stored_price
        actual, alone = (self.last.get(name) for name in ("stored_kwh", "counterfactual_stored_kwh"))
        if price is None or actual is None or alone is None:
            return None
        more_kwh = actual - alone
        return more_kwh, more_kwh * price

    def raise_to(self, name: str, value: float, period: int) -> None:
        """Remember the greatest value and when it was first reached."""
        if value > self.highest.get(name, (-np.inf, 0))[0]:
            self.highest[name] = (value, period)


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
        self._communities = [_Community(count) for count in prosumers.values()]
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

    def _add_steps(self, part: _Community, period: int, columns: Mapping[str, Any]) -> None:
        sums = part.sums
        for name in SUMS:
            value = columns.get(name)
            if value is not None and not isnan(value):  # as the losses of a diverged flow are
                sums[name] = sums.get(name, 0.0) + float(value)
        for name in LAST:
            if name in columns:
                part.last[name] = float(columns[name])
        if columns["p2p_kwh"] > 0:
            part.p2p_eur += float(columns["p2p_kwh"] * columns["mean_price"])
        net = (columns["import_kwh"] - columns["export_kwh"]) / self._clock.hours
        part.raise_to("import_kw", float(net), period)
        part.raise_to("export_kw", -float(net), period)
        if "slack_kwh" in columns:
            part.raise_to("slack_kw", float(columns["slack_kwh"]) / self._clock.hours, period)
        for name in ("energy_residual", "money_residual"):
            if name in columns:
                part.residuals[name] = max(part.residuals.get(name, 0.0), float(columns[name]))
        part.periods += 1
        part.diverged += not columns["converged"]

    def _add_prosumers(self, part: _Community, columns: Mapping[str, Any]) -> None:
        for name, values in columns.items():
            if name in part.totals:
                part.totals[name] += values
            elif name in PER_PROSUMER or (name.endswith("_kwh") and name != "stored_kwh"):
                part.totals[name] = np.array(values, dtype=float)

    def prosumer_totals(self, community: int = 0) -> dict[str, FloatArray]:
        """Each prosumer over the whole run: column name -> shape (n,)."""
        return self._communities[community].totals

    def stored_price(self, community: int = 0) -> float | None:
        """What a kWh left in a community's stores is worth [EUR/kWh], None before the first period.

        It lies midway between the mean retail and the mean feed-in price of the run so far.
        """
        return self._communities[community].stored_price

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
        every = _together(self._communities)
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

    def _figures(self, part: _Community) -> dict[str, Any]:
        return {
            "periods": part.periods,
            "prosumers": part.prosumers,
            "cost": _cost(part),
            "trade": _trade(part),
            "energy": _energy(part),
            "peaks": self._peaks(part),
            "network": _network(part),
            "audit": dict(part.residuals),
        }

    def _peaks(self, part: _Community) -> dict[str, Any]:
        """Greatest power drawn from and fed into the utility's grid, and when."""
        found: dict[str, Any] = {}
        for name, (value, period) in part.highest.items():
            found[name] = {"value": max(value, 0.0), "time": moment(self._clock, period), "period": period}
        return found


def _together(parts: Sequence[_Community]) -> _Community:
    """All communities as one. The peak of them all together is not known afterwards: so there is none."""
    if len(parts) == 1:
        return parts[0]
    whole = _Community(sum(part.prosumers for part in parts), parts=list(parts))
    for part in parts:
        for name, value in part.sums.items():
            whole.sums[name] = whole.sums.get(name, 0.0) + value
        for name, value in part.residuals.items():
            whole.residuals[name] = max(whole.residuals.get(name, 0.0), value)
        for name, value in part.last.items():
            whole.last[name] = whole.last.get(name, 0.0) + value
        whole.p2p_eur += part.p2p_eur
        whole.diverged += part.diverged
        whole.periods = max(whole.periods, part.periods)
        for name, values in part.totals.items():
            joined = whole.totals.get(name, np.empty(0))
            whole.totals[name] = np.concatenate((joined, values))
    return whole


def _cost(part: _Community) -> dict[str, Any]:
    """Bills against the utility alone; who is worse off."""
    actual = part.sums.get("cost_eur", 0.0)
    alone = part.sums.get("counterfactual_cost_eur", 0.0)
    found: dict[str, Any] = {
        "cost_eur": actual,
        "utility_only_eur": alone,
        "saving_eur": alone - actual,
        "saving_percent": _ratio(100.0 * (alone - actual), abs(alone)),
        "saving_per_prosumer_eur": _ratio(alone - actual, part.prosumers),
    }
    found |= _stored(part, alone - actual)
    if "cost_eur" in part.totals:
        saving = part.totals["counterfactual_cost_eur"] - part.totals["cost_eur"]
        found["worse_off"] = int(np.count_nonzero(saving < _rounding(part.totals["cost_eur"])))
        found["saving_median_eur"] = float(np.median(saving)) if len(saving) else None
        found["saving_lowest_eur"] = float(saving.min()) if len(saving) else None
        found["saving_highest_eur"] = float(saving.max()) if len(saving) else None
    return found


def _stored(part: _Community, saving_eur: float) -> dict[str, Any]:
    """What is left in the stores against the utility alone: a saving may be energy that is missing later."""
    stored = part.stored()
    if stored is None:
        return {"stored_difference_kwh": None, "stored_difference_eur": None, "saving_with_stored_eur": None}
    more_kwh, worth_eur = stored
    return {
        "stored_difference_kwh": more_kwh,
        "stored_difference_eur": worth_eur,
        "saving_with_stored_eur": saving_eur + worth_eur,
    }


def _rounding(cost: FloatArray) -> NDArray[np.float64]:
    """A saving above this is not a loss: bills that differ by rounding alone are equal."""
    return -1e-9 * np.maximum(1.0, np.abs(cost))


def _trade(part: _Community) -> dict[str, Any]:
    """Volume, price and efficiency of the trade between prosumers."""
    volume = part.sums.get("p2p_kwh", 0.0)
    return {
        "p2p_kwh": volume,
        "mean_price_eur_per_kwh": _ratio(part.p2p_eur, volume),
        "trades": int(part.sums.get("trades", 0)),
        "internal_kwh": part.sums.get("internal_kwh"),
        "surplus_eur": part.sums.get("surplus_eur"),
        "optimal_surplus_eur": part.sums.get("optimal_surplus_eur"),
        "allocative_efficiency": _ratio(part.sums.get("surplus_eur"), part.sums.get("optimal_surplus_eur")),
    }


def _energy(part: _Community) -> dict[str, Any]:
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
        "self_sufficiency": _share_kept(load, sums.get("import_kwh")),
        "self_consumption": _share_kept(generation, sums.get("export_kwh")),
        "utility_only_self_sufficiency": _share_kept(load, sums.get("counterfactual_import_kwh")),
        "utility_only_self_consumption": _share_kept(generation, sums.get("counterfactual_export_kwh")),
        "load_per_prosumer_kwh": _ratio(load, part.prosumers),
        "stored_kwh": part.last.get("stored_kwh"),
        "utility_only_stored_kwh": part.last.get("counterfactual_stored_kwh"),
        "unserved_kwh": part.last.get("unserved_kwh"),
    }
    return found


def _network(part: _Community) -> dict[str, Any]:
    """Energy at the slack, losses (relative to the consumption), and power flows that failed."""
    through = part.sums.get("slack_kwh")
    losses = part.sums.get("losses_kwh")
    used = part.sums.get("load_kwh", 0.0) + max(part.sums.get("passive_kwh", 0.0), 0.0)
    return {
        "slack_kwh": through,
        "passive_kwh": part.sums.get("passive_kwh"),
        "losses_kwh": losses,
        "losses_percent": None if losses is None else _ratio(100.0 * losses, used),
        "diverged_periods": part.diverged,
        "broken_h": part.sums.get("broken_h"),
        "utility_only_losses_kwh": part.sums.get("counterfactual_losses_kwh"),
        "utility_only_violations": part.sums.get("counterfactual_violations"),
        "utility_only_broken_h": part.sums.get("counterfactual_broken_h"),
    }


def _share_kept(whole: float, lost: float | None) -> float | None:
    return None if lost is None or whole <= 0 else max(0.0, 1.0 - lost / whole)


def _ratio(value: float | None, base: float | None) -> float | None:
    if value is None or not base:
        return None
    return value / base


def _speed(periods: int, seconds: dict[str, float]) -> dict[str, Any]:
    """Steps per second count what steps take, not what comes before the first one (`setup`)."""
    total = sum(seconds.values())
    stepping = total - seconds.get("setup", 0.0)
    return {"seconds": seconds, "seconds_total": total, "steps_per_s": _ratio(periods, stepping)}
