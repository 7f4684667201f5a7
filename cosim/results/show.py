"""Results in the terminal: summaries, violations and comparisons as rich tables. Wording and layout only;
figures come from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import RenderableType
    from rich.table import Table

_KINDS = {
    "undervoltage": ("Undervoltage", "pu", 4),
    "overvoltage": ("Overvoltage", "pu", 4),
    "line_overload": ("Line overload", "%", 1),
    "transformer_overload": ("Transformer overload", "%", 1),
    "diverged": ("Power flow without solution", "", 0),
}
"""Kind of violation -> words, unit, decimals."""


def number(value: float | None, decimals: int = 1, unit: str = "", *, sign: bool = False) -> str:
    """A number for people: thousands separated, a dash for what does not exist."""
    if value is None or value != value:  # noqa: PLR0124 - NaN is the one that differs from itself
        return "-"
    text = f"{value:{'+' if sign else ''},.{decimals}f}"
    if text.lstrip("+-").strip("0.,") == "":
        text = text.lstrip("+-")
    return f"{text} {unit}" if unit else text


def percent(share: float | None, decimals: int = 1) -> str:
    """A share of one as percent."""
    return number(None if share is None else 100.0 * share, decimals, "%")


def summary(found: Mapping[str, Any]) -> RenderableType:
    """The end of a run: key figures, broken limits, money, seconds by phase."""
    from rich.console import Group

    parts: list[RenderableType] = [_key_figures(found), ""]
    if "heat" in found:
        parts += [markets(found), ""]
    parts += [limits(found["violations"]), _limits_alone(found)]
    if found.get("money", {}).get("parties"):
        parts += ["", money(found["money"])]
    if found.get("learning"):
        parts += ["", *(_text(_learning(label, learner)) for label, learner in found["learning"].items())]
    notes = found.get("run", {}).get("notes")
    if notes:
        parts += ["", *(_text(f"Note: {note}") for note in notes)]
    if found.get("speed", {}).get("seconds"):
        parts += ["", phases(found["speed"])]
    return Group(*parts)


def _learning(label: str, found: Mapping[str, Any]) -> str:
    """How a learner did: saving of its first and its last 24 hours, and where its weights are."""
    saved = [number(value, 2) for value in found["daily_saving_eur"]]
    days = f", saved {saved[0]} EUR a prosumer on the first day" if saved else ""
    days += f" and {saved[-1]} on day {len(saved)}" if len(saved) > 1 else ""
    updates = f"{found['updates']} update{'s' if found['updates'] != 1 else ''}"
    kept = f"; weights in {found['checkpoint']}" if found["checkpoint"] else ""
    return f"{found['policy']} ({label}) learned: {updates}{days}{kept}"


def _plain_table(title: str) -> Table:
    from rich import box
    from rich.table import Table

    return Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)


def _text(value: str) -> RenderableType:
    """Names are shown as they are: square brackets in them are no markup."""
    from rich.text import Text

    return Text(value)


def _key_figures(found: Mapping[str, Any]) -> Table:
    cost, trade, energy = found["cost"], found["trade"], found["energy"]
    name = found.get("run", {}).get("name", "")
    table = _plain_table("")
    table.title = _text(f"{name}: {found['prosumers']} prosumers, {found['periods']} periods".lstrip(": "))  # type: ignore[assignment]  # rich takes Text too
    table.show_header = False
    table.add_column(style="dim")
    table.add_column(justify="right")
    table.add_column(style="dim")
    table.add_row(
        "Bills of all prosumers",
        number(cost["cost_eur"], 2, "EUR"),
        f"{number(cost['utility_only_eur'], 2, 'EUR')} with the utility alone",
    )
    table.add_row(
        "Saving",
        number(cost["saving_eur"], 2, "EUR"),
        f"{number(cost['saving_percent'], 1, '%')}; {cost.get('worse_off', '-')} worse off by the bill",
    )
    if "heat" not in found:  # else there is a table of markets
        table.add_row(
            "Traded between prosumers",
            number(trade["p2p_kwh"], 1, "kWh"),
            f"{trade['trades']:,} trades at "
            f"{number(trade['mean_price_eur_per_kwh'], 4, 'EUR/kWh')} on average",
        )
        table.add_row(
            "Allocative efficiency",
            percent(trade["allocative_efficiency"]),
            "surplus against the call-auction optimum of the same orders",
        )
    table.add_row("Self-sufficiency", percent(energy["self_sufficiency"]), _alone(energy, "self_sufficiency"))
    table.add_row("Self-consumption", percent(energy["self_consumption"]), _alone(energy, "self_consumption"))
    table.add_row(
        "Consumption",
        number(energy["load_kwh"], 1, "kWh"),
        f"{number(energy['load_per_prosumer_kwh'], 1, 'kWh')} a prosumer",
    )
    if cost.get("stored_difference_kwh") is not None:
        more = number(cost["stored_difference_kwh"], 1, "kWh", sign=True)
        worth = number(cost["stored_difference_eur"], 2, "EUR", sign=True)
        words = f"{more} against the utility alone, worth {worth}"
        table.add_row("Stored at the end", number(energy["stored_kwh"], 1, "kWh"), words)
    if energy.get("unserved_kwh"):
        table.add_row(
            "Not served",
            number(energy["unserved_kwh"], 1, "kWh"),
            "trips beyond what the vehicles' batteries held, loads that ran out of time",
        )
    for row in _beside(found):
        table.add_row(*row)
    table.add_row("Grid losses", number(found["network"]["losses_kwh"], 1, "kWh"), _losses(found))
    for key, words in (("import_kw", "Peak import"), ("export_kw", "Peak export")):
        peak = found["peaks"].get(key)
        if peak is not None and peak["value"] > 0.0:
            table.add_row(words, number(peak["value"], 1, "kW"), _moment(peak["time"]))
    return table


def _beside(found: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Rows of what there is beside electricity: heat, gas, carbon dioxide, imbalance."""
    heat, gas, carbon = (found.get(name) for name in ("heat", "gas", "carbon"))
    if heat:
        yield (
            "Heat used",
            number(heat["load_kwh"], 1, "kWh"),
            f"{number(heat['produced_kwh'], 1, 'kWh')} produced, with "
            f"{number(heat['electricity_kwh'], 1, 'kWh')} of electricity net",
        )
        if heat["unserved_kwh"] or heat["utility_only_unserved_kwh"]:
            yield (
                "Heat not served",
                number(heat["unserved_kwh"], 1, "kWh"),
                f"{number(heat['utility_only_unserved_kwh'], 1, 'kWh')} with the utility alone",
            )
        if heat.get("unmet_kwh"):
            yield "Too cold", number(heat["unmet_kwh"], 1, "kWh"), "heat beyond what the radiators give"
        if heat["stored_difference_kwh"] is not None:
            more = number(heat["stored_difference_kwh"], 1, "kWh", sign=True)
            worth = number(heat["stored_difference_eur"], 2, "EUR", sign=True)
            words = f"{more} against the utility alone, worth {worth}"
            yield "Heat stored at the end", number(heat["stored_kwh"], 1, "kWh"), words
    if gas:
        alone = number(gas["utility_only_gas_kwh"], 1, "kWh")
        words = f"{number(gas['gas_eur'], 2, 'EUR')}; {alone} with the utility alone"
        yield "Gas burnt", number(gas["gas_kwh"], 1, "kWh"), words
    if carbon:
        words = f"{number(carbon['utility_only_carbon_kg'], 1, 'kg')} with the utility alone"
        yield "Carbon dioxide", number(carbon["carbon_kg"], 1, "kg"), words
    if "imbalance" in found:
        yield _imbalance(found["imbalance"])


