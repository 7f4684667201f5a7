"""Runs side by side: their indicators as one table with differences against the first run, and notes on what
makes them hard to compare. Summaries in, a frame out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Figure:
    """One indicator of the comparison."""

    label: str
    unit: str
    path: tuple[str, ...]
    """Where it is in the summary."""
    factor: float = 1.0


FIGURES = (
    Figure("Bills of all prosumers", "EUR", ("cost", "cost_eur")),
    Figure("The same with the utility alone", "EUR", ("cost", "utility_only_eur")),
    Figure("Saving", "EUR", ("cost", "saving_eur")),
    Figure("Saving", "percent", ("cost", "saving_percent")),
    Figure("Saving, stored energy valued", "EUR", ("cost", "saving_with_stored_eur")),
    Figure("Prosumers worse off", "", ("cost", "worse_off")),
    Figure("Traded between prosumers", "kWh", ("trade", "p2p_kwh")),
    Figure("Mean price of trades", "EUR/kWh", ("trade", "mean_price_eur_per_kwh")),
    Figure("Allocative efficiency", "percent", ("trade", "allocative_efficiency"), 100.0),
    Figure("Heat traded between prosumers", "kWh", ("heat", "p2p_kwh")),
    Figure("Mean price of trades in heat", "EUR/kWh", ("heat", "mean_price_eur_per_kwh")),
    Figure("Allocative efficiency, heat", "percent", ("heat", "allocative_efficiency"), 100.0),
    Figure("Heat lost in the loop", "kWh", ("heat", "lost_kwh")),
    Figure("Heat used", "kWh", ("heat", "load_kwh")),
    Figure("Heat not served", "kWh", ("heat", "unserved_kwh")),
    Figure("The same with the utility alone", "kWh", ("heat", "utility_only_unserved_kwh")),
    Figure("Heat dumped", "kWh", ("heat", "dumped_kwh")),
    Figure("Gas burnt", "kWh", ("gas", "gas_kwh")),
    Figure("Carbon dioxide", "kg", ("carbon", "carbon_kg")),
    Figure("Imbalance", "kWh", ("imbalance", "energy_kwh")),
    Figure("Imbalance, of the consumption", "percent", ("imbalance", "share_of_load"), 100.0),
    Figure("Cost of imbalance", "EUR", ("imbalance", "cost_eur")),
    Figure("Consumption", "kWh", ("energy", "load_kwh")),
    Figure("Generation", "kWh", ("energy", "generation_kwh")),
    Figure("Self-sufficiency", "percent", ("energy", "self_sufficiency"), 100.0),
    Figure("Self-consumption", "percent", ("energy", "self_consumption"), 100.0),
    Figure("Peak import", "kW", ("peaks", "import_kw", "value")),
    Figure("Peak export", "kW", ("peaks", "export_kw", "value")),
    Figure("Grid losses", "kWh", ("network", "losses_kwh")),
    Figure("Hours with a broken limit", "h", ("violations", "hours")),
    Figure("The same with the utility alone", "h", ("network", "utility_only_broken_h")),
    Figure("Broken limits", "", ("violations", "count")),
    Figure("Undervoltage", "h", ("violations", "kinds", "undervoltage", "hours")),
    Figure("Overvoltage", "h", ("violations", "kinds", "overvoltage", "hours")),
    Figure("Line overload", "h", ("violations", "kinds", "line_overload", "hours")),
    Figure("Transformer overload", "h", ("violations", "kinds", "transformer_overload", "hours")),
    Figure("Lowest voltage", "pu", ("network", "vm_min_pu")),
    Figure("Highest voltage", "pu", ("network", "vm_max_pu")),
    Figure("Highest line loading", "percent", ("network", "line_loading_max_percent")),
    Figure("Highest transformer loading", "percent", ("network", "trafo_loading_max_percent")),
    Figure("Periods without a power flow", "", ("network", "diverged_periods")),
    Figure("Speed", "steps/s", ("speed", "steps_per_s")),
)
_ZERO_IF_ABSENT = ("violations", "kinds")
"""A kind that never occurs is not in the summary: it occurred for 0 hours."""
_SAME = (
    ("horizon", "cover different times"),
    ("network", "are on different grids"),
    ("prosumers", "have different numbers of prosumers"),
)


def figure(summary: Mapping[str, Any], wanted: Figure) -> float | None:
    """One indicator of a summary, in the figure's unit; None if the run has none."""
    value: Any = summary
    for key in wanted.path:
        value = value.get(key) if isinstance(value, Mapping) else None
    if value is None:
        return 0.0 if wanted.path[:2] == _ZERO_IF_ABSENT and "violations" in summary else None
    return float(value) * wanted.factor


def compare(labels: Sequence[str], summaries: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The indicators of several runs.

    Args:
        labels: Name of each run, all different.
        summaries: Their summaries.

    Returns:
        Columns `indicator`, `unit`, the labels, and for each run but the first `LABEL: change` (against the
        first) and `LABEL: change_percent`.
    """
    import pandas as pd

    table: dict[str, list[Any]] = {
        "indicator": [wanted.label for wanted in FIGURES],
        "unit": [wanted.unit for wanted in FIGURES],
    }
    columns = [[figure(summary, wanted) for wanted in FIGURES] for summary in summaries]
    for label, values in zip(labels, columns, strict=True):
        table[label] = values
    for label, values in zip(labels[1:], columns[1:], strict=True):
        changes = [_change(old, new) for old, new in zip(columns[0], values, strict=True)]
        table[f"{label}: change"] = [change for change, _ in changes]
        table[f"{label}: change_percent"] = [percent for _, percent in changes]
    return pd.DataFrame(table).astype(dict.fromkeys([*table][2:], float))


def differences(labels: Sequence[str], summaries: Sequence[Mapping[str, Any]]) -> list[str]:
    """What makes the runs hard to compare, in words; empty if they are of the same time, grid and size."""
    notes = []
    for key, words in _SAME:
        first = _identity(summaries[0], key)
        others = [
            (label, _identity(summary, key))
            for label, summary in zip(labels[1:], summaries[1:], strict=True)
            if _identity(summary, key) != first
        ]
        for label, other in others:
            mine, yours = _differing(first, other)
            notes.append(f"{labels[0]} and {label} {words}: {mine} and {yours}")
    return notes


def _differing(first: str, other: str) -> tuple[str, str]:
    """Only the parts of two lists that differ."""
    one, two = first.split(", "), other.split(", ")
    if len(one) != len(two):
        return first, other
    pairs = [(mine, yours) for mine, yours in zip(one, two, strict=True) if mine != yours]
    return ", ".join(mine for mine, _ in pairs), ", ".join(yours for _, yours in pairs)


def _identity(summary: Mapping[str, Any], key: str) -> str:
    if key == "prosumers":
        return str(summary.get("prosumers"))
    value = summary.get("run", {}).get(key, "unknown")
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {item}" for name, item in value.items())
    return str(value)


def _change(old: float | None, new: float | None) -> tuple[float | None, float | None]:
    if old is None or new is None:
        return None, None
    # Of what is nothing but rounding there is no share.
    known = abs(old) > 1e-9 * max(1.0, abs(new))
    return new - old, 100.0 * (new - old) / abs(old) if known else None
