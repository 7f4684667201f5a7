"""A run beside its bound, for the terminal: costs, prices by hour, regret, and what was approximated. What it
shows is computed elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cosim.results.show import frame, number

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import RenderableType
    from rich.table import Table

_COSTS = {
    "greedy": "no trade, greedy",
    "alone": "no trade, each optimised alone",
    "run": "this run",
    "optimum": "optimum of all together",
}


def bound(found: Mapping[str, Any], by_hour: pd.DataFrame) -> RenderableType:
    """All of it.

    Args:
        found: As in bound.json.
        by_hour: Prices by hour of the day.
    """
    from rich.console import Group
    from rich.text import Text

    hours = by_hour.copy()
    for name in ("shadow_price", "mean_price"):
        hours[name] = [number(value, 4) for value in hours[name]]
    parts: list[RenderableType] = [_costs(found), _stored(found), _share(found), ""]
    parts += ["Prices by hour of the day [EUR/kWh], and traded energy [kWh]", frame(hours, "")]
    parts += [*_regret(found["regret"])]
    parts += [Text(f"Note: {note}") for note in found["notes"]]
    return Group(*parts)


def _costs(found: Mapping[str, Any]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    days = found["horizon"]["days"]
    title = Text(f"{found['name']}: cost of {found['prosumers']} prosumers in {days:g} days")
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for name in ("EUR", "EUR/day"):
        table.add_column(name, justify="right")
    for key, words in _COSTS.items():
        table.add_row(words, number(found["cost_eur"][key], 2), number(found["cost_eur_per_day"][key], 2))
    return table


def _stored(found: Mapping[str, Any]) -> str:
    """What makes these costs differ from the bills of the run."""
    values = found["end_value_eur_per_kwh"]
    means = [
        f"{carrier} at {number(value, 4, 'EUR/kWh')} on average" for carrier, value in values.items() if value
    ]
    return ", ".join(["Cost: bills, unserved heat included, less what is stored at the end", *means])


def _share(found: Mapping[str, Any]) -> RenderableType:
    share = found["share_captured"]
    if share is None:
        return "Share captured: there is nothing to capture, the optimum saves nothing"
    alone = found["share_captured_alone"]
    return f"Share captured: {number(share, 3)} (each optimised alone: {number(alone, 3)})"


def _regret(found: Mapping[str, Any]) -> tuple[RenderableType, RenderableType]:
    import pandas as pd

    rows = [{"prosumer": name, **found["by_prosumer"][name]} for name in found["worst"]]
    title = (
        f"Price-taker regret: {number(found['total_eur'], 2, 'EUR')} in all, "
        f"{number(found['mean_eur'], 2, 'EUR')} on average; the largest:"
    )
    columns = ["prosumer", "run_eur", "best_response_eur", "regret_eur"]
    return title, frame(pd.DataFrame(rows, columns=columns), "")