def _imbalance(found: Mapping[str, Any]) -> tuple[str, str, str]:
    short, long = number(found["short_kwh"], 1, "kWh"), number(found["long_kwh"], 1, "kWh")
    cost = number(found["cost_eur"], 2, "EUR")
    share = percent(found["share_of_load"])
    words = f"{share} of the consumption; {short} short, {long} long; {cost}"
    return "Imbalance", number(found["energy_kwh"], 1, "kWh"), words


_MARKET = ("Traded", "Trades", "Mean price", "Efficiency", "Internal", "Lost", "Unserved", "Dumped")
MARKETS = ("Market", *_MARKET)
"""Columns of the table of markets. Efficiency: surplus against the call-auction optimum of the orders."""


def market_rows(found: Mapping[str, Any]) -> list[list[str]]:
    """The table of markets: a row for each carrier that is traded."""
    return [
        [
            carrier,
            number(part["p2p_kwh"], 1, "kWh"),
            f"{part['trades']:,}",
            number(part["mean_price_eur_per_kwh"], 4, "EUR/kWh"),
            percent(part["allocative_efficiency"]),
            number(part["internal_kwh"], 1, "kWh"),
            *(number(part.get(name), 1, "kWh") for name in ("lost_kwh", "unserved_kwh", "dumped_kwh")),
        ]
        for carrier, part in (("electricity", found["trade"]), ("heat", found.get("heat", {})))
        if "p2p_kwh" in part
    ]


