"""A prosumer's day in both carriers: where its energy came from and where it went, period by period. Which
prosumer and which day, if nobody says so. Frames in, frames out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from cosim.core.carriers import TRADED, Carrier
from cosim.core.registry import nearest
from cosim.errors import InputError, Problem

if TYPE_CHECKING:
    import pandas as pd

LOAD = "load"
"""Item of electricity that no device with a column of its own draws."""
_SIGNED: dict[Carrier, tuple[tuple[str, str, float], ...]] = {
    "electricity": (
        ("bought", "bought_kwh", 1.0),
        ("sold", "sold_kwh", -1.0),
        ("import", "import_kwh", 1.0),
        ("export", "export_kwh", -1.0),
        ("imbalance", "imbalance_kwh", 1.0),
    ),
    "heat": (
        ("bought", "heat_bought_kwh", 1.0),
        ("sold", "heat_sold_kwh", -1.0),
        ("lost", "heat_lost_kwh", -1.0),
        ("unserved", "heat_unserved_kwh", 1.0),
        ("dumped", "heat_dumped_kwh", -1.0),
    ),
}
"""Carrier -> name of each exchange, its column, and its sign where what the house gets is positive."""
_LEAST_KWH = 1e-9
"""Below this in every period an item is left out."""


def flows(rows: pd.DataFrame, carriers: Mapping[str, Carrier]) -> dict[Carrier, pd.DataFrame]:
    """Where the energy of one prosumer came from and where it went.

    Args:
        rows: Rows of the table `prosumers` of one prosumer.
        carriers: Column -> carrier of the energies of device kinds (`Run.carriers`).

    Returns:
        Carrier -> one column an item [kWh], index `time`: positive is what the house gets from it, negative
        what goes there. Every row adds up to zero. Items without any energy are left out.
    """
    import pandas as pd

    found: dict[Carrier, pd.DataFrame] = {}
    for carrier in TRADED:
        items = {
            _item(column): -rows[column].to_numpy(float)
            for column, kind in carriers.items()
            if kind == carrier and column in rows
        }
        if carrier == "electricity":
            rest = -rows["net_kwh"].to_numpy(float) - sum(items.values(), np.zeros(len(rows)))
            items = {LOAD: rest, **items}
        for name, column, sign in _SIGNED[carrier]:
            if column in rows:
                items[name] = sign * np.nan_to_num(rows[column].to_numpy(float))
        frame = pd.DataFrame(items, index=pd.Index(rows["time"], name="time"))
        frame = frame.loc[:, (frame.abs() > _LEAST_KWH).any(axis=0)]
        if frame.shape[1]:
            found[carrier] = frame
    return found


def _item(column: str) -> str:
    """Name of a device kind, from its column."""
    return column.removesuffix("_kwh").removesuffix("_electricity")


def account(flows: Mapping[Carrier, pd.DataFrame]) -> pd.DataFrame:
    """What the house got from each item and what went there [kWh], over all periods; columns `carrier`,
    `item`, `from_kwh`, `to_kwh`."""
    import pandas as pd

    rows = [
        {
            "carrier": carrier,
            "item": str(item),
            "from_kwh": float(frame[item].clip(lower=0.0).sum()),
            "to_kwh": float((-frame[item]).clip(lower=0.0).sum()),
        }
        for carrier, frame in flows.items()
        for item in frame
    ]
    return pd.DataFrame(rows, columns=pd.Index(["carrier", "item", "from_kwh", "to_kwh"]))


def prosumer_of(totals: pd.DataFrame, wanted: str, carriers: Mapping[str, Carrier]) -> tuple[str, str]:
    """Community and name of a prosumer.

    Args:
        totals: The table `prosumer_totals`.
        wanted: Its name, or "" for the one with most kinds of devices (the first of several).
        carriers: As of `flows`.

    Raises:
        InputError: if there is none of this name.
    """
    names = totals["prosumer"].astype(str)
    if wanted:
        row = int(np.argmax(names == wanted))
        if not (names == wanted).any():
            raise InputError(
                Problem(f"there is no prosumer {wanted!r}", nearest(wanted, set(names)), "--prosumer")
            )
    else:
        used = [totals[column].to_numpy(float) for column in carriers if column in totals]
        kinds = sum(((np.abs(energy) > _LEAST_KWH).astype(int) for energy in used), np.zeros(len(totals)))
        row = int(np.argmax(kinds))
    return str(totals["community"].iloc[row]), str(names.iloc[row])


def day_of(days: Sequence[date], wanted: str) -> date:
    """One of the days of a run.

    Args:
        days: All of them, in order.
        wanted: "2016-01-07", or "" for one in the middle.

    Raises:
        InputError: if it is no date, or none of the run's.
    """
    if not wanted:
        return days[(len(days) - 1) // 2]
    try:
        chosen = date.fromisoformat(wanted)
    except ValueError:
        raise InputError(Problem(f"{wanted!r} is not a day", "write 2016-01-07", "--day")) from None
    if chosen not in days:
        span = f"it covers {days[0]} to {days[-1]}"
        raise InputError(Problem(f"{chosen} is not in the run", span, "--day"))
    return chosen
