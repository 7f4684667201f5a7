"""The report's figures, as the plain dictionaries that plotly.js draws; plotly's Python side, slow to import,
is not needed. Frames in, dictionaries out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.analysis.violations import element_by_hour
from cosim.core.arrays import FloatArray

if TYPE_CHECKING:
    import pandas as pd

Figure = dict[str, Any]

MOST_POINTS = 2000
"""Longer series are drawn as blocks of equal length: means, or extremes where these matter."""
BLUE, ORANGE, GREEN, RED, GREY, PURPLE = "#2f6db5", "#e08a1e", "#3a9a5b", "#c8403b", "#8a8f98", "#7b57a8"
COLORS = (BLUE, ORANGE, GREEN, PURPLE, RED, GREY)
"""Of curves that stand for things of one kind, in this order."""


class Series:
    """The table `steps` of all communities together, in blocks short enough to draw.

    Args:
        steps: The table `steps`.
        hours: What one of its rows covers [h].
    """

    def __init__(self, steps: pd.DataFrame, hours: float) -> None:
        self._frame = steps
        self._hours = hours
        periods, first, self._row = np.unique(steps["period"], return_index=True, return_inverse=True)
        self._count = len(periods)
        self._block = max(1, -(-self._count // MOST_POINTS))
        local = steps["time"].iloc[first].dt.tz_localize(None)
        self.time = [f"{moment:%Y-%m-%d %H:%M}" for moment in local.iloc[:: self._block]]

    def has(self, name: str) -> bool:
        """Whether the column was recorded with anything in it."""
        return name in self._frame and bool(self._frame[name].notna().any())

    def total(self, name: str) -> FloatArray:
        """A column summed over the communities, by period; zero where nothing is known."""
        values = np.nan_to_num(self._frame[name].to_numpy(float))
        sums = np.zeros(self._count)
        np.add.at(sums, self._row, values)
        return sums

    def power(self, name: str) -> list[float | None]:
        """An energy column as mean power of each block [kW]."""
        return self._blocks(self.total(name) / self._hours, "mean")

    def mean(self, name: str, weight: str = "") -> list[float | None]:
        """A price: mean over communities and block, perhaps weighted; None where it does not exist."""
        values = self._frame[name].to_numpy(float)
        weights = self._frame[weight].to_numpy(float) if weight else np.ones(len(values))
        weights = np.where(np.isfinite(values), weights, 0.0)
        tops = np.bincount(self._row, np.nan_to_num(values) * weights, self._count)
        bases = np.bincount(self._row, weights, self._count)
        starts = np.arange(0, self._count, self._block)
        top, base = np.add.reduceat(tops, starts), np.add.reduceat(bases, starts)
        return numbers(np.divide(top, base, out=np.full(len(top), np.nan), where=base > 0))

    def extreme(self, name: str, rule: str) -> list[float | None]:
        """Lowest or highest value over communities and block; `rule` is `min` or `max`."""
        worst = np.full(self._count, np.nan)
        pick = np.fmin if rule == "min" else np.fmax
        pick.at(worst, self._row, self._frame[name].to_numpy(float))
        return self._blocks(worst, rule)

    def _blocks(self, values: FloatArray, rule: str) -> list[float | None]:
        starts = np.arange(0, len(values), self._block)
        if rule == "mean":
            sizes = np.diff(np.append(starts, len(values)))
            return numbers(np.add.reduceat(values, starts) / sizes)
        return numbers((np.fmin if rule == "min" else np.fmax).reduceat(values, starts))

    def duration(self, name: str, points: int = 400) -> tuple[list[float], list[float | None]]:
        """Share of the time [percent] and the power [kW] that is reached or exceeded in it."""
        power = np.sort(self.total(name) / self._hours)[::-1]
        chosen = np.unique(np.linspace(0, len(power) - 1, min(points, len(power))).astype(int))
        return [round(100.0 * (row + 1) / len(power), 3) for row in chosen.tolist()], numbers(power[chosen])


def numbers(values: FloatArray) -> list[float | None]:
    """Six significant digits, None for what does not exist: short text in the file."""
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values.tolist()]


def power(series: Series) -> Figure:
    """What the community uses, makes and exchanges with the utility."""
    lines = [
        _line(series, "Consumption", series.power("load_kwh"), BLUE),
        _line(series, "Generation", series.power("generation_kwh"), ORANGE),
        _line(series, "Exchange with the utility", series.power("net_kwh"), GREY, width=1),
    ]
    if series.has("storage_kwh") and np.any(series.total("storage_kwh")):
        lines.append(
            _line(series, "Storage (charging positive)", series.power("storage_kwh"), PURPLE, width=1)
        )
    return _figure(lines, "kW", legend=True)


def trade(series: Series, prefix: str = "") -> Figure:
    """Prices, and the volume traded behind them; with the prefix `heat_` of heat."""
    volume = {
        "type": "bar",
        "name": "Traded",
        "x": series.time,
        "y": series.power(f"{prefix}p2p_kwh"),
        "yaxis": "y2",
        "marker": {"color": "#cfd8e3"},
        "hovertemplate": "%{y:.2f} kW",
    }
    lines = [
        _line(series, "Retail", series.mean("retail_price"), RED, width=1.2, shape="hv"),
        _line(series, "Feed-in", series.mean("feed_in_price"), ORANGE, width=1.2, shape="hv"),
    ]
    if prefix:  # the prices of electricity say nothing of heat
        lines = []
    lines.append(
        _line(series, "Mean of trades", series.mean(f"{prefix}mean_price", f"{prefix}p2p_kwh"), BLUE)
    )
    figure = _figure([volume, *lines], "EUR/kWh", legend=True)
    figure["layout"]["yaxis"] |= {"overlaying": "y2", "rangemode": "tozero", "tickmode": "auto"}
    figure["layout"]["yaxis2"] = {"title": {"text": "kW traded"}, "side": "right", "showgrid": False}
    return figure


def heat(series: Series) -> Figure:
    """What is needed, made, stored and not to be had."""
    lines = [
        _line(series, "Demand", series.power("heat_load_kwh"), BLUE),
        _line(series, "Produced", series.power("heat_produced_kwh"), ORANGE),
    ]
    for name, label, color in (
        ("heat_storage_kwh", "Stores (charging positive)", PURPLE),
        ("heat_unserved_kwh", "Not served", RED),
        ("heat_dumped_kwh", "Dumped", GREY),
    ):
        if np.any(series.total(name)):
            lines.append(_line(series, label, series.power(name), color, width=1))
    return _figure(lines, "kW", legend=True)


def imbalance(series: Series) -> Figure:
    """Energy beyond the contracts, short upwards and long downwards."""
    short = _line(series, "Short", series.power("short_kwh"), RED, width=1)
    long = _line(series, "Long", series.power("long_kwh"), BLUE, width=1)
    long["y"] = [None if value is None else -value for value in long["y"]]
    return _figure([trace | {"fill": "tozeroy"} for trace in (short, long)], "kW", legend=True)


def voltage(series: Series, limits: Mapping[str, float]) -> Figure:
    """The band between the lowest and the highest bus voltage."""
    high = _line(series, "Highest bus", series.extreme("vm_max_pu", "max"), BLUE, width=1)
    low = _line(series, "Lowest bus", series.extreme("vm_min_pu", "min"), BLUE, width=1)
    low |= {"fill": "tonexty", "fillcolor": "rgba(47,109,181,0.18)"}
    return _figure([high, low], "pu", limits=[limits.get("undervoltage"), limits.get("overvoltage")])


def loading(series: Series, limits: Mapping[str, float]) -> Figure:
    """The most loaded line and transformer."""
    lines = []
    for name, label, color in (
        ("line_loading_max_percent", "Most loaded line", GREEN),
        ("trafo_loading_max_percent", "Most loaded transformer", PURPLE),
    ):
        if series.has(name):
            lines.append(_line(series, label, series.extreme(name, "max"), color, width=1.2))
    known = {limits.get("line_overload"), limits.get("transformer_overload")}
    figure = _figure(lines, "percent", limits=sorted(value for value in known if value), legend=True)
    figure["layout"]["yaxis"]["rangemode"] = "tozero"
    return figure


def heat_map(violations: pd.DataFrame, hours: float) -> Figure:
    """Hours broken by element and hour of the day."""
    table = element_by_hour(violations, hours, 25)
    trace = {
        "type": "heatmap",
        "x": [f"{hour:02d}" for hour in range(24)],
        "y": [str(name) for name in table.index],
        "z": [numbers(row) for row in table.to_numpy(float)],
        "colorscale": [[0, "#f6f7f9"], [0.001, "#fbe3c2"], [0.4, "#e08a1e"], [1, "#a32018"]],
        "colorbar": {"title": {"text": "h"}, "thickness": 12},
        "xgap": 1,
        "ygap": 1,
        "hovertemplate": "%{y}, from %{x}:00: %{z} h<extra></extra>",
    }
    figure = _figure([trace], "")
    figure["layout"] |= {"height": 130 + 22 * len(table), "hovermode": "closest"}
    figure["layout"]["yaxis"] = {"autorange": "reversed", "automargin": True, "type": "category"}
    figure["layout"]["xaxis"] |= {"type": "category", "title": {"text": "hour of the day"}}
    return figure


def duration(series: Series) -> Figure:
    """How much of the time which power flows through the connection to the grid above."""
    name = "slack_kwh" if series.has("slack_kwh") else "net_kwh"
    share, values = series.duration(name)
    trace = {"type": "scatter", "mode": "lines", "x": share, "y": values, "line": {"color": BLUE, "width": 2}}
    figure = _figure([trace | {"fill": "tozeroy", "fillcolor": "rgba(47,109,181,0.12)"}], "kW")
    figure["layout"]["xaxis"] |= {"title": {"text": "percent of the time"}, "range": [0, 100]}
    return figure


def savings(totals: pd.DataFrame) -> Figure:
    """What each prosumer saves, sorted: who is worse off stands at the right."""
    ordered = totals.sort_values("saving_eur", ascending=False, kind="stable")
    saving = ordered["saving_eur"].to_numpy(float)
    trace = {
        "type": "bar",
        "x": list(range(1, len(ordered) + 1)),
        "y": numbers(saving),
        "text": ordered["prosumer"].astype(str).tolist(),
        "textposition": "none",
        "marker": {"color": [RED if worse else GREEN for worse in ordered["worse_off"]]},
        "hovertemplate": "%{text}: %{y:.2f} EUR<extra></extra>",
    }
    figure = _figure([trace], "EUR")
    figure["layout"] |= {"hovermode": "closest", "bargap": 0.1}
    figure["layout"]["xaxis"] |= {"title": {"text": "prosumers, by saving"}}
    return figure


Curves = Mapping[str, tuple[list[str], list[float | None]]]
"""Name -> times and values."""


def marked(curves: Curves, unit: str) -> Figure:
    """Curves over time with a mark at every point, and zero in sight."""
    figure = _figure(_marked(curves), unit, legend=True)
    figure["layout"]["yaxis"]["rangemode"] = "tozero"
    return figure


def panels(found: Mapping[str, Curves]) -> Figure:
    """Small figures, two in a row, each with its title above it."""
    figure = _figure([], "")
    rows = -(-len(found) // 2)
    notes = []
    for place, (title, curves) in enumerate(found.items()):
        row, column = divmod(place, 2)
        suffix = str(place + 1) if place else ""
        left, top = 0.54 * column, 1.0 - row / rows
        height = 1.0 / rows - 0.16
        figure["data"] += [
            trace | {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}", "showlegend": False}
            for trace in _marked(curves)
        ]
        figure["layout"][f"xaxis{suffix}"] = {**axis(), "domain": [left, left + 0.46], "anchor": f"y{suffix}"}
        figure["layout"][f"yaxis{suffix}"] = {
            **axis(),
            "domain": [top - 0.06 - height, top - 0.06],
            "anchor": f"x{suffix}",
        }
        place_of = {
            "x": left,
            "y": top,
            "xref": "paper",
            "yref": "paper",
            "yanchor": "top",
            "xanchor": "left",
        }
        notes.append({"text": title, "showarrow": False, **place_of})
    figure["layout"] |= {"height": 60 + 230 * rows, "annotations": notes}
    return figure


def _marked(curves: Curves) -> list[dict[str, Any]]:
    return [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": name,
            "x": time,
            "y": values,
            "line": {"color": COLORS[number % len(COLORS)], "width": 1.8},
            "marker": {"size": 4},
            "hovertemplate": "%{y}",
        }
        for number, (name, (time, values)) in enumerate(curves.items())
    ]


def _line(
    series: Series,
    name: str,
    values: list[float | None],
    color: str,
    width: float = 1.8,
    shape: str = "linear",
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": series.time,
        "y": values,
        "line": {"color": color, "width": width, "shape": shape},
        "hovertemplate": "%{y}",
    }


def _figure(traces: list[dict[str, Any]], unit: str, *, limits: Any = (), legend: bool = False) -> Figure:
    """Traces with the layout that all figures share; limits are dashed lines."""
    lines = [
        {
            "type": "line",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "y0": value,
            "y1": value,
            "line": {"color": RED, "dash": "dash", "width": 1.2},
        }
        for value in limits
        if value is not None
    ]
    return {"data": traces, "layout": layout(unit, legend=legend) | {"shapes": lines}}


def axis() -> dict[str, Any]:
    """Style of an axis."""
    return {"gridcolor": "#e8eaee", "linecolor": "#c9cdd4", "zerolinecolor": "#c9cdd4", "automargin": True}


def layout(unit: str, *, legend: bool = False) -> dict[str, Any]:
    """The layout that all figures share."""
    return {
        "height": 320,
        "margin": {"l": 60, "r": 60, "t": 10, "b": 40},
        "font": {"family": "system-ui, sans-serif", "size": 12, "color": "#2b2f36"},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "hovermode": "x unified",
        "showlegend": legend,
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "xaxis": axis(),
        "yaxis": {**axis(), "title": {"text": unit}},
    }