def markets(found: Mapping[str, Any]) -> Table:
    """The table of markets by carrier."""
    table = _plain_table("Markets")
    for name in MARKETS:
        table.add_column(name, justify="left" if name == "Market" else "right")
    for row in market_rows(found):
        table.add_row(*row)
    return table


def _limits_alone(found: Mapping[str, Any]) -> RenderableType:
    """Whether trading made limits break, or kept them."""
    alone = found["network"].get("utility_only_broken_h")
    if alone is None:
        return ""
    if not alone:
        return "" if not found["violations"]["count"] else "With the utility alone no limit would be broken."
    return f"With the utility alone limits would be broken in {number(alone, 2, 'hours')}."


def _alone(energy: Mapping[str, Any], name: str) -> str:
    share = energy.get(f"utility_only_{name}")
    return "" if share is None else f"{percent(share)} with the utility alone"


def _losses(found: Mapping[str, Any]) -> str:
    network = found["network"]
    share = number(network["losses_percent"], 1, "% of the consumption")
    diverged = network["diverged_periods"]
    return f"{share}; {diverged} periods without a power flow" if diverged else share


def _moment(time: str) -> str:
    """A local time as people write it."""
    return time[:16].replace("T", " ")


def limits(violations: Mapping[str, Any]) -> RenderableType:
    """Broken limits by kind with the worst element."""
    if not violations["count"]:
        return "No network limit was broken."
    table = _plain_table(f"Network limits broken in {number(violations['hours'], 2, 'hours')}")
    for name in ("Kind", "Hours", "Episodes", "Elements", "Worst", "Value", "Limit", "When"):
        table.add_column(
            name, justify="right" if name in ("Hours", "Episodes", "Elements", "Value", "Limit") else "left"
        )
    for kind, found in violations["kinds"].items():
        words, unit, decimals = _KINDS.get(kind, (kind, "", 3))
        worst = found["worst"]
        table.add_row(
            words,
            number(found["hours"], 2),
            str(found["episodes"]),
            str(found["elements"]),
            _text(worst["name"]),
            number(worst["value"], decimals, unit),
            number(worst["limit"], decimals, unit),
            _moment(worst["time"]),
        )
    return table


def money(found: Mapping[str, Any]) -> RenderableType:
    """The money table: what each party pays, in the run and with the utility alone; gains and transfers."""
    from rich.console import Group

    table = _plain_table("Who pays (EUR; negative: receives)")
    table.add_column("Party")
    for name in ("this run", "utility alone", "change"):
        table.add_column(name, justify="right")
    for party, row in found["parties"].items():
        table.add_row(
            party,
            number(row["cost_eur"], 2),
            number(row["utility_only_eur"], 2),
            number(row["change_eur"], 2, sign=True),
        )
    parts: list[RenderableType] = [table]
    gain, transfer = found.get("gain_eur"), found.get("transfer_eur")
    if gain is not None and transfer is not None:
        parts.append(
            f"Saving of the prosumers {number(found['saving_eur'], 2, 'EUR')} = "
            f"gain {number(sum(gain.values()), 2)} + transfers {number(sum(transfer.values()), 2)} "
            f"({', '.join(f'{party} {number(value, 2)}' for party, value in transfer.items())})"
        )
    parts += [_text(f"Note: {note}") for note in found.get("notes", ())]
    return Group(*parts)


def phases(speed: Mapping[str, Any]) -> RenderableType:
    """Seconds by phase, one line."""
    total = speed["seconds_total"]
    each = ", ".join(f"{name} {number(value, 2)}" for name, value in speed["seconds"].items())
    return f"{number(total, 2)} s, {number(speed['steps_per_s'], 0)} steps/s ({each})"


