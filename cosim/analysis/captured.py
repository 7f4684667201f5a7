"""A run against the bound of its scenario: what it cost in the same terms, the share of what could be had
that it captured, its market's prices beside the shadow prices, and each prosumer's regret. It takes tables,
not files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.analysis.hindsight import Hindsight
from cosim.analysis.optimum import Bound
from cosim.analysis.regret import best_response_eur
from cosim.core.arrays import FloatArray
from cosim.core.carriers import TRADED
from cosim.errors import RunError

if TYPE_CHECKING:
    import pandas as pd

WORST = 5
"""So many prosumers with the largest regret are named."""
_SAME = 1e-6
"""By how much, relative, the counterfactual of a run may differ from the one of its scenario."""
STORED = {"electricity": "stored_kwh", "heat": "heat_stored_kwh"}
"""Columns of `prosumers` with what is stored at the end of a period, by carrier."""


@dataclass(frozen=True)
class Recorded:
    """What is taken from the tables of a run, over its first H periods."""

    cost_eur: FloatArray
    """Bills of each prosumer, shape (n,)."""
    unserved_kwh: FloatArray
    """Heat that was not to be had, shape (n,)."""
    stored_kwh: Mapping[str, FloatArray]
    """Carrier -> stored at the end, shape (n,)."""
    utility_only_eur: float
    """Bills of all with the utility alone."""
    market_price: FloatArray
    """Mean price of electricity, NaN without a trade, shape (H,)."""
    traded_kwh: FloatArray
    """Shape (H,)."""
    heat_market_price: FloatArray | None
    """The same of heat; None where it is not traded."""

    @classmethod
    def of(cls, steps: pd.DataFrame, prosumers: pd.DataFrame, names: Sequence[str]) -> Recorded:
        """Read the tables of one community.

        Args:
            steps: One row a period, in order.
            prosumers: Rows of the same time, of periods or of blocks of them.
            names: Prosumers in the order of all arrays.
        """
        by_name = prosumers.groupby("prosumer", observed=True, sort=False)
        sums = by_name[[name for name in ("cost_eur", "heat_unserved_kwh") if name in prosumers]].sum()
        last = prosumers[prosumers["period"] == prosumers["period"].max()].set_index("prosumer")
        order = list(names)

        def column(frame: pd.DataFrame, name: str) -> FloatArray:
            if name not in frame:
                return np.zeros(len(order))
            return np.asarray(frame[name].loc[order], dtype=float)

        heat = "heat_mean_price"
        return cls(
            cost_eur=column(sums, "cost_eur"),
            unserved_kwh=column(sums, "heat_unserved_kwh"),
            stored_kwh={carrier: column(last, STORED[carrier]) for carrier in TRADED},
            utility_only_eur=float(steps["counterfactual_cost_eur"].sum()),
            market_price=np.asarray(steps["mean_price"], dtype=float),
            traded_kwh=np.asarray(steps["p2p_kwh"], dtype=float),
            heat_market_price=np.asarray(steps[heat], dtype=float) if heat in steps else None,
        )


@dataclass(frozen=True)
class Captured:
    """A run beside its bound."""

    look: Hindsight
    bound: Bound
    recorded: Recorded
    run_cost_eur: FloatArray
    """What the run cost each prosumer: bills and unserved heat less the value of what is stored at the end,
    shape (n,)."""
    best_response_eur: FloatArray
    """What its best response to the run's prices would have cost, shape (n,)."""

    @property
    def run_eur(self) -> float:
        """What the run cost all prosumers."""
        return float(self.run_cost_eur.sum())

    @property
    def regret_eur(self) -> FloatArray:
        """Price-taker regret, shape (n,)."""
        return self.run_cost_eur - self.best_response_eur

    def summary(self) -> dict[str, Any]:
        """Plain numbers for JSON."""
        own, clock = self.bound, self.look.community.clock
        days = clock.periods * clock.hours / 24.0
        costs = {
            "greedy": own.greedy_eur,
            "alone": own.alone_eur,
            "run": self.run_eur,
            "optimum": own.optimum_eur,
        }
        return {
            "horizon": {
                "start": clock.start.isoformat(),
                "zone": str(clock.zone),
                "step_minutes": clock.step_minutes,
                "periods": clock.periods,
                "days": days,
            },
            "prosumers": len(self.run_cost_eur),
            "cost_eur": costs,
            "cost_eur_per_day": {name: value / days for name, value in costs.items()},
            "share_captured": own.share_captured(self.run_eur),
            "share_captured_alone": own.share_captured(own.alone_eur),
            "traded_kwh": {
                "run": float(self.recorded.traded_kwh.sum()),
                "optimum": float(own.traded_kwh.sum()),
            },
            "end_value_eur_per_kwh": {
                carrier: _mean(self.look.end.of_carrier(carrier)) for carrier in TRADED
            },
            "regret": self._regret(),
            "notes": list(own.notes),
            "seconds": own.seconds,
        }

    def _regret(self) -> dict[str, Any]:
        names, regret = self.look.community.members.names, self.regret_eur
        worst = np.argsort(-regret, kind="stable")[:WORST]
        columns = (
            self.run_cost_eur,
            self.best_response_eur,
            regret,
            self.bound.greedy_cost_eur,
            self.bound.alone_cost_eur,
        )
        labels = ("run_eur", "best_response_eur", "regret_eur", "greedy_eur", "alone_eur")
        return {
            "total_eur": float(regret.sum()),
            "mean_eur": _mean(regret),
            "worst": [names[row] for row in worst],
            "by_prosumer": {
                name: dict(zip(labels, (float(column[row]) for column in columns), strict=True))
                for row, name in enumerate(names)
            },
        }

    def periods(self) -> pd.DataFrame:
        """Prices and volumes of run and optimum, a row a period."""
        import pandas as pd

        clock, own, run = self.look.community.clock, self.bound, self.recorded
        columns: dict[str, Any] = {
            "time": pd.DatetimeIndex(clock.utc).tz_localize("UTC").tz_convert(str(clock.zone)),
            "period": np.arange(clock.periods),
            "shadow_price": own.shadow_price,
            "mean_price": run.market_price,
            "optimum_p2p_kwh": own.traded_kwh,
            "p2p_kwh": run.traded_kwh,
        }
        if run.heat_market_price is not None:
            columns["heat_shadow_price"] = own.heat_shadow_price
            columns["heat_mean_price"] = run.heat_market_price
        return pd.DataFrame(columns)


