"""A prosumer's day as one picture of both carriers: upwards where the energy came from, downwards where it
went. Which day and what it holds is worked out in `cosim.analysis.day`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.analysis import day as days
from cosim.core.carriers import Carrier
from cosim.errors import OutputError
from cosim.report.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, Figure, axis, layout, numbers
from cosim.report.frame import document, section, table
from cosim.results.files import write_text
from cosim.results.read import Run
from cosim.results.show import number

if TYPE_CHECKING:
    import pandas as pd

_COLORS = {
    "load": "#4b5563",
    "pv": ORANGE,
    "wind": "#63b7d6",
    "battery": PURPLE,
    "hydrogen": "#b48ad6",
    "ev": "#d46a9f",
    "deferrable": "#9aa7b8",
    "heat_demand": "#4b5563",
    "building": "#7d6b5d",
    "heat_store": PURPLE,
    "heat_pump": "#1f8a8a",
    "chp": "#b5651d",
    "boiler": "#8c2f39",
    "electric_heater": "#d9a441",
    "bought": GREEN,
    "sold": "#8ccf9f",
    "import": BLUE,
    "export": "#9cc3ea",
    "imbalance": RED,
    "lost": GREY,
    "unserved": RED,
    "dumped": "#e7a6a3",
}
_OTHERS = ("#5b7083", "#a0826d", "#6f9b3c", "#c27ba0", "#3d6b8e")
"""Colours of kinds of devices from elsewhere, in turn."""


@dataclass(frozen=True)
class Day:
    """One day of one prosumer."""

    community: str
    prosumer: str
    date: date
    hours: float
    """Length of a period [h]."""
    flows: dict[Carrier, pd.DataFrame]
    """See `cosim.analysis.day.flows`."""
    cost_eur: float
    alone_eur: float
    """With the utility alone."""

    @property
    def title(self) -> str:
        """Who and when."""
        return f"{self.prosumer}, {self.date:%A} {self.date}"

    @property
    def bill(self) -> str:
        """What the day cost."""
        alone = number(self.alone_eur, 2, "EUR")
        return f"Bill of the day {number(self.cost_eur, 2, 'EUR')}, with the utility alone {alone}."


def day_of(run: Run, prosumer: str = "", day: str = "") -> Day:
    """A day of a prosumer.

    Args:
        run: The run.
        prosumer: Its name; "" for one with most kinds of devices.
        day: "2016-01-07"; "" for one in the middle of the run.

    Raises:
        InputError: if there is no such prosumer or day.
        OutputError: if the table `prosumers` was not recorded.
    """
    carriers = run.carriers()
    community, name = days.prosumer_of(run.prosumer_totals, prosumer, carriers)
    chosen = days.day_of(run.days(), day)
    rows = run.day(name, chosen, community)
    if rows.empty:
        raise OutputError(f"{run.path} has nothing of {name} on {chosen}: it is recorded too coarsely")
    cost, alone = float(rows["cost_eur"].sum()), float(rows["counterfactual_cost_eur"].sum())
    flows = days.flows(rows, carriers)
    return Day(community, name, chosen, run.hours("prosumers"), flows, cost, alone)


def figure(day: Day) -> Figure:
    """The picture: a panel for each carrier, bars from period to period that add up to zero."""
    count = len(day.flows)
    traces: list[dict[str, Any]] = []
    base = layout("", legend=True) | {"barmode": "relative", "bargap": 0, "height": 120 + 260 * count}
    base["margin"] |= {"t": 34}
    base["legend"] = {"tracegroupgap": 24, "font": {"size": 11}}
    others = iter(_OTHERS * 8)
    for panel, (carrier, frame) in enumerate(day.flows.items(), start=1):
        suffix = "" if panel == 1 else str(panel)
        gap = 0.04 if count > 1 else 0.0
        top = 1.0 - (panel - 1) / count
        base[f"yaxis{suffix}"] = {
            **axis(),
            "title": {"text": f"{carrier}, kW"},
            "domain": [round(top - 1.0 / count + gap, 4), round(top, 4)],
            "zerolinecolor": "#4b5563",
        }
        x = _times(frame, day.hours)
        for item in frame:
            name = str(item)
            traces.append(
                {
                    "type": "bar",
                    "name": name.replace("_", " "),
                    "x": x,
                    "y": numbers(frame[item].to_numpy(float) / day.hours),
                    "yaxis": f"y{suffix}",
                    "offset": 0,
                    "width": day.hours * 3.6e6,
                    "marker": {"color": _COLORS.get(name) or next(others), "line": {"width": 0}},
                    "legendgroup": carrier,
                    "legendgrouptitle": {"text": carrier},
                    "hovertemplate": "%{y:.2f} kW",
                }
            )
    base["xaxis"] |= {"anchor": f"y{'' if count == 1 else count}", "type": "date", "tickformat": "%H:%M"}
    return {"data": traces, "layout": base}


def _times(frame: pd.DataFrame, hours: float) -> list[str]:
    """Local time at the beginning of every period; on the day of a clock change as if the clock went on, so
    that no two periods share a place."""
    import pandas as pd

    first = frame.index[0].tz_localize(None)
    steps = np.round((frame.index - frame.index[0]).total_seconds() / 60.0)
    return [f"{first + pd.Timedelta(minutes=step):%Y-%m-%d %H:%M}" for step in steps]


ABOUT = "Upwards what the house gets, downwards where it goes; both sides are equal in every period."


def page(run: Run, day: Day) -> str:
    """The day on a page of its own."""
    rows = [
        [str(row["carrier"]), str(row["item"]).replace("_", " ")]
        + [number(float(row[name]), 2) for name in ("from_kwh", "to_kwh")]
        for row in days.account(day.flows).to_dict("records")
    ]
    body = [
        f"<h1>{escape(day.title)}</h1>\n<p class='note'>{escape(f'{run.name}. {day.bill}')}</p>\n",
        section("The day", ABOUT, '<div id="day"></div>'),
        section("In all", "kWh.", table(["Carrier", "Item", "From it", "To it"], rows)),
    ]
    return document(day.title, body, {"day": figure(day)})


def write_day(run: Run, day: Day, path: Path) -> Path:
    """Write the page of a day.

    Raises:
        OutputError: if it cannot be written.
    """
    write_text(path, page(run, day))
    return path