ELEMENT_COLUMNS = ("kind", "name", "hours", "episodes", "longest_h", "value", "limit", "excess", "worst_time")
ROW_COLUMNS = ("time", "kind", "name", "value", "limit", "excess", "duration_h")
EPISODE_COLUMNS = ("kind", "name", "start", "end", "duration_h", "value", "limit", "excess")
"""What is shown of violations by element, single, and as episodes; `community` too if there are several."""
_DECIMALS = {"value": 4, "limit": 3, "excess": 4, "severity": 3}
_RIGHT = ("value", "limit", "excess")


def violations(rows: pd.DataFrame, title: str, columns: Sequence[str], most: int = 50) -> RenderableType:
    """A frame of violations, some of its columns."""
    chosen = [name for name in columns if name in rows.columns]
    if rows["community"].nunique() > 1:
        chosen = ["community", *chosen]
    shown = rows[chosen].head(most).copy()
    for name in ("value", "limit", "excess"):  # in pu or percent, as the kind says
        if name in shown and "kind" in shown:
            units = [_KINDS.get(str(kind), ("", "", 4)) for kind in shown["kind"]]
            shown[name] = [
                number(value, decimals, unit)
                for value, (_, unit, decimals) in zip(shown[name], units, strict=True)
            ]
    table = frame(shown, title, most=most)
    return _with_rest(table, len(rows) - len(shown))


def frame(rows: pd.DataFrame, title: str, *, most: int = 50) -> RenderableType:
    """Any frame as a table: numbers to the right, times to the minute, at most `most` rows."""
    table = _plain_table(title)
    for name in rows.columns:
        numeric = rows[name].dtype.kind in "if" or name in _RIGHT
        table.add_column(str(name).replace("_", " "), justify="right" if numeric else "left", no_wrap=True)
    for values in rows.head(most).itertuples(index=False):
        pairs = zip(rows.columns, values, strict=True)
        table.add_row(*(_cell(value, _DECIMALS.get(str(name), 2)) for name, value in pairs))
    return _with_rest(table, len(rows) - most)


def _with_rest(table: RenderableType, rest: int) -> RenderableType:
    """A table, and how many rows are not in it."""
    from rich.console import Group

    return Group(table, f"... and {rest} more") if rest > 0 else table


def _cell(value: Any, decimals: int) -> RenderableType:
    if isinstance(value, float):
        return number(value, decimals)
    if hasattr(value, "strftime"):
        return f"{value:%Y-%m-%d %H:%M}"
    return _text(str(value))


SIDE_BY_SIDE = 3
"""As many runs stand next to each other with their changes; more of them with their values alone."""
ACROSS = 6
"""As many runs fit next to each other; more of them continue below."""


def comparison(table: pd.DataFrame, labels: Sequence[str], notes: Sequence[str]) -> RenderableType:
    """Runs side by side, of few with the change against the first; what makes them hard to compare below.
    Indicators that none of the runs has are left out."""
    from rich.console import Group

    rows = [row for row in table.to_dict("records") if any(row[label] == row[label] for label in labels)]
    changes = len(labels) <= SIDE_BY_SIDE
    parts: list[RenderableType] = [
        _side_by_side(rows, labels[first : first + ACROSS], labels[0] if changes else "")
        for first in range(0, len(labels), ACROSS)
    ]
    return Group(*parts, *(_text(f"Careful: {note}") for note in notes))


def _side_by_side(rows: list[dict[Any, Any]], labels: Sequence[str], reference: str) -> Table:
    """Some runs as columns; with changes against the reference, if there is one."""
    shown = _plain_table("")
    shown.add_column("", no_wrap=True)
    shown.add_column("", style="dim", no_wrap=True)
    for label in labels:
        shown.add_column(_text(label), justify="right")
        if reference and label != reference:
            shown.add_column("change", justify="right")
    for row in rows:
        cells: list[RenderableType] = [str(row["indicator"]), str(row["unit"])]
        decimals = _decimals(str(row["unit"]))
        for label in labels:
            cells.append(number(row[label], decimals))
            if reference and label != reference:
                share = row[f"{label}: change_percent"] if row["unit"] != "percent" else float("nan")
                cells.append(_change(row[f"{label}: change"], share, decimals))
        shown.add_row(*cells)
    return shown


def _decimals(unit: str) -> int:
    return {"EUR/kWh": 4, "EUR": 2, "": 0, "h": 2, "pu": 4}.get(unit, 1)


def _change(change: float, share: float, decimals: int) -> str:
    text = number(change, decimals, sign=True)
    return f"{text} ({number(share, 1, sign=True)} %)" if share == share else text  # noqa: PLR0124 - NaN