def by_hour(periods: pd.DataFrame) -> pd.DataFrame:
    """Prices by hour of the day: shadow prices as their mean over the days, the market's weighted by volume.

    Args:
        periods: As of `Captured.periods`.
    """
    hour = periods["time"].dt.hour.rename("hour")
    found = periods.groupby(hour)[["shadow_price", "optimum_p2p_kwh", "p2p_kwh"]].agg(
        {"shadow_price": "mean", "optimum_p2p_kwh": "sum", "p2p_kwh": "sum"}
    )
    paid = (periods["mean_price"] * periods["p2p_kwh"]).groupby(hour).sum(min_count=1)
    found.insert(1, "mean_price", paid / found["p2p_kwh"].where(found["p2p_kwh"] > 0.0))
    return found.reset_index()


def captured(look: Hindsight, own: Bound, recorded: Recorded) -> Captured:
    """Set a run against the bound of its scenario.

    Raises:
        RunError: if the run's counterfactual is not the scenario's: something has changed since.
    """
    _check_same(look, own, recorded)
    held = sum(look.end.of_carrier(carrier) * recorded.stored_kwh[carrier] for carrier in TRADED)
    cost = recorded.cost_eur + look.unserved_eur(recorded.unserved_kwh) - held
    best = best_response_eur(look, recorded.market_price, recorded.heat_market_price)
    return Captured(look, own, recorded, cost, best)


def _check_same(look: Hindsight, own: Bound, recorded: Recorded) -> None:
    found, known = own.greedy_bills_eur, recorded.utility_only_eur
    if abs(found - known) > _SAME * max(1.0, abs(known)):
        raise RunError(
            f"with the utility alone this run cost {known:.6f} EUR, its scenario does {found:.6f} EUR now: "
            "files that it reads, or cosim, have changed since (run it again)"
        )


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if len(values) else 0.0
