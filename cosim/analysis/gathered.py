"""What is gathered of a community period by period: sums, last values, extremes. What they mean is in
`indicators` and `carriers`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from typing import Any

import numpy as np

from cosim.core.arrays import FloatArray
from cosim.core.carriers import Carrier

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
    "heat_load_kwh",
    "heat_produced_kwh",
    "heat_unserved_kwh",
    "heat_dumped_kwh",
    "heat_electricity_kwh",
    "heat_p2p_kwh",
    "heat_lost_kwh",
    "heat_internal_kwh",
    "heat_trades",
    "heat_surplus_eur",
    "heat_optimal_surplus_eur",
    "unserved_penalty_eur",
    "counterfactual_heat_unserved_kwh",
    "gas_kwh",
    "gas_eur",
    "carbon_eur",
    "carbon_kg",
    "counterfactual_gas_kwh",
    "counterfactual_carbon_kg",
    "short_kwh",
    "long_kwh",
    "imbalance_eur",
    "delivered_import_kwh",
    "delivered_export_kwh",
)
"""Columns of `steps` that are summed over the run."""

LAST = (
    "stored_kwh",
    "counterfactual_stored_kwh",
    "unserved_kwh",
    "heat_stored_kwh",
    "counterfactual_heat_stored_kwh",
    "heat_unmet_kwh",
)
"""Columns of `steps` whose last value counts."""

LOWEST, HIGHEST = ("vm_min_pu",), ("vm_max_pu", "line_loading_max_percent", "trafo_loading_max_percent")
"""Columns of `steps` whose extreme counts."""

RESIDUALS = ("energy_residual", "heat_residual", "money_residual")
PREFIX: dict[Carrier, str] = {"electricity": "", "heat": "heat_"}
"""How the columns of a market begin."""


@dataclass
class Gathered:
    """What is gathered of one community, or of several together."""

    prosumers: int
    sums: dict[str, float] = field(default_factory=dict)
    paid_eur: dict[str, float] = field(default_factory=dict)
    """Carrier -> volume times price of all trades."""
    highest: dict[str, tuple[float, int]] = field(default_factory=dict)
    """Name -> greatest value and its period."""
    extremes: dict[str, float] = field(default_factory=dict)
    residuals: dict[str, float] = field(default_factory=dict)
    last: dict[str, float] = field(default_factory=dict)
    periods: int = 0
    diverged: int = 0
    totals: dict[str, FloatArray] = field(default_factory=dict)
    parts: list[Gathered] = field(default_factory=list)
    """The communities that were put together, if this is more than one."""

    def add(self, columns: Mapping[str, Any]) -> None:
        """Take a row of `steps`."""
        for name in SUMS:
            value = columns.get(name)
            if value is not None and not isnan(value):  # as the losses of a diverged flow are
                self.sums[name] = self.sums.get(name, 0.0) + float(value)
        for name in LAST:
            if name in columns:
                self.last[name] = float(columns[name])
        for names, pick in ((LOWEST, min), (HIGHEST, max)):
            for name in names:
                value = columns.get(name)
                if value is not None and not isnan(value):
                    self.extremes[name] = pick(self.extremes.get(name, float(value)), float(value))
        for name in RESIDUALS:
            if name in columns:
                self.residuals[name] = max(self.residuals.get(name, 0.0), float(columns[name]))
        for carrier, prefix in PREFIX.items():
            volume = columns.get(f"{prefix}p2p_kwh", 0.0)
            if volume > 0:
                paid = float(volume * columns[f"{prefix}mean_price"])
                self.paid_eur[carrier] = self.paid_eur.get(carrier, 0.0) + paid
        self.periods += 1
        self.diverged += not columns["converged"]

    def raise_to(self, name: str, value: float, period: int) -> None:
        """Remember the greatest value and when it was first reached."""
        if value > self.highest.get(name, (-np.inf, 0))[0]:
            self.highest[name] = (value, period)

    @property
    def stored_prices(self) -> dict[Carrier, float]:
        """What a kWh in the stores is worth [EUR/kWh], by carrier; empty before the first period.

        Electricity: midway between the run's mean retail and feed-in price. Heat: what a kWh of heat cost on
        average to produce, its electricity at that price; not less than nothing, which it can be where CHPs
        earn more by their electricity than their gas costs; nothing if no heat was produced.
        """
        sums = self.sums
        if not self.periods or "retail_price" not in sums or "feed_in_price" not in sums:
            return {}
        electricity = 0.5 * (sums["retail_price"] + sums["feed_in_price"]) / self.periods
        found: dict[Carrier, float] = {"electricity": electricity}
        if "heat_stored_kwh" in self.last:
            cost = sums.get("gas_eur", 0.0) + sums.get("carbon_eur", 0.0)
            cost += electricity * sums.get("heat_electricity_kwh", 0.0)
            produced = sums.get("heat_produced_kwh", 0.0)
            found["heat"] = max(cost / produced, 0.0) if produced > 0.0 else 0.0
        return found

    def stored(self, carrier: Carrier) -> tuple[float, float] | None:
        """Energy stored at the end, run less utility alone [kWh], and its worth [EUR]; None if not known."""
        if self.parts:
            each = [part.stored(carrier) for part in self.parts if carrier == "electricity" or part.has_heat]
            known = [pair for pair in each if pair is not None]
            if len(known) < len(each) or not each:
                return None
            return sum(kwh for kwh, _ in known), sum(eur for _, eur in known)
        prefix, price = PREFIX[carrier], self.stored_prices.get(carrier)
        actual, alone = (self.last.get(f"{name}{prefix}stored_kwh") for name in ("", "counterfactual_"))
        if price is None or actual is None or alone is None:
            return None
        more_kwh = actual - alone
        return more_kwh, more_kwh * price

    @property
    def has_heat(self) -> bool:
        """Whether anybody has a device for heat."""
        return "heat_load_kwh" in self.sums


def together(parts: Sequence[Gathered]) -> Gathered:
    """All communities as one. The peak of them all together is not known afterwards: so there is none."""
    if len(parts) == 1:
        return parts[0]
    whole = Gathered(sum(part.prosumers for part in parts), parts=list(parts))
    for part in parts:
        for mine, yours in (
            (whole.sums, part.sums),
            (whole.last, part.last),
            (whole.paid_eur, part.paid_eur),
        ):
            for name, value in yours.items():
                mine[name] = mine.get(name, 0.0) + value
        for name, value in part.residuals.items():
            whole.residuals[name] = max(whole.residuals.get(name, 0.0), value)
        for name, value in part.extremes.items():
            pick = min if name in LOWEST else max
            whole.extremes[name] = pick(whole.extremes.get(name, value), value)
        whole.diverged += part.diverged
        whole.periods = max(whole.periods, part.periods)
        for name, values in part.totals.items():
            joined = whole.totals.get(name, np.empty(0))
            whole.totals[name] = np.concatenate((joined, values))
    return whole


def ratio(value: float | None, base: float | None) -> float | None:
    """`value / base`, None where either does not exist or the base is nothing."""
    if value is None or not base:
        return None
    return value / base
